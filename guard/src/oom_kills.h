/* How often the kernel has ended something of this container for lack of memory. */
#ifndef GUARD_OOM_KILLS_H
#define GUARD_OOM_KILLS_H

#include <stdint.h>

/* To be called once, before anything is counted. */
void oom_kills_open(void);
/* 0 where nobody tells. */
uint64_t oom_kills_count(void);

#endif
