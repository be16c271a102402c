/* threads.c - Four threads, each with two contexts of one session, on generated code.
 *
 * Linked with the code of an attention kernel (q[B, M, 2, 32], k and v [B, S, 2, 32])
 * and with the runtime, all of them built with -fsanitize=thread: a race between two
 * tasks, two runs or two contexts fails it. */
#include "../../Runtime/process.h"
#include "strut/Runtime/program.h"
#include <string.h>

enum { Threads = 4, Rounds = 12, Features = 2 * 32, MostRows = 130 };

void strut_run(const StrutFrame *frame);
int32_t strut_bind(const int64_t *dims, int64_t *buffer_bytes, int64_t *output_shapes);

static const char *const dims[] = {"B", "M", "S"};
static const StrutDim rows[] = {{-1, 0}, {-1, 1}, {2, -1}, {32, -1}};
static const StrutDim keys[] = {{-1, 0}, {-1, 2}, {2, -1}, {32, -1}};
#define FLOAT32 {kDLFloat, 32, 1}
static const StrutTensorInfo inputs[] = {
    {"q", FLOAT32, 4, rows, -1}, {"k", FLOAT32, 4, keys, -1}, {"v", FLOAT32, 4, keys, -1}};
static const StrutTensorInfo outputs[] = {{"y", FLOAT32, 4, rows, -1}};
static const StrutDescription description = {
    .model = "attention",
    .target = "native",
    .cpu = "generic",
    .producer = "strut test",
    .num_dims = 3,
    .num_inputs = 3,
    .num_outputs = 1,
    .dims = dims,
    .inputs = inputs,
    .outputs = outputs,
    .metadata = "{}",
};
static const StrutLifetime lifetimes[] = {{0, 1}}; /* of the packed keys */
static const _Alignas(64) char noWeights[64];
static const StrutProgram program = {
    .description = &description,
    .num_buffers = 1,
    .lifetimes = lifetimes,
    .bind = strut_bind,
    .run = strut_run,
    .weights = noWeights,
};

static StrutSession *session;
static float *query, *expected;

/* Rows [first, first + count) of the queries against all of them as keys. */
static void run(StrutContext *context, int64_t first, int64_t count, float *result) {
  int64_t shape[] = {1, count, 2, 32}, all[] = {1, MostRows, 2, 32};
  DLTensor q = {query + first * Features, {kDLCPU, 0}, 4, FLOAT32, shape, 0, 0};
  DLTensor k = {query, {kDLCPU, 0}, 4, FLOAT32, all, 0, 0}, v = k;
  const DLTensor *tensors[] = {&q, &k, &v};
  DLTensor y;
  memset(&y, 0, sizeof y);
  if (strut_rt_run(context, tensors, &y))
    die("run", strut_rt_error(context));
  if (result)
    memcpy(result, y.data, sizeof(float) * count * Features);
  else if (memcmp(expected + first * Features, y.data, sizeof(float) * count * Features))
    die("run", "other bits than those of a run alone");
}

static void *hostThread(void *argument) {
  const int seed = (int)(size_t)argument;
  StrutContext *contexts[2];
  for (int i = 0; i < 2; ++i)
    if (strut_rt_create_context(session, &contexts[i]))
      die("create_context", strut_rt_error(0));
  for (int round = 0; round < Rounds; ++round) {
    const int64_t first = (round * 17 + seed * 31) % MostRows;
    run(contexts[round % 2], first, MostRows - first, 0);
  }
  for (int i = 0; i < 2; ++i)
    strut_rt_destroy_context(contexts[i]);
  return 0;
}

int main(void) {
  query = malloc(sizeof(float) * MostRows * Features);
  expected = malloc(sizeof(float) * MostRows * Features);
  for (int i = 0; i < MostRows * Features; ++i)
    query[i] = (float)(i * 37 % 101) * 0.02f - 1.0f;
  StrutContext *alone;
  if (strut_rt_open(&program, 0, &session) || strut_rt_create_context(session, &alone))
    die("open", strut_rt_error(0));
  run(alone, 0, MostRows, expected);
  strut_rt_destroy_context(alone);

  onThreads(Threads, hostThread);
  strut_rt_close(session);
  free(query);
  free(expected);
  return 0;
}
