/* two-archives.c - Two models linked into one program. Each object holds a whole
 * runtime, of which only the table and the object of the process are global; the
 * linker must keep one of the latter. */
#include "affine.h"
#include "process.h"

extern const StrutModel strut_model_one, strut_model_two;

static int runModel(const StrutModel *model) {
  static float x[400 * AffineColumns], scale[400];
  DLTensor y;
  StrutSession *session;
  StrutContext *context;
  if (model->open(0, &session) || model->create_context(session, &context) ||
      affine_run(model, context, x, scale, 400, &y))
    return 0;
  model->destroy_context(context);
  model->close(session);
  return 1;
}

int main(void) {
  if (!runModel(&strut_model_one))
    return 1;
  const int threads = countThreads();
  if (!runModel(&strut_model_two))
    return 1;
  if (countThreads() != threads) {
    fprintf(stderr, "the second model made threads of its own\n");
    return 1;
  }
  return 0;
}
