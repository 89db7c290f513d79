#include "orders.h"

#include "outbox.h"
#include "text.h"

static void attach(struct execution *execution, uint32_t channel, const uint64_t offsets[2]) {
  execution->channel = channel;
  execution->attached = true;
  execution->released = execution->exit_sent = false;
  /* ATTACHED tells the start as well; a refusal has a frame of its own. */
  execution->start_told = execution->main_pid != 0;
  execution->input_told = 0;
  execution->speaks_at_ms = 0;
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
  else send_unknown_state(id);
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
  send_pong(number);
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

bool take_frame_of(uint8_t type, const uint8_t *payload, size_t n) {
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

void take_frame(uint8_t type, const uint8_t *payload, size_t n) {
  if (take_frame_of(type, payload, n)) return;
  char words[64];
  struct text text = text_in(words, sizeof words);
  text_add(&text, "a frame of type ");
  text_add_number(&text, type);
  text_add(&text, " can not be read");
  send_error(words);
}
