//===- Output.h - files that are whole or not there -------------*- C++ -*-===//

#ifndef STRUT_DRIVER_OUTPUT_H
#define STRUT_DRIVER_OUTPUT_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <string>

namespace llvm {
class raw_pwrite_stream;
} // namespace llvm

namespace strut::driver {

/// Lets `write` fill a temporary file beside `path` and renames it. When `write`
/// or the disk fails, `path` is as it was. An existing `path` that is no regular
/// file (/dev/null, a pipe) is written directly, and "-" is standard output.
/// `executable` sets the mode that a shared library has.
llvm::Error writeFile(const std::string &path,
                      llvm::function_ref<llvm::Error(llvm::raw_pwrite_stream &)> write,
                      bool executable = false);

} // namespace strut::driver

#endif // STRUT_DRIVER_OUTPUT_H
