#include "outbox.h"

#include "connection.h"
#include "text.h"
#include "version.h"

enum {
  /* Kept free by output, so that short frames always find room. */
  OUT_RESERVE = 32 * 1024,
  /* EXIT with all its leftovers. */
  OUT_LONGEST_WORD = 1024,
};

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

void send_hello(void) {
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

void send_error(const char *words) {
  struct writer writer;
  if (!begin(&writer, FRAME_ERROR, 256)) return;
  write_text16(&writer, words);
  end(&writer);
}

void send_refused(uint32_t channel, struct failure failure) {
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

void send_channel(enum frame_type type, uint32_t channel) {
  struct writer writer;
  if (!begin(&writer, type, 8)) return;
  write_u32(&writer, channel);
  end(&writer);
}

void send_state(enum frame_type type, const struct execution *execution) {
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

void send_unknown_state(struct bytes id) {
  struct writer writer;
  if (!begin(&writer, FRAME_STATE, 128)) return;
  write_u16(&writer, (uint16_t)id.n);
  write_bytes(&writer, id.at, id.n);
  write_u8(&writer, EXECUTION_FREE);
  write_u32(&writer, 0);
  for (int i = 0; i < 3; i++) write_u64(&writer, 0);
  end(&writer);
}

void send_pong(uint64_t number) {
  struct writer writer;
  if (!begin(&writer, FRAME_PONG, 8)) return;
  write_u64(&writer, number);
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

static void tell_start(struct execution *execution) {
  if (execution->start_told) return;
  if (execution->main_pid) send_started(execution);
  if (execution->state != EXECUTION_REFUSED) return;
  send_refused(execution->channel, execution->refused);
  execution->start_told = true;
}

static bool may_send_output(const struct execution *execution) {
  return execution->attached && is_start_over(execution) && execution_speaks(execution);
}

/* Short words first, then output of all scripts in turn. */
static void fill_out(void) {
  for (int i = 0; i < guard.highest && out_room() > OUT_LONGEST_WORD; i++) {
    struct execution *execution = &executions[i];
    if (!execution->attached) continue;
    if (execution_speaks(execution)) tell_start(execution);
    if (execution->input_told != execution->input.base) send_input_ack(execution);
  }
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < guard.highest; i++)
      for (int stream = 0; stream < 2; stream++)
        if (may_send_output(&executions[i]) && send_output(&executions[i], stream)) more = true;
  }
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].start_told && is_all_sent(&executions[i])) executions[i].speaks_at_ms = INT64_MAX;
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

void pump(void) {
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
