/* The guard's turns: it waits for events, takes them, does what is due, and sends. */
#ifndef GUARD_TURN_H
#define GUARD_TURN_H

#include "state.h"

enum { MOST_EVENTS = 64 };

void take_event(uint64_t data, uint32_t events);
/* Until nothing has needed the guard for a while. */
_Noreturn void serve(void);

#endif
