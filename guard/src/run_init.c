#include "run_init.h"

#include "become.h"
#include "handover.h"
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
  SCRIPT_STACK_BYTES = 32 * 1024,
};

enum phase { RUNNING, SURVIVORS, TERMINATING, KILLING, STUCK };

struct init {
  struct launch *launch;
  struct launch_streams *streams;
  int control;
  int children;
  /* To the script's process until it has become its interpreter: nothing of it is copied then. Only root can. */
  bool lends_memory;
  /* For a script without input. */
  int nowhere;
  /* Why a script could not be started; in memory that a child shares. */
  struct failure *report;
  int main_pid;
  /* As in init_message; its end is told at once only when others are left. */
  int32_t ended;
  int32_t value;
  bool end_told;
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
  message.ended = init->ended;
  message.value = init->value;
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
  int signal = status & 0x7f;
  init->ended = signal ? 2 : 1;
  init->value = signal ? signal : status >> 8 & 0xff;
}

/* Where nothing is left, INIT_DONE says all. */
static void tell_end(struct init *init) {
  if (!init->ended || init->end_told) return;
  init->end_told = true;
  tell(init, (struct init_message){.word = INIT_ENDED});
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
  if (signal < 1 || signal > 64 || init->ended) return;
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

static void wait_for_something(struct init *init) {
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

/* Until nothing of the script runs any more. */
static void look_after(struct init *init) {
  for (;;) {
    wait_for_something(init);
    if (!reap(init)) return;
    tell_end(init);
  }
}

/* The descriptors that the first script and its run-init need; the first three are nowhere. */
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

static void close_streams(const struct init *init) {
  sys_close(init->streams->in);
  sys_close(init->streams->out);
  sys_close(init->streams->error);
  sys_close(init->streams->terminal);
  sys_close(init->launch->script_fd);
  sys_close(init->launch->prelude_fd);
}

static void become(void *of) {
  const struct init *init = of;
  /* What /proc has of a process that hides its memory belongs to root, its memory score too. */
  if (!init->lends_memory) (void)sys_prctl(PR_SET_DUMPABLE, 1);
  struct launch_streams streams = *init->streams;
  if (streams.in < 0) streams.in = init->nowhere;
  launch_become(init->launch, &streams, init->report);
}

/* Starts the script; waits until it has become its interpreter, or has said why not. */
static struct failure start_script(struct init *init) {
  static uint8_t stack[SCRIPT_STACK_BYTES] __attribute__((aligned(16)));
  *init->report = (struct failure){.refusal = 0, .error = 0};
  init->main_pid = sys_spawn(init->lends_memory ? CLONE_VM : 0, stack + sizeof stack, become, init);
  close_streams(init);
  launch_wipe(init->launch);
  if (init->main_pid < 0) return (struct failure){.refusal = REFUSED_PROCESS, .error = -init->main_pid};
  return *init->report;
}

_Noreturn static void give_up(struct init *init, struct failure failure) {
  tell(init, (struct init_message){.word = INIT_FAILED, .a = (int32_t)failure.refusal, .b = failure.error});
  while (sys_wait(-1, NULL, 0, NULL) > 0) continue;
  sys_exit(0);
}

/* One script from its first process to its last; what the one before has left is forgotten. */
static void run(struct init *init) {
  init->ended = init->value = init->survivors = init->rounds = 0;
  init->end_told = false;
  init->phase = RUNNING;
  init->due_ms = -1;
  init->cpu_us = init->rss_kib = 0;
  struct failure failure = start_script(init);
  if (failure.refusal) give_up(init, failure);
  tell(init, (struct init_message){.word = INIT_STARTED, .a = init->main_pid});
  look_after(init);
  tell(init, (struct init_message){.word = INIT_DONE, .a = init->survivors});
}

/* What failed, as -errno, or 0. */
static int get_ready(struct init *init) {
  int adopts = sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (adopts < 0) return adopts;
  /* Also what would end it: only SIGKILL does. */
  (void)sys_block_signals(~0ULL);
  uint64_t ours = sys_signal_bit(SIGCHLD);
  init->children = (int)SYS4(__NR_signalfd4, -1, &ours, sizeof ours, O_CLOEXEC | O_NONBLOCK);
  if (init->children < 0) return init->children;
  init->nowhere = sys_open("/dev/null", O_RDONLY, 0);
  if (init->nowhere < 0) return init->nowhere;
  long page = sys_map_shared(sizeof *init->report);
  init->report = (struct failure *)page;
  return page < 0 && page > -4096 ? (int)page : 0;
}

_Noreturn void run_init(struct launch *launch, struct launch_streams *streams, int control) {
  (void)SYS0(__NR_setsid);
  (void)sys_prctl(PR_SET_NAME, (unsigned long)"deckhand-init");
  struct init init = {.launch = launch, .streams = streams, .control = control, .lends_memory = SYS0(__NR_geteuid) == 0};
  const struct kept kept = {{control, streams->in, streams->out, streams->error, streams->terminal, launch->script_fd, launch->prelude_fd}};
  close_others(&kept);
  int error = get_ready(&init);
  if (error < 0) give_up(&init, (struct failure){.refusal = REFUSED_PROCESS, .error = -error});
  for (;;) {
    run(&init);
    /* Who had to name what it could not end is not trusted with another one. */
    if (init.control < 0 || init.phase == STUCK) sys_exit(0);
    enum handover next;
    do next = handover_receive(init.control, launch, streams);
    while (next == HANDOVER_NONE);
    if (next == HANDOVER_OVER) sys_exit(0);
    if (next == HANDOVER_CUT) give_up(&init, (struct failure){.refusal = REFUSED_PROCESS, .error = EMFILE});
  }
}
