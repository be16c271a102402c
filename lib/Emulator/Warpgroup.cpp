//===- Warpgroup.cpp - Products of four warps together --------------------===//
//
// Matrix descriptors, the layouts of operands in shared memory and of sums in registers are written
// down from the PTX ISA, section asynchronous warpgroup-level matrix instructions, and from nothing
// else: lib/GPU must not be able to agree with a mistake here.
//
//===----------------------------------------------------------------------===//
#include "Warpgroup.h"
#include "TensorMap.h"
#include <cstring>

namespace strut::emulator {

constexpr uint32_t rows = 64, depth = 16;     // of a product
constexpr uint32_t perChunk = 8;              // elements of 16 bits
constexpr uint32_t firstTag = 0x7fd00000;     // NaNs, by which products are known
constexpr uint32_t mostProducts = 0x000fffff; // of a block

bool WarpgroupStep::agrees(const WarpgroupStep &other) const {
  return kind == other.kind && groups == other.groups && count == other.count &&
         (!product || !memcmp(product, other.product, sizeof *product));
}

Warpgroup::Warpgroup(Shared &shared, uint32_t first) : shared(shared) {
  for (uint32_t warp = 0; warp < warpgroupSize / warpSize; ++warp)
    leaders.push_back(first + warp * warpSize);
}

std::string Warpgroup::execute(const WarpgroupStep *const threads[warpgroupSize]) {
  switch (threads[0]->kind) {
  case WarpgroupStep::Fence:
    fenced = true;
    return "";
  case WarpgroupStep::Multiply:
    return multiply(threads);
  case WarpgroupStep::Commit:
    groups.emplace_back();
    return "";
  case WarpgroupStep::Wait:
    return wait(threads);
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Operands in shared memory
//===----------------------------------------------------------------------===//

/// Rows of an operand: its 16 steps side by side, two chunks a row, in the order of rows.
/// Transposed: steps, each `extent` rows side by side.
std::string Warpgroup::locate(uint64_t descriptor, bool transposed, uint32_t extent,
                              Chunks &chunks) const {
  auto field = [&](unsigned bit) { return uint32_t(descriptor >> bit & 0x3fff) << 4; };
  uint32_t start = field(0), leading = field(16), stride = field(32);
  if (descriptor >> 62 != 1)
    return "multiplies an operand that is not swizzled by 128 bytes, which the emulator does not "
           "know";
  if (descriptor >> 49 & 7)
    return "multiplies an operand with a base offset, which the emulator does not know";
  if (start >> 7 & 7)
    return "multiplies an operand that begins within the pattern of its swizzle";
  auto add = [&](uint32_t offset) {
    chunks.push_back(shared.at(uint32_t(swizzled(start + offset))));
  };
  if (!transposed) {
    if (start % 128 + depth * 2 > 128)
      return "multiplies steps beyond the 128 bytes of a line";
    for (uint32_t row = 0; row < extent; ++row)
      for (uint32_t half = 0; half < 2; ++half)
        add(row / 8 * stride + row % 8 * 128 + half * Shared::chunkBytes);
    return "";
  }
  for (uint32_t step = 0; step < depth; ++step)
    for (uint32_t row = 0; row < extent; row += perChunk)
      add(row / 64 * leading + step / 8 * stride + step % 8 * 128 + row % 64 * 2);
  return "";
}

std::string Warpgroup::beginReads(const Chunks &chunks) {
  for (const char *chunk : chunks)
    if (std::string what = shared.beginRead(chunk, leaders); !what.empty())
      return what;
  return "";
}

/// The operand as [row][step].
static std::vector<float> elements(const std::vector<const char *> &chunks, StrutProduct product,
                                   bool transposed, uint32_t extent) {
  std::vector<float> values(size_t(extent) * depth);
  for (size_t number = 0; number < chunks.size(); ++number) {
    uint16_t bits[perChunk];
    memcpy(bits, chunks[number], sizeof bits);
    uint32_t perLine = (transposed ? extent : depth) / perChunk;
    uint32_t line = number / perLine, first = number % perLine * perChunk;
    for (uint32_t i = 0; i < perChunk; ++i) {
      uint32_t row = transposed ? first + i : line, step = transposed ? line : first + i;
      values[row * depth + step] = fromBits(product, bits[i]);
    }
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Sums in registers
//===----------------------------------------------------------------------===//

/// Where register `i` of a thread of the warpgroup has its sum.
static size_t placeOfSum(uint32_t thread, uint32_t i, uint32_t columns) {
  uint32_t warp = thread / warpSize, lane = thread % warpSize;
  uint32_t row = warp * 16 + (lane >> 2) + (i % 4 < 2 ? 0 : 8);
  uint32_t column = i / 4 * 8 + lane % 4 * 2 + (i & 1);
  return size_t(row) * columns + column;
}

static uint32_t sumsOfThread(uint32_t columns) { return columns / 2; }

static std::optional<uint32_t> numberOf(uint32_t bits) {
  if (bits < firstTag || bits > firstTag + mostProducts)
    return std::nullopt;
  return bits - firstTag;
}

/// The chain that the sums in the registers belong to: a new one if they are values.
std::string Warpgroup::find(const WarpgroupStep *const threads[warpgroupSize], uint32_t &chain) {
  const StrutWarpgroupProduct &product = *threads[0]->product;
  uint32_t count = sumsOfThread(product.columns);
  auto number = numberOf(threads[0]->registers[0]);
  if (!product.accumulates)
    number.reset();
  if (number) {
    for (uint32_t t = 0; t < warpgroupSize; ++t)
      for (uint32_t i = 0; i < count; ++i)
        if (threads[t]->registers[i] != firstTag + *number)
          return "adds to sums of which some are on their way and some are not";
    chain = chainOf[*number];
    if (chains[chain].last != *number)
      return "adds to sums that another product has added to since";
    if (*number >= done)
      return "";
    return fenced ? "" : "adds to sums that were waited for, with no wgmma.fence in between";
  }
  if (!fenced)
    return "multiplies with no wgmma.fence after its registers were written";
  chain = chains.size();
  chains.push_back({std::vector<float>(rows * product.columns), product.columns, 0});
  for (uint32_t t = 0; product.accumulates && t < warpgroupSize; ++t)
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t bits = threads[t]->registers[i];
      if (numberOf(bits))
        return "adds to sums of which some are on their way and some are not";
      chains[chain].sums[placeOfSum(t, i, product.columns)] = asFloat(bits);
    }
  return "";
}

std::string Warpgroup::multiply(const WarpgroupStep *const threads[warpgroupSize]) {
  const StrutWarpgroupProduct &product = *threads[0]->product;
  if (product.columns % 8 || product.columns < 8 || product.columns > 256 ||
      product.product > StrutProductBF16)
    return "multiplies what tensor cores do not multiply";
  Flying flying{product, uint32_t(chainOf.size()), 0, {}, {}};
  if (flying.number == mostProducts)
    return "multiplies more often than the emulator can count";
  std::string what = find(threads, flying.chain);
  if (what.empty())
    what = locate(product.left, product.left_transposed, rows, flying.left);
  if (what.empty())
    what = locate(product.right, product.right_transposed, product.columns, flying.right);
  if (what.empty())
    what = beginReads(flying.left);
  if (what.empty())
    what = beginReads(flying.right);
  if (!what.empty())
    return what;
  chainOf.push_back(flying.chain);
  chains[flying.chain].last = flying.number;
  for (uint32_t t = 0; t < warpgroupSize; ++t)
    std::fill_n(threads[t]->registers, sumsOfThread(product.columns), firstTag + flying.number);
  groups.back().push_back(std::move(flying));
  return "";
}

/// Sums are exact and rounded once. The order and the rounding of the hardware are not told.
void Warpgroup::finish(const Flying &flying) {
  const StrutWarpgroupProduct &product = flying.product;
  auto kind = StrutProduct(product.product);
  std::vector<float> left = elements(flying.left, kind, product.left_transposed, rows);
  std::vector<float> right =
      elements(flying.right, kind, product.right_transposed, product.columns);
  std::vector<float> &sums = chains[flying.chain].sums;
  for (uint32_t row = 0; row < rows; ++row)
    for (uint32_t column = 0; column < product.columns; ++column) {
      float &sum = sums[row * product.columns + column];
      double total = sum;
      for (uint32_t k = 0; k < depth; ++k)
        total += double(left[row * depth + k]) * right[column * depth + k];
      sum = float(total);
    }
  for (const Chunks *chunks : {&flying.left, &flying.right})
    for (const char *chunk : *chunks)
      shared.endRead(chunk);
  done = flying.number + 1;
}

std::string Warpgroup::wait(const WarpgroupStep *const threads[warpgroupSize]) {
  fenced = false;
  while (groups.size() - 1 > threads[0]->groups) {
    for (const Flying &flying : groups.front())
      finish(flying);
    groups.erase(groups.begin());
  }
  for (uint32_t t = 0; t < warpgroupSize; ++t)
    for (uint32_t i = 0; i < threads[t]->count; ++i) {
      uint32_t &value = threads[t]->registers[i];
      auto number = numberOf(value);
      if (!number || *number >= done)
        continue;
      const Chain &chain = chains[chainOf[*number]];
      if (chain.last != *number)
        return "waits for sums that another product has added to since";
      uint32_t place = i % sumsOfThread(chain.columns);
      memcpy(&value, &chain.sums[placeOfSum(t, place, chain.columns)], sizeof value);
    }
  return "";
}

} // namespace strut::emulator
