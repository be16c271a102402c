//===- ChooseExperts.cpp - The chosen experts, or all of them -------------===//
//
//   sum over j of w_j net(e_j, x)  =  sum over e of s_e net(e, x),  s_e = sum over j of w_j [e_j =
//   e]
//
// Proof: exchange the sums; each j counts for the one e that it chose. Equal over the reals: where
// s_e is 0 the net is left out, and not multiplied by 0, which would be NaN if it overflows.
//
// The left side computes k nets a row, but sorts rows and adds results; the right side computes
// E nets in two plain products. Both read the same packed weights, so keeping both costs none.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "MachineOption.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Cost/Layers.h"
#include "strut/Recognize/Activations.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_CHOOSEEXPERTS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using onnx_ir::Op;

constexpr int64_t kMostRows = 1 << 20;

/// The forms, in the order of their numbers.
enum Form : int64_t { Routed, All };
constexpr StringLiteral kNames[] = {"routed", "all"};

//===----------------------------------------------------------------------===//
// All experts
//===----------------------------------------------------------------------===//

/// Writes the right side of the equation.
class AllExperts {
public:
  AllExperts(OpBuilder &b, layer::ExpertsOp op) : b(b), loc(op.getLoc()), op(op) {}

  Value build();

private:
  Value integers(ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
    auto type = RankedTensorType::get(shape, b.getI64Type());
    auto attr = b.getNamedAttr("value", DenseElementsAttr::get(type, values));
    return Op<"Constant">::create(b, loc, {}, attr)->getResult(0);
  }
  Value unsqueezed(Value value, int64_t axis) {
    return Op<"Unsqueeze">::create(b, loc, {value, integers({1}, axis)})->getResult(0);
  }
  Value product(Value x, Value matrices, Value bias) {
    Value y = Op<"MatMul">::create(b, loc, {x, matrices})->getResult(0);
    if (bias)
      y = Op<"Add">::create(b, loc, {y, unsqueezed(bias, 1)})->getResult(0);
    return y;
  }
  Value sum(Value value, int64_t axis, bool keeps) {
    auto keep = b.getNamedAttr("keepdims", b.getI64IntegerAttr(keeps));
    return Op<"ReduceSum">::create(b, loc, {value, integers({1}, axis)}, keep)->getResult(0);
  }
  Value scores();

  OpBuilder &b;
  Location loc;
  layer::ExpertsOp op;
};

/// [E, M, 1]
Value AllExperts::scores() {
  int64_t count = op.getNumExperts();
  Value numbers = integers({count, 1, 1}, llvm::to_vector(llvm::seq<int64_t>(0, count)));
  Value chosen = unsqueezed(op.getExperts(), 0), weights = unsqueezed(op.getWeights(), 0);
  Value isChosen = Op<"Equal">::create(b, loc, {chosen, numbers})->getResult(0);
  Type element = op.getWeights().getType().getElementType();
  int64_t number = element.isF64() ? 11 : element.isF16() ? 10 : element.isBF16() ? 16 : 1;
  auto to = b.getNamedAttr("to", b.getI64IntegerAttr(number)); // as the standard counts types
  Value mask = Op<"Cast">::create(b, loc, isChosen, to)->getResult(0);
  Value kept = Op<"Mul">::create(b, loc, {weights, mask})->getResult(0);
  return sum(kept, 2, true);
}

Value AllExperts::build() {
  auto act = [&](Value x) {
    return recognize::buildActivation(b, loc,
                                      {x, op.getActivation(), op.getAlpha().convertToDouble()});
  };
  Value x = unsqueezed(op.getInput(), 0);
  Value hidden = product(x, op.getIn(), op.getInBias());
  if (Value gate = op.getGate()) {
    Value open = act(product(x, gate, op.getGateBias()));
    hidden = Op<"Mul">::create(b, loc, {open, hidden})->getResult(0);
  } else {
    hidden = act(hidden);
  }
  Value nets = product(hidden, op.getOut(), op.getOutBias());
  Value score = scores();
  Type element = op.getWeights().getType().getElementType();
  auto scalar =
      DenseElementsAttr::get(RankedTensorType::get({}, element), b.getFloatAttr(element, 0));
  Value zero = Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", scalar))->getResult(0);
  Value none = Op<"Equal">::create(b, loc, {score, zero})->getResult(0);
  Value weighted = Op<"Mul">::create(b, loc, {nets, score})->getResult(0);
  return sum(Op<"Where">::create(b, loc, {none, zero, weighted})->getResult(0), 0, false);
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

/// The numbers of rows from which on the other form is faster than before.
struct Choice {
  Form first = Routed;
  SmallVector<int64_t> bounds;
};

Form fasterFor(layer::ExpertsOp op, int64_t rows, const cost::Setting &setting) {
  auto time = [&](cost::ExpertForm form) {
    return cost::timeOf(cost::phasesOf(op, form, double(rows)), setting);
  };
  return time(cost::ExpertForm::All) <= time(cost::ExpertForm::Routed) ? All : Routed;
}

Choice choose(layer::ExpertsOp op, const cost::Setting &setting) {
  int64_t known = op.getInput().getType().getDimSize(0);
  if (!ShapedType::isDynamic(known))
    return {fasterFor(op, std::max<int64_t>(known, 1), setting), {}};
  Choice choice{fasterFor(op, 1, setting), {}};
  Form last = choice.first;
  for (int64_t rows = 1; rows < kMostRows; rows *= 2) {
    if (fasterFor(op, 2 * rows, setting) == last)
      continue;
    int64_t low = rows, high = 2 * rows; // `last` wins at low, and no more at high
    while (high - low > 1) {
      int64_t middle = low + (high - low) / 2;
      (fasterFor(op, middle, setting) == last ? low : high) = middle;
    }
    choice.bounds.push_back(high);
    last = last == Routed ? All : Routed;
  }
  return choice;
}

/// Both forms, `first` below the first bound, and the other one up to the next.
layer::AlternativesOp buildAlternatives(layer::ExpertsOp op, const Choice &choice) {
  OpBuilder b(op);
  MLIRContext *context = op.getContext();
  SmallVector<Attribute> lines;
  int64_t form = choice.first;
  for (int64_t bound : choice.bounds) {
    lines.push_back(layer::CaseAttr::get(context, {0}, bound, form));
    form = 1 - form;
  }
  auto alternatives = layer::AlternativesOp::create(
      b, rewritten("choose-experts", op.getLoc()), op.getType(), op.getInput(),
      b.getArrayAttr(lines), b.getI64IntegerAttr(form),
      b.getStrArrayAttr(ArrayRef<StringRef>{kNames[Routed], kNames[All]}), 2u);
  OpBuilder routed = OpBuilder::atBlockBegin(&alternatives.getForms()[Routed].emplaceBlock()),
            all = OpBuilder::atBlockBegin(&alternatives.getForms()[All].emplaceBlock());
  Value chosen = routed.clone(*op)->getResult(0), every = AllExperts(all, op).build();
  every.setType(op.getType());
  layer::YieldOp::create(routed, op.getLoc(), chosen);
  layer::YieldOp::create(all, op.getLoc(), every);
  return alternatives;
}

struct ChooseExpertsPass : impl::ChooseExpertsBase<ChooseExpertsPass> {
  using ChooseExpertsBase::ChooseExpertsBase;

  LogicalResult initialize(MLIRContext *context) override {
    return readMachineOption(context, machine, described);
  }

  static bool hasForms(layer::ExpertsOp op) {
    auto isPlain = [](Value value) {
      return !value ||
             (cast<RankedTensorType>(value.getType()).hasStaticShape() && isConstant(value));
    };
    return
        // Condition 1 of choose-experts.
        op.getInput().getType().getRank() == 2 &&
        // Condition 2 of choose-experts.
        llvm::all_of(op->getOperands().drop_front(3), isPlain);
  }

  void runOnOperation() override {
    cost::Setting setting(described, cost::weightBytesOf(getOperation()));
    SmallVector<layer::ExpertsOp> found;
    getOperation().walk([&](layer::ExpertsOp op) { found.push_back(op); });
    for (layer::ExpertsOp op : found) {
      if (!hasForms(op))
        continue;
      Choice choice = choose(op, setting);
      Operation *last = op;
      if (!choice.bounds.empty()) {
        last = buildAlternatives(op, choice);
        ++numAlternatives;
      } else if (choice.first == All) {
        OpBuilder b(op);
        Value every = AllExperts(b, op).build();
        every.setType(op.getType());
        last = every.getDefiningOp();
        ++numAll;
      }
      Builder b(op.getContext());
      last->setAttr(layer::kKindAttr, b.getStringAttr("moe"));
      if (choice.bounds.empty())
        last->setAttr(layer::kChosenAttr, b.getStringAttr(kNames[choice.first]));
      if (last != op) {
        op.replaceAllUsesWith(last->getResult(0));
        op.erase();
      }
    }
  }

  cost::Machine described;
};

} // namespace
} // namespace strut::rewrite
