/* From a new process to the script's first instruction. */
#ifndef GUARD_BECOME_H
#define GUARD_BECOME_H

#include "launch.h"

/*
 * In the child: becomes the script. On a failure it says why in `report` and ends. A command line that can not be
 * executed is told to its own error stream, with a shell's exit codes 126 and 127.
 */
_Noreturn void launch_become(const struct launch *launch, const struct launch_streams *streams, struct failure *report);

#endif
