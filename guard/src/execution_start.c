#include "execution.h"

#include "idle.h"
#include "oom_kills.h"
#include "sys.h"
#include "text.h"

enum { SMALLEST_SPOOL = 64 * 1024, LARGEST_SPOOL = 64 * 1024 * 1024, FILES_KEPT_FREE = 32 };

/* What run-init and the script get, and what the guard keeps. */
struct ends {
  struct launch_streams script;
  int control;
};

static void close_script_ends(struct ends *ends) {
  sys_close(ends->script.in);
  sys_close(ends->script.out);
  sys_close(ends->script.error);
  sys_close(ends->script.terminal);
  sys_close(ends->control);
}

static int no_wait(int fd) { return sys_fcntl(fd, F_SETFL, O_NONBLOCK); }

static int open_terminal(struct execution *execution, struct ends *ends, const struct start_frame *start) {
  int master = sys_open("/dev/ptmx", O_RDWR | O_NOCTTY, 0);
  if (master < 0) return master;
  execution->streams[0] = master;
  int locked = 0;
  int result = sys_ioctl(master, TIOCSPTLCK, (long)&locked);
  if (result < 0) return result;
  ends->script.terminal = sys_ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends->script.terminal < 0) return ends->script.terminal;
  execution_resize(execution, start->columns, start->rows);
  execution->input_fd = sys_fcntl(master, F_DUPFD_CLOEXEC, 3);
  return execution->input_fd < 0 ? execution->input_fd : no_wait(master);
}

static int open_pipe(int *kept, int *given, bool guard_reads) {
  int pipe[2];
  int result = sys_pipe(pipe);
  if (result < 0) return result;
  *kept = pipe[guard_reads ? 0 : 1];
  *given = pipe[guard_reads ? 1 : 0];
  return no_wait(*kept);
}

static int open_pipes(struct execution *execution, struct ends *ends, bool input) {
  int result = open_pipe(&execution->streams[0], &ends->script.out, true);
  if (result >= 0) result = open_pipe(&execution->streams[1], &ends->script.error, true);
  if (result < 0) return result;
  return input ? open_pipe(&execution->input_fd, &ends->script.in, false) : 0;
}

static int open_control(struct execution *execution, struct ends *ends) {
  int pair[2];
  int result = (int)SYS4(__NR_socketpair, SYS_AF_UNIX, SYS_SOCK_SEQPACKET | SYS_SOCK_CLOEXEC, 0, pair);
  if (result < 0) return result;
  execution->control = pair[0];
  ends->control = pair[1];
  return 0;
}

/* The kernel gives the lowest number there is; some must be left, or the server could not come back. */
static bool is_file_left(int newest) {
  struct rlimit64 limit = {0, 0};
  return SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0 || (uint64_t)newest + FILES_KEPT_FREE < limit.rlim_cur;
}

static bool open_spools(struct execution *execution, uint32_t bytes) {
  size_t size = bytes < SMALLEST_SPOOL ? SMALLEST_SPOOL : bytes > LARGEST_SPOOL ? LARGEST_SPOOL : bytes;
  size = (size + 4095) & ~(size_t)4095;
  if (!spool_open(&execution->output[0], size)) return false;
  return execution->terminal || spool_open(&execution->output[1], size);
}

static struct failure make_init(struct execution *execution, struct ends *ends, struct launch *launch) {
  int result = open_control(execution, ends);
  if (result >= 0) result = sys_fork();
  if (result == 0) run_init(launch, &ends->script, ends->control);
  execution->init_pid = result < 0 ? 0 : result;
  return (struct failure){result < 0 ? REFUSED_PROCESS : 0, result < 0 ? -result : 0};
}

static struct failure start_in(struct execution *execution, struct ends *ends, const struct start_frame *start, char **inherited) {
  static struct launch launch;
  if (!open_spools(execution, start->spool_bytes)) return (struct failure){REFUSED_MEMORY, ENOMEM};
  bool input = (start->flags & START_STDIN) != 0;
  if ((input || execution->terminal) && !spool_open(&execution->input, INPUT_WINDOW)) return (struct failure){REFUSED_MEMORY, ENOMEM};
  int result = execution->terminal ? open_terminal(execution, ends, start) : open_pipes(execution, ends, input);
  if (result < 0) return (struct failure){execution->terminal ? REFUSED_TERMINAL : REFUSED_PROCESS, -result};
  if (!is_file_left(execution->terminal ? ends->script.terminal : ends->script.error)) return (struct failure){REFUSED_PROCESS, EMFILE};
  struct failure failure = launch_prepare(&launch, start, inherited);
  if (failure.refusal) return failure;
  memcpy(execution->script_path, launch.script_path, sizeof execution->script_path);
  execution->oom_before = oom_kills_count();
  if (!idle_take(&launch, &ends->script, &execution->init_pid, &execution->control)) failure = make_init(execution, ends, &launch);
  launch_forget(&launch);
  return failure;
}

struct failure execution_start(struct execution *execution, const struct start_frame *start, char **inherited, int64_t now_ms) {
  execution_clear(execution);
  memcpy(execution->id, start->id.at, start->id.n);
  execution->terminal = (start->flags & START_TERMINAL) != 0;
  execution->waits_for_survivors = (start->flags & START_WAIT_FOR_SURVIVORS) != 0;
  execution->grace_ms = start->grace_ms;
  execution->stop_unsent_ms = -1;
  execution->room_left = start->output_limit;
  execution->deadline_ms = start->timeout_ms ? now_ms + start->timeout_ms : -1;
  execution->drain_until_ms = -1;
  execution->speaks_at_ms = INT64_MAX;
  execution->how = ENDED_UNKNOWN;
  struct ends ends = {.script = {-1, -1, -1, -1}, .control = -1};
  struct failure failure = start_in(execution, &ends, start, inherited);
  close_script_ends(&ends);
  if (failure.refusal) execution_forget(execution);
  else execution->state = EXECUTION_STARTING;
  return failure;
}
