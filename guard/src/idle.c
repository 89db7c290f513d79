#include "idle.h"

#include "handover.h"
#include "sys.h"

/* They count among the container's processes. */
enum { MOST_IDLE = 4, IDLE_MS = 5000 };

static struct idle {
  /* 0 for a place that is free. */
  int pid;
  /* -1 for one that was let go. */
  int control;
  int64_t since_ms;
} idle[MOST_IDLE];

static void let_go(struct idle *one) {
  sys_close(one->control);
  one->control = -1;
}

bool idle_keep(int pid, int control, int64_t now_ms) {
  for (int i = 0; i < MOST_IDLE; i++) {
    if (idle[i].pid) continue;
    idle[i] = (struct idle){.pid = pid, .control = control, .since_ms = now_ms};
    return true;
  }
  return false;
}

bool idle_take(const struct launch *launch, const struct launch_streams *streams, int *pid, int *control) {
  for (int i = 0; i < MOST_IDLE; i++) {
    struct idle *one = &idle[i];
    if (!one->pid || one->control < 0) continue;
    if (!launch->is_usual) return false;
    if (!handover_send(one->control, launch, streams)) {
      let_go(one);
      continue;
    }
    *pid = one->pid;
    *control = one->control;
    one->pid = 0;
    return true;
  }
  return false;
}

void idle_forget(int pid) {
  for (int i = 0; i < MOST_IDLE; i++) {
    if (idle[i].pid != pid) continue;
    let_go(&idle[i]);
    idle[i].pid = 0;
  }
}

bool is_idle(int pid) {
  for (int i = 0; i < MOST_IDLE; i++)
    if (idle[i].pid == pid) return true;
  return false;
}

bool idle_look_after(int64_t now_ms) {
  bool any = false;
  for (int i = 0; i < MOST_IDLE; i++) {
    if (!idle[i].pid) continue;
    any = true;
    if (now_ms - idle[i].since_ms >= IDLE_MS) let_go(&idle[i]);
  }
  return any;
}

bool idle_end(void) { return !idle_look_after(INT64_MAX); }
