#include "bridge.h"
#include "daemon.h"
#include "sys.h"
#include "text.h"
#include "version.h"

_Noreturn static void guard_main(int count, char **arguments, char **environment) {
  (void)sys_prctl(PR_SET_NAME, (unsigned long)"deckhand-guard");
  if (count == 2 && text_equal(arguments[1], "daemon")) daemon_main(environment);
  if (count == 2 && text_equal(arguments[1], "bridge")) bridge_main(environment);
  static const char words[] = "deckhand-guard " GUARD_VERSION "\nusage: deckhand-guard daemon | bridge\n";
  (void)sys_write(1, words, sizeof words - 1);
  sys_exit(0);
}

#ifdef GUARD_HOSTED
extern char **environ;
int main(int count, char **arguments) { guard_main(count, arguments, environ); }
#else
/* The kernel puts the count, the arguments, a zero and the environment onto the stack. */
__attribute__((used)) _Noreturn static void guard_start(long *stack) {
  char **arguments = (char **)(stack + 1);
  guard_main((int)stack[0], arguments, arguments + stack[0] + 1);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call guard_start\n");
#else
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  and sp, x0, #-16\n  bl guard_start\n");
#endif
#endif
