#include "guard_name.h"

#include "text.h"

static const char PREFIX[] = "deckhand-guard/";

char *environment_value(char **environment, const char *name) {
  size_t n = strlen(name);
  for (; *environment; environment++)
    if (text_begins(*environment, name) && (*environment)[n] == '=') return *environment + n + 1;
  return NULL;
}

int guard_address(char **environment, struct sockaddr_un *address) {
  const char *name = environment_value(environment, "DECKHAND_GUARD_NAME");
  if (!name || !*name) return -EINVAL;
  memset(address, 0, sizeof *address);
  address->sun_family = SYS_AF_UNIX;
  /* A zero at the beginning: the name lies in no file system. */
  struct text text = text_in(address->sun_path + 1, sizeof address->sun_path - 1);
  text_add(&text, PREFIX);
  text_add(&text, name);
  return text.cut ? -EINVAL : (int)(offsetof(struct sockaddr_un, sun_path) + 1 + text.used);
}

bool is_same_user(int socket) {
  struct sys_ucred peer = {0, 0, 0};
  uint32_t n = sizeof peer;
  if (SYS5(__NR_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || n != sizeof peer) return false;
  return peer.uid == (uint32_t)SYS0(__NR_geteuid);
}
