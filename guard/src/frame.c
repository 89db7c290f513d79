#include "frame.h"

#include "text.h"

struct reader reader_of(const uint8_t *payload, size_t n) {
  return (struct reader){.at = payload, .left = n, .bad = false};
}

struct bytes read_bytes(struct reader *reader, size_t n) {
  if (reader->bad || n > reader->left) {
    reader->bad = true;
    return (struct bytes){.at = reader->at, .n = 0};
  }
  struct bytes bytes = {.at = reader->at, .n = n};
  reader->at += n;
  reader->left -= n;
  return bytes;
}

static uint64_t read_number(struct reader *reader, size_t n) {
  struct bytes bytes = read_bytes(reader, n);
  uint64_t value = 0;
  for (size_t i = bytes.n; i > 0; i--) value = value << 8 | bytes.at[i - 1];
  return value;
}

uint8_t read_u8(struct reader *reader) { return (uint8_t)read_number(reader, 1); }
uint16_t read_u16(struct reader *reader) { return (uint16_t)read_number(reader, 2); }
uint32_t read_u32(struct reader *reader) { return (uint32_t)read_number(reader, 4); }
uint64_t read_u64(struct reader *reader) { return read_number(reader, 8); }

static struct bytes without_zero(struct reader *reader, struct bytes text) {
  for (size_t i = 0; i < text.n; i++)
    if (text.at[i] == 0) reader->bad = true;
  return reader->bad ? (struct bytes){.at = text.at, .n = 0} : text;
}

struct bytes read_text16(struct reader *reader) {
  size_t n = read_u16(reader);
  return without_zero(reader, read_bytes(reader, n));
}

struct bytes read_text32(struct reader *reader) {
  size_t n = read_u32(reader);
  return without_zero(reader, read_bytes(reader, n));
}

struct bytes read_rest(struct reader *reader) { return read_bytes(reader, reader->left); }

bool reader_done(const struct reader *reader) { return !reader->bad && reader->left == 0; }

static struct texts read_texts(struct reader *reader) {
  struct texts texts = {.count = read_u32(reader), .bytes = 0};
  texts.reader = *reader;
  for (uint32_t i = 0; i < texts.count && !reader->bad; i++) texts.bytes += read_text32(reader).n + 1;
  return texts;
}

struct bytes next_text(struct texts *texts) { return read_text32(&texts->reader); }

static struct bytes read_execution_id(struct reader *reader) {
  struct bytes id = read_text16(reader);
  if (id.n == 0 || id.n > MOST_ID) reader->bad = true;
  /* It becomes part of a file's name. */
  for (size_t i = 0; i < id.n; i++)
    if (id.at[i] == '/') reader->bad = true;
  return id;
}

/* A script may hold zeros. */
static struct bytes read_content(struct reader *reader) {
  size_t n = read_u32(reader);
  return read_bytes(reader, n);
}

bool read_start(const uint8_t *payload, size_t n, struct start_frame *start) {
  struct reader reader = reader_of(payload, n);
  start->channel = read_u32(&reader);
  start->id = read_execution_id(&reader);
  start->flags = read_u32(&reader);
  start->timeout_ms = read_u32(&reader);
  start->grace_ms = read_u32(&reader);
  start->output_limit = read_u64(&reader);
  start->spool_bytes = read_u32(&reader);
  start->columns = read_u16(&reader);
  start->rows = read_u16(&reader);
  start->umask = (int32_t)read_u32(&reader);
  start->nice = (int32_t)read_u32(&reader);
  start->oom_score = (int32_t)read_u32(&reader);
  for (int limit = 0; limit < LIMITS; limit++) start->limits[limit] = read_u64(&reader);
  start->directory = read_text16(&reader);
  start->extension = read_text16(&reader);
  start->commands = read_texts(&reader);
  start->interpreter_flags = read_texts(&reader);
  start->arguments = read_texts(&reader);
  start->environment = read_texts(&reader);
  start->prelude = read_content(&reader);
  start->script = read_content(&reader);
  for (size_t i = 0; i < start->extension.n; i++)
    if (start->extension.at[i] == '/') return false;
  /* What leads to the script stands behind a flag, which is given again after it. */
  if (start->prelude.n > 0 && start->interpreter_flags.count == 0) return false;
  return reader_done(&reader) && start->commands.count > 0 && (start->flags & ~(uint32_t)START_FLAGS) == 0;
}

bool read_auth(const uint8_t *payload, size_t n, struct auth_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->protocol = read_u16(&reader);
  frame->secret = read_bytes(&reader, SECRET_BYTES);
  return reader_done(&reader);
}

bool read_attach(const uint8_t *payload, size_t n, struct attach_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  frame->id = read_execution_id(&reader);
  for (int stream = 0; stream < 2; stream++) frame->offsets[stream] = read_u64(&reader);
  return reader_done(&reader);
}

bool read_ack(const uint8_t *payload, size_t n, struct ack_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  for (int stream = 0; stream < 2; stream++) frame->offsets[stream] = read_u64(&reader);
  return reader_done(&reader);
}

bool read_in(const uint8_t *payload, size_t n, struct in_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  frame->offset = read_u64(&reader);
  frame->data = read_rest(&reader);
  return reader_done(&reader) && frame->data.n <= MOST_IN_BYTES;
}

bool read_in_eof(const uint8_t *payload, size_t n, struct in_eof_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  frame->offset = read_u64(&reader);
  return reader_done(&reader);
}

bool read_resize(const uint8_t *payload, size_t n, struct resize_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  frame->columns = read_u16(&reader);
  frame->rows = read_u16(&reader);
  return reader_done(&reader);
}

bool read_signal(const uint8_t *payload, size_t n, struct signal_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  frame->signal = read_u8(&reader);
  uint8_t all = read_u8(&reader);
  frame->all = all == 1;
  return reader_done(&reader) && frame->signal >= 1 && frame->signal <= 64 && all <= 1;
}

bool read_stop(const uint8_t *payload, size_t n, struct stop_frame *frame) {
  struct reader reader = reader_of(payload, n);
  frame->channel = read_u32(&reader);
  frame->grace_ms = read_u32(&reader);
  return reader_done(&reader);
}

bool read_id(const uint8_t *payload, size_t n, struct bytes *id) {
  struct reader reader = reader_of(payload, n);
  *id = read_execution_id(&reader);
  return reader_done(&reader);
}

bool read_ping(const uint8_t *payload, size_t n, uint64_t *number) {
  struct reader reader = reader_of(payload, n);
  *number = read_u64(&reader);
  return reader_done(&reader);
}

struct writer frame_begin(uint8_t *at, enum frame_type type) {
  at[4] = (uint8_t)type;
  return (struct writer){.start = at, .at = at + FRAME_HEADER};
}

static void write_number(struct writer *writer, uint64_t value, int n) {
  for (int i = 0; i < n; i++, value >>= 8) *writer->at++ = (uint8_t)value;
}

void write_u8(struct writer *writer, uint8_t value) { write_number(writer, value, 1); }
void write_u16(struct writer *writer, uint16_t value) { write_number(writer, value, 2); }
void write_u32(struct writer *writer, uint32_t value) { write_number(writer, value, 4); }
void write_u64(struct writer *writer, uint64_t value) { write_number(writer, value, 8); }

void write_bytes(struct writer *writer, const void *from, size_t n) {
  memcpy(writer->at, from, n);
  writer->at += n;
}

void write_text16(struct writer *writer, const char *text) {
  size_t n = strlen(text);
  write_u16(writer, (uint16_t)n);
  write_bytes(writer, text, n);
}

size_t frame_end(struct writer *writer) {
  size_t n = (size_t)(writer->at - writer->start);
  struct writer length = {.start = writer->start, .at = writer->start};
  write_u32(&length, (uint32_t)(n - 4));
  return n;
}

uint32_t frame_length(const uint8_t *header) {
  struct reader reader = reader_of(header, 4);
  return read_u32(&reader);
}
