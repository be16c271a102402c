/* concurrent.c - Four threads, each with two contexts of one session, while other
 * sessions come and go. Built with -fsanitize=thread: a race fails it. */
#include "affine.h"
#include "process.h"

enum { Threads = 4, Rounds = 60, MostRows = 300 };

static StrutSession *shared;

static void runAndCheck(StrutContext *context, float *x, float *scale, int64_t batch, int seed) {
  for (int64_t i = 0; i < batch * AffineColumns; ++i)
    x[i] = (float)((i * 31 + seed) % 97) * 0.5f;
  for (int64_t i = 0; i < batch; ++i)
    scale[i] = (float)(i % 5) + 1.0f;
  DLTensor y;
  if (affine_run(&strut_model, context, x, scale, batch, &y))
    die("run", strut_model.error(context));
  for (int64_t i = 0; i < batch * AffineColumns; ++i)
    if (((float *)y.data)[i] !=
        affine_expected(x[i], scale[i / AffineColumns], (int)(i % AffineColumns)))
      die("run", "a wrong result");
}

static void *hostThread(void *argument) {
  const int seed = (int)(size_t)argument;
  float *x = malloc(sizeof(float) * MostRows * AffineColumns);
  float *scale = malloc(sizeof(float) * MostRows);
  StrutContext *contexts[2];
  for (int i = 0; i < 2; ++i)
    if (strut_model.create_context(shared, &contexts[i]))
      die("create_context", strut_model.error(0));
  for (int round = 0; round < Rounds; ++round) {
    for (int i = 0; i < 2; ++i)
      runAndCheck(contexts[i], x, scale, (round * 41 + i * 7 + seed) % MostRows, round + seed);
    if (round % 20 == seed) {
      StrutSession *own = 0;
      StrutContext *context = 0;
      if (strut_model.open(0, &own) || strut_model.create_context(own, &context))
        die("open", strut_model.error(0));
      strut_model.close(own);
      runAndCheck(context, x, scale, 50, round);
      strut_model.destroy_context(context);
    }
  }
  for (int i = 0; i < 2; ++i)
    strut_model.destroy_context(contexts[i]);
  free(x);
  free(scale);
  return 0;
}

int main(void) {
  if (strut_model.open(0, &shared))
    die("open", strut_model.error(0));
  onThreads(Threads, hostThread);
  strut_model.close(shared);
  return 0;
}
