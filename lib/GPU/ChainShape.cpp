//===- ChainShape.cpp - What a block of a chain takes at once -------------===//
#include "ChainShape.h"

namespace strut::gpu {

/// Bytes of shared memory: less than Hopper GPUs have; what all from sm_80 on have.
static int64_t mostBytes(int64_t cluster) { return (cluster > 1 ? 200 : 96) << 10; }

std::optional<ChainShape> ChainShape::create(Multiplicand kind, int64_t rows, int64_t middle,
                                             int64_t steps, int64_t cluster) {
  constexpr int64_t mostSums = 64, fewestStages = 2, mostStages = 8;
  int64_t width = std::max<int64_t>(columns, llvm::PowerOf2Ceil(middle));
  int64_t warpRows = rows <= 32 ? 16 : 32, across = rows == 64 ? 4 : 2;
  ChainShape shape{{kind, rows, width, warpRows, width / across, mostStages},
                   {kind, rows, columns, warpRows, columns / across, /*stages=*/4},
                   /*middleSlices=*/0,
                   cluster};
  int64_t apart = segmentStepsOf(shape.first.elementBytes());
  if (kind == Multiplicand::SplitTF32)
    shape.first.segment = apart;
  if (cluster > 1) {
    shape.first.segment = shape.slices(steps) * shape.first.steps();
    if (kind == Multiplicand::SplitTF32 && shape.first.segment > apart)
      return std::nullopt;
  }
  shape.middleSlices = llvm::divideCeil(middle, shape.first.steps());
  int64_t room = mostBytes(cluster) - shape.middleBytes() - shape.nextBytes() - shape.partBytes();
  shape.first.stages = std::min(mostStages, room / shape.first.stageBytes());
  if (shape.first.stages < fewestStages || rows * width > mostSums * shape.threads())
    return std::nullopt;
  return shape;
}

int64_t ChainShape::bytes() const {
  int64_t rest = std::max({first.stages * first.stageBytes(), TensorTile::exchangeBytes(first, 1),
                           TensorTile::exchangeBytes(second, 1)});
  return middleBytes() + nextBytes() + partBytes() + rest;
}

double ChainShape::secondsOfTiles(const TileTime &time, int64_t tiles, int64_t blocks) const {
  TilePace pace = TilePace::of(second);
  pace.bytes = columns * sliceBytes; // the other side is there
  return time.multiply(pace, tiles * middleSlices, blocks) +
         time.finish(tiles * rows() * columns, blocks);
}

int64_t ChainShape::mostBlocks(const TileTime &time, int64_t steps) const {
  double late = secondsOfTiles(time, 1, 1) / std::max<int64_t>(1, slices(steps));
  return time.blocksFed(TilePace::of(first), TileTime::turn + late);
}

double ChainShape::seconds(const TileTime &time, int64_t rowCount, int64_t columnCount,
                           int64_t steps) const {
  int64_t down = llvm::divideCeil(rowCount, rows()),
          across = llvm::divideCeil(columnCount, columns * cluster);
  int64_t groups = std::clamp<int64_t>(mostBlocks(time, steps) / (down * cluster), 1, across);
  int64_t tiles = llvm::divideCeil(across, groups),
          blocks = down * llvm::divideCeil(across, tiles) * cluster;
  double all = time.start() + time.multiply(TilePace::of(first), slices(steps), blocks) +
               time.finish(rows() * middleColumns(), blocks) + secondsOfTiles(time, tiles, blocks);
  if (cluster > 1)
    all += 2 * TileTime::meeting + time.readFromOthers(partBytes() + middleBytes());
  return all;
}

std::optional<ChainShapes> ChainShapes::create(Multiplicand kind, int64_t columns, int64_t steps,
                                               int64_t cluster) {
  auto few = ChainShape::create(kind, TensorShapes::fewRows, columns, steps, cluster);
  auto middle = ChainShape::create(kind, 64, columns, steps, cluster);
  if (!few || !middle)
    return std::nullopt;
  auto many = ChainShape::create(kind, 128, columns, steps, cluster);
  return ChainShapes{*few, *middle, many.value_or(*middle)};
}

} // namespace strut::gpu
