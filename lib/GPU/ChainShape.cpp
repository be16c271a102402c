//===- ChainShape.cpp - What a block of a chain takes at once -------------===//
#include "ChainShape.h"

namespace strut::gpu {

std::optional<ChainShape> ChainShape::create(Multiplicand kind, int64_t rows, int64_t middle) {
  constexpr int64_t mostSums = 64, fewestStages = 2, mostStages = 8;
  int64_t width = std::max<int64_t>(columns, llvm::PowerOf2Ceil(middle));
  int64_t warpRows = rows <= 32 ? 16 : 32, across = rows == 64 ? 4 : 2;
  ChainShape shape{{kind, rows, width, warpRows, width / across, mostStages},
                   {kind, rows, columns, warpRows, columns / across, /*stages=*/4},
                   /*middleSlices=*/0};
  if (kind == Multiplicand::SplitTF32)
    shape.first.segment = segmentStepsOf(shape.first.elementBytes());
  shape.middleSlices = llvm::divideCeil(middle, shape.first.steps());
  int64_t room = mostBytes - shape.middleBytes() - shape.nextBytes();
  shape.first.stages = std::min(mostStages, room / shape.first.stageBytes());
  if (shape.first.stages < fewestStages || rows * width > mostSums * shape.threads())
    return std::nullopt;
  return shape;
}

int64_t ChainShape::bytes() const {
  int64_t rest = std::max({first.stages * first.stageBytes(), TensorTile::exchangeBytes(first, 1),
                           TensorTile::exchangeBytes(second, 1)});
  return middleBytes() + nextBytes() + rest;
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
          across = llvm::divideCeil(columnCount, columns);
  int64_t groups = std::clamp<int64_t>(mostBlocks(time, steps) / down, 1, across);
  int64_t tiles = llvm::divideCeil(across, groups), blocks = down * llvm::divideCeil(across, tiles);
  return time.start() + time.multiply(TilePace::of(first), slices(steps), blocks) +
         time.finish(rows() * middleSlices * first.steps(), blocks) +
         secondsOfTiles(time, tiles, blocks);
}

std::optional<ChainShapes> ChainShapes::create(Multiplicand kind, int64_t columns) {
  auto few = ChainShape::create(kind, TensorShapes::fewRows, columns);
  auto middle = ChainShape::create(kind, 64, columns);
  if (!few || !middle)
    return std::nullopt;
  return ChainShapes{*few, *middle, ChainShape::create(kind, 128, columns).value_or(*middle)};
}

} // namespace strut::gpu
