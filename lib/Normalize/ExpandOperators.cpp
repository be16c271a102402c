//===- ExpandOperators.cpp - Operators by others ---------------------------===//
//
// For some operators the standard has no function body though others say all of them.
//
//===----------------------------------------------------------------------===//
#include "ExpandOperators.h"
#include "mlir/IR/PatternMatch.h"
#include "strut/Normalize/Passes.h"

using namespace mlir;

namespace strut::normalize {

#define GEN_PASS_DEF_EXPANDOPERATORS
#include "strut/Normalize/Passes.h.inc"

using onnx_ir::AnyOp;
using onnx_ir::Op;

Value NodeWriter::cast(Value x, DataType to) {
  return make<Op<"Cast">>(x, b.getNamedAttr("to", b.getI64IntegerAttr(to)));
}

static Value constant(NodeWriter &w, DenseElementsAttr value) {
  return w.make<Op<"Constant">>({}, w.b.getNamedAttr("value", value));
}

Value NodeWriter::number(float value) { return numbers(value, {}); }

Value NodeWriter::integers(ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getI64Type());
  return constant(*this, DenseElementsAttr::get(type, values));
}

Value NodeWriter::numbers(ArrayRef<float> values, ArrayRef<int64_t> shape) {
  return constant(*this,
                  DenseElementsAttr::get(RankedTensorType::get(shape, b.getF32Type()), values));
}

namespace {

/// Local response normalisation, x / (bias + alpha · mean of x² over `size` channels)^beta,
/// channels beyond the ends being 0: a pooling whose channels are the places of an image, as
/// which the image lies.
Value expandLRN(NodeWriter &w, AnyOp op) {
  Value x = op.in("X");
  auto type = cast<RankedTensorType>(x.getType());
  auto size = op.attr<IntegerAttr>("size");
  if (type.getRank() < 2 || !size || size.getInt() < 1)
    return {};
  auto number = [&](StringRef name) {
    Value constant = w.number(op.attr<FloatAttr>(name).getValueAsDouble());
    return type.getElementType().isF32() ? constant : w.make<Op<"CastLike">>({constant, x});
  };
  auto list = [&](StringRef name, ArrayRef<int64_t> values) {
    return w.b.getNamedAttr(name, w.b.getDenseI64ArrayAttr(values));
  };
  auto turned = [&](Value v) { return w.make<Op<"Transpose">>(v, list("perm", {0, 2, 1})); };
  int64_t before = (size.getInt() - 1) / 2, after = size.getInt() - 1 - before;
  Value square = w.make<Op<"Mul">>({x, x});
  Value image = turned(w.make<Op<"Reshape">>({square, w.integers({0, 0, -1})}));
  Value mean = turned(w.make<Op<"AveragePool">>(
      image, {w.b.getNamedAttr("count_include_pad", w.b.getI64IntegerAttr(1)),
              list("kernel_shape", size.getInt()), list("pads", {before, after})}));
  mean = w.make<Op<"Reshape">>({mean, w.make<Op<"Shape">>(x)});
  Value sum = w.make<Op<"Add">>({number("bias"), w.make<Op<"Mul">>({number("alpha"), mean})});
  return w.make<Op<"Div">>({x, w.make<Op<"Pow">>({sum, number("beta")})});
}

/// 1 above the threshold, else 0.
Value expandBinarizer(NodeWriter &w, AnyOp op) {
  Value x = op.in("X");
  Value threshold = w.number(op.attr<FloatAttr>("threshold").getValueAsDouble());
  Value above = w.make<Op<"Greater">>({x, w.make<Op<"CastLike">>({threshold, x})});
  return w.make<Op<"CastLike">>({above, x});
}

/// Columns of the last axis; a vector is a row.
Value expandArrayFeatureExtractor(NodeWriter &w, AnyOp op) {
  Value x = op.in("X");
  if (cast<RankedTensorType>(x.getType()).getRank() == 1)
    x = w.make<Op<"Unsqueeze">>({x, w.integers({0})});
  Value columns = w.make<Op<"Reshape">>({op.in("Y"), w.integers({-1})});
  return w.make<Op<"Gather">>({x, columns}, w.b.getNamedAttr("axis", w.b.getI64IntegerAttr(-1)));
}

const ExpansionTable &expansions() {
  static const ExpansionTable table = [] {
    ExpansionTable table;
    table["onnx.LRN"] = expandLRN;
    table["onnx.ai.onnx.ml.Binarizer"] = expandBinarizer;
    table["onnx.ai.onnx.ml.ArrayFeatureExtractor"] = expandArrayFeatureExtractor;
    addExpandQuantized(table);
    addExpandTfIdf(table);
    return table;
  }();
  return table;
}

struct ExpandOperators : impl::ExpandOperatorsBase<ExpandOperators> {
  using ExpandOperatorsBase::ExpandOperatorsBase;

  void runOnOperation() override {
    auto isRanked = [](Type type) { return isa<NoneType, RankedTensorType>(type); };
    SmallVector<AnyOp> found;
    getOperation()->walk([&](AnyOp op) {
      if (expansions().contains(op->getName().getStringRef()) &&
          llvm::all_of(op->getOperandTypes(), isRanked))
        found.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (AnyOp op : found) {
      rewriter.setInsertionPoint(op);
      NodeWriter writer{rewriter, op->getLoc()};
      Value result = expansions().lookup(op->getName().getStringRef())(writer, op);
      if (!result)
        continue;
      // The inference may know less of the result than the node did.
      if (Type known = onnx_ir::meet(result.getType(), op->getResult(0).getType()))
        result.setType(known);
      rewriter.replaceOp(op, result);
      ++numExpanded;
    }
    updateFunctionTypes(getOperation());
  }
};

} // namespace
} // namespace strut::normalize
