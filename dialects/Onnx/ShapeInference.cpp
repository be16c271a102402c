//===- ShapeInference.cpp - types by the schemas' own inference ------------===//

#include "dialects/Onnx/SchemaContext.h"
#include "onnx/shape_inference/implementation.h"

using namespace mlir;
using onnx::FunctionProto;
using onnx::OpSchema;

namespace strut::onnx_ir {

ShapeInference::ShapeInference() : values(std::make_unique<Values>()) {}
ShapeInference::~ShapeInference() = default;

/// A few operators are defined by a function body and leave their inference to it.
static void inferByBody(const OpSchema &schema, SchemaContext &context) {
  const FunctionProto *body = schema.HasFunction() ? schema.GetFunction() : nullptr;
  FunctionProto built;
  if (!body && schema.HasContextDependentFunction()) {
    onnx::FunctionBodyBuildContextImpl types(context.node, context.inputs);
    if (schema.BuildContextDependentFunction(types, built))
      body = &built;
  }
  if (body)
    onnx::shape_inference::InferShapeForFunctionNode(*body, onnx::OpSchemaRegistry::Instance(),
                                                     context);
}

FailureOr<SmallVector<Type>> ShapeInference::infer(AnyOp op) {
  if (std::optional<std::string> hazard = hazardOf(op))
    return op.emitOpError() << *hazard;
  const OpSchema &schema = op.schema();
  SchemaContext context(op, *this, /*withResults=*/false);
  auto run = [&] {
    if (schema.has_type_and_shape_inference_function())
      schema.GetTypeAndShapeInferenceFunction()(context);
    else
      inferByBody(schema, context);
    schema.CheckInputOutputType(context); // completes element types from the constraints
  };
  // Where an operand is not known yet the library objects to that, not to the model.
  if (llvm::any_of(op->getOperandTypes(), llvm::IsaPred<UnknownType>)) {
    try {
      run();
    } catch (const std::exception &) {
      return SmallVector<Type>(op->getResultTypes());
    }
  } else if (failed(guarded(op, run))) {
    return failure();
  }

  SmallVector<Type> types;
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    bool known = context.hasOutput(i) && context.outputs[i].value_case();
    types.push_back(known ? toMLIR(context.outputs[i], op.getContext()) : result.getType());
  }
  for (Region &region : op->getRegions())
    if (!context.inferred.contains(&region) && failed(refine(region)))
      return failure();

  if (schema.has_data_propagation_function()) {
    for (auto [output, type] : llvm::zip(context.outputs, types))
      output = toONNX(type);
    try {
      schema.GetDataPropagationFunction()(context);
    } catch (const std::exception &) {
      // Then the value is not known; the types above are checked already.
    }
  }
  return types;
}

LogicalResult ShapeInference::refine(AnyOp op) {
  FailureOr<SmallVector<Type>> types = infer(op);
  if (failed(types))
    return failure();
  for (auto [result, type] : llvm::zip(op->getResults(), *types)) {
    Type refined = meet(result.getType(), type);
    if (!refined)
      return op.emitOpError() << "has type " << type << " for result " << result.getResultNumber()
                              << ", which is declared as " << result.getType();
    result.setType(refined);
  }
  return success();
}

LogicalResult ShapeInference::refine(Region &region) {
  for (Block &block : region)
    for (Operation &op : block)
      if (auto node = dyn_cast<AnyOp>(op); node && failed(refine(node)))
        return failure();
  return success();
}

} // namespace strut::onnx_ir
