/* What the server orders, frame by frame. */
#ifndef GUARD_ORDERS_H
#define GUARD_ORDERS_H

#include "state.h"

/* False for a frame that is not one; a channel that is not known (any more) is nobody's mistake. */
bool take_frame_of(uint8_t type, const uint8_t *payload, size_t n);
/* Does what a frame says; one that can not be read is answered by ERROR. */
void take_frame(uint8_t type, const uint8_t *payload, size_t n);

#endif
