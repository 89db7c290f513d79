/* The processes below one process, as /proc shows them, and signals to them that reach no other. */
#ifndef GUARD_PROCESS_TREE_H
#define GUARD_PROCESS_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* More than a kernel has by itself; what is beyond is found when these have ended. */
enum { MOST_TREE = 32768, COMMAND_BYTES = 16 };

struct process {
  int pid;
  int parent;
  /* In the kernel's ticks since its boot: tells a process from a later one with the same number. */
  uint64_t started;
  char state;
  bool below;
  char command[COMMAND_BYTES];
};

/*
 * Finds the processes below `root`, without it and without zombies. Gives how many there are, at most `most`, or
 * -errno when /proc can not be read.
 */
int tree_find(int root, struct process *found, int most);
/* Sends a signal to exactly this process: one that took its number meanwhile gets nothing. 0 or -errno. */
int process_signal(const struct process *process, int signal);

#endif
