/*===- strut/Runtime/strut.h - The C ABI of a compiled model -----------------===
 *
 * A library made by `strut compile` exports one table of functions, StrutModel.
 * It is found as the symbol `strut_model` of a shared library, and as
 * `strut_model_<name>` when the library is linked. Tensors are DLPack's DLTensor
 * (https://dmlc.github.io/dlpack), so numpy, torch and C programs share them
 * without a copy. Life of a model:
 *
 *   open  -> session   weights mapped, executor chosen; shared by all threads
 *   context            one per concurrent caller: owns an arena and output views
 *   bind(dims)         sizes every buffer and grows the arena; decides every
 *                      shape-dependent alternative
 *   run(in, out)       allocates nothing while the dimensions stay as bound
 *
 * Every function that can fail returns a StrutStatus; the text of the failure is
 * error(). Nothing here throws, aborts or prints.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_STRUT_H
#define STRUT_RUNTIME_STRUT_H

#include "strut/Runtime/dlpack.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bumped when a field of a struct below changes its meaning. Fields are only
 * ever appended; readers compare `struct_size` before they touch a newer one. */
#define STRUT_ABI_VERSION 1

typedef enum StrutStatus {
  STRUT_OK = 0,
  STRUT_INVALID_ARGUMENT = 1, /**< a tensor or dimension the model does not take */
  STRUT_OUT_OF_MEMORY = 2,
  STRUT_IO = 3,         /**< the weights file is missing, stale or unreadable */
  STRUT_UNSUPPORTED = 4 /**< this machine lacks what the code was compiled for */
} StrutStatus;

/** One axis of an input or output. */
typedef struct StrutDim {
  int64_t size;   /**< the extent, or -1 where it depends on the dimensions */
  int32_t symbol; /**< index into StrutDescription::dims when the axis *is* that
                       dimension, else -1 */
} StrutDim;

/** What a caller must know of one input or output. */
typedef struct StrutTensorInfo {
  const char *name;
  DLDataType dtype;
  int32_t rank;
  const StrutDim *shape; /**< `rank` entries */
  int32_t alias;         /**< for an output: the input whose memory it may share and
                              update in place (a key/value cache), else -1 */
} StrutTensorInfo;

/** A value that the model computes in one of several forms, chosen by the dimensions. */
typedef struct StrutChoice {
  const char *name;         /**< of the ONNX nodes that it stands for */
  const char *const *forms; /**< `num_forms` names */
  int32_t num_forms;
  int32_t reserved;
} StrutChoice;

typedef struct StrutDescription {
  const char *model;    /**< name of the model's graph */
  const char *target;   /**< LLVM triple */
  const char *cpu;      /**< CPU that the code was generated for */
  const char *producer; /**< "strut <version>" */
  int32_t num_dims;
  int32_t num_inputs;
  int32_t num_outputs;
  int32_t num_choices;
  const char *const *dims; /**< names of the symbolic dimensions */
  const StrutTensorInfo *inputs;
  const StrutTensorInfo *outputs;
  uint64_t weight_bytes;      /**< packed weights in the section or the side file */
  const char *metadata;       /**< JSON: the kernels and their share of FLOPs and bytes */
  const StrutChoice *choices; /**< there if StrutModel has `form` */
} StrutDescription;

/** A task range: call `body(argument, begin, end)` for disjoint ranges that cover
 * [0, tasks), from any threads, and return when all are done. */
typedef void (*StrutTaskFn)(void *argument, int64_t begin, int64_t end);

/** The caller's own thread pool. `parallel_for` must be callable from several
 * threads at once; it may run everything on the calling thread. */
typedef struct StrutExecutor {
  void *self;
  int32_t width; /**< how many threads may work at once; 1 is legal */
  void (*parallel_for)(void *self, StrutTaskFn body, void *argument, int64_t tasks);
} StrutExecutor;

/** Told of the kernels of each run, for profiles. `launch` is called on the thread
 * that runs, before a kernel's work is handed out (`done` 0) and when all of it is
 * finished (`done` 1). `kernel` is the kernel's position in the "kernels" of
 * StrutDescription::metadata, or -1 for a copy that is part of none; one kernel may
 * be launched several times in a run. */
typedef struct StrutObserver {
  void *self;
  void (*launch)(void *self, int32_t kernel, int32_t done);
} StrutObserver;

typedef struct StrutOpenOptions {
  uint32_t struct_size;          /**< sizeof(StrutOpenOptions) */
  int32_t threads;               /**< 0: as many as the process may use; else at most
                                      this many. Ignored with an executor. */
  const StrutExecutor *executor; /**< null: the pool of the process. Must outlive the session. */
  const char *weights_path;      /**< null: the path written at compile time, then beside
                                      the library */
  const StrutObserver *observer; /**< null: none. Must outlive the session. */
  const char *device;            /**< "cpu", or "cuda" for an NVIDIA GPU ("cuda:1" for the
                                      second). Null: a GPU, if the model has code for one and
                                      it can be used, else the CPU */
  const char *driver;            /**< the driver of the GPU; null: libcuda.so.1 */
} StrutOpenOptions;

typedef struct StrutSession StrutSession;
typedef struct StrutContext StrutContext;

/** The table a compiled model exports. All pointers are non-null. */
typedef struct StrutModel {
  uint32_t abi_version; /**< STRUT_ABI_VERSION */
  uint32_t struct_size; /**< sizeof(StrutModel) */

  const StrutDescription *(*describe)(void);

  /** Maps the weights and takes the executor. `options` may be null. */
  StrutStatus (*open)(const StrutOpenOptions *options, StrutSession **session);
  /** Null is legal. What a session holds is freed with its last context. */
  void (*close)(StrutSession *session);

  /** A context serves one caller at a time; contexts are independent. */
  StrutStatus (*create_context)(StrutSession *session, StrutContext **context);
  void (*destroy_context)(StrutContext *context);

  /** Fixes the symbolic dimensions (`num_dims` values, in the order of
   * StrutDescription::dims) and makes room for them. `run` calls it by itself
   * when the shapes of its inputs ask for other dimensions. */
  StrutStatus (*bind)(StrutContext *context, const int64_t *dims);

  /** The shape of output `index` under the bound dimensions; `shape` has room for its rank. */
  StrutStatus (*output_shape)(const StrutContext *context, int32_t index, int64_t *shape);

  /** Computes all outputs. Inputs are dense row-major tensors, which are only read (but for
   * those an output aliases), and lie outside the context's memory: in host memory or, where a
   * GPU runs the model, on that one (kDLCUDA).
   *
   * An output whose `data` is null becomes a view: of the context's memory (on the GPU where
   * `device` says kDLCUDA), valid until its next bind or run, or of its input's memory where it
   * aliases one, which the run then updates in place. All fields are filled in; `shape` and
   * `strides` belong to the context. Passed to the next run unchanged, it is a view again.
   *
   * Otherwise the result is written where `data` points, and dtype and shape must be
   * the output's. An output shares memory with nothing but, exactly, the input it
   * aliases; given memory of its own, it leaves that input as it was. */
  StrutStatus (*run)(StrutContext *context, const DLTensor *const *inputs, DLTensor *outputs);

  /** Why the last call failed: of `context`, or of the calling thread's last
   * open/create_context when null. Valid until that object's next call. */
  const char *(*error)(const StrutContext *context);

  /** Which form of StrutDescription::choices[index] the bound dimensions have chosen,
   * and runs take: an index into its `forms`. */
  StrutStatus (*form)(const StrutContext *context, int32_t index, int32_t *form);

  /** Where the runs of a session take place: "cpu", or the GPU and the code that it was given:
   * "cuda:0 (sm_90, PTX for sm_80)". */
  const char *(*device)(const StrutSession *session);

  /** Lets the runs of a context on a GPU take place on a stream of the caller's (a CUstream of
   * the GPU's primary context; (void *)1 is the legacy default stream, (void *)2 the thread's),
   * after what is on it already. A run whose tensors all lie on the GPU then returns before it
   * is done. Null: on a stream of the context's, and a run waits until it is done. */
  StrutStatus (*set_stream)(StrutContext *context, void *stream);
} StrutModel;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* STRUT_RUNTIME_STRUT_H */
