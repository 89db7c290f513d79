/* What a fuzzer's bytes decide, and what has to hold whatever they are. */
#ifndef GUARD_FUZZ_INPUT_H
#define GUARD_FUZZ_INPUT_H

#include <stdlib.h>

#include "../src/frame.h"

static inline void must(bool holds) {
  if (!holds) abort();
}

struct input {
  const uint8_t *at;
  size_t left;
};

static inline uint8_t take_byte(struct input *input) {
  if (input->left == 0) return 0;
  input->left--;
  return *input->at++;
}

static inline struct bytes take_bytes(struct input *input, size_t most) {
  size_t n = most < input->left ? most : input->left;
  struct bytes bytes = {.at = input->at, .n = n};
  input->at += n;
  input->left -= n;
  return bytes;
}

#endif
