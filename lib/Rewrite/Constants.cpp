//===- Constants.cpp - Weights read, combined and written -----------------===//
#include "Constants.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Evaluate/Evaluate.h"

using namespace mlir;

namespace strut::rewrite {

using onnx_ir::Op;

std::optional<std::vector<double>> readConstant(Value value) {
  ElementsAttr constant = onnx_ir::constantOf(value);
  if (!constant)
    return std::nullopt;
  llvm::Expected<std::vector<double>> numbers = evaluate::toDoubles(constant);
  if (!numbers) {
    llvm::consumeError(numbers.takeError());
    return std::nullopt;
  }
  return std::move(*numbers);
}

namespace {

/// A matrix, and whether it is used transposed.
struct MatrixSource {
  Value value;
  bool isTransposed = false;

  explicit MatrixSource(Value used) : value(used) {
    auto transpose = used.getDefiningOp<Op<"Transpose">>();
    if (!transpose)
      return;
    auto perm = transpose.attr<DenseI64ArrayAttr>("perm");
    value = transpose.in("data");
    isTransposed = !perm || perm[0] != 0;
  }
};

} // namespace

bool isConstantMatrix(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 2 && type.hasStaticShape() &&
         onnx_ir::constantOf(MatrixSource(value).value);
}

std::optional<algebra::Matrix> readMatrix(Value value) {
  if (!isConstantMatrix(value))
    return std::nullopt;
  MatrixSource source(value);
  std::optional<std::vector<double>> elements = readConstant(source.value);
  if (!elements)
    return std::nullopt;
  auto type = cast<RankedTensorType>(source.value.getType());
  algebra::Matrix matrix(type.getDimSize(0), type.getDimSize(1), std::move(*elements));
  return source.isTransposed ? matrix.transposed() : std::move(matrix);
}

Value writeConstant(OpBuilder &b, Location loc, RankedTensorType type, ArrayRef<double> elements) {
  ElementsAttr attr =
      evaluate::Array::toAttr(evaluate::ofDoubles(type, elements), onnx_ir::nodeNameOf(loc));
  return Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
}

Location rewritten(StringRef rewrite, ArrayRef<Location> nodes) {
  MLIRContext *context = nodes.front().getContext();
  return FusedLoc::get(context, nodes, StringAttr::get(context, rewrite));
}

} // namespace strut::rewrite
