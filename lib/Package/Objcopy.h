//===- Objcopy.h - Symbols of an object file --------------------*- C++ -*-===//
#ifndef STRUT_LIB_PACKAGE_OBJCOPY_H
#define STRUT_LIB_PACKAGE_OBJCOPY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace strut::package {

/// Copies an object file, making its hidden symbols local.
llvm::Error hideSymbols(llvm::StringRef object, llvm::StringRef out);

} // namespace strut::package

#endif // STRUT_LIB_PACKAGE_OBJCOPY_H
