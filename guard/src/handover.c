#include "handover.h"

#include "run_init.h"
#include "text.h"

enum { DESCRIPTORS = 6 };

static void list_descriptors(struct launch *launch, struct launch_streams *streams, int *list[DESCRIPTORS]) {
  int *all[DESCRIPTORS] = {&streams->in, &streams->out, &streams->error, &streams->terminal, &launch->script_fd, &launch->prelude_fd};
  for (int i = 0; i < DESCRIPTORS; i++) list[i] = all[i];
}

bool handover_send(int control, const struct launch *launch, const struct launch_streams *streams) {
  if (!launch->is_usual) return false;
  struct init_message word = {.word = INIT_LAUNCH};
  struct launch launch_copy = *launch;
  struct launch_streams streams_copy = *streams;
  int *list[DESCRIPTORS];
  list_descriptors(&launch_copy, &streams_copy, list);
  struct sys_control given = {.level = SYS_SOL_SOCKET, .type = SYS_SCM_RIGHTS};
  size_t count = 0;
  for (int i = 0; i < DESCRIPTORS; i++)
    if (*list[i] >= 0) given.fds[count++] = *list[i];
  given.n = offsetof(struct sys_control, fds) + count * sizeof(int);
  struct sys_part parts[] = {{&word, sizeof word}, {&launch_copy, sizeof launch_copy}, {&streams_copy, sizeof streams_copy}, {launch->memory, launch->memory_bytes}};
  struct sys_message message = {.parts = parts, .part_count = 4, .control = &given, .control_bytes = given.n};
  return SYS3(__NR_sendmsg, control, &message, SYS_MSG_NOSIGNAL | SYS_MSG_DONTWAIT) > 0;
}

enum handover handover_receive(int control, struct launch *launch, struct launch_streams *streams) {
  struct init_message word;
  struct sys_control given = {.n = 0};
  struct sys_part parts[] = {{&word, sizeof word}, {launch, sizeof *launch}, {streams, sizeof *streams}, {launch_usual_memory(), LAUNCH_USUAL_BYTES}};
  struct sys_message message = {.parts = parts, .part_count = 4, .control = &given, .control_bytes = sizeof given};
  long n;
  do n = SYS3(__NR_recvmsg, control, &message, SYS_MSG_CMSG_CLOEXEC);
  while (n == -EINTR);
  if (n <= 0) return HANDOVER_OVER;
  if (word.word != INIT_LAUNCH) return HANDOVER_NONE;
  size_t count = message.control_bytes > 0 ? (given.n - offsetof(struct sys_control, fds)) / sizeof(int) : 0;
  int *list[DESCRIPTORS];
  list_descriptors(launch, streams, list);
  size_t taken = 0;
  for (int i = 0; i < DESCRIPTORS; i++) {
    if (*list[i] < 0) continue;
    if (taken == count) return HANDOVER_CUT;
    *list[i] = given.fds[taken++];
  }
  return HANDOVER_TAKEN;
}
