/* allocations.c - A run with bound dimensions allocates nothing.
 *
 * Counts every malloc of the process and every mmap that the runtime makes. */
#include "affine.h"
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int mallocs, mmaps;

void *__libc_malloc(size_t bytes);
void *malloc(size_t bytes) {
  ++mallocs;
  return __libc_malloc(bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  ++mmaps;
  return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

static float x[512 * AffineColumns], scale[512];

static int runOnce(StrutContext *context, int64_t batch) {
  DLTensor y;
  if (affine_run(&strut_model, context, x, scale, batch, &y) == STRUT_OK)
    return 1;
  fprintf(stderr, "run: %s\n", strut_model.error(context));
  return 0;
}

int main(void) {
  StrutSession *session;
  StrutContext *context;
  if (strut_model.open(0, &session) || strut_model.create_context(session, &context)) {
    fprintf(stderr, "open: %s\n", strut_model.error(0));
    return 1;
  }
  static const int64_t batches[] = {7, 512, 1, 0, 33};
  for (int i = 0; i < 5; ++i) {
    if (!runOnce(context, batches[i]))
      return 1;
    int mallocsBefore = mallocs, mmapsBefore = mmaps;
    if (!runOnce(context, batches[i]))
      return 1;
    if (mallocs != mallocsBefore || mmaps != mmapsBefore) {
      fprintf(stderr, "the second run of batch %d made %d mallocs and %d mmaps\n", (int)batches[i],
              mallocs - mallocsBefore, mmaps - mmapsBefore);
      return 1;
    }
  }
  if (!mmaps) {
    fprintf(stderr, "the counter of mmap saw nothing: it proves nothing\n");
    return 1;
  }
  strut_model.destroy_context(context);
  strut_model.close(session);
  return 0;
}
