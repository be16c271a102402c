/* affine.h - A model written by hand, as the compiler would emit it.
 *
 *   y[batch, 8] = (x[batch, 8] * w[8] + b[8]) * scale[batch]
 *
 * in three kernels over two buffers of the arena, each parallel over rows. */
#ifndef STRUT_TEST_RUNTIME_AFFINE_H
#define STRUT_TEST_RUNTIME_AFFINE_H

#include "strut/Runtime/program.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { AffineColumns = 8 };

extern const StrutProgram affine_program;
/** w, then b. */
extern const float affine_weights[2 * AffineColumns];
extern const StrutModel strut_model;

/** What y must be, bit by bit. */
static inline float affine_expected(float x, float scale, int column) {
  float product = x * affine_weights[column];
  float sum = product + affine_weights[AffineColumns + column];
  return sum * scale;
}

/** Runs the model on `batch` rows; `y` becomes a view of the result. */
static inline StrutStatus affine_run(const StrutModel *model, StrutContext *context, float *x,
                                     float *scale, int64_t batch, DLTensor *y) {
  int64_t shape[] = {batch, AffineColumns};
  DLTensor tx = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, 0, 0};
  DLTensor ts = {scale, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, 0, 0};
  const DLTensor *inputs[] = {&tx, &ts};
  y->data = 0;
  return model->run(context, inputs, y);
}

#ifdef __cplusplus
}
#endif
#endif
