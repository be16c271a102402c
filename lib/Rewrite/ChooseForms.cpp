//===- ChooseForms.cpp - Factors of a chain, or their product -------------===//
//
// (x A + a) B + b = x (A B) + (a B + b): docs/algebra.md, laws 1 and 3. The times of
// both sides, and where they cross, are lib/Cost's to say.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "MachineOption.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Algebra/Forms.h"
#include "strut/Cost/Choice.h"
#include "strut/Cost/Layers.h"
#include "strut/Rewrite/Passes.h"
#include <cmath>

namespace strut::rewrite {
#define GEN_PASS_DEF_CHOOSEFORMS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {

using onnx_ir::Op;

llvm::Expected<double> parseSizeBudget(StringRef text, double weights) {
  StringRef digits = text.trim();
  double unit = 1;
  if (digits.consume_back("%"))
    unit = weights / 100;
  else if (digits.consume_back_insensitive("K"))
    unit = 1 << 10;
  else if (digits.consume_back_insensitive("M"))
    unit = 1 << 20;
  else if (digits.consume_back_insensitive("G"))
    unit = 1 << 30;
  double number = 0;
  if (digits.getAsDouble(number) || !(number >= 0) || !std::isfinite(number))
    return llvm::createStringError("the size budget '" + text +
                                   "' must be a share as 20%, or bytes as 64M");
  return number * unit;
}

bool isSelection(Operation *op) {
  auto gather = dyn_cast_or_null<Op<"Gather">>(op);
  if (!gather)
    return false;
  auto data = dyn_cast<RankedTensorType>(gather.in("data").getType());
  auto indices = dyn_cast<RankedTensorType>(gather.in("indices").getType());
  auto axis = gather.attr<IntegerAttr>("axis");
  if (!data || !indices || !axis ||
      // Condition 5 of choose-forms.
      indices.getRank() != 1 ||
      // Condition 5 of choose-forms.
      !onnx_ir::constantOf(gather.in("indices")))
    return false;
  int64_t rank = data.getRank(), at = axis.getInt();
  return
      // Condition 5 of choose-forms.
      (at < 0 ? at + rank : at) == rank - 1 && !data.isDynamicDim(rank - 1);
}

namespace {

using algebra::Run;
using cost::Choice;
using cost::Form;

/// A form that is at most so much slower than the best is as good.
constexpr double kTolerated = 1.03;
/// Most rows that are thought of where their number is open.
constexpr int64_t kMostRows = int64_t(1) << 22;
/// FLOPs of a product above which it is not computed.
constexpr double kMostWork = 1e12;

//===----------------------------------------------------------------------===//
// Reading chains
//===----------------------------------------------------------------------===//

bool isMap(Operation *op) { return isa_and_present<layer::LinearOp, layer::BlockLinearOp>(op); }

bool isConstantWeight(Operation *op) {
  Value weight = op->getOperand(1);
  // Condition 2 of choose-forms.
  if (!isConstant(weight))
    return false;
  // Condition 2 of choose-forms.
  if (cast<RankedTensorType>(weight.getType()).getNumElements() == 0)
    return false;
  return op->getNumOperands() == 2 ||
         // Condition 2 of choose-forms.
         isConstant(op->getOperand(2));
}

/// Whether compression on request made the factor, which is to stay small.
bool isCompressed(Operation *op) {
  auto fused = dyn_cast<FusedLoc>(op->getLoc());
  auto name = fused ? dyn_cast_or_null<StringAttr>(fused.getMetadata()) : StringAttr();
  return name && name.getValue() == "compress-linear";
}

bool isFactor(Operation *op) {
  return isSelection(op) || (isMap(op) && isConstantWeight(op) &&
                             // Condition 4 of choose-forms.
                             !isCompressed(op));
}

/// Maps of rows one after the other, from the first to the last.
struct MapChain {
  SmallVector<Operation *> ops;
  cost::ChainCost cost;
  cost::RowRange rows;

  Value input() const { return ops.front()->getOperand(0); }
  Value result() const { return ops.back()->getResult(0); }
};

algebra::FactorCost costOf(Operation *op) {
  auto inputs = cast<RankedTensorType>(op->getOperand(0).getType()).getShape().back();
  auto outputs = cast<RankedTensorType>(op->getResult(0).getType()).getShape().back();
  if (!isMap(op))
    return {0, 0, {inputs, outputs}};
  double parameters = cast<RankedTensorType>(op->getOperand(1).getType()).getNumElements();
  return {2 * parameters, parameters, {inputs, outputs}};
}

/// The factor that alone reads the rows that `op` gives, if there is one.
Operation *next(Operation *op) {
  Value rows = op->getResult(0);
  Operation *user = rows.hasOneUse() ? *rows.user_begin() : nullptr;
  return isFactor(user) ? user : nullptr; // its other operands are constants
}

/// The chain that ends with `last`; none where there is nothing to choose.
std::optional<MapChain> chainOf(Operation *last, bool reducedPrecision) {
  if (!isFactor(last))
    return std::nullopt;
  // Condition 6 of choose-forms.
  if (!isMap(last))
    return std::nullopt;
  for (Operation *op = next(last); op; op = next(op))
    // Condition 6 of choose-forms.
    if (isMap(op))
      return std::nullopt;
  MapChain chain;
  for (Operation *op = last; isFactor(op); op = op->getOperand(0).getDefiningOp()) {
    // Condition 1 of choose-forms.
    if (op != last && !op->getResult(0).hasOneUse())
      break;
    chain.ops.push_back(op);
  }
  std::reverse(chain.ops.begin(), chain.ops.end());
  while (!chain.ops.empty() && !isMap(chain.ops.front()))
    chain.ops.erase(chain.ops.begin());
  auto type = cast<RankedTensorType>(chain.input().getType());
  if (llvm::count_if(chain.ops, isMap) < 2)
    return std::nullopt;
  // Condition 2 of choose-forms.
  if (!mayCombine(type.getElementType(), reducedPrecision))
    return std::nullopt;
  chain.cost.type = nameOf(type.getElementType());
  for (Operation *op : chain.ops)
    chain.cost.factors.push_back(costOf(op));
  bool isOpen = false;
  for (int64_t extent : type.getShape().drop_back()) {
    isOpen |= ShapedType::isDynamic(extent);
    chain.rows.step *= ShapedType::isDynamic(extent) ? 1 : extent;
  }
  if (chain.rows.step > kMostRows / 2 ||
      // Condition 7 of choose-forms.
      chain.rows.step == 0)
    return std::nullopt;
  chain.rows.most = isOpen ? kMostRows / chain.rows.step * chain.rows.step : chain.rows.step;
  return chain;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

std::optional<algebra::Affine> affineOf(Operation *op) {
  if (!isMap(op)) {
    int64_t inputs = cast<RankedTensorType>(op->getOperand(0).getType()).getShape().back();
    SmallVector<int64_t> indices;
    for (const APInt &index : onnx_ir::constantOf(op->getOperand(1)).getValues<APInt>())
      indices.push_back(index.getSExtValue() + (index.isNegative() ? inputs : 0));
    return algebra::Affine{algebra::Map::selection(inputs, {indices.begin(), indices.end()}), {}};
  }
  std::vector<double> bias;
  if (op->getNumOperands() == 3) {
    std::optional<std::vector<double>> values = readConstant(op->getOperand(2));
    if (!values)
      return std::nullopt;
    bias = std::move(*values);
  }
  if (isa<layer::LinearOp>(op)) {
    std::optional<algebra::Matrix> weight = readMatrix(op->getOperand(1));
    if (!weight)
      return std::nullopt;
    return algebra::Affine{algebra::Map::dense(std::move(*weight)), std::move(bias)};
  }
  std::optional<std::vector<double>> values = readConstant(op->getOperand(1));
  if (!values)
    return std::nullopt;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op->getOperand(1).getType()).getShape();
  size_t each = size_t(shape[1]) * size_t(shape[2]);
  std::vector<algebra::Map> blocks;
  for (auto begin = values->begin(); begin != values->end(); begin += each)
    blocks.push_back(algebra::Map::dense({shape[1], shape[2], {begin, begin + each}}));
  return algebra::Affine{algebra::Map::blockDiagonal(std::move(blocks)), std::move(bias)};
}

struct Product {
  std::vector<double> weight, bias;
};

/// The factors of a run multiplied out; none where a number does not fit the type.
std::optional<Product> multiply(ArrayRef<Operation *> run, Type element) {
  std::optional<algebra::Affine> product = affineOf(run.front());
  for (Operation *op : run.drop_front()) {
    std::optional<algebra::Affine> next = affineOf(op);
    if (!product || !next)
      return std::nullopt;
    product = algebra::compose(*product, *next);
  }
  if (!product)
    return std::nullopt;
  algebra::Matrix weight = product->map.materialise();
  std::vector<double> values(weight.data(), weight.data() + weight.rows() * weight.cols());
  // Condition 3 of choose-forms.
  if (!areFinite(values, element))
    return std::nullopt;
  // Condition 3 of choose-forms.
  if (!areFinite(product->bias, element))
    return std::nullopt;
  return Product{std::move(values), std::move(product->bias)};
}

/// FLOPs of multiplying a run out.
double workOf(const MapChain &chain, const Run &run) {
  double rows = double(chain.cost.factors[run.begin].shape.inputs), work = 0;
  for (size_t i = run.begin + 1; i < run.end; ++i)
    work += rows * chain.cost.factors[i].flopsPerRow;
  return work;
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

/// What is to become of a chain.
struct Plan {
  MapChain chain;
  Choice choice;     ///< the best form for each number of rows
  Form single;       ///< the best of those that stand alone
  double regret;     ///< how much slower that is at worst
  double extraBytes; ///< of weights, if all forms of `choice` are kept
  bool keepsAll = false;
};

Form factored(const MapChain &chain) {
  Form form;
  for (size_t i = 0; i < chain.ops.size(); ++i)
    form.runs.push_back({i, i + 1, false});
  return form;
}

/// Bytes of the weights of all forms together, each weight once.
double bytesOf(const MapChain &chain, ArrayRef<Form> forms) {
  Form all;
  for (const Form &form : forms)
    for (const Run &run : form.runs)
      if (!llvm::is_contained(all.runs, run))
        all.runs.push_back(run);
  return cost::weightBytes(chain.cost, all);
}

Plan planFor(MapChain chain, const cost::Setting &setting) {
  Plan plan;
  plan.choice = cost::fastestForms(chain.cost, chain.rows, setting);
  bool isTooMuch = llvm::any_of(plan.choice.forms, [&](const Form &form) {
    return llvm::any_of(form.runs, [&](const Run &run) { return workOf(chain, run) > kMostWork; });
  });
  if (isTooMuch)
    plan.choice = {{factored(chain)}, {}, 0};
  plan.regret = INFINITY;
  std::vector<Form> candidates = plan.choice.forms;
  if (!llvm::is_contained(candidates, factored(chain)))
    candidates.push_back(factored(chain));
  for (const Form &form : candidates) {
    double regret = cost::regretOf(chain.cost, form, plan.choice, chain.rows, setting);
    if (regret < plan.regret) {
      plan.regret = regret;
      plan.single = form;
    }
  }
  plan.extraBytes = bytesOf(chain, plan.choice.forms) - bytesOf(chain, plan.single);
  plan.chain = std::move(chain);
  return plan;
}

/// Where the most is to be gained, several forms are kept, as far as the budget goes.
void spend(MutableArrayRef<Plan> plans, double budget) {
  SmallVector<Plan *> wanting;
  for (Plan &plan : plans)
    if (plan.regret > kTolerated)
      wanting.push_back(&plan);
  llvm::sort(wanting,
             [](Plan *a, Plan *b) { return std::pair(-a->regret, a) < std::pair(-b->regret, b); });
  for (Plan *plan : wanting)
    if (plan->extraBytes <= budget) {
      plan->keepsAll = true;
      budget -= plan->extraBytes;
    }
}

/// What the literature calls such a chain.
StringRef kindOf(const MapChain &chain) {
  auto isBlocks = [](Operation *op) { return isa<layer::BlockLinearOp>(op); };
  if (llvm::none_of(chain.ops, isBlocks))
    return "lowrank";
  return llvm::any_of(chain.ops, llvm::IsaPred<layer::LinearOp>) ? "blockdense" : "blockshuffle";
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// Products by run, for forms that share them.
class FormBuilder {
public:
  explicit FormBuilder(const MapChain &chain) : chain(chain) {}

  /// Computes the products of a form, before `chain`; false where one cannot be had.
  bool prepare(const Form &form);
  /// The chain in this form, where the builder stands.
  Value build(OpBuilder &b, const Form &form);

private:
  struct Weights {
    Run run;
    Value weight, bias;
  };
  const MapChain &chain;
  SmallVector<Weights> products;

  ArrayRef<Operation *> opsOf(const Run &run) const {
    return ArrayRef(chain.ops).slice(run.begin, run.end - run.begin);
  }
  Location locationOf(const Run &run) const {
    SmallVector<Location> parts;
    for (Operation *op : opsOf(run))
      parts.push_back(op->getLoc());
    return rewritten("choose-forms", parts);
  }
};

bool FormBuilder::prepare(const Form &form) {
  Type element = cast<RankedTensorType>(chain.input().getType()).getElementType();
  OpBuilder b(chain.ops.back());
  for (const Run &run : form.runs) {
    bool isKnown = llvm::any_of(products, [&](const Weights &w) { return w.run == run; });
    if (!run.isDense || isKnown)
      continue;
    std::optional<Product> product = multiply(opsOf(run), element);
    if (!product)
      return false;
    Location loc = locationOf(run);
    int64_t inputs = chain.cost.factors[run.begin].shape.inputs;
    int64_t outputs = chain.cost.factors[run.end - 1].shape.outputs;
    Weights weights{
        run,
        writeConstant(b, loc, RankedTensorType::get({inputs, outputs}, element), product->weight),
        Value()};
    if (!product->bias.empty())
      weights.bias =
          writeConstant(b, loc, RankedTensorType::get({outputs}, element), product->bias);
    products.push_back(weights);
  }
  return true;
}

Value FormBuilder::build(OpBuilder &b, const Form &form) {
  Value value = chain.input();
  for (const Run &run : form.runs) {
    Operation *last = chain.ops[run.end - 1];
    if (run.isDense) {
      auto *weights = llvm::find_if(products, [&](const Weights &w) { return w.run == run; });
      value = layer::LinearOp::create(b, locationOf(run), last->getResult(0).getType(), value,
                                      weights->weight, weights->bias);
      continue;
    }
    IRMapping mapping;
    mapping.map(last->getOperand(0), value);
    value = b.clone(*last, mapping)->getResult(0);
  }
  return value;
}

/// What was considered: the forms of the choice, and those that were not needed.
ArrayAttr considered(Builder &b, const Plan &plan) {
  std::vector<Form> forms = plan.choice.forms;
  for (const Form &form : {factored(plan.chain), Form{{{0, plan.chain.ops.size(), true}}}})
    if (!llvm::is_contained(forms, form))
      forms.push_back(form);
  SmallVector<Attribute> attributes;
  for (const Form &form : forms) {
    SmallVector<DenseF64ArrayAttr> kernels;
    for (const cost::Phase &phase : cost::phasesOf(plan.chain.cost, form, 1))
      kernels.push_back(b.getDenseF64ArrayAttr({phase.flops, phase.weightBytes, phase.valueBytes}));
    attributes.push_back(layer::FormAttr::get(b.getContext(), form.name(), kernels));
  }
  return b.getArrayAttr(attributes);
}

Value buildAlternatives(OpBuilder &b, const Plan &plan, FormBuilder &forms) {
  const MapChain &chain = plan.chain;
  MLIRContext *context = b.getContext();
  auto rank = cast<RankedTensorType>(chain.input().getType()).getRank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  SmallVector<Attribute> lines;
  for (const Choice::Line &line : plan.choice.lines)
    lines.push_back(layer::CaseAttr::get(context, axes, line.bound, int64_t(line.form)));
  std::vector<std::string> texts;
  for (const Form &form : plan.choice.forms)
    texts.push_back(form.name());
  SmallVector<StringRef> names(texts.begin(), texts.end());
  SmallVector<Location> parts;
  for (Operation *op : chain.ops)
    parts.push_back(op->getLoc());
  auto alternatives = layer::AlternativesOp::create(
      b, rewritten("choose-forms", parts), chain.result().getType(), chain.input(),
      b.getArrayAttr(lines), b.getI64IntegerAttr(int64_t(plan.choice.otherwise)),
      b.getStrArrayAttr(names), unsigned(names.size()));
  for (auto [region, form] : llvm::zip(alternatives.getForms(), plan.choice.forms)) {
    OpBuilder inside = OpBuilder::atBlockBegin(&region.emplaceBlock());
    layer::YieldOp::create(inside, alternatives.getLoc(), forms.build(inside, form));
  }
  return alternatives.getResult(0);
}

struct ChooseForms : impl::ChooseFormsBase<ChooseForms> {
  using ChooseFormsBase::ChooseFormsBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (failed(readMachineOption(context, machine, described)))
      return failure();
    llvm::Expected<double> budget = parseSizeBudget(sizeBudget, 0);
    if (!budget)
      return emitError(UnknownLoc::get(context)) << llvm::toString(budget.takeError());
    return success();
  }

  void runOnOperation() override {
    double weights = cost::weightBytesOf(getOperation());
    cost::Setting setting(described, weights);
    std::vector<Plan> plans;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        for (Operation &op : block)
          if (std::optional<MapChain> chain = chainOf(&op, reducedPrecision))
            plans.push_back(planFor(std::move(*chain), setting));
    spend(plans, llvm::cantFail(parseSizeBudget(sizeBudget, weights)));
    for (Plan &plan : plans)
      apply(plan);
  }

  void apply(Plan &plan) {
    FormBuilder forms(plan.chain);
    if (plan.keepsAll &&
        !llvm::all_of(plan.choice.forms, [&](const Form &form) { return forms.prepare(form); }))
      plan.keepsAll = false;
    if (!plan.keepsAll && !forms.prepare(plan.single))
      plan.single = factored(plan.chain);
    OpBuilder b(plan.chain.ops.back());
    ArrayAttr all = considered(b, plan);
    StringAttr kind = b.getStringAttr(kindOf(plan.chain));
    Operation *last = plan.chain.ops.back();
    bool isKept = !plan.keepsAll && plan.single == factored(plan.chain);
    if (!isKept) {
      Value result =
          plan.keepsAll ? buildAlternatives(b, plan, forms) : forms.build(b, plan.single);
      plan.chain.result().replaceAllUsesWith(result);
      for (Operation *op : llvm::reverse(plan.chain.ops))
        op->erase();
      last = result.getDefiningOp();
    }
    last->setAttr(layer::kConsideredAttr, all);
    last->setAttr(layer::kKindAttr, kind);
    if (!plan.keepsAll)
      last->setAttr(layer::kChosenAttr, b.getStringAttr(plan.single.name()));
    ++(plan.keepsAll ? numAlternatives : isKept ? numFactored : numMerged);
  }

  cost::Machine described;
};

} // namespace
} // namespace strut::rewrite
