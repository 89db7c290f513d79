/* What goes to the server: answers at once, and what executions have to say as far as there is room. */
#ifndef GUARD_OUTBOX_H
#define GUARD_OUTBOX_H

#include "state.h"

void send_hello(void);
void send_error(const char *words);
void send_refused(uint32_t channel, struct failure failure);
/* A frame that has nothing but a channel in it. */
void send_channel(enum frame_type type, uint32_t channel);
/* ATTACHED or STATE. */
void send_state(enum frame_type type, const struct execution *execution);
/* STATE of an execution that there is not (any more). */
void send_unknown_state(struct bytes id);
void send_pong(uint64_t number);

/* Sends until all is gone or the other side is slow. */
void pump(void);

#endif
