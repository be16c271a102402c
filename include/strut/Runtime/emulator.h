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

#define STRUT_EMULATOR_VERSION 2

/** What mma.sync multiplies: 16 x k times k x 8, with sums in f32. */
typedef enum StrutProduct {
  StrutProductF16,  /**< m16n8k16 */
  StrutProductBF16, /**< m16n8k16 */
  StrutProductTF32  /**< m16n8k8 */
} StrutProduct;

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
  /** cp.async of `bytes`, of which the first `present` are read; the others become zero. */
  void (*copy_async)(void *to, const void *from, uint32_t bytes, uint32_t present);
  void (*commit_copies)(void); /**< cp.async.commit_group */
  /** cp.async.wait_group: until at most the last `groups` are on their way. */
  void (*wait_copies)(uint32_t groups);
  /** ldmatrix.sync.aligned.m8n8.x<count>[.trans].b16: one register for each matrix. */
  void (*load_matrices)(const void *row, uint32_t count, uint32_t transposed, uint32_t *registers);
  /** mma.sync.aligned.row.col of a StrutProduct: the registers of A, of B and of C, one after
   * the other; those of D. */
  void (*multiply)(uint32_t product, const uint32_t *operands, uint32_t *results);
  uint32_t (*round_tf32)(uint32_t value); /**< cvt.rna.tf32.f32 */
} StrutEmulator;

typedef struct StrutEmulatedKernel {
  const char *name;
  /** What one thread does; `arguments` is the kernel's one parameter. */
  void (*run)(void *arguments);
  uint64_t argument_bytes;
  uint64_t shared_bytes;
  uint32_t most_threads; /**< of a block */
  uint32_t waits;        /**< whether threads wait for each other */
} StrutEmulatedKernel;

typedef struct StrutEmulatedImage {
  uint32_t version; /**< STRUT_EMULATOR_VERSION */
  uint32_t num_kernels;
  const StrutEmulatedKernel *kernels;
  const StrutEmulator **emulator; /**< where the image looks for the table */
  void *shared;                   /**< the shared memory of the kernel that runs */
} StrutEmulatedImage;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* STRUT_RUNTIME_EMULATOR_H */
