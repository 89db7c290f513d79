#include "execution.h"

#include "idle.h"
#include "oom_kills.h"
#include "state.h"
#include "sys.h"
#include "text.h"

enum { READ_AT_ONCE = 256 * 1024, DRAIN_MS = 1000, PIPE_BYTES = 256 * 1024, USUAL_PIPE_BYTES = 64 * 1024 };

/* A little output waits for the end, not so long that anybody would notice. A start never does: the server has its own work with it meanwhile. */
enum { OUTPUT_MAY_WAIT_MS = 1, MUCH_BYTES = 16 * 1024 };

static uint8_t nowhere[64 * 1024];

void execution_clear(struct execution *execution) {
  memset(execution, 0, sizeof *execution);
  execution->control = execution->input_fd = execution->streams[0] = execution->streams[1] = -1;
}

void execution_forget(struct execution *execution) {
  launch_remove_script(execution->script_path);
  close_watched(execution->control);
  close_watched(execution->input_fd);
  for (int stream = 0; stream < 2; stream++) {
    close_watched(execution->streams[stream]);
    spool_close(&execution->output[stream]);
  }
  spool_close(&execution->input);
  execution_clear(execution);
}

static void close_stream(struct execution *execution, int stream) {
  close_watched(execution->streams[stream]);
  execution->streams[stream] = -1;
  execution->watched[stream] = false;
}

bool execution_wants(const struct execution *execution, int stream) {
  if (execution->streams[stream] < 0) return false;
  const struct spool *spool = &execution->output[stream];
  return execution->room_left == 0 || spool->end - spool->base < spool->size;
}

/* Who gives input is answered at once. */
static void speak_soon(struct execution *execution) {
  bool is_talk = execution->terminal || execution->input.size > 0;
  int64_t at = is_talk ? 0 : guard.last_look_ms + OUTPUT_MAY_WAIT_MS;
  if (at < execution->speaks_at_ms) execution->speaks_at_ms = at;
}

static bool says_much(const struct execution *execution) {
  uint64_t unsent = 0;
  for (int stream = 0; stream < 2; stream++) unsent += execution->output[stream].end - execution->output[stream].sent;
  return unsent >= MUCH_BYTES;
}

bool execution_speaks(const struct execution *execution) {
  return guard.last_look_ms >= execution->speaks_at_ms || execution_ended(execution) || says_much(execution);
}

/* Counts what came; what is above the limit is not kept. */
static void keep(struct execution *execution, int stream, uint64_t n) {
  uint64_t kept = n < execution->room_left ? n : execution->room_left;
  execution->produced[stream] += n;
  execution->dropped[stream] += n - kept;
  execution->room_left -= kept;
  spool_filled(&execution->output[stream], (size_t)kept);
  speak_soon(execution);
}

/* For a script that writes much; a kernel that refuses is no harm. */
static void enlarge(struct execution *execution, int stream) {
  if (execution->enlarged[stream]) return;
  execution->enlarged[stream] = true;
  (void)sys_fcntl(execution->streams[stream], F_SETPIPE_SZ, PIPE_BYTES);
}

bool execution_read(struct execution *execution, int stream, bool may_end) {
  bool changed = false;
  for (size_t taken = 0; taken < READ_AT_ONCE && execution_wants(execution, stream);) {
    uint8_t *at = nowhere;
    size_t room = execution->room_left == 0 ? sizeof nowhere : spool_room(&execution->output[stream], &at);
    long n = sys_read(execution->streams[stream], at, room);
    if (n == -EAGAIN) return changed;
    changed = true;
    if (n <= 0) {
      /* The end; a terminal says EIO. Any other error would come again for ever. */
      close_stream(execution, stream);
      return true;
    }
    keep(execution, stream, (uint64_t)n);
    taken += (size_t)n;
    if (n >= USUAL_PIPE_BYTES) enlarge(execution, stream);
    /* Less than there was room for is all there was. */
    else if ((size_t)n < room && !may_end) return changed;
  }
  return changed;
}

static void close_input(struct execution *execution) {
  close_watched(execution->input_fd);
  execution->input_fd = -1;
  execution->input_watched = false;
  execution->input.base = execution->input.sent = execution->input.end;
}

bool execution_input_waits(const struct execution *execution) {
  return execution->input_fd >= 0 && execution->input.end > execution->input.base;
}

bool execution_input(struct execution *execution, const struct in_frame *frame) {
  struct spool *input = &execution->input;
  struct bytes data = frame->data;
  if (frame->offset > input->end) return false;
  uint64_t known = input->end - frame->offset;
  if (known >= data.n) return true;
  data.at += known;
  data.n -= (size_t)known;
  if (execution->input_over) return false;
  if (execution->input_fd < 0) {
    /* Nobody reads it any more; it counts as taken. */
    input->end += data.n;
    input->base = input->sent = input->end;
    return true;
  }
  while (data.n > 0) {
    uint8_t *at = NULL;
    size_t room = spool_room(input, &at);
    if (room == 0) return false;
    size_t n = room < data.n ? room : data.n;
    memcpy(at, data.at, n);
    spool_filled(input, n);
    data.at += n;
    data.n -= n;
  }
  return true;
}

bool execution_input_end(struct execution *execution, uint64_t offset) {
  if (offset != execution->input.end) return false;
  /* Said again after a new connection, it is the same end. */
  if (!execution->input_over) execution->input_ends = true;
  execution->input_over = true;
  return true;
}

void execution_write(struct execution *execution) {
  struct spool *input = &execution->input;
  const uint8_t *at = NULL;
  size_t unsent;
  while (execution->input_fd >= 0 && (unsent = spool_unsent(input, &at)) > 0) {
    long n = sys_write(execution->input_fd, at, unsent);
    if (n == -EAGAIN) return;
    if (n < 0) {
      close_input(execution);
      return;
    }
    input->sent += (uint64_t)n;
    input->base = input->sent;
  }
  if (!execution->input_ends || execution->input_fd < 0) return;
  /* A terminal's end of input is a character; its line stays open. */
  if (execution->terminal) (void)sys_write(execution->input_fd, "\004", 1);
  else close_input(execution);
  execution->input_ends = false;
}

static void settle(struct execution *execution, int64_t now_ms) {
  execution->state = EXECUTION_SETTLED;
  execution->deadline_ms = -1;
  execution->drain_until_ms = now_ms + DRAIN_MS;
  execution->oom_kills = (uint32_t)(oom_kills_count() - execution->oom_before);
  close_input(execution);
  launch_remove_script(execution->script_path);
  execution->script_path[0] = 0;
}

/* It can take another script, unless enough wait for one. */
static void give_back_init(struct execution *execution) {
  if (execution->init_pid == 0) return;
  unwatch(execution->control);
  if (idle_keep(execution->init_pid, execution->control, guard.last_look_ms)) execution->init_pid = 0;
  else sys_close(execution->control);
  execution->control = -1;
}

static void take(struct execution *execution, const struct init_message *message, int64_t now_ms) {
  execution->cpu_us = message->cpu_us;
  execution->rss_kib = message->rss_kib;
  if (message->ended) {
    execution->how = message->ended == 2 ? ENDED_SIGNAL : ENDED_EXIT;
    execution->value = message->value;
  }
  if (message->word == INIT_STARTED) {
    execution->main_pid = message->a;
    execution->state = EXECUTION_RUNNING;
    execution->speaks_at_ms = 0;
  } else if (message->word == INIT_FAILED) {
    execution->refused = (struct failure){(enum refusal)message->a, message->b};
    execution->state = EXECUTION_REFUSED;
    execution->speaks_at_ms = 0;
  } else if (message->word == INIT_LEFT && execution->leftover_count < MOST_LEFTOVERS) {
    struct leftover *leftover = &execution->leftovers[execution->leftover_count++];
    leftover->pid = message->a;
    memcpy(leftover->command, message->text, sizeof leftover->command);
    leftover->command[sizeof leftover->command - 1] = 0;
  } else if ((message->word == INIT_DONE || message->word == INIT_STUCK) && execution->state != EXECUTION_SETTLED) {
    execution->survivors = (uint32_t)message->a;
    settle(execution, now_ms);
    if (message->word == INIT_DONE) give_back_init(execution);
  }
}

void execution_take_messages(struct execution *execution, int64_t now_ms) {
  while (execution->control >= 0) {
    struct init_message message;
    long n = SYS6(__NR_recvfrom, execution->control, &message, sizeof message, SYS_MSG_DONTWAIT, NULL, NULL);
    if (n == -EINTR) continue;
    if (n == -EAGAIN) return;
    if (n == sizeof message) {
      take(execution, &message, now_ms);
      continue;
    }
    close_watched(execution->control);
    execution->control = -1;
  }
}

void execution_init_gone(struct execution *execution, int64_t now_ms) {
  execution_take_messages(execution, now_ms);
  execution->init_pid = 0;
  /* Killed by somebody, as early as by the script's first words; how the script ended was known only to it. */
  if (execution->state == EXECUTION_STARTING || execution->state == EXECUTION_RUNNING) settle(execution, now_ms);
}

/* False when run-init has so much to do that it has to be told later. */
static bool order(const struct execution *execution, struct init_message message) {
  if (execution->control < 0) return true;
  long sent;
  do sent = SYS6(__NR_sendto, execution->control, &message, sizeof message, SYS_MSG_NOSIGNAL | SYS_MSG_DONTWAIT, NULL, 0);
  while (sent == -EINTR);
  return sent != -EAGAIN;
}

static void order_stop(struct execution *execution, int32_t grace_ms) {
  bool sent = order(execution, (struct init_message){.word = INIT_STOP, .a = grace_ms});
  execution->stop_unsent_ms = sent ? -1 : grace_ms;
}

void execution_stop(struct execution *execution, enum end_cause cause, uint32_t grace_ms) {
  if (execution->state != EXECUTION_RUNNING && execution->state != EXECUTION_STARTING) return;
  /* After its end it is only its survivors that are stopped, unless they count as the script. */
  bool has_ended = execution->how != ENDED_UNKNOWN && !execution->waits_for_survivors;
  if (execution->cause == CAUSE_ITSELF && !has_ended) execution->cause = cause;
  order_stop(execution, (int32_t)(grace_ms > INT32_MAX ? INT32_MAX : grace_ms));
}

void execution_signal(const struct execution *execution, int signal, bool all) {
  /* Among so many a signal more or less is not noticed. */
  (void)order(execution, (struct init_message){.word = INIT_SIGNAL, .a = signal, .b = all});
}

void execution_resize(const struct execution *execution, uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  if (execution->streams[0] >= 0) (void)sys_ioctl(execution->streams[0], TIOCSWINSZ, (long)&size);
}

void execution_look_after(struct execution *execution, int64_t now_ms) {
  if (execution->stop_unsent_ms >= 0) order_stop(execution, execution->stop_unsent_ms);
  if (execution->state != EXECUTION_SETTLED) return;
  for (int stream = 0; stream < 2; stream++) {
    if (execution->streams[stream] < 0) continue;
    /* While there is no room it is we who make it wait. */
    if (!execution_wants(execution, stream)) execution->drain_until_ms = now_ms + DRAIN_MS;
    else if (now_ms >= execution->drain_until_ms) close_stream(execution, stream);
  }
}

bool execution_needs_looks(const struct execution *execution) {
  if (execution->stop_unsent_ms >= 0) return true;
  return execution->state == EXECUTION_SETTLED && (execution_wants(execution, 0) || execution_wants(execution, 1));
}

void execution_drop_output(struct execution *execution) {
  execution->room_left = 0;
  for (int stream = 0; stream < 2; stream++) {
    execution->output[stream].sent = execution->output[stream].end;
    spool_acknowledge(&execution->output[stream], execution->output[stream].end);
  }
}

bool execution_ended(const struct execution *execution) {
  return execution->state == EXECUTION_SETTLED && execution->streams[0] < 0 && execution->streams[1] < 0;
}
