/*===- model.h - Sessions and contexts -----------------------------------------===*/
#ifndef STRUT_RUNTIME_MODEL_H
#define STRUT_RUNTIME_MODEL_H

#include "text.h"
#include "weights.h"
#include <stdatomic.h>

struct StrutSession {
  const StrutProgram *program;
  StrutWeights weights;
  struct StrutDevice *device;    /**< null: the CPU */
  int32_t ordinal;               /**< of the GPU */
  char place[StrutTextCapacity]; /**< what strut_rt_device tells */
  /** The user's executor, or parallel_for of the process's pool. */
  StrutLauncher launcher;
  int32_t uses_pool;
  /** The session itself and its contexts: who drops the last one unmaps. */
  _Atomic int32_t references;
};

/** A context and its tables lie in one mapping; the arena is another. */
struct StrutContext {
  StrutSession *session;
  struct StrutStream *stream; /**< null: the CPU */
  uint64_t bytes;             /**< of the mapping of this object */
  int32_t bound;

  char *arena;
  int64_t arena_bytes;
  int64_t planned_bytes; /**< of the planned buffers, which lie on the GPU if there is one */

  StrutLauncher launcher;
  int64_t *dims;         /**< bound */
  int64_t *wanted;       /**< that the inputs of a run ask for */
  int32_t *wanted_by;    /**< the input that did, -1 where none has the dimension */
  int64_t *buffer_bytes; /**< of each planned buffer, then of each output */
  int64_t *offsets;      /**< of each planned buffer, then of each output */
  int32_t *scratch;      /**< of the layout */
  int64_t *shapes;       /**< of the outputs, one after the other, as bind writes them */
  int64_t *forms;        /**< of the choices, likewise: they lie behind the shapes */
  int64_t *strides;      /**< likewise, with one spare entry behind each output's */
  int64_t *shape_of;     /**< where each output's shape starts in `shapes` */
  void **inputs;         /**< on the GPU where the tensor is */
  void **outputs; /**< likewise; null of views that stream.c is to place, and where the numbers that
                     a run notes go */
  int64_t *numbers;    /**< that the last run noted */
  int64_t num_extents; /**< in `shapes` */
  int64_t *bounds;     /**< like `shapes`, which the last run may have made smaller */

  char error[StrutTextCapacity];
};

/** Bytes of a dense tensor; -1 when that does not fit. */
int64_t strut_tensor_bytes(DLDataType dtype, const int64_t *shape, int32_t rank);

/** Checks the inputs of a run against the description and each other; fills
 * context->inputs, wanted and wanted_by. Writes the context's error. */
StrutStatus strut_check_inputs(StrutContext *context, const DLTensor *const *inputs);

/** Says that an input lies where the run writes. */
StrutStatus strut_fail_own_memory(StrutContext *context, int32_t index);

/** Checks the outputs that the caller owns and points the others at the context's
 * memory (or, where they alias, the input's); fills context->outputs. The context
 * is bound. Writes the context's error. */
StrutStatus strut_check_outputs(StrutContext *context, const DLTensor *const *inputs,
                                DLTensor *outputs);

/** Sizes and strides of the outputs, from the shapes that the program wrote. An output that
 * aliases an input needs no room. False when one overflows. */
int strut_size_outputs(StrutContext *context);

/** Gives back the shapes that bind computed, where the last run has noted smaller ones. */
void strut_restore_shapes(StrutContext *context);

/** Takes what the run has noted: extents, which also go to the caller's tensors, or that the
 * model does not hold what it declares. Writes the context's error. */
StrutStatus strut_read_notes(StrutContext *context, DLTensor *outputs);

#endif /* STRUT_RUNTIME_MODEL_H */
