//===- NarrowPrefixes.cpp - Hidden layers as wide as a run asks for --------===//
//
// (f(x W1 + b1) m) W2 with m one on the first n channels, and 0 on the others,
//   = f(x W1[:, :n] + b1[:n]) W2[:n, :]
//
//===----------------------------------------------------------------------===//
#include "Channels.h"
#include "Constants.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_NARROWPREFIXES
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using onnx_ir::Op;

bool isSingle(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() &&
         // Condition 2 of narrow-prefixes.
         type.getNumElements() == 1 &&
         // Condition 2 of narrow-prefixes.
         (type.getElementType().isSignlessInteger(64) ||
          type.getElementType().isSignlessInteger(32));
}

/// Whether one integer is that of an input of the model, times or plus numbers that are not
/// negative: a dimension of the run, which is none below 0.
bool isDimension(Value value) {
  if (!isSingle(value))
    return false;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return isa<func::FuncOp>(argument.getOwner()->getParentOp()) &&
           // Condition 2 of narrow-prefixes.
           cast<RankedTensorType>(value.getType()).getRank() <= 1;
  if (ElementsAttr constant = onnx_ir::constantOf(value)) {
    auto numbers = constant.tryGetValues<APInt>();
    return numbers && !(*numbers->begin()).isNegative();
  }
  Operation *op = value.getDefiningOp();
  if (isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Identity">, Op<"Cast">>(op))
    return isDimension(op->getOperand(0));
  return
      // Condition 2 of narrow-prefixes.
      isa<Op<"Mul">, Op<"Add">>(op) && llvm::all_of(op->getOperands(), isDimension);
}

/// Whether the elements are 0, 1, ... along the last axis, `count` of them.
bool isIota(Value value, int64_t count) {
  ElementsAttr constant = onnx_ir::constantOf(value);
  if (!constant)
    return false;
  // Condition 1 of narrow-prefixes.
  if (constant.getNumElements() != count)
    return false;
  ArrayRef<int64_t> shape = constant.getShapedType().getShape();
  // A number without axes is that of the one channel.
  // Condition 1 of narrow-prefixes.
  if (!shape.empty() && shape.back() != count)
    return false;
  auto numbers = constant.tryGetValues<APInt>();
  int64_t next = 0;
  return numbers && llvm::all_of(*numbers, [&](const APInt &number) {
           return number.getSExtValue() == next++;
         });
}

/// The number of channels, of `count`, that a comparison of theirs keeps: the first ones. Null
/// where it keeps others.
Value keptBy(Value flags, int64_t count) {
  Operation *op = flags.getDefiningOp();
  // Condition 1 of narrow-prefixes.
  if (!isa_and_present<Op<"Less">, Op<"Greater">>(op))
    return {};
  Value channels = op->getOperand(isa<Op<"Less">>(op) ? 0 : 1),
        bound = op->getOperand(isa<Op<"Less">>(op) ? 1 : 0);
  return
      // Condition 1 of narrow-prefixes.
      isIota(channels, count) &&
              // Condition 2 of narrow-prefixes.
              isDimension(bound)
          ? bound
          : Value();
}

bool isZero(Value value) {
  auto numbers = isConstant(value) ? readConstant(value) : std::nullopt;
  return numbers && llvm::all_of(*numbers, [](double number) { return number == 0; });
}

/// Hidden values that are multiplied, of which the first channels are read, and how many.
struct Prefix {
  /// Each with the operator that reads it.
  SmallVector<std::pair<Value, Operation *>> hidden;
  Value count;
  SmallVector<Operation *> between; ///< products and masks

  bool collect(Value value, Operation *reader);

private:
  bool keep(Value bound) {
    bool isOther = count && count != bound;
    count = bound;
    return !isOther;
  }
};

/// Takes a product or a mask of the type apart. False where there are two masks.
bool Prefix::collect(Value value, Operation *reader) {
  Operation *op = value.getDefiningOp();
  auto type = cast<RankedTensorType>(value.getType());
  bool isAlone =
      // Condition 4 of narrow-prefixes.
      value.hasOneUse();
  if (isAlone && isa_and_present<Op<"Where">>(op) &&
      // Condition 1 of narrow-prefixes.
      op->getOperand(1).getType() == type && isZero(op->getOperand(2)))
    if (Value bound = keptBy(op->getOperand(0), type.getShape().back())) {
      between.push_back(op);
      return keep(bound) && collect(op->getOperand(1), op);
    }
  auto boundOf = [&](Value operand) {
    auto mask = operand.getDefiningOp<Op<"Cast">>();
    return mask ? keptBy(mask.in("input"), type.getShape().back()) : Value();
  };
  auto isFactor = [&](Value operand) {
    return boundOf(operand) || (operand.getType() == type && !isConstant(operand));
  };
  if (!isAlone || !isa_and_present<Op<"Mul">>(op) || !llvm::all_of(op->getOperands(), isFactor)) {
    hidden.emplace_back(value, reader);
    return true;
  }
  between.push_back(op);
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    Value bound = boundOf(operand);
    return bound ? keep(bound) : collect(operand, op);
  });
}

std::optional<Prefix> prefixOf(layer::LinearOp second) {
  Prefix prefix;
  if (!prefix.collect(second.getInput(), second))
    return std::nullopt;
  // Condition 1 of narrow-prefixes.
  if (!prefix.count)
    return std::nullopt;
  return prefix;
}

class Builder {
public:
  Builder(PatternRewriter &b, Location loc, Value count) : loc(loc), b(b) {
    end = Op<"Reshape">::create(b, loc, {count, integers(-1)})->getResult(0);
    if (!cast<RankedTensorType>(end.getType()).getElementType().isInteger(64))
      end = Op<"Cast">::create(b, loc, {end}, b.getNamedAttr("to", b.getI64IntegerAttr(7)))
                ->getResult(0);
  }

  /// The first ones along an axis of a constant. A transposition stays after the slice, so
  /// that it is one of a view of the weight.
  Value firstOf(Value value, int64_t axis) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[axis] = ShapedType::kDynamic;
    Value result;
    auto transpose = value.getDefiningOp<Op<"Transpose">>();
    if (transpose && type.getRank() == 2 && !onnx_ir::constantOf(value)) {
      result = firstOf(transpose.in("data"), 1 - axis);
      auto order = b.getNamedAttr("perm", b.getDenseI64ArrayAttr({1, 0}));
      result = Op<"Transpose">::create(b, loc, {result}, order)->getResult(0);
    } else {
      result = Op<"Slice">::create(b, loc, {value, integers(0), end, integers(axis)})->getResult(0);
    }
    result.setType(type.clone(shape));
    return result;
  }

  /// The first channels of a hidden value, times those of the product before it, if there is one.
  Value timesNarrow(Value product, Channels &hidden) {
    layer::LinearOp first = hidden.map;
    Value columns = firstOf(first.getWeight(), 1), addend;
    if (first.getBias())
      addend = firstOf(first.getBias(), 0);
    SmallVector<int64_t> shape(first.getType().getShape());
    shape.back() = ShapedType::kDynamic;
    Value narrow = layer::LinearOp::create(b, loc, first.getType().clone(shape), first.getInput(),
                                           columns, addend);
    narrow = applyFunction(hidden.functions[hidden.of.front()], narrow, b);
    if (!product)
      return narrow;
    Value both = Op<"Mul">::create(b, loc, {product, narrow})->getResult(0);
    both.setType(narrow.getType());
    return both;
  }

  Location loc;

private:
  Value integers(int64_t number) {
    auto type = RankedTensorType::get({1}, b.getI64Type());
    return Op<"Constant">::create(
               b, loc, {}, b.getNamedAttr("value", DenseElementsAttr::get(type, ArrayRef(number))))
        ->getResult(0);
  }

  PatternRewriter &b;
  Value end;
};

/// A constant, or a transposed matrix that is one.
bool isPlainConstant(Value value) {
  auto transpose = value.getDefiningOp<Op<"Transpose">>();
  return isConstant(value) &&
         (onnx_ir::constantOf(value) || (transpose && onnx_ir::constantOf(transpose.in("data"))));
}

struct NarrowPrefix : OpRewritePattern<layer::LinearOp> {
  NarrowPrefix(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(layer::LinearOp second, PatternRewriter &rewriter) const override {
    // Condition 5 of narrow-prefixes.
    if (!isPlainConstant(second.getWeight()))
      return failure();
    std::optional<Prefix> prefix = prefixOf(second);
    if (!prefix)
      return failure();
    SmallVector<Channels> factors;
    SmallVector<Location> nodes;
    for (auto [value, reader] : prefix->hidden) {
      std::optional<Channels> hidden = channelsInto(reader, {value});
      if (!hidden)
        return failure();
      // Condition 3 of narrow-prefixes.
      if (!isOneFunction(*hidden))
        return failure();
      // Condition 5 of narrow-prefixes.
      if (!isPlainConstant(hidden->map.getWeight()) ||
          (hidden->map.getBias() && !onnx_ir::constantOf(hidden->map.getBias())))
        return failure();
      nodes.push_back(hidden->map.getLoc());
      for (Operation *between : hidden->between)
        nodes.push_back(between->getLoc());
      factors.push_back(std::move(*hidden));
    }
    for (Operation *between : prefix->between)
      nodes.push_back(between->getLoc());
    nodes.push_back(second.getLoc());
    Builder builder(rewriter, rewritten("narrow-prefixes", nodes), prefix->count);
    Value narrow;
    for (Channels &hidden : factors)
      narrow = builder.timesNarrow(narrow, hidden);
    rewriter
        .replaceOpWithNewOp<layer::LinearOp>(second, second.getType(), narrow,
                                             builder.firstOf(second.getWeight(), 0),
                                             second.getBias())
        ->setLoc(builder.loc);
    ++count;
    return success();
  }

  /// Whether channel i is one function of channel i of the map.
  static bool isOneFunction(const Channels &hidden) {
    return
        // Condition 3 of narrow-prefixes.
        !hidden.of.empty() &&
        // Condition 3 of narrow-prefixes.
        int64_t(hidden.from.size()) == layer::LinearOp(hidden.map).getMapShape().second &&
        llvm::equal(hidden.from, llvm::seq(hidden.from.size())) && llvm::all_equal(hidden.of);
  }

  unsigned &count;
};

struct NarrowPrefixes : impl::NarrowPrefixesBase<NarrowPrefixes> {
  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<NarrowPrefix>(&getContext(), count);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numPrefixes += count;
  }
};

} // namespace
} // namespace strut::rewrite
