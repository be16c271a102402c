//===- Transpose.cpp - Tiles transposed in registers ----------------------===//
//
// log2(n) rounds of n shuffles of two rows each. The first two rounds interleave elements
// within groups of four, which is what unpack instructions do, the others swap whole
// groups; so each shuffle is one instruction where vectors are made of 128-bit parts.
//
//===----------------------------------------------------------------------===//
#include "Transpose.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace strut::cpu {

constexpr int64_t group = 4;

bool canTranspose(int64_t lanes) { return lanes >= group && llvm::isPowerOf2_64(lanes); }

/// Shuffles two rows by `pick`, which says for a place of the result the row (0 or 1) and
/// the place there.
static Value shuffle(OpBuilder &b, Location loc, Value first, Value second,
                     llvm::function_ref<std::pair<int64_t, int64_t>(int64_t)> pick) {
  int64_t lanes = cast<VectorType>(first.getType()).getDimSize(0);
  SmallVector<int64_t> places;
  for (int64_t i = 0; i < lanes; ++i) {
    auto [row, place] = pick(i);
    places.push_back(row * lanes + place);
  }
  return vector::ShuffleOp::create(b, loc, first, second, places);
}

/// In each group of four: x0 y0 x1 y1, or with `high` x2 y2 x3 y3; with `pairs` of elements
/// x0 x1 y0 y1, or x2 x3 y2 y3.
static Value unpack(OpBuilder &b, Location loc, Value x, Value y, bool high, bool pairs) {
  return shuffle(b, loc, x, y, [&](int64_t i) {
    int64_t in = i % group, start = i - in + (high ? 2 : 0);
    return pairs ? std::pair(in / 2, start + in % 2) : std::pair(in % 2, start + in / 2);
  });
}

SmallVector<Value> transpose(OpBuilder &b, Location loc, SmallVector<Value> rows) {
  int64_t lanes = rows.size();
  assert(canTranspose(lanes));
  for (int64_t i = 0; i < lanes; i += group) {
    Value *row = &rows[i];
    Value half[group];
    for (int64_t j : {0, 1, 2, 3})
      half[j] = unpack(b, loc, row[j / 2 * 2], row[j / 2 * 2 + 1], j % 2, false);
    for (int64_t j : {0, 1, 2, 3})
      row[j] = unpack(b, loc, half[j / 2], half[j / 2 + 2], j % 2, true);
  }
  for (int64_t size = group; size < lanes; size *= 2)
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & size)
        continue;
      Value low = rows[i], high = rows[i + size];
      rows[i] = shuffle(b, loc, low, high, [&](int64_t j) {
        return j & size ? std::pair<int64_t, int64_t>(1, j - size)
                        : std::pair<int64_t, int64_t>(0, j);
      });
      rows[i + size] = shuffle(b, loc, low, high, [&](int64_t j) {
        return j & size ? std::pair<int64_t, int64_t>(1, j)
                        : std::pair<int64_t, int64_t>(0, j + size);
      });
    }
  return rows;
}

/// x0 y0 x1 y1 ... of two runs of vectors.
static SmallVector<Value> byTurns(OpBuilder &b, Location loc, ArrayRef<Value> x,
                                  ArrayRef<Value> y) {
  SmallVector<Value> run;
  for (auto [left, right] : llvm::zip(x, y)) {
    int64_t lanes = cast<VectorType>(left.getType()).getDimSize(0);
    for (int64_t start : {int64_t(0), lanes / 2})
      run.push_back(
          shuffle(b, loc, left, right, [&](int64_t i) { return std::pair(i % 2, start + i / 2); }));
  }
  return run;
}

SmallVector<Value> interleaved(OpBuilder &b, Location loc, ArrayRef<Value> streams) {
  int64_t count = streams.size();
  if (count == 1)
    return llvm::to_vector(streams);
  if (count % 2 == 0) {
    SmallVector<Value> even, odd;
    for (auto [i, stream] : llvm::enumerate(streams))
      (i % 2 ? odd : even).push_back(stream);
    return byTurns(b, loc, interleaved(b, loc, even), interleaved(b, loc, odd));
  }
  // Each vector takes its lanes from one stream after the other.
  SmallVector<Value> run;
  for (int64_t v = 0; v < count; ++v) {
    Value made = streams[0];
    int64_t lanes = cast<VectorType>(made.getType()).getDimSize(0);
    for (int64_t s = 1; s < count; ++s)
      made = shuffle(b, loc, made, streams[s], [&](int64_t i) {
        int64_t place = v * lanes + i, stream = place % count, from = place / count;
        if (stream == s)
          return std::pair<int64_t, int64_t>(1, from);
        // The first step moves the lanes of stream 0, later ones keep what is there.
        return std::pair<int64_t, int64_t>(0, s == 1 ? from : i);
      });
    run.push_back(made);
  }
  return run;
}

} // namespace strut::cpu
