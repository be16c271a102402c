/* A model written by hand: y = 2 relu(x) and count = n + 1, with x[batch, 3],
 * n an int64 scalar. Linked with the runtime's sources it is an artefact like any
 * other, so that the tools can be tested without the compiler. */
#include "test/Runtime/handmade.h"

static const char *const dims[] = {"batch"};
static const StrutDim matrix[] = {{-1, 0}, {3, -1}};
static const StrutTensorInfo inputs[] = {{"x", {kDLFloat, 32, 1}, 2, matrix, -1},
                                         {"n", {kDLInt, 64, 1}, 0, matrix, -1}};
static const StrutTensorInfo outputs[] = {{"y", {kDLFloat, 32, 1}, 2, matrix, -1},
                                          {"count", {kDLInt, 64, 1}, 0, matrix, -1}};
static const StrutDescription description = {
    .model = "twice",
    .target = "unknown",
    .cpu = "generic",
    .producer = "hand",
    .num_dims = 1,
    .num_inputs = 2,
    .num_outputs = 2,
    .dims = dims,
    .inputs = inputs,
    .outputs = outputs,
    .metadata =
        "{\"kernels\": ["
        "{\"name\": \"y\", \"kind\": \"map\", \"flops\": [[6, [1]]], \"bytes\": [[24, [1]]]},"
        "{\"name\": \"count\", \"kind\": \"host\", \"flops\": [], \"bytes\": [[16, []]]}]}",
};

static int32_t bind(const int64_t *values, int64_t *bytes, int64_t *shapes) {
  if (values[0] < 0 || values[0] > (1LL << 40))
    return 1;
  shapes[0] = values[0];
  shapes[1] = 3;
  return 0;
}

static void rows(void *argument, int64_t begin, int64_t end) {
  const StrutFrame *frame = argument;
  const float *x = frame->inputs[0];
  float *y = frame->outputs[0];
  for (int64_t i = 3 * begin; i < 3 * end; ++i)
    y[i] = x[i] > 0 ? 2 * x[i] : 0;
}

static void run(const StrutFrame *frame) {
  strut_rt_parallel(frame->launcher, rows, (void *)frame, frame->dims[0], 0);
  *(int64_t *)frame->outputs[1] = *(const int64_t *)frame->inputs[1] + 1;
}

static const StrutProgram program = {.description = &description, .bind = bind, .run = run};

STRUT_HANDMADE_MODEL(program);
