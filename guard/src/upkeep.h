/* Time and ends: deadlines, processes that have ended, and whether the guard is still needed. */
#ifndef GUARD_UPKEEP_H
#define GUARD_UPKEEP_H

#include "state.h"

/* The guard's own clock; a look that comes late stands for a pause. */
void look_at_clock(void);
/* What is due; gives how long nothing will be. */
int64_t look_after(void);
/* Takes the ends of all processes that have ended. */
void reap(void);
void stop_all(void);
bool may_leave(void);

#endif
