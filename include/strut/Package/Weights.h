//===- Weights.h - Packed weights, straight into a file --------*- C++ -*-===//
//
// Weights never pass through LLVM IR and never lie in anonymous memory as a whole:
// each is packed by its owner into its place in a mapped file.
//===----------------------------------------------------------------------===//
#ifndef STRUT_PACKAGE_WEIGHTS_H
#define STRUT_PACKAGE_WEIGHTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace strut::package {

/// Writes one weight in its packed layout. The range is zeroed and exactly as long
/// as was asked for. Called from several threads, for different weights at once.
using PackFunction = std::function<llvm::Error(llvm::MutableArrayRef<uint8_t>)>;

/// Which packed weight goes where. Offsets are from StrutFrame::weights.
class WeightPlan {
public:
  /// Cache line and widest vector.
  static constexpr uint64_t kAlignment = 64;

  struct Entry {
    std::string name;
    uint64_t offset;
    uint64_t bytes;
    PackFunction pack;
  };

  /// Appends a weight and returns its offset, a multiple of kAlignment. Add them in
  /// the order in which a run reads them.
  uint64_t add(llvm::StringRef name, uint64_t bytes, PackFunction pack);

  /// Puts a weight at an offset decided elsewhere.
  void place(llvm::StringRef name, uint64_t offset, uint64_t bytes, PackFunction pack);

  /// End of the last entry, rounded up to kAlignment.
  uint64_t bytes() const { return end; }
  llvm::ArrayRef<Entry> entries() const { return list; }

  /// Fails, by name, where two entries overlap or one overflows.
  llvm::Error verify() const;

private:
  std::vector<Entry> list;
  uint64_t end = 0;
};

/// Packs all weights into zeroed memory of plan.bytes(); returns its xxh3-64.
llvm::Expected<uint64_t> packWeights(const WeightPlan &plan, llvm::MutableArrayRef<uint8_t> out);

/// Offset of the first weight in a weights file.
constexpr uint64_t kWeightsFileHeader = 4096;

/// Packs into a file of StrutWeightsHeader and data; returns xxh3-64 of the data.
/// The file appears under its name only when complete.
llvm::Expected<uint64_t> writeWeightsFile(llvm::StringRef path, const WeightPlan &plan);

} // namespace strut::package

#endif // STRUT_PACKAGE_WEIGHTS_H
