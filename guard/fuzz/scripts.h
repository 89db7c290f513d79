/* The scripts and run-inits of a fuzzed guard: the other ends of what its executions have open. */
#ifndef GUARD_FUZZ_SCRIPTS_H
#define GUARD_FUZZ_SCRIPTS_H

#include "input.h"

/* More different ids than these are rare, and nobody plays their scripts. */
enum { MOST_PLAYED = 8 };

void scripts_begin(void);
void scripts_end(void);
/* Takes the place of what each START has started, and lets go of what has ended. */
void scripts_play(void);

/* What a script wrote at an offset of a stream. */
uint8_t written_at(uint64_t offset, int stream);
void write_output(int index, int stream, size_t n);
void close_output(int index, int stream);
void take_input(int index, size_t n);
/* A word of its run-init to the guard. */
void say(int index, struct input *input);
void end_init(int index);
void make_copies(void);

#endif
