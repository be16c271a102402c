//===- Warpgroup.h - Products of four warps together ------------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_WARPGROUP_H
#define STRUT_LIB_EMULATOR_WARPGROUP_H

#include "Emulator.h"
#include <optional>

namespace strut::emulator {

/// One thread's part in an instruction that its warpgroup executes together.
struct WarpgroupStep {
  enum Kind { Fence, Multiply, Commit, Wait } kind;
  const StrutWarpgroupProduct *product = nullptr;
  uint32_t groups = 0;           ///< that may be on their way
  uint32_t *registers = nullptr; ///< sums of the thread
  uint32_t count = 0;            ///< of registers

  bool agrees(const WarpgroupStep &other) const;
};

/// The products that a warpgroup has begun. They read shared memory as late as they may, when
/// someone waits for them; until then their sums are numbers by which the emulator knows them.
class Warpgroup {
public:
  /// `first` is the number of its first thread.
  Warpgroup(Shared &shared, uint32_t first);

  /// What is wrong with the step of all its threads; empty if nothing is.
  std::string execute(const WarpgroupStep *const threads[warpgroupSize]);
  bool isIdle() const { return groups.size() == 1 && groups[0].empty(); }

private:
  /// The places of an operand's elements, eight neighbours at each.
  using Chunks = std::vector<const char *>;
  struct Flying {
    StrutWarpgroupProduct product;
    uint32_t number, chain;
    Chunks left, right;
  };
  /// Sums to which one product after another adds.
  struct Chain {
    std::vector<float> sums; ///< 64 rows
    uint32_t columns, last;  ///< the last product's number
  };

  std::string multiply(const WarpgroupStep *const threads[warpgroupSize]);
  std::string wait(const WarpgroupStep *const threads[warpgroupSize]);
  std::string find(const WarpgroupStep *const threads[warpgroupSize], uint32_t &chain);
  std::string locate(uint64_t descriptor, bool transposed, uint32_t extent, Chunks &chunks) const;
  std::string beginReads(const Chunks &chunks);
  void finish(const Flying &flying);

  Shared &shared;
  std::vector<uint32_t> leaders;              ///< a thread of each warp
  std::vector<std::vector<Flying>> groups{1}; ///< the last one is open
  std::vector<Chain> chains;
  std::vector<uint32_t> chainOf; ///< by a product's number
  uint32_t done = 0;             ///< products that are
  bool fenced = false;
};

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_WARPGROUP_H
