//===- Weights.cpp - Weights of a program to packed bytes ------------------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "strut/Emit/Host.h"
#include "strut/Pipeline/Pipeline.h"
#include "strut/Support/FileData.h"

using namespace mlir;

namespace strut::pipeline {

/// The row-major elements of a weight, copied only where they have no such form.
static llvm::Error withElements(Attribute source, int64_t bytes,
                                llvm::function_ref<void(ArrayRef<char>)> use) {
  if (auto file = dyn_cast<kernel::FileAttr>(source)) {
    auto data = mapFileData(file.getPath(), file.getOffset(), file.getLength());
    if (!data)
      return data.takeError();
    use(data->bytes());
    return llvm::Error::success();
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(source)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return llvm::createStringError("the stage does not carry the elements of '" +
                                     resource.getRawHandle().getKey() + "'");
    use(blob->getData());
    return llvm::Error::success();
  }
  auto dense = cast<DenseElementsAttr>(source);
  if (dense.getElementType().isInteger(1)) {
    SmallVector<char> expanded;
    for (bool value : dense.getValues<bool>())
      expanded.push_back(value);
    use(expanded);
    return llvm::Error::success();
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat()) {
    use(raw);
    return llvm::Error::success();
  }
  std::vector<char> expanded;
  expanded.reserve(bytes);
  while (int64_t(expanded.size()) < bytes)
    expanded.insert(expanded.end(), raw.begin(), raw.end());
  use(expanded);
  return llvm::Error::success();
}

uint64_t weightBytesOf(kernel::ProgramOp program) {
  return program->getAttrOfType<IntegerAttr>(emit::kWeightBytesAttr).getInt();
}

llvm::Expected<package::WeightPlan> planWeights(kernel::ProgramOp program) {
  package::WeightPlan plan;
  auto begin = addWeights(program, plan);
  if (!begin)
    return begin.takeError();
  return plan;
}

llvm::Expected<uint64_t> addWeights(kernel::ProgramOp program, package::WeightPlan &plan) {
  uint64_t begin = plan.bytes();
  auto module = program->getParentOfType<ModuleOp>();
  for (auto entry :
       program->getAttrOfType<ArrayAttr>(emit::kWeightsAttr).getAsRange<DictionaryAttr>()) {
    auto name = entry.getAs<FlatSymbolRefAttr>("weight");
    auto weight = module.lookupSymbol<kernel::WeightOp>(name.getValue());
    RankedTensorType logical = weight.getTensorType(), physical = logical;
    auto layout = entry.getAs<kernel::LayoutAttrInterface>("layout");
    if (layout)
      physical = layout.getPhysicalType(logical);
    int64_t elementBytes = llvm::divideCeil(physical.getElementTypeBitWidth(), 8);
    int64_t bytes = physical.getNumElements() * elementBytes;
    Attribute source = weight.getSource();
    int64_t logicalBytes = weight.getBytes();
    plan.place(name.getValue(), begin + entry.getAs<IntegerAttr>("offset").getInt(), bytes,
               [=](MutableArrayRef<uint8_t> out) {
                 MutableArrayRef<char> target(reinterpret_cast<char *>(out.data()), out.size());
                 return withElements(source, logicalBytes, [&](ArrayRef<char> elements) {
                   if (layout)
                     layout.pack(logical, elements, target);
                   else
                     std::memcpy(target.data(), elements.data(), target.size());
                 });
               });
  }
  if (auto error = plan.verify())
    return std::move(error);
  return begin;
}

} // namespace strut::pipeline
