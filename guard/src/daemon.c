#include "daemon.h"

#include "guard_name.h"
#include "launch.h"
#include "oom_kills.h"
#include "state.h"
#include "text.h"
#include "turn.h"

enum {
  /* That the kernel lets wait for us. */
  MOST_CALLERS = 64,
  LONGEST_WAIT_S = 1000000000,
};

static uint64_t seconds_of(char **environment, const char *name, uint64_t standard) {
  const char *value = environment_value(environment, name);
  uint64_t seconds;
  if (!value || text_to_number(value, &seconds) == 0) return standard;
  return seconds < LONGEST_WAIT_S ? seconds : LONGEST_WAIT_S;
}

static bool take_secret(char **environment) {
  char *secret = environment_value(environment, "DECKHAND_GUARD_SECRET");
  long page = sys_map(SECRET_BYTES);
  if (!secret || (page < 0 && page > -4096)) return false;
  (void)SYS3(__NR_madvise, page, SECRET_BYTES, MADV_WIPEONFORK);
  guard.secret = (uint8_t *)page;
  if (!text_to_bytes(secret, guard.secret, SECRET_BYTES)) return false;
  /* What /proc shows of our environment is this memory. */
  bytes_wipe(secret, strlen(secret));
  return true;
}

/* Nothing of the engine's stays open: its pipes end with the exec that started us. */
static bool leave_streams(void) {
  int nowhere = sys_open("/dev/null", O_RDWR, 0);
  if (nowhere < 0) return false;
  for (int fd = 0; fd < 3; fd++)
    if (nowhere != fd && sys_dup_to(nowhere, fd, 0) < 0) return false;
  if (nowhere > 2) sys_close(nowhere);
  return true;
}

static bool listen_at(char **environment) {
  struct sockaddr_un address;
  int n = guard_address(environment, &address);
  if (n < 0) return false;
  guard.listener = (int)SYS3(__NR_socket, SYS_AF_UNIX, SYS_SOCK_STREAM | SYS_SOCK_NONBLOCK | SYS_SOCK_CLOEXEC, 0);
  /* A name that is taken is another guard's that was there first: it does the work. */
  return guard.listener >= 0 && SYS3(__NR_bind, guard.listener, &address, n) >= 0 && SYS2(__NR_listen, guard.listener, MOST_CALLERS) >= 0;
}

static bool watch_signals(void) {
  uint64_t set = sys_signal_bit(SIGCHLD) | sys_signal_bit(SIGTERM) | sys_signal_bit(SIGINT);
  /* Nothing ends it but SIGKILL: neither a limit of its container on files or time, nor a terminal that hangs up. */
  if (sys_block_signals(~0ULL) < 0) return false;
  guard.signals = (int)SYS4(__NR_signalfd4, -1, &set, sizeof set, O_CLOEXEC | O_NONBLOCK);
  return guard.signals >= 0;
}

/* Scripts find them as they are by default; whoever started us may have ignored some. */
static void reset_signals(void) {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } standard = {.handler = NULL, .flags = 0, .restorer = NULL, .mask = 0};
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) (void)SYS4(__NR_rt_sigaction, signal, &standard, NULL, 8);
}

_Noreturn void daemon_main(char **environment) {
  guard.environment = environment;
  guard.connection = guard.list_at = -1;
  for (int i = 0; i < MOST_WAITING; i++) waiting[i].fd = -1;
  guard.idle_after_ms = (int64_t)seconds_of(environment, "DECKHAND_GUARD_IDLE_S", 600) * 1000;
  guard.keep_ended_ms = (int64_t)seconds_of(environment, "DECKHAND_GUARD_KEEP_S", 86400) * 1000;
  guard.last_look_ms = guard.last_needed_ms = sys_now_ms();
  (void)SYS0(__NR_setsid);
  (void)sys_prctl(PR_SET_DUMPABLE, 0);
  reset_signals();
  launch_get_ready();
  oom_kills_open();
  /* Should a run-init be killed, its orphans come here and not to the container's main process. */
  bool ready = leave_streams() && take_secret(environment) && sys_prctl(PR_SET_CHILD_SUBREAPER, 1) >= 0 && listen_at(environment) && watch_signals();
  if (ready) guard.epoll = (int)SYS1(__NR_epoll_create1, O_CLOEXEC);
  ready = ready && guard.epoll >= 0 && SYS3(__NR_getrandom, guard.instance, INSTANCE_BYTES, 0) == INSTANCE_BYTES;
  ready = ready && watch(guard.listener, EPOLLIN, WATCH_LISTENER, 0) >= 0 && watch(guard.signals, EPOLLIN, WATCH_SIGNALS, 0) >= 0;
  if (ready) serve();
  sys_exit(0);
}
