#include "spool.h"

#include "sys.h"
#include "text.h"

bool spool_open(struct spool *spool, size_t size) {
  long at = sys_map(size);
  if (at < 0 && at > -4096) return false;
  *spool = (struct spool){.at = (uint8_t *)at, .size = size, .base = 0, .sent = 0, .end = 0};
  return true;
}

void spool_close(struct spool *spool) {
  sys_unmap(spool->at, spool->size);
  *spool = (struct spool){.at = NULL, .size = 0, .base = 0, .sent = 0, .end = 0};
}

size_t spool_room(struct spool *spool, uint8_t **at) {
  if (spool->size == 0) return 0;
  size_t free = spool->size - (size_t)(spool->end - spool->base);
  size_t from = (size_t)(spool->end % spool->size);
  *at = spool->at + from;
  return free < spool->size - from ? free : spool->size - from;
}

void spool_filled(struct spool *spool, size_t n) { spool->end += n; }

size_t spool_unsent(const struct spool *spool, const uint8_t **at) {
  if (spool->size == 0) return 0;
  size_t waiting = (size_t)(spool->end - spool->sent);
  size_t from = (size_t)(spool->sent % spool->size);
  *at = spool->at + from;
  return waiting < spool->size - from ? waiting : spool->size - from;
}

void spool_acknowledge(struct spool *spool, uint64_t offset) {
  if (offset <= spool->base || offset > spool->sent) return;
  spool->base = offset;
  /* An empty spool gives its pages back: scripts come and go, and the memory is the container's. */
  if (spool->base == spool->end && spool->size > 0) (void)SYS3(__NR_madvise, spool->at, spool->size, MADV_DONTNEED);
}

void spool_rewind(struct spool *spool, uint64_t offset) {
  if (offset < spool->base) offset = spool->base;
  if (offset > spool->end) offset = spool->end;
  spool->sent = offset;
}
