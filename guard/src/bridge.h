/* The exec that carries bytes between the engine's streams and the guard's socket. It knows nothing of what they mean. */
#ifndef GUARD_BRIDGE_H
#define GUARD_BRIDGE_H

_Noreturn void bridge_main(char **environment);

#endif
