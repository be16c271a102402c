/*===- shapes.c - Shapes of the outputs ---------------------------------------===*/
#include "libc.h"
#include "model.h"

static void denseStrides(const int64_t *shape, int32_t rank, int64_t *strides) {
  int64_t stride = 1;
  for (int32_t axis = rank - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    /* Beside an axis of no elements the product may be anything. */
    stride = (int64_t)((uint64_t)stride * (uint64_t)(shape[axis] ? shape[axis] : 1));
  }
}

int strut_size_outputs(StrutContext *context) {
  const StrutProgram *program = context->session->program;
  const StrutDescription *description = program->description;
  for (int32_t i = 0; i < description->num_outputs; ++i) {
    const StrutTensorInfo *info = &description->outputs[i];
    const int64_t *shape = context->shapes + context->shape_of[i];
    int64_t bytes = strut_tensor_bytes(info->dtype, shape, info->rank);
    if (bytes < 0)
      return 0;
    denseStrides(shape, info->rank, context->strides + context->shape_of[i] + i);
    context->buffer_bytes[program->num_buffers + i] = bytes;
  }
  return 1;
}

void strut_restore_shapes(StrutContext *context) {
  if (context->session->program->num_numbers)
    memcpy(context->shapes, context->bounds, (size_t)context->num_extents * sizeof(int64_t));
}

StrutStatus strut_read_notes(StrutContext *context, DLTensor *outputs) {
  const StrutProgram *program = context->session->program;
  for (int32_t i = 0; i < program->num_notes; ++i) {
    const StrutNote *note = &program->notes[i];
    const int64_t number = context->numbers[note->number];
    if (note->output >= 0)
      context->shapes[context->shape_of[note->output] + note->axis] = number;
    else if (number) {
      StrutText text = strut_text_begin(context->error);
      strut_text(&text, note->trouble);
      return STRUT_INVALID_ARGUMENT;
    }
  }
  for (int32_t i = 0; i < program->num_notes; ++i) {
    const int32_t index = program->notes[i].output;
    if (index < 0)
      continue;
    DLTensor *tensor = &outputs[index];
    const int64_t *shape = context->shapes + context->shape_of[index];
    if (tensor->shape != shape)
      memcpy(tensor->shape, shape, (size_t)tensor->ndim * sizeof *shape);
    if (tensor->strides)
      denseStrides(shape, tensor->ndim, tensor->strides);
  }
  return STRUT_OK;
}
