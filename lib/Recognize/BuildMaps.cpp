//===- BuildMaps.cpp - Maps as layers -------------------------------------===//
#include "strut/Evaluate/Evaluate.h"
#include "strut/Recognize/Maps.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace strut::recognize {
namespace {

using onnx_ir::Op;

class Builder {
public:
  Builder(OpBuilder &b, const MapRegion &region, StringRef rewrite)
      : b(b), region(region), rewrite(rewrite) {}

  Value run();

private:
  Value chain(Value input, const Chain &chain, bool isLast);
  Value product(Value input, const Product &product, const Shift *bias, Location loc);
  Value select(Value input, const algebra::Selection &selection, Location loc);
  Value constant(Location loc, ArrayRef<double> values);
  Value integers(ArrayRef<int64_t> values, Location loc);
  Value pointwise(StringRef name, Value input, ArrayRef<double> values, Location loc);
  Value reshape(Value value, unsigned tokens, ArrayRef<int64_t> features, Location loc);
  Value transpose(Value value, int64_t from, int64_t to, Location loc);

  /// The location of a step, of several nodes the fusion of theirs.
  Location at(const Step &step) { return FusedLoc::get(b.getContext(), step.locations); }
  RankedTensorType withFeatures(Value value, int64_t count) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = count;
    return RankedTensorType::get(shape, type.getElementType());
  }

  OpBuilder &b;
  const MapRegion &region;
  StringRef rewrite;
  bool failed = false;
};

Value Builder::constant(Location loc, ArrayRef<double> values) {
  Type element = cast<RankedTensorType>(region.root().getType()).getElementType();
  // One number for all is a scalar.
  bool isUniform = llvm::all_equal(values);
  SmallVector<int64_t> shape;
  if (!isUniform)
    shape.push_back(values.size());
  auto type = RankedTensorType::get(shape, element);
  ElementsAttr attr =
      evaluate::Array::toAttr(evaluate::ofDoubles(type, isUniform ? values.take_front() : values),
                              onnx_ir::nodeNameOf(loc));
  return Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
}

Value Builder::integers(ArrayRef<int64_t> values, Location loc) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getI64Type());
  auto attr = DenseElementsAttr::get(type, values);
  return Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
}

Value Builder::pointwise(StringRef name, Value input, ArrayRef<double> values, Location loc) {
  Value made = onnx_ir::create(b, loc, name, {input, constant(loc, values)}, {})->getResult(0);
  made.setType(input.getType());
  return made;
}

Value Builder::product(Value input, const Product &product, const Shift *shift, Location loc) {
  ConstantView view = product.weight;
  bool isDense = product.blocks() == 1;
  if (isDense)
    view = view.grouped({{0, 1}, {2}});
  Value weight = view.build(b, loc), bias;
  if (!weight) {
    failed = true;
    return input;
  }
  if (shift) {
    auto type = RankedTensorType::get({int64_t(shift->values.size())}, view.element());
    ElementsAttr attr = evaluate::Array::toAttr(evaluate::ofDoubles(type, shift->values), "bias");
    bias = Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
  }
  RankedTensorType type = withFeatures(input, product.blocks() * product.outputs());
  if (isDense)
    return layer::LinearOp::create(b, loc, type, input, weight, bias);
  return layer::BlockLinearOp::create(b, loc, type, input, weight, bias);
}

Value Builder::chain(Value value, const Chain &chain, bool isLast) {
  for (size_t i = 0; i < chain.size() && !failed; ++i) {
    const Step &step = *chain[i];
    Location loc = at(step);
    if (auto *made = step.as<Product>()) {
      const Shift *bias = i + 1 < chain.size() ? chain[i + 1]->as<Shift>() : nullptr;
      if (bias) {
        SmallVector<Location> both = {loc};
        llvm::append_range(both, chain[++i]->locations);
        loc = FusedLoc::get(b.getContext(), both);
      }
      value = product(value, *made, bias, loc);
    } else if (auto *selection = step.as<algebra::Selection>()) {
      value = select(value, *selection, loc);
    } else if (auto *diagonal = step.as<algebra::Diagonal>()) {
      value = pointwise("onnx.Mul", value, diagonal->scale, loc);
    } else if (auto *shift = step.as<Shift>()) {
      value = pointwise("onnx.Add", value, shift->values, loc);
    } else {
      Value total;
      for (const Chain &term : step.as<Terms>()->chains) {
        Value next = this->chain(value, term, false);
        if (total) {
          next = Op<"Add">::create(b, loc, {total, next})->getResult(0);
          next.setType(total.getType());
        }
        total = next;
      }
      value = total;
    }
  }
  if (isLast && value.getDefiningOp() && value != region.root()) {
    SmallVector<Location> all = {value.getLoc()};
    for (Operation *op : region.ops)
      all.push_back(op->getLoc());
    value.getDefiningOp()->setLoc(FusedLoc::get(b.getContext(), all, b.getStringAttr(rewrite)));
    value.getDefiningOp()->setAttr(kFormAttr, b.getStringAttr(formOf(chain, region.inputs())));
  }
  return value;
}

/// A Gather of features, and a Pad for zeros before and behind them; fails where there are zeros
/// between.
Value Builder::select(Value value, const algebra::Selection &selection, Location loc) {
  ArrayRef<int64_t> from = selection.from;
  auto isZero = [](int64_t place) { return place < 0; };
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank(), before = 0, after = 0;
  for (; !from.empty() && isZero(from.front()); from = from.drop_front())
    ++before;
  for (; !from.empty() && isZero(from.back()); from = from.drop_back())
    ++after;
  if (from.empty() || llvm::any_of(from, isZero)) {
    failed = true;
    return value;
  }
  if (!llvm::equal(from, llvm::seq<int64_t>(0, selection.inputs))) {
    RankedTensorType result = withFeatures(value, from.size());
    auto axis = b.getNamedAttr("axis", b.getI64IntegerAttr(rank - 1));
    value = Op<"Gather">::create(b, loc, {value, integers(from, loc)}, axis)->getResult(0);
    value.setType(result);
  }
  if (before + after == 0)
    return value;
  SmallVector<int64_t> pads(2 * rank, 0);
  pads[rank - 1] = before;
  pads[2 * rank - 1] = after;
  RankedTensorType result = withFeatures(value, selection.from.size());
  auto mode = b.getNamedAttr("mode", b.getStringAttr("constant"));
  value = Op<"Pad">::create(b, loc, {value, integers(pads, loc)}, mode)->getResult(0);
  value.setType(result);
  return value;
}

/// The tokens as they are and other axes of features.
Value Builder::reshape(Value value, unsigned tokens, ArrayRef<int64_t> features, Location loc) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape().take_front(tokens)), wanted(tokens, 0);
  llvm::append_range(shape, features);
  llvm::append_range(wanted, features);
  Value result = Op<"Reshape">::create(b, loc, {value, integers(wanted, loc)})->getResult(0);
  result.setType(RankedTensorType::get(shape, type.getElementType()));
  return result;
}

/// Takes one axis to another place.
Value Builder::transpose(Value value, int64_t from, int64_t to, Location loc) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())), shape;
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  for (int64_t axis : order)
    shape.push_back(type.getDimSize(axis));
  Value result = Op<"Transpose">::create(b, loc, {value},
                                         b.getNamedAttr("perm", b.getDenseI64ArrayAttr(order)))
                     ->getResult(0);
  result.setType(type.clone(shape));
  return result;
}

Value Builder::run() {
  auto type = cast<RankedTensorType>(region.root().getType());
  unsigned tokens = type.getRank() - region.rootFeatures;
  Location loc = region.exit().getLoc();
  Value value = region.root();
  if (int64_t behind = region.tokensBehind) {
    int64_t last = type.getRank() - 1;
    value = chain(transpose(value, last - behind, last, loc), region.chain, true);
    return failed ? Value() : transpose(value, last, last - behind, loc);
  }
  if (region.rootFeatures > 1)
    value = reshape(value, tokens, region.inputs(), loc);
  value = chain(value, region.chain, true);
  if (!failed && region.exitFeatures.size() > 1)
    value = reshape(value, tokens, region.exitFeatures, loc);
  return failed ? Value() : value;
}

} // namespace

Value build(OpBuilder &builder, const MapRegion &region, StringRef rewrite) {
  return Builder(builder, region, rewrite).run();
}

LogicalResult replace(MapRegion &region, StringRef rewrite) {
  Value exit = region.exit();
  OpBuilder b(exit.getDefiningOp());
  Value made = build(b, region, rewrite);
  Type type = made ? onnx_ir::meet(made.getType(), exit.getType()) : Type();
  if (!type)
    return failure();
  // An operator may learn an extent; the result of the function is what it is.
  bool isFree = llvm::all_of(exit.getUsers(), llvm::IsaPred<onnx_ir::AnyOp>);
  made.setType(isFree ? type : exit.getType());
  exit.replaceAllUsesWith(made);
  for (Operation *op : llvm::reverse(region.ops))
    if (op->use_empty())
      op->erase();
  region.ops = {made.getDefiningOp()};
  return success();
}

} // namespace strut::recognize
