/*
 * The guard's turns, with a server, run-inits and scripts that do anything in any order. What it sends has to be whole
 * frames, and the output in them byte for byte what the script wrote at that offset; at the end nothing is left open.
 */
#include "../src/connection.h"
#include "../src/outbox.h"
#include "../src/turn.h"
#include "../src/upkeep.h"
#include "scripts.h"
#include "server.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whose run-init ends before what else has happened in a turn is looked at; -1 for none. */
static int ending = -1;

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
  scripts_play();
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
    case 6: close_output(index, take_byte(input) % 2); break;
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
      if (what >> 4 == 0) leave();
      else make_copies();
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
  scripts_begin();
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
  read_all();
  leave();
  for (int i = 0; i < MOST_WAITING; i++)
    if (waiting[i].fd >= 0) refuse_waiting(&waiting[i]);
  end_connection();
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].state != EXECUTION_FREE) execution_forget(&executions[i]);
  scripts_end();
  guard.highest = 0;
  must(lowest_free() == free_before);
  return 0;
}
