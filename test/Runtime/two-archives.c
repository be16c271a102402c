/* two-archives.c - Two models linked into one program. Each object holds a whole
 * runtime, of which only the table and the object of the process are global; the
 * linker must keep one of the latter. */
#include "strut/Runtime/strut.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

extern const StrutModel strut_model_one, strut_model_two;

static int countThreads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks && (task = readdir(tasks));)
    count += task->d_name[0] != '.';
  closedir(tasks);
  return count;
}

static int runModel(const StrutModel *model) {
  static float x[400 * 8], scale[400];
  int64_t shape[] = {400, 8};
  DLTensor tx = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, 0, 0};
  DLTensor ts = {scale, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, 0, 0};
  const DLTensor *inputs[] = {&tx, &ts};
  DLTensor y;
  memset(&y, 0, sizeof y);
  StrutSession *session;
  StrutContext *context;
  if (model->open(0, &session) || model->create_context(session, &context) ||
      model->run(context, inputs, &y))
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
