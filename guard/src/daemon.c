#include "daemon.h"

#include "execution.h"
#include "guard_name.h"
#include "process_tree.h"
#include "sys.h"
#include "text.h"
#include "version.h"

enum {
  MOST_EXECUTIONS = 512,
  MOST_WAITING = 8,
  /* That the kernel lets wait for us. */
  MOST_CALLERS = 64,
  IN_BYTES = 64 * 1024,
  OUT_BYTES = 112 * 1024,
  /* Kept free by output, so that short frames always find room. */
  OUT_RESERVE = 32 * 1024,
  /* EXIT with all its leftovers. */
  OUT_LONGEST_WORD = 1024,
  AUTH_WITHIN_MS = 10000,
  TICK_MS = 500,
  IDLE_TICK_MS = 5000,
  DRAIN_TICK_MS = 50,
  STRAYS_TICK_MS = 20,
  /* A tick that took this long was a pause of the container: scripts did not run meanwhile either. */
  LONGEST_TICK_MS = 2000,
  MOST_EVENTS = 64,
  LONGEST_WAIT_S = 1000000000,
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

static struct guard guard;
static struct execution executions[MOST_EXECUTIONS];
static struct waiting waiting[MOST_WAITING];
static uint8_t in[IN_BYTES];
static uint8_t out[OUT_BYTES];

static uint64_t watch_data(enum watched what, int index) { return (uint64_t)what | (uint64_t)index << 8; }

static int watch(int fd, uint32_t events, enum watched what, int index) {
  return sys_epoll_change(guard.epoll, EPOLL_CTL_ADD, fd, events, watch_data(what, index));
}

static void unwatch(int fd) { (void)sys_epoll_change(guard.epoll, EPOLL_CTL_DEL, fd, 0, 0); }

/* --- what goes to the server --- */

static void end_connection(void) {
  sys_close(guard.connection);
  guard.connection = -1;
  guard.in_used = guard.out_used = guard.out_sent = 0;
  guard.list_at = -1;
  guard.connection_blocked = false;
  sys_unmap(guard.large, guard.large_size);
  guard.large = NULL;
  guard.large_size = guard.large_used = 0;
  for (int i = 0; i < guard.highest; i++) executions[i].attached = false;
}

static size_t out_room(void) { return OUT_BYTES - guard.out_used; }

/* A short frame finds room, or the other side asks more than it reads: then it has to come again. */
static bool begin(struct writer *writer, enum frame_type type, size_t n) {
  if (guard.connection < 0) return false;
  if (out_room() < n + FRAME_HEADER) {
    end_connection();
    return false;
  }
  *writer = frame_begin(out + guard.out_used, type);
  return true;
}

static void end(struct writer *writer) { guard.out_used += frame_end(writer); }

static void send_hello(void) {
  struct writer writer;
  if (!begin(&writer, FRAME_HELLO, 128)) return;
  write_u16(&writer, PROTOCOL_VERSION);
  write_bytes(&writer, guard.instance, INSTANCE_BYTES);
  write_u32(&writer, (uint32_t)sys_getpid());
  write_u32(&writer, (uint32_t)SYS0(__NR_geteuid));
  write_u16(&writer, MOST_EXECUTIONS);
  write_text16(&writer, GUARD_VERSION);
  end(&writer);
}

static void send_error(const char *words) {
  struct writer writer;
  if (!begin(&writer, FRAME_ERROR, 256)) return;
  write_text16(&writer, words);
  end(&writer);
}

static void send_refused(uint32_t channel, struct failure failure) {
  struct writer writer;
  if (!begin(&writer, FRAME_REFUSED, 16)) return;
  write_u32(&writer, channel);
  write_u8(&writer, (uint8_t)failure.refusal);
  write_u32(&writer, (uint32_t)failure.error);
  end(&writer);
}

static void send_started(struct execution *execution) {
  struct writer writer;
  if (!begin(&writer, FRAME_STARTED, 16)) return;
  write_u32(&writer, execution->channel);
  write_u32(&writer, (uint32_t)execution->main_pid);
  end(&writer);
  execution->start_told = true;
}

static void send_channel(enum frame_type type, uint32_t channel) {
  struct writer writer;
  if (!begin(&writer, type, 8)) return;
  write_u32(&writer, channel);
  end(&writer);
}

static void send_state(enum frame_type type, const struct execution *execution) {
  struct writer writer;
  if (!begin(&writer, type, 128)) return;
  if (type == FRAME_ATTACHED) write_u32(&writer, execution->channel);
  else write_text16(&writer, execution->id);
  write_u8(&writer, (uint8_t)execution->state);
  write_u32(&writer, (uint32_t)execution->main_pid);
  for (int stream = 0; stream < 2; stream++) write_u64(&writer, execution->output[stream].sent);
  write_u64(&writer, execution->input.end);
  end(&writer);
}

static void send_input_ack(struct execution *execution) {
  struct writer writer;
  if (!begin(&writer, FRAME_IN_ACK, 16)) return;
  write_u32(&writer, execution->channel);
  write_u64(&writer, execution->input.base);
  end(&writer);
  execution->input_told = execution->input.base;
}

static void send_exit(struct execution *execution) {
  struct writer writer;
  if (!begin(&writer, FRAME_EXIT, 128 + MOST_LEFTOVERS * 24)) return;
  write_u32(&writer, execution->channel);
  write_u8(&writer, (uint8_t)execution->how);
  write_u8(&writer, (uint8_t)execution->value);
  write_u8(&writer, (uint8_t)execution->cause);
  for (int stream = 0; stream < 2; stream++) write_u64(&writer, execution->produced[stream]);
  for (int stream = 0; stream < 2; stream++) write_u64(&writer, execution->dropped[stream]);
  write_u32(&writer, execution->oom_kills);
  write_u64(&writer, execution->cpu_us);
  write_u64(&writer, execution->rss_kib);
  write_u32(&writer, execution->survivors);
  write_u16(&writer, (uint16_t)execution->leftover_count);
  for (uint32_t i = 0; i < execution->leftover_count; i++) {
    write_u32(&writer, (uint32_t)execution->leftovers[i].pid);
    write_text16(&writer, execution->leftovers[i].command);
  }
  end(&writer);
  execution->exit_sent = true;
}

/* One frame of output; false when nothing waits or there is no room. */
static bool send_output(struct execution *execution, int stream) {
  struct spool *spool = &execution->output[stream];
  const uint8_t *at = NULL;
  size_t n = spool_unsent(spool, &at);
  if (n == 0 || out_room() < OUT_RESERVE + FRAME_HEADER + 13 + MOST_OUT_BYTES) return false;
  if (n > MOST_OUT_BYTES) n = MOST_OUT_BYTES;
  struct writer writer;
  if (!begin(&writer, FRAME_OUT, 13 + n)) return false;
  write_u32(&writer, execution->channel);
  write_u8(&writer, (uint8_t)(stream + 1));
  write_u64(&writer, spool->sent);
  write_bytes(&writer, at, n);
  end(&writer);
  spool->sent += n;
  return true;
}

static bool is_all_sent(const struct execution *execution) {
  return execution->output[0].sent == execution->output[0].end && execution->output[1].sent == execution->output[1].end;
}

/* Output and the end come after STARTED; where run-init was killed in between, nobody can say that any more. */
static bool is_start_over(const struct execution *execution) {
  return execution->start_told || (execution->state == EXECUTION_SETTLED && execution->main_pid == 0);
}

/* Short words first, then output of all scripts in turn. */
static void fill_out(void) {
  for (int i = 0; i < guard.highest && out_room() > OUT_LONGEST_WORD; i++) {
    struct execution *execution = &executions[i];
    if (!execution->attached) continue;
    if (execution->main_pid && !execution->start_told) send_started(execution);
    if (execution->state == EXECUTION_REFUSED && !execution->start_told) {
      send_refused(execution->channel, execution->refused);
      execution->start_told = true;
    }
    if (execution->input_told != execution->input.base) send_input_ack(execution);
  }
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < guard.highest; i++)
      for (int stream = 0; stream < 2; stream++)
        if (executions[i].attached && is_start_over(&executions[i]) && send_output(&executions[i], stream)) more = true;
  }
  for (int i = 0; i < guard.highest && out_room() > OUT_LONGEST_WORD; i++)
    if (executions[i].attached && is_start_over(&executions[i]) && !executions[i].exit_sent && execution_ended(&executions[i]) && is_all_sent(&executions[i]))
      send_exit(&executions[i]);
  for (; guard.list_at >= 0 && out_room() > OUT_RESERVE; guard.list_at++) {
    if (guard.list_at >= guard.highest) {
      struct writer writer;
      if (begin(&writer, FRAME_LISTED, 0)) end(&writer);
      guard.list_at = -1;
      break;
    }
    if (executions[guard.list_at].state != EXECUTION_FREE) send_state(FRAME_STATE, &executions[guard.list_at]);
  }
}

/* Sends until all is gone or the other side is slow. */
static void pump(void) {
  while (guard.connection >= 0) {
    fill_out();
    if (guard.out_used == guard.out_sent) {
      guard.out_used = guard.out_sent = 0;
      break;
    }
    long n = SYS6(__NR_sendto, guard.connection, out + guard.out_sent, guard.out_used - guard.out_sent, SYS_MSG_NOSIGNAL | SYS_MSG_DONTWAIT, NULL, 0);
    if (n == -EINTR) continue;
    if (n == -EAGAIN) {
      memmove(out, out + guard.out_sent, guard.out_used - guard.out_sent);
      guard.out_used -= guard.out_sent;
      guard.out_sent = 0;
      break;
    }
    if (n < 0) {
      end_connection();
      return;
    }
    guard.out_sent += (size_t)n;
    if (guard.out_sent == guard.out_used) guard.out_used = guard.out_sent = 0;
  }
  bool blocked = guard.connection >= 0 && guard.out_used > 0;
  if (blocked == guard.connection_blocked || guard.connection < 0) return;
  guard.connection_blocked = blocked;
  (void)sys_epoll_change(guard.epoll, EPOLL_CTL_MOD, guard.connection, EPOLLIN | (blocked ? EPOLLOUT : 0), watch_data(WATCH_CONNECTION, 0));
}

/* --- executions --- */

/* Watches streams exactly while what they give can be kept: a script that is ahead waits in its write. */
static void watch_streams(int index) {
  struct execution *execution = &executions[index];
  for (int stream = 0; stream < 2; stream++) {
    bool wanted = execution_wants(execution, stream);
    if (wanted == execution->watched[stream]) continue;
    if (wanted) wanted = watch(execution->streams[stream], EPOLLIN, stream ? WATCH_ERROR : WATCH_OUTPUT, index) == 0;
    else if (execution->streams[stream] >= 0) unwatch(execution->streams[stream]);
    execution->watched[stream] = wanted;
  }
  bool waits = execution_input_waits(execution);
  if (waits == execution->input_watched) return;
  if (waits) waits = watch(execution->input_fd, EPOLLOUT, WATCH_INPUT, index) == 0;
  else if (execution->input_fd >= 0) unwatch(execution->input_fd);
  execution->input_watched = waits;
}

static struct execution *find_by_id(struct bytes id) {
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].state != EXECUTION_FREE && strlen(executions[i].id) == id.n && memcmp(executions[i].id, id.at, id.n) == 0)
      return &executions[i];
  return NULL;
}

static struct execution *find_by_channel(uint32_t channel) {
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].attached && executions[i].channel == channel) return &executions[i];
  return NULL;
}

static struct execution *find_free(void) {
  for (int i = 0; i < MOST_EXECUTIONS; i++) {
    if (executions[i].state != EXECUTION_FREE) continue;
    if (i >= guard.highest) guard.highest = i + 1;
    return &executions[i];
  }
  return NULL;
}

/* An execution is kept until the server has it all, and its run-init until its last process has ended. */
static void forget_if_done(struct execution *execution) {
  bool over = execution_ended(execution) || execution->state == EXECUTION_REFUSED;
  if (execution->state != EXECUTION_FREE && execution->released && over && execution->init_pid == 0) execution_forget(execution);
  while (guard.highest > 0 && executions[guard.highest - 1].state == EXECUTION_FREE) guard.highest--;
}

static void attach(struct execution *execution, uint32_t channel, const uint64_t offsets[2]) {
  execution->channel = channel;
  execution->attached = true;
  execution->released = execution->exit_sent = false;
  /* ATTACHED tells the start as well; a refusal has a frame of its own. */
  execution->start_told = execution->main_pid != 0;
  execution->input_told = 0;
  for (int stream = 0; stream < 2; stream++) spool_rewind(&execution->output[stream], offsets[stream]);
  send_state(FRAME_ATTACHED, execution);
}

static bool start(const uint8_t *payload, size_t n) {
  static const uint64_t from_the_start[2] = {0, 0};
  struct start_frame frame;
  if (!read_start(payload, n, &frame)) return false;
  struct execution *known = find_by_id(frame.id);
  if (known) {
    attach(known, frame.channel, from_the_start);
    return true;
  }
  struct execution *execution = find_free();
  struct failure failure = {REFUSED_FULL, 0};
  if (execution) failure = execution_start(execution, &frame, guard.environment, guard.now_ms);
  if (failure.refusal) {
    send_refused(frame.channel, failure);
    return true;
  }
  execution->channel = frame.channel;
  execution->attached = true;
  if (watch(execution->control, EPOLLIN, WATCH_CONTROL, (int)(execution - executions)) < 0) execution_stop(execution, CAUSE_STOP, 0);
  watch_streams((int)(execution - executions));
  return true;
}

static bool attach_again(const uint8_t *payload, size_t n) {
  struct attach_frame frame;
  if (!read_attach(payload, n, &frame)) return false;
  struct execution *execution = find_by_id(frame.id);
  if (execution) attach(execution, frame.channel, frame.offsets);
  else send_channel(FRAME_UNKNOWN, frame.channel);
  return true;
}

static bool release(const uint8_t *payload, size_t n) {
  struct bytes id;
  if (!read_id(payload, n, &id)) return false;
  struct execution *execution = find_by_id(id);
  if (!execution) return true;
  execution->released = true;
  execution->attached = false;
  execution_drop_output(execution);
  watch_streams((int)(execution - executions));
  forget_if_done(execution);
  return true;
}

static bool tell_status(const uint8_t *payload, size_t n) {
  struct bytes id;
  if (!read_id(payload, n, &id)) return false;
  struct execution *execution = find_by_id(id);
  if (execution) send_state(FRAME_STATE, execution);
  else {
    struct writer writer;
    if (!begin(&writer, FRAME_STATE, 128)) return true;
    write_u16(&writer, (uint16_t)id.n);
    write_bytes(&writer, id.at, id.n);
    write_u8(&writer, EXECUTION_FREE);
    write_u32(&writer, 0);
    for (int i = 0; i < 3; i++) write_u64(&writer, 0);
    end(&writer);
  }
  return true;
}

static bool take_ack(const uint8_t *payload, size_t n) {
  struct ack_frame frame;
  if (!read_ack(payload, n, &frame)) return false;
  struct execution *execution = find_by_channel(frame.channel);
  if (!execution) return true;
  for (int stream = 0; stream < 2; stream++) spool_acknowledge(&execution->output[stream], frame.offsets[stream]);
  watch_streams((int)(execution - executions));
  return true;
}

static bool take_in(const uint8_t *payload, size_t n) {
  struct in_frame frame;
  if (!read_in(payload, n, &frame)) return false;
  struct execution *execution = find_by_channel(frame.channel);
  if (!execution) return true;
  if (execution_input(execution, &frame)) execution_write(execution);
  else send_error("IN does not fit");
  watch_streams((int)(execution - executions));
  return true;
}

static bool take_in_eof(const uint8_t *payload, size_t n) {
  struct in_eof_frame frame;
  if (!read_in_eof(payload, n, &frame)) return false;
  struct execution *execution = find_by_channel(frame.channel);
  if (!execution) return true;
  if (execution_input_end(execution, frame.offset)) execution_write(execution);
  else send_error("IN_EOF does not fit");
  watch_streams((int)(execution - executions));
  return true;
}

static bool take_resize(const uint8_t *payload, size_t n) {
  struct resize_frame frame;
  if (!read_resize(payload, n, &frame)) return false;
  struct execution *execution = find_by_channel(frame.channel);
  if (execution && execution->terminal) execution_resize(execution, frame.columns, frame.rows);
  return true;
}

static bool take_signal(const uint8_t *payload, size_t n) {
  struct signal_frame frame;
  if (!read_signal(payload, n, &frame)) return false;
  struct execution *execution = find_by_channel(frame.channel);
  if (execution) execution_signal(execution, frame.signal, frame.all);
  return true;
}

static bool take_stop(const uint8_t *payload, size_t n) {
  struct stop_frame frame;
  if (!read_stop(payload, n, &frame)) return false;
  struct execution *execution = find_by_channel(frame.channel);
  if (execution) execution_stop(execution, CAUSE_STOP, frame.grace_ms);
  return true;
}

static bool take_ping(const uint8_t *payload, size_t n) {
  uint64_t number;
  if (!read_ping(payload, n, &number)) return false;
  struct writer writer;
  if (!begin(&writer, FRAME_PONG, 8)) return true;
  write_u64(&writer, number);
  end(&writer);
  return true;
}

static bool take_list(size_t n) {
  if (n == 0) guard.list_at = 0;
  return n == 0;
}

static bool take_leave(size_t n) {
  if (n == 0) guard.leaving = true;
  return n == 0;
}

/* False for a frame that is not one; a channel that is not known (any more) is nobody's mistake. */
static bool take_frame_of(uint8_t type, const uint8_t *payload, size_t n) {
  switch (type) {
    case FRAME_START: return start(payload, n);
    case FRAME_ATTACH: return attach_again(payload, n);
    case FRAME_ACK: return take_ack(payload, n);
    case FRAME_IN: return take_in(payload, n);
    case FRAME_IN_EOF: return take_in_eof(payload, n);
    case FRAME_RESIZE: return take_resize(payload, n);
    case FRAME_SIGNAL: return take_signal(payload, n);
    case FRAME_STOP: return take_stop(payload, n);
    case FRAME_STATUS: return tell_status(payload, n);
    case FRAME_LIST: return take_list(n);
    case FRAME_RELEASE: return release(payload, n);
    case FRAME_PING: return take_ping(payload, n);
    case FRAME_LEAVE: return take_leave(n);
    default: return false;
  }
}

static void take_frame(uint8_t type, const uint8_t *payload, size_t n) {
  if (take_frame_of(type, payload, n)) return;
  char words[64];
  struct text text = text_in(words, sizeof words);
  text_add(&text, "a frame of type ");
  text_add_number(&text, type);
  text_add(&text, " can not be read");
  send_error(words);
}

/* --- the connection --- */

/* Takes a frame that is larger than the usual place out of it, into one of its own. */
static bool make_large(uint32_t length) {
  long at = sys_map(length);
  if (at < 0 && at > -4096) return false;
  guard.large = (uint8_t *)at;
  guard.large_size = length;
  guard.large_used = guard.in_used - 4;
  memcpy(guard.large, in + 4, guard.large_used);
  guard.in_used = 0;
  return true;
}

static void take_frames(void) {
  size_t at = 0;
  while (guard.connection >= 0 && guard.in_used - at >= 4) {
    uint32_t length = frame_length(in + at);
    if (length == 0 || length > MOST_FRAME_IN) {
      end_connection();
      return;
    }
    if (guard.in_used - at >= 4 + (size_t)length) {
      bool is_start = in[at + 4] == FRAME_START;
      take_frame(in[at + 4], in + at + FRAME_HEADER, length - 1);
      /* Parameters may be secrets. */
      if (is_start) bytes_wipe(in + at, 4 + (size_t)length);
      at += 4 + (size_t)length;
      continue;
    }
    if (length + 4 <= IN_BYTES) break;
    memmove(in, in + at, guard.in_used - at);
    guard.in_used -= at;
    if (!make_large(length)) end_connection();
    return;
  }
  if (guard.connection < 0) return;
  memmove(in, in + at, guard.in_used - at);
  guard.in_used -= at;
}

static void take_large(void) {
  take_frame(guard.large[0], guard.large + 1, guard.large_size - 1);
  /* Parameters may be secrets. */
  bytes_wipe(guard.large, guard.large_size);
  sys_unmap(guard.large, guard.large_size);
  guard.large = NULL;
  guard.large_size = guard.large_used = 0;
}

static void read_connection(void) {
  for (int rounds = 0; guard.connection >= 0 && rounds < 8; rounds++) {
    uint8_t *at = guard.large ? guard.large + guard.large_used : in + guard.in_used;
    size_t room = guard.large ? guard.large_size - guard.large_used : IN_BYTES - guard.in_used;
    long n = sys_read(guard.connection, at, room);
    if (n == -EAGAIN) return;
    if (n <= 0) {
      end_connection();
      return;
    }
    if (!guard.large) {
      guard.in_used += (size_t)n;
      take_frames();
      continue;
    }
    guard.large_used += (size_t)n;
    if (guard.large_used == guard.large_size) take_large();
  }
}

static void refuse_waiting(struct waiting *one) {
  sys_close(one->fd);
  bytes_wipe(one->frame, sizeof one->frame);
  one->fd = -1;
}

/* The newest one that knows the secret is the server; what an older one had still on its way is void. */
static void welcome(struct waiting *one) {
  unwatch(one->fd);
  end_connection();
  guard.connection = one->fd;
  bytes_wipe(one->frame, sizeof one->frame);
  one->fd = -1;
  if (watch(guard.connection, EPOLLIN, WATCH_CONNECTION, 0) < 0) {
    end_connection();
    return;
  }
  send_hello();
}

static void read_waiting(struct waiting *one) {
  long n = sys_read(one->fd, one->frame + one->used, sizeof one->frame - one->used);
  if (n == -EAGAIN) return;
  if (n > 0) one->used += (size_t)n;
  bool begins_well = n > 0 && (one->used < FRAME_HEADER || (frame_length(one->frame) == sizeof one->frame - 4 && one->frame[4] == FRAME_AUTH));
  if (begins_well && one->used < sizeof one->frame) return;
  struct auth_frame auth;
  bool known = begins_well &&
               read_auth(one->frame + FRAME_HEADER, sizeof one->frame - FRAME_HEADER, &auth) && auth.protocol == PROTOCOL_VERSION &&
               bytes_equal_slowly(auth.secret.at, guard.secret, SECRET_BYTES);
  if (known) welcome(one);
  else refuse_waiting(one);
}

static void accept_waiting(void) {
  int fd = (int)SYS4(__NR_accept4, guard.listener, NULL, NULL, SYS_SOCK_NONBLOCK | SYS_SOCK_CLOEXEC);
  if (fd < 0) return;
  for (int i = 0; i < MOST_WAITING; i++) {
    if (waiting[i].fd >= 0) continue;
    if (!is_same_user(fd) || watch(fd, EPOLLIN, WATCH_WAITING, i) < 0) break;
    waiting[i] = (struct waiting){.fd = fd, .until_ms = sys_now_ms() + AUTH_WITHIN_MS, .used = 0};
    return;
  }
  sys_close(fd);
}

/* --- time and ends --- */

static void reap(void) {
  for (;;) {
    int pid = sys_wait(-1, NULL, WNOHANG, NULL);
    if (pid <= 0) return;
    for (int i = 0; i < guard.highest; i++) {
      struct execution *execution = &executions[i];
      if (execution->state == EXECUTION_FREE || execution->init_pid != pid) continue;
      /* Only one that was killed leaves its script behind. */
      execution_take_messages(execution, guard.now_ms);
      if (execution->state == EXECUTION_RUNNING || execution->state == EXECUTION_STARTING) guard.strays = true;
      execution_init_gone(execution, guard.now_ms);
      watch_streams(i);
      forget_if_done(execution);
    }
  }
}

static bool is_run_init(int pid) {
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].state != EXECUTION_FREE && executions[i].init_pid == pid) return true;
  return false;
}

/* Ends what came to us because its run-init was killed; more may come as these end. */
static void end_strays(void) {
  static struct process found[MOST_TREE];
  int count = tree_find(sys_getpid(), found, MOST_TREE);
  guard.strays = false;
  for (int i = 0; i < count; i++) {
    if (found[i].parent != sys_getpid() || is_run_init(found[i].pid)) continue;
    guard.strays = true;
    (void)process_signal(&found[i], SIGKILL);
  }
}

static bool is_needed(void) {
  for (int i = 0; i < guard.highest; i++) {
    const struct execution *execution = &executions[i];
    if (execution->state == EXECUTION_FREE) continue;
    bool over = execution_ended(execution) || execution->state == EXECUTION_REFUSED;
    if (!over || execution->init_pid != 0) return true;
    if (sys_now_ms() - guard.last_needed_ms < guard.keep_ended_ms) return true;
  }
  return false;
}

static void stop_all(void) {
  for (int i = 0; i < guard.highest; i++) execution_stop(&executions[i], CAUSE_STOP, 1000);
}

/* The guard's own clock; a look that comes late stands for a pause. */
static void look_at_clock(void) {
  int64_t now = sys_now_ms();
  int64_t passed = now - guard.last_look_ms;
  guard.last_look_ms = now;
  guard.now_ms += passed > LONGEST_TICK_MS ? TICK_MS : passed;
}

/* What is due; gives how long nothing will be. */
static int64_t look_after(void) {
  int64_t wait_ms = IDLE_TICK_MS;
  for (int i = 0; i < guard.highest; i++) {
    struct execution *execution = &executions[i];
    if (execution->state == EXECUTION_FREE) continue;
    if (wait_ms > TICK_MS) wait_ms = TICK_MS;
    if (execution->deadline_ms >= 0 && guard.now_ms >= execution->deadline_ms) {
      execution->deadline_ms = -1;
      execution_stop(execution, CAUSE_DEADLINE, execution->grace_ms);
    } else if (execution->deadline_ms >= 0 && execution->deadline_ms - guard.now_ms < wait_ms) {
      wait_ms = execution->deadline_ms - guard.now_ms;
    }
    execution_look_after(execution, guard.now_ms);
    watch_streams(i);
    forget_if_done(execution);
    if (execution_needs_looks(execution) && wait_ms > DRAIN_TICK_MS) wait_ms = DRAIN_TICK_MS;
  }
  if (guard.strays) {
    end_strays();
    if (wait_ms > STRAYS_TICK_MS) wait_ms = STRAYS_TICK_MS;
  }
  for (int i = 0; i < MOST_WAITING; i++)
    if (waiting[i].fd >= 0 && sys_now_ms() >= waiting[i].until_ms) refuse_waiting(&waiting[i]);
  return wait_ms;
}

static bool may_leave(void) {
  if (guard.connection >= 0 && !guard.leaving) {
    guard.last_needed_ms = sys_now_ms();
    return false;
  }
  if (is_needed()) {
    for (int i = 0; i < guard.highest; i++)
      if (executions[i].state != EXECUTION_FREE && executions[i].init_pid != 0) guard.last_needed_ms = sys_now_ms();
    return false;
  }
  return guard.leaving || sys_now_ms() - guard.last_needed_ms >= guard.idle_after_ms;
}

static void take_event(uint64_t data, uint32_t events) {
  int index = (int)(data >> 8);
  bool is_execution = (data & 0xff) >= WATCH_OUTPUT;
  /* What came before this event, in the same turn, may have been the end of it. */
  if (is_execution && executions[index].state == EXECUTION_FREE) return;
  switch ((enum watched)(data & 0xff)) {
    case WATCH_LISTENER: accept_waiting(); break;
    case WATCH_SIGNALS: {
      struct signalfd_siginfo info;
      while (sys_read(guard.signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
          guard.leaving = true;
          stop_all();
        }
      reap();
      break;
    }
    case WATCH_WAITING:
      if (waiting[index].fd >= 0) read_waiting(&waiting[index]);
      break;
    case WATCH_CONNECTION:
      if (guard.connection >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_connection();
      break;
    case WATCH_OUTPUT:
    case WATCH_ERROR: (void)execution_read(&executions[index], (data & 0xff) == WATCH_ERROR); break;
    case WATCH_INPUT: execution_write(&executions[index]); break;
    case WATCH_CONTROL: {
      struct execution *execution = &executions[index];
      execution_take_messages(execution, guard.now_ms);
      break;
    }
  }
  if (is_execution) watch_streams(index);
}

_Noreturn static void serve(void) {
  int64_t wait_ms = 0;
  for (;;) {
    struct epoll_event events[MOST_EVENTS];
    int count = (int)SYS6(__NR_epoll_pwait, guard.epoll, events, MOST_EVENTS, wait_ms, NULL, 8);
    look_at_clock();
    for (int i = 0; i < count; i++) take_event(events[i].data, events[i].events);
    wait_ms = look_after();
    pump();
    if (may_leave()) sys_exit(0);
  }
}

/* --- the beginning --- */

static uint64_t seconds_of(char **environment, const char *name, uint64_t standard) {
  const char *value = environment_value(environment, name);
  uint64_t seconds;
  if (!value || text_to_number(value, &seconds) == 0) return standard;
  return seconds < LONGEST_WAIT_S ? seconds : LONGEST_WAIT_S;
}

static bool take_secret(char **environment) {
  char *secret = environment_value(environment, "DECKHAND_GUARD_SECRET");
  long page = sys_map(SECRET_BYTES);
  if (!secret || (page < 0 && page > -4096)) return false;
  (void)SYS3(__NR_madvise, page, SECRET_BYTES, MADV_WIPEONFORK);
  guard.secret = (uint8_t *)page;
  if (!text_to_bytes(secret, guard.secret, SECRET_BYTES)) return false;
  /* What /proc shows of our environment is this memory. */
  bytes_wipe(secret, strlen(secret));
  return true;
}

/* Nothing of the engine's stays open: its pipes end with the exec that started us. */
static bool leave_streams(void) {
  int nowhere = sys_open("/dev/null", O_RDWR, 0);
  if (nowhere < 0) return false;
  for (int fd = 0; fd < 3; fd++)
    if (nowhere != fd && sys_dup_to(nowhere, fd, 0) < 0) return false;
  if (nowhere > 2) sys_close(nowhere);
  return true;
}

static bool listen_at(char **environment) {
  struct sockaddr_un address;
  int n = guard_address(environment, &address);
  if (n < 0) return false;
  guard.listener = (int)SYS3(__NR_socket, SYS_AF_UNIX, SYS_SOCK_STREAM | SYS_SOCK_NONBLOCK | SYS_SOCK_CLOEXEC, 0);
  /* A name that is taken is another guard's that was there first: it does the work. */
  return guard.listener >= 0 && SYS3(__NR_bind, guard.listener, &address, n) >= 0 && SYS2(__NR_listen, guard.listener, MOST_CALLERS) >= 0;
}

static bool watch_signals(void) {
  uint64_t set = sys_signal_bit(SIGCHLD) | sys_signal_bit(SIGTERM) | sys_signal_bit(SIGINT);
  /* Nothing ends it but SIGKILL: neither a limit of its container on files or time, nor a terminal that hangs up. */
  if (sys_block_signals(~0ULL) < 0) return false;
  guard.signals = (int)SYS4(__NR_signalfd4, -1, &set, sizeof set, O_CLOEXEC | O_NONBLOCK);
  return guard.signals >= 0;
}

_Noreturn void daemon_main(char **environment) {
  guard.environment = environment;
  guard.connection = guard.list_at = -1;
  for (int i = 0; i < MOST_WAITING; i++) waiting[i].fd = -1;
  guard.idle_after_ms = (int64_t)seconds_of(environment, "DECKHAND_GUARD_IDLE_S", 600) * 1000;
  guard.keep_ended_ms = (int64_t)seconds_of(environment, "DECKHAND_GUARD_KEEP_S", 86400) * 1000;
  guard.last_look_ms = guard.last_needed_ms = sys_now_ms();
  (void)SYS0(__NR_setsid);
  (void)sys_prctl(PR_SET_DUMPABLE, 0);
  /* Should a run-init be killed, its orphans come here and not to the container's main process. */
  launch_keep_open_files();
  bool ready = leave_streams() && take_secret(environment) && sys_prctl(PR_SET_CHILD_SUBREAPER, 1) >= 0 && listen_at(environment) && watch_signals();
  if (ready) guard.epoll = (int)SYS1(__NR_epoll_create1, O_CLOEXEC);
  ready = ready && guard.epoll >= 0 && SYS3(__NR_getrandom, guard.instance, INSTANCE_BYTES, 0) == INSTANCE_BYTES;
  ready = ready && watch(guard.listener, EPOLLIN, WATCH_LISTENER, 0) >= 0 && watch(guard.signals, EPOLLIN, WATCH_SIGNALS, 0) >= 0;
  if (ready) serve();
  sys_exit(0);
}
