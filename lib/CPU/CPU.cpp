//===- CPU.cpp - The cpu dialect ------------------------------------------===//
#include "strut/CPU/CPU.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstring>

#include "strut/CPU/CPUDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "strut/CPU/CPUAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "strut/CPU/CPUOps.cpp.inc"

using namespace mlir;

namespace strut::cpu {

void CPUDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "strut/CPU/CPUAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "strut/CPU/CPUOps.cpp.inc"
      >();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto kernel = tables.lookupNearestSymbolFrom<func::FuncOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("launches no function named '") << getKernel() << "'";
  SmallVector<Type> expected(getArguments().getTypes());
  Type index = IndexType::get(getContext());
  expected.append({index, index});
  if (kernel.getFunctionType().getInputs() != ArrayRef<Type>(expected))
    return emitOpError("passes other arguments than '") << getKernel() << "' takes";
  return success();
}

//===----------------------------------------------------------------------===//
// #cpu.panels
//===----------------------------------------------------------------------===//

namespace {
/// A walk over some dimensions of a row-major tensor, the last one fastest.
struct Walk {
  SmallVector<int64_t> extents, strides;

  Walk(RankedTensorType type, ArrayRef<int64_t> dims) {
    for (int64_t d : dims) {
      int64_t stride = 1;
      for (int64_t later : type.getShape().drop_front(d + 1))
        stride *= later;
      extents.push_back(type.getDimSize(d));
      strides.push_back(stride);
    }
  }
  int64_t size() const { return llvm::product_of(extents); }
  /// Offset in elements of the i-th place of the walk.
  int64_t offset(int64_t i) const {
    int64_t result = 0;
    for (size_t d = extents.size(); d-- > 0; i /= extents[d])
      result += i % extents[d] * strides[d];
    return result;
  }
};

SmallVector<int64_t> batchDims(PanelsAttr panels, RankedTensorType logical) {
  SmallVector<int64_t> batch;
  for (int64_t d = 0; d < logical.getRank(); ++d)
    if (!llvm::is_contained(panels.getRows(), d) && !llvm::is_contained(panels.getCols(), d))
      batch.push_back(d);
  return batch;
}
} // namespace

RankedTensorType PanelsAttr::getPhysicalType(RankedTensorType logical) const {
  SmallVector<int64_t> shape;
  for (int64_t d : batchDims(*this, logical))
    shape.push_back(logical.getDimSize(d));
  shape.push_back(llvm::divideCeil(Walk(logical, getCols()).size(), getN()));
  shape.push_back(Walk(logical, getRows()).size());
  shape.push_back(getN());
  return RankedTensorType::get(shape, logical.getElementType());
}

void PanelsAttr::pack(RankedTensorType logical, ArrayRef<char> source,
                      MutableArrayRef<char> target) const {
  size_t width = llvm::divideCeil(logical.getElementTypeBitWidth(), 8);
  SmallVector<int64_t> batchDimensions = batchDims(*this, logical);
  Walk batches(logical, batchDimensions), rows(logical, getRows()), cols(logical, getCols());
  int64_t rowCount = rows.size(), colCount = cols.size(), n = getN();
  SmallVector<int64_t> colOffsets;
  for (int64_t c = 0; c < colCount; ++c)
    colOffsets.push_back(cols.offset(c));

  char *out = target.data();
  for (int64_t batch = 0, batchCount = batches.size(); batch < batchCount; ++batch)
    for (int64_t first = 0; first < colCount; first += n) {
      int64_t filled = std::min(n, colCount - first);
      bool contiguous = colOffsets[first + filled - 1] - colOffsets[first] == filled - 1;
      for (int64_t row = 0; row < rowCount; ++row, out += n * width) {
        const char *in = source.data() + (batches.offset(batch) + rows.offset(row)) * width;
        if (contiguous) {
          std::memcpy(out, in + colOffsets[first] * width, filled * width);
        } else {
          for (int64_t c = 0; c < filled; ++c)
            std::memcpy(out + c * width, in + colOffsets[first + c] * width, width);
        }
        std::memset(out + filled * width, 0, (n - filled) * width);
      }
    }
}

} // namespace strut::cpu
