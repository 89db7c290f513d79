/*
 * The frames between server and guard, as docs/guard-protocol.md has them: a length of 4 bytes, a type, a payload; all
 * numbers little-endian. Reading is pure and never goes beyond the payload, whatever is in it.
 */
#ifndef GUARD_FRAME_H
#define GUARD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_VERSION = 1 };
enum { FRAME_HEADER = 5, MOST_FRAME_IN = 8 * 1024 * 1024, MOST_OUT_BYTES = 32 * 1024, MOST_IN_BYTES = 32 * 1024 };
enum { SECRET_BYTES = 16, INSTANCE_BYTES = 16, MOST_ID = 64 };

enum frame_type {
  FRAME_AUTH = 0x01,
  FRAME_START = 0x02,
  FRAME_ATTACH = 0x03,
  FRAME_ACK = 0x04,
  FRAME_IN = 0x05,
  FRAME_IN_EOF = 0x06,
  FRAME_RESIZE = 0x07,
  FRAME_SIGNAL = 0x08,
  FRAME_STOP = 0x09,
  FRAME_STATUS = 0x0a,
  FRAME_LIST = 0x0b,
  FRAME_RELEASE = 0x0c,
  FRAME_PING = 0x0d,
  FRAME_LEAVE = 0x0e,
  FRAME_HELLO = 0x81,
  FRAME_STARTED = 0x82,
  FRAME_REFUSED = 0x83,
  FRAME_ATTACHED = 0x84,
  FRAME_UNKNOWN = 0x85,
  FRAME_OUT = 0x86,
  FRAME_IN_ACK = 0x87,
  FRAME_EXIT = 0x88,
  FRAME_STATE = 0x89,
  FRAME_LISTED = 0x8a,
  FRAME_PONG = 0x8b,
  FRAME_ERROR = 0x8c,
};

/* Bytes of a payload that were not copied; not ended by a zero. */
struct bytes {
  const uint8_t *at;
  size_t n;
};

/* Reads a payload from its beginning; after a read beyond the end, or a bad value, `bad` is set and all reads give 0. */
struct reader {
  const uint8_t *at;
  size_t left;
  bool bad;
};
struct reader reader_of(const uint8_t *payload, size_t n);
uint8_t read_u8(struct reader *reader);
uint16_t read_u16(struct reader *reader);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
struct bytes read_bytes(struct reader *reader, size_t n);
/* A length of 2 or 4 bytes and as many bytes, of which none is zero. */
struct bytes read_text16(struct reader *reader);
struct bytes read_text32(struct reader *reader);
struct bytes read_rest(struct reader *reader);
/* True when all was read and nothing was bad. */
bool reader_done(const struct reader *reader);

enum start_flag {
  START_TERMINAL = 1,
  START_SCRIPT = 2,
  START_SCRIPT_AS_FILE = 4,
  START_WAIT_FOR_SURVIVORS = 8,
  START_STDIN = 16,
  START_FLAGS = 31,
};
enum { LIMIT_CPU, LIMIT_FILE_SIZE, LIMIT_OPEN_FILES, LIMIT_PROCESSES, LIMITS };
#define UNSET_U64 UINT64_MAX
#define UNSET_I32 INT32_MIN

/* A list of texts that stays in the payload; its reader stands at the first one, and each was checked. */
struct texts {
  struct reader reader;
  uint32_t count;
  /* Of all texts together, each with a zero at its end. */
  size_t bytes;
};

struct start_frame {
  uint32_t channel;
  struct bytes id;
  uint32_t flags;
  uint32_t timeout_ms;
  uint32_t grace_ms;
  uint64_t output_limit;
  uint32_t spool_bytes;
  uint16_t columns;
  uint16_t rows;
  int32_t umask;
  int32_t nice;
  int32_t oom_score;
  uint64_t limits[LIMITS];
  struct bytes directory;
  struct bytes extension;
  struct texts commands;
  struct texts interpreter_flags;
  struct texts arguments;
  struct texts environment;
  struct bytes prelude;
  struct bytes script;
};
/* False for a payload that is not one whole START. */
bool read_start(const uint8_t *payload, size_t n, struct start_frame *start);
/* Gives the next text of a list. */
struct bytes next_text(struct texts *texts);

/* The other frames that the guard takes; each reader gives false for a payload that is not exactly that frame. */
struct auth_frame {
  uint16_t protocol;
  struct bytes secret;
};
struct attach_frame {
  uint32_t channel;
  struct bytes id;
  uint64_t offsets[2];
};
struct in_frame {
  uint32_t channel;
  uint64_t offset;
  struct bytes data;
};
struct ack_frame {
  uint32_t channel;
  uint64_t offsets[2];
};
struct in_eof_frame {
  uint32_t channel;
  /* Where the input ends: all before it has come. */
  uint64_t offset;
};
struct resize_frame {
  uint32_t channel;
  uint16_t columns;
  uint16_t rows;
};
struct signal_frame {
  uint32_t channel;
  uint8_t signal;
  bool all;
};
struct stop_frame {
  uint32_t channel;
  uint32_t grace_ms;
};
bool read_auth(const uint8_t *payload, size_t n, struct auth_frame *frame);
bool read_attach(const uint8_t *payload, size_t n, struct attach_frame *frame);
bool read_ack(const uint8_t *payload, size_t n, struct ack_frame *frame);
bool read_in(const uint8_t *payload, size_t n, struct in_frame *frame);
bool read_in_eof(const uint8_t *payload, size_t n, struct in_eof_frame *frame);
bool read_resize(const uint8_t *payload, size_t n, struct resize_frame *frame);
bool read_signal(const uint8_t *payload, size_t n, struct signal_frame *frame);
bool read_stop(const uint8_t *payload, size_t n, struct stop_frame *frame);
/* STATUS and RELEASE. */
bool read_id(const uint8_t *payload, size_t n, struct bytes *id);
bool read_ping(const uint8_t *payload, size_t n, uint64_t *number);

/* Writes one frame into a place that is large enough: whoever begins one has looked. */
struct writer {
  uint8_t *start;
  uint8_t *at;
};
struct writer frame_begin(uint8_t *at, enum frame_type type);
void write_u8(struct writer *writer, uint8_t value);
void write_u16(struct writer *writer, uint16_t value);
void write_u32(struct writer *writer, uint32_t value);
void write_u64(struct writer *writer, uint64_t value);
void write_bytes(struct writer *writer, const void *from, size_t n);
void write_text16(struct writer *writer, const char *text);
/* Fills the length in and gives the bytes of the whole frame. */
size_t frame_end(struct writer *writer);

/* The length that a header announces, without the 4 bytes of itself. */
uint32_t frame_length(const uint8_t *header);

#endif
