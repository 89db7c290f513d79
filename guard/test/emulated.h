/*
 * qemu's emulation of one process does not know that processes can adopt orphans. Everything else of the guard can be
 * tried under it, when this one call is taken for done.
 */
#ifndef GUARD_EMULATED_H
#define GUARD_EMULATED_H

#include "../src/sys.h"

static inline int prctl_but_adopting(int what, unsigned long value) {
  return what == PR_SET_CHILD_SUBREAPER ? 0 : sys_prctl(what, value);
}
#define sys_prctl prctl_but_adopting

#endif
