#include "bridge.h"

#include "guard_name.h"
#include "sys.h"
#include "text.h"

enum {
  CONNECT_WITHIN_MS = 15000,
  CONNECT_AGAIN_MS = 2,
  /* The server speaks every 5 s; an engine that was killed leaves streams that never end. */
  SILENCE_MS = 25000,
  STALL_MS = 30000,
  PIECE_BYTES = 64 * 1024,
};

struct direction {
  int from;
  int to;
  size_t used;
  size_t sent;
  int64_t moved_ms;
  bool ended;
  uint8_t bytes[PIECE_BYTES];
};

static struct direction inwards;
static struct direction outwards;

static void say(const char *word) {
  char words[64];
  struct text text = text_in(words, sizeof words);
  text_add(&text, "deckhand-guard ");
  text_add(&text, word);
  text_add(&text, "\n");
  (void)sys_write(1, words, text.used);
}

/* Waits for the guard; the server hears that there is none, and starts one. */
static int connect_to_guard(const struct sockaddr_un *address, int n) {
  int socket = (int)SYS3(__NR_socket, SYS_AF_UNIX, SYS_SOCK_STREAM | SYS_SOCK_CLOEXEC | SYS_SOCK_NONBLOCK, 0);
  if (socket < 0) return socket;
  int64_t until = sys_now_ms() + CONNECT_WITHIN_MS;
  bool told = false;
  for (;;) {
    long result = SYS3(__NR_connect, socket, address, n);
    if (result >= 0) return socket;
    if (result != -ECONNREFUSED && result != -EAGAIN && result != -EINTR) return (int)result;
    if (!told) say("absent");
    told = true;
    if (sys_now_ms() >= until) return (int)result;
    (void)sys_poll(NULL, 0, CONNECT_AGAIN_MS);
  }
}

/* False when this direction is over. */
static bool fill(struct direction *way, int64_t now) {
  long n = sys_read(way->from, way->bytes, sizeof way->bytes);
  if (n == -EAGAIN) return true;
  if (n <= 0) return false;
  way->used = (size_t)n;
  way->sent = 0;
  way->moved_ms = now;
  return true;
}

static bool drain(struct direction *way, int64_t now) {
  while (way->sent < way->used) {
    long n = sys_write(way->to, way->bytes + way->sent, way->used - way->sent);
    if (n == -EAGAIN) return true;
    if (n < 0) return false;
    way->sent += (size_t)n;
    way->moved_ms = now;
  }
  way->used = way->sent = 0;
  return true;
}

/* One step; false when the direction is over. */
static bool step(struct direction *way, const struct pollfd *reads, const struct pollfd *writes, int64_t now) {
  if (way->used == 0 && reads->revents && !fill(way, now)) return false;
  if (way->used > 0 && (writes->revents || reads->revents) && !drain(way, now)) return false;
  return true;
}

static void carry(void) {
  for (;;) {
    struct pollfd fds[4] = {
        {.fd = inwards.used == 0 ? inwards.from : -1, .events = POLLIN},
        {.fd = inwards.used > 0 ? inwards.to : -1, .events = POLLOUT},
        {.fd = outwards.used == 0 ? outwards.from : -1, .events = POLLIN},
        {.fd = outwards.used > 0 ? outwards.to : -1, .events = POLLOUT},
    };
    int ready = sys_poll(fds, 4, 1000);
    int64_t now = sys_now_ms();
    if (ready > 0 && (!step(&inwards, &fds[0], &fds[1], now) || !step(&outwards, &fds[2], &fds[3], now))) return;
    /* Only when nothing was ready: after a pause of the container the clock has run and the streams have not. */
    if (ready == 0 && now - inwards.moved_ms > SILENCE_MS) return;
    if (ready == 0 && outwards.used > 0 && now - outwards.moved_ms > STALL_MS) return;
  }
}

_Noreturn void bridge_main(char **environment) {
  struct sockaddr_un address;
  int n = guard_address(environment, &address);
  (void)sys_block_signals(sys_signal_bit(SIGPIPE) | sys_signal_bit(SIGHUP));
  int socket = n < 0 ? n : connect_to_guard(&address, n);
  if (socket < 0) {
    say("unreachable");
    sys_exit(0);
  }
  if (!is_same_user(socket)) {
    say("foreign");
    sys_exit(0);
  }
  say("open");
  int64_t now = sys_now_ms();
  inwards.from = 0;
  inwards.to = outwards.from = socket;
  outwards.to = 1;
  inwards.moved_ms = outwards.moved_ms = now;
  /* A stream that can not be told so is read when it is ready only, which is as good. */
  for (int fd = 0; fd < 2; fd++) (void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
  carry();
  sys_exit(0);
}
