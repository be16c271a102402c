//===- Metadata.h - what an artefact says of its kernels --------*- C++ -*-===//
//
// StrutDescription::metadata is JSON:
//
//   {"machine": "znver4",         by whose description forms were chosen
//    "kernels": [{"name": "MatMul_3 + Add_4", the nodes it was made of
//                 "kind": "contract",         how it was lowered
//                 "flops": [[1179648, [1, 1]]],
//                 "bytes": [[6144, [1, 1]], [2359296, [0, 0]]]}, ...]}
//
// A kernel of one of several forms has "form": {"form": 1, "otherwise": 0, "lines":
// [[[[1, [1]]], 48, 1]]}: it runs where the first line whose polynomial is below its bound
// names its form, or none is and "otherwise" does.
//
// "flops" and "bytes" of one run are polynomials in the dimensions: terms
// [coefficient, exponents], exponents in the order of StrutDescription::dims.
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_DRIVER_METADATA_H
#define STRUT_DRIVER_METADATA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace strut::driver {

/// A sum of products of powers of dimensions.
struct Polynomial {
  struct Term {
    double coefficient = 0;
    std::vector<int> exponents; ///< one per dimension; missing ones are 0
  };
  std::vector<Term> terms;

  double at(llvm::ArrayRef<int64_t> dims) const;
  llvm::json::Value toJSON() const;
};

/// Which form of a value a kernel is part of; see cost::FormWork.
struct FormMetadata {
  struct Line {
    Polynomial extent;
    int64_t bound = 0, form = 0;
  };
  std::vector<Line> lines;
  int64_t otherwise = 0, form = 0;
};

struct KernelMetadata {
  std::string name, kind;
  Polynomial flops, bytes;
  std::optional<FormMetadata> form = std::nullopt; ///< none: it always runs

  /// Whether it is part of what runs at these dimensions.
  bool runsAt(llvm::ArrayRef<int64_t> dims) const;
};

/// The JSON text of `kernels`, for the compiler to put into an artefact.
std::string writeMetadata(llvm::ArrayRef<KernelMetadata> kernels, llvm::StringRef machine = "");

/// Reads it back. An artefact without metadata ("{}" or an empty text) has no
/// kernels; anything that is not of this form is an error.
llvm::Expected<std::vector<KernelMetadata>> readMetadata(llvm::StringRef text);

/// "machine" of the metadata; empty where there is none.
std::string machineOf(llvm::StringRef metadata);

} // namespace strut::driver

#endif // STRUT_DRIVER_METADATA_H
