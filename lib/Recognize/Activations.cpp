//===- Activations.cpp - The functions of layers as operators -------------===//
#include "strut/Recognize/Activations.h"
#include "dialects/Onnx/Onnx.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

static double floatOf(onnx_ir::AnyOp op, StringRef name, double otherwise) {
  auto attr = op.attr<FloatAttr>(name);
  return attr ? attr.getValueAsDouble() : otherwise;
}

Activated activationOf(Value value) {
  using layer::Activation;
  if (auto relu = value.getDefiningOp<Op<"Relu">>())
    return {relu.in("X"), Activation::relu};
  if (auto gelu = value.getDefiningOp<Op<"Gelu">>()) {
    auto kind = gelu.attr<StringAttr>("approximate");
    bool tanh = kind && kind.getValue() == "tanh";
    return {gelu.in("X"), tanh ? Activation::gelu_tanh : Activation::gelu};
  }
  if (auto swish = value.getDefiningOp<Op<"Swish">>())
    return {swish.in("X"), Activation::swish, floatOf(swish, "alpha", 1)};
  if (auto sigmoid = value.getDefiningOp<Op<"Sigmoid">>())
    return {sigmoid.in("X"), Activation::sigmoid};
  if (auto tanh = value.getDefiningOp<Op<"Tanh">>())
    return {tanh.in("input"), Activation::tanh};
  if (auto leaky = value.getDefiningOp<Op<"LeakyRelu">>())
    return {leaky.in("X"), Activation::leaky_relu, floatOf(leaky, "alpha", 0.01)};
  return {value, Activation::identity};
}

Value buildActivation(OpBuilder &b, Location loc, const Activated &what) {
  auto alpha = b.getNamedAttr("alpha", b.getF32FloatAttr(float(what.alpha)));
  auto approximate = b.getNamedAttr("approximate", b.getStringAttr("tanh"));
  switch (what.kind) {
  case layer::Activation::identity:
    return what.x;
  case layer::Activation::relu:
    return Op<"Relu">::create(b, loc, what.x)->getResult(0);
  case layer::Activation::gelu:
    return Op<"Gelu">::create(b, loc, what.x)->getResult(0);
  case layer::Activation::gelu_tanh:
    return Op<"Gelu">::create(b, loc, what.x, approximate)->getResult(0);
  case layer::Activation::swish:
    return Op<"Swish">::create(b, loc, what.x, alpha)->getResult(0);
  case layer::Activation::sigmoid:
    return Op<"Sigmoid">::create(b, loc, what.x)->getResult(0);
  case layer::Activation::tanh:
    return Op<"Tanh">::create(b, loc, what.x)->getResult(0);
  case layer::Activation::leaky_relu:
    return Op<"LeakyRelu">::create(b, loc, what.x, alpha)->getResult(0);
  }
  llvm_unreachable("a kind of activation");
}

} // namespace strut::recognize
