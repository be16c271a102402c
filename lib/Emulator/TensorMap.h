//===- TensorMap.h - What a tensor map is in the emulator -------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_TENSORMAP_H
#define STRUT_LIB_EMULATOR_TENSORMAP_H

#include <cstddef>
#include <cstdint>

namespace strut::emulator {

constexpr uint32_t mostTensorRank = 5;

/// What cuTensorMapEncodeTiled makes: 128 bytes that nobody but the emulator reads.
struct TensorMap {
  static constexpr uint64_t isOne = 0x70616d20726f736e;
  static constexpr size_t alignment = 64;

  uint64_t magic = isOne;
  const char *base;
  uint64_t sizes[mostTensorRank];   ///< in elements, innermost first
  uint64_t strides[mostTensorRank]; ///< in bytes; the innermost one is an element's size
  uint16_t box[mostTensorRank];
  uint8_t rank, elementBytes;
  bool isSwizzled; ///< by 128 bytes

  size_t lineBytes() const { return size_t(box[0]) * elementBytes; }
  size_t lines() const {
    size_t count = 1;
    for (uint32_t d = 1; d < rank; ++d)
      count *= box[d];
    return count;
  }
  size_t boxBytes() const { return lines() * lineBytes(); }
};
static_assert(sizeof(TensorMap) <= 128);

/// Where a byte lies whose place is `address` without the swizzle of 128 bytes: the 16-byte chunks
/// of a line of 128 bytes are permuted by the line's number.
inline uintptr_t swizzled(uintptr_t address) { return address ^ (address >> 7 & 7) << 4; }

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_TENSORMAP_H
