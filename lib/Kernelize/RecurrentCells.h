//===- RecurrentCells.h - The cells of RNN, GRU and LSTM -------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_RECURRENTCELLS_H
#define STRUT_LIB_KERNELIZE_RECURRENTCELLS_H

#include "Lowering.h"

namespace strut::kernelize {

/// An activation function by the standard's name, in lower case.
struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

/// What one direction of a recurrent layer computes in a step, as scalar code for one
/// element of the state. `z` are the sums x·Wᵀ + h·Rᵀ + b of the gates, in the order
/// in which the standard stacks them: i o f c for LSTM, z r h for GRU.
class Cell {
public:
  enum Kind { RNN, GRU, LSTM };

  Kind kind;
  bool inputForget = false, linearBeforeReset = false;
  std::optional<double> clip;
  llvm::SmallVector<Activation> activations;

  static Kind kindOf(AnyOp op);
  /// The cell of each direction, or why there is none.
  static Reason read(AnyOp op, llvm::SmallVectorImpl<Cell> &directions);

  unsigned numGates() const { return kind == LSTM ? 4 : kind == GRU ? 3 : 1; }
  /// Whether the activation is that of an LSTM's state c, which ONNX Runtime does not clip.
  bool isOfState(unsigned which) const { return kind == LSTM && which == 2; }
  /// Activation number `which` of the clipped sum.
  mlir::Value activate(Code &c, mlir::Value sum, unsigned which) const;
  /// (h, c) of an LSTM from the four sums, the state c, and the peepholes of i, o and f,
  /// if there are any.
  std::pair<mlir::Value, mlir::Value> lstm(Code &c, mlir::ValueRange z, mlir::Value state,
                                           mlir::ValueRange peepholes) const;
  /// h of a GRU from its activated update gate, the sum of the hidden gate and the
  /// state h.
  mlir::Value gru(Code &c, mlir::Value update, mlir::Value hidden, mlir::Value state) const;
  /// The states after a step, h and of an LSTM c, from h and c before it. `sums` are those of the
  /// gates, for a GRU its activated update gate and the sum of the hidden one; if its reset gate
  /// applies to a product, the three sums of the state and then what the inputs contribute.
  llvm::SmallVector<mlir::Value> next(Code &c, mlir::ValueRange sums, mlir::ValueRange state,
                                      mlir::ValueRange memory, mlir::ValueRange peepholes) const;
};

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_RECURRENTCELLS_H
