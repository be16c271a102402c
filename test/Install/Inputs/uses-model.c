/* Runs the model of the test on two rows and prints what it gives. */
#include "scale-rows.h"
#include <stdio.h>

static int fail(const char *why) {
  fprintf(stderr, "%s\n", why);
  return 1;
}

int main(void) {
  StrutSession *session;
  StrutContext *context;
  if (scale_rows_open(NULL, &session))
    return fail(scale_rows_error(NULL));
  if (scale_rows_create_context(session, &context))
    return fail(scale_rows_error(NULL));

  float x[2][3] = {{1, 2, 3}, {4, 5, 6}}, y[2][2];
  int64_t x_shape[] = {2, 3}, y_shape[] = {2, 2};
  DLTensor x_tensor = scale_rows_tensor_x(x[0], x_shape);
  DLTensor y_tensor = scale_rows_tensor_y(y[0], y_shape);
  if (scale_rows_run(context, &x_tensor, &y_tensor))
    return fail(scale_rows_error(context));
  for (int row = 0; row < 2; ++row)
    printf("%g %g\n", y[row][0], y[row][1]);

  scale_rows_destroy_context(context);
  scale_rows_close(session);
  return 0;
}
