//===- ExpertSchemas.cpp - Mixtures of experts of com.microsoft -----------===//
//
// The body computes every expert for every row and takes what the router chose: the
// meaning, which recognisers then read like an export of the same formula.
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
namespace {

std::string text(const FunctionBodyBuildContext &context, const char *name) {
  const AttributeProto *attr = context.getAttribute(name);
  return attr ? attr->s() : std::string();
}
int64_t integer(const FunctionBodyBuildContext &context, const char *name) {
  const AttributeProto *attr = context.getAttribute(name);
  return attr ? attr->i() : 0;
}
float number(const FunctionBodyBuildContext &context, const char *name, float otherwise) {
  const AttributeProto *attr = context.getAttribute(name);
  return attr ? attr->f() : otherwise;
}

/// The operator that `y` is made of `x` by, empty for an unknown activation.
std::string activationOf(const std::string &kind) {
  if (kind == "relu")
    return "y = Relu (x)";
  if (kind == "gelu")
    return "y = Gelu (x)";
  if (kind == "silu")
    return "y = Swish <alpha: float = 1.0> (x)";
  if (kind == "identity")
    return "y = Identity (x)";
  return {};
}

/// y = x W' + b for all experts, W [E, outputs, inputs]
void addProduct(FunctionBuilder &body, const std::string &y, const std::string &x,
                const std::string &weight, const std::string &bias) {
  body.Add((y + "_w = Transpose <perm: ints = [0, 2, 1]> (" + weight + ")").c_str());
  if (bias.empty()) {
    body.Add((y + " = MatMul (" + x + ", " + y + "_w)").c_str());
    return;
  }
  body.Add((y + "_p = MatMul (" + x + ", " + y + "_w)").c_str());
  body.Add((y + "_b = Unsqueeze (" + bias + ", one)").c_str());
  body.Add((y + " = Add (" + y + "_p, " + y + "_b)").c_str());
}

/// Every second row of the inner matrices, or the first and the second half of them.
void addHalf(FunctionBuilder &body, const std::string &half, const std::string &whole,
             int64_t which, int64_t fusion) {
  if (fusion == 1) {
    body.Const1D(half + "_from", which);
    body.Const1D(half + "_to", int64_t(INT32_MAX));
    body.Const1D(half + "_step", int64_t(2));
    body.Add((half + " = Slice (" + whole + ", " + half + "_from, " + half + "_to, one, " + half +
              "_step)")
                 .c_str());
    return;
  }
  std::string first = which == 0 ? half : half + "_other",
              second = which == 0 ? half + "_other" : half;
  body.Add(
      (first + ", " + second + " = Split <axis: int = 1, num_outputs: int = 2> (" + whole + ")")
          .c_str());
}

/// The scores [rows, E]: the weights of the chosen experts, 0 for all others.
void addScores(const FunctionBodyBuildContext &context, FunctionBuilder &body) {
  body.Const1D("k", integer(context, "k"));
  if (integer(context, "normalize_routing_weights") != 0)
    body.Add("best, chosen = TopK (router_probs, k)").Add("weights = Softmax (best)");
  else
    body.Add("gates = Softmax (router_probs)").Add("weights, chosen = TopK (gates, k)");
  body.Add("shape = Shape (router_probs)")
      .Add("none = ConstantOfShape (shape)")
      .Add("zeros = CastLike (none, router_probs)")
      .Add("scores = ScatterElements <axis: int = 1> (zeros, chosen, weights)")
      .Add("by_expert = Transpose <perm: ints = [1, 0]> (scores)")
      .Const1D("last", int64_t(-1))
      .Add("factors = Unsqueeze (by_expert, last)");
}

bool buildExperts(const FunctionBodyBuildContext &context, const OpSchema &schema,
                  FunctionProto &function) {
  std::string kind = text(context, "activation_type");
  bool swiglu = kind == "swiglu", third = context.hasInput(6);
  int64_t fusion = integer(context, "swiglu_fusion");
  // A limit bounds what is multiplied, which no form of a net has; so does a sparse mixer.
  bool limited = context.getAttribute("swiglu_limit") != nullptr;
  if ((swiglu ? limited || number(context, "activation_beta", 0) != 0 || third == (fusion != 0)
              : activationOf(kind).empty()) ||
      integer(context, "use_sparse_mixer") != 0)
    return false;
  FunctionBuilder body(function);
  body.AddOpset("", newestOpset());
  body.Const1D("zero", int64_t(0)).Const1D("one", int64_t(1));
  addScores(context, body);
  body.Add("rows = Flatten <axis: int = -1> (input)").Add("tokens = Unsqueeze (rows, zero)");
  std::string bias1 = context.hasInput(3) ? "fc1_experts_bias" : "";
  bool gated = swiglu || third;
  if (swiglu && !third) {
    for (int64_t which : {0, 1}) {
      std::string half = which == 0 ? "gate" : "linear", bias;
      addHalf(body, half + "_rows", "fc1_experts_weights", which, fusion);
      if (!bias1.empty())
        addHalf(body, bias = half + "_bias", bias1, which, fusion);
      addProduct(body, which == 0 ? "x" : "linear", "tokens", half + "_rows", bias);
    }
  } else {
    addProduct(body, "x", "tokens", "fc1_experts_weights", bias1);
    if (third)
      addProduct(body, "linear", "tokens", "fc3_experts_weights",
                 context.hasInput(7) ? "fc3_experts_bias" : "");
  }
  if (swiglu)
    body.Add("y = Swish <alpha: float = @activation_alpha> (x)");
  else
    body.Add(activationOf(kind).c_str());
  if (gated)
    body.Add("hidden = Mul (y, linear)");
  addProduct(body, "nets", gated ? "hidden" : "y", "fc2_experts_weights",
             context.hasInput(5) ? "fc2_experts_bias" : "");
  body.Add("weighted = Mul (nets, factors)")
      .Add("sum = ReduceSum <keepdims: int = 0> (weighted, zero)")
      .Add("given = Shape (input)")
      .Add("output = Reshape (sum, given)");
  schema.BuildFunction(function);
  return true;
}

} // namespace

OpSchema mixtureOfExperts() {
  return OpSchema()
      .SetName("MoE")
      .SetDomain("com.microsoft")
      .SinceVersion(1)
      .TypeConstraint("T", OpSchema::all_float_types_ir4(), "floating-point tensors")
      .Attr("activation_type", "relu, gelu, silu, swiglu or identity", AttributeProto::STRING,
            std::string("relu"))
      .Attr("k", "experts per row", AttributeProto::INT, int64_t(1))
      .Attr("normalize_routing_weights", "", AttributeProto::INT, int64_t(0))
      .Attr("use_sparse_mixer", "", AttributeProto::INT, int64_t(0))
      .Attr("swiglu_fusion",
            "0: gates in fc1, linear parts in fc3; 1: both in fc1, in turns; 2: one "
            "after the other",
            AttributeProto::INT, int64_t(0))
      .Attr("swiglu_limit", "", AttributeProto::FLOAT, onnx::OPTIONAL_VALUE)
      .Attr("activation_alpha", "", AttributeProto::FLOAT, 1.0f)
      .Attr("activation_beta", "", AttributeProto::FLOAT, 0.0f)
      .Input(0, "input", "[rows, D] or [batch, sequence, D]", "T")
      .Input(1, "router_probs", "logits [rows, E]", "T")
      .Input(2, "fc1_experts_weights", "[E, H, D], or [E, 2 H, D]", "T")
      .Input(3, "fc1_experts_bias", "[E, H]", "T", OpSchema::Optional)
      .Input(4, "fc2_experts_weights", "[E, D, H]", "T")
      .Input(5, "fc2_experts_bias", "[E, D]", "T", OpSchema::Optional)
      .Input(6, "fc3_experts_weights", "[E, H, D]", "T", OpSchema::Optional)
      .Input(7, "fc3_experts_bias", "[E, H]", "T", OpSchema::Optional)
      .Output(0, "output", "", "T")
      .TypeAndShapeInferenceFunction(onnx::propagateShapeAndTypeFromFirstInput)
      .SetContextDependentFunctionBodyBuilder(buildExperts);
}

} // namespace strut::onnx_ir
