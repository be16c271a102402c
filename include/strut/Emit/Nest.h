//===- Nest.h - The iteration space of a kernel ----------------*- C++ -*-===//
//
// kernel.map and kernel.rows as a nest of loops: operands and maps after
// neighbouring dimensions were collapsed into one where memory allows it, so that
// lanes and tasks are cut from long runs.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_EMIT_NEST_H
#define STRUT_EMIT_NEST_H

#include "strut/Emit/ScalarCode.h"

namespace strut::emit {

/// Reads a packed weight as a memref: replaces the operand and its map. Fails where it
/// has no such form.
using Unpack = llvm::function_ref<mlir::LogicalResult(mlir::OpBuilder &host, mlir::Value &operand,
                                                      mlir::AffineMap &map)>;

class Nest {
public:
  /// Collapses the operands in the host function. Fails with a diagnostic on what
  /// no emitter of scalar code can take.
  /// `unpack` makes memrefs of packed weights, if the target has any.
  static mlir::FailureOr<Nest> create(mlir::OpBuilder &host, mlir::Operation *op, int64_t axes,
                                      std::optional<llvm::ArrayRef<int64_t>> extents,
                                      Unpack unpack = nullptr);

  mlir::Operation *op;
  llvm::SmallVector<mlir::Value> operands; ///< in the host function: inputs, inits
  llvm::SmallVector<mlir::AffineMap> maps; ///< one per operand
  llvm::SmallVector<mlir::Value> captures; ///< of the body
  unsigned inputs = 0;                     ///< number of inputs
  unsigned dims = 0;                       ///< iteration dimensions
  unsigned axes = 0;                       ///< of which the last are axes of a row

  mlir::Block &body() const { return op->getRegion(0).front(); }
  mlir::MemRefType typeOf(unsigned operand) const {
    return llvm::cast<mlir::MemRefType>(operands[operand].getType());
  }
  /// True for an input that the body only fetches from.
  bool isFetched(unsigned operand) const;
  /// Whether the operand of this number may turn out to have no elements.
  bool mayBeEmpty(unsigned operand) const;
  bool usesAxis(mlir::AffineMap map) const;
  /// The dimension of a kernel.index after collapsing.
  unsigned dimOf(kernel::IndexOp index) const { return newDims[index.getDim()]; }

  /// Extents as far as the types tell, kDynamic else.
  int64_t staticExtent(unsigned dim) const;
  /// Extents at run time, given the operands as they are known where `b` stands.
  llvm::SmallVector<mlir::Value> extents(mlir::OpBuilder &b, mlir::Location loc,
                                         mlir::ValueRange operands) const;
  /// What to call the kernel function with.
  llvm::SmallVector<mlir::Value> arguments() const;
  /// Body values as known in a kernel function with these parameters.
  mlir::IRMapping captured(mlir::ValueRange parameters) const;
  /// Identifies the code of the kernel, given its operand types.
  std::string key() const;

private:
  /// Operand and position that give a dimension's extent.
  std::pair<unsigned, unsigned> sourceOf(unsigned dim) const;
  bool canCollapse(unsigned dim) const;
  void collapse(mlir::OpBuilder &host, unsigned dim);

  llvm::SmallVector<int64_t> fixed;    ///< extents given by the op, -1 else
  llvm::SmallVector<unsigned> newDims; ///< of the op's dimensions
};

mlir::Value product(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::Value> values);
mlir::Value ceilDiv(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value by);

} // namespace strut::emit

#endif // STRUT_EMIT_NEST_H
