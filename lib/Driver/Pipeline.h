//===- Pipeline.h - What the driver asks of modules -------------*- C++ -*-===//
#ifndef LIB_DRIVER_PIPELINE_H
#define LIB_DRIVER_PIPELINE_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "strut/Driver/Metadata.h"
#include "strut/Package/Artifact.h"

namespace strut::driver {

/// Whether the module has passed buildKernelPipeline.
bool isKernelStage(mlir::ModuleOp module);

/// Fixes symbolic dimensions of a module in the onnx dialect; fails by name where
/// the model has no such dimension.
llvm::Error fixDimensions(mlir::ModuleOp module,
                          llvm::ArrayRef<std::pair<std::string, int64_t>> dims);

/// Lets outputs share the memory of inputs, as pairs of their names, of a module in
/// the onnx dialect. Fails by name where there is no such tensor, where the types
/// differ, or where an input is shared twice.
llvm::Error aliasOutputs(mlir::ModuleOp module,
                         llvm::ArrayRef<std::pair<std::string, std::string>> aliases);

/// Inputs, outputs and dimensions of a module at the kernel stage. The extents of
/// outputs are filled in by completeInterface.
llvm::Expected<package::ModelInfo> describeInterface(mlir::ModuleOp module);
/// The work of each kernel of a module at the kernel stage.
std::vector<KernelMetadata> describeWork(mlir::ModuleOp module);
/// Lets the kind of those regions be `scalar-region` of which emission made scalar
/// loops.
void nameScalarRegions(kernel::ProgramOp program, llvm::MutableArrayRef<KernelMetadata> kernels);
/// Reads the extents of outputs and the lifetimes of buffers off planned code.
package::ProgramInfo completeInterface(kernel::ProgramOp planned, package::ModelInfo &model);

} // namespace strut::driver

#endif // LIB_DRIVER_PIPELINE_H
