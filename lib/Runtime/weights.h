/*===- weights.h - Where a program's weights come from ------------------------===*/
#ifndef STRUT_RUNTIME_WEIGHTS_H
#define STRUT_RUNTIME_WEIGHTS_H

#include "strut/Runtime/program.h"
#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct StrutWeights {
  const char *base; /**< of the packed weights */
  void *mapping;    /**< of the side file, or null */
  uint64_t mapped_bytes;
} StrutWeights;

/** Finds the program's weights: inside the artefact, or in a side file at `path`,
 * else (`path` null) at the path written at compile time, else beside the library.
 * A file is taken when its header fits the program and it is whole. On failure
 * `message` says which file was refused and why. */
StrutStatus strut_weights_open(const StrutProgram *program, const char *path, StrutWeights *weights,
                               StrutText *message);
void strut_weights_close(StrutWeights *weights);

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_WEIGHTS_H */
