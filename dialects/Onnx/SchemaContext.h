//===- SchemaContext.h - an operation as a schema sees it --------*- C++ -*-===//

#ifndef DIALECTS_ONNX_SCHEMACONTEXT_H
#define DIALECTS_ONNX_SCHEMACONTEXT_H

#include "dialects/Onnx/Bridge.h"
#include "onnx/defs/shape_inference.h"

namespace strut::onnx_ir {

/// What is known of the values of small integer tensors: one dimension per
/// element, set where the element is known.
struct ShapeInference::Values
    : llvm::DenseMap<mlir::Value, std::unique_ptr<onnx::TensorShapeProto>> {};

/// Answers the schema's questions about an operation, both while inferring
/// types and while following values of shapes.
struct SchemaContext final : onnx::InferenceContext, onnx::DataPropagationContext {
  /// With `withResults`, the types of the results are given, not asked for.
  SchemaContext(AnyOp op, ShapeInference &inference, bool withResults);
  ~SchemaContext() override;

  const onnx::AttributeProto *getAttribute(const std::string &name) const override;
  size_t getNumInputs() const override { return inputs.size(); }
  bool hasInput(size_t i) const override { return i < inputs.size() && inputs[i].value_case(); }
  const onnx::TypeProto *getInputType(size_t i) const override {
    return hasInput(i) ? &inputs[i] : nullptr;
  }
  size_t getNumOutputs() const override { return outputs.size(); }
  bool hasOutput(size_t i) override {
    return i < outputs.size() && !node.output(static_cast<int>(i)).empty();
  }
  // The library writes into outputs that the node leaves out, too.
  onnx::TypeProto *getOutputType(size_t i) override { return &outputs.at(i); }
  const onnx::TypeProto *getOutputType(size_t i) const override { return &outputs.at(i); }

  /// The data of small constants.
  const onnx::TensorProto *getInputData(size_t i) const override;
  const onnx::SparseTensorProto *getInputSparseData(size_t) const override { return nullptr; }
  /// What is known of an operand that is no constant.
  const onnx::TensorShapeProto *getSymbolicInput(size_t i) const override;
  /// The bodies of If, Loop, Scan: inferred in MLIR.
  onnx::GraphInferencer *getGraphAttributeInferencer(const std::string &name) override;
  std::string getDisplayName() const override;

  /// Data propagation: what is known of an operand, constants included.
  const onnx::TensorShapeProto *getInputData(size_t i) override;
  void addOutputData(size_t i, onnx::TensorShapeProto &&value) override;

  AnyOp op;
  ShapeInference &inference;
  onnx::NodeProto node;
  std::vector<onnx::TypeProto> inputs, outputs;
  /// Regions that the schema has asked about.
  llvm::SmallPtrSet<mlir::Region *, 2> inferred;

private:
  struct Body;
  mutable std::vector<std::unique_ptr<onnx::TensorProto>> data;
  std::vector<std::unique_ptr<onnx::TensorShapeProto>> shapes;
  std::vector<std::unique_ptr<Body>> bodies;
};

/// Runs `fn`, which calls the ONNX library, and turns what it throws into an
/// error on `op`. Nothing may unwind through MLIR.
mlir::LogicalResult guarded(AnyOp op, llvm::function_ref<void()> fn);

/// Why the schema's inference must not be run on `op`, if so (Hazards.cpp).
std::optional<std::string> hazardOf(AnyOp op);

/// A message of the library on one line of bearable length.
std::string tidyMessage(llvm::StringRef message);

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_SCHEMACONTEXT_H
