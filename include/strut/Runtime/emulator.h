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

#define STRUT_EMULATOR_VERSION 4

/** What mma.sync and wgmma multiply, with sums in f32. */
typedef enum StrutProduct {
  StrutProductF16,  /**< 16 steps at once */
  StrutProductBF16, /**< 16 steps */
  StrutProductTF32  /**< 8 steps */
} StrutProduct;

/** wgmma.mma_async.sync.aligned.m64n<columns>k16.f32, both sides from shared memory. */
typedef struct StrutWarpgroupProduct {
  uint32_t product;          /**< a StrutProduct */
  uint32_t columns;          /**< a multiple of 8, to 256 */
  uint32_t accumulates;      /**< scale-d: whether the sums so far are added */
  uint32_t left_transposed;  /**< imm-trans-a: its rows lie side by side, not its steps */
  uint32_t right_transposed; /**< imm-trans-b */
  uint32_t reserved;
  uint64_t left, right; /**< matrix descriptors */
} StrutWarpgroupProduct;

/** What an image calls, in the thread that is emulated. */
typedef struct StrutEmulator {
  uint32_t (*thread)(void);  /**< %tid.x */
  uint32_t (*block)(void);   /**< %ctaid.x */
  uint32_t (*threads)(void); /**< %ntid.x */
  uint32_t (*blocks)(void);  /**< %nctaid.x */
  /** barrier.cta.sync.aligned of `threads` threads of the block; 0: of all. */
  void (*barrier)(uint32_t id, uint32_t threads);
  /** shfl.sync.bfly.b32. */
  uint32_t (*shuffle_xor)(uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp);
  /** shfl.sync.idx.b32. */
  uint32_t (*shuffle_index)(uint32_t members, uint32_t value, uint32_t lane, uint32_t clamp);
  uint32_t (*elect)(uint32_t members); /**< elect.sync: whether this lane is it */
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
  /** stmatrix.sync.aligned.m8n8.x<count>[.trans].shared.b16. */
  void (*store_matrices)(void *row, uint32_t count, uint32_t transposed, const uint32_t *registers);
  void (*limit_registers)(uint32_t count); /**< setmaxnreg */

  void (*init_mbarrier)(void *mbarrier, uint32_t count);
  /** mbarrier.arrive `count` times; before that, `bytes` more are expected in this phase. */
  void (*arrive)(void *mbarrier, uint32_t count, uint32_t bytes);
  /** mbarrier.try_wait.parity: whether the phase of that parity is over. */
  uint32_t (*try_wait)(void *mbarrier, uint32_t parity);
  /** fence.proxy.async or fence.mbarrier_init: what this thread has written to shared memory can
   * be read by what is asynchronous. */
  void (*fence_proxy)(void);

  /** cp.async.bulk.tensor.<rank>d, tiles: a box from global to shared memory, whose bytes the
   * mbarrier then counts. */
  void (*load_tensor)(void *to, void *mbarrier, const void *map, const int32_t *corner,
                      uint32_t rank);
  /** ... and from shared to global memory, in a group of the thread. */
  void (*store_tensor)(const void *from, const void *map, const int32_t *corner, uint32_t rank);
  void (*commit_stores)(void);          /**< cp.async.bulk.commit_group */
  void (*wait_stores)(uint32_t groups); /**< cp.async.bulk.wait_group[.read] */

  void (*warpgroup_fence)(void); /**< wgmma.fence.sync.aligned */
  /** One wgmma.mma_async; the thread's part of the sums so far, which those after it replace. */
  void (*warpgroup_multiply)(const StrutWarpgroupProduct *product, uint32_t *sums);
  void (*warpgroup_commit)(void); /**< wgmma.commit_group.sync.aligned */
  /** wgmma.wait_group.sync.aligned; `count` registers, of which those whose sums are there then
   * have them. */
  void (*warpgroup_wait)(uint32_t groups, uint32_t *registers, uint32_t count);

  uint32_t (*round_f16)(uint32_t high, uint32_t low);  /**< cvt.rn.f16x2.f32 */
  uint32_t (*round_bf16)(uint32_t high, uint32_t low); /**< cvt.rn.bf16x2.f32 */
  uint32_t (*exp2)(uint32_t value);                    /**< ex2.approx.ftz.f32 */

  void *(*shared)(void); /**< where the shared memory of the block begins */
  /** mapa: where block `rank` of the cluster has what this one has at `address`. */
  void *(*map_shared)(const void *address, uint32_t rank);
  void (*arrive_cluster)(void); /**< barrier.cluster.arrive.aligned */
  void (*wait_cluster)(void);   /**< barrier.cluster.wait.aligned */
} StrutEmulator;

typedef struct StrutEmulatedKernel {
  const char *name;
  /** What one thread does; `arguments` is the kernel's one parameter. */
  void (*run)(void *arguments);
  uint64_t argument_bytes;
  uint64_t shared_bytes; /**< besides those that the launch adds */
  uint32_t most_threads; /**< of a block */
  uint32_t waits;        /**< whether threads wait for each other */
  uint32_t cluster;      /**< blocks of a cluster, which run at the same time */
  uint32_t reserved;
} StrutEmulatedKernel;

typedef struct StrutEmulatedImage {
  uint32_t version; /**< STRUT_EMULATOR_VERSION */
  uint32_t num_kernels;
  const StrutEmulatedKernel *kernels;
  const StrutEmulator **emulator; /**< where the image looks for the table */
  uint64_t shared_bytes;          /**< that a block may have */
} StrutEmulatedImage;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* STRUT_RUNTIME_EMULATOR_H */
