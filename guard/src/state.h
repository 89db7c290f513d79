/* All that the guard knows: its own state, its scripts, and who waits to be let in. Each part of it works on this. */
#ifndef GUARD_STATE_H
#define GUARD_STATE_H

#include "execution.h"
#include "frame.h"
#include "sys.h"

enum {
  MOST_EXECUTIONS = 512,
  MOST_WAITING = 8,
  IN_BYTES = 64 * 1024,
  OUT_BYTES = 112 * 1024,
};

enum watched { WATCH_LISTENER, WATCH_SIGNALS, WATCH_WAITING, WATCH_CONNECTION, WATCH_OUTPUT, WATCH_ERROR, WATCH_INPUT, WATCH_CONTROL };

/* A connection that has not said who it is. */
struct waiting {
  int fd;
  int64_t until_ms;
  size_t used;
  uint8_t frame[FRAME_HEADER + 2 + SECRET_BYTES];
};

struct guard {
  char **environment;
  /* In a page of its own, which no child inherits. */
  uint8_t *secret;
  uint8_t instance[INSTANCE_BYTES];
  int epoll;
  int listener;
  int signals;
  int connection;
  bool connection_blocked;
  int list_at;
  int highest;
  int64_t idle_after_ms;
  int64_t keep_ended_ms;
  int64_t last_needed_ms;
  /* Runs only while the container does. */
  int64_t now_ms;
  int64_t last_look_ms;
  bool strays;
  bool leaving;
  size_t in_used;
  size_t out_used;
  size_t out_sent;
  uint8_t *large;
  size_t large_size;
  size_t large_used;
};

extern struct guard guard;
extern struct execution executions[MOST_EXECUTIONS];
extern struct waiting waiting[MOST_WAITING];
extern uint8_t in[IN_BYTES];
extern uint8_t out[OUT_BYTES];

/* What an event says of where it comes from. */
uint64_t watch_data(enum watched what, int index);
/* Negative where the kernel refuses. */
int watch(int fd, uint32_t events, enum watched what, int index);
void unwatch(int fd);
/* A run-init that is just being started holds copies for a moment, and what is open somewhere is watched on. */
void close_watched(int fd);
/* Watches streams exactly while what they give can be kept: a script that is ahead waits in its write. */
void watch_streams(int index);

struct execution *find_by_id(struct bytes id);
struct execution *find_by_channel(uint32_t channel);
/* A slot for one more; NULL when all are taken. */
struct execution *find_free(void);
/* An execution is kept until the server has it all, and its run-init until its last process has ended. */
void forget_if_done(struct execution *execution);

#endif
