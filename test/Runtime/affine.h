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

#ifdef __cplusplus
}
#endif
#endif
