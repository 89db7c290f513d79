/* One script as the guard sees it: its streams, what of them is not acknowledged, and how it ended. */
#ifndef GUARD_EXECUTION_H
#define GUARD_EXECUTION_H

#include "frame.h"
#include "launch.h"
#include "run_init.h"
#include "spool.h"

enum { MOST_LEFTOVERS = 32, INPUT_WINDOW = 64 * 1024 };

enum execution_state {
  EXECUTION_FREE = 0,
  EXECUTION_STARTING = 1,
  EXECUTION_RUNNING = 2,
  /* Nothing of the script runs any more, or what does is named; output may still be on its way. */
  EXECUTION_SETTLED = 3,
  EXECUTION_REFUSED = 4,
};

enum end_cause { CAUSE_ITSELF = 0, CAUSE_STOP = 1, CAUSE_DEADLINE = 2 };
enum end_how { ENDED_EXIT = 0, ENDED_SIGNAL = 1, ENDED_UNKNOWN = 2 };

struct leftover {
  int32_t pid;
  char command[16];
};

struct execution {
  enum execution_state state;
  char id[MOST_ID + 1];
  /* The number that the present connection uses; only while `attached`. */
  uint32_t channel;
  bool attached;
  bool released;
  bool exit_sent;
  /* The present connection knows that it was started, or why not. */
  bool start_told;
  /* Until then, by the clock, what it has to say may wait for more. */
  int64_t speaks_at_ms;

  int init_pid;
  int main_pid;
  int control;
  struct failure refused;

  /* What the script writes: standard output (or its terminal) and standard error. */
  int streams[2];
  bool watched[2];
  bool enlarged[2];
  struct spool output[2];
  uint64_t produced[2];
  uint64_t dropped[2];
  uint64_t room_left;

  int input_fd;
  bool input_watched;
  struct spool input;
  /* The end was announced; it waits for what is before it. */
  bool input_ends;
  bool input_over;
  uint64_t input_told;

  bool terminal;
  bool waits_for_survivors;
  uint32_t grace_ms;
  /* A stop that run-init could not take yet; -1 for none. */
  int32_t stop_unsent_ms;
  /* In the guard's own time, which stands still while the container is paused; -1 for none. */
  int64_t deadline_ms;
  int64_t drain_until_ms;

  enum end_cause cause;
  enum end_how how;
  int32_t value;
  uint64_t cpu_us;
  uint64_t rss_kib;
  uint32_t survivors;
  uint64_t oom_before;
  uint32_t oom_kills;
  uint32_t leftover_count;
  struct leftover leftovers[MOST_LEFTOVERS];
  char script_path[SCRIPT_PATH_MOST];
};

/*
 * Starts a script in a free slot. `inherited` is the guard's environment, `now_ms` its own time. On a failure the slot is
 * free again.
 */
struct failure execution_start(struct execution *execution, const struct start_frame *start, char **inherited, int64_t now_ms);
/* Makes a slot that has nothing open a free one. */
void execution_clear(struct execution *execution);
/* Frees everything. */
void execution_forget(struct execution *execution);

/* Reads what the script wrote, as far as there is room; true when something came or a stream ended, which it may have. */
bool execution_read(struct execution *execution, int stream, bool may_end);
/* True when the stream can be read and its output can be kept. */
bool execution_wants(const struct execution *execution, int stream);
/* Takes bytes for the script's input; false when they are not what may come next. */
bool execution_input(struct execution *execution, const struct in_frame *frame);
/* Takes the end of the input; false when it is not where the input ends. */
bool execution_input_end(struct execution *execution, uint64_t offset);
/* Hands on what waits for the script's input. */
void execution_write(struct execution *execution);
/* True when input waits for the script to take it. */
bool execution_input_waits(const struct execution *execution);

/* Takes all messages of run-init. */
void execution_take_messages(struct execution *execution, int64_t now_ms);
/* run-init has ended: by itself, or by somebody's hand. */
void execution_init_gone(struct execution *execution, int64_t now_ms);
void execution_stop(struct execution *execution, enum end_cause cause, uint32_t grace_ms);
void execution_signal(const struct execution *execution, int signal, bool all);
void execution_resize(const struct execution *execution, uint16_t columns, uint16_t rows);
/* What is due: an order that is told again, streams to be closed that somebody outside the script holds open. */
void execution_look_after(struct execution *execution, int64_t now_ms);
/* True while execution_look_after may have something to do soon. */
bool execution_needs_looks(const struct execution *execution);
/* Nobody wants its output: what there is goes, and what comes is not kept. */
void execution_drop_output(struct execution *execution);
/* True when what it has to say should go now: short words wait a moment, so that what belongs together goes together. */
bool execution_speaks(const struct execution *execution);
/* True when nothing more will come from it. */
bool execution_ended(const struct execution *execution);

#endif
