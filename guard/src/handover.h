/* How a launch goes from the guard to a run-init that has had a script before. */
#ifndef GUARD_HANDOVER_H
#define GUARD_HANDOVER_H

#include "launch.h"

/* False when the run-init is not there any more, or the launch is larger than usual. */
bool handover_send(int control, const struct launch *launch, const struct launch_streams *streams);

enum handover { HANDOVER_NONE, HANDOVER_TAKEN, HANDOVER_CUT, HANDOVER_OVER };
/* Waits for one. NONE: it was another word, for the script before. CUT: not all descriptors came. OVER: the guard is gone. */
enum handover handover_receive(int control, struct launch *launch, struct launch_streams *streams);

#endif
