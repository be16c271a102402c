//===- Forms.cpp - Maps that the literature has names for -----------------===//
#include "strut/Algebra/Forms.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>

namespace strut::algebra {

static Map blocksOf(std::vector<Matrix> matrices) {
  std::vector<Map> blocks;
  for (Matrix &matrix : matrices)
    blocks.push_back(Map::dense(std::move(matrix)));
  return Map::blockDiagonal(std::move(blocks));
}

/// Reads a row-major [outer, inner] array in the order of its transpose.
static Map shuffle(int64_t outer, int64_t inner) {
  std::vector<int64_t> from;
  for (int64_t i = 0; i < inner; ++i)
    for (int64_t o = 0; o < outer; ++o)
      from.push_back(o * inner + i);
  return Map::selection(outer * inner, std::move(from));
}

Map lowRank(Matrix down, Matrix up) {
  return Map::chain({Map::dense(std::move(down)), Map::dense(std::move(up))});
}

Map blockDense(std::vector<Matrix> blocks, Matrix up) {
  return Map::chain({blocksOf(std::move(blocks)), Map::dense(std::move(up))});
}

Map blockShuffle(std::vector<Matrix> first, std::vector<Matrix> second) {
  int64_t count = second.size(), read = second.front().rows(), written = second.front().cols();
  return Map::chain({blocksOf(std::move(first)), shuffle(read, count), blocksOf(std::move(second)),
                     shuffle(count, written)});
}

std::vector<Run> cheapestRuns(const std::vector<FactorCost> &factors, double rows,
                              KernelTime time) {
  size_t count = factors.size();
  // Of the first `end` factors: the least time, and the last run.
  std::vector<double> least(count + 1, std::numeric_limits<double>::infinity());
  std::vector<Run> last(count + 1);
  least[0] = 0;
  for (size_t end = 1; end <= count; ++end) {
    const FactorCost &factor = factors[end - 1];
    auto consider = [&](Run run, double kernel) {
      if (least[run.begin] + kernel < least[end]) {
        least[end] = least[run.begin] + kernel;
        last[end] = run;
      }
    };
    consider({end - 1, end, false},
             time(rows * factor.flopsPerRow, factor.parameters, factor.shape));
    for (size_t begin = end; begin-- > 0;) {
      Shape shape{factors[begin].shape.inputs, factor.shape.outputs};
      double elements = double(shape.inputs) * double(shape.outputs);
      consider({begin, end, true}, time(2 * rows * elements, elements, shape));
    }
  }
  std::vector<Run> runs;
  for (size_t end = count; end > 0; end = last[end].begin)
    runs.push_back(last[end]);
  std::reverse(runs.begin(), runs.end());
  return runs;
}

Map associate(const Map &map, double rows, KernelTime time) {
  auto *chain = map.as<Chain>();
  std::vector<Map> factors = chain ? chain->factors : std::vector<Map>{map};
  std::vector<FactorCost> costs;
  for (const Map &factor : factors)
    costs.push_back({factor.flops(1), factor.parameters(), factor.shape()});
  std::vector<Map> chosen;
  for (Run run : cheapestRuns(costs, rows, time)) {
    std::vector<Map> part(factors.begin() + run.begin, factors.begin() + run.end);
    chosen.push_back(run.isDense ? Map::dense(Map::chain(std::move(part)).materialise())
                                 : part.front());
  }
  return Map::chain(std::move(chosen));
}

} // namespace strut::algebra
