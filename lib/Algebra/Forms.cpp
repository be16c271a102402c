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

Map associate(const Map &map, double rows, KernelTime time) {
  auto *chain = map.as<Chain>();
  std::vector<Map> factors = chain ? chain->factors : std::vector<Map>{map};
  size_t count = factors.size();
  // Of the first `end` factors: the least time, and where the last kernel begins.
  std::vector<double> least(count + 1, std::numeric_limits<double>::infinity());
  std::vector<size_t> begins(count + 1);
  std::vector<bool> isMerged(count + 1);
  least[0] = 0;
  for (size_t end = 1; end <= count; ++end) {
    const Map &last = factors[end - 1];
    auto consider = [&](size_t begin, bool merged, double kernel) {
      if (least[begin] + kernel < least[end]) {
        least[end] = least[begin] + kernel;
        begins[end] = begin;
        isMerged[end] = merged;
      }
    };
    consider(end - 1, false, time(last.flops(rows), last.parameters(), last.shape()));
    for (size_t begin = end; begin-- > 0;) {
      Shape shape{factors[begin].shape().inputs, last.shape().outputs};
      double elements = double(shape.inputs) * double(shape.outputs);
      consider(begin, true, time(2 * rows * elements, elements, shape));
    }
  }
  std::vector<Map> chosen;
  for (size_t end = count; end > 0; end = begins[end]) {
    llvm::ArrayRef<Map> run(factors.data() + begins[end], end - begins[end]);
    chosen.push_back(isMerged[end] ? Map::dense(Map::chain(run.vec()).materialise()) : run.front());
  }
  std::reverse(chosen.begin(), chosen.end());
  return Map::chain(std::move(chosen));
}

} // namespace strut::algebra
