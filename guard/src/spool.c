#include "spool.h"

#include "sys.h"
#include "text.h"

/* What no more than a page of was ever used is worth keeping: the kernel takes its time to give and to take memory. */
enum { LITTLE_BYTES = 4096, MOST_KEPT = 16 };

static struct {
  uint8_t *at;
  size_t size;
} kept[MOST_KEPT];

static uint8_t *take_kept(size_t size) {
  for (int i = MOST_KEPT - 1; i >= 0; i--) {
    if (!kept[i].at || kept[i].size != size) continue;
    uint8_t *at = kept[i].at;
    kept[i].at = NULL;
    return at;
  }
  return NULL;
}

static bool keep(const struct spool *spool) {
  for (int i = 0; i < MOST_KEPT; i++) {
    if (kept[i].at) continue;
    bytes_wipe(spool->at, (size_t)spool->end);
    kept[i].at = spool->at;
    kept[i].size = spool->size;
    return true;
  }
  return false;
}

bool spool_open(struct spool *spool, size_t size) {
  uint8_t *at = take_kept(size);
  if (!at) {
    long mapped = sys_map(size);
    if (mapped < 0 && mapped > -4096) return false;
    at = (uint8_t *)mapped;
  }
  *spool = (struct spool){.at = at, .size = size, .base = 0, .sent = 0, .end = 0};
  return true;
}

void spool_close(struct spool *spool) {
  if (!spool->at || spool->end > LITTLE_BYTES || !keep(spool)) sys_unmap(spool->at, spool->size);
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
  if (spool->base == spool->end && spool->end > LITTLE_BYTES) (void)SYS3(__NR_madvise, spool->at, spool->size, MADV_DONTNEED);
}

void spool_rewind(struct spool *spool, uint64_t offset) {
  if (offset < spool->base) offset = spool->base;
  if (offset > spool->end) offset = spool->end;
  spool->sent = offset;
}
