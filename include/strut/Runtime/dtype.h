/*===- dtype.h - Names of element types --------------------------*- C -*-===*/
#ifndef STRUT_RUNTIME_DTYPE_H
#define STRUT_RUNTIME_DTYPE_H

#include "strut/Runtime/dlpack.h"

/** The name that numpy has from ml_dtypes for a float of at most 8 bits, by its
 * DLPack type code; null for all other types, whose names end in their bits. */
static inline const char *strut_narrow_float_name(uint8_t code) {
  switch (code) {
  case kDLFloat8_e3m4:
    return "float8_e3m4";
  case kDLFloat8_e4m3:
    return "float8_e4m3";
  case kDLFloat8_e4m3b11fnuz:
    return "float8_e4m3b11fnuz";
  case kDLFloat8_e4m3fn:
    return "float8_e4m3fn";
  case kDLFloat8_e4m3fnuz:
    return "float8_e4m3fnuz";
  case kDLFloat8_e5m2:
    return "float8_e5m2";
  case kDLFloat8_e5m2fnuz:
    return "float8_e5m2fnuz";
  case kDLFloat8_e8m0fnu:
    return "float8_e8m0fnu";
  case kDLFloat6_e2m3fn:
    return "float6_e2m3fn";
  case kDLFloat6_e3m2fn:
    return "float6_e3m2fn";
  case kDLFloat4_e2m1fn:
    return "float4_e2m1fn";
  default:
    return 0;
  }
}

#endif /* STRUT_RUNTIME_DTYPE_H */
