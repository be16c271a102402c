//===- Equation.h - The labels of an Einsum ----------------------*- C++ -*-===//

#ifndef DIALECTS_ONNX_EQUATION_H
#define DIALECTS_ONNX_EQUATION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace strut::onnx_ir {

/// An equation with its ellipses written out as labels from 128 on; others are the
/// letters themselves.
struct Equation {
  llvm::SmallVector<llvm::SmallVector<int>> operands;
  llvm::SmallVector<int> result;
};

/// The equation for operands of these ranks; none where it does not fit them.
std::optional<Equation> parseEquation(llvm::StringRef text, llvm::ArrayRef<int64_t> ranks);

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_EQUATION_H
