#include "connection.h"

#include "guard_name.h"
#include "orders.h"
#include "outbox.h"
#include "text.h"

void end_connection(void) {
  sys_close(guard.connection);
  guard.connection = -1;
  guard.in_used = guard.out_used = guard.out_sent = 0;
  guard.list_at = -1;
  guard.connection_blocked = false;
  sys_unmap(guard.large, guard.large_size);
  guard.large = NULL;
  guard.large_size = guard.large_used = 0;
  for (int i = 0; i < guard.highest; i++) executions[i].attached = false;
}

/* Takes a frame that is larger than the usual place out of it, into one of its own. */
static bool make_large(uint32_t length) {
  long at = sys_map(length);
  if (at < 0 && at > -4096) return false;
  guard.large = (uint8_t *)at;
  guard.large_size = length;
  guard.large_used = guard.in_used - 4;
  memcpy(guard.large, in + 4, guard.large_used);
  guard.in_used = 0;
  return true;
}

static void take_frames(void) {
  size_t at = 0;
  while (guard.connection >= 0 && guard.in_used - at >= 4) {
    uint32_t length = frame_length(in + at);
    if (length == 0 || length > MOST_FRAME_IN) {
      end_connection();
      return;
    }
    if (guard.in_used - at >= 4 + (size_t)length) {
      bool is_start = in[at + 4] == FRAME_START;
      take_frame(in[at + 4], in + at + FRAME_HEADER, length - 1);
      /* Parameters may be secrets. */
      if (is_start) bytes_wipe(in + at, 4 + (size_t)length);
      at += 4 + (size_t)length;
      continue;
    }
    if (length + 4 <= IN_BYTES) break;
    memmove(in, in + at, guard.in_used - at);
    guard.in_used -= at;
    if (!make_large(length)) end_connection();
    return;
  }
  if (guard.connection < 0) return;
  memmove(in, in + at, guard.in_used - at);
  guard.in_used -= at;
}

static void take_large(void) {
  take_frame(guard.large[0], guard.large + 1, guard.large_size - 1);
  /* Parameters may be secrets. */
  bytes_wipe(guard.large, guard.large_size);
  sys_unmap(guard.large, guard.large_size);
  guard.large = NULL;
  guard.large_size = guard.large_used = 0;
}

void read_connection(void) {
  for (int rounds = 0; guard.connection >= 0 && rounds < 8; rounds++) {
    uint8_t *at = guard.large ? guard.large + guard.large_used : in + guard.in_used;
    size_t room = guard.large ? guard.large_size - guard.large_used : IN_BYTES - guard.in_used;
    long n = sys_read(guard.connection, at, room);
    if (n == -EAGAIN) return;
    if (n <= 0) {
      end_connection();
      return;
    }
    if (!guard.large) {
      guard.in_used += (size_t)n;
      take_frames();
    } else {
      guard.large_used += (size_t)n;
      if (guard.large_used == guard.large_size) take_large();
    }
    /* Less than there was room for is all there was. */
    if ((size_t)n < room) return;
  }
}

void refuse_waiting(struct waiting *one) {
  sys_close(one->fd);
  bytes_wipe(one->frame, sizeof one->frame);
  one->fd = -1;
}

/* The newest one that knows the secret is the server; what an older one had still on its way is void. */
static void welcome(struct waiting *one) {
  unwatch(one->fd);
  end_connection();
  guard.connection = one->fd;
  bytes_wipe(one->frame, sizeof one->frame);
  one->fd = -1;
  if (watch(guard.connection, EPOLLIN, WATCH_CONNECTION, 0) < 0) {
    end_connection();
    return;
  }
  send_hello();
}

void read_waiting(struct waiting *one) {
  long n = sys_read(one->fd, one->frame + one->used, sizeof one->frame - one->used);
  if (n == -EAGAIN) return;
  if (n > 0) one->used += (size_t)n;
  bool begins_well = n > 0 && (one->used < FRAME_HEADER || (frame_length(one->frame) == sizeof one->frame - 4 && one->frame[4] == FRAME_AUTH));
  if (begins_well && one->used < sizeof one->frame) return;
  struct auth_frame auth;
  bool known = begins_well &&
               read_auth(one->frame + FRAME_HEADER, sizeof one->frame - FRAME_HEADER, &auth) && auth.protocol == PROTOCOL_VERSION &&
               bytes_equal_slowly(auth.secret.at, guard.secret, SECRET_BYTES);
  if (known) welcome(one);
  else refuse_waiting(one);
}

void accept_waiting(void) {
  int fd = (int)SYS4(__NR_accept4, guard.listener, NULL, NULL, SYS_SOCK_NONBLOCK | SYS_SOCK_CLOEXEC);
  if (fd < 0) return;
  for (int i = 0; i < MOST_WAITING; i++) {
    if (waiting[i].fd >= 0) continue;
    if (!is_same_user(fd) || watch(fd, EPOLLIN, WATCH_WAITING, i) < 0) break;
    waiting[i] = (struct waiting){.fd = fd, .until_ms = sys_now_ms() + AUTH_WITHIN_MS, .used = 0};
    return;
  }
  sys_close(fd);
}
