/*===- strut/Runtime/program.h - What generated code gives the runtime -------===
 *
 * The contract between a compiled model and the freestanding runtime linked into
 * it. It is private to an artefact: both sides are emitted by the same compiler
 * into the same module, so it carries no version of its own.
 *
 * The compiler emits a constant StrutProgram and the public table, a constant
 * StrutModel: `describe` and `open` are thunks that add the program, the other
 * entries are the strut_rt_ functions below.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_PROGRAM_H
#define STRUT_RUNTIME_PROGRAM_H

#include "strut/Runtime/strut.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What launches of a run need. */
typedef struct StrutLauncher {
  StrutExecutor executor;
  const StrutObserver *observer; /**< may be null */
  struct StrutStream *stream;    /**< of a program for a GPU */
} StrutLauncher;

/** What one run works on. */
typedef struct StrutFrame {
  void *const *inputs;    /**< data pointers (byte_offset applied), in order */
  void *const *outputs;   /**< where each output goes, in order. An aliased output
                               already holds the bytes of its input: it *is* the
                               input's memory, or the runtime has copied them.
                               Behind them, where each number that the run notes goes */
  char *arena;            /**< 64-byte aligned */
  const int64_t *offsets; /**< of each planned buffer in the arena */
  const char *weights;    /**< base of the packed weights, 64-byte aligned */
  const int64_t *dims;    /**< the bound dimensions */
  const StrutLauncher *launcher;
} StrutFrame;

/** First and last position (inclusive) in the program at which a buffer is live. */
typedef struct StrutLifetime {
  int32_t first;
  int32_t last;
} StrutLifetime;

/** A dimension that is an element of an input of 32 or 64-bit integers. */
typedef struct StrutElement {
  int32_t dim;
  int32_t input;
  int32_t element;
} StrutElement;

/** What one of the numbers that a run notes besides its outputs means. */
typedef struct StrutNote {
  int32_t number; /**< which one */
  int32_t output; /**< it is the extent of `axis` of this output; -1: it has to be 0 */
  int32_t axis;
  int32_t reserved;
  const char *trouble; /**< what is wrong if it is not 0 */
} StrutNote;

typedef enum StrutImageKind {
  StrutImagePtx = 0,     /**< text with a null at its end; for `capability` and later */
  StrutImageCubin = 1,   /**< machine code; for `capability` and later ones of its generation */
  StrutImageEmulated = 2 /**< see emulator.h; `capability` is that of its PTX */
} StrutImageKind;

/** Which other GPUs take an image. */
typedef enum StrutImageReach {
  StrutReachLater = 0,  /**< later ones, as its kind says */
  StrutReachFamily = 1, /**< later ones of its generation alone: sm_100f */
  StrutReachExact = 2   /**< none but this: sm_90a */
} StrutImageReach;

/** The code of a program's kernels, for some GPUs. */
typedef struct StrutImage {
  int32_t kind;
  int32_t capability; /**< 80 for sm_80 */
  int32_t reach;
  int32_t reserved;
  const void *data;
} StrutImage;

/** A kernel of a program. */
typedef struct StrutDeviceKernel {
  const char *name; /**< in the images */
  /** Of shared memory, besides what the code declares. */
  uint32_t shared_bytes;
  uint32_t tensor_maps; /**< StrutTensorDescriptions that its arguments begin with */
  /** Blocks that a multiprocessor runs, where each block does several blocks' work; 0: there are
   * as many blocks as the launch says. */
  uint32_t resident;
  uint32_t reserved;
} StrutDeviceKernel;

typedef struct StrutDeviceRuntime StrutDeviceRuntime;

/** What runs on a GPU. */
typedef struct StrutDeviceProgram {
  const StrutDeviceRuntime *runtime; /**< of device.c, which only such artefacts have */
  int32_t num_images;
  int32_t num_kernels;
  const StrutImage *images;
  const StrutDeviceKernel *kernels;
} StrutDeviceProgram;

typedef struct StrutProgram StrutProgram;
struct StrutProgram {
  const StrutDescription *description;

  int32_t num_buffers;
  int32_t num_elements;
  const StrutLifetime *lifetimes; /**< `num_buffers` entries */

  /** Writes the size in bytes of each buffer, and the output shapes one after the
   * other, behind these the form of each choice. Sizes are not negative. Returns 0, or 1 + the
   * index of the dimension that has no valid value (negative or overflowing), or 1 + the number
   * of dimensions + the index of the requirement that they do not meet. */
  int32_t (*bind)(const int64_t *dims, int64_t *buffer_bytes, int64_t *output_shapes);

  /** Runs the whole program on bound dimensions. */
  void (*run)(const StrutFrame *frame);

  /** Weights inside the artefact: non-null, `weight_bytes` long. Otherwise they
   * lie in a side file. */
  const char *weights;
  uint64_t weight_bytes;
  const char *weights_file; /**< path written at compile time; its last component is
                                 also looked for beside the library */
  uint64_t weights_hash;    /**< xxh3-64 of the packed weights, repeated in the side
                                 file's header */
  /** CPU features the code needs: bit i is entry i of this target's list in
   * CpuFeatures.def. 0: the baseline. */
  uint64_t cpu_features;

  /** This program's part of the weights. */
  uint64_t weights_begin;
  uint64_t weights_used;
  const StrutDeviceProgram *device; /**< null: the CPU runs it */
  const StrutProgram *next;         /**< what else the artefact has; null: nothing */
  const StrutElement *elements;     /**< `num_elements` entries */
  int32_t num_numbers;              /**< int64_t that a run notes besides its outputs */
  int32_t num_notes;
  const StrutNote *notes;          /**< `num_notes` entries */
  const char *const *requirements; /**< what is wrong with dimensions that do not meet them */
};

/** Header of a side file; the weights follow at `data_offset`. */
typedef struct StrutWeightsHeader {
  char magic[8];        /**< "STRUTWT\0" */
  uint32_t version;     /**< 1 */
  uint32_t data_offset; /**< 4096: page aligned */
  uint64_t data_bytes;
  uint64_t hash; /**< xxh3-64 of the data */
} StrutWeightsHeader;

/* Called by generated code. */

/** Runs `body` over [0, tasks) on the frame's executor; one task runs inline. `kernel`
 * is what the observer is told. */
void strut_rt_parallel(const StrutLauncher *launcher, StrutTaskFn body, void *argument,
                       int64_t tasks, int32_t kernel);

/** Runs kernel number `function` of the program on its GPU: `blocks` times `threads`
 * threads, which take the struct at `arguments` by value. Tensor maps are made in place there
 * (tensor.h). */
void strut_rt_device_launch(const StrutLauncher *launcher, int32_t function, void *arguments,
                            int64_t blocks, int64_t threads, int32_t kernel);

/* The functions of the table; `open` takes the program besides. */
StrutStatus strut_rt_open(const StrutProgram *program, const StrutOpenOptions *options,
                          StrutSession **session);
void strut_rt_close(StrutSession *session);
StrutStatus strut_rt_create_context(StrutSession *session, StrutContext **context);
void strut_rt_destroy_context(StrutContext *context);
StrutStatus strut_rt_bind(StrutContext *context, const int64_t *dims);
StrutStatus strut_rt_output_shape(const StrutContext *context, int32_t index, int64_t *shape);
StrutStatus strut_rt_run(StrutContext *context, const DLTensor *const *inputs, DLTensor *outputs);
const char *strut_rt_error(const StrutContext *context);
StrutStatus strut_rt_form(const StrutContext *context, int32_t index, int32_t *form);
const char *strut_rt_device(const StrutSession *session);
StrutStatus strut_rt_set_stream(StrutContext *context, void *stream);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* STRUT_RUNTIME_PROGRAM_H */
