/* The abstract socket by which a bridge finds its guard. */
#ifndef GUARD_NAME_H
#define GUARD_NAME_H

#include "sys.h"

/* Value of a variable of the environment, or NULL. */
char *environment_value(char **environment, const char *name);
/* Fills in the address of DECKHAND_GUARD_NAME and gives its length; below 0 when there is no good name. */
int guard_address(char **environment, struct sockaddr_un *address);
/* Whether the other side of a local socket is the same user as we are. */
bool is_same_user(int socket);

#endif
