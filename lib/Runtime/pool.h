/*===- pool.h - The thread pool of the process --------------------------------===
 *
 * One pool serves all compiled models of a process, whichever libraries they come
 * from. Its state and the two functions that work on it hang on `strut_process_v1`,
 * an object with the binding STB_GNU_UNIQUE in a COMDAT group: the linker keeps one
 * of several archives' copies, and the dynamic linker binds every library, even one
 * loaded with RTLD_LOCAL, to the first. That first library is never unloaded (glibc
 * sees to it), so the code which the workers run stays mapped.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_POOL_H
#define STRUT_RUNTIME_POOL_H

#include "strut/Runtime/strut.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What libraries see of each other's pool. Versioned by the object's name: the
 * two members keep their place and meaning for ever. */
typedef struct StrutProcess {
  /** Sees to it that the pool belongs to this process (it does not after a fork)
   * and has at least `width` - 1 workers. Returns how many threads, the caller
   * included, a run may now use: `width`, or fewer where threads cannot be had. */
  int32_t (*prepare)(int32_t width);
  /** StrutExecutor::parallel_for with (void *)(intptr_t)width as `self`: runs on
   * at most `width` threads. Where another thread is using the pool, the caller
   * does everything by itself. */
  void (*parallel_for)(void *width, StrutTaskFn body, void *argument, int64_t tasks);
} StrutProcess;

extern StrutProcess strut_process_v1 __attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_POOL_H */
