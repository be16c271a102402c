//===- ExplainPage.h - The page of strut explain ----------------*- C++ -*-===//
#ifndef LIB_DRIVER_EXPLAINPAGE_H
#define LIB_DRIVER_EXPLAINPAGE_H

namespace strut::driver::embedded {

/// Explain.html, in which {{data}} stands for the JSON.
extern const char *const explainPage;

} // namespace strut::driver::embedded

#endif // LIB_DRIVER_EXPLAINPAGE_H
