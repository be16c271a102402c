/*===- strut/Runtime/emulator.h - Code for the emulator of a GPU ----------------===
 *
 * `strut compile --gpu-arch emulate` adds an image of a model's kernels that runs on the
 * host: a shared library, which the emulator (libstrut-emulator.so, a driver in place of
 * libcuda.so.1) loads. It is made from the very LLVM IR that PTX is made from. What is an
 * instruction of a GPU there is a call through the table StrutEmulator here, and every
 * access to memory announces itself first.
 *
 * The library exports one symbol, `strut_emulated_image`, a StrutEmulatedImage.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_EMULATOR_H
#define STRUT_RUNTIME_EMULATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRUT_EMULATOR_VERSION 1

/** What an image calls, in the thread that is emulated. */
typedef struct StrutEmulator {
  uint32_t (*thread)(void);  /**< %tid.x */
  uint32_t (*block)(void);   /**< %ctaid.x */
  uint32_t (*threads)(void); /**< %ntid.x */
  /** barrier.cta.sync.aligned of all threads of the block. */
  void (*barrier)(uint32_t id);
  /** shfl.sync.bfly.b32. */
  uint32_t (*shuffle_xor)(uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp);
  /** `bytes` at `address`, of any memory space, are about to be read or written. */
  void (*access)(const void *address, uint64_t bytes, uint32_t is_write);
} StrutEmulator;

typedef struct StrutEmulatedKernel {
  const char *name;
  /** What one thread does; `arguments` is the kernel's one parameter. */
  void (*run)(void *arguments);
  uint64_t argument_bytes;
  uint32_t most_threads; /**< of a block */
  uint32_t waits;        /**< whether threads wait for each other */
} StrutEmulatedKernel;

typedef struct StrutEmulatedImage {
  uint32_t version; /**< STRUT_EMULATOR_VERSION */
  uint32_t num_kernels;
  const StrutEmulatedKernel *kernels;
  const StrutEmulator **emulator; /**< where the image looks for the table */
  void *shared;                   /**< the shared memory of all kernels */
  uint64_t shared_bytes;
} StrutEmulatedImage;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* STRUT_RUNTIME_EMULATOR_H */
