//===- TileTime.cpp - How long tiles of products take ---------------------===//
#include "TileTime.h"

namespace strut::gpu {

constexpr double clock = 1.5e9;                 ///< cycles a second
constexpr double ofMultiprocessor = 64 * clock; ///< bytes/s that one reads
constexpr double lanes = 128;                   ///< of one, which begin an instruction in a cycle
constexpr double instructions = 36;             ///< of a result

/// Instructions of a product of halves in whose time one of this kind is done.
static double slowness(Multiplicand kind) {
  switch (kind) {
  case Multiplicand::TF32:
    return 2;
  case Multiplicand::SplitTF32:
    return 6; // three products
  default:
    return 1;
  }
}

double TileTime::multiply(const TilePace &pace, int64_t slices, int64_t blocks) const {
  double peak = machine.peakOf("f16") / slowness(kind) / machine.multiprocessors;
  double products = 2.0 * pace.rows * pace.columns * pace.steps;
  double shared =
      machine.memory.front().bandwidth / std::min(blocks, int64_t(machine.multiprocessors));
  double bytes = double(pace.bytes);
  double slice = std::max({turn, products / (peak * machine.efficiencyAt(pace.rows)),
                           latency / pace.ahead, bytes / ofMultiprocessor, bytes / shared});
  return slice * slices * llvm::divideCeil(blocks, machine.multiprocessors);
}

double TileTime::finish(int64_t results, int64_t blocks) const {
  return results * instructions / (lanes * clock) *
         llvm::divideCeil(blocks, machine.multiprocessors);
}

double TileTime::readFromOthers(int64_t bytes) const { return bytes / ofMultiprocessor; }

int64_t TileTime::blocksFed(const TilePace &pace, double seconds) const {
  auto fed = int64_t(seconds * machine.memory.front().bandwidth / pace.bytes);
  return std::clamp<int64_t>(fed, 1, machine.multiprocessors);
}

} // namespace strut::gpu
