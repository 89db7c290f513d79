#include "scripts.h"

#include "../src/idle.h"
#include "../src/state.h"
#include "../src/text.h"
#include "../src/upkeep.h"

/* The other ends of an execution's streams. */
struct others {
  int control;
  int streams[2];
  int input;
  uint64_t written[2];
};

static struct others others[MOST_PLAYED];

uint8_t written_at(uint64_t offset, int stream) { return (uint8_t)(offset * 31 + (offset >> 8) + (uint64_t)stream); }

static void forget_others(struct others *other) {
  sys_close(other->control);
  sys_close(other->input);
  for (int stream = 0; stream < 2; stream++) sys_close(other->streams[stream]);
  *other = (struct others){.control = -1, .streams = {-1, -1}, .input = -1};
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

void write_output(int index, int stream, size_t n) {
  static uint8_t bytes[64 * 256];
  struct others *other = &others[index];
  if (other->streams[stream] < 0) return;
  for (size_t i = 0; i < n; i++) bytes[i] = written_at(other->written[stream] + i, stream);
  long put = sys_write(other->streams[stream], bytes, n);
  if (put > 0) other->written[stream] += (uint64_t)put;
}

void take_input(int index, size_t n) {
  static uint8_t bytes[64 * 256];
  if (others[index].input >= 0) (void)sys_read(others[index].input, bytes, n);
}

void say(int index, struct input *input) {
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

void end_init(int index) {
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

void make_copies(void) {
  forget_copies();
  for (int i = 0; i < MOST_PLAYED; i++) {
    if (executions[i].state == EXECUTION_FREE) continue;
    const int fds[] = {executions[i].control, executions[i].streams[0], executions[i].streams[1]};
    for (int j = 0; j < 3; j++)
      if (fds[j] >= 0) copies[3 * i + j] = sys_fcntl(fds[j], F_DUPFD_CLOEXEC, 3);
  }
}

void close_output(int index, int stream) {
  sys_close(others[index].streams[stream]);
  others[index].streams[stream] = -1;
}

void scripts_begin(void) {
  for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) copies[i] = -1;
  for (int i = 0; i < MOST_PLAYED; i++) others[i] = (struct others){.control = -1, .streams = {-1, -1}, .input = -1};
}

void scripts_end(void) {
  for (int i = 0; i < MOST_PLAYED; i++) forget_others(&others[i]);
  forget_copies();
  idle_forget(PRETENDED_PID);
}

void scripts_play(void) {
  for (int i = 0; i < MOST_PLAYED; i++) {
    if (executions[i].state == EXECUTION_FREE) forget_others(&others[i]);
    else play(i);
  }
}
