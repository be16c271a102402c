/*===- text.c - Messages in a fixed buffer ----------------------------------===*/
#include "text.h"
#include "strut/Runtime/dtype.h"

StrutText strut_text_begin(char *buffer) {
  buffer[0] = 0;
  return (StrutText){buffer, buffer + StrutTextCapacity - 1};
}

static void putChar(StrutText *text, char c) {
  if (text->at == text->end)
    return;
  *text->at++ = c;
  *text->at = 0;
}

void strut_text(StrutText *text, const char *string) {
  for (; string && *string; ++string)
    putChar(text, *string);
}

void strut_text_quoted(StrutText *text, const char *string) {
  putChar(text, '\'');
  strut_text(text, string);
  putChar(text, '\'');
}

void strut_text_int(StrutText *text, int64_t value) {
  char digits[20];
  int count = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do
    digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0)
    putChar(text, '-');
  while (count)
    putChar(text, digits[--count]);
}

void strut_text_ints(StrutText *text, const int64_t *values, int32_t count) {
  enum { Shown = 32 }; /* a garbage rank must not lead far beyond the array */
  putChar(text, '[');
  for (int32_t i = 0; i < count && i < Shown; ++i) {
    if (i)
      strut_text(text, ", ");
    strut_text_int(text, values[i]);
  }
  strut_text(text, count > Shown ? ", ...]" : "]");
}

static const char *dtypeStem(uint8_t code) {
  switch (code) {
  case kDLInt:
    return "int";
  case kDLUInt:
    return "uint";
  case kDLFloat:
    return "float";
  case kDLBfloat:
    return "bfloat";
  case kDLComplex:
    return "complex";
  default:
    return 0;
  }
}

void strut_text_dtype(StrutText *text, DLDataType dtype) {
  const char *stem = dtypeStem(dtype.code), *narrow = strut_narrow_float_name(dtype.code);
  if (dtype.code == kDLBool && dtype.bits == 8) {
    strut_text(text, "bool");
  } else if (narrow) {
    strut_text(text, narrow);
  } else if (stem) {
    strut_text(text, stem);
    strut_text_int(text, dtype.bits);
  } else {
    strut_text(text, "DLPack type ");
    strut_text_int(text, dtype.code);
    strut_text(text, " of ");
    strut_text_int(text, dtype.bits);
    strut_text(text, " bits");
  }
  if (dtype.lanes != 1) {
    putChar(text, 'x');
    strut_text_int(text, dtype.lanes);
  }
}

void strut_text_shape(StrutText *text, const StrutTensorInfo *info, const char *const *dims) {
  putChar(text, '[');
  for (int32_t i = 0; i < info->rank; ++i) {
    if (i)
      strut_text(text, ", ");
    if (info->shape[i].symbol >= 0)
      strut_text(text, dims[info->shape[i].symbol]);
    else if (info->shape[i].size >= 0)
      strut_text_int(text, info->shape[i].size);
    else
      putChar(text, '?');
  }
  putChar(text, ']');
}

void strut_text_dims(StrutText *text, const StrutDescription *description, const int64_t *dims) {
  for (int32_t i = 0; i < description->num_dims; ++i) {
    strut_text(text, i ? ", " : " with ");
    strut_text(text, description->dims[i]);
    strut_text(text, " = ");
    strut_text_int(text, dims[i]);
  }
}
