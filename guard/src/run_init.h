/*
 * The process between the guard and one script. It adopts every orphan of the script, so that none becomes a child of
 * the container's main process, reaps them, and ends them all when it is told to, or when the guard is gone. It always
 * leaves with status 0.
 */
#ifndef GUARD_RUN_INIT_H
#define GUARD_RUN_INIT_H

#include "launch.h"

enum init_word {
  /* To the guard. */
  INIT_STARTED = 1, /* a: the script's pid */
  INIT_FAILED = 2,  /* a: refusal, b: errno */
  INIT_ENDED = 3,   /* the main process has, and others have not */
  INIT_LEFT = 4,    /* a: pid of a process that could not be ended; text: its command */
  INIT_DONE = 5,    /* a: how many survivors were ended; cpu_us, rss_kib; nothing of the script runs any more */
  INIT_STUCK = 6,   /* the same, after INIT_LEFT for each that still runs */
  /* To run-init. */
  INIT_STOP = 7,    /* a: grace in ms */
  INIT_SIGNAL = 8,  /* a: signal, b: 1 for all processes, 0 for the script's own group */
  INIT_LAUNCH = 9,  /* another script, after INIT_DONE: see handover.h */
};

/* One message of the control socket, which keeps their bounds. */
struct init_message {
  int32_t word;
  int32_t a;
  int32_t b;
  /* Of the main process: 0 until it has ended, 1 for an exit, 2 for a signal; its code or signal. */
  int32_t ended;
  int32_t value;
  char text[16];
  uint64_t cpu_us;
  uint64_t rss_kib;
};

/* In the child of the guard; `control` is its end of the control socket. After one script it takes others. */
_Noreturn void run_init(struct launch *launch, struct launch_streams *streams, int control);

#endif
