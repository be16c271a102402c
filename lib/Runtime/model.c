/*===- model.c - Open, bind, run -----------------------------------------------===*/
#include "model.h"
#include "arena.h"
#include "cpu.h"
#include "device.h"
#include "libc.h"
#include "pool.h"

/* Of the calling thread's last open or create_context. */
static _Thread_local char threadError[StrutTextCapacity];

enum { HugePageBytes = 2 << 20 };

static void *mapMemory(uint64_t bytes) {
  void *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? 0 : memory;
}

static StrutStatus fail(char *error, StrutStatus status, const char *message) {
  StrutText text = strut_text_begin(error);
  strut_text(&text, message);
  return status;
}

static StrutText sayMemory(char *error, const char *what, uint64_t bytes) {
  StrutText text = strut_text_begin(error);
  strut_text(&text, "out of memory: ");
  strut_text(&text, what);
  strut_text(&text, " needs ");
  strut_text_int(&text, (int64_t)bytes);
  strut_text(&text, " bytes");
  return text;
}

static StrutStatus checkCpu(const StrutProgram *program) {
  uint64_t lacking = program->cpu_features & ~strut_cpu_features();
  if (!lacking)
    return STRUT_OK;
  StrutText text = strut_text_begin(threadError);
  strut_text(&text, "the model was compiled for ");
  strut_text(&text, program->description->cpu);
  strut_text(&text, ", this CPU lacks");
  const char *separator = " ";
  for (int32_t i = 0; i < 64; ++i)
    if (lacking >> i & 1) {
      const char *name = strut_cpu_feature_name(i);
      strut_text(&text, separator);
      strut_text(&text, name ? name : "a feature unknown to this library");
      separator = ", ";
    }
  strut_text(&text, ". Compile it for this machine (--target-cpu)");
  return STRUT_UNSUPPORTED;
}

/* Copies what the caller's version of the struct has, zeros for the rest. */
static StrutStatus readOptions(const StrutOpenOptions *given, StrutOpenOptions *options) {
  const char *trouble = 0;
  memset(options, 0, sizeof *options);
  if (!given)
    return STRUT_OK;
  if (given->struct_size < sizeof(uint32_t) + sizeof(int32_t))
    trouble = "StrutOpenOptions::struct_size must be sizeof(StrutOpenOptions)";
  else
    memcpy(options, given,
           given->struct_size < sizeof *options ? given->struct_size : sizeof *options);
  if (options->threads < 0)
    trouble = "StrutOpenOptions::threads is negative; 0 means as many as the process may use";
  if (options->executor && (!options->executor->parallel_for || options->executor->width < 1))
    trouble = "StrutOpenOptions::executor needs a parallel_for function and a width of at least 1";
  if (options->observer && !options->observer->launch)
    trouble = "StrutOpenOptions::observer needs a launch function";
  return trouble ? fail(threadError, STRUT_INVALID_ARGUMENT, trouble) : STRUT_OK;
}

static void takeExecutor(StrutSession *session, const StrutOpenOptions *options) {
  StrutExecutor *executor = &session->launcher.executor;
  session->launcher.observer = options->observer;
  if (options->executor) {
    *executor = *options->executor;
    return;
  }
  int32_t width = options->threads == 1 ? 1 : strut_cpu_width();
  if (options->threads && options->threads < width)
    width = options->threads;
  session->uses_pool = 1;
  /* Now, so that the first run finds the threads awake. */
  executor->width = strut_process_v1.prepare(width);
  executor->self = (void *)(intptr_t)width;
  executor->parallel_for = strut_process_v1.parallel_for;
}

/* The number in "cuda:1", 0 in "cuda"; -1 where it is something else. */
static int32_t cudaOrdinal(const char *device) {
  static const char cuda[] = "cuda";
  int32_t ordinal = 0;
  if (memcmp(device, cuda, sizeof cuda - 1) != 0)
    return -1;
  const char *at = device + sizeof cuda - 1;
  if (!*at)
    return 0;
  if (*at++ != ':' || !*at)
    return -1;
  for (; *at; ++at) {
    if (*at < '0' || *at > '9' || ordinal > 999)
      return -1;
    ordinal = 10 * ordinal + (*at - '0');
  }
  return ordinal;
}

static int sameText(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

/* Fills a session that has its program, or the first of those for a GPU. */
static StrutStatus openProgram(StrutSession *session, const StrutOpenOptions *options) {
  const StrutProgram *program = session->program;
  StrutText text = strut_text_begin(threadError), place = strut_text_begin(session->place);
  StrutStatus status = strut_weights_open(program, options->weights_path, &session->weights, &text);
  if (status || !program->device) {
    strut_text(&place, "cpu");
    return status;
  }
  const StrutDeviceRuntime *runtime = program->device->runtime;
  const int32_t ordinal = options->device ? cudaOrdinal(options->device) : 0;
  status = runtime->open(program, options->driver, ordinal, session->weights.base, &session->device,
                         &text);
  strut_weights_close(&session->weights); /* the GPU has a copy */
  if (status)
    return status;
  session->program = runtime->program(session->device);
  session->ordinal = ordinal;
  runtime->describe(session->device, &place);
  return STRUT_OK;
}

/* Opens a session of this program, or of the programs for a GPU that begin with it. */
static StrutStatus openSession(const StrutProgram *program, const StrutOpenOptions *options,
                               StrutSession **session) {
  StrutSession *made = mapMemory(sizeof *made);
  if (!made) {
    sayMemory(threadError, "a session", sizeof *made);
    return STRUT_OUT_OF_MEMORY;
  }
  made->program = program;
  made->references = 1;
  StrutStatus status = openProgram(made, options);
  if (status) {
    munmap(made, sizeof *made);
    return status;
  }
  if (program->device)
    made->launcher.observer = options->observer;
  else
    takeExecutor(made, options);
  *session = made;
  return STRUT_OK;
}

StrutStatus strut_rt_open(const StrutProgram *program, const StrutOpenOptions *given,
                          StrutSession **session) {
  StrutOpenOptions options;
  threadError[0] = 0;
  if (!session)
    return fail(threadError, STRUT_INVALID_ARGUMENT, "open needs a place for the session");
  *session = 0;
  StrutStatus status = checkCpu(program);
  if (!status)
    status = readOptions(given, &options);
  if (status)
    return status;
  const char *wanted = options.device;
  const int wantsCpu = wanted && sameText(wanted, "cpu");
  if (wanted && !wantsCpu && cudaOrdinal(wanted) < 0)
    return fail(threadError, STRUT_INVALID_ARGUMENT,
                "StrutOpenOptions::device must be \"cpu\", \"cuda\" or \"cuda:N\"");
  /* The first program that can run, of those that are wanted. Those for GPUs are tried as one. */
  int tried = 0, triedDevice = 0;
  for (; program; program = program->next) {
    if ((wanted && wantsCpu != !program->device) || (triedDevice && program->device))
      continue;
    tried = 1;
    triedDevice |= program->device != 0;
    status = openSession(program, &options, session);
    if (status == STRUT_OK) {
      threadError[0] = 0;
      return STRUT_OK;
    }
  }
  if (!tried)
    return fail(threadError, STRUT_UNSUPPORTED,
                wantsCpu ? "the model has no code for the CPU: it was compiled with --no-cpu"
                         : "the model has no code for a GPU: compile it with --gpu-arch");
  return status;
}

void strut_rt_close(StrutSession *session) {
  if (!session || atomic_fetch_sub_explicit(&session->references, 1, memory_order_acq_rel) != 1)
    return;
  if (session->device)
    session->program->device->runtime->close(session->device);
  strut_weights_close(&session->weights);
  munmap(session, sizeof *session);
}

/* Hands out `count` times `bytes` of a block, aligned; only counts while `block` is
 * null. */
static void *carve(char *block, uint64_t *used, int64_t count, uint64_t bytes) {
  void *at = block ? block + *used : 0;
  *used += ((uint64_t)count * bytes + StrutAlignment - 1) & ~(uint64_t)(StrutAlignment - 1);
  return at;
}

/* Lays out the tables of a context behind it and returns the bytes they take; with
 * a null context only the latter. */
static uint64_t layOutTables(const StrutProgram *program, StrutContext *context) {
  const StrutDescription *description = program->description;
  const int64_t buffers = (int64_t)program->num_buffers + description->num_outputs;
  char *block = (char *)context;
  uint64_t used = 0;
  int64_t ranks = 0;
  for (int32_t i = 0; i < description->num_outputs; ++i)
    ranks += description->outputs[i].rank;
  StrutContext unused, *to = context ? context : &unused;
  carve(block, &used, 1, sizeof *context);
  to->dims = carve(block, &used, description->num_dims, sizeof *to->dims);
  to->wanted = carve(block, &used, description->num_dims, sizeof *to->wanted);
  to->wanted_by = carve(block, &used, description->num_dims, sizeof *to->wanted_by);
  to->buffer_bytes = carve(block, &used, buffers, sizeof *to->buffer_bytes);
  to->offsets = carve(block, &used, buffers, sizeof *to->offsets);
  to->scratch = carve(block, &used, 2 * buffers, sizeof *to->scratch);
  to->shapes = carve(block, &used, ranks + description->num_choices, sizeof *to->shapes);
  to->forms = context ? to->shapes + ranks : 0;
  to->strides = carve(block, &used, ranks + description->num_outputs, sizeof *to->strides);
  to->shape_of = carve(block, &used, description->num_outputs, sizeof *to->shape_of);
  to->inputs = carve(block, &used, description->num_inputs, sizeof *to->inputs);
  to->outputs =
      carve(block, &used, description->num_outputs + program->num_numbers, sizeof *to->outputs);
  to->numbers = carve(block, &used, program->num_numbers, sizeof *to->numbers);
  to->bounds = carve(block, &used, ranks, sizeof *to->bounds);
  return used;
}

StrutStatus strut_rt_create_context(StrutSession *session, StrutContext **context) {
  threadError[0] = 0;
  if (!session || !context)
    return fail(threadError, STRUT_INVALID_ARGUMENT,
                "create_context needs a session and a place for the context");
  *context = 0;
  const StrutProgram *program = session->program;
  uint64_t bytes = layOutTables(program, 0);
  StrutContext *made = mapMemory(bytes);
  if (!made) {
    sayMemory(threadError, "a context", bytes);
    return STRUT_OUT_OF_MEMORY;
  }
  layOutTables(program, made);
  made->session = session;
  made->bytes = bytes;
  made->launcher = session->launcher;
  int64_t start = 0;
  for (int32_t i = 0; i < program->description->num_outputs; ++i) {
    made->shape_of[i] = start;
    start += program->description->outputs[i].rank;
  }
  made->num_extents = start;
  for (int32_t i = 0; i < program->num_numbers; ++i)
    made->outputs[program->description->num_outputs + i] = &made->numbers[i];
  if (session->device) {
    StrutText text = strut_text_begin(threadError);
    StrutStatus status =
        program->device->runtime->create_stream(session->device, &made->stream, &text);
    if (status) {
      munmap(made, bytes);
      return status;
    }
  }
  atomic_fetch_add_explicit(&session->references, 1, memory_order_relaxed);
  *context = made;
  return STRUT_OK;
}

void strut_rt_destroy_context(StrutContext *context) {
  if (!context)
    return;
  StrutSession *session = context->session;
  if (context->stream)
    session->program->device->runtime->destroy_stream(context->stream);
  if (context->arena)
    munmap(context->arena, (size_t)context->arena_bytes);
  munmap(context, context->bytes);
  strut_rt_close(session);
}

static StrutStatus failSize(StrutContext *context, const int64_t *dims) {
  StrutText text = strut_text_begin(context->error);
  strut_text(&text, "the sizes of the model's tensors overflow");
  strut_text_dims(&text, context->session->program->description, dims);
  return STRUT_INVALID_ARGUMENT;
}

/* By the index of a dimension, or of a requirement behind these. */
static StrutStatus failDims(StrutContext *context, int32_t index, const int64_t *dims) {
  const StrutDescription *description = context->session->program->description;
  const int32_t required = index - description->num_dims;
  StrutText text = strut_text_begin(context->error);
  if (required >= 0) /* first, for there may be more dimensions than there is room for */
    strut_text(&text, context->session->program->requirements[required]);
  strut_text(&text, required >= 0 ? ". The model cannot run" : "the model cannot run");
  strut_text_dims(&text, description, dims);
  if (required >= 0)
    return STRUT_INVALID_ARGUMENT;
  strut_text(&text, ": ");
  strut_text_quoted(&text, description->dims[index]);
  strut_text(&text, " has no valid value");
  return STRUT_INVALID_ARGUMENT;
}

/* Offsets of the buffers, and of the outputs behind them; the arena's size or -1. Of a
 * program for a GPU nothing lies here. */
static int64_t layOut(StrutContext *context) {
  const StrutProgram *program = context->session->program;
  const int32_t buffers = program->num_buffers;
  int64_t total = strut_arena_layout(buffers, program->lifetimes, context->buffer_bytes,
                                     context->offsets, context->scratch);
  context->planned_bytes = total;
  if (context->stream && total >= 0)
    total = 0;
  for (int32_t i = 0; total >= 0 && !context->stream && i < program->description->num_outputs;
       ++i) {
    context->offsets[buffers + i] = total;
    if (program->description->outputs[i].alias >= 0)
      continue;
    int64_t bytes = strut_align(context->buffer_bytes[buffers + i]);
    if (bytes < 0 || __builtin_add_overflow(total, bytes, &total))
      return -1;
  }
  return total;
}

/* The old contents are not kept. Memory that is never touched costs nothing, so
 * room for outputs that the caller provides is free. */
static StrutStatus growArena(StrutContext *context, int64_t bytes, const int64_t *dims) {
  if (bytes <= context->arena_bytes)
    return STRUT_OK;
  if (context->arena)
    munmap(context->arena, (size_t)context->arena_bytes);
  context->arena_bytes = 0;
  context->arena = mapMemory((uint64_t)bytes);
  if (!context->arena) {
    StrutText text = sayMemory(context->error, "the model's working memory", (uint64_t)bytes);
    strut_text_dims(&text, context->session->program->description, dims);
    return STRUT_OUT_OF_MEMORY;
  }
  context->arena_bytes = bytes;
  if (bytes >= 2 * HugePageBytes)
    madvise(context->arena, (size_t)bytes, MADV_HUGEPAGE);
  return STRUT_OK;
}

static StrutStatus bindDims(StrutContext *context, const int64_t *dims) {
  const StrutProgram *program = context->session->program;
  context->bound = 0;
  int32_t refused = program->bind(dims, context->buffer_bytes, context->shapes);
  if (refused)
    return failDims(context, refused - 1, dims);
  int64_t bytes = strut_size_outputs(context) ? layOut(context) : -1;
  if (bytes < 0)
    return failSize(context, dims);
  StrutStatus status = growArena(context, bytes, dims);
  if (status)
    return status;
  memcpy(context->bounds, context->shapes, (size_t)context->num_extents * sizeof(int64_t));
  if (dims != context->dims)
    memcpy(context->dims, dims, (size_t)program->description->num_dims * sizeof *dims);
  context->bound = 1;
  return STRUT_OK;
}

StrutStatus strut_rt_bind(StrutContext *context, const int64_t *dims) {
  const StrutDescription *description = context->session->program->description;
  context->error[0] = 0;
  for (int32_t i = 0; i < description->num_dims; ++i) {
    if (dims && dims[i] >= 0)
      continue;
    StrutText text = strut_text_begin(context->error);
    strut_text(&text, "bind: dimension ");
    strut_text_quoted(&text, description->dims[i]);
    strut_text(&text, dims ? " is negative: " : " has no value: dims is null");
    if (dims)
      strut_text_int(&text, dims[i]);
    return STRUT_INVALID_ARGUMENT;
  }
  return bindDims(context, dims);
}

StrutStatus strut_rt_output_shape(const StrutContext *constContext, int32_t index, int64_t *shape) {
  StrutContext *context = (StrutContext *)constContext; /* for its error */
  const StrutDescription *description = context->session->program->description;
  const char *trouble = 0;
  context->error[0] = 0;
  if (index < 0 || index >= description->num_outputs)
    trouble = "output_shape: the model has no output of this index";
  else if (!context->bound)
    trouble = "output_shape: the dimensions are not bound yet: call bind or run first";
  if (trouble)
    return fail(context->error, STRUT_INVALID_ARGUMENT, trouble);
  memcpy(shape, context->shapes + context->shape_of[index],
         (size_t)description->outputs[index].rank * sizeof *shape);
  return STRUT_OK;
}

StrutStatus strut_rt_form(const StrutContext *constContext, int32_t index, int32_t *form) {
  StrutContext *context = (StrutContext *)constContext; /* for its error */
  const char *trouble = 0;
  context->error[0] = 0;
  if (index < 0 || index >= context->session->program->description->num_choices)
    trouble = "form: the model has no choice of this index";
  else if (!context->bound)
    trouble = "form: the dimensions are not bound yet: call bind or run first";
  if (trouble)
    return fail(context->error, STRUT_INVALID_ARGUMENT, trouble);
  *form = (int32_t)context->forms[index];
  return STRUT_OK;
}

static int dimsDiffer(const StrutContext *context) {
  const size_t count = (size_t)context->session->program->description->num_dims;
  return !context->bound ||
         memcmp(context->dims, context->wanted, count * sizeof *context->dims) != 0;
}

/* An aliased output in memory of its own starts as a copy of its input, so that the
 * program need only write what it changes. */
static void copyAliases(StrutContext *context) {
  const StrutProgram *program = context->session->program;
  for (int32_t i = 0; i < program->description->num_outputs; ++i) {
    int32_t alias = program->description->outputs[i].alias;
    int64_t bytes = context->buffer_bytes[program->num_buffers + i];
    if (alias >= 0 && bytes && context->outputs[i] != context->inputs[alias])
      memcpy(context->outputs[i], context->inputs[alias], (size_t)bytes);
  }
}

StrutStatus strut_rt_run(StrutContext *context, const DLTensor *const *inputs, DLTensor *outputs) {
  StrutSession *session = context->session;
  context->error[0] = 0;
  StrutStatus status = strut_check_inputs(context, inputs);
  if (!status && dimsDiffer(context))
    status = bindDims(context, context->wanted);
  else if (!status)
    strut_restore_shapes(context);
  if (!status && !outputs && session->program->description->num_outputs)
    status = fail(context->error, STRUT_INVALID_ARGUMENT, "run needs the output tensors");
  if (!status)
    status = strut_check_outputs(context, inputs, outputs);
  if (status)
    return status;
  if (context->stream)
    return session->program->device->runtime->run(context, inputs, outputs);
  copyAliases(context);
  if (session->uses_pool) /* new threads after a fork */
    context->launcher.executor.width =
        strut_process_v1.prepare((int32_t)(intptr_t)session->launcher.executor.self);
  const StrutFrame frame = {.inputs = context->inputs,
                            .outputs = context->outputs,
                            .arena = context->arena,
                            .offsets = context->offsets,
                            .weights = session->weights.base + session->program->weights_begin,
                            .dims = context->dims,
                            .launcher = &context->launcher};
  session->program->run(&frame);
  return strut_read_notes(context, outputs);
}

StrutStatus strut_rt_set_stream(StrutContext *context, void *stream) {
  context->error[0] = 0;
  if (!context->stream)
    return fail(context->error, STRUT_INVALID_ARGUMENT,
                "set_stream: the session runs on the CPU, which has no streams");
  context->session->program->device->runtime->use_stream(context->stream, stream);
  return STRUT_OK;
}

const char *strut_rt_device(const StrutSession *session) { return session->place; }

const char *strut_rt_error(const StrutContext *context) {
  return context ? context->error : threadError;
}
