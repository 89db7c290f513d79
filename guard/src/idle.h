/*
 * Run-inits whose script has ended, with all that it left: each can take another script, which is faster than to make a
 * new one. A few of them wait, and not for long.
 */
#ifndef GUARD_IDLE_H
#define GUARD_IDLE_H

#include "launch.h"

/* False when enough wait already. The control socket is not watched meanwhile. */
bool idle_keep(int pid, int control, int64_t now_ms);
/* Gives the script to one that waits, if there is one that can take it. */
bool idle_take(const struct launch *launch, const struct launch_streams *streams, int *pid, int *control);
/* It has ended. */
void idle_forget(int pid);
bool is_idle(int pid);
/* Lets those go that have waited for long; false when none is left. */
bool idle_look_after(int64_t now_ms);
/* Lets all of them go; true when they have gone. */
bool idle_end(void);

#endif
