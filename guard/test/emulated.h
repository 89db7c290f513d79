/*
 * qemu's emulation of one process does not know that processes can adopt orphans, nor that one stands still until its
 * child has become something else. Everything else of the guard can be tried under it, when the first is taken for done
 * and the second is done by a pipe that ends when the child executes.
 */
#ifndef GUARD_EMULATED_H
#define GUARD_EMULATED_H

#include "../src/sys.h"

static inline int prctl_but_adopting(int what, unsigned long value) {
  return what == PR_SET_CHILD_SUBREAPER ? 0 : sys_prctl(what, value);
}
#define sys_prctl prctl_but_adopting

static inline int spawn_and_wait(unsigned long flags, void *stack, void (*become)(void *), void *with) {
  int ends[2];
  int result = sys_pipe(ends);
  if (result < 0) return result;
  result = sys_spawn(flags, stack, become, with);
  sys_close(ends[1]);
  char nothing;
  (void)sys_read(ends[0], &nothing, 1);
  sys_close(ends[0]);
  return result;
}
#define sys_spawn spawn_and_wait

#endif
