/*
 * The guard's turns, with a server, run-inits and scripts that do anything in any order. What it sends has to be whole
 * frames, and the output in them byte for byte what the script wrote at that offset; at the end nothing is left open.
 */
#include <stdlib.h>

#include "../src/connection.h"
#include "../src/idle.h"
#include "../src/outbox.h"
#include "../src/text.h"
#include "../src/turn.h"
#include "../src/upkeep.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The other ends of an execution's streams. */
struct others {
  int control;
  int streams[2];
  int input;
  uint64_t written[2];
};

/* More different ids than these are rare, and nobody plays their scripts. */
enum { MOST_PLAYED = 8 };

static struct others others[MOST_PLAYED];
/* Whose run-init ends before what else has happened in a turn is looked at; -1 for none. */
static int ending = -1;
static int server = -1;
static uint8_t received[1 << 20];
static size_t received_bytes;

static void must(bool holds) {
  if (!holds) abort();
}

/* --- what decides what happens --- */

struct input {
  const uint8_t *at;
  size_t left;
};

static uint8_t take_byte(struct input *input) {
  if (input->left == 0) return 0;
  input->left--;
  return *input->at++;
}

static struct bytes take_bytes(struct input *input, size_t most) {
  size_t n = most < input->left ? most : input->left;
  struct bytes bytes = {.at = input->at, .n = n};
  input->at += n;
  input->left -= n;
  return bytes;
}

/* --- the scripts --- */

static uint8_t written_at(uint64_t offset, int stream) { return (uint8_t)(offset * 31 + (offset >> 8) + (uint64_t)stream); }

static void forget_others(struct others *other) {
  sys_close(other->control);
  sys_close(other->input);
  for (int stream = 0; stream < 2; stream++) sys_close(other->streams[stream]);
  *other = (struct others){.control = -1, .streams = {-1, -1}, .input = -1};
}

/* As the guard does; a copy would be watched on. */
static void close_watched(int fd) {
  if (fd < 0) return;
  unwatch(fd);
  sys_close(fd);
}

static void replace(int *guards, int *ours, bool guard_reads) {
  int ends[2];
  must(sys_pipe(ends) == 0);
  close_watched(*guards);
  *guards = ends[guard_reads ? 0 : 1];
  *ours = ends[guard_reads ? 1 : 0];
  for (int end = 0; end < 2; end++) (void)sys_fcntl(ends[end], F_SETFL, O_NONBLOCK);
}

/* Takes the place of what a START would have started. */
static void play(int index) {
  struct execution *execution = &executions[index];
  struct others *other = &others[index];
  if (execution->state != EXECUTION_STARTING || other->control >= 0 || execution->control < 0) return;
  forget_others(other);
  int pair[2];
  must(SYS4(__NR_socketpair, SYS_AF_UNIX, SYS_SOCK_SEQPACKET | SYS_SOCK_CLOEXEC | SYS_SOCK_NONBLOCK, 0, pair) == 0);
  close_watched(execution->control);
  execution->control = pair[0];
  other->control = pair[1];
  (void)watch(execution->control, EPOLLIN, WATCH_CONTROL, index);
  for (int stream = 0; stream < 2; stream++) {
    if (execution->streams[stream] < 0) continue;
    replace(&execution->streams[stream], &other->streams[stream], true);
    execution->watched[stream] = false;
  }
  if (execution->input_fd >= 0) replace(&execution->input_fd, &other->input, false);
  execution->input_watched = false;
  watch_streams(index);
}

static void write_output(int index, int stream, size_t n) {
  static uint8_t bytes[64 * 256];
  struct others *other = &others[index];
  if (other->streams[stream] < 0) return;
  for (size_t i = 0; i < n; i++) bytes[i] = written_at(other->written[stream] + i, stream);
  long put = sys_write(other->streams[stream], bytes, n);
  if (put > 0) other->written[stream] += (uint64_t)put;
}

static void take_input(int index, size_t n) {
  static uint8_t bytes[64 * 256];
  if (others[index].input >= 0) (void)sys_read(others[index].input, bytes, n);
}

static void say(int index, struct input *input) {
  struct init_message message = {.word = take_byte(input) % 10};
  message.a = take_byte(input);
  message.b = take_byte(input);
  if (message.word == INIT_ENDED || message.word == INIT_DONE) message.ended = 1 + message.a % 2;
  message.value = message.b;
  struct bytes text = take_bytes(input, sizeof message.text);
  memcpy(message.text, text.at, text.n);
  message.cpu_us = message.rss_kib = take_byte(input);
  if (others[index].control >= 0)
    (void)SYS6(__NR_sendto, others[index].control, &message, sizeof message, SYS_MSG_NOSIGNAL | SYS_MSG_DONTWAIT, NULL, 0);
}

static void end_init(int index) {
  if (executions[index].state == EXECUTION_FREE || executions[index].init_pid == 0) return;
  sys_close(others[index].control);
  others[index].control = -1;
  execution_init_gone(&executions[index], guard.now_ms);
  watch_streams(index);
  forget_if_done(&executions[index]);
}

/*
 * A run-init that is just being started has copies of what the guard has open; the kernel watches what is open
 * somewhere, also when the guard has closed it.
 */
static int copies[3 * MOST_PLAYED];

static void forget_copies(void) {
  for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
    sys_close(copies[i]);
    copies[i] = -1;
  }
}

static void make_copies(void) {
  forget_copies();
  for (int i = 0; i < MOST_PLAYED; i++) {
    if (executions[i].state == EXECUTION_FREE) continue;
    const int fds[] = {executions[i].control, executions[i].streams[0], executions[i].streams[1]};
    for (int j = 0; j < 3; j++)
      if (fds[j] >= 0) copies[3 * i + j] = sys_fcntl(fds[j], F_DUPFD_CLOEXEC, 3);
  }
}

/* Nothing of a descriptor that is closed may wake the guard: it could not be told to stop. */
static void check_event(uint64_t data) {
  int index = (int)(data >> 8);
  const struct execution *execution = &executions[index];
  switch ((enum watched)(data & 0xff)) {
    case WATCH_OUTPUT: must(execution->streams[0] >= 0); break;
    case WATCH_ERROR: must(execution->streams[1] >= 0); break;
    case WATCH_INPUT: must(execution->input_fd >= 0); break;
    case WATCH_CONTROL: must(execution->control >= 0); break;
    default: break;
  }
}

/* --- the server --- */

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

static void read_server(size_t most) {
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

static void come(void) {
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

static void send_bytes(struct bytes bytes) {
  if (server >= 0 && bytes.n > 0) (void)SYS6(__NR_sendto, server, bytes.at, bytes.n, SYS_MSG_NOSIGNAL | SYS_MSG_DONTWAIT, NULL, 0);
}

static void send_frame(uint8_t type, const struct bytes *parts, size_t count) {
  static uint8_t frame[8 * 1024];
  struct writer writer = frame_begin(frame, (enum frame_type)type);
  for (size_t i = 0; i < count; i++) write_bytes(&writer, parts[i].at, parts[i].n);
  send_bytes((struct bytes){.at = frame, .n = frame_end(&writer)});
}

/* A START that is understood, of which a few things differ. */
static void send_start(struct input *input) {
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
static void send_about(struct input *input) {
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

/* --- the turns --- */

static void check_spool(const struct spool *spool) {
  must(spool->base <= spool->sent && spool->sent <= spool->end);
  must(spool->size == 0 || spool->end - spool->base <= spool->size);
}

/* Turns come faster here than words may wait: in every other one they have waited long enough. */
static void let_moment_pass(void) {
  static bool passes;
  passes = !passes;
  for (int i = 0; passes && i < guard.highest; i++)
    if (executions[i].speaks_at_ms != INT64_MAX) executions[i].speaks_at_ms = 0;
}

static void turn(void) {
  struct epoll_event events[MOST_EVENTS];
  int count = (int)SYS6(__NR_epoll_pwait, guard.epoll, events, MOST_EVENTS, 0, NULL, 8);
  look_at_clock();
  let_moment_pass();
  for (int i = 0; i < count; i++) check_event(events[i].data);
  if (ending >= 0) end_init(ending);
  ending = -1;
  for (int i = 0; i < count; i++) take_event(events[i].data, events[i].events);
  for (int i = 0; i < MOST_PLAYED; i++) {
    if (executions[i].state == EXECUTION_FREE) forget_others(&others[i]);
    else play(i);
  }
  (void)look_after();
  pump();
  (void)may_leave();
  guard.leaving = false;
  must(guard.out_sent <= guard.out_used && guard.out_used <= OUT_BYTES && guard.in_used <= IN_BYTES);
  for (int i = 0; i < guard.highest; i++) {
    const struct execution *execution = &executions[i];
    if (execution->state == EXECUTION_FREE) continue;
    for (int stream = 0; stream < 2; stream++) check_spool(&execution->output[stream]);
    must(execution->input.base <= execution->input.sent && execution->input.sent <= execution->input.end);
  }
}

static void act(struct input *input) {
  uint8_t what = take_byte(input);
  int index = (what >> 4) % MOST_PLAYED;
  switch (what % 14) {
    case 0: send_bytes(take_bytes(input, take_byte(input))); break;
    case 1: {
      uint8_t type = take_byte(input);
      struct bytes payload = take_bytes(input, take_byte(input));
      send_frame(type, &payload, 1);
      break;
    }
    case 2: send_start(input); break;
    case 3:
    case 4: send_about(input); break;
    case 5: write_output(index, what >> 7, (size_t)take_byte(input) * 64); break;
    case 6: {
      int stream = take_byte(input) % 2;
      sys_close(others[index].streams[stream]);
      others[index].streams[stream] = -1;
      break;
    }
    case 7: say(index, input); break;
    case 8:
      if (what >> 7) say(index, input);
      ending = index;
      break;
    case 9: guard.now_ms += (int64_t)take_byte(input) * 16; break;
    case 10: read_server((size_t)take_byte(input) * 1024); break;
    case 11: come(); break;
    case 12: take_input(index, (size_t)take_byte(input) * 64); break;
    case 13:
      if (what >> 4 == 0) {
        sys_close(server);
        server = -1;
      } else {
        make_copies();
      }
      break;
  }
}

static int lowest_free(void) {
  int fd = sys_open("/dev/null", O_RDONLY, 0);
  sys_close(fd);
  return fd;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count;
  (void)arguments;
  (void)sys_block_signals(sys_signal_bit(SIGPIPE));
  static char *environment[] = {NULL};
  static uint8_t secret[SECRET_BYTES];
  guard.environment = environment;
  guard.secret = secret;
  guard.connection = guard.list_at = -1;
  guard.epoll = (int)SYS1(__NR_epoll_create1, O_CLOEXEC);
  guard.idle_after_ms = guard.keep_ended_ms = 1000;
  guard.last_look_ms = guard.last_needed_ms = sys_now_ms();
  for (int i = 0; i < MOST_WAITING; i++) waiting[i].fd = -1;
  for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) copies[i] = -1;
  for (int i = 0; i < MOST_PLAYED; i++) others[i] = (struct others){.control = -1, .streams = {-1, -1}, .input = -1};
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int free_before = lowest_free();
  struct input input = {.at = data, .left = size};
  come();
  while (input.left > 0) {
    turn();
    act(&input);
  }
  turn();
  read_server(sizeof received);
  sys_close(server);
  server = -1;
  for (int i = 0; i < MOST_WAITING; i++)
    if (waiting[i].fd >= 0) refuse_waiting(&waiting[i]);
  end_connection();
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].state != EXECUTION_FREE) execution_forget(&executions[i]);
  for (int i = 0; i < MOST_PLAYED; i++) forget_others(&others[i]);
  forget_copies();
  idle_forget(PRETENDED_PID);
  guard.highest = 0;
  must(lowest_free() == free_before);
  return 0;
}
