/*===- pool.c - The thread pool of the process --------------------------------===
 *
 * A dispatch writes the job, then publishes it in one 64-bit word, the ticket:
 *
 *     epoch (32 bits) | seats (16) | chunks (16)
 *
 * Whoever lowers `chunks` by a compare-and-swap owns those chunks, and the job cannot
 * end, nor its description change, before the owner counts them off in `left`. Many are
 * taken at once while many are there, and single ones in the end: threads that are not
 * equally fast, as where one shares its core with a stranger, still end together. A
 * worker takes a seat with its first chunks, which bounds the threads of a job. The
 * caller works too, and waits for chunks, never for workers: one that sleeps or is
 * preempted delays nobody. The epoch is the word idle workers sleep on.
 *===--------------------------------------------------------------------------===*/
#include "pool.h"
#include "libc.h"
#include "strut/Runtime/program.h"
#include <stdatomic.h>

enum {
  MaxThreads = 1024,
  ChunksPerThread = 64,
  MostChunks = 0xffff,
  /* A thread takes this part of its share of what is left. */
  ClaimsOfShare = 2,
  /* Some tens of microseconds: longer than the serial code between two kernels. */
  SpinRounds = 4000,
  /* Without yielding, a spinning thread may keep the very thread that it waits for
   * off the CPU. */
  RoundsPerYield = 64,
  WaiterFlag = 1 << 30
};

enum { Starting = 1, Ready = 2 };

typedef struct Pool {
  _Atomic uint64_t owner; /* process id << 32 | Starting or Ready */
  _Atomic uint32_t growing;
  _Atomic uint32_t exhausted; /* no more threads can be had */
  _Atomic int32_t workers;

  _Alignas(64) _Atomic uint64_t ticket;
  _Alignas(64) _Atomic uint32_t left; /* unfinished chunks, and the caller's flag */
  _Alignas(64) _Atomic uint32_t sleepers;
  _Alignas(64) _Atomic uint32_t busy;

  /* The job. */
  StrutTaskFn body;
  void *argument;
  int64_t tasks;
  uint32_t chunks;
  _Atomic uint32_t claims; /* what is left, over as much as one claim takes */
} Pool;

/* Static, not allocated: it exists before anything runs, and once a process. */
typedef struct Process {
  StrutProcess functions;
  _Alignas(128) Pool pool;
} Process;

#define PROCESS_BYTES 512
_Static_assert(sizeof(Process) == PROCESS_BYTES, "the assembly below lays it out");
_Static_assert(_Alignof(Process) == 128, "the assembly below aligns it");

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
/* No attribute gives this binding. */
__asm__(".section .data.rel.strut_process_v1,\"awG\",@progbits,strut_process_v1,comdat\n"
        ".globl strut_process_v1\n"
        ".type strut_process_v1,@gnu_unique_object\n"
        ".p2align 7\n"
        "strut_process_v1:\n"
        ".quad strut_pool_prepare\n"
        ".quad strut_pool_parallel_for\n"
        ".zero " TEXT(PROCESS_BYTES) " - 16\n"
                                     ".size strut_process_v1, " TEXT(PROCESS_BYTES) "\n"
                                                                                    ".previous\n");

/* Only called through strut_process_v1, hence on the pool that this library's copy
 * of the code belongs to. */
static Pool *thePool(void) { return &((Process *)&strut_process_v1)->pool; }

static uint32_t chunksOf(uint64_t ticket) { return ticket & 0xffff; }
static uint32_t seatsOf(uint64_t ticket) { return ticket >> 16 & 0xffff; }
static uint32_t epochOf(uint64_t ticket) { return (uint32_t)(ticket >> 32); }

static void relax(int round) {
  if (round % RoundsPerYield == RoundsPerYield - 1)
    sched_yield();
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("isb" ::: "memory");
#endif
}

static void futexWait(const void *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, 0L, 0L, 0L);
}

static void futexWake(const void *word, int32_t threads) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, (long)threads, 0L, 0L, 0L);
}

/* The futex of idle workers: the upper half of the ticket (both targets are little
 * endian). */
static const void *epochWord(Pool *pool) { return (const char *)&pool->ticket + 4; }

/* Chunks of the current job that one thread has taken. */
typedef struct Claim {
  uint32_t left; /* how many there were with them */
  uint32_t taken;
} Claim;

/* What a thread takes where so many chunks are left. */
static Claim share(const Pool *pool, uint32_t left) {
  const uint32_t claims = atomic_load_explicit(&pool->claims, memory_order_relaxed);
  return (Claim){left, left > claims ? left / claims : 1};
}

/* Takes chunks of the current job, with a seat where `seat` is 1; none where none is left. */
static Claim claim(Pool *pool, uint64_t seat) {
  uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_acquire);
  while (chunksOf(ticket) && seatsOf(ticket) >= seat) {
    /* The share of another job does no harm: the ticket tells what was taken. */
    const Claim some = share(pool, chunksOf(ticket));
    if (atomic_compare_exchange_weak_explicit(&pool->ticket, &ticket,
                                              ticket - (seat << 16) - some.taken,
                                              memory_order_acquire, memory_order_acquire))
      return some;
  }
  return (Claim){0, 0};
}

/* The first task of a chunk. */
static int64_t firstTask(const Pool *pool, int64_t chunk) {
  const int64_t size = pool->tasks / pool->chunks, larger = pool->tasks % pool->chunks;
  return chunk * size + (chunk < larger ? chunk : larger);
}

/* Runs the chunks just claimed and all that can be had after them. */
static void work(Pool *pool, Claim claimed) {
  uint32_t done = 0;
  for (; claimed.taken; claimed = claim(pool, 0)) {
    const int64_t first = pool->chunks - claimed.left;
    pool->body(pool->argument, firstTask(pool, first), firstTask(pool, first + claimed.taken));
    done += claimed.taken;
  }
  /* From here on the job may be gone. */
  if (atomic_fetch_sub_explicit(&pool->left, done, memory_order_acq_rel) - done == WaiterFlag)
    futexWake(&pool->left, 1);
}

static void sleepUnlessWork(Pool *pool, uint64_t seen) {
  atomic_fetch_add_explicit(&pool->sleepers, 1, memory_order_seq_cst);
  /* A dispatch since `seen` has changed the epoch, a later one sees the sleeper. */
  futexWait(epochWord(pool), epochOf(seen));
  atomic_fetch_sub_explicit(&pool->sleepers, 1, memory_order_relaxed);
}

static void *workerMain(void *unused) {
  Pool *pool = thePool();
  syscall(SYS_prctl, PR_SET_NAME, "strut", 0L, 0L, 0L);
  for (int round = 0;;) {
    Claim claimed = claim(pool, 1);
    if (claimed.taken) {
      work(pool, claimed);
      round = 0;
    } else if (round < SpinRounds) {
      relax(round++);
    } else {
      uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_seq_cst);
      if (!chunksOf(ticket) || !seatsOf(ticket))
        sleepUnlessWork(pool, ticket);
      round = 0;
    }
  }
  return unused;
}

/* Workers take no signals but those that a fault in their own code raises and the
 * profiler's: the program's handlers run where it expects them. */
static int startWorker(void) {
  const int taken[] = {4 /*ILL*/, 5 /*TRAP*/, 7 /*BUS*/, 8 /*FPE*/, 11 /*SEGV*/, 27 /*PROF*/};
  sigset_t all, old;
  pthread_t thread;
  memset(&all, 0xff, sizeof all);
  for (unsigned i = 0; i < sizeof taken / sizeof *taken; ++i)
    all.bits[0] &= ~((uint64_t)1 << (taken[i] - 1));
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int failed = pthread_create(&thread, 0, workerMain, 0);
  pthread_sigmask(SIG_SETMASK, &old, 0);
  if (!failed)
    pthread_detach(thread);
  return !failed;
}

static void grow(Pool *pool, int32_t workers) {
  if (atomic_exchange_explicit(&pool->growing, 1, memory_order_acquire))
    return; /* another thread is at it; this run makes do with what there is */
  while (atomic_load_explicit(&pool->workers, memory_order_relaxed) < workers) {
    if (!startWorker()) {
      atomic_store_explicit(&pool->exhausted, 1, memory_order_relaxed);
      break;
    }
    atomic_fetch_add_explicit(&pool->workers, 1, memory_order_release);
  }
  atomic_store_explicit(&pool->growing, 0, memory_order_release);
}

/* After a fork the child has the parent's state and none of its threads. The first
 * to come empties the pool; who comes meanwhile does without it. */
static int own(Pool *pool) {
  const uint64_t process = (uint64_t)syscall(SYS_getpid) << 32;
  uint64_t owner = atomic_load_explicit(&pool->owner, memory_order_acquire);
  if (owner == (process | Ready))
    return 1;
  if (owner == (process | Starting) ||
      !atomic_compare_exchange_strong_explicit(&pool->owner, &owner, process | Starting,
                                               memory_order_acquire, memory_order_relaxed))
    return 0;
  atomic_store_explicit(&pool->growing, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->exhausted, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->workers, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->ticket, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->left, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->sleepers, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->busy, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->owner, process | Ready, memory_order_release);
  return 1;
}

__attribute__((used)) static int32_t strut_pool_prepare(int32_t width) {
  Pool *pool = thePool();
  if (width <= 1 || !own(pool))
    return 1;
  if (width > MaxThreads)
    width = MaxThreads;
  if (atomic_load_explicit(&pool->workers, memory_order_acquire) < width - 1 &&
      !atomic_load_explicit(&pool->exhausted, memory_order_relaxed))
    grow(pool, width - 1);
  int32_t have = atomic_load_explicit(&pool->workers, memory_order_relaxed) + 1;
  return have < width ? have : width;
}

static void awaitOthers(Pool *pool) {
  uint32_t left;
  for (int round = 0; (left = atomic_load_explicit(&pool->left, memory_order_acquire)) != 0;) {
    if (round < SpinRounds) {
      relax(round++);
      continue;
    }
    left = atomic_fetch_or_explicit(&pool->left, WaiterFlag, memory_order_acq_rel) | WaiterFlag;
    if (left == WaiterFlag)
      return;
    futexWait(&pool->left, left);
  }
}

/* Wakes sleepers where the awake workers cannot fill the job's seats. */
static void wakeFor(Pool *pool, int32_t seats) {
  int32_t sleepers = (int32_t)atomic_load_explicit(&pool->sleepers, memory_order_seq_cst);
  int32_t awake = atomic_load_explicit(&pool->workers, memory_order_relaxed) - sleepers;
  if (sleepers > 0 && awake < seats)
    futexWake(epochWord(pool), seats - (awake > 0 ? awake : 0));
}

__attribute__((used)) static void strut_pool_parallel_for(void *width, StrutTaskFn body,
                                                          void *argument, int64_t tasks) {
  Pool *pool = thePool();
  int64_t threads = atomic_load_explicit(&pool->workers, memory_order_relaxed) + 1;
  if (threads > (intptr_t)width)
    threads = (intptr_t)width;
  if (threads <= 1 || tasks <= 1 ||
      atomic_exchange_explicit(&pool->busy, 1, memory_order_acquire)) {
    if (tasks > 0)
      body(argument, 0, tasks);
    return;
  }
  int64_t most = threads * ChunksPerThread;
  if (most > MostChunks)
    most = MostChunks;
  const uint32_t chunks = (uint32_t)(tasks < most ? tasks : most);
  const uint32_t seats = (uint32_t)(threads < chunks ? threads : chunks) - 1;
  pool->body = body;
  pool->argument = argument;
  pool->tasks = tasks;
  pool->chunks = chunks;
  atomic_store_explicit(&pool->claims, (uint32_t)threads * ClaimsOfShare, memory_order_relaxed);
  atomic_store_explicit(&pool->left, chunks, memory_order_relaxed);
  /* The caller's own first chunks are taken before anyone can see the job. */
  const Claim own = share(pool, chunks);
  uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_relaxed);
  ticket = (uint64_t)(epochOf(ticket) + 1) << 32 | seats << 16 | (chunks - own.taken);
  atomic_store_explicit(&pool->ticket, ticket, memory_order_seq_cst);
  wakeFor(pool, (int32_t)seats);
  work(pool, own);
  awaitOthers(pool);
  atomic_store_explicit(&pool->busy, 0, memory_order_release);
}

static void launch(const StrutExecutor *executor, StrutTaskFn body, void *argument, int64_t tasks) {
  if (tasks <= 1 || executor->width <= 1) {
    if (tasks > 0)
      body(argument, 0, tasks);
    return;
  }
  executor->parallel_for(executor->self, body, argument, tasks);
}

void strut_rt_parallel(const StrutLauncher *launcher, StrutTaskFn body, void *argument,
                       int64_t tasks, int32_t kernel) {
  const StrutObserver *observer = launcher->observer;
  if (observer)
    observer->launch(observer->self, kernel, 0);
  launch(&launcher->executor, body, argument, tasks);
  if (observer)
    observer->launch(observer->self, kernel, 1);
}
