#include "text.h"

#ifndef GUARD_HOSTED
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  void *start = to;
#if defined(__x86_64__)
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
#else
  unsigned char *put = to;
  const unsigned char *get = from;
  for (; n >= 8; n -= 8, put += 8, get += 8) {
    uint64_t word;
    __builtin_memcpy(&word, get, 8);
    __builtin_memcpy(put, &word, 8);
  }
  while (n--) {
    *put++ = *get++;
    __asm__ volatile("" : : : "memory");
  }
#endif
  return start;
}

void *memmove(void *to, const void *from, size_t n) {
  unsigned char *put = to;
  const unsigned char *get = from;
  if (put <= get || put >= get + n) {
    for (size_t i = 0; i < n; i++) {
      put[i] = get[i];
      __asm__ volatile("" : : : "memory");
    }
  } else {
    while (n--) {
      put[n] = get[n];
      __asm__ volatile("" : : : "memory");
    }
  }
  return to;
}

void *memset(void *to, int byte, size_t n) {
  unsigned char *put = to;
  while (n--) {
    *put++ = (unsigned char)byte;
    __asm__ volatile("" : : : "memory");
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *left = a;
  const unsigned char *right = b;
  for (size_t i = 0; i < n; i++)
    if (left[i] != right[i]) return left[i] - right[i];
  return 0;
}

size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) {
    n++;
    __asm__ volatile("" : : : "memory");
  }
  return n;
}
#endif

bool text_equal(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

bool text_begins(const char *text, const char *with) {
  while (*with && *text == *with) text++, with++;
  return *with == 0;
}

bool bytes_equal_slowly(const uint8_t *a, const uint8_t *b, size_t n) {
  uint8_t different = 0;
  for (size_t i = 0; i < n; i++) different |= (uint8_t)(a[i] ^ b[i]);
  return different == 0;
}

void bytes_wipe(void *at, size_t n) {
  volatile unsigned char *put = at;
  while (n--) *put++ = 0;
}

size_t text_to_number(const char *text, uint64_t *number) {
  size_t digits = 0;
  *number = 0;
  for (; text[digits] >= '0' && text[digits] <= '9' && digits < 19; digits++)
    *number = *number * 10 + (uint64_t)(text[digits] - '0');
  return digits;
}

static int to_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

bool text_to_bytes(const char *text, uint8_t *to, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int high = to_digit(text[2 * i]);
    int low = high < 0 ? -1 : to_digit(text[2 * i + 1]);
    if (low < 0) return false;
    to[i] = (uint8_t)(high * 16 + low);
  }
  return text[2 * n] == 0;
}

struct text text_in(char *at, size_t size) {
  at[0] = 0;
  return (struct text){.at = at, .size = size, .used = 0, .cut = false};
}

void text_add(struct text *text, const char *words) {
  for (; *words; words++) {
    if (text->used + 1 >= text->size) {
      text->cut = true;
      break;
    }
    text->at[text->used++] = *words;
  }
  text->at[text->used] = 0;
}

void text_add_number(struct text *text, uint64_t number) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  text_add(text, digits + at);
}
