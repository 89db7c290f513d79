/* The server's connection, and those that have not said yet who they are. */
#ifndef GUARD_CONNECTION_H
#define GUARD_CONNECTION_H

#include "state.h"

/* Who has not said by then who it is has to come again. */
enum { AUTH_WITHIN_MS = 10000 };

void accept_waiting(void);
/* Lets in who knows the secret. */
void read_waiting(struct waiting *one);
void refuse_waiting(struct waiting *one);

/* Takes what has come, as far as it is whole frames. */
void read_connection(void);
/* Executions go on without one. */
void end_connection(void);

#endif
