/*===- libc.h - The part of the C library that the runtime uses --------------===
 *
 * Declared here, not included, so that the runtime compiles for any target
 * without a sysroot. The list is allowed-symbols.txt. Structures whose layout
 * differs between C libraries are avoided: raw system calls stand in for
 * sched_getaffinity (two ABIs under one name) and for gettid-like helpers.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_LIBC_H
#define STRUT_RUNTIME_LIBC_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "the runtime knows 64-bit Linux"
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

void *mmap(void *address, size_t bytes, int protection, int flags, int file, long offset);
int munmap(void *address, size_t bytes);
int madvise(void *address, size_t bytes, int advice);
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 0x02
#define MAP_ANONYMOUS 0x20
#define MAP_FAILED ((void *)-1)
#define MADV_WILLNEED 3
#define MADV_HUGEPAGE 14

int open(const char *path, int flags, ...);
long read(int file, void *to, size_t bytes);
long lseek(int file, long offset, int whence);
int close(int file);
#define O_RDONLY 0
#define O_CLOEXEC 02000000
#define SEEK_END 2

typedef unsigned long pthread_t;
int pthread_create(pthread_t *thread, const void *attributes, void *(*start)(void *),
                   void *argument);
int pthread_detach(pthread_t thread);
/* The C library's sigset_t is 128 bytes; signal n is bit n - 1. */
typedef struct {
  uint64_t bits[16];
} sigset_t;
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
#define SIG_SETMASK 2

/* Used by device.c alone (device-symbols.txt). */
void *dlopen(const char *path, int mode);
void *dlsym(void *library, const char *name);
#define RTLD_NOW 2
#define RTLD_LOCAL 0

int sched_yield(void);
unsigned long getauxval(unsigned long type);
#define AT_HWCAP 16
#define AT_HWCAP2 26

long syscall(long number, ...);
#if defined(__x86_64__)
#define SYS_getpid 39L
#define SYS_prctl 157L
#define SYS_futex 202L
#define SYS_sched_getaffinity 204L
#elif defined(__aarch64__)
#define SYS_futex 98L
#define SYS_sched_getaffinity 123L
#define SYS_prctl 167L
#define SYS_getpid 172L
#else
#error "no system call numbers for this architecture"
#endif
#define FUTEX_WAIT_PRIVATE 128L
#define FUTEX_WAKE_PRIVATE 129L
#define PR_SET_NAME 15L

#endif /* STRUT_RUNTIME_LIBC_H */
