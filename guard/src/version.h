#ifndef GUARD_VERSION_H
#define GUARD_VERSION_H
/* Part of the name under which a built guard is kept: another version is another program. */
#ifndef GUARD_VERSION
#define GUARD_VERSION "development"
#endif
#endif
