/* From a START frame to the arguments of execve, and from there to the script's first instruction. */
#ifndef GUARD_LAUNCH_H
#define GUARD_LAUNCH_H

#include "frame.h"

enum { PATH_MOST = 4096, SCRIPT_PATH_MOST = 256 };

/* Why a script could not be started; on the wire in REFUSED. */
enum refusal {
  REFUSED_FULL = 1,
  REFUSED_MEMORY = 2,
  REFUSED_NO_INTERPRETER = 3,
  REFUSED_NO_DIRECTORY = 4,
  REFUSED_WORKING_DIRECTORY = 5,
  REFUSED_PROCESS = 6,
  REFUSED_TERMINAL = 7,
  REFUSED_LIMIT = 8,
  REFUSED_EXEC = 9,
  REFUSED_INVALID = 10,
};

/* A start that failed: why, and what the kernel said (0 for nothing). */
struct failure {
  enum refusal refusal;
  int error;
};

struct launch {
  uint32_t flags;
  int32_t umask;
  int32_t nice;
  int32_t oom_score;
  uint64_t limits[LIMITS];
  const char *directory;
  char **arguments;
  char **environment;
  /* Where a program without a path is looked for. */
  const char *search;
  int script_fd;
  int prelude_fd;
  /* The script's file and its folder, to be removed after the end; "" for none. */
  char script_path[SCRIPT_PATH_MOST];
  /* Everything above that is text lies here. */
  void *memory;
  size_t memory_bytes;
};

/* Descriptors by which an interpreter finds the script; high enough to be out of its way. */
enum { SCRIPT_FD = 77, PRELUDE_FD = 78 };

/* Lets the guard hold more open files than a script may, where the container allows it; scripts get what there was. */
void launch_keep_open_files(void);
/* Puts everything together; `inherited` is the guard's own environment. Gives 0, or why not. */
struct failure launch_prepare(struct launch *launch, const struct start_frame *start, char **inherited);
void launch_forget(struct launch *launch);
void launch_remove_script(const char *script_path);

struct launch_streams {
  int in, out, error;
  /* The terminal's own side, or -1; then the three above are not used. */
  int terminal;
};
/*
 * In the child: becomes the script. On a failure it says why through `report` and ends. A command line that can not be
 * executed is told to its own error stream, with a shell's exit codes 126 and 127.
 */
_Noreturn void launch_become(const struct launch *launch, const struct launch_streams *streams, int report);

#endif
