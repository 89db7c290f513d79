/*
 * Every reader of frames on any bytes: it takes a frame or refuses it, never reads beyond it, and what it takes is as the
 * rest of the guard relies on. The first byte is the frame's type.
 */
#include <stdlib.h>

#include "../src/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds) abort();
}

static void check_text(struct bytes text, const uint8_t *payload, size_t n) {
  must(text.n == 0 || (text.at >= payload && text.at + text.n <= payload + n));
  for (size_t i = 0; i < text.n; i++) must(text.at[i] != 0);
}

static void check_id(struct bytes id, const uint8_t *payload, size_t n) {
  check_text(id, payload, n);
  must(id.n >= 1 && id.n <= MOST_ID);
  for (size_t i = 0; i < id.n; i++) must(id.at[i] != '/');
}

/* The memory for a launch is counted by these numbers. */
static void check_texts(struct texts texts, const uint8_t *payload, size_t n) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < texts.count; i++) {
    struct bytes text = next_text(&texts);
    must(!texts.reader.bad);
    check_text(text, payload, n);
    bytes += text.n + 1;
  }
  must(bytes == texts.bytes);
}

static void check_start(const uint8_t *payload, size_t n) {
  struct start_frame start;
  if (!read_start(payload, n, &start)) return;
  check_id(start.id, payload, n);
  must((start.flags & ~(uint32_t)START_FLAGS) == 0);
  must(start.commands.count > 0);
  check_text(start.directory, payload, n);
  check_text(start.extension, payload, n);
  check_texts(start.commands, payload, n);
  check_texts(start.interpreter_flags, payload, n);
  check_texts(start.arguments, payload, n);
  check_texts(start.environment, payload, n);
  must(start.prelude.n == 0 || start.interpreter_flags.count > 0);
  /* The script is the last field. */
  must(start.script.at + start.script.n == payload + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const uint8_t *payload = data + 1;
  size_t n = size - 1;
  struct auth_frame auth;
  struct attach_frame attached;
  struct ack_frame ack;
  struct in_frame in;
  struct in_eof_frame eof;
  struct resize_frame resize;
  struct signal_frame signal;
  struct stop_frame stop;
  struct bytes id;
  uint64_t number;
  switch (data[0]) {
    case FRAME_AUTH: if (read_auth(payload, n, &auth)) must(auth.secret.n == SECRET_BYTES); break;
    case FRAME_START: check_start(payload, n); break;
    case FRAME_ATTACH: if (read_attach(payload, n, &attached)) check_id(attached.id, payload, n); break;
    case FRAME_ACK: if (read_ack(payload, n, &ack)) must(n == 20); break;
    case FRAME_IN: if (read_in(payload, n, &in)) must(in.data.n + 12 == n && in.data.n <= MOST_IN_BYTES); break;
    case FRAME_IN_EOF: if (read_in_eof(payload, n, &eof)) must(n == 12); break;
    case FRAME_RESIZE: if (read_resize(payload, n, &resize)) must(n == 8); break;
    case FRAME_SIGNAL: if (read_signal(payload, n, &signal)) must(signal.signal >= 1 && signal.signal <= 64); break;
    case FRAME_STOP: if (read_stop(payload, n, &stop)) must(n == 8); break;
    case FRAME_STATUS:
    case FRAME_RELEASE: if (read_id(payload, n, &id)) check_id(id, payload, n); break;
    case FRAME_PING: if (read_ping(payload, n, &number)) must(n == 8); break;
    default: break;
  }
  return 0;
}
