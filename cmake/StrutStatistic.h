//===- StrutStatistic.h - Statistics as LLVM's libraries have them --------===//
//
// Included first in builds with assertions. There llvm::Statistic has members that it
// does not have in an LLVM without assertions, whose constructor of mlir::Pass's
// statistics would leave them uninitialised. Everything else in LLVM's headers is
// laid out alike.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_STATISTIC_H
#define STRUT_STATISTIC_H

#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#endif

#endif // STRUT_STATISTIC_H
