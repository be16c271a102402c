//===- ExpandQuantized.cpp - Products of integers as products of floats ----===//
//
// A sum of products of integers is exact in f32 as long as no partial sum exceeds 2^24:
// if max |a - za| · max over columns of sum |b - zb| is no more. So integers go through the
// ordinary contractions, with their layouts, tails and threads. The contracted axis is cut
// into as many parts as keep to the bound; where its extent is open, or the parts were too
// many, the product is one in f64, which holds every sum that memory could. Each sum passes
// through int32, which is what the standard adds in and what keeps rewrites of linear maps
// from moving scales across it.
//
//===----------------------------------------------------------------------===//
#include "ExpandOperators.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::AnyOp;
using onnx_ir::constantOf;
using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// A factor of a product, of integers (or floats of 8 bits), and its zero point if any.
struct Factor {
  Value value, zero;

  RankedTensorType type() const { return cast<RankedTensorType>(value.getType()); }
  bool isInteger() const { return isa<IntegerType>(type().getElementType()); }
};

struct Range {
  int64_t least, most;
};

Range rangeOf(IntegerType type) {
  unsigned width = type.getWidth();
  if (type.isUnsigned())
    return {0, (int64_t(1) << width) - 1};
  return {-(int64_t(1) << (width - 1)), (int64_t(1) << (width - 1)) - 1};
}

std::optional<SmallVector<int64_t>> integersOf(Value value) {
  ElementsAttr constant = constantOf(value);
  auto elements = constant ? constant.tryGetValues<APInt>() : std::nullopt;
  if (!elements)
    return std::nullopt;
  bool isUnsigned = constant.getElementType().isUnsignedInteger();
  SmallVector<int64_t> numbers;
  for (const APInt &x : *elements)
    numbers.push_back(isUnsigned ? int64_t(x.getZExtValue()) : x.getSExtValue());
  return numbers;
}

/// The most that an element can differ from its zero point.
int64_t magnitudeOf(const Factor &factor) {
  Range range = rangeOf(cast<IntegerType>(factor.type().getElementType())), zero = {0, 0};
  if (factor.zero) {
    zero = range;
    if (auto numbers = integersOf(factor.zero); numbers && !numbers->empty())
      zero = {*llvm::min_element(*numbers), *llvm::max_element(*numbers)};
  }
  return std::max(range.most - zero.least, zero.most - range.least);
}

/// How the elements of a right factor lie: [outer, depth, inner]. The sum over the depth
/// takes in the inner ones too (the taps of a filter), or each has a sum of its own.
struct Contracted {
  int64_t outer, depth, inner;
  bool takesInner;
};

/// The ends of parts of the depth whose sums are exact in f32; none where the depth is open
/// or there were too many.
SmallVector<int64_t> exactParts(const Factor &left, const Factor &right, const Contracted &c) {
  if (!left.isInteger() || !right.isInteger())
    return {c.depth}; // of floats nothing is exact
  constexpr int64_t exact = int64_t(1) << 24;
  constexpr size_t mostParts = 8;
  int64_t limit = exact / std::max<int64_t>(magnitudeOf(left), 1);
  auto numbers = integersOf(right.value);
  auto zeros = right.zero ? integersOf(right.zero) : SmallVector<int64_t>{0};
  bool known = numbers && zeros && zeros->size() == 1;
  int64_t most = magnitudeOf(right), zero = known ? zeros->front() : 0;
  if (ShapedType::isDynamic(c.depth) || (c.takesInner && ShapedType::isDynamic(c.inner)))
    return {};

  SmallVector<int64_t> ends, sums(known ? (c.takesInner ? c.outer : c.outer * c.inner) : 1);
  SmallVector<int64_t> added(sums.size());
  for (int64_t k = 0; k < c.depth; ++k) {
    llvm::fill(added, known ? 0 : most * (c.takesInner ? c.inner : 1));
    for (int64_t o = 0; known && o < c.outer; ++o)
      for (int64_t i = 0; i < c.inner; ++i)
        added[c.takesInner ? o : o * c.inner + i] +=
            std::abs((*numbers)[(o * c.depth + k) * c.inner + i] - zero);
    auto exceeds = [&](auto both) { return std::get<0>(both) + std::get<1>(both) > limit; };
    if (llvm::any_of(llvm::zip(sums, added), exceeds)) {
      ends.push_back(k);
      llvm::fill(sums, 0);
      if (ends.size() == mostParts || llvm::any_of(llvm::zip(sums, added), exceeds))
        return {};
    }
    for (auto [sum, more] : llvm::zip(sums, added))
      sum += more;
  }
  ends.push_back(c.depth);
  return ends;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// A vector with `count` axes of extent 1 behind its own; anything else as it is.
Value spread(NodeWriter &w, Value x, int64_t count) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() != 1 || type.getDimSize(0) == 1 || count == 0)
    return x;
  return w.make<Op<"Unsqueeze">>(
      {x, w.integers(llvm::to_vector(llvm::seq<int64_t>(1, 1 + count)))});
}

bool isZero(Value value) {
  auto numbers = integersOf(value);
  return numbers && llvm::all_of(*numbers, [](int64_t number) { return number == 0; });
}

/// The factor less its zero point, to which `axes` axes of extent 1 are added.
Value centred(NodeWriter &w, const Factor &factor, int64_t axes, DataType to) {
  Value number = w.cast(factor.value, to);
  if (!factor.zero || isZero(factor.zero))
    return number;
  Value zero = spread(w, w.cast(factor.zero, to), axes);
  return w.make<Op<"Sub">>({number, zero});
}

/// The places from `begin` to `end` of an axis.
Value slice(NodeWriter &w, Value x, int64_t axis, int64_t begin, int64_t end) {
  return w.make<Op<"Slice">>({x, w.integers(begin), w.integers(end), w.integers(axis)});
}

/// A product of two factors, contracted over an axis of each.
using Multiply = llvm::function_ref<Value(Value, Value)>;

/// The sum of the products of the parts, in int32: what does not fit loses its high bits.
/// Without parts it is one product, of f64.
Value sumOfParts(NodeWriter &w, Value left, Value right, int64_t leftAxis, int64_t rightAxis,
                 ArrayRef<int64_t> ends, Multiply multiply) {
  if (ends.empty())
    return w.cast(w.cast(multiply(left, right), Int64), Int32);
  Value sum;
  int64_t begin = 0;
  for (int64_t end : ends) {
    bool all = ends.size() == 1;
    Value x = all ? left : slice(w, left, leftAxis, begin, end),
          y = all ? right : slice(w, right, rightAxis, begin, end);
    Value part = w.cast(multiply(x, y), Int32);
    sum = sum ? w.make<Op<"Add">>({sum, part}) : part;
    begin = end;
  }
  return sum;
}

/// saturate(round(sum · left · right / result) + zero), in the type of `zero`.
Value requantized(NodeWriter &w, Value sum, Value left, Value right, Value result, Value zero) {
  Value scale = w.make<Op<"Div">>({w.make<Op<"Mul">>({left, right}), result});
  Value y = w.make<Op<"Mul">>({w.cast(sum, Float), w.cast(scale, Float)});
  auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(zero.getType()));
  if (integer)
    y = w.make<Op<"Round">>(y);
  if (!isZero(zero))
    y = w.make<Op<"Add">>({y, w.cast(zero, Float)});
  if (integer) {
    Range range = rangeOf(integer);
    y = w.make<Op<"Clip">>({y, w.number(range.least), w.number(range.most)});
  }
  return w.make<Op<"CastLike">>({y, zero});
}

/// The product of two matrices of integers, in int32; of floats of 8 bits in f32.
Value product(NodeWriter &w, const Factor &left, const Factor &right) {
  RankedTensorType a = left.type(), b = right.type();
  int64_t leftAxis = a.getRank() - 1, rightAxis = std::max<int64_t>(b.getRank() - 2, 0);
  Contracted lies{1, b.getDimSize(rightAxis), 1, false};
  if (ShapedType::isDynamic(lies.depth))
    lies.depth = a.getDimSize(leftAxis);
  for (int64_t extent : b.getShape().take_front(rightAxis))
    lies.outer *= extent;
  if (b.getRank() > 1)
    lies.inner = b.getShape().back();
  SmallVector<int64_t> ends = exactParts(left, right, lies);
  DataType type = ends.empty() ? Double : Float;
  // A vector of zero points is one for each row of A, or for each column of B.
  Value x = centred(w, left, a.getRank() > 1 ? 1 : 0, type), y = centred(w, right, 0, type);
  auto multiply = [&](Value x, Value y) { return w.make<Op<"MatMul">>({x, y}); };
  return left.isInteger() ? sumOfParts(w, x, y, leftAxis, rightAxis, ends, multiply)
                          : multiply(x, y);
}

Value expandMatMulInteger(NodeWriter &w, AnyOp op) {
  return product(w, {op.in("A"), op.in("a_zero_point")}, {op.in("B"), op.in("b_zero_point")});
}

Value expandQLinearMatMul(NodeWriter &w, AnyOp op) {
  Factor a{op.in("a"), op.in("a_zero_point")}, b{op.in("b"), op.in("b_zero_point")};
  Value sum = product(w, a, b);
  Value rows = spread(w, op.in("a_scale"), a.type().getRank() > 1 ? 1 : 0);
  return requantized(w, sum, rows, op.in("b_scale"), op.in("y_scale"), op.in("y_zero_point"));
}

/// The convolution in int32.
Value convolution(NodeWriter &w, AnyOp op, const Factor &image, const Factor &filters) {
  ArrayRef<int64_t> shape = filters.type().getShape();
  Contracted lies{shape[0], shape[1], 1, true};
  for (int64_t extent : shape.drop_front(2))
    lies.inner = ShapedType::isDynamic(lies.inner) || ShapedType::isDynamic(extent)
                     ? ShapedType::kDynamic
                     : lies.inner * extent;
  SmallVector<int64_t> ends = exactParts(image, filters, lies);
  if (ends.size() > 1 && op.attr<IntegerAttr>("group").getInt() != 1)
    ends.clear();
  DataType type = ends.empty() ? Double : Float;
  SmallVector<NamedAttribute> attrs = op.onnxAttrs();
  // Padding comes after the zero point is taken off, so that it is 0.
  Value x = centred(w, image, 0, type), y = centred(w, filters, shape.size() - 1, type);
  return sumOfParts(w, x, y, 1, 1, ends,
                    [&](Value x, Value y) { return w.make<Op<"Conv">>({x, y}, attrs); });
}

Value expandConvInteger(NodeWriter &w, AnyOp op) {
  return convolution(w, op, {op.in("x"), op.in("x_zero_point")},
                     {op.in("w"), op.in("w_zero_point")});
}

Value expandQLinearConv(NodeWriter &w, AnyOp op) {
  Factor image{op.in("x"), op.in("x_zero_point")}, filters{op.in("w"), op.in("w_zero_point")};
  int64_t spatial = filters.type().getRank() - 2;
  Value sum = convolution(w, op, image, filters);
  if (Value bias = op.in("B"))
    sum = w.make<Op<"Add">>({sum, spread(w, bias, spatial)});
  Value channels = spread(w, op.in("w_scale"), spatial);
  return requantized(w, sum, op.in("x_scale"), channels, op.in("y_scale"), op.in("y_zero_point"));
}

} // namespace

void addExpandQuantized(ExpansionTable &table) {
  table["onnx.MatMulInteger"] = expandMatMulInteger;
  table["onnx.QLinearMatMul"] = expandQLinearMatMul;
  table["onnx.ConvInteger"] = expandConvInteger;
  table["onnx.QLinearConv"] = expandQLinearConv;
}

} // namespace strut::normalize
