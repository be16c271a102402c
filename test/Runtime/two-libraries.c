/* two-libraries.c - Two compiled models in one process share one pool.
 *
 * Loads both libraries named on the command line with RTLD_LOCAL, runs the second,
 * unloads it, and runs the first: were the workers' code the second's, the process
 * would die. Exits with 77 (skipped) where only one CPU may be used. */
#include "affine.h"
#include "process.h"
#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

static const StrutModel *load(const char *path, void **library) {
  *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*library)
    die("dlopen", dlerror());
  const StrutModel *model = dlsym(*library, "strut_model");
  if (!model)
    die("dlsym", dlerror());
  return model;
}

static void runModel(const StrutModel *model) {
  static float x[400 * AffineColumns], scale[400];
  DLTensor y;
  StrutSession *session;
  StrutContext *context;
  if (model->open(0, &session) || model->create_context(session, &context))
    die("open", model->error(0));
  for (int i = 0; i < 100; ++i)
    if (affine_run(model, context, x, scale, 400, &y))
      die("run", model->error(context));
  model->destroy_context(context);
  model->close(session);
}

int main(int argc, char **argv) {
  void *first, *second;
  cpu_set_t cpus;
  if (argc != 3)
    die("usage", "two-libraries FIRST.so SECOND.so");
  const StrutModel *one = load(argv[1], &first), *two = load(argv[2], &second);
  if (one == two)
    die("load", "both names led to one library");
  if (dlsym(first, "strut_process_v1") != dlsym(second, "strut_process_v1"))
    die("strut_process_v1", "each library has its own");
  sched_getaffinity(0, sizeof cpus, &cpus);
  if (CPU_COUNT(&cpus) < 2)
    return 77;
  runModel(two);
  const int threads = countThreads();
  if (dlclose(second))
    die("dlclose", dlerror());
  usleep(5000); /* workers fall asleep, in code that is still mapped */
  runModel(one);
  if (countThreads() != threads)
    die("threads", "the second model made its own");
  return 0;
}
