//===- Inspect.h - what inspect prints --------------------------*- C++ -*-===//

#ifndef LIB_DRIVER_INSPECT_H
#define LIB_DRIVER_INSPECT_H

#include "strut/Driver/Commands.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace strut::driver {

/// The answers about an artefact and about a model, under the keys of --json.
llvm::Expected<llvm::json::Object> inspectArtifact(const InspectOptions &options);
llvm::Expected<llvm::json::Object> inspectModel(const InspectOptions &options);

} // namespace strut::driver

#endif // LIB_DRIVER_INSPECT_H
