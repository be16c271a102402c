//===- Pipeline.cpp - What the driver asks of modules ---------------------===//
#include "Pipeline.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Normalize/Passes.h"
#include "strut/Plan/Passes.h"

using namespace mlir;

namespace strut::driver {

bool isKernelStage(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  return main && main->hasAttr(kernelize::kSymbolsAttr);
}

llvm::Error fixDimensions(ModuleOp module, ArrayRef<std::pair<std::string, int64_t>> dims) {
  if (dims.empty())
    return llvm::Error::success();
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || isKernelStage(module))
    return llvm::createStringError("--dim needs a model, or a stage before the kernels");
  for (const auto &[name, size] : dims)
    if (!normalize::setDimension(main, name, size))
      return llvm::createStringError("--dim " + name + "=" + std::to_string(size) +
                                     ": the model has no dimension '" + name + "'");
  normalize::updateFunctionTypes(module);
  return llvm::Error::success();
}

llvm::Error aliasOutputs(ModuleOp module, ArrayRef<std::pair<std::string, std::string>> aliases) {
  if (aliases.empty())
    return llvm::Error::success();
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || isKernelStage(module))
    return llvm::createStringError("--alias needs a model, or a stage before the kernels");
  StringRef name = onnx_ir::OnnxDialect::kNameAttr;
  Builder b(module.getContext());
  llvm::SmallDenseSet<unsigned> taken;
  for (const auto &[output, input] : aliases) {
    unsigned result = 0, argument = 0;
    while (result < main.getNumResults() &&
           main.getResultAttr(result, name) != b.getStringAttr(output))
      ++result;
    while (argument < main.getNumArguments() &&
           main.getArgAttr(argument, name) != b.getStringAttr(input))
      ++argument;
    std::string option = "--alias " + output + "=" + input + ": ";
    if (result == main.getNumResults())
      return llvm::createStringError(option + "the model has no output '" + output + "'");
    if (argument == main.getNumArguments())
      return llvm::createStringError(option + "the model has no input '" + input + "'");
    auto from = dyn_cast<ShapedType>(main.getArgumentTypes()[argument]);
    auto to = dyn_cast<ShapedType>(main.getResultTypes()[result]);
    if (!from || !to || from.getElementType() != to.getElementType() ||
        (from.hasRank() && to.hasRank() && failed(verifyCompatibleShape(from, to))))
      return llvm::createStringError(option + "their types differ");
    if (!taken.insert(argument).second || main.getResultAttr(result, plan::kAliasAttr))
      return llvm::createStringError(option + "one input is the memory of one output");
    main.setResultAttr(result, plan::kAliasAttr, b.getI64IntegerAttr(argument));
  }
  return llvm::Error::success();
}

} // namespace strut::driver
