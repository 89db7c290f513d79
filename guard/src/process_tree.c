#include "process_tree.h"

#include "sys.h"
#include "text.h"

enum { PATH_BYTES = 32, STAT_BYTES = 512, LIST_BYTES = 8192 };

/* Skips `n` blanks, each after a word. */
static const char *skip_words(const char *at, int n) {
  for (; n > 0 && *at; at++)
    if (*at == ' ') n--;
  return at;
}

/* The command stands in parentheses and may hold any character, so the last parenthesis ends it. */
static bool parse_stat(const char *stat, struct process *process) {
  uint64_t number = 0;
  if (text_to_number(stat, &number) == 0) return false;
  process->pid = (int)number;
  const char *open = stat;
  while (*open && *open != '(') open++;
  const char *close = NULL;
  process->below = false;
  for (const char *at = open; *at; at++)
    if (*at == ')') close = at;
  if (!close || close == open || close[1] != ' ') return false;
  size_t n = (size_t)(close - open - 1);
  if (n >= COMMAND_BYTES) n = COMMAND_BYTES - 1;
  memcpy(process->command, open + 1, n);
  process->command[n] = 0;
  process->state = close[2];
  const char *parent = skip_words(close + 2, 1);
  if (text_to_number(parent, &number) == 0) return false;
  process->parent = (int)number;
  /* The start is the 22nd field; the state was the third. */
  if (text_to_number(skip_words(close + 2, 19), &process->started) == 0) return false;
  return true;
}

static bool read_stat(int pid, struct process *process) {
  char path[PATH_BYTES];
  struct text text = text_in(path, sizeof path);
  text_add(&text, "/proc/");
  text_add_number(&text, (uint64_t)pid);
  text_add(&text, "/stat");
  int fd = sys_open(path, O_RDONLY, 0);
  if (fd < 0) return false;
  char stat[STAT_BYTES];
  long n = sys_read(fd, stat, sizeof stat - 1);
  sys_close(fd);
  if (n <= 0) return false;
  stat[n] = 0;
  return parse_stat(stat, process) && process->pid == pid;
}

/* All processes that can be seen. */
static int list_all(struct process *all, int most) {
  int proc = sys_open("/proc", O_RDONLY | O_DIRECTORY, 0);
  if (proc < 0) return proc;
  int count = 0;
  char list[LIST_BYTES] __attribute__((aligned(8)));
  long n;
  while ((n = SYS3(__NR_getdents64, proc, list, sizeof list)) > 0) {
    for (long at = 0; at < n && count < most;) {
      const struct sys_dirent *entry = (const struct sys_dirent *)(const void *)(list + at);
      uint64_t pid;
      size_t digits = text_to_number(entry->name, &pid);
      if (digits > 0 && entry->name[digits] == 0 && read_stat((int)pid, &all[count])) count++;
      at += entry->length;
    }
  }
  sys_close(proc);
  return n < 0 ? (int)n : count;
}

/* /proc lists processes by their numbers. */
static bool is_below(int pid, const struct process *all, int count) {
  int from = 0;
  for (int to = count; from < to;) {
    int middle = from + (to - from) / 2;
    if (all[middle].pid < pid) from = middle + 1;
    else to = middle;
  }
  return from < count && all[from].pid == pid && all[from].below;
}

/* Marks children of what is marked until nothing changes: numbers begin again, so a parent's may be the higher one. */
static void mark_below(int root, struct process *all, int count) {
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = 0; i < count; i++) {
      if (all[i].below || (all[i].parent != root && !is_below(all[i].parent, all, count))) continue;
      all[i].below = true;
      changed = true;
    }
  }
}

int tree_find(int root, struct process *found, int most) {
  int count = list_all(found, most);
  if (count < 0) return count;
  mark_below(root, found, count);
  int kept = 0;
  for (int i = 0; i < count; i++)
    if (found[i].below && found[i].pid != root && found[i].state != 'Z' && found[i].state != 'X') found[kept++] = found[i];
  return kept;
}

static bool is_same(const struct process *process) {
  struct process now = {.pid = 0};
  return read_stat(process->pid, &now) && now.started == process->started;
}

int process_signal(const struct process *process, int signal) {
  int fd = (int)SYS2(__NR_pidfd_open, process->pid, 0);
  if (fd == -ENOSYS || fd == -EPERM || fd == -EINVAL) return is_same(process) ? sys_kill(process->pid, signal) : -ESRCH;
  if (fd < 0) return fd;
  /* From here on the descriptor stands for one process; it is the one we saw, or a later one that gets nothing. */
  int result = is_same(process) ? (int)SYS4(__NR_pidfd_send_signal, fd, signal, NULL, 0) : -ESRCH;
  sys_close(fd);
  if (result == -ENOSYS || result == -EINVAL) return is_same(process) ? sys_kill(process->pid, signal) : -ESRCH;
  return result;
}
