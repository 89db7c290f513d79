/* From a START frame to the arguments of execve. */
#ifndef GUARD_LAUNCH_H
#define GUARD_LAUNCH_H

#include "frame.h"
#include "sys.h"

enum { PATH_MOST = 4096, SCRIPT_PATH_MOST = 256, LAUNCH_USUAL_BYTES = 16 * 1024 };

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
  /* As it will be. */
  int32_t oom_score;
  uint64_t limits[LIMITS];
  /* What the guard had before it took more for itself; 0 where it took none. */
  struct rlimit64 open_files;
  const char *directory;
  char **arguments;
  char **environment;
  /* Where a program without a path is looked for, and where it was found; NULL where that is not known. */
  const char *search;
  const char *program;
  int script_fd;
  int prelude_fd;
  /* The script's file and its folder, to be removed after the end; "" for none. */
  char script_path[SCRIPT_PATH_MOST];
  /* Everything above that is text lies here, or where it always does in every run-init too. */
  void *memory;
  size_t memory_bytes;
  size_t mapped_bytes;
  /* The place is the same for all such launches, in the guard and in each run-init. */
  bool is_usual;
};

/* Descriptors by which an interpreter finds the script; high enough to be out of its way. */
enum { SCRIPT_FD = 77, PRELUDE_FD = 78 };

/*
 * Lets the guard hold more open files than a script may, where the container allows it; scripts get what there was. To
 * be called once, before anything is prepared.
 */
void launch_get_ready(void);
/* Puts everything together; `inherited` is the guard's own environment. Gives 0, or why not. */
struct failure launch_prepare(struct launch *launch, const struct start_frame *start, char **inherited);
/* Where the text of a usual launch lies. */
void *launch_usual_memory(void);
/* Overwrites what only a start needs. */
void launch_wipe(struct launch *launch);
void launch_forget(struct launch *launch);
void launch_remove_script(const char *script_path);

/* Puts DIRECTORY/PROGRAM for the next directory of a search path into `path`; false after the last. */
bool next_candidate(const char **search, const char *program, char path[PATH_MOST]);
bool has_slash(const char *program);

struct launch_streams {
  /* The first is -1 where there is no input. */
  int in, out, error;
  /* The terminal's own side, or -1; then the three above are not used. */
  int terminal;
};

#endif
