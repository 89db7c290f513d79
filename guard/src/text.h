/* Bytes, words and numbers. */
#ifndef GUARD_TEXT_H
#define GUARD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);

bool text_equal(const char *a, const char *b);
bool text_begins(const char *text, const char *with);
/* In constant time, for secrets. */
bool bytes_equal_slowly(const uint8_t *a, const uint8_t *b, size_t n);
/* Overwrites for good: the compiler may not leave it out. */
void bytes_wipe(void *at, size_t n);
/* Reads digits up to something else; gives how many there were. */
size_t text_to_number(const char *text, uint64_t *number);
/* Reads 2n hexadecimal digits; false for anything else. */
bool text_to_bytes(const char *text, uint8_t *to, size_t n);

/* A text that is put together in a fixed place; what does not fit is cut and told by `cut`. */
struct text {
  char *at;
  size_t size;
  size_t used;
  bool cut;
};
struct text text_in(char *at, size_t size);
void text_add(struct text *text, const char *words);
void text_add_number(struct text *text, uint64_t number);

#endif
