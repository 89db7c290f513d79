/* The guard itself: one per container and user; owns scripts, and speaks with one server at a time. */
#ifndef GUARD_DAEMON_H
#define GUARD_DAEMON_H

/* Runs until nothing has needed it for a while; leaves with status 0. `environment` is given to scripts. */
_Noreturn void daemon_main(char **environment);

#endif
