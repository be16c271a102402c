//===- CustomSchemas.cpp - operators that the standard does not have -------===//
//
// ONNX Runtime's own domain, as far as exporters write it into files. Declared
// with the official builder, after which checker, inference, inliner and dialect
// treat them as standard; a function body in terms of the standard is the
// reference lowering.
//
//===----------------------------------------------------------------------===//

#include "dialects/Onnx/Schemas.h"
#include "onnx/defs/function.h"

using onnx::AttributeProto;
using onnx::FunctionBodyBuildContext;
using onnx::FunctionBuilder;
using onnx::FunctionProto;
using onnx::OpSchema;

namespace strut::onnx_ir {

static constexpr const char *kMicrosoft = "com.microsoft";

static OpSchema microsoft(const char *name) {
  return OpSchema()
      .SetName(name)
      .SetDomain(kMicrosoft)
      .SinceVersion(1)
      .TypeConstraint("T", OpSchema::all_float_types_ir4(), "floating-point tensors");
}

/// Starts a body on the newest operators, which are the ones that lowerings know.
static FunctionBuilder body(FunctionProto &function) {
  FunctionBuilder builder(function);
  builder.AddOpset("", newestOpset());
  return builder;
}

/// A body that is the same for all types and attributes. The library's own
/// FunctionBody() cannot import another domain than the operator's.
static onnx::ContextDependentFunctionBodyBuilder always(const char *nodes) {
  return
      [nodes](const FunctionBodyBuildContext &, const OpSchema &schema, FunctionProto &function) {
        body(function).Add(nodes);
        schema.BuildFunction(function);
        return true;
      };
}

static OpSchema gelu() {
  return microsoft("Gelu")
      .Input(0, "X", "", "T")
      .Output(0, "Y", "", "T")
      .TypeAndShapeInferenceFunction(onnx::propagateShapeAndTypeFromFirstInput)
      .SetContextDependentFunctionBodyBuilder(always("Y = Gelu (X)"));
}

static OpSchema quickGelu() {
  return microsoft("QuickGelu")
      .Attr("alpha", "", AttributeProto::FLOAT, 1.702f)
      .Input(0, "X", "", "T")
      .Output(0, "Y", "", "T")
      .TypeAndShapeInferenceFunction(onnx::propagateShapeAndTypeFromFirstInput)
      .SetContextDependentFunctionBodyBuilder(always("Y = Swish <alpha: float = @alpha> (X)"));
}

static OpSchema biasGelu() {
  return microsoft("BiasGelu")
      .Input(0, "A", "", "T")
      .Input(1, "B", "one value per element of the last axis", "T")
      .Output(0, "C", "", "T")
      .TypeAndShapeInferenceFunction(onnx::propagateShapeAndTypeFromFirstInput)
      .SetContextDependentFunctionBodyBuilder(always("S = Add (A, B)  C = Gelu (S)"));
}

static OpSchema fastGelu() {
  return microsoft("FastGelu")
      .Input(0, "X", "", "T")
      .Input(1, "bias", "one value per element of the last axis", "T", OpSchema::Optional)
      .Output(0, "Y", "", "T")
      .TypeAndShapeInferenceFunction(onnx::propagateShapeAndTypeFromFirstInput)
      .SetContextDependentFunctionBodyBuilder([](const FunctionBodyBuildContext &context,
                                                 const OpSchema &schema, FunctionProto &function) {
        body(function)
            .Add(context.hasInput(1) ? "S = Add (X, bias)" : "S = Identity (X)")
            .Add("Y = Gelu <approximate = \"tanh\"> (S)");
        schema.BuildFunction(function);
        return true;
      });
}

static void inferSkipNorm(onnx::InferenceContext &context) {
  onnx::propagateShapeAndTypeFromFirstInput(context);
  if (context.getNumOutputs() > 3 && context.hasOutput(3)) {
    onnx::propagateElemTypeFromInputToOutput(context, 0, 3);
    onnx::propagateShapeFromInputToOutput(context, 0, 3);
  }
}

static OpSchema skipLayerNormalization() {
  return microsoft("SkipLayerNormalization")
      .Attr("epsilon", "", AttributeProto::FLOAT, 1e-12f)
      .Input(0, "input", "", "T")
      .Input(1, "skip", "", "T")
      .Input(2, "gamma", "", "T")
      .Input(3, "beta", "", "T", OpSchema::Optional)
      .Input(4, "bias", "added to the sum", "T", OpSchema::Optional)
      .Output(0, "output", "", "T")
      .Output(1, "mean", "", "U", OpSchema::Optional)
      .Output(2, "inv_std_var", "", "U", OpSchema::Optional)
      .Output(3, "input_skip_bias_sum", "", "T", OpSchema::Optional)
      .TypeConstraint("U", {"tensor(float)"}, "type of the statistics")
      .TypeAndShapeInferenceFunction(inferSkipNorm)
      .SetContextDependentFunctionBodyBuilder([](const FunctionBodyBuildContext &context,
                                                 const OpSchema &schema, FunctionProto &function) {
        body(function)
            .Add("sum = Add (input, skip)")
            .Add(context.hasInput(4) ? "input_skip_bias_sum = Add (sum, bias)"
                                     : "input_skip_bias_sum = Identity (sum)")
            .Add(context.hasInput(3)
                     ? "output, mean, inv_std_var = LayerNormalization <axis: int = -1, epsilon: "
                       "float = @epsilon> (input_skip_bias_sum, gamma, beta)"
                     : "output, mean, inv_std_var = LayerNormalization <axis: int = -1, epsilon: "
                       "float = @epsilon> (input_skip_bias_sum, gamma)");
        schema.BuildFunction(function);
        return true;
      });
}

/// The standard has the same operator for one position per token; the forms
/// with packed batches, scaling or one position for all have no body.
static bool buildRotary(const FunctionBodyBuildContext &context, const OpSchema &schema,
                        FunctionProto &function) {
  const onnx::TypeProto *positions = context.getInputType(1);
  const AttributeProto *packed = context.getAttribute("is_packed_batching");
  const AttributeProto *scale = context.getAttribute("scale");
  bool perToken = positions && positions->has_tensor_type() &&
                  positions->tensor_type().has_shape() &&
                  positions->tensor_type().shape().dim_size() == 2;
  if (!perToken || (packed && packed->i() != 0) || (scale && scale->f() != 1.0f))
    return false;
  body(function).Add("output = RotaryEmbedding <interleaved: int = @interleaved, num_heads: int = "
                     "@num_heads, rotary_embedding_dim: int = @rotary_embedding_dim> "
                     "(input, cos_cache, sin_cache, position_ids)");
  schema.BuildFunction(function);
  return true;
}

static OpSchema rotaryEmbedding() {
  return microsoft("RotaryEmbedding")
      .Attr("interleaved", "", AttributeProto::INT, int64_t(0))
      .Attr("is_packed_batching", "", AttributeProto::INT, int64_t(0))
      .Attr("num_heads", "", AttributeProto::INT, int64_t(0))
      .Attr("rotary_embedding_dim", "", AttributeProto::INT, int64_t(0))
      .Attr("scale", "", AttributeProto::FLOAT, 1.0f)
      .Input(0, "input", "", "T")
      .Input(1, "position_ids", "", "M")
      .Input(2, "cos_cache", "", "T")
      .Input(3, "sin_cache", "", "T")
      .Output(0, "output", "", "T")
      .TypeConstraint("M", {"tensor(int64)"}, "type of positions")
      .TypeAndShapeInferenceFunction(onnx::propagateShapeAndTypeFromFirstInput)
      .SetContextDependentFunctionBodyBuilder(buildRotary);
}

void registerCustomSchemas() {
  onnx::OpSchemaRegistry::DomainToVersionRange::Instance().AddDomainToVersion(kMicrosoft, 1, 1);
  for (const OpSchema &schema : {gelu(), quickGelu(), biasGelu(), fastGelu(),
                                 skipLayerNormalization(), rotaryEmbedding(), mixtureOfExperts()})
    onnx::RegisterSchema(schema);
}

} // namespace strut::onnx_ir
