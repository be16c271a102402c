/* two-libraries.c - Two compiled models in one process share one pool.
 *
 * Loads both libraries named on the command line with RTLD_LOCAL, runs the second,
 * unloads it, and runs the first: were the workers' code the second's, the process
 * would die. Exits with 77 (skipped) where only one CPU may be used. */
#include "strut/Runtime/strut.h"
#include <dirent.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static int countThreads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks && (task = readdir(tasks));)
    count += task->d_name[0] != '.';
  closedir(tasks);
  return count;
}

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
  static float x[400 * 8], scale[400];
  int64_t shape[] = {400, 8};
  DLTensor tx = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, 0, 0};
  DLTensor ts = {scale, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, 0, 0};
  const DLTensor *inputs[] = {&tx, &ts};
  DLTensor y;
  memset(&y, 0, sizeof y);
  StrutSession *session;
  StrutContext *context;
  if (model->open(0, &session) || model->create_context(session, &context))
    die("open", model->error(0));
  for (int i = 0; i < 100; ++i)
    if (model->run(context, inputs, &y))
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
