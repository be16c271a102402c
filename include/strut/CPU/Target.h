//===- Target.h - What the emitters know of a CPU --------------*- C++ -*-===//
#ifndef STRUT_CPU_TARGET_H
#define STRUT_CPU_TARGET_H

#include <cstdint>

namespace strut::cpu {

/// The properties of an instruction set that shape emitted code. The packager's
/// target description fills it; the default is AVX-512.
struct Target {
  int64_t vectorBytes = 64; ///< widest vector that runs at full speed
  int64_t vectorRegisters = 32;
  bool fma = true; ///< fused multiply-adds, and conversions to and from f16

  /// f32 elements in a vector.
  int64_t lanes() const { return vectorBytes / 4; }
  /// How many sums a register tile can hold side by side: the vectors of its usual row.
  unsigned mostSums() const { return vectorRegisters >= 32 ? 4 : 2; }
  /// Whether tiles ask for their panels before their loads do. With wide vectors a few steps of
  /// multiply-adds that wait for memory fill the scheduler, so that no load behind them is under
  /// way.
  bool asksAhead() const { return vectorRegisters >= 32; }
  /// Vectors of one sum in a row of a register tile: four with 32 registers, two with 16, or what
  /// wastes less of the last panel of `columns` if that is worth a kernel of its own. Several
  /// `sums` share the usual row.
  int64_t panelVectors(int64_t columns, int64_t sums = 1) const {
    int64_t usual = mostSums(), most = usual + 1, least = vectorRegisters >= 32 ? 3 : 2;
    int64_t needed = (columns + lanes() - 1) / lanes();
    if (sums > 1)
      return needed < 1 ? 1 : needed < usual / sums ? needed : usual / sums;
    if (needed <= most)
      return needed < 1 ? 1 : needed;
    auto padded = [&](int64_t vectors) { return (needed + vectors - 1) / vectors * vectors; };
    int64_t best = usual;
    for (int64_t vectors = most; vectors >= least; --vectors)
      if (padded(best) - padded(vectors) > needed / 16)
        best = vectors;
    return best;
  }
  /// Rows of a register tile of `vectors` vectors each: accumulators fill the
  /// registers but for one panel row and the broadcast value. At most 8 rows,
  /// or activations whose stride is a multiple of 4 KiB fight for cache sets.
  int64_t tileRows(int64_t vectors) const {
    int64_t rows = (vectorRegisters - vectors - 1) / vectors;
    return rows < 1 ? 1 : rows > 8 ? 8 : rows;
  }
};

} // namespace strut::cpu

#endif // STRUT_CPU_TARGET_H
