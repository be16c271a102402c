/*===- arena.h - Layout of the working memory --------------------------------===*/
#ifndef STRUT_RUNTIME_ARENA_H
#define STRUT_RUNTIME_ARENA_H

#include "strut/Runtime/program.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { StrutAlignment = 64 };

/** Rounds up to StrutAlignment; -1 when that does not fit (or `bytes` is negative). */
int64_t strut_align(int64_t bytes);

/** Places `count` buffers of `bytes[i]` bytes so that two buffers which are live at
 * the same time never overlap. Buffers are taken by falling size and put into the
 * smallest gap that holds them. `offsets` receives multiples of StrutAlignment,
 * `scratch` has room for 2 * count entries. Returns the size of the arena, a
 * multiple of StrutAlignment, or -1 when it does not fit in 63 bits. */
int64_t strut_arena_layout(int32_t count, const StrutLifetime *lifetimes, const int64_t *bytes,
                           int64_t *offsets, int32_t *scratch);

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_ARENA_H */
