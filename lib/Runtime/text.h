/*===- text.h - Messages in a fixed buffer ----------------------------------===*/
#ifndef STRUT_RUNTIME_TEXT_H
#define STRUT_RUNTIME_TEXT_H

#include "strut/Runtime/strut.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { StrutTextCapacity = 1024 };

/** A message under construction. Always terminated; what does not fit is cut. */
typedef struct StrutText {
  char *at;
  char *end; /**< the last byte of the buffer, kept for the terminator */
} StrutText;

/** Starts an empty message in `buffer`, which holds StrutTextCapacity bytes. */
StrutText strut_text_begin(char *buffer);
void strut_text(StrutText *text, const char *string);
/** As strut_text, in single quotes. */
void strut_text_quoted(StrutText *text, const char *string);
void strut_text_int(StrutText *text, int64_t value);
/** "[2, 3, 4]". */
void strut_text_ints(StrutText *text, const int64_t *values, int32_t count);
/** "float32", "bfloat16", "bool", "int8x4": numpy's names where it has one, ml_dtypes' else. */
void strut_text_dtype(StrutText *text, DLDataType dtype);
/** "[batch, 128]": an axis by name where it is one of the dimensions, "?" where it
 * is computed. */
void strut_text_shape(StrutText *text, const StrutTensorInfo *info, const char *const *dims);
/** " with batch = 2, seq = 128" */
void strut_text_dims(StrutText *text, const StrutDescription *description, const int64_t *dims);

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_TEXT_H */
