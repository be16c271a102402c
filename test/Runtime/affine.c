/* affine.c - A model written by hand, as the compiler would emit it. */
#include "affine.h"
#include "handmade.h"

#define HIDDEN __attribute__((visibility("hidden")))

_Alignas(64) HIDDEN const
    float affine_weights[2 * AffineColumns] = {1.5f, -2.0f, 0.25f, 3.0f, 1.0f, 0.0f,  -1.0f, 7.0f,
                                               0.5f, 1.0f,  -1.5f, 0.0f, 2.0f, -3.0f, 4.0f,  9.0f};

static const char *const dims[] = {"batch"};
static const StrutDim matrix[] = {{-1, 0}, {AffineColumns, -1}};
static const StrutDim column[] = {{-1, 0}};
#define FLOAT32 {kDLFloat, 32, 1}
static const StrutTensorInfo inputs[] = {{"x", FLOAT32, 2, matrix, -1},
                                         {"scale", FLOAT32, 1, column, -1}};
static const StrutTensorInfo outputs[] = {{"y", FLOAT32, 2, matrix, -1}};

static const StrutDescription description = {
    .model = "affine",
    .target = "native",
    .cpu = "generic",
    .producer = "strut test",
    .num_dims = 1,
    .num_inputs = 2,
    .num_outputs = 1,
    .dims = dims,
    .inputs = inputs,
    .outputs = outputs,
    .weight_bytes = sizeof affine_weights,
    .metadata = "{}",
};

static int32_t bind(const int64_t *d, int64_t *bytes, int64_t *shapes) {
  if (__builtin_mul_overflow(d[0], (int64_t)(AffineColumns * sizeof(float)), &bytes[0]))
    return 1;
  bytes[1] = bytes[0];
  shapes[0] = d[0];
  shapes[1] = AffineColumns;
  return 0;
}

typedef struct Rows {
  const float *from;
  const float *by;
  float *to;
} Rows;

static void multiply(void *argument, int64_t begin, int64_t end) {
  const Rows *rows = argument;
  for (int64_t i = begin * AffineColumns; i < end * AffineColumns; ++i)
    rows->to[i] = rows->from[i] * rows->by[i % AffineColumns];
}

static void add(void *argument, int64_t begin, int64_t end) {
  const Rows *rows = argument;
  for (int64_t i = begin * AffineColumns; i < end * AffineColumns; ++i)
    rows->to[i] = rows->from[i] + rows->by[i % AffineColumns];
}

static void scaleRows(void *argument, int64_t begin, int64_t end) {
  const Rows *rows = argument;
  for (int64_t i = begin * AffineColumns; i < end * AffineColumns; ++i)
    rows->to[i] = rows->from[i] * rows->by[i / AffineColumns];
}

static void run(const StrutFrame *frame) {
  const float *weights = (const float *)(const void *)frame->weights;
  float *product = (float *)(void *)(frame->arena + frame->offsets[0]);
  float *sum = (float *)(void *)(frame->arena + frame->offsets[1]);
  Rows rows = {frame->inputs[0], weights, product};
  strut_rt_parallel(frame->launcher, multiply, &rows, frame->dims[0], 0);
  rows = (Rows){product, weights + AffineColumns, sum};
  strut_rt_parallel(frame->launcher, add, &rows, frame->dims[0], 1);
  rows = (Rows){sum, frame->inputs[1], frame->outputs[0]};
  strut_rt_parallel(frame->launcher, scaleRows, &rows, frame->dims[0], 2);
}

static const StrutLifetime lifetimes[] = {{0, 1}, {1, 2}};

HIDDEN const StrutProgram affine_program = {
    .description = &description,
    .num_buffers = 2,
    .lifetimes = lifetimes,
    .bind = bind,
    .run = run,
    .weights = (const char *)affine_weights,
    .weight_bytes = sizeof affine_weights,
};

STRUT_HANDMADE_MODEL(affine_program);
