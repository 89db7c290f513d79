#include "become.h"

#include "sys.h"
#include "text.h"

_Noreturn static void fail(struct failure *report, enum refusal refusal, long error) {
  *report = (struct failure){.refusal = refusal, .error = (int)-error};
  sys_exit(0);
}

static void set_oom_score(int32_t score) {
  char words[24];
  struct text text = text_in(words, sizeof words);
  if (score < 0) text_add(&text, "-");
  text_add_number(&text, (uint64_t)(score < 0 ? -(int64_t)score : score));
  int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY, 0);
  if (fd < 0) return;
  (void)sys_write(fd, words, text.used);
  sys_close(fd);
}

static int set_limit(int resource, uint64_t most) {
  struct rlimit64 now = {0, 0};
  int result = (int)SYS4(__NR_prlimit64, 0, resource, NULL, &now);
  if (result < 0) return result;
  if (most > now.rlim_max) most = now.rlim_max;
  /* A second of CPU time more before the kernel kills, so that SIGXCPU can be caught. */
  struct rlimit64 limit = {.rlim_cur = most, .rlim_max = resource == RLIMIT_CPU ? most + 1 : most};
  if (limit.rlim_max > now.rlim_max) limit.rlim_max = now.rlim_max;
  return (int)SYS4(__NR_prlimit64, 0, resource, &limit, NULL);
}

static void set_limits(const struct launch *launch, struct failure *report) {
  static const int resources[LIMITS] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC};
  if (launch->open_files.rlim_max > 0) (void)SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, &launch->open_files, NULL);
  for (int limit = 0; limit < LIMITS; limit++) {
    if (launch->limits[limit] == UNSET_U64) continue;
    int result = set_limit(resources[limit], launch->limits[limit]);
    if (result < 0) fail(report, REFUSED_LIMIT, result);
  }
  if (launch->nice != UNSET_I32) {
    int result = (int)SYS3(__NR_setpriority, PRIO_PROCESS, 0, launch->nice);
    if (result < 0) fail(report, REFUSED_LIMIT, result);
  }
  if (launch->umask != UNSET_I32) (void)SYS1(__NR_umask, launch->umask);
  /* Some sandboxes have no such file: then there is nobody who would read the score either. */
  if (launch->oom_score != UNSET_I32) set_oom_score(launch->oom_score);
}

static void take_streams(const struct launch_streams *streams, struct failure *report) {
  int from[3] = {streams->in, streams->out, streams->error};
  if (streams->terminal >= 0) {
    int result = sys_ioctl(streams->terminal, TIOCSCTTY, 0);
    if (result < 0) fail(report, REFUSED_TERMINAL, result);
    for (int i = 0; i < 3; i++) from[i] = streams->terminal;
  }
  for (int i = 0; i < 3; i++) {
    int result = sys_dup_to(from[i], i, 0);
    if (result < 0) fail(report, REFUSED_PROCESS, result);
  }
}

/* One that may lie where the other belongs goes out of the way first. */
static void take_scripts(const struct launch *launch, struct failure *report) {
  const int to[2] = {SCRIPT_FD, PRELUDE_FD};
  int from[2] = {launch->script_fd, launch->prelude_fd};
  for (int i = 0; i < 2; i++)
    if (from[i] >= SCRIPT_FD && (from[i] = sys_fcntl(from[i], F_DUPFD_CLOEXEC, PRELUDE_FD + 1)) < 0) fail(report, REFUSED_EXEC, from[i]);
  for (int i = 0; i < 2; i++) {
    int result = from[i] < 0 ? 0 : sys_dup_to(from[i], to[i], 0);
    if (result < 0) fail(report, REFUSED_EXEC, result);
  }
}

/* What a shell says and gives for a program that can not be executed. */
_Noreturn static void tell_as_shell(const char *program, int error) {
  char words[512];
  struct text text = text_in(words, sizeof words - 1);
  text_add(&text, "deckhand: ");
  text_add(&text, program);
  text_add(&text, error == -ENOENT ? ": not found\n" : ": can not be executed\n");
  (void)sys_write(2, words, text.used);
  sys_exit(error == -ENOENT ? 127 : 126);
}

static long execute(const char *path, const struct launch *launch) {
  long result = SYS3(__NR_execve, path, launch->arguments, launch->environment);
  if (result != -ENOEXEC) return result;
  /* A text without a first line that names its interpreter is the shell's, as everywhere. */
  char *shell[64] = {(char *)(uintptr_t)"/bin/sh", (char *)(uintptr_t)path};
  for (size_t i = 1; launch->arguments[i]; i++) {
    if (i + 2 >= sizeof shell / sizeof *shell) return -E2BIG;
    shell[i + 1] = launch->arguments[i];
  }
  return SYS3(__NR_execve, shell[0], shell, launch->environment);
}

static bool is_elsewhere(long error) { return error == -ENOENT || error == -ENOTDIR || error == -EACCES; }

static long execute_found(const struct launch *launch) {
  const char *program = launch->arguments[0];
  if (has_slash(program)) return execute(program, launch);
  long result = launch->program ? execute(launch->program, launch) : -ENOENT;
  if (!is_elsewhere(result)) return result;
  result = -ENOENT;
  char path[PATH_MOST];
  for (const char *search = launch->search; next_candidate(&search, program, path);) {
    long error = execute(path, launch);
    /* What is there and may not be executed says more than what is not there. */
    if (error != -ENOENT && error != -ENOTDIR) result = error;
    if (!is_elsewhere(error)) break;
  }
  return result;
}

_Noreturn void launch_become(const struct launch *launch, const struct launch_streams *streams, struct failure *report) {
  /* A session of its own: `kill 0` and a terminal's hang-up reach the script and nothing of ours. */
  (void)SYS0(__NR_setsid);
  (void)sys_block_signals(0);
  take_streams(streams, report);
  take_scripts(launch, report);
  set_limits(launch, report);
  if (launch->directory[0]) {
    int result = (int)SYS1(__NR_chdir, launch->directory);
    if (result < 0) fail(report, REFUSED_WORKING_DIRECTORY, result);
  }
  long error = execute_found(launch);
  if (!(launch->flags & START_SCRIPT) && error != -E2BIG) tell_as_shell(launch->arguments[0], (int)error);
  fail(report, REFUSED_EXEC, error);
}
