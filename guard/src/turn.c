#include "turn.h"

#include "connection.h"
#include "outbox.h"
#include "upkeep.h"

void take_event(uint64_t data, uint32_t events) {
  int index = (int)(data >> 8);
  bool is_execution = (data & 0xff) >= WATCH_OUTPUT;
  /* What came before this event, in the same turn, may have been the end of it. */
  if (is_execution && executions[index].state == EXECUTION_FREE) return;
  switch ((enum watched)(data & 0xff)) {
    case WATCH_LISTENER: accept_waiting(); break;
    case WATCH_SIGNALS: {
      struct signalfd_siginfo info;
      while (sys_read(guard.signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
          guard.leaving = true;
          stop_all();
        }
      reap();
      break;
    }
    case WATCH_WAITING:
      if (waiting[index].fd >= 0) read_waiting(&waiting[index]);
      break;
    case WATCH_CONNECTION:
      if (guard.connection >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_connection();
      break;
    case WATCH_OUTPUT:
    case WATCH_ERROR: (void)execution_read(&executions[index], (data & 0xff) == WATCH_ERROR, (events & ~(uint32_t)EPOLLIN) != 0); break;
    case WATCH_INPUT: execution_write(&executions[index]); break;
    case WATCH_CONTROL: {
      struct execution *execution = &executions[index];
      execution_take_messages(execution, guard.now_ms);
      break;
    }
  }
  if (is_execution) watch_streams(index);
}

_Noreturn void serve(void) {
  int64_t wait_ms = 0;
  for (;;) {
    struct epoll_event events[MOST_EVENTS];
    int count = (int)SYS6(__NR_epoll_pwait, guard.epoll, events, MOST_EVENTS, wait_ms, NULL, 8);
    look_at_clock();
    for (int i = 0; i < count; i++) take_event(events[i].data, events[i].events);
    wait_ms = look_after();
    pump();
    if (may_leave()) sys_exit(0);
  }
}
