/*
 * Reads and writes frames with the guard's own functions, for the test that compares them with guard/vectors.json. Each
 * line of its input is a request, each line of its output the answer:
 *
 *   read HEX          what the frame means, as NAME=VALUE, or "bad"
 *   write TYPE WORDS  the frame that the guard sends, in hex
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the guard sends is written by functions that only it can see. */
#include "../src/outbox.c"

#include "../src/orders.h"

enum { MOST_LINE = 256 * 1024, MOST_WORDS = 64 };

static char line[MOST_LINE];
static uint8_t frame[MOST_LINE / 2];

static size_t from_hex(const char *hex, uint8_t *to) {
  size_t n = strlen(hex) / 2;
  for (size_t i = 0; i < n; i++) {
    unsigned byte = 0;
    if (sscanf(hex + 2 * i, "%2x", &byte) != 1) exit(2);
    to[i] = (uint8_t)byte;
  }
  return n;
}

static void print_hex(const uint8_t *at, size_t n) {
  for (size_t i = 0; i < n; i++) printf("%02x", at[i]);
}

/* --- what the guard reads --- */

static void print_number(const char *name, uint64_t number) { printf(" %s=%llu", name, (unsigned long long)number); }

static void print_bytes(const char *name, struct bytes bytes) {
  printf(" %s=", name);
  print_hex(bytes.at, bytes.n);
}

static void print_texts(const char *name, struct texts texts) {
  printf(" %s=%u", name, texts.count);
  for (uint32_t i = 0; i < texts.count; i++) {
    struct bytes text = next_text(&texts);
    printf(",");
    print_hex(text.at, text.n);
  }
}

static void print_offsets(const uint64_t offsets[2]) {
  print_number("stdout", offsets[0]);
  print_number("stderr", offsets[1]);
}

static bool print_start(const uint8_t *payload, size_t n) {
  struct start_frame start;
  if (!read_start(payload, n, &start)) return false;
  printf("start");
  print_number("channel", start.channel);
  print_bytes("id", start.id);
  print_number("flags", start.flags);
  print_number("timeout", start.timeout_ms);
  print_number("grace", start.grace_ms);
  print_number("limit", start.output_limit);
  print_number("spool", start.spool_bytes);
  print_number("columns", start.columns);
  print_number("rows", start.rows);
  printf(" umask=%d nice=%d oom=%d", start.umask, start.nice, start.oom_score);
  for (int limit = 0; limit < LIMITS; limit++) print_number("limit", start.limits[limit]);
  print_bytes("directory", start.directory);
  print_bytes("extension", start.extension);
  print_texts("commands", start.commands);
  print_texts("flags", start.interpreter_flags);
  print_texts("arguments", start.arguments);
  print_texts("environment", start.environment);
  print_bytes("prelude", start.prelude);
  print_bytes("script", start.script);
  return true;
}

static bool print_channel_frame(uint8_t type, const uint8_t *payload, size_t n) {
  struct ack_frame ack;
  struct in_frame input;
  struct in_eof_frame eof;
  struct resize_frame resize;
  struct signal_frame signal;
  struct stop_frame stop;
  if (type == FRAME_ACK && read_ack(payload, n, &ack)) {
    printf("ack channel=%u", ack.channel);
    print_offsets(ack.offsets);
  } else if (type == FRAME_IN && read_in(payload, n, &input)) {
    printf("in channel=%u offset=%llu", input.channel, (unsigned long long)input.offset);
    print_bytes("bytes", input.data);
  } else if (type == FRAME_IN_EOF && read_in_eof(payload, n, &eof)) {
    printf("in-eof channel=%u offset=%llu", eof.channel, (unsigned long long)eof.offset);
  } else if (type == FRAME_RESIZE && read_resize(payload, n, &resize)) {
    printf("resize channel=%u columns=%u rows=%u", resize.channel, resize.columns, resize.rows);
  } else if (type == FRAME_SIGNAL && read_signal(payload, n, &signal)) {
    printf("signal channel=%u signal=%u all=%d", signal.channel, signal.signal, signal.all);
  } else if (type == FRAME_STOP && read_stop(payload, n, &stop)) {
    printf("stop channel=%u grace=%u", stop.channel, stop.grace_ms);
  } else {
    return false;
  }
  return true;
}

static bool print_frame(uint8_t type, const uint8_t *payload, size_t n) {
  struct auth_frame auth;
  struct attach_frame attached;
  struct bytes id;
  uint64_t number;
  if (type == FRAME_START) return print_start(payload, n);
  if (type == FRAME_AUTH && read_auth(payload, n, &auth)) {
    printf("auth protocol=%u", auth.protocol);
    print_bytes("secret", auth.secret);
  } else if (type == FRAME_ATTACH && read_attach(payload, n, &attached)) {
    printf("attach channel=%u", attached.channel);
    print_bytes("id", attached.id);
    print_offsets(attached.offsets);
  } else if ((type == FRAME_STATUS || type == FRAME_RELEASE) && read_id(payload, n, &id)) {
    printf("%s", type == FRAME_STATUS ? "status" : "release");
    print_bytes("id", id);
  } else if (type == FRAME_PING && read_ping(payload, n, &number)) {
    printf("ping number=%llu", (unsigned long long)number);
  } else if ((type == FRAME_LIST || type == FRAME_LEAVE) && take_frame_of(type, payload, n)) {
    printf("%s", type == FRAME_LIST ? "list" : "leave");
  } else {
    return print_channel_frame(type, payload, n);
  }
  return true;
}

/* Exactly as many bytes as there are in memory of its own, so that a read beyond them is seen. */
static void read_frame(const char *hex) {
  size_t n = from_hex(hex, frame);
  uint8_t *exact = malloc(n);
  if (!exact || n < FRAME_HEADER) exit(2);
  memcpy(exact, frame, n);
  bool whole = frame_length(exact) == n - 4;
  if (!whole || !print_frame(exact[4], exact + FRAME_HEADER, n - FRAME_HEADER)) printf("bad");
  free(exact);
}

/* --- what the guard writes --- */

static uint64_t number(char **words, int at) { return words[at] ? strtoull(words[at], NULL, 10) : 0; }

static void set_state(struct execution *execution, char **words, int at) {
  execution->state = (enum execution_state)number(words, at);
  execution->main_pid = (int)number(words, at + 1);
  execution->output[0].sent = number(words, at + 2);
  execution->output[1].sent = number(words, at + 3);
  execution->input.end = number(words, at + 4);
}

static void write_exit(struct execution *execution, char **words) {
  execution->how = (enum end_how)number(words, 2);
  execution->value = (int32_t)number(words, 3);
  execution->cause = (enum end_cause)number(words, 4);
  for (int stream = 0; stream < 2; stream++) execution->produced[stream] = number(words, 5 + stream);
  for (int stream = 0; stream < 2; stream++) execution->dropped[stream] = number(words, 7 + stream);
  execution->oom_kills = (uint32_t)number(words, 9);
  execution->cpu_us = number(words, 10);
  execution->rss_kib = number(words, 11);
  execution->survivors = (uint32_t)number(words, 12);
  for (int at = 13; words[at]; at += 2) {
    struct leftover *leftover = &execution->leftovers[execution->leftover_count++];
    leftover->pid = (int32_t)number(words, at);
    /* The first letter is no part of the name, so that the name may be empty. */
    size_t n = from_hex(words[at + 1] + 1, (uint8_t *)leftover->command);
    leftover->command[n] = 0;
  }
  send_exit(execution);
}

static void write_output(struct execution *execution, char **words) {
  int stream = (int)number(words, 2) - 1;
  struct spool *spool = &execution->output[stream];
  if (!spool_open(spool, 64 * 1024)) exit(2);
  spool->base = spool->sent = spool->end = number(words, 3);
  uint8_t *at = NULL;
  size_t n = from_hex(words[4], frame);
  if (spool_room(spool, &at) < n) exit(2);
  memcpy(at, frame, n);
  spool_filled(spool, n);
  send_output(execution, stream);
  spool_close(spool);
}

static void write_frame(char **words) {
  static struct execution execution;
  memset(&execution, 0, sizeof execution);
  execution.channel = (uint32_t)number(words, 1);
  const char *type = words[0];
  if (!strcmp(type, "hello")) {
    from_hex(words[1], guard.instance);
    send_hello();
  } else if (!strcmp(type, "started")) {
    execution.main_pid = (int)number(words, 2);
    send_started(&execution);
  } else if (!strcmp(type, "refused")) {
    send_refused(execution.channel, (struct failure){(enum refusal)number(words, 2), (int)number(words, 3)});
  } else if (!strcmp(type, "attached")) {
    set_state(&execution, words, 2);
    send_state(FRAME_ATTACHED, &execution);
  } else if (!strcmp(type, "unknown")) {
    send_channel(FRAME_UNKNOWN, execution.channel);
  } else if (!strcmp(type, "out")) {
    write_output(&execution, words);
  } else if (!strcmp(type, "in-ack")) {
    execution.input.base = number(words, 2);
    send_input_ack(&execution);
  } else if (!strcmp(type, "exit")) {
    write_exit(&execution, words);
  } else if (!strcmp(type, "state")) {
    from_hex(words[1], (uint8_t *)execution.id);
    set_state(&execution, words, 2);
    send_state(FRAME_STATE, &execution);
  } else if (!strcmp(type, "listed")) {
    guard.list_at = 0;
    fill_out();
  } else if (!strcmp(type, "pong")) {
    send_pong(number(words, 1));
  } else if (!strcmp(type, "error")) {
    size_t n = from_hex(words[1], frame);
    frame[n] = 0;
    send_error((const char *)frame);
  }
  print_hex(out, guard.out_used);
  guard.out_used = 0;
}

int main(void) {
  /* Any descriptor does: nothing is sent. */
  guard.connection = 0;
  guard.list_at = -1;
  while (fgets(line, sizeof line, stdin)) {
    char *words[MOST_WORDS] = {0};
    int count = 0;
    for (char *word = strtok(line, " \n"); word && count < MOST_WORDS - 1; word = strtok(NULL, " \n")) words[count++] = word;
    if (count > 1 && !strcmp(words[0], "read")) read_frame(words[1]);
    else if (count > 1 && !strcmp(words[0], "write")) write_frame(words + 1);
    else return 2;
    printf("\n");
  }
  return fflush(stdout) == 0 ? 0 : 2;
}
