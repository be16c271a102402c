//===- Warp.cpp - What the lanes of a warp do together --------------------===//
//
// Where the elements of a matrix lie in the lanes' registers is written down from the PTX ISA,
// sections ldmatrix, mma.m16n8k16 with floating point and mma.m16n8k8, and from nothing else:
// lib/GPU must not be able to agree with a mistake here.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace strut::emulator {

/// In mode bfly the source is the lane's number xor the mask, in mode idx one that is named; beyond
/// the clamp's bound the lane keeps its own value.
void shuffle(const WarpStep *const lanes[warpSize]) {
  uint32_t values[warpSize] = {};
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes[lane])
      memcpy(&values[lane], lanes[lane]->in, sizeof(uint32_t));
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    if (!lanes[lane])
      continue;
    uint32_t operand = lanes[lane]->common[0], clamp = lanes[lane]->common[1];
    uint32_t segment = clamp >> 8 & 31, bound = clamp & 31;
    uint32_t first = lane & segment, last = first | (bound & ~segment);
    uint32_t source =
        lanes[lane]->kind == WarpStep::ShuffleXor ? lane ^ operand : first | (operand & ~segment);
    *lanes[lane]->results() = values[(source & 31) <= last ? source & 31 : lane];
  }
}

//===----------------------------------------------------------------------===//
// Matrices of 8 rows of 8 elements of 16 bits
//===----------------------------------------------------------------------===//

/// Lanes 8i to 8i + 7 have the addresses of the rows of matrix i. A lane gets two neighbours of
/// row lane / 4, from column 2 (lane % 4) on; of the transposed matrix likewise.
void loadMatrices(const WarpStep *const lanes[warpSize]) {
  uint32_t count = lanes[0]->common[0];
  bool transposed = lanes[0]->common[1];
  for (uint32_t matrix = 0; matrix < count; ++matrix) {
    uint16_t elements[8][8];
    for (uint32_t row = 0; row < 8; ++row)
      memcpy(elements[row], lanes[8 * matrix + row]->in, sizeof elements[row]);
    for (uint32_t lane = 0; lane < warpSize; ++lane) {
      uint32_t row = lane / 4, column = lane % 4 * 2;
      uint32_t low = transposed ? elements[column][row] : elements[row][column];
      uint32_t high = transposed ? elements[column + 1][row] : elements[row][column + 1];
      lanes[lane]->results()[matrix] = low | high << 16;
    }
  }
}

/// The other way round, row by row: lanes 8i to 8i + 7 have the addresses of matrix i.
void storeMatrices(const WarpStep *const lanes[warpSize]) {
  uint32_t count = lanes[0]->common[0];
  bool transposed = lanes[0]->common[1];
  for (uint32_t matrix = 0; matrix < count; ++matrix) {
    uint16_t elements[8][8];
    for (uint32_t lane = 0; lane < warpSize; ++lane) {
      uint32_t bits = static_cast<const uint32_t *>(lanes[lane]->in)[matrix];
      for (uint32_t i = 0; i < 2; ++i) {
        uint32_t row = lane / 4, column = lane % 4 * 2 + i;
        (transposed ? elements[column][row] : elements[row][column]) = uint16_t(bits >> 16 * i);
      }
    }
    for (uint32_t row = 0; row < 8; ++row)
      memcpy(lanes[8 * matrix + row]->out, elements[row], sizeof elements[row]);
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

float asFloat(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float fromHalf(uint32_t bits) {
  uint32_t sign = bits >> 15 & 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                : exponent == 0 ? std::ldexp(float(fraction), -24)
                                : std::ldexp(float(1024 + fraction), int(exponent) - 25);
  return sign ? -value : value;
}

float fromBits(StrutProduct product, uint32_t bits) {
  return product == StrutProductF16 ? fromHalf(bits) : asFloat(bits << 16);
}

namespace {

/// Element number `i` of a lane's part of A or B, whose registers hold two halves or one f32,
/// of which the hardware reads 19 bits.
double element(StrutProduct product, const uint32_t *registers, uint32_t i) {
  if (product == StrutProductTF32)
    return asFloat(registers[i] & ~0x1fffu);
  return fromBits(product, registers[i / 2] >> 16 * (i % 2) & 0xffff);
}

struct Place {
  uint32_t row, column;
};

Place placeInA(StrutProduct product, uint32_t lane, uint32_t i) {
  uint32_t group = lane >> 2, member = lane % 4;
  if (product == StrutProductTF32)
    return {i == 0 || i == 2 ? group : group + 8, i < 2 ? member : member + 4};
  return {i < 2 || (i >= 4 && i < 6) ? group : group + 8, member * 2 + (i & 1) + (i < 4 ? 0 : 8)};
}

Place placeInB(StrutProduct product, uint32_t lane, uint32_t i) {
  uint32_t group = lane >> 2, member = lane % 4;
  if (product == StrutProductTF32)
    return {i == 0 ? member : member + 4, group};
  return {member * 2 + (i & 1) + (i < 2 ? 0 : 8), group};
}

/// Of C and D.
Place placeInC(uint32_t lane, uint32_t i) {
  return {(lane >> 2) + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)};
}

} // namespace

/// Sums are exact and rounded once. The order and the rounding of the hardware are not told.
void multiply(const WarpStep *const lanes[warpSize]) {
  auto product = StrutProduct(lanes[0]->common[0]);
  uint32_t depth = product == StrutProductTF32 ? 8 : 16;
  uint32_t registersOfA = 4, registersOfB = 2;
  uint32_t perRegister = product == StrutProductTF32 ? 1 : 2;
  double a[16][16], b[16][8];
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    const auto *registers = static_cast<const uint32_t *>(lanes[lane]->in);
    for (uint32_t i = 0; i < registersOfA * perRegister; ++i) {
      Place at = placeInA(product, lane, i);
      a[at.row][at.column] = element(product, registers, i);
    }
    for (uint32_t i = 0; i < registersOfB * perRegister; ++i) {
      Place at = placeInB(product, lane, i);
      b[at.row][at.column] = element(product, registers + registersOfA, i);
    }
  }
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    const auto *registers = static_cast<const uint32_t *>(lanes[lane]->in);
    for (uint32_t i = 0; i < 4; ++i) {
      Place at = placeInC(lane, i);
      double sum = asFloat(registers[registersOfA + registersOfB + i]);
      for (uint32_t k = 0; k < depth; ++k)
        sum += a[at.row][k] * b[k][at.column];
      float rounded = float(sum);
      memcpy(&lanes[lane]->results()[i], &rounded, sizeof rounded);
    }
  }
}

uint32_t roundToTF32(uint32_t value) {
  constexpr uint32_t dropped = 13;
  if ((value & 0x7f800000u) == 0x7f800000u) // infinite, or NaN, which stays one
    return value & 0x7fffffu ? value | 0x400000u : value;
  return (value + (1u << (dropped - 1))) & ~((1u << dropped) - 1);
}

/// A fraction of 10 bits beside exponents from -14 on, or of 7 beside those of f32.
static uint32_t roundToHalf(StrutProduct product, uint32_t bits) {
  float value = asFloat(bits);
  if (value != value)
    return 0x7fff;
  if (product == StrutProductBF16)
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  uint32_t sign = bits >> 16 & 0x8000;
  double magnitude = std::fabs(double(value));
  if (magnitude >= 65520) // half way between the largest number and what would follow it
    return sign | 0x7c00;
  int exponent = magnitude == 0 ? -14 : std::max(std::ilogb(magnitude), -14);
  auto units = uint32_t(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return sign | ((uint32_t(exponent + 14) << 10) + units); // 1024 units carry into the exponent
}

uint32_t roundToHalves(StrutProduct product, uint32_t high, uint32_t low) {
  return roundToHalf(product, high) << 16 | roundToHalf(product, low);
}

uint32_t approximateExp2(uint32_t value) {
  constexpr float leastNormal = 0x1p-126f;
  float x = asFloat(value), result = std::exp2(std::fabs(x) < leastNormal ? 0 : x);
  if (result < leastNormal)
    return 0;
  uint32_t bits;
  memcpy(&bits, &result, sizeof bits);
  // Two units in the last place are that error at most.
  return std::isfinite(result) && bits % 2 ? bits + 1 : bits;
}

} // namespace strut::emulator
