#include "upkeep.h"

#include "connection.h"
#include "idle.h"
#include "process_tree.h"

enum {
  TICK_MS = 500,
  IDLE_TICK_MS = 5000,
  DRAIN_TICK_MS = 50,
  STRAYS_TICK_MS = 20,
  /* A tick that took this long was a pause of the container: scripts did not run meanwhile either. */
  LONGEST_TICK_MS = 2000,
};

void reap(void) {
  for (;;) {
    int pid = sys_wait(-1, NULL, WNOHANG, NULL);
    if (pid <= 0) return;
    for (int i = 0; i < guard.highest; i++) {
      struct execution *execution = &executions[i];
      if (execution->state == EXECUTION_FREE || execution->init_pid != pid) continue;
      /* Only one that was killed leaves its script behind. */
      execution_take_messages(execution, guard.now_ms);
      if (execution->state == EXECUTION_RUNNING || execution->state == EXECUTION_STARTING) guard.strays = true;
      execution_init_gone(execution, guard.now_ms);
      watch_streams(i);
      forget_if_done(execution);
    }
    idle_forget(pid);
  }
}

static bool is_run_init(int pid) {
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].state != EXECUTION_FREE && executions[i].init_pid == pid) return true;
  return is_idle(pid);
}

/* Ends what came to us because its run-init was killed; more may come as these end. */
static void end_strays(void) {
  static struct process found[MOST_TREE];
  int count = tree_find(sys_getpid(), found, MOST_TREE);
  guard.strays = false;
  for (int i = 0; i < count; i++) {
    if (found[i].parent != sys_getpid() || is_run_init(found[i].pid)) continue;
    guard.strays = true;
    (void)process_signal(&found[i], SIGKILL);
  }
}

static bool is_needed(void) {
  for (int i = 0; i < guard.highest; i++) {
    const struct execution *execution = &executions[i];
    if (execution->state == EXECUTION_FREE) continue;
    bool over = execution_ended(execution) || execution->state == EXECUTION_REFUSED;
    if (!over || execution->init_pid != 0) return true;
    if (guard.last_look_ms - guard.last_needed_ms < guard.keep_ended_ms) return true;
  }
  return false;
}

void stop_all(void) {
  for (int i = 0; i < guard.highest; i++) execution_stop(&executions[i], CAUSE_STOP, 1000);
}

void look_at_clock(void) {
  int64_t now = sys_now_ms();
  int64_t passed = now - guard.last_look_ms;
  guard.last_look_ms = now;
  guard.now_ms += passed > LONGEST_TICK_MS ? TICK_MS : passed;
}

int64_t look_after(void) {
  int64_t wait_ms = IDLE_TICK_MS;
  for (int i = 0; i < guard.highest; i++) {
    struct execution *execution = &executions[i];
    if (execution->state == EXECUTION_FREE) continue;
    if (wait_ms > TICK_MS) wait_ms = TICK_MS;
    if (execution->deadline_ms >= 0 && guard.now_ms >= execution->deadline_ms) {
      execution->deadline_ms = -1;
      execution_stop(execution, CAUSE_DEADLINE, execution->grace_ms);
    } else if (execution->deadline_ms >= 0 && execution->deadline_ms - guard.now_ms < wait_ms) {
      wait_ms = execution->deadline_ms - guard.now_ms;
    }
    execution_look_after(execution, guard.now_ms);
    watch_streams(i);
    forget_if_done(execution);
    int64_t speaks_in_ms = execution->speaks_at_ms - guard.last_look_ms;
    if (execution->attached && speaks_in_ms > 0 && speaks_in_ms < wait_ms) wait_ms = speaks_in_ms;
    if (execution_needs_looks(execution) && wait_ms > DRAIN_TICK_MS) wait_ms = DRAIN_TICK_MS;
  }
  if (idle_look_after(guard.last_look_ms) && wait_ms > TICK_MS) wait_ms = TICK_MS;
  if (guard.strays) {
    end_strays();
    if (wait_ms > STRAYS_TICK_MS) wait_ms = STRAYS_TICK_MS;
  }
  for (int i = 0; i < MOST_WAITING; i++)
    if (waiting[i].fd >= 0 && guard.last_look_ms >= waiting[i].until_ms) refuse_waiting(&waiting[i]);
  return wait_ms;
}

bool may_leave(void) {
  if (guard.connection >= 0 && !guard.leaving) {
    guard.last_needed_ms = guard.last_look_ms;
    return false;
  }
  if (is_needed()) {
    for (int i = 0; i < guard.highest; i++)
      if (executions[i].state != EXECUTION_FREE && executions[i].init_pid != 0) guard.last_needed_ms = guard.last_look_ms;
    return false;
  }
  if (!guard.leaving && guard.last_look_ms - guard.last_needed_ms < guard.idle_after_ms) return false;
  /* None of ours may become a child of the container's main process. */
  return idle_end();
}
