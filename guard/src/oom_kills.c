#include "oom_kills.h"

#include "sys.h"
#include "text.h"

/* Stays open: the kernel writes it anew for each reader that begins at its start. */
static int events = -1;

void oom_kills_open(void) {
  events = sys_open("/sys/fs/cgroup/memory.events", O_RDONLY, 0);
  if (events < 0) events = sys_open("/sys/fs/cgroup/memory/memory.oom_control", O_RDONLY, 0);
}

uint64_t oom_kills_count(void) {
  if (events < 0) return 0;
  char words[512];
  long n = sys_read_again(events, words, sizeof words - 1);
  words[n > 0 ? n : 0] = 0;
  for (const char *at = words; *at; at++) {
    uint64_t count;
    if (text_begins(at, "oom_kill ") && text_to_number(at + sizeof "oom_kill " - 1, &count) > 0) return count;
  }
  return 0;
}
