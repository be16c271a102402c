//===- Evaluate.h - Values of a function, at compile time -------*- C++ -*-===//
//
// The one evaluator of the compiler: a function runs through the very stages that
// a model takes to the CPU, and then in this process, on this thread.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_EVALUATE_EVALUATE_H
#define STRUT_EVALUATE_EVALUATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace strut::evaluate {

/// A tensor of static shape with its elements, row-major, little endian, aligned
/// to 64 bytes; a bool is one byte.
class Array {
public:
  /// Zeros.
  explicit Array(mlir::RankedTensorType type);
  /// The elements of a constant: dense, a resource, or in a file that is read now.
  /// Fails where they cannot be had, or have no whole number of bytes each.
  static llvm::Expected<Array> of(mlir::ElementsAttr constant);
  /// Those at some places of its row-major order, as a vector; the others are not read. For no
  /// bools.
  static llvm::Expected<Array> of(mlir::ElementsAttr constant, llvm::ArrayRef<int64_t> positions);

  mlir::RankedTensorType getType() const { return type; }
  llvm::ArrayRef<char> bytes() const { return data.getData(); }
  llvm::MutableArrayRef<char> bytes() { return data.getMutableData(); }
  /// The elements as what they are; the caller knows the type.
  template <typename T> llvm::ArrayRef<T> as() const { return data.getDataAs<T>(); }
  template <typename T> llvm::MutableArrayRef<T> as() {
    return {reinterpret_cast<T *>(bytes().data()), bytes().size() / sizeof(T)};
  }

  /// The array as a constant: dense where it is small or of bools, else a resource,
  /// called `name` or like it, that takes over the memory.
  static mlir::ElementsAttr toAttr(Array array, llvm::StringRef name);

private:
  mlir::RankedTensorType type;
  mlir::AsmResourceBlob data;
};

/// The elements of a constant of floats, widened. Fails where Array::of does, and for
/// elements that are no floats.
llvm::Expected<std::vector<double>> toDoubles(mlir::ElementsAttr constant);
/// Those at some places of its row-major order; the others are not read.
llvm::Expected<std::vector<double>> toDoubles(mlir::ElementsAttr constant,
                                              llvm::ArrayRef<int64_t> positions);

/// An array of floats; the numbers, in row-major order, are rounded to nearest, ties to
/// even.
Array ofDoubles(mlir::RankedTensorType type, llvm::ArrayRef<double> numbers);

enum class Precision {
  AsGiven,
  /// Every float is computed and returned as f64, of a function of onnx operators.
  F64
};

struct Options {
  Precision precision = Precision::AsGiven;
  /// Limits of what is evaluated, besides the inputs: constants, intermediate
  /// values and results together, and arithmetic operations.
  uint64_t maxBytes = uint64_t(2) << 30;
  double maxFlops = 1e11;
};

/// The results of `function` on `inputs`, one per tensor argument, none of a closed
/// function. It may hold onnx and layer ops, or be a function of kernels (after
/// form-kernels); it is cloned, not changed. Dynamic extents are those of the
/// inputs. The context must know all of Strut's dialects (registerDialects).
///
/// Fails with one message where the function cannot be compiled, the inputs do not
/// fit it, or a limit would be passed.
llvm::Expected<std::vector<Array>> evaluate(mlir::func::FuncOp function,
                                            llvm::ArrayRef<Array> inputs = {},
                                            const Options &options = {});

/// The dialects that evaluate() makes use of, for passes that call it.
void getDependentDialects(mlir::DialectRegistry &registry);

} // namespace strut::evaluate

#endif // STRUT_EVALUATE_EVALUATE_H
