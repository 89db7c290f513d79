/*
 * The kernel's interface, without a C library: the guard runs in containers that have none of the usual ones, or an
 * older one, and stays a few dozen KiB. Every call gives the kernel's own result: what is below 0 is -errno.
 */
#ifndef GUARD_SYS_H
#define GUARD_SYS_H

#include <asm/ioctls.h>
#include <asm/mman.h>
#include <asm/signal.h>
#include <asm/socket.h>
#include <asm/termios.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signalfd.h>
#include <linux/time_types.h>
#include <linux/types.h>
#include <linux/un.h>
#include <linux/wait.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel's headers leave to the C library. */
enum { SYS_AF_UNIX = 1, SYS_SOCK_STREAM = 1, SYS_SOCK_SEQPACKET = 5, SYS_SOCK_NONBLOCK = 04000, SYS_SOCK_CLOEXEC = 02000000 };
enum { SYS_SOL_SOCKET = 1, SYS_SCM_RIGHTS = 1, SYS_MSG_DONTWAIT = 0x40, SYS_MSG_NOSIGNAL = 0x4000, SYS_MSG_CMSG_CLOEXEC = 0x40000000 };
enum { SYS_SEEK_SET = 0, SYS_X_OK = 1, SYS_CLOCK_MONOTONIC = 1 };
enum { SYS_S_IFMT = 0170000, SYS_S_IFREG = 0100000 };

struct sys_ucred {
  int32_t pid;
  uint32_t uid;
  uint32_t gid;
};

struct sys_part {
  void *at;
  size_t n;
};

/* struct msghdr of a C library. */
struct sys_message {
  void *name;
  int name_bytes;
  struct sys_part *parts;
  size_t part_count;
  void *control;
  size_t control_bytes;
  int flags;
};

struct sys_control {
  size_t n;
  int level;
  int type;
  int fds[8];
};

struct sys_dirent {
  uint64_t ino;
  int64_t off;
  uint16_t length;
  uint8_t type;
  char name[];
};

#ifdef GUARD_HOSTED
/* With a C library below, as the sanitizers and the fuzzer need it. */
long syscall(long number, ...);
int *__errno_location(void);
static inline long sys_call(long n, long a, long b, long c, long d, long e, long f) {
  long result = syscall(n, a, b, c, d, e, f);
  return result == -1 ? -*__errno_location() : result;
}
#elif defined(__x86_64__)
static inline long sys_call(long n, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long sys_call(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
}
#else
#error "the guard is written for x86_64 and aarch64"
#endif

#define SYS0(n) sys_call(n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a) sys_call(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b) sys_call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c) sys_call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e) sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f) sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Tries again after a signal. */
static inline long sys_read(int fd, void *to, size_t n) {
  long got;
  do got = SYS3(__NR_read, fd, to, n);
  while (got == -EINTR);
  return got;
}
static inline long sys_write(int fd, const void *from, size_t n) {
  long put;
  do put = SYS3(__NR_write, fd, from, n);
  while (put == -EINTR);
  return put;
}
static inline void sys_close(int fd) {
  /* The descriptor is free afterwards whatever close says, and the guard writes no files whose end matters. */
  if (fd >= 0) (void)SYS1(__NR_close, fd);
}
static inline int sys_open(const char *path, int flags, int mode) {
  return (int)SYS4(__NR_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}
static inline int sys_pipe(int ends[2]) { return (int)SYS2(__NR_pipe2, ends, O_CLOEXEC); }
static inline int sys_dup_to(int from, int to, int flags) { return (int)SYS3(__NR_dup3, from, to, flags); }
static inline int sys_fcntl(int fd, int what, long value) { return (int)SYS3(__NR_fcntl, fd, what, value); }
static inline int sys_ioctl(int fd, unsigned long what, long value) { return (int)SYS3(__NR_ioctl, fd, what, value); }
static inline int sys_fork(void) { return (int)SYS5(__NR_clone, SIGCHLD, 0, 0, 0, 0); }
/*
 * A child that runs `become`, which must not return, on the stack that ends at `stack`; we stand still until it has
 * executed something or has ended. With CLONE_VM among the flags it is in our memory.
 */
#ifdef GUARD_HOSTED
static inline int sys_spawn(unsigned long flags, void *stack, void (*become)(void *), void *with) {
  (void)stack;
  int pid = (int)SYS5(__NR_clone, (flags & ~(unsigned long)CLONE_VM) | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) become(with);
  return pid;
}
#elif defined(__x86_64__)
static inline int sys_spawn(unsigned long flags, void *stack, void (*become)(void *), void *with) {
  long result;
  register long r10 __asm__("r10") = 0;
  register long r8 __asm__("r8") = 0;
  register void (*r12)(void *) __asm__("r12") = become;
  register void *r13 __asm__("r13") = with;
  __asm__ volatile("syscall\n  test %%rax, %%rax\n  jnz 1f\n  xor %%ebp, %%ebp\n  mov %%r13, %%rdi\n  call *%%r12\n  ud2\n1:"
                   : "=a"(result)
                   : "a"(__NR_clone), "D"(flags | CLONE_VFORK | SIGCHLD), "S"(stack), "d"(0), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
                   : "rcx", "r11", "memory");
  return (int)result;
}
#else
static inline int sys_spawn(unsigned long flags, void *stack, void (*become)(void *), void *with) {
  register long x8 __asm__("x8") = __NR_clone;
  register long x0 __asm__("x0") = (long)(flags | CLONE_VFORK | SIGCHLD);
  register long x1 __asm__("x1") = (long)stack;
  register long x2 __asm__("x2") = 0;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = 0;
  register void (*x19)(void *) __asm__("x19") = become;
  register void *x20 __asm__("x20") = with;
  __asm__ volatile("svc 0\n  cbnz x0, 1f\n  mov x29, #0\n  mov x30, #0\n  mov x0, x20\n  blr x19\n  brk #1\n1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19), "r"(x20)
                   : "memory", "cc");
  return (int)x0;
}
#endif
static inline int sys_getpid(void) { return (int)SYS0(__NR_getpid); }
static inline int sys_kill(int pid, int signal) { return (int)SYS2(__NR_kill, pid, signal); }
static inline int sys_wait(int pid, int *status, int flags, struct rusage *usage) {
  int got;
  do got = (int)SYS4(__NR_wait4, pid, status, flags, usage);
  while (got == -EINTR);
  return got;
}
static inline int sys_prctl(int what, unsigned long value) { return (int)SYS5(__NR_prctl, what, value, 0, 0, 0); }
static inline int sys_unlink(const char *path) { return (int)SYS3(__NR_unlinkat, AT_FDCWD, path, 0); }
static inline int sys_access(const char *path, int mode) { return (int)SYS3(__NR_faccessat, AT_FDCWD, path, mode); }
static inline long sys_read_again(int fd, void *to, size_t n) { return SYS4(__NR_pread64, fd, to, n, 0); }
static inline long sys_map(size_t n) {
  return SYS6(__NR_mmap, 0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
/* Memory that children have in common with us. */
static inline long sys_map_shared(size_t n) {
  return SYS6(__NR_mmap, 0, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
static inline void sys_unmap(void *at, size_t n) {
  if (at) (void)SYS2(__NR_munmap, at, n);
}
static inline int sys_epoll_change(int epoll, int what, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data = data};
  return (int)SYS4(__NR_epoll_ctl, epoll, what, fd, &event);
}
static inline int sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ms) {
  struct __kernel_timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
  return (int)SYS5(__NR_ppoll, fds, n, timeout_ms < 0 ? NULL : &timeout, NULL, 8);
}
static inline int64_t sys_now_ms(void) {
  struct __kernel_timespec now = {0, 0};
  (void)SYS2(__NR_clock_gettime, SYS_CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
_Noreturn static inline void sys_exit(int status) {
  for (;;) (void)SYS1(__NR_exit_group, status);
}

/* A set of signals is 64 bits in the kernel, bit n-1 for signal n. */
static inline int sys_block_signals(uint64_t set) {
  return (int)SYS4(__NR_rt_sigprocmask, SIG_SETMASK, &set, NULL, sizeof set);
}
static inline uint64_t sys_signal_bit(int signal) { return 1ULL << (signal - 1); }

#endif
