/* smoke.c - Uses a compiled model as docs/abi.md tells. Also run under qemu on the
 * bitcode of another architecture. */
#include "affine.h"
#include <stdio.h>

int main(void) {
  static float x[33 * AffineColumns], scale[33];
  StrutSession *session;
  StrutContext *context;
  if (strut_model.open(0, &session) || strut_model.create_context(session, &context)) {
    fprintf(stderr, "open: %s\n", strut_model.error(0));
    return 1;
  }
  for (int i = 0; i < 33 * AffineColumns; ++i)
    x[i] = (float)i * 0.25f;
  for (int i = 0; i < 33; ++i)
    scale[i] = (float)(i % 3);
  static const int64_t batches[] = {7, 33, 1, 0, 12};
  for (int i = 0; i < 5; ++i) {
    DLTensor y;
    if (affine_run(&strut_model, context, x, scale, batches[i], &y)) {
      fprintf(stderr, "run: %s\n", strut_model.error(context));
      return 1;
    }
    for (int64_t k = 0; k < batches[i] * AffineColumns; ++k)
      if (((float *)y.data)[k] !=
          affine_expected(x[k], scale[k / AffineColumns], (int)(k % AffineColumns))) {
        fprintf(stderr, "element %d of batch %d is wrong\n", (int)k, (int)batches[i]);
        return 1;
      }
  }
  strut_model.destroy_context(context);
  strut_model.close(session);
  return 0;
}
