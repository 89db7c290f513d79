/* The server of a fuzzed guard: sends frames, good and bad, and looks at all that comes back. */
#ifndef GUARD_FUZZ_SERVER_H
#define GUARD_FUZZ_SERVER_H

#include "input.h"

/* A new connection, which takes the place of the one before. */
void come(void);
void leave(void);
void read_server(size_t most);
void read_all(void);
void send_bytes(struct bytes bytes);
void send_frame(uint8_t type, const struct bytes *parts, size_t count);
void send_start(struct input *input);
void send_about(struct input *input);

#endif
