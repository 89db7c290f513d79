/*
 * What a script wrote on one stream and nobody has acknowledged yet: a ring with offsets counted from the stream's
 * first byte. `base` <= `sent` <= `end`, and `end` - `base` <= `size`.
 */
#ifndef GUARD_SPOOL_H
#define GUARD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool {
  uint8_t *at;
  size_t size;
  uint64_t base;
  uint64_t sent;
  uint64_t end;
};

/* False when the kernel gives no memory. */
bool spool_open(struct spool *spool, size_t size);
/* What little has passed through is forgotten, and its place kept for the next one. */
void spool_close(struct spool *spool);
/* A piece of free room that is in one place; 0 bytes when it is full. */
size_t spool_room(struct spool *spool, uint8_t **at);
void spool_filled(struct spool *spool, size_t n);
/* A piece that was not sent yet, in one place. */
size_t spool_unsent(const struct spool *spool, const uint8_t **at);
/* Forgets what is before the offset; an offset that was never sent is not believed. */
void spool_acknowledge(struct spool *spool, uint64_t offset);
/* Sends again from here on; what is gone already can not be sent. */
void spool_rewind(struct spool *spool, uint64_t offset);

#endif
