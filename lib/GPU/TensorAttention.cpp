//===- TensorAttention.cpp - kernel.attention on tensor cores -------------===//
//
// Each warp has 16 query rows, or 32. Their scores with a tile of keys stay in the registers that
// the product leaves them in, as do their weights, which are the left side of the product with the
// values. Keys are copied while values are multiplied, and values while keys are. Maxima and sums
// of a row are kept by the four lanes that have its scores.
//
//===----------------------------------------------------------------------===//
#include "AttentionSpace.h"
#include "Fragments.h"
#include "Slices.h"
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/Emit/Emit.h"
#include <numbers>

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t mostFeatures = 128; ///< whose sums and slices there is room for
constexpr int64_t warpRows = 16;
constexpr int64_t mostDeclaredBytes = 48 << 10; ///< of shared memory

/// What a block takes at once.
struct AttentionShape {
  Multiplicand kind;
  int64_t featureSlices; ///< of a head of queries and keys
  int64_t columns;       ///< of the values, 32, 64 or 128
  int64_t tiles = 1;     ///< of 16 query rows, that each warp has
  int64_t keys = 64;     ///< whose scores and weights are in registers
  bool hasMask;          ///< in memory, whose addresses need registers
  static constexpr int64_t warps = 4;

  AttentionShape(Multiplicand kind, int64_t features, int64_t valueColumns, bool hasMask)
      : kind(kind), hasMask(hasMask) {
    featureSlices = llvm::divideCeil(features * elementBytes(), sliceBytes);
    bool isKnown = !ShapedType::isDynamic(valueColumns);
    columns = isKnown && valueColumns <= 32 ? 32 : isKnown && valueColumns <= 64 ? 64 : 128;
    if (isLarge())
      keys = 32;
  }

  /// Whether lines of queries, keys or values are longer than 256 bytes: heads of f32.
  bool isLarge() const {
    return std::max(featureSlices * sliceBytes, columns * elementBytes()) > 256;
  }
  /// Whether the slices of features are a loop. Written out, the addresses of all of them wait in
  /// registers for the next keys, of which f32 with a mask has none left either.
  bool isRolled() const { return isLarge() || (hasMask && !isHalf(kind)); }
  int64_t elementBytes() const { return isHalf(kind) ? 2 : 4; }
  int64_t rows() const { return warps * tiles * warpRows; }
  int64_t threads() const { return warps * warpSize; }
  int64_t steps() const { return sliceBytes / elementBytes(); } ///< of a slice
  /// Whether products are as good as f32.
  bool isExact() const { return kind == Multiplicand::SplitTF32; }
  /// Whether a thread keeps its part of the queries in registers: two numbers for each element
  /// would spill.
  bool keepsQueries() const { return !isExact() && tiles == 1 && !isRolled(); }
  /// Whether warps may have two tiles of rows, whose sums and weights there are registers for.
  bool mayBeTall() const { return isHalf(kind) && featureSlices <= 2 && columns <= 64 && !hasMask; }
  int64_t valueSlices() const { return keys / steps(); }
  int64_t featureBytes(int64_t rows) const { return rows * featureSlices * sliceBytes; }
  int64_t bytes() const {
    return featureBytes(rows()) + featureBytes(keys) + keys * columns * elementBytes();
  }
};

/// The rows of a thread in a tile, which are 8 apart; of its four sums of an mma.sync each has two.
constexpr unsigned tileRows = 2;

class TensorAttention {
public:
  TensorAttention(Simt &simt, AttentionSpace &space, const AttentionShape &shape,
                  ArrayRef<CopyPlan> plans)
      : simt(simt), space(space), shape(shape), plans(plans), loc(space.loc) {}

  void emit(OpBuilder &b);

private:
  /// What the loop over keys carries.
  struct State {
    SmallVector<Value> sums;   ///< of the values, as mma.sync has them
    SmallVector<Value> maxima; ///< of the scores of each row
    SmallVector<Value> totals; ///< of the weights of each row that this lane has

    SmallVector<Value> pack() const;
    static State unpack(ValueRange values, unsigned rows);
  };

  SlicePlace place(OpBuilder &b, int64_t width, int64_t offset) const;
  /// Runs `body` for each slice of the features, with the values that the last one left.
  using FeatureBody = function_ref<void(OpBuilder &, Value number, MutableArrayRef<Value> values)>;
  void overFeatures(OpBuilder &b, MutableArrayRef<Value> values, FeatureBody body) const;
  void copyFeatures(OpBuilder &b, const Slices &slices) const;
  /// Of a tile, the left side of the products with keys number `part` of slice `number`.
  Fragment queryFragment(OpBuilder &b, Value number, int64_t part, int64_t tile) const;
  void addSlice(OpBuilder &b, const Slices &keys, Value number, ArrayRef<Fragment> left,
                MutableArrayRef<Value> sums) const;
  SmallVector<Value> scores(OpBuilder &b, const Slices &keys, Value firstKey) const;
  /// Turns scores into weights; the factors by which older sums of the rows shrink.
  SmallVector<Value> softmax(OpBuilder &b, SmallVector<Value> &scores, State &state) const;
  void addValues(OpBuilder &b, const Slices &values, ArrayRef<Value> weights,
                 ArrayRef<Value> factors, State &state) const;
  void finish(OpBuilder &b, const State &state) const;

  /// Of a score less what is subtracted from those of its row.
  Value exponential(OpBuilder &b, Value score, Value shift) const;
  /// Rows of a thread.
  unsigned rowCount() const { return tileRows * shape.tiles; }
  /// Which of them one of `count` sums belongs to: they are in the order of tiles.
  unsigned rowOf(size_t sum, size_t count) const {
    return sum / (count / shape.tiles) * tileRows + sum % 4 / 2;
  }
  /// Over the four lanes of a row.
  template <typename Op> Value overRow(OpBuilder &b, Value value) const {
    for (int64_t mask : {1, 2})
      value = Op::create(b, loc, value, shuffleXor(b, loc, value, mask));
    return value;
  }
  void wait(OpBuilder &b, uint32_t groups) const {
    NVVM::CpAsyncWaitGroupOp::create(b, loc, groups);
    barrier(b, loc);
  }

  Simt &simt;
  AttentionSpace &space;
  const AttentionShape &shape;
  ArrayRef<CopyPlan> plans; ///< of queries, keys and values
  Location loc;

  Value memory;       ///< pointer to shared memory
  Value thread, lane; ///< i32
  std::optional<Slices> queries;
  SmallVector<Fragment> kept; ///< of the queries
  SmallVector<Value> rows;    ///< of this thread, index
};

SmallVector<Value> TensorAttention::State::pack() const {
  SmallVector<Value> values(sums);
  llvm::append_range(values, maxima);
  llvm::append_range(values, totals);
  return values;
}

TensorAttention::State TensorAttention::State::unpack(ValueRange values, unsigned rows) {
  return {SmallVector<Value>(values.drop_back(2 * rows)),
          SmallVector<Value>(values.take_back(2 * rows).take_front(rows)),
          SmallVector<Value>(values.take_back(rows))};
}

/// Slices of the right side of products, at this offset of shared memory.
SlicePlace TensorAttention::place(OpBuilder &b, int64_t width, int64_t offset) const {
  I32 i{b, loc};
  return {movedBy(b, loc, memory, i.constant(offset), 1),
          width,
          shape.elementBytes(),
          shape.threads(),
          thread,
          /*first=*/i.constant(0),
          /*isLhs=*/false};
}

void TensorAttention::overFeatures(OpBuilder &b, MutableArrayRef<Value> values,
                                   FeatureBody body) const {
  if (!shape.isRolled()) {
    for (int64_t slice = 0; slice < shape.featureSlices; ++slice)
      body(b, I32{b, loc}.constant(slice), values);
    return;
  }
  auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0),
                                 indexConstant(b, loc, shape.featureSlices),
                                 indexConstant(b, loc, 1), ValueRange(values),
                                 [&](OpBuilder &b, Location, Value slice, ValueRange carried) {
                                   SmallVector<Value> inner(carried);
                                   body(b, I32{b, loc}.from(slice), inner);
                                   scf::YieldOp::create(b, loc, inner);
                                 });
  emit::keepRolled(loop);
  llvm::copy(loop.getResults(), values.begin());
}

void TensorAttention::copyFeatures(OpBuilder &b, const Slices &slices) const {
  overFeatures(b, {}, [&](OpBuilder &b, Value number, MutableArrayRef<Value>) {
    I32 i{b, loc};
    slices.copy(b, number, i.toIndex(i.mul(number, shape.steps())));
  });
}

void TensorAttention::emit(OpBuilder &b) {
  I32 i{b, loc};
  memory = shape.bytes() > mostDeclaredBytes
               ? simt.dynamicShared(b, loc, shape.bytes())
               : pointerTo(b, loc, simt.shared(b, loc, {shape.bytes()}, b.getI8Type(), 128),
                           sharedSpace);
  thread = i.from(threadIndex(b, loc));
  lane = i.rem(thread, warpSize);
  Value warp = i.div(thread, warpSize);
  SlicePlace queryPlace = place(b, shape.rows(), 0);
  queryPlace.first = i.mul(warp, shape.tiles * warpRows);
  queryPlace.isLhs = true;
  queries.emplace(b, loc, queryPlace, space.queries(), plans[0], space.firstRow);
  Value row = i.toIndex(i.add(queryPlace.first, i.div(lane, 4)));
  row = arith::AddIOp::create(b, loc, space.firstRow, row);
  for (int64_t tile = 0; tile < shape.tiles; ++tile)
    for (int64_t offset : {0, 8})
      rows.push_back(plus(b, loc, row, tile * warpRows + offset));

  auto keysFrom = [&](OpBuilder &b, Value firstKey) {
    SlicePlace keyPlace = place(b, shape.keys, shape.featureBytes(shape.rows()));
    keyPlace.interleaved = !isHalf(shape.kind); // the order in which products take the weights
    return Slices(b, loc, keyPlace, space.keys(), plans[1], firstKey);
  };
  SlicePlace valuePlace =
      place(b, shape.columns, shape.featureBytes(shape.rows()) + shape.featureBytes(shape.keys));
  Slices values(b, loc, valuePlace, space.values(), plans[2], space.firstColumn);

  Value zero = indexConstant(b, loc, 0), tile = indexConstant(b, loc, shape.keys);
  auto copyKeys = [&](OpBuilder &b, Value firstKey) {
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, firstKey, space.s.size);
    scf::IfOp::create(b, loc, exists, [&](OpBuilder &b, Location) {
      copyFeatures(b, keysFrom(b, firstKey));
      scf::YieldOp::create(b, loc);
    });
    NVVM::CpAsyncCommitGroupOp::create(b, loc);
  };
  copyFeatures(b, *queries);
  copyKeys(b, zero);
  if (shape.keepsQueries()) {
    wait(b, 0);
    for (int64_t slice = 0; slice < shape.featureSlices; ++slice)
      for (int64_t part = 0; part < multipliesOfSlice; ++part)
        kept.push_back(queryFragment(b, i.constant(slice), part, 0));
  }
  State start;
  start.sums.assign(shape.tiles * shape.columns / 2, space.number(b, 0));
  start.maxima.assign(rowCount(), space.lowest(b));
  start.totals.assign(rowCount(), space.number(b, 0));
  auto loop = scf::ForOp::create(
      b, loc, zero, space.s.size, tile, start.pack(),
      [&](OpBuilder &b, Location, Value firstKey, ValueRange carried) {
        I32 i{b, loc};
        State state = State::unpack(carried, rowCount());
        for (int64_t slice = 0; slice < shape.valueSlices(); ++slice)
          values.copy(b, i.constant(slice), plus(b, loc, firstKey, slice * shape.steps()));
        NVVM::CpAsyncCommitGroupOp::create(b, loc);
        wait(b, 1); // for the keys
        SmallVector<Value> weights = scores(b, keysFrom(b, firstKey), firstKey);
        barrier(b, loc); // all have read the keys
        copyKeys(b, plus(b, loc, firstKey, shape.keys));
        SmallVector<Value> factors = softmax(b, weights, state);
        wait(b, 1); // for the values
        addValues(b, values, weights, factors, state);
        barrier(b, loc); // all have read the values
        scf::YieldOp::create(b, loc, state.pack());
      });
  NVVM::CpAsyncWaitGroupOp::create(b, loc, 0); // of no keys, for the queries
  finish(b, State::unpack(loop.getResults(), rowCount()));
}

Fragment TensorAttention::queryFragment(OpBuilder &b, Value number, int64_t part,
                                        int64_t tile) const {
  return Fragment(b, loc, shape.kind, queries->load(b, number, part, tile));
}

/// Adds to the scores the products of slice `number` of queries and keys. `left` are its queries,
/// one for each part, unless shared memory has them.
void TensorAttention::addSlice(OpBuilder &b, const Slices &keys, Value number,
                               ArrayRef<Fragment> left, MutableArrayRef<Value> sums) const {
  const int64_t perTile = shape.keys / 8 * 4;
  for (int64_t part = 0; part < multipliesOfSlice; ++part) {
    SmallVector<Fragment> factors;
    for (int64_t tile = 0; tile < shape.tiles; ++tile)
      factors.push_back(left.empty() ? queryFragment(b, number, part, tile) : left[part]);
    for (int64_t block = 0; block < shape.keys / 16; ++block) {
      SmallVector<Value> registers = keys.load(b, number, part, block);
      for (int64_t half = 0; half < 2; ++half) {
        Fragment right(b, loc, shape.kind, ArrayRef(registers).slice(2 * half, 2));
        for (auto [tile, factor] : llvm::enumerate(factors))
          addProduct(b, loc, shape.kind, factor, right,
                     sums.slice(tile * perTile + (2 * block + half) * 4, 4));
      }
    }
  }
}

/// Of this thread, in the order of tiles, then of mma.sync: blocks of 8 keys, then both rows, then
/// two keys.
SmallVector<Value> TensorAttention::scores(OpBuilder &b, const Slices &keys, Value firstKey) const {
  I32 i{b, loc};
  const int64_t perTile = shape.keys / 8 * 4;
  SmallVector<Value> sums(shape.tiles * perTile, space.number(b, 0));
  if (kept.empty()) {
    overFeatures(b, sums, [&](OpBuilder &b, Value number, MutableArrayRef<Value> inner) {
      addSlice(b, keys, number, {}, inner);
    });
  } else
    for (int64_t slice = 0; slice < shape.featureSlices; ++slice)
      addSlice(b, keys, i.constant(slice),
               ArrayRef(kept).slice(slice * multipliesOfSlice, multipliesOfSlice), sums);
  Value member = i.rem(lane, 4);
  for (auto [number, sum] : llvm::enumerate(sums)) {
    int64_t second = number % 2;
    Value inBlock =
        isHalf(shape.kind) ? i.add(i.mul(member, 2), second) : i.add(member, 4 * second);
    Value inTile = i.add(inBlock, int64_t(number) % perTile / 4 * 8);
    Value key = arith::AddIOp::create(b, loc, firstKey, i.toIndex(inTile));
    sum = space.score(b, rows[rowOf(number, sums.size())], key, sum);
  }
  return sums;
}

/// Weights that are rounded take the approximation of the GPU, whose error is far below. The shift
/// is the same for a row, so that what remains for a score is one FMA.
Value TensorAttention::exponential(OpBuilder &b, Value score, Value shift) const {
  if (shape.isExact())
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, score, shift));
  constexpr float log2e = std::numbers::log2e_v<float>;
  Value offset = arith::MulFOp::create(b, loc, shift, space.number(b, -log2e));
  Value scaled = math::FmaOp::create(b, loc, score, space.number(b, log2e), offset);
  return LLVM::CallIntrinsicOp::create(b, loc, b.getF32Type(),
                                       b.getStringAttr("llvm.nvvm.ex2.approx.ftz"),
                                       ValueRange{scaled})
      .getResult(0);
}

SmallVector<Value> TensorAttention::softmax(OpBuilder &b, SmallVector<Value> &scores,
                                            State &state) const {
  SmallVector<Value> highest(state.maxima), shifts, factors;
  for (auto [number, score] : llvm::enumerate(scores)) {
    Value &mine = highest[rowOf(number, scores.size())];
    mine = arith::MaximumFOp::create(b, loc, mine, score);
  }
  for (unsigned row = 0; row < rowCount(); ++row) {
    Value maximum = overRow<arith::MaximumFOp>(b, highest[row]);
    shifts.push_back(space.shiftFor(b, maximum));
    factors.push_back(exponential(b, state.maxima[row], shifts.back()));
    state.maxima[row] = maximum;
    state.totals[row] = arith::MulFOp::create(b, loc, state.totals[row], factors.back());
  }
  for (auto [number, score] : llvm::enumerate(scores)) {
    unsigned row = rowOf(number, scores.size());
    score = exponential(b, score, shifts[row]);
    state.totals[row] = arith::AddFOp::create(b, loc, state.totals[row], score);
  }
  return factors;
}

void TensorAttention::addValues(OpBuilder &b, const Slices &values, ArrayRef<Value> weights,
                                ArrayRef<Value> factors, State &state) const {
  I32 i{b, loc};
  SmallVector<Fragment> left;
  int64_t perProduct = isHalf(shape.kind) ? 8 : 4; // weights of a thread
  for (size_t first = 0; first < weights.size(); first += perProduct)
    left.push_back(Fragment::ofSums(b, loc, shape.kind, weights.slice(first, perProduct)));
  size_t products = left.size() / shape.tiles;
  for (int64_t block = 0; block < shape.columns / 16; ++block) {
    SmallVector<Value> sums;
    auto older = [&](int64_t tile) {
      return MutableArrayRef(state.sums).slice(tile * shape.columns / 2 + 8 * block, 8);
    };
    auto factor = [&](int64_t tile, size_t number) {
      return factors[tile * tileRows + number % 4 / 2];
    };
    // Long sums of split numbers would drift by what tensor cores cut off: tiles are summed apart.
    for (int64_t tile = 0; tile < shape.tiles; ++tile)
      for (auto [number, sum] : llvm::enumerate(older(tile)))
        sums.push_back(shape.isExact() ? space.number(b, 0)
                                       : arith::MulFOp::create(b, loc, sum, factor(tile, number)));
    for (size_t product = 0; product < products; ++product) {
      SmallVector<Value> registers = values.load(b, i.constant(product / multipliesOfSlice),
                                                 product % multipliesOfSlice, block);
      for (int64_t half = 0; half < 2; ++half) {
        Fragment right(b, loc, shape.kind, ArrayRef(registers).slice(2 * half, 2));
        for (int64_t tile = 0; tile < shape.tiles; ++tile)
          addProduct(b, loc, shape.kind, left[tile * products + product], right,
                     MutableArrayRef(sums).slice(8 * tile + 4 * half, 4));
      }
    }
    for (int64_t tile = 0; tile < shape.tiles; ++tile)
      for (auto [number, sum] : llvm::enumerate(older(tile)))
        sum = shape.isExact() ? Value(math::FmaOp::create(b, loc, sum, factor(tile, number),
                                                          sums[8 * tile + number]))
                              : sums[8 * tile + number];
  }
}

void TensorAttention::finish(OpBuilder &b, const State &state) const {
  I32 i{b, loc};
  Value first =
      arith::AddIOp::create(b, loc, space.firstColumn, i.toIndex(i.mul(i.rem(lane, 4), 2)));
  size_t perTile = state.sums.size() / shape.tiles;
  for (unsigned row = 0; row < rowCount(); ++row) {
    Value scale = space.scaleFor(b, overRow<arith::AddFOp>(b, state.totals[row]));
    Value isRow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, rows[row], space.m.size);
    scf::IfOp::create(b, loc, isRow, [&](OpBuilder &b, Location) {
      for (auto [number, sum] : llvm::enumerate(state.sums)) {
        if (rowOf(number, state.sums.size()) != row)
          continue;
        Value column = plus(b, loc, first, number % perTile / 4 * 8 + number % 2);
        Value isColumn =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, column, space.e.size);
        scf::IfOp::create(b, loc, isColumn, [&](OpBuilder &b, Location) {
          space.store(b, rows[row], column, arith::MulFOp::create(b, loc, sum, scale));
          scf::YieldOp::create(b, loc);
        });
      }
      scf::YieldOp::create(b, loc);
    });
  }
}

} // namespace

/// Tiles of 128 rows where they fill a GPU: in them every key and value that is read from shared
/// memory is multiplied twice. Masks in memory, for whose addresses there are no registers left, do
/// without.
static void launchBySize(Simt &simt, OpBuilder &host, AttentionSpace &space,
                         const AttentionShape &shape, ArrayRef<CopyPlan> plans) {
  std::string name = "tensor_attention";
  for (const CopyPlan &plan : plans)
    name += suffixOf(plan);
  name += "_" + std::to_string(shape.featureSlices * shape.steps()) + "x" +
          std::to_string(shape.columns);
  auto launch = [&](OpBuilder &b, const AttentionShape &shape, StringRef name) {
    launchAttention(simt, b, space, name, shape.rows(), shape.columns, shape.threads(),
                    /*resident=*/256,
                    [&](OpBuilder &b) { TensorAttention(simt, space, shape, plans).emit(b); });
  };
  int64_t rows = space.nest.staticExtent(space.first);
  if (!shape.mayBeTall() || (!ShapedType::isDynamic(rows) && rows <= shape.rows()))
    return launch(host, shape, name);
  AttentionShape tall = shape;
  tall.tiles = 2;
  Location loc = space.loc;
  space.setGroups(host, space.nest.operands);
  Value isFew = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::ult,
                                      space.blocks(host, tall.rows(), tall.columns),
                                      indexConstant(host, loc, TensorShapes::manyBlocks));
  scf::IfOp::create(
      host, loc, isFew,
      [&](OpBuilder &b, Location) {
        launch(b, shape, name);
        scf::YieldOp::create(b, loc);
      },
      [&](OpBuilder &b, Location) {
        launch(b, tall, name + "_" + std::to_string(tall.rows()));
        scf::YieldOp::create(b, loc);
      });
}

bool emitTensorAttention(Simt &simt, OpBuilder &host, AttentionSpace &space) {
  const Nest &nest = space.nest;
  Type element = nest.typeOf(0).getElementType();
  std::optional<Multiplicand> kind = multiplicandOf(element, simt.target());
  int64_t features = space.features();
  if (!kind || ShapedType::isDynamic(features) || features > mostFeatures)
    return false;
  unsigned m = space.first, s = m + 1, d = m + 2, e = m + 3;
  SmallVector<CopyPlan> plans;
  for (auto [operand, along, steps] : {std::tuple(0, m, d), {1, s, d}, {2, e, s}}) {
    auto plan = planCopy(nest, operand, {along}, {steps});
    if (!plan || nest.typeOf(operand).getElementType() != element)
      return false;
    plans.push_back(*plan);
  }
  AttentionShape shape(*kind, features, space.valueColumns(), /*hasMask=*/nest.inputs > 3);
  launchBySize(simt, host, space, shape, plans);
  ++simt.tensorAttentions;
  return true;
}

} // namespace strut::gpu
