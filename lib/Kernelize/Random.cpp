//===- Random.cpp - Random numbers by counting ----------------------------===//
//
// Element i of a tensor is a function of i and of a key, Philox2x32-10 of Salmon, Moraes, Dror and
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011. So numbers do not depend on threads,
// tiles or targets, and a kernel that is fused into another draws the same ones.
//
// The key is the node's seed. A node without one has the key of its place among the function's
// random nodes. Each run draws the same numbers, hence none in a loop, whose steps would.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include "Sort.h"
#include "llvm/ADT/bit.h"
#include <numbers>

using namespace mlir;

namespace strut::kernelize {
namespace {

using onnx_ir::Op;

/// Two words of 32 random bits.
using Words = std::pair<Value, Value>;

/// The random words of a node by place.
class Generator {
public:
  Generator(AnyOp op, Context &context) {
    unsigned stream = context.numRandom++;
    if (auto seed = op.attr<FloatAttr>("seed"))
      key = llvm::bit_cast<uint32_t>(seed.getValue().convertToFloat());
    else
      key = scrambled(stream);
  }

  /// The words at a place, an index.
  Words at(Code &c, Value place) const {
    Type i32 = c.b.getI32Type(), i64 = c.b.getI64Type();
    Value counter = c.make<arith::IndexCastOp>(i64, place);
    Words words(low(c, counter), high(c, counter));
    Value multiplier = number(c, 0xD256D193, i64);
    uint32_t round = key;
    constexpr unsigned rounds = 10;
    for (unsigned i = 0; i < rounds; ++i, round += 0x9E3779B9) {
      Value product = c.make<arith::MulIOp>(c.make<arith::ExtUIOp>(i64, words.first), multiplier);
      Value mixed = c.make<arith::XOrIOp>(high(c, product), number(c, round, i32));
      words = {c.make<arith::XOrIOp>(mixed, words.second), low(c, product)};
    }
    return words;
  }

private:
  static uint32_t scrambled(uint32_t stream) {
    uint64_t x = (stream + 1) * 0x9E3779B97F4A7C15;
    return (x ^ (x >> 29)) >> 16;
  }
  static Value number(Code &c, uint32_t value, Type type) {
    return c.make<arith::ConstantOp>(
        c.b.getIntegerAttr(type, APInt(type.getIntOrFloatBitWidth(), value)));
  }
  static Value low(Code &c, Value wide) { return c.make<arith::TruncIOp>(c.b.getI32Type(), wide); }
  static Value high(Code &c, Value wide) {
    Value shift = c.make<arith::ConstantIntOp>(wide.getType(), 32);
    return low(c, c.make<arith::ShRUIOp>(wide, shift));
  }

  uint32_t key;
};

/// The highest bits of a word as a number of [0, 2^bits).
Value highest(Code &c, Value word, unsigned bits, Type type) {
  Value shift = c.make<arith::ConstantIntOp>(word.getType(), 32 - bits);
  return c.make<arith::UIToFPOp>(type, c.make<arith::ShRUIOp>(word, shift));
}

Value scaled(Code &c, Value x, double factor) { return c.mul(x, c.constant(factor, x)); }

/// In [0, 1), as many bits as the type holds.
Value uniform(Code &c, const Words &words, Type type) {
  if (!type.isF64())
    return scaled(c, highest(c, words.first, 24, type), 0x1p-24);
  Value upper = scaled(c, highest(c, words.first, 32, type), 0x1p-32);
  return c.add(upper, scaled(c, highest(c, words.second, 21, type), 0x1p-53));
}

/// In (0, 1), the middles of 2^bits intervals.
Value middle(Code &c, Value word, Type type) {
  unsigned bits = type.isF64() ? 32 : 23;
  Value place = c.add(highest(c, word, bits, type), c.constant(0.5, type));
  return scaled(c, place, std::ldexp(1.0, -int(bits)));
}

/// By Box and Muller.
Value normal(Code &c, const Words &words, Type type) {
  Value radius =
      c.make<math::SqrtOp>(scaled(c, c.make<math::LogOp>(middle(c, words.first, type)), -2));
  Value angle = scaled(c, middle(c, words.second, type), 2 * std::numbers::pi);
  return c.mul(radius, c.make<math::CosOp>(angle));
}

/// What f16 and bf16 are computed in.
Type computedIn(Type element) {
  return element.isF64() ? element : Type(Float32Type::get(element.getContext()));
}

/// The row-major number of an element.
Value placeOf(Code &c, ArrayRef<Extent> extents) {
  Value place = c.index(0);
  for (auto [axis, extent] : llvm::enumerate(extents))
    place = c.make<arith::AddIOp>(c.make<arith::MulIOp>(place, extent.in(c)), c.dim(axis));
  return place;
}

SmallVector<Extent> extentsOf(Context &context, ArrayRef<Dim> dims) {
  return llvm::map_to_vector(dims, [&](const Dim &dim) { return Extent(context, dim); });
}

/// A step of a loop would draw the numbers of the one before.
LogicalResult refuseInLoop(AnyOp op, Context &context) {
  for (Operation *parent = op->getParentOp(); parent; parent = parent->getParentOp())
    if (isa<Op<"Loop">, Op<"Scan">>(parent))
      return context.refuse(op, "it would draw the same numbers in each step of a loop");
  return success();
}

/// Random numbers over `dims`, of which `number` makes one of its words and of the element of
/// `input`, if there is one.
LogicalResult lower(AnyOp op, Context &context, ArrayRef<Dim> dims, Value input,
                    function_ref<Value(Code &, const Words &, Value)> number) {
  if (failed(refuseInLoop(op, context)))
    return failure();
  Generator generator(op, context);
  SmallVector<Extent> extents = extentsOf(context, dims);
  SmallVector<Input> inputs;
  if (input)
    inputs.push_back(context.broadcast(input, dims));
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Value result =
      context.map(op->getLoc(), dims, signless(element), inputs, [&](Code &c, ValueRange x) {
        Words words = generator.at(c, placeOf(c, extents));
        return c.cast(number(c, words, input ? x[0] : Value()), element);
      });
  context.define(op->getResult(0), result, dims);
  return success();
}

/// The extents of the result: an attribute's, or those of the operand that it is like.
SmallVector<Dim> shapeOf(AnyOp op, Context &context) {
  if (op->getNumOperands())
    return SmallVector<Dim>(context[op->getOperand(0)].dims);
  return llvm::map_to_vector(op.attr<DenseI64ArrayAttr>("shape").asArrayRef(),
                             [](int64_t extent) { return Dim(extent); });
}

/// low + (high - low) u
LogicalResult lowerUniform(Operation *operation, Context &context) {
  AnyOp op(operation);
  double low = floatAttr(op, "low"), high = floatAttr(op, "high", 1);
  Type type = computedIn(getElementTypeOrSelf(op->getResult(0).getType()));
  return lower(op, context, shapeOf(op, context), {}, [&](Code &c, const Words &words, Value) {
    return c.add(c.constant(low, type), scaled(c, uniform(c, words, type), high - low));
  });
}

/// mean + scale z
LogicalResult lowerNormal(Operation *operation, Context &context) {
  AnyOp op(operation);
  double mean = floatAttr(op, "mean"), scale = floatAttr(op, "scale", 1);
  Type type = computedIn(getElementTypeOrSelf(op->getResult(0).getType()));
  return lower(op, context, shapeOf(op, context), {}, [&](Code &c, const Words &words, Value) {
    return c.add(c.constant(mean, type), scaled(c, normal(c, words, type), scale));
  });
}

/// 1 with the probability p of the element. (The function of the standard gives 1 - p.)
LogicalResult lowerBernoulli(Operation *operation, Context &context) {
  AnyOp op(operation);
  return lower(op, context, shapeOf(op, context), op.in("input"),
               [](Code &c, const Words &words, Value p) {
                 return c.less(uniform(c, words, p.getType()), p);
               });
}

/// Draws classes with probabilities proportional to exp(x): the place of the largest x + g, with
/// g = -log(-log(u)) for every class and draw.
LogicalResult lowerMultinomial(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input");
  SmallVector<Dim> from = context[input].dims;
  if (from.size() != 2)
    return context.refuse(op, "its input is no matrix");
  if (failed(refuseInLoop(op, context)))
    return failure();
  SmallVector<Dim> to = {from[0], Dim(intAttr(op, "sample_size", 1))}, space(to);
  space.push_back(from[1]);
  Generator generator(op, context);
  SmallVector<Extent> extents = extentsOf(context, space);
  auto axes = [&](ArrayRef<unsigned> dims) {
    return AffineMap::getMultiDimMapWithTargets(3, dims, op->getContext());
  };
  Type number = getElementTypeOrSelf(op->getResult(0).getType());
  Value result = context.rows(
      op->getLoc(), 1, {{context.tensor(input), axes({0, 2}), {}}}, {to, number, axes({0, 1})},
      [&](Code &c, ValueRange x) {
        Value u = middle(c, generator.at(c, placeOf(c, extents)).first, x[0].getType());
        Value inner = c.make<math::LogOp>(c.make<arith::NegFOp>(c.make<math::LogOp>(u)));
        return c.cast(bestPlace(c, c.sub(x[0], inner), 2, /*isMax=*/true, /*last=*/false), number);
      });
  context.define(op->getResult(0), result, to);
  return success();
}

} // namespace

void addRandom(LoweringTable &table) {
  for (StringRef like : {"", "Like"}) {
    table[("onnx.RandomUniform" + like).str()] = {nullptr, lowerUniform};
    table[("onnx.RandomNormal" + like).str()] = {nullptr, lowerNormal};
  }
  table["onnx.Bernoulli"] = {nullptr, lowerBernoulli};
  table["onnx.Multinomial"] = {nullptr, lowerMultinomial};
}

} // namespace strut::kernelize
