#include "run_init.h"

#include "process_tree.h"
#include "sys.h"
#include "text.h"

enum {
  /* What a script leaves may still end by itself: the other end of its last pipe, as a rule. */
  SURVIVORS_MAY_END_MS = 200,
  SURVIVORS_GRACE_MS = 1000,
  KILL_AGAIN_MS = 20,
  /* After this many rounds without success a process is called a leftover, and looked at less often. */
  KILL_ROUNDS = 50,
  STUCK_AGAIN_MS = 1000,
  /* Where nobody tells which are open. */
  MOST_OPEN_FILES = 65536,
};

enum phase { RUNNING, SURVIVORS, TERMINATING, KILLING, STUCK };

struct init {
  const struct launch *launch;
  int control;
  int children;
  int main_pid;
  bool main_ended;
  enum phase phase;
  /* When the phase has lasted long enough; -1 for never. */
  int64_t due_ms;
  int rounds;
  int survivors;
  uint64_t cpu_us;
  uint64_t rss_kib;
};

static struct process found[MOST_TREE];

static void tell(struct init *init, struct init_message message) {
  if (init->control < 0) return;
  message.cpu_us = init->cpu_us;
  message.rss_kib = init->rss_kib;
  long sent;
  do sent = SYS6(__NR_sendto, init->control, &message, sizeof message, SYS_MSG_NOSIGNAL, NULL, 0);
  while (sent == -EINTR);
}

static void go_to(struct init *init, enum phase phase, int64_t ms) {
  init->phase = phase;
  init->due_ms = sys_now_ms() + ms;
}

/* A signal to everything of the script; gives how many processes there were. */
static int signal_all(int signal) {
  int count = tree_find(sys_getpid(), found, MOST_TREE);
  for (int i = 0; i < count; i++) (void)process_signal(&found[i], signal);
  return count > 0 ? count : 0;
}

static void stop(struct init *init, int64_t grace_ms) {
  if (init->phase >= KILLING) return;
  if (init->phase == TERMINATING && init->due_ms <= sys_now_ms() + grace_ms) return;
  signal_all(SIGTERM);
  /* One that stands still would not notice. */
  signal_all(SIGCONT);
  go_to(init, TERMINATING, grace_ms);
}

/* Everything is stopped first, so that nothing can fork while it is killed. */
static void kill_round(struct init *init) {
  signal_all(SIGSTOP);
  signal_all(SIGKILL);
  go_to(init, init->phase, init->phase == STUCK ? STUCK_AGAIN_MS : KILL_AGAIN_MS);
}

static void name_leftovers(struct init *init) {
  int count = tree_find(sys_getpid(), found, MOST_TREE);
  for (int i = 0; i < count && i < 32; i++) {
    struct init_message message = {.word = INIT_LEFT, .a = found[i].pid};
    memcpy(message.text, found[i].command, sizeof message.text);
    tell(init, message);
  }
  tell(init, (struct init_message){.word = INIT_STUCK, .a = init->survivors});
}

static void when_due(struct init *init) {
  if (init->phase == SURVIVORS) {
    init->survivors = signal_all(SIGTERM);
    go_to(init, TERMINATING, SURVIVORS_GRACE_MS);
  } else if (init->phase == TERMINATING) {
    init->phase = KILLING;
    kill_round(init);
  } else if (init->phase == KILLING) {
    if (++init->rounds == KILL_ROUNDS) {
      name_leftovers(init);
      init->phase = STUCK;
    }
    kill_round(init);
  } else if (init->phase == STUCK) {
    kill_round(init);
  }
}

static void add_usage(struct init *init, const struct rusage *usage) {
  init->cpu_us += (uint64_t)usage->ru_utime.tv_sec * 1000000 + (uint64_t)usage->ru_utime.tv_usec;
  init->cpu_us += (uint64_t)usage->ru_stime.tv_sec * 1000000 + (uint64_t)usage->ru_stime.tv_usec;
  if ((uint64_t)usage->ru_maxrss > init->rss_kib) init->rss_kib = (uint64_t)usage->ru_maxrss;
}

static void main_ended(struct init *init, int status) {
  init->main_ended = true;
  int signal = status & 0x7f;
  tell(init, (struct init_message){.word = INIT_ENDED, .a = signal != 0, .b = signal ? signal : status >> 8 & 0xff});
  if (init->phase == RUNNING && !(init->launch->flags & START_WAIT_FOR_SURVIVORS))
    go_to(init, SURVIVORS, SURVIVORS_MAY_END_MS);
}

/* Takes all children that have ended; false when there is none left. */
static bool reap(struct init *init) {
  for (;;) {
    int status = 0;
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    int pid = sys_wait(-1, &status, WNOHANG, &usage);
    if (pid == 0) return true;
    if (pid < 0) return false;
    add_usage(init, &usage);
    if (pid == init->main_pid) main_ended(init, status);
  }
}

static void signal_script(struct init *init, int signal, bool all) {
  if (signal < 1 || signal > 64 || init->main_ended) return;
  if (all) signal_all(signal);
  else (void)sys_kill(-init->main_pid, signal);
}

static void take_orders(struct init *init) {
  struct init_message message;
  long n = SYS6(__NR_recvfrom, init->control, &message, sizeof message, SYS_MSG_DONTWAIT, NULL, NULL);
  if (n == sizeof message) {
    if (message.word == INIT_STOP) stop(init, message.a);
    if (message.word == INIT_SIGNAL) signal_script(init, message.a, message.b != 0);
    return;
  }
  if (n == -EAGAIN || n == -EINTR) return;
  /* The guard is gone: nobody would ever hear of this script again. */
  sys_close(init->control);
  init->control = -1;
  launch_remove_script(init->launch->script_path);
  stop(init, SURVIVORS_GRACE_MS);
}

static void look_after(struct init *init) {
  while (reap(init)) {
    int64_t wait_ms = -1;
    if (init->due_ms >= 0) {
      wait_ms = init->due_ms - sys_now_ms();
      if (wait_ms < 0) wait_ms = 0;
    }
    struct pollfd fds[2] = {{.fd = init->children, .events = POLLIN}, {.fd = init->control, .events = POLLIN}};
    int ready = sys_poll(fds, 2, wait_ms);
    if (ready > 0 && fds[0].revents) {
      struct signalfd_siginfo info;
      (void)sys_read(init->children, &info, sizeof info);
    }
    if (ready > 0 && fds[1].revents) take_orders(init);
    if (init->due_ms >= 0 && sys_now_ms() >= init->due_ms) when_due(init);
  }
}

/* The descriptors that this script and its run-init need; the first three are nowhere. */
struct kept {
  int fds[7];
};

static void close_unless_kept(const struct kept *kept, int fd) {
  if (fd < 3) return;
  for (size_t i = 0; i < sizeof kept->fds / sizeof *kept->fds; i++)
    if (kept->fds[i] == fd) return;
  sys_close(fd);
}

/* Closes everything but the few that are named: what belongs to other scripts must end when they do. */
static void close_others(const struct kept *kept) {
  int fds = sys_open("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
  if (fds < 0) {
    for (int fd = 3; fd < MOST_OPEN_FILES; fd++) close_unless_kept(kept, fd);
    return;
  }
  char list[2048] __attribute__((aligned(8)));
  long n;
  while ((n = SYS3(__NR_getdents64, fds, list, sizeof list)) > 0) {
    for (long at = 0; at < n;) {
      const struct sys_dirent *entry = (const struct sys_dirent *)(const void *)(list + at);
      at += entry->length;
      uint64_t fd;
      if (text_to_number(entry->name, &fd) > 0 && (int)fd != fds) close_unless_kept(kept, (int)fd);
    }
  }
  sys_close(fds);
}

static void close_streams(const struct launch_streams *streams) {
  sys_close(streams->in);
  sys_close(streams->out);
  sys_close(streams->error);
  sys_close(streams->terminal);
}

/* Starts the script; waits until it has become its interpreter, or has said why not. */
static struct failure start_script(struct init *init, const struct launch_streams *streams) {
  int report[2];
  struct failure failure = {.refusal = REFUSED_PROCESS, .error = sys_pipe(report)};
  if (failure.error < 0) return failure;
  int pid = sys_fork();
  if (pid == 0) {
    sys_close(report[0]);
    sys_close(init->control);
    launch_become(init->launch, streams, report[1]);
  }
  sys_close(report[1]);
  close_streams(streams);
  failure = (struct failure){.refusal = REFUSED_PROCESS, .error = pid < 0 ? -pid : 0};
  long n = pid < 0 ? (long)sizeof failure : sys_read(report[0], &failure, sizeof failure);
  sys_close(report[0]);
  init->main_pid = pid;
  if (n == 0) failure = (struct failure){.refusal = 0, .error = 0};
  return failure;
}

_Noreturn void run_init(const struct launch *launch, const struct launch_streams *streams, int control) {
  (void)SYS0(__NR_setsid);
  (void)sys_prctl(PR_SET_NAME, (unsigned long)"deckhand-init");
  struct init init = {.launch = launch, .control = control, .phase = RUNNING, .due_ms = -1};
  const struct kept kept = {{control, streams->in, streams->out, streams->error, streams->terminal, launch->script_fd, launch->prelude_fd}};
  close_others(&kept);
  init.children = -1;
  int adopts = sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
  uint64_t ours = sys_signal_bit(SIGCHLD);
  /* Also what would end it: only SIGKILL does. */
  (void)sys_block_signals(~0ULL);
  init.children = (int)SYS4(__NR_signalfd4, -1, &ours, sizeof ours, O_CLOEXEC | O_NONBLOCK);
  struct failure failure = {.refusal = REFUSED_PROCESS, .error = adopts < 0 ? -adopts : init.children < 0 ? -init.children : 0};
  if (adopts >= 0 && init.children >= 0) failure = start_script(&init, streams);
  if (failure.refusal) {
    tell(&init, (struct init_message){.word = INIT_FAILED, .a = (int32_t)failure.refusal, .b = failure.error});
    while (sys_wait(-1, NULL, 0, NULL) > 0) continue;
    sys_exit(0);
  }
  tell(&init, (struct init_message){.word = INIT_STARTED, .a = init.main_pid});
  look_after(&init);
  tell(&init, (struct init_message){.word = INIT_DONE, .a = init.survivors});
  sys_exit(0);
}
