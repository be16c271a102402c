//===- ExpandTfIdf.cpp - Counts of n-grams ---------------------------------===//
//
// TfIdfVectorizer counts where sequences of a pool occur in a row, with the same number of
// places skipped between all elements of one. A sequence of n elements at distance d stands
// at a place if n slices of the row, each d later than the one before, hold its elements
// there: n comparisons of all places with all sequences, whose truths are added up. A
// product with zeros and ones brings the counts to their columns.
//
//===----------------------------------------------------------------------===//
#include "ExpandOperators.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::AnyOp;
using onnx_ir::Op;

ArrayRef<int64_t> integersOf(AnyOp op, StringRef name) {
  auto list = op.attr<DenseI64ArrayAttr>(name);
  return list ? list.asArrayRef() : ArrayRef<int64_t>();
}

/// The sequences of one length, and the columns that they count in.
struct Grams {
  int64_t length;
  ArrayRef<int64_t> elements, columns;

  int64_t count() const { return columns.size(); }
  /// The elements at one place of all sequences.
  SmallVector<int64_t> at(int64_t place) const {
    SmallVector<int64_t> result;
    for (int64_t i = 0; i < count(); ++i)
      result.push_back(elements[i * length + place]);
    return result;
  }
};

/// The lengths that are counted; none where the attributes contradict each other.
std::optional<SmallVector<Grams>> gramsOf(AnyOp op) {
  ArrayRef<int64_t> pool = integersOf(op, "pool_int64s"), begins = integersOf(op, "ngram_counts"),
                    columns = integersOf(op, "ngram_indexes");
  int64_t least = op.attr<IntegerAttr>("min_gram_length").getInt(),
          most = op.attr<IntegerAttr>("max_gram_length").getInt();
  SmallVector<Grams> result;
  int64_t number = 0;
  for (auto [i, begin] : llvm::enumerate(begins)) {
    int64_t end = i + 1 < begins.size() ? begins[i + 1] : int64_t(pool.size()), length = i + 1;
    if (begin < 0 || begin > end || end > int64_t(pool.size()))
      return std::nullopt;
    int64_t count = (end - begin) / length;
    if (number + count > int64_t(columns.size()))
      return std::nullopt;
    if (count && length >= least && length <= most)
      result.push_back({length, pool.slice(begin, count * length), columns.slice(number, count)});
    number += count;
  }
  return result;
}

/// How often each sequence occurs in each row at one distance.
Value countsOf(NodeWriter &w, Value x, const Grams &grams, int64_t distance) {
  constexpr int64_t end = INT64_MAX;
  Value found;
  for (int64_t i = 0; i < grams.length; ++i) {
    int64_t behind = (grams.length - 1 - i) * distance;
    Value places = w.make<Op<"Slice">>(
        {x, w.integers(i * distance), w.integers(behind ? -behind : end), w.integers(-1)});
    places = w.make<Op<"Unsqueeze">>({places, w.integers(-1)});
    Value same = w.make<Op<"Equal">>({places, w.integers(grams.at(i))});
    found = found ? w.make<Op<"And">>({found, same}) : same;
  }
  return w.make<Op<"ReduceSum">>({w.cast(found, Float), w.integers(-2)},
                                 w.b.getNamedAttr("keepdims", w.b.getI64IntegerAttr(0)));
}

/// From a count for each sequence to one for each column.
Value inColumns(NodeWriter &w, Value counts, const Grams &grams, int64_t size) {
  SmallVector<float> places(grams.count() * size, 0);
  for (auto [i, column] : llvm::enumerate(grams.columns))
    places[i * size + column] = 1;
  return w.make<Op<"MatMul">>({counts, w.numbers(places, {grams.count(), size})});
}

Value expandTfIdfVectorizer(NodeWriter &w, AnyOp op) {
  Value x = op.in("X");
  auto type = cast<RankedTensorType>(x.getType());
  ArrayRef<int64_t> columns = integersOf(op, "ngram_indexes");
  std::optional<SmallVector<Grams>> all = gramsOf(op);
  StringRef mode = op.attr<StringAttr>("mode").getValue();
  if (type.getRank() < 1 || !isa<IntegerType>(type.getElementType()) || columns.empty() || !all ||
      *llvm::min_element(columns) < 0)
    return {};
  int64_t size = *llvm::max_element(columns) + 1;
  int64_t skips = op.attr<IntegerAttr>("max_skip_count").getInt();
  x = w.cast(x, Int64);
  Value sum;
  for (const Grams &grams : *all)
    for (int64_t distance = 1; distance <= (grams.length == 1 ? 1 : skips + 1); ++distance) {
      // Rows this short hold none, and slices of them would be of different lengths.
      if (type.getShape().back() >= 0 && type.getShape().back() <= (grams.length - 1) * distance)
        break;
      Value part = inColumns(w, countsOf(w, x, grams, distance), grams, size);
      sum = sum ? w.make<Op<"Add">>({sum, part}) : part;
    }
  if (!sum || mode == "TF")
    return sum;
  if (mode == "IDF")
    sum = w.cast(w.make<Op<"Greater">>({sum, w.number(0)}), Float);
  auto weights = op.attr<DenseF32ArrayAttr>("weights");
  if (!weights)
    return sum;
  if (weights.size() != size)
    return {};
  return w.make<Op<"Mul">>({sum, w.numbers(weights.asArrayRef(), size)});
}

} // namespace

void addExpandTfIdf(ExpansionTable &table) {
  table["onnx.TfIdfVectorizer"] = expandTfIdfVectorizer;
}

} // namespace strut::normalize
