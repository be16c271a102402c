//===- ControlFlow.cpp - What the host decides while it runs --------------===//
#include "ControlFlow.h"

using namespace mlir;

namespace strut::kernelize {

FailureOr<Value> hostElement(AnyOp op, Context &context, Value operand, StringRef name) {
  SmallVector<Dim> dims = context[operand].dims;
  if (!product(dims).is(1)) {
    (void)context.refuse(op, "its " + name + " has the shape " + spell(dims) +
                                 " instead of one element");
    return failure();
  }
  OpBuilder &b = context.b;
  Value tensor = context.tensor(operand);
  SmallVector<Value> at(dims.size(), Value());
  for (Value &index : at)
    index = arith::ConstantIndexOp::create(b, op->getLoc(), 0);
  return Value(tensor::ExtractOp::create(b, op->getLoc(), tensor, at));
}

FailureOr<Value> hostIndex(AnyOp op, Context &context, Value operand, StringRef name) {
  if (const auto &contents = context[operand].contents; contents && contents->size() == 1)
    return context.dims.value(contents->front());
  FailureOr<Value> element = hostElement(op, context, operand, name);
  if (failed(element))
    return failure();
  Type index = context.b.getIndexType();
  return Value(arith::IndexCastOp::create(context.b, op->getLoc(), index, *element));
}

Value copyInto(Context &context, Location loc, Value source, Value target) {
  OpBuilder &b = context.b;
  auto type = cast<RankedTensorType>(target.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  auto copy = kernel::MapOp::create(b, loc, type, source, target, Value(),
                                    b.getAffineMapArrayAttr({identity, identity}));
  OpBuilder inner(b.getContext());
  Block *block = inner.createBlock(&copy.getBody());
  kernel::YieldOp::create(inner, loc, ValueRange(block->addArgument(type.getElementType(), loc)));
  ++context.numKernels;
  return copy->getResult(0);
}

std::optional<SmallVector<Dim>> sameShape(Context &context, ArrayRef<Dim> a, ArrayRef<Dim> b) {
  if (a.size() != b.size())
    return std::nullopt;
  SmallVector<Dim> shape;
  for (auto [left, right] : llvm::zip(a, b)) {
    std::optional<Dim> same = context.match(left, right);
    if (!same)
      return std::nullopt;
    shape.push_back(*same);
  }
  return shape;
}

Value withShape(Context &context, Location loc, Value onnx, ArrayRef<Dim> dims) {
  Value tensor = context.tensor(onnx);
  if (tensor.getType() == DimEnv::type(dims, context[onnx].element))
    return tensor;
  return context.move(loc, tensor, context.b.getMultiDimIdentityMap(dims.size()), dims);
}

} // namespace strut::kernelize
