#include "server.h"

#include "../src/connection.h"
#include "../src/state.h"
#include "../src/text.h"
#include "scripts.h"

static int server = -1;
static uint8_t received[1 << 20];
static size_t received_bytes;

static void check_output(const uint8_t *payload, size_t n) {
  struct reader reader = reader_of(payload, n);
  (void)read_u32(&reader);
  int stream = read_u8(&reader) - 1;
  uint64_t offset = read_u64(&reader);
  struct bytes bytes = read_rest(&reader);
  must(reader_done(&reader) && (stream == 0 || stream == 1));
  must(bytes.n > 0 && bytes.n <= MOST_OUT_BYTES);
  for (size_t i = 0; i < bytes.n; i++) must(bytes.at[i] == written_at(offset + i, stream));
}

void read_server(size_t most) {
  size_t room = sizeof received - received_bytes;
  long n = server < 0 ? 0 : sys_read(server, received + received_bytes, most < room ? most : room);
  if (n <= 0) return;
  received_bytes += (size_t)n;
  size_t at = 0;
  while (received_bytes - at >= FRAME_HEADER) {
    uint32_t length = frame_length(received + at);
    must(length >= 1 && length <= 64 * 1024);
    if (received_bytes - at < 4 + (size_t)length) break;
    uint8_t type = received[at + 4];
    must(type >= FRAME_HELLO && type <= FRAME_ERROR);
    if (type == FRAME_OUT) check_output(received + at + FRAME_HEADER, length - 1);
    at += 4 + (size_t)length;
  }
  memmove(received, received + at, received_bytes - at);
  received_bytes -= at;
}

void come(void) {
  int pair[2];
  must(SYS4(__NR_socketpair, SYS_AF_UNIX, SYS_SOCK_STREAM | SYS_SOCK_CLOEXEC | SYS_SOCK_NONBLOCK, 0, pair) == 0);
  sys_close(server);
  server = pair[1];
  received_bytes = 0;
  int place = 0;
  while (place < MOST_WAITING && waiting[place].fd >= 0) place++;
  must(place < MOST_WAITING);
  waiting[place] = (struct waiting){.fd = pair[0], .until_ms = sys_now_ms() + AUTH_WITHIN_MS, .used = 0};
  must(watch(pair[0], EPOLLIN, WATCH_WAITING, place) == 0);
  uint8_t frame[64];
  struct writer writer = frame_begin(frame, FRAME_AUTH);
  write_u16(&writer, PROTOCOL_VERSION);
  write_bytes(&writer, guard.secret, SECRET_BYTES);
  size_t n = frame_end(&writer);
  must(sys_write(server, frame, n) == (long)n);
}

void send_bytes(struct bytes bytes) {
  if (server >= 0 && bytes.n > 0) (void)SYS6(__NR_sendto, server, bytes.at, bytes.n, SYS_MSG_NOSIGNAL | SYS_MSG_DONTWAIT, NULL, 0);
}

void send_frame(uint8_t type, const struct bytes *parts, size_t count) {
  static uint8_t frame[8 * 1024];
  struct writer writer = frame_begin(frame, (enum frame_type)type);
  for (size_t i = 0; i < count; i++) write_bytes(&writer, parts[i].at, parts[i].n);
  send_bytes((struct bytes){.at = frame, .n = frame_end(&writer)});
}

/* A START that is understood, of which a few things differ. */
void send_start(struct input *input) {
  uint8_t frame[256];
  uint8_t which = take_byte(input);
  struct writer writer = frame_begin(frame, FRAME_START);
  write_u32(&writer, which % 4);
  char id[] = {'e', (char)('a' + which % 5), 0};
  write_text16(&writer, id);
  uint8_t flags = take_byte(input);
  /* No script, so that no file has to be written each time. */
  write_u32(&writer, flags & (START_TERMINAL | START_WAIT_FOR_SURVIVORS | START_STDIN));
  write_u32(&writer, take_byte(input));
  write_u32(&writer, 10);
  write_u64(&writer, flags & 0x80 ? UINT64_MAX : (uint64_t)take_byte(input) * 4096);
  write_u32(&writer, 0);
  write_u32(&writer, 0);
  for (int i = 0; i < 3; i++) write_u32(&writer, (uint32_t)UNSET_I32);
  for (int i = 0; i < LIMITS; i++) write_u64(&writer, UNSET_U64);
  write_u32(&writer, 0);
  write_u32(&writer, 1);
  write_u32(&writer, 2);
  write_bytes(&writer, "sh", 2);
  for (int i = 0; i < 5; i++) write_u32(&writer, 0);
  send_bytes((struct bytes){.at = frame, .n = frame_end(&writer)});
}

/* ATTACH, ACK, RELEASE and the like, for executions that there are. */
void send_about(struct input *input) {
  static const uint8_t types[] = {FRAME_ATTACH, FRAME_ACK, FRAME_RELEASE, FRAME_STATUS, FRAME_STOP, FRAME_IN, FRAME_IN_EOF, FRAME_LIST};
  uint8_t frame[512];
  uint8_t type = types[take_byte(input) % sizeof types];
  uint8_t which = take_byte(input);
  const char id[] = {'e', (char)('a' + which % 5), 0};
  uint8_t number = take_byte(input);
  uint64_t offset = number == UINT8_MAX ? executions[which % 5].output[0].sent : (uint64_t)number << (take_byte(input) % 17);
  struct writer writer = frame_begin(frame, (enum frame_type)type);
  bool by_id = type == FRAME_RELEASE || type == FRAME_STATUS;
  if (!by_id && type != FRAME_LIST) write_u32(&writer, which % 4);
  if (by_id || type == FRAME_ATTACH) write_text16(&writer, id);
  if (type == FRAME_STOP) write_u32(&writer, 10);
  else if (!by_id && type != FRAME_LIST) write_u64(&writer, offset);
  if (type == FRAME_ATTACH || type == FRAME_ACK) write_u64(&writer, offset);
  struct bytes bytes = take_bytes(input, type == FRAME_IN ? take_byte(input) : 0);
  write_bytes(&writer, bytes.at, bytes.n);
  send_bytes((struct bytes){.at = frame, .n = frame_end(&writer)});
}

void leave(void) {
  sys_close(server);
  server = -1;
}

void read_all(void) { read_server(sizeof received); }
