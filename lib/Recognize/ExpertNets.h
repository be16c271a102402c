//===- ExpertNets.h - The nets of a mixture of experts ---------*- C++ -*-===//
#ifndef STRUT_LIB_RECOGNIZE_EXPERTNETS_H
#define STRUT_LIB_RECOGNIZE_EXPERTNETS_H

#include "dialects/Layer/Layer.h"
#include "strut/Recognize/ConstantView.h"

namespace strut::recognize {

/// input · weight + bias, the weight [inputs, outputs] or stacked [experts, inputs, outputs],
/// the bias without the axis of inputs.
struct ExpertProduct {
  mlir::Value input;
  ConstantView weight;
  std::optional<ConstantView> bias;
};
/// Reads a value that is such a product.
using ProductReader = llvm::function_ref<std::optional<ExpertProduct>(mlir::Value)>;

/// act(x in) out, or (act(x gate) * (x in)) out.
struct ExpertNet {
  mlir::Value input;
  ExpertProduct in, out;
  std::optional<ExpertProduct> gate;
  layer::Activation activation;
  double alpha = 0;

  /// Whether another net has the same function; `agree` tells whether all have the same parts.
  bool isLike(const ExpertNet &other) const;
};

/// The net that ends with `value`; none where it is none.
std::optional<ExpertNet> readNet(mlir::Value value, ProductReader product);

/// Nets of one expert each as a net of stacked weights.
std::optional<ExpertNet> stack(llvm::ArrayRef<ExpertNet> nets);

/// What a router gives: [..., k] both.
struct Routing {
  mlir::Value weights, experts;
};

/// `routing` as `layer.route` where it is one, else as it is.
Routing canonical(mlir::OpBuilder &b, mlir::Location loc, const Routing &routing);

/// How many experts the router chooses from: the numbers are below that. None where it cannot
/// be told.
std::optional<int64_t> routerWidth(mlir::Value experts);

/// Whether shapes and types are those of one mixture, with nothing that broadcasting repeats.
bool agree(const ExpertNet &net, mlir::Value input, const Routing &routing, mlir::Type result);

/// Writes a mixture of experts of stacked weights on the rows `input`; null where weights
/// cannot be read.
mlir::Value build(mlir::OpBuilder &b, mlir::Location loc, const ExpertNet &net, mlir::Value input,
                  const Routing &routing, mlir::Type result);

} // namespace strut::recognize

#endif // STRUT_LIB_RECOGNIZE_EXPERTNETS_H
