#include "state.h"

#include "text.h"

struct guard guard;
struct execution executions[MOST_EXECUTIONS];
struct waiting waiting[MOST_WAITING];
uint8_t in[IN_BYTES];
uint8_t out[OUT_BYTES];

uint64_t watch_data(enum watched what, int index) { return (uint64_t)what | (uint64_t)index << 8; }

int watch(int fd, uint32_t events, enum watched what, int index) {
  return sys_epoll_change(guard.epoll, EPOLL_CTL_ADD, fd, events, watch_data(what, index));
}

void unwatch(int fd) { (void)sys_epoll_change(guard.epoll, EPOLL_CTL_DEL, fd, 0, 0); }

void close_watched(int fd) {
  if (fd < 0) return;
  unwatch(fd);
  sys_close(fd);
}

void watch_streams(int index) {
  struct execution *execution = &executions[index];
  for (int stream = 0; stream < 2; stream++) {
    bool wanted = execution_wants(execution, stream);
    if (wanted == execution->watched[stream]) continue;
    if (wanted) wanted = watch(execution->streams[stream], EPOLLIN, stream ? WATCH_ERROR : WATCH_OUTPUT, index) == 0;
    else if (execution->streams[stream] >= 0) unwatch(execution->streams[stream]);
    execution->watched[stream] = wanted;
  }
  bool waits = execution_input_waits(execution);
  if (waits == execution->input_watched) return;
  if (waits) waits = watch(execution->input_fd, EPOLLOUT, WATCH_INPUT, index) == 0;
  else if (execution->input_fd >= 0) unwatch(execution->input_fd);
  execution->input_watched = waits;
}

struct execution *find_by_id(struct bytes id) {
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].state != EXECUTION_FREE && strlen(executions[i].id) == id.n && memcmp(executions[i].id, id.at, id.n) == 0)
      return &executions[i];
  return NULL;
}

struct execution *find_by_channel(uint32_t channel) {
  for (int i = 0; i < guard.highest; i++)
    if (executions[i].attached && executions[i].channel == channel) return &executions[i];
  return NULL;
}

struct execution *find_free(void) {
  for (int i = 0; i < MOST_EXECUTIONS; i++) {
    if (executions[i].state != EXECUTION_FREE) continue;
    if (i >= guard.highest) guard.highest = i + 1;
    return &executions[i];
  }
  return NULL;
}

void forget_if_done(struct execution *execution) {
  bool over = execution_ended(execution) || execution->state == EXECUTION_REFUSED;
  if (execution->state != EXECUTION_FREE && execution->released && over && execution->init_pid == 0) execution_forget(execution);
  while (guard.highest > 0 && executions[guard.highest - 1].state == EXECUTION_FREE) guard.highest--;
}
