#include "launch.h"

#include "sys.h"
#include "text.h"

static const char DEFAULT_SEARCH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/* Four for each execution, and some. */
enum { GUARD_OPEN_FILES = 4096 };
static const struct failure NONE = {.refusal = 0, .error = 0};

static struct failure failed(enum refusal refusal, long error) {
  return (struct failure){.refusal = refusal, .error = error < 0 ? (int)-error : (int)error};
}

/* Takes memory from one block whose size was counted before. */
struct block {
  uint8_t *at;
  size_t left;
};

static void *take(struct block *block, size_t n) {
  if (n > block->left) return NULL;
  void *taken = block->at;
  block->at += n;
  block->left -= n;
  return taken;
}

static char *take_text(struct block *block, struct bytes text) {
  char *copy = take(block, text.n + 1);
  if (!copy) return NULL;
  memcpy(copy, text.at, text.n);
  copy[text.n] = 0;
  return copy;
}

static size_t count_words(char **words) {
  size_t n = 0;
  while (words[n]) n++;
  return n;
}

/* The length of NAME in NAME=value. */
static size_t name_bytes(const char *entry) {
  size_t n = 0;
  while (entry[n] && entry[n] != '=') n++;
  return n;
}

static bool is_named_in(const char *entry, char **environment, size_t count) {
  size_t n = name_bytes(entry);
  for (size_t i = 0; i < count; i++)
    if (name_bytes(environment[i]) == n && memcmp(environment[i], entry, n) == 0) return true;
  return false;
}

/* What the frame gives, then what the container has and the frame does not name. */
static bool put_environment(struct launch *launch, struct block *block, struct texts given, char **inherited) {
  for (uint32_t i = 0; i < given.count; i++) {
    launch->environment[i] = take_text(block, next_text(&given));
    if (!launch->environment[i]) return false;
  }
  size_t count = given.count;
  for (; *inherited; inherited++)
    if (!text_begins(*inherited, "DECKHAND_GUARD_") && !is_named_in(*inherited, launch->environment, given.count))
      launch->environment[count++] = *inherited;
  launch->environment[count] = NULL;
  launch->search = DEFAULT_SEARCH;
  for (size_t i = 0; i < count; i++)
    if (text_begins(launch->environment[i], "PATH=")) launch->search = launch->environment[i] + sizeof "PATH=" - 1;
  return true;
}

/* Puts DIRECTORY/PROGRAM for the next directory of a search path into `path`; false after the last. */
static bool next_candidate(const char **search, const char *program, char path[PATH_MOST]) {
  if (!*search) return false;
  struct text text = text_in(path, PATH_MOST);
  const char *at = *search;
  while (*at && *at != ':') {
    char letter[2] = {*at++, 0};
    text_add(&text, letter);
  }
  text_add(&text, at == *search ? "./" : "/");
  text_add(&text, program);
  *search = *at ? at + 1 : NULL;
  if (text.cut) path[0] = 0;
  return true;
}

static bool has_slash(const char *program) {
  while (*program && *program != '/') program++;
  return *program != 0;
}

static bool can_run(const char *path) {
  /* A directory can be "executed" too; opening it as one tells. */
  int directory = sys_open(path, O_PATH | O_DIRECTORY, 0);
  sys_close(directory);
  return directory < 0 && sys_access(path, SYS_X_OK) == 0;
}

/* Whether the search path has the program. */
static bool is_there(const char *program, const char *search) {
  if (has_slash(program)) return can_run(program);
  char path[PATH_MOST];
  while (next_candidate(&search, program, path))
    if (can_run(path)) return true;
  return false;
}

static int write_all(int fd, struct bytes content) {
  while (content.n > 0) {
    long n = sys_write(fd, content.at, content.n);
    if (n <= 0) return n < 0 ? (int)n : -EIO;
    content.at += n;
    content.n -= (size_t)n;
  }
  return 0;
}

/* A file without a name that nobody can change any more. */
static int to_memory(const char *name, struct bytes content) {
  int fd = (int)SYS2(__NR_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fd;
  int result = write_all(fd, content);
  if (result == 0) result = sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  /* A kernel that can not seal is no reason not to run. */
  if (result == 0 || result == -EINVAL) return fd;
  sys_close(fd);
  return result;
}

static const char *home_of(char **environment) {
  for (; *environment; environment++)
    if (text_begins(*environment, "HOME=/")) return *environment + sizeof "HOME=" - 1;
  return "/";
}

/* Writes the script to the first directory that takes it. */
static struct failure to_file(struct launch *launch, const struct start_frame *start) {
  /* Never a relative one: the script begins in another directory than ours. */
  static char ours[PATH_MOST];
  if (SYS2(__NR_getcwd, ours, sizeof ours) < 0 || ours[0] != '/') ours[0] = 0;
  const char *named = launch->directory[0] == '/' ? launch->directory : ours;
  const char *directories[] = {"/dev/shm", "/tmp", "/var/tmp", "/run", home_of(launch->environment), named};
  int error = -ENOENT;
  char name[MOST_ID + 1];
  memcpy(name, start->id.at, start->id.n);
  name[start->id.n] = 0;
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
    struct text path = text_in(launch->script_path, sizeof launch->script_path);
    text_add(&path, directories[i]);
    text_add(&path, "/.deckhand-");
    text_add(&path, name);
    char extension[32] = "";
    size_t n = start->extension.n < sizeof extension ? start->extension.n : 0;
    memcpy(extension, start->extension.at, n);
    extension[n] = 0;
    text_add(&path, extension);
    if (path.cut) continue;
    int fd = sys_open(launch->script_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0700);
    if (fd < 0) {
      error = fd;
      continue;
    }
    error = write_all(fd, start->script);
    sys_close(fd);
    if (error == 0) return NONE;
    (void)sys_unlink(launch->script_path);
  }
  launch->script_path[0] = 0;
  return failed(REFUSED_NO_DIRECTORY, error);
}

static struct failure put_script(struct launch *launch, const struct start_frame *start) {
  if (!(start->flags & START_SCRIPT)) return NONE;
  if (start->prelude.n > 0) {
    launch->prelude_fd = to_memory("deckhand-prelude", start->prelude);
    if (launch->prelude_fd < 0) return failed(REFUSED_NO_DIRECTORY, launch->prelude_fd);
  }
  if (!(start->flags & START_SCRIPT_AS_FILE)) launch->script_fd = to_memory("deckhand-script", start->script);
  return launch->script_fd >= 0 ? NONE : to_file(launch, start);
}

/* COMMAND FLAGS… [PRELUDE LAST-FLAG] SCRIPT ARGUMENTS… */
static struct failure put_arguments(struct launch *launch, struct block *block, const struct start_frame *start) {
  struct texts lists[] = {start->interpreter_flags, start->arguments};
  char **at = launch->arguments;
  struct texts commands = start->commands;
  for (uint32_t i = 0; i < commands.count && !*at; i++) {
    char *command = take_text(block, next_text(&commands));
    if (!command) return failed(REFUSED_INVALID, 0);
    if (!(start->flags & START_SCRIPT) || is_there(command, launch->search)) *at = command;
  }
  if (!*at++) return failed(REFUSED_NO_INTERPRETER, 0);
  for (int list = 0; list < 2; list++) {
    for (uint32_t i = 0; i < lists[list].count; i++)
      if (!(*at++ = take_text(block, next_text(&lists[list])))) return failed(REFUSED_INVALID, 0);
    if (list > 0 || !(start->flags & START_SCRIPT)) continue;
    if (launch->prelude_fd >= 0) {
      char *repeated = at[-1];
      *at++ = (char *)(uintptr_t)"/proc/self/fd/78";
      *at++ = repeated;
    }
    *at++ = launch->script_fd >= 0 ? (char *)(uintptr_t)"/proc/self/fd/77" : launch->script_path;
  }
  *at = NULL;
  return NONE;
}

static struct failure fill(struct launch *launch, struct block *block, const struct start_frame *start, char **inherited) {
  size_t words = 5 + start->interpreter_flags.count + start->arguments.count;
  size_t variables = 1 + start->environment.count + count_words(inherited);
  launch->arguments = take(block, words * sizeof(char *));
  launch->environment = take(block, variables * sizeof(char *));
  launch->directory = take_text(block, start->directory);
  if (!launch->arguments || !launch->environment || !launch->directory) return failed(REFUSED_INVALID, 0);
  if (!put_environment(launch, block, start->environment, inherited)) return failed(REFUSED_INVALID, 0);
  struct failure failure = put_script(launch, start);
  return failure.refusal ? failure : put_arguments(launch, block, start);
}

struct failure launch_prepare(struct launch *launch, const struct start_frame *start, char **inherited) {
  *launch = (struct launch){.flags = start->flags, .umask = start->umask, .nice = start->nice};
  launch->oom_score = start->oom_score;
  launch->script_fd = launch->prelude_fd = -1;
  for (int limit = 0; limit < LIMITS; limit++) launch->limits[limit] = start->limits[limit];
  size_t texts = start->commands.bytes + start->interpreter_flags.bytes + start->arguments.bytes + start->environment.bytes;
  size_t pointers = 16 + (size_t)start->interpreter_flags.count + start->arguments.count + start->environment.count;
  launch->memory_bytes = texts + start->directory.n + 1 + (pointers + count_words(inherited)) * sizeof(char *);
  long memory = sys_map(launch->memory_bytes);
  if (memory < 0 && memory > -4096) {
    launch->memory_bytes = 0;
    return failed(REFUSED_MEMORY, memory);
  }
  launch->memory = (void *)memory;
  struct block block = {.at = launch->memory, .left = launch->memory_bytes};
  struct failure failure = fill(launch, &block, start, inherited);
  if (failure.refusal) {
    launch_remove_script(launch->script_path);
    launch_forget(launch);
  }
  return failure;
}

void launch_forget(struct launch *launch) {
  sys_close(launch->script_fd);
  sys_close(launch->prelude_fd);
  launch->script_fd = launch->prelude_fd = -1;
  /* Parameters may be secrets. */
  bytes_wipe(launch->memory, launch->memory_bytes);
  sys_unmap(launch->memory, launch->memory_bytes);
  launch->memory = NULL;
  launch->memory_bytes = 0;
}

void launch_remove_script(const char *script_path) {
  if (script_path[0]) (void)sys_unlink(script_path);
}

_Noreturn static void fail(int report, enum refusal refusal, long error) {
  struct failure failure = failed(refusal, error);
  /* Nobody to tell is nobody who waits. */
  (void)sys_write(report, &failure, sizeof failure);
  sys_exit(0);
}

static int read_number_of(const char *path) {
  char words[16] = "";
  int fd = sys_open(path, O_RDONLY, 0);
  if (fd < 0) return 0;
  long n = sys_read(fd, words, sizeof words - 1);
  sys_close(fd);
  words[n > 0 ? n : 0] = 0;
  uint64_t number;
  bool negative = words[0] == '-';
  text_to_number(words + negative, &number);
  return negative ? -(int)number : (int)number;
}

/* Above the main process, so that the kernel takes the script first; more than the kernel's highest is that. */
static int raise_oom_score(int32_t by) {
  int score = read_number_of("/proc/self/oom_score_adj") + by;
  char words[24];
  struct text text = text_in(words, sizeof words);
  if (score < 0) text_add(&text, "-");
  text_add_number(&text, (uint64_t)(score < 0 ? -score : score > 1000 ? 1000 : score));
  int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY, 0);
  if (fd < 0) return fd;
  long n = sys_write(fd, words, text.used);
  sys_close(fd);
  return n < 0 ? (int)n : 0;
}

static struct rlimit64 open_files;
static bool open_files_raised;

void launch_keep_open_files(void) {
  if (SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &open_files) < 0) return;
  struct rlimit64 raised = open_files;
  if (raised.rlim_cur >= GUARD_OPEN_FILES) return;
  raised.rlim_cur = raised.rlim_max < GUARD_OPEN_FILES ? raised.rlim_max : GUARD_OPEN_FILES;
  open_files_raised = SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, &raised, NULL) >= 0;
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

static void set_limits(const struct launch *launch, int report) {
  static const int resources[LIMITS] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC};
  if (open_files_raised) (void)SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, &open_files, NULL);
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
  if (launch->oom_score != UNSET_I32) (void)raise_oom_score(launch->oom_score);
}

static void take_streams(const struct launch_streams *streams, int report) {
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

/* Both first go out of the way: either may lie where the other belongs. */
static void take_scripts(const struct launch *launch, int report) {
  const int from[2] = {launch->script_fd, launch->prelude_fd};
  const int to[2] = {SCRIPT_FD, PRELUDE_FD};
  int moved[2];
  for (int i = 0; i < 2; i++) moved[i] = from[i] < 0 ? -1 : sys_fcntl(from[i], F_DUPFD_CLOEXEC, PRELUDE_FD + 1);
  for (int i = 0; i < 2; i++) {
    if (from[i] < 0) continue;
    int result = moved[i] < 0 ? moved[i] : sys_dup_to(moved[i], to[i], 0);
    if (result < 0) fail(report, REFUSED_EXEC, result);
  }
}

static void reset_signals(void) {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } standard = {.handler = NULL, .flags = 0, .restorer = NULL, .mask = 0};
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) (void)SYS4(__NR_rt_sigaction, signal, &standard, NULL, 8);
  (void)sys_block_signals(0);
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

static long execute_found(const struct launch *launch) {
  const char *program = launch->arguments[0];
  if (has_slash(program)) return execute(program, launch);
  long result = -ENOENT;
  char path[PATH_MOST];
  for (const char *search = launch->search; next_candidate(&search, program, path);) {
    long error = execute(path, launch);
    /* What is there and may not be executed says more than what is not there. */
    if (error != -ENOENT && error != -ENOTDIR) result = error;
    if (error != -ENOENT && error != -ENOTDIR && error != -EACCES) break;
  }
  return result;
}

_Noreturn void launch_become(const struct launch *launch, const struct launch_streams *streams, int report) {
  /* A session of its own: `kill 0` and a terminal's hang-up reach the script and nothing of ours. */
  (void)SYS0(__NR_setsid);
  (void)sys_prctl(PR_SET_DUMPABLE, 1);
  reset_signals();
  /* The report must survive what is put on the low descriptors. */
  int kept = sys_fcntl(report, F_DUPFD_CLOEXEC, 100);
  if (kept < 0) kept = report;
  take_streams(streams, kept);
  take_scripts(launch, kept);
  set_limits(launch, kept);
  if (launch->directory[0]) {
    int result = (int)SYS1(__NR_chdir, launch->directory);
    if (result < 0) fail(kept, REFUSED_WORKING_DIRECTORY, result);
  }
  long error = execute_found(launch);
  if (!(launch->flags & START_SCRIPT) && error != -E2BIG) tell_as_shell(launch->arguments[0], (int)error);
  fail(kept, REFUSED_EXEC, error);
}
