/*===- check.c - What a run accepts -------------------------------------------===*/
#include "device.h"
#include "libc.h"

static StrutText describe(StrutContext *context, const char *kind, const char *name) {
  StrutText text = strut_text_begin(context->error);
  strut_text(&text, kind);
  strut_text(&text, " ");
  strut_text_quoted(&text, name);
  return text;
}

int64_t strut_tensor_bytes(DLDataType dtype, const int64_t *shape, int32_t rank) {
  int64_t count = 1, bytes;
  for (int32_t i = 0; i < rank; ++i)
    if (shape[i] == 0)
      return 0;
  for (int32_t i = 0; i < rank; ++i)
    if (shape[i] < 0 || __builtin_mul_overflow(count, shape[i], &count))
      return -1;
  /* What is narrower than a byte takes one. */
  int64_t element = ((int64_t)dtype.bits * dtype.lanes + 7) / 8;
  return __builtin_mul_overflow(count, element, &bytes) ? -1 : bytes;
}

static int isDense(const DLTensor *tensor) {
  if (!tensor->strides)
    return 1;
  for (int32_t i = 0; i < tensor->ndim; ++i)
    if (tensor->shape[i] == 0)
      return 1;
  int64_t stride = 1;
  for (int32_t i = tensor->ndim - 1; i >= 0; --i) {
    /* The stride of an axis of one element says nothing. */
    if (tensor->shape[i] != 1 && tensor->strides[i] != stride)
      return 0;
    stride *= tensor->shape[i];
  }
  return 1;
}

static StrutStatus failShape(StrutContext *context, const char *kind, const StrutTensorInfo *info,
                             const DLTensor *tensor) {
  StrutText text = describe(context, kind, info->name);
  strut_text(&text, " has shape ");
  strut_text_ints(&text, tensor->shape, tensor->shape ? tensor->ndim : 0);
  strut_text(&text, ", the model's is ");
  strut_text_shape(&text, info, context->session->program->description->dims);
  if (tensor->ndim != info->rank) {
    strut_text(&text, ": rank ");
    strut_text_int(&text, tensor->ndim);
    strut_text(&text, " instead of ");
    strut_text_int(&text, info->rank);
  }
  return STRUT_INVALID_ARGUMENT;
}

/* Whether runs of the session can use memory on the tensor's device. */
static int isReachable(const StrutSession *session, const DLTensor *tensor) {
  if (!strut_is_on_device(tensor))
    return tensor->device.device_type == kDLCPU || tensor->device.device_type == kDLCUDAHost;
  return session->device && (tensor->device.device_id == session->ordinal ||
                             tensor->device.device_type == kDLCUDAManaged);
}

static StrutStatus failDevice(StrutContext *context, const char *kind, const StrutTensorInfo *info,
                              const DLTensor *tensor) {
  StrutText text = describe(context, kind, info->name);
  if (context->session->device && strut_is_on_device(tensor)) {
    strut_text(&text, " lies on GPU number ");
    strut_text_int(&text, tensor->device.device_id);
    strut_text(&text, ", the session runs on number ");
    strut_text_int(&text, context->session->ordinal);
    strut_text(&text, ": copy it there");
    return STRUT_INVALID_ARGUMENT;
  }
  strut_text(&text, " lies on DLPack device type ");
  strut_text_int(&text, tensor->device.device_type);
  strut_text(&text, ", the model takes host memory (kDLCPU): copy it there");
  return STRUT_INVALID_ARGUMENT;
}

/* The caller's memory: its type, device, layout and address. The shape has been
 * checked. `*address` receives the first element's. */
static StrutStatus checkMemory(StrutContext *context, const char *kind, const StrutTensorInfo *info,
                               const DLTensor *tensor, void **address) {
  if (!isReachable(context->session, tensor))
    return failDevice(context, kind, info, tensor);
  int64_t bytes = strut_tensor_bytes(tensor->dtype, tensor->shape, tensor->ndim);
  if (bytes >= 0 && !isDense(tensor)) {
    StrutText text = describe(context, kind, info->name);
    strut_text(&text, " has strides ");
    strut_text_ints(&text, tensor->strides, tensor->ndim);
    strut_text(&text, " for shape ");
    strut_text_ints(&text, tensor->shape, tensor->ndim);
    strut_text(&text, ", the model takes dense row-major tensors: copy it");
    return STRUT_INVALID_ARGUMENT;
  }
  *address = tensor->data ? (char *)tensor->data + tensor->byte_offset : 0;
  const uintptr_t element = tensor->dtype.bits >= 64 ? 8 : (tensor->dtype.bits + 7u) / 8;
  const char *trouble = 0;
  if (bytes < 0)
    trouble = " has a shape whose size in bytes overflows";
  else if (bytes > 0 && !*address)
    trouble = " has no data: DLTensor::data is null";
  else if (bytes > 0 && (uintptr_t)*address % element)
    trouble = " is not aligned to the size of its elements: copy it";
  if (!trouble)
    return STRUT_OK;
  StrutText text = describe(context, kind, info->name);
  strut_text(&text, trouble);
  return STRUT_INVALID_ARGUMENT;
}

static StrutStatus checkType(StrutContext *context, const char *kind, const StrutTensorInfo *info,
                             const DLTensor *tensor) {
  DLDataType has = tensor->dtype, takes = info->dtype;
  if (has.code == takes.code && has.bits == takes.bits && has.lanes == takes.lanes)
    return STRUT_OK;
  StrutText text = describe(context, kind, info->name);
  strut_text(&text, " has dtype ");
  strut_text_dtype(&text, has);
  strut_text(&text, ", the model's is ");
  strut_text_dtype(&text, takes);
  return STRUT_INVALID_ARGUMENT;
}

/* Notes what input `index` says of the dimensions. */
static StrutStatus collectDims(StrutContext *context, int32_t index, const DLTensor *tensor) {
  const StrutDescription *description = context->session->program->description;
  const StrutTensorInfo *info = &description->inputs[index];
  if (tensor->ndim != info->rank || (tensor->ndim && !tensor->shape))
    return failShape(context, "input", info, tensor);
  for (int32_t i = 0; i < info->rank; ++i) {
    const int64_t size = tensor->shape[i];
    const int32_t symbol = info->shape[i].symbol;
    if (size < 0 || (symbol < 0 && info->shape[i].size >= 0 && size != info->shape[i].size))
      return failShape(context, "input", info, tensor);
    if (symbol < 0)
      continue;
    if (context->wanted_by[symbol] < 0) {
      context->wanted_by[symbol] = index;
      context->wanted[symbol] = size;
    } else if (context->wanted[symbol] != size) {
      StrutText text = describe(context, "input", info->name);
      strut_text(&text, " has ");
      strut_text(&text, description->dims[symbol]);
      strut_text(&text, " = ");
      strut_text_int(&text, size);
      strut_text(&text, " but input ");
      strut_text_quoted(&text, description->inputs[context->wanted_by[symbol]].name);
      strut_text(&text, " has ");
      strut_text(&text, description->dims[symbol]);
      strut_text(&text, " = ");
      strut_text_int(&text, context->wanted[symbol]);
      return STRUT_INVALID_ARGUMENT;
    }
  }
  return STRUT_OK;
}

static int overlaps(const void *a, int64_t aBytes, const void *b, int64_t bBytes) {
  const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
  return aBytes > 0 && bBytes > 0 && x < y + (uintptr_t)bBytes && y < x + (uintptr_t)aBytes;
}

StrutStatus strut_fail_own_memory(StrutContext *context, int32_t index) {
  StrutText text =
      describe(context, "input", context->session->program->description->inputs[index].name);
  strut_text(&text, " lies in this context's own memory, which the run overwrites: copy the "
                    "earlier result, or let that run write to memory of yours");
  return STRUT_INVALID_ARGUMENT;
}

static StrutStatus checkInput(StrutContext *context, int32_t index, const DLTensor *tensor) {
  const StrutTensorInfo *info = &context->session->program->description->inputs[index];
  StrutStatus status = STRUT_INVALID_ARGUMENT;
  if (!tensor) {
    StrutText text = describe(context, "input", info->name);
    strut_text(&text, " is missing: its DLTensor is null");
    return status;
  }
  if ((status = checkType(context, "input", info, tensor)) ||
      (status = collectDims(context, index, tensor)) ||
      (status = checkMemory(context, "input", info, tensor, &context->inputs[index])))
    return status;
  if (overlaps(context->inputs[index],
               strut_tensor_bytes(tensor->dtype, tensor->shape, tensor->ndim), context->arena,
               context->arena_bytes))
    return strut_fail_own_memory(context, index);
  return STRUT_OK;
}

/* Reads the dimensions that elements of the inputs are. */
static StrutStatus collectElements(StrutContext *context, const DLTensor *const *inputs) {
  const StrutProgram *program = context->session->program;
  for (int32_t i = 0; i < program->num_elements; ++i) {
    const StrutElement *entry = &program->elements[i];
    const StrutTensorInfo *info = &program->description->inputs[entry->input];
    const void *data = context->inputs[entry->input];
    if (strut_is_on_device(inputs[entry->input])) {
      StrutText text = describe(context, "input", info->name);
      strut_text(&text, " lies on the GPU and holds a size, by which memory is planned: give it in "
                        "host memory");
      return STRUT_INVALID_ARGUMENT;
    }
    const int64_t value = info->dtype.bits == 32 ? ((const int32_t *)data)[entry->element]
                                                 : ((const int64_t *)data)[entry->element];
    if (value < 0) {
      StrutText text = describe(context, "input", info->name);
      strut_text(&text, " has ");
      strut_text_int(&text, value);
      strut_text(&text, " at [");
      strut_text_int(&text, entry->element);
      strut_text(&text, "], where the model takes a size or a place: these are not negative");
      return STRUT_INVALID_ARGUMENT;
    }
    context->wanted[entry->dim] = value;
    context->wanted_by[entry->dim] = entry->input;
  }
  return STRUT_OK;
}

StrutStatus strut_check_inputs(StrutContext *context, const DLTensor *const *inputs) {
  const StrutDescription *description = context->session->program->description;
  for (int32_t i = 0; i < description->num_dims; ++i)
    context->wanted_by[i] = -1;
  for (int32_t i = 0; i < description->num_inputs; ++i) {
    StrutStatus status = checkInput(context, i, inputs ? inputs[i] : 0);
    if (status)
      return status;
  }
  StrutStatus status = collectElements(context, inputs);
  if (status)
    return status;
  for (int32_t i = 0; i < description->num_dims; ++i) {
    if (context->wanted_by[i] >= 0)
      continue;
    if (!context->bound) {
      StrutText text = strut_text_begin(context->error);
      strut_text(&text, "no input has the dimension ");
      strut_text_quoted(&text, description->dims[i]);
      strut_text(&text, ": call bind before run");
      return STRUT_INVALID_ARGUMENT;
    }
    context->wanted[i] = context->dims[i];
  }
  return STRUT_OK;
}

/* Strides of output `index` as a view of the context; their address marks a tensor
 * as such a view. */
static int64_t *viewMark(const StrutContext *context, int32_t index) {
  return context->strides + context->shape_of[index] + index;
}

static void pointAtContext(StrutContext *context, int32_t index, const DLTensor *const *inputs,
                           DLTensor *tensor) {
  const StrutProgram *program = context->session->program;
  const StrutTensorInfo *info = &program->description->outputs[index];
  const int32_t slot = program->num_buffers + index;
  const int onDevice = context->stream && strut_is_on_device(tensor);
  tensor->device =
      onDevice ? (DLDevice){kDLCUDA, context->session->ordinal} : (DLDevice){kDLCPU, 0};
  if (info->alias >= 0) {
    context->outputs[index] = context->inputs[info->alias];
    tensor->device = inputs[info->alias]->device;
  } else {
    context->outputs[index] = context->stream ? 0 : context->arena + context->offsets[slot];
  }
  tensor->data = context->outputs[index];
  tensor->ndim = info->rank;
  tensor->dtype = info->dtype;
  tensor->shape = context->shapes + context->shape_of[index];
  tensor->strides = viewMark(context, index);
  tensor->byte_offset = 0;
}

static StrutStatus checkOwnedOutput(StrutContext *context, int32_t index, const DLTensor *tensor) {
  const StrutTensorInfo *info = &context->session->program->description->outputs[index];
  const int64_t *shape = context->shapes + context->shape_of[index];
  StrutStatus status = checkType(context, "output", info, tensor);
  if (status)
    return status;
  int differs = tensor->ndim != info->rank || (tensor->ndim && !tensor->shape);
  for (int32_t i = 0; !differs && i < info->rank; ++i)
    differs = tensor->shape[i] != shape[i];
  if (differs) {
    StrutText text = describe(context, "output", info->name);
    strut_text(&text, " has shape ");
    strut_text_ints(&text, tensor->shape, tensor->shape ? tensor->ndim : 0);
    strut_text(&text, ", the result's is ");
    strut_text_ints(&text, shape, info->rank);
    return STRUT_INVALID_ARGUMENT;
  }
  return checkMemory(context, "output", info, tensor, &context->outputs[index]);
}

static StrutStatus failOverlap(StrutContext *context, int32_t index, const char *what,
                               const char *name) {
  const StrutTensorInfo *info = &context->session->program->description->outputs[index];
  StrutText text = describe(context, "output", info->name);
  strut_text(&text, " shares memory with ");
  strut_text(&text, what);
  if (name) {
    strut_text(&text, " ");
    strut_text_quoted(&text, name);
  }
  strut_text(&text, ": give it memory of its own");
  return STRUT_INVALID_ARGUMENT;
}

static StrutStatus checkAliasSize(StrutContext *context, int32_t index,
                                  const DLTensor *const *inputs) {
  const StrutProgram *program = context->session->program;
  const int32_t alias = program->description->outputs[index].alias;
  if (alias < 0)
    return STRUT_OK;
  const DLTensor *input = inputs[alias];
  if (strut_tensor_bytes(input->dtype, input->shape, input->ndim) ==
      context->buffer_bytes[program->num_buffers + index])
    return STRUT_OK;
  StrutText text = describe(context, "output", program->description->outputs[index].name);
  strut_text(&text, " may share the memory of input ");
  strut_text_quoted(&text, program->description->inputs[alias].name);
  strut_text(&text, ", whose size differs from it");
  return STRUT_INVALID_ARGUMENT;
}

/* What an output writes must be nobody else's: an alias may be its input exactly. */
static StrutStatus checkOverlap(StrutContext *context, int32_t index, const DLTensor *const *inputs,
                                int ownedByContext) {
  const StrutProgram *program = context->session->program;
  const StrutDescription *description = program->description;
  const int64_t *bytes = context->buffer_bytes + program->num_buffers;
  const void *at = context->outputs[index];
  if (!at) /* not placed yet */
    return STRUT_OK;
  if (!ownedByContext && overlaps(at, bytes[index], context->arena, context->arena_bytes))
    return failOverlap(context, index, "the context itself (a result of an earlier run)", 0);
  for (int32_t i = 0; i < description->num_inputs; ++i) {
    if (i == description->outputs[index].alias && at == context->inputs[i])
      continue;
    if (overlaps(at, bytes[index], context->inputs[i],
                 strut_tensor_bytes(inputs[i]->dtype, inputs[i]->shape, inputs[i]->ndim)))
      return failOverlap(context, index, "input", description->inputs[i].name);
  }
  for (int32_t i = 0; i < index; ++i)
    if (context->outputs[i] && overlaps(at, bytes[index], context->outputs[i], bytes[i]))
      return failOverlap(context, index, "output", description->outputs[i].name);
  return STRUT_OK;
}

StrutStatus strut_check_outputs(StrutContext *context, const DLTensor *const *inputs,
                                DLTensor *outputs) {
  const StrutDescription *description = context->session->program->description;
  for (int32_t i = 0; i < description->num_outputs; ++i) {
    DLTensor *tensor = &outputs[i];
    /* A view of the last run, passed again, is still the context's to place. */
    const int ownedByContext = !tensor->data || tensor->strides == viewMark(context, i);
    StrutStatus status = checkAliasSize(context, i, inputs);
    if (!status && ownedByContext)
      pointAtContext(context, i, inputs, tensor);
    else if (!status)
      status = checkOwnedOutput(context, i, tensor);
    if (!status)
      status = checkOverlap(context, i, inputs, ownedByContext);
    if (status)
      return status;
  }
  return STRUT_OK;
}
