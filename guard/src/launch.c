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

bool next_candidate(const char **search, const char *program, char path[PATH_MOST]) {
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

bool has_slash(const char *program) {
  while (*program && *program != '/') program++;
  return *program != 0;
}

static bool can_run(const char *path) {
  if (sys_access(path, SYS_X_OK) < 0) return false;
  /* A directory can be "executed" too; opening it as one tells. */
  int directory = sys_open(path, O_PATH | O_DIRECTORY, 0);
  sys_close(directory);
  return directory < 0;
}

/* Whether the search path has the program, and where: "" where that depends on the working directory. */
static bool is_there(const char *program, const char *search, char path[PATH_MOST]) {
  path[0] = 0;
  if (has_slash(program)) return can_run(program);
  for (bool fixed = true; next_candidate(&search, program, path);) {
    fixed = fixed && path[0] == '/';
    if (!can_run(path)) continue;
    if (!fixed) path[0] = 0;
    return true;
  }
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
  static char path[PATH_MOST];
  for (uint32_t i = 0; i < commands.count && !*at; i++) {
    char *command = take_text(block, next_text(&commands));
    if (!command) return failed(REFUSED_INVALID, 0);
    if (!(start->flags & START_SCRIPT) || is_there(command, launch->search, path)) *at = command;
  }
  if (!*at++) return failed(REFUSED_NO_INTERPRETER, 0);
  if (start->flags & START_SCRIPT && path[0]) launch->program = take_text(block, (struct bytes){.at = (const uint8_t *)path, .n = strlen(path)});
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

static struct rlimit64 open_files;
static int scores = -1;

void launch_get_ready(void) {
  scores = sys_open("/proc/self/oom_score_adj", O_RDONLY, 0);
  struct rlimit64 now;
  if (SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &now) < 0 || now.rlim_cur >= GUARD_OPEN_FILES) return;
  struct rlimit64 raised = {.rlim_cur = now.rlim_max < GUARD_OPEN_FILES ? now.rlim_max : GUARD_OPEN_FILES, .rlim_max = now.rlim_max};
  if (SYS4(__NR_prlimit64, 0, RLIMIT_NOFILE, &raised, NULL) >= 0) open_files = now;
}

/* Above the main process, so that the kernel takes the script first; more than the kernel's highest is that. */
static int32_t oom_score_above(int32_t by) {
  if (by == UNSET_I32) return by;
  char words[16] = "";
  long n = scores < 0 ? 0 : sys_read_again(scores, words, sizeof words - 1);
  words[n > 0 ? n : 0] = 0;
  uint64_t own;
  bool negative = words[0] == '-';
  text_to_number(words + negative, &own);
  int64_t score = (negative ? -(int64_t)own : (int64_t)own) + by;
  return score > 1000 ? 1000 : (int32_t)score;
}

static uint8_t usual[LAUNCH_USUAL_BYTES] __attribute__((aligned(16)));

void *launch_usual_memory(void) { return usual; }

/* Also the room for where the program is. */
static bool take_memory(struct launch *launch, const struct start_frame *start, char **inherited) {
  size_t texts = start->commands.bytes + start->interpreter_flags.bytes + start->arguments.bytes + start->environment.bytes;
  size_t pointers = 16 + (size_t)start->interpreter_flags.count + start->arguments.count + start->environment.count;
  launch->memory_bytes = texts + start->directory.n + 1 + (pointers + count_words(inherited)) * sizeof(char *) + PATH_MOST;
  launch->memory = usual;
  launch->is_usual = launch->memory_bytes <= sizeof usual;
  if (launch->is_usual) return true;
  long memory = sys_map(launch->memory_bytes);
  launch->mapped_bytes = launch->memory_bytes;
  launch->memory = (void *)memory;
  return memory >= 0 || memory <= -4096;
}

struct failure launch_prepare(struct launch *launch, const struct start_frame *start, char **inherited) {
  *launch = (struct launch){.flags = start->flags, .umask = start->umask, .nice = start->nice, .open_files = open_files};
  launch->oom_score = oom_score_above(start->oom_score);
  launch->script_fd = launch->prelude_fd = -1;
  for (int limit = 0; limit < LIMITS; limit++) launch->limits[limit] = start->limits[limit];
  if (!take_memory(launch, start, inherited)) return failed(REFUSED_MEMORY, ENOMEM);
  struct block block = {.at = launch->memory, .left = launch->memory_bytes};
  struct failure failure = fill(launch, &block, start, inherited);
  launch->memory_bytes -= block.left;
  if (failure.refusal) {
    launch_remove_script(launch->script_path);
    launch_forget(launch);
  }
  return failure;
}

void launch_wipe(struct launch *launch) {
  /* Parameters may be secrets. */
  bytes_wipe(launch->memory, launch->memory_bytes);
}

void launch_forget(struct launch *launch) {
  sys_close(launch->script_fd);
  sys_close(launch->prelude_fd);
  launch->script_fd = launch->prelude_fd = -1;
  launch_wipe(launch);
  if (!launch->is_usual) sys_unmap(launch->memory, launch->mapped_bytes);
  launch->memory = NULL;
  launch->memory_bytes = 0;
}

void launch_remove_script(const char *script_path) {
  if (script_path[0]) (void)sys_unlink(script_path);
}
