/* run_files.c - run_files MODEL.so OUTPUT_PREFIX RUNS INPUT...
 *
 * Runs a compiled model on raw row-major arrays: each INPUT is a file, followed by
 * its shape as in `x.bin:7,96`. Output number i goes to OUTPUT_PREFIX<i>.bin. With
 * more than one RUN, those after the first must allocate nothing: every malloc of
 * the process and every mmap is counted, for an executable's definitions come first. */
#define _GNU_SOURCE
#include "strut/Runtime/strut.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int mallocs, mmaps;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *malloc(size_t bytes) {
  ++mallocs;
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  ++mallocs;
  return __libc_calloc(count, bytes);
}
void *realloc(void *old, size_t bytes) {
  ++mallocs;
  return __libc_realloc(old, bytes);
}
void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  ++mmaps;
  return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

static void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static int64_t bytesOf(const DLTensor *tensor) {
  int64_t bytes = (tensor->dtype.bits + 7) / 8;
  for (int32_t i = 0; i < tensor->ndim; ++i)
    bytes *= tensor->shape[i];
  return bytes;
}

/* "file:7,96"; the shape ends the text and may be empty. */
static void readInput(char *text, const StrutTensorInfo *info, DLTensor *tensor) {
  char *colon = strrchr(text, ':');
  if (!colon)
    die(text, "no shape is given");
  *colon = 0;
  tensor->dtype = info->dtype;
  tensor->device = (DLDevice){kDLCPU, 0};
  tensor->shape = calloc(16, sizeof(int64_t));
  for (char *next = strtok(colon + 1, ","); next && tensor->ndim < 16; next = strtok(0, ","))
    tensor->shape[tensor->ndim++] = atoll(next);
  const int64_t bytes = bytesOf(tensor);
  tensor->data = malloc(bytes + 1);
  FILE *file = fopen(text, "rb");
  if (!file || (int64_t)fread(tensor->data, 1, bytes + 1, file) != bytes)
    die(text, "it has another size than its shape asks for");
  fclose(file);
}

int main(int count, char **arguments) {
  if (count < 4)
    die(arguments[0], "MODEL.so OUTPUT_PREFIX RUNS INPUT...");
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    die("dlopen", dlerror());
  const StrutModel *model = dlsym(library, "strut_model");
  const StrutDescription *about = model->describe();
  if (count - 4 != about->num_inputs)
    die(arguments[1], "takes another number of inputs");
  DLTensor *inputs = calloc(about->num_inputs + 1, sizeof *inputs);
  DLTensor *outputs = calloc(about->num_outputs, sizeof *outputs);
  const DLTensor **pointers = calloc(about->num_inputs + 1, sizeof *pointers);
  for (int i = 0; i < about->num_inputs; ++i) {
    readInput(arguments[4 + i], &about->inputs[i], &inputs[i]);
    pointers[i] = &inputs[i];
  }

  StrutSession *session;
  StrutContext *context;
  if (model->open(0, &session) || model->create_context(session, &context))
    die("open", model->error(0));
  for (int run = 0, runs = atoi(arguments[3]); run < runs; ++run) {
    const int mallocsBefore = mallocs, mmapsBefore = mmaps;
    if (model->run(context, pointers, outputs))
      die("run", model->error(context));
    if (run > 0 && (mallocs != mallocsBefore || mmaps != mmapsBefore)) {
      fprintf(stderr, "run %d made %d allocations and %d mmaps\n", run, mallocs - mallocsBefore,
              mmaps - mmapsBefore);
      return 2;
    }
  }
  if (!mallocs || !mmaps)
    die("the counters", "they saw nothing and prove nothing");
  for (int i = 0; i < about->num_outputs; ++i) {
    char name[4096];
    snprintf(name, sizeof name, "%s%d.bin", arguments[2], i);
    FILE *file = fopen(name, "wb");
    const int64_t bytes = bytesOf(&outputs[i]);
    if (!file || (int64_t)fwrite(outputs[i].data, 1, bytes, file) != bytes || fclose(file))
      die(name, "cannot be written");
  }
  model->destroy_context(context);
  model->close(session);
  return 0;
}
