//===- ChooseTransforms.cpp - Factors of Fourier transforms ---------------===//
//
// With N = r M, n = M n1 + n2 and k = k1 + r k2,
//
//   sum over n of x[n] w^(k n) = sum over n2 of w^(r k2 n2) sum over n1 of x[n1, n2] w^(k1 n)
//
// for w = e^(-2 pi i / N), since w^(k n) = w^(k1 n) w^(r k2 n2) w^(N k2 n1): products with r and
// then M rows, N (r + M) in all. Equal over the reals.
//
//===----------------------------------------------------------------------===//
#include "MachineOption.h"
#include "TransformCost.h"
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_CHOOSETRANSFORMS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using onnx_ir::Op;

std::optional<int64_t> numberOf(Value operand) {
  ElementsAttr constant = onnx_ir::constantOf(operand);
  auto numbers =
      constant && constant.getNumElements() == 1 ? constant.tryGetValues<APInt>() : std::nullopt;
  return numbers ? std::optional((*numbers->begin()).getSExtValue()) : std::nullopt;
}

/// How many elements there are along the axes but `axis` and the last one, 64 for each of
/// unknown extent.
double countBut(RankedTensorType type, int64_t axis) {
  constexpr double unknown = 64;
  double count = 1;
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    if (i != axis)
      count *= type.isDynamicDim(i) ? unknown : double(type.getDimSize(i));
  return count;
}

std::optional<Transforms> transformsOf(Op<"DFT"> op) {
  auto type = dyn_cast<RankedTensorType>(op.in("input").getType());
  if (!type || type.getRank() < 2)
    return std::nullopt;
  int64_t rank = type.getRank(), axis = rank - 2;
  if (Value given = op.in("axis")) {
    std::optional<int64_t> number = numberOf(given);
    // Condition 1 of choose-transforms holds: only a constant has a number.
    if (!number)
      return std::nullopt;
    axis = *number < 0 ? *number + rank : *number;
  }
  auto flag = [&](StringRef name) {
    auto attr = op.attr<IntegerAttr>(name);
    return attr && attr.getInt() != 0;
  };
  if (axis < 0 || axis > rank - 2)
    return std::nullopt;
  std::optional<int64_t> length;
  if (Value given = op.in("dft_length"))
    length = numberOf(given);
  else if (!type.isDynamicDim(axis))
    length = flag("inverse") && flag("onesided") ? 2 * (type.getDimSize(axis) - 1)
                                                 : type.getDimSize(axis);
  if (!length)
    return std::nullopt;
  return Transforms{*length, countBut(type, axis), type.getShape().back() == 1,
                    type.getElementType()};
}

std::optional<Transforms> transformsOf(Op<"STFT"> op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  std::optional<int64_t> length;
  if (Value window = op.in("window")) {
    auto shape = dyn_cast<RankedTensorType>(window.getType());
    if (shape && shape.hasStaticShape())
      length = shape.getNumElements();
  } else if (Value given = op.in("frame_length")) {
    length = numberOf(given);
  }
  auto signal = dyn_cast<RankedTensorType>(op.in("signal").getType());
  // Condition 2 of choose-transforms holds: only a constant has a number.
  if (!length)
    return std::nullopt;
  if (!type || !signal || type.getRank() != 4)
    return std::nullopt;
  return Transforms{*length, countBut(type, 2), signal.getShape().back() == 1,
                    type.getElementType()};
}

DenseF64ArrayAttr kernelOf(Builder &b, const TransformStage &stage) {
  return b.getDenseF64ArrayAttr({stage.flops, stage.weightBytes, stage.valueBytes});
}

std::string nameOf(ArrayRef<int64_t> factors) {
  if (factors.size() < 2)
    return "dense";
  return llvm::join(llvm::map_range(factors, [](int64_t f) { return std::to_string(f); }), " x ");
}

struct ChooseTransforms : impl::ChooseTransformsBase<ChooseTransforms> {
  using ChooseTransformsBase::ChooseTransformsBase;

  LogicalResult initialize(MLIRContext *context) override {
    return readMachineOption(context, machine, described);
  }

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      std::optional<Transforms> what;
      if (auto dft = dyn_cast<Op<"DFT">>(op))
        what = transformsOf(dft);
      else if (auto stft = dyn_cast<Op<"STFT">>(op))
        what = transformsOf(stft);
      if (what && what->length > 1)
        choose(op, *what);
    });
  }

  void choose(Operation *op, const Transforms &what);

  cost::Machine described;
};

void ChooseTransforms::choose(Operation *op, const Transforms &what) {
  Builder b(op->getContext());
  std::vector<int64_t> factors = fastestFactors(what, cost::Setting(described));
  SmallVector<Attribute> forms;
  std::vector<std::vector<int64_t>> all = {{what.length}};
  if (factors != all.front())
    all.push_back(factors);
  for (ArrayRef<int64_t> form : all) {
    SmallVector<DenseF64ArrayAttr> kernels;
    for (int64_t radix : form)
      kernels.push_back(kernelOf(b, stageOf(what, radix)));
    forms.push_back(layer::FormAttr::get(b.getContext(), nameOf(form), kernels));
  }
  op->setAttr(kernelize::kFactorsAttr, b.getDenseI64ArrayAttr(factors));
  op->setAttr(layer::kConsideredAttr, b.getArrayAttr(forms));
  op->setAttr(layer::kChosenAttr, b.getStringAttr(nameOf(factors)));
  numFactored += factors.size() > 1;
}

} // namespace
} // namespace strut::rewrite
