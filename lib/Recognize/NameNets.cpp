//===- NameNets.cpp - What compositions of layers are called ---------------===//
//
// A net is maps with something else between. It is found from what it reads, by following
// operands back through maps and functions, so that neither the order of operands nor what the
// model's file called things plays a part.
//
//===----------------------------------------------------------------------===//
#include "NetPaths.h"
#include "strut/Recognize/ConstantView.h"
#include "strut/Recognize/Passes.h"

namespace strut::recognize {
#define GEN_PASS_DEF_NAMENETS
#include "strut/Recognize/Passes.h.inc"
} // namespace strut::recognize

using namespace mlir;

namespace strut::recognize {
namespace {

using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// The kinds
//===----------------------------------------------------------------------===//

/// f(x V) (x W), and the map after it.
bool isGated(Operation *op, Members &ops) {
  if (!isa<Op<"Mul">>(op))
    return false;
  std::optional<Path> left = pathTo(op->getOperand(0), true),
                      right = pathTo(op->getOperand(1), true);
  if (!left || !right || left->root != right->root || left->functions + right->functions == 0 ||
      left->ops.getArrayRef() == right->ops.getArrayRef())
    return false;
  ops.insert_range(left->ops);
  ops.insert_range(right->ops);
  ops.insert(op);
  extend(ops);
  return true;
}

/// A gated net with chosen channels changed and written back, or with a test whether its values
/// lie within a box.
bool isUnlearned(Operation *op, Members &ops) {
  if (!isGated(op, ops))
    return false;
  bool isChanged = llvm::any_of(ops, llvm::IsaPred<Op<"ScatterND">>);
  for (Operation *part : op->getUsers()) {
    bool above = false, below = false;
    for (Operation *test : movesOrScales(part) ? part->getUsers() : op->getUsers()) {
      bool greater = isa<Op<"Greater">, Op<"GreaterOrEqual">>(test);
      if (!(greater || isa<Op<"Less">, Op<"LessOrEqual">>(test)) || !onlyOperand(test))
        continue;
      (greater == isConstant(test->getOperand(1)) ? above : below) = true;
      ops.insert(test);
    }
    isChanged |= above && below;
  }
  return isChanged;
}

/// Whether the end of a slice of a weight is known at run time.
bool isNarrowed(Value weight) {
  Operation *op = weight.getDefiningOp();
  if (isa_and_present<Op<"Transpose">>(op))
    op = op->getOperand(0).getDefiningOp();
  auto slice = dyn_cast_or_null<Op<"Slice">>(op);
  return slice && isConstant(slice.in("data")) && !isConstant(slice.in("ends"));
}

/// f(x W) of a number of channels known at run time, or times a mask of so many.
bool isPrefix(Operation *op, Members &ops) {
  if (auto map = dyn_cast<layer::LinearOp>(op); map && isNarrowed(map.getWeight())) {
    std::optional<Path> path = pathTo(map.getInput(), true);
    if (!path || path->functions == 0)
      return false;
    ops.insert_range(path->ops);
    ops.insert(op);
    extend(ops);
    return true;
  }
  if (!isa<Op<"Mul">>(op))
    return false;
  for (unsigned i : {0, 1}) {
    Operation *cast = op->getOperand(1 - i).getDefiningOp();
    Operation *less =
        isa_and_present<Op<"Cast">>(cast) ? cast->getOperand(0).getDefiningOp() : nullptr;
    std::optional<Path> path = pathTo(op->getOperand(i), true);
    if (!path || !isa_and_present<Op<"Less">, Op<"LessOrEqual">>(less) ||
        !isConstant(less->getOperand(0)) ||
        widthOf(less->getResult(0)) != widthOf(op->getResult(0)) ||
        widthOf(less->getOperand(1)) > 1)
      continue;
    ops.insert_range(path->ops);
    ops.insert(less);
    ops.insert(cast);
    ops.insert(op);
    extend(ops);
    return true;
  }
  return false;
}

/// Whether `value` is `root` through maps, at least two, and products with what depends on the
/// data: the update of a routed LoRA layer.
bool isRoutedUpdate(Value value, Value root, Members &ops, unsigned &maps, int64_t &narrowest,
                    bool &routed, unsigned depth = 0) {
  constexpr unsigned deepest = 12;
  if (value == root)
    return maps > 0;
  Operation *op = value.getDefiningOp();
  if (!op || depth > deepest)
    return false;
  SmallVector<Value> open;
  if (isMap(op)) {
    ++maps;
    narrowest = std::min(narrowest, widthOf(op->getOperand(0)));
    open.push_back(op->getOperand(0));
  } else if (movesOrScales(op) && before(op)) {
    open.push_back(before(op));
  } else if (isa<Op<"Mul">>(op)) {
    open.assign(op->operand_begin(), op->operand_end());
  }
  for (Value next : open) {
    unsigned more = maps;
    int64_t least = narrowest;
    bool also = routed || open.size() > 1;
    if (!isRoutedUpdate(next, root, ops, more, least, also, depth + 1))
      continue;
    maps = more, narrowest = least, routed = also;
    ops.insert(op);
    return true;
  }
  return false;
}

/// What a KAN's maps read: features of x that tell intervals apart.
bool isBasis(Value value, Value root, Members &ops) {
  SmallVector<Value> open = {value};
  Members found;
  bool atLeast = false, less = false;
  constexpr unsigned most = 400;
  while (!open.empty()) {
    Value at = open.pop_back_val();
    Operation *op = at.getDefiningOp();
    if (at == root || isConstant(at) || (op && found.contains(op)))
      continue;
    bool pointwise = isa_and_present<Op<"Mul">, Op<"Add">, Op<"Sub">, Op<"Div">, Op<"And">,
                                     Op<"Cast">, Op<"Where">, Op<"Not">>(op);
    if (!op || found.size() >= most ||
        !(pointwise || movesOrScales(op) || isa<Op<"Less">, Op<"GreaterOrEqual">>(op)))
      return false;
    less |= isa<Op<"Less">>(op);
    atLeast |= isa<Op<"GreaterOrEqual">>(op) || isa<Op<"Not">>(op);
    found.insert(op);
    if (isa<Op<"Reshape">>(op))
      open.push_back(op->getOperand(0));
    else
      llvm::append_range(open, op->getOperands());
  }
  if (!less || !atLeast)
    return false;
  ops.insert_range(found);
  return true;
}

/// A sum with a map of x: beside it a net of x, updates by a few features, or a map of a basis.
StringRef kindOfSum(Operation *op, Members &ops) {
  if (!isa<Op<"Add">, Op<"Sum">>(op))
    return "";
  SmallVector<Value> addends = addendsOf(op);
  for (Value linear : addends) {
    // The base of a KAN is a map of a function of x.
    std::optional<Path> base = pathTo(linear, true);
    if (!base)
      continue;
    for (Value other : addends) {
      if (other == linear)
        continue;
      std::optional<Path> net = pathTo(other, false);
      Value middle = net ? net->root : Value();
      Value x = base->root;
      while (Operation *function = x.getDefiningOp())
        if (isFunction(function) || isa<Op<"Reshape">>(function))
          x = function->getOperand(0);
        else
          break;
      std::optional<Path> inner = middle ? pathTo(middle, true) : std::nullopt;
      bool dual =
          base->functions == 0 && inner && inner->root == base->root && inner->functions > 0;
      bool kan = middle && middle != x && isBasis(middle, x, ops);
      unsigned maps = 0;
      int64_t narrowest = INT64_MAX;
      bool routed = false, lora = base->functions == 0 &&
                                  isRoutedUpdate(other, base->root, ops, maps, narrowest, routed) &&
                                  routed && maps > 1 && narrowest < widthOf(base->root);
      if (!dual && !kan && !lora) {
        ops.clear();
        continue;
      }
      ops.insert_range(base->ops);
      if (!lora)
        ops.insert_range(net->ops);
      if (dual)
        ops.insert_range(inner->ops);
      ops.insert(op);
      return dual ? "dual" : kan ? "kan" : "lora";
    }
  }
  return "";
}

/// Whether the numbers of a weight are spread as a standard normal ones: frozen features.
bool isStandardNormal(Value weight) {
  std::optional<ConstantView> view = ConstantView::of(weight);
  std::optional<std::vector<double>> numbers = view ? view->numbers() : std::nullopt;
  if (!numbers || numbers->empty())
    return false;
  double sum = 0, squares = 0, count = double(numbers->size());
  for (double number : *numbers) {
    sum += number;
    squares += number * number;
  }
  double mean = sum / count, variance = squares / count - mean * mean;
  double spread = 4 * std::sqrt(2 / count); // four standard deviations of a variance
  return std::abs(mean) < spread && std::abs(variance - 1) < spread;
}

/// max(x G, 0) W with G drawn and frozen, or exp(..) cos(..), exp(..) sin(..) of x G.
bool isRandomFeature(Operation *op, Members &ops) {
  if (!isMap(op))
    return false;
  Value features = op->getOperand(0);
  Members moves;
  while (Operation *move = features.getDefiningOp()) {
    if (!isa<Op<"Mul">, Op<"Div">>(move) || !onlyOperand(move))
      break;
    moves.insert(move);
    features = onlyOperand(move);
  }
  Operation *function = features.getDefiningOp();
  if (isa_and_present<Op<"Relu">>(function)) {
    auto first = function->getOperand(0).getDefiningOp<layer::LinearOp>();
    if (!first || first.getBias())
      return false;
    auto [inputs, outputs] = first.getMapShape();
    if (outputs >= inputs || !isStandardNormal(first.getWeight()))
      return false;
    ops.insert(first);
    ops.insert(function);
  } else if (isa_and_present<Op<"Concat">>(function)) {
    bool sine = false, cosine = false, exponential = false;
    for (Value part : function->getOperands()) {
      Operation *product = part.getDefiningOp();
      if (!isa_and_present<Op<"Mul">>(product))
        return false;
      ops.insert(product);
      for (Value factor : product->getOperands())
        if (Operation *wave = factor.getDefiningOp()) {
          sine |= isa<Op<"Sin">>(wave);
          cosine |= isa<Op<"Cos">>(wave);
          exponential |= isa<Op<"Exp">>(wave);
          ops.insert(wave);
        }
    }
    if (!sine || !cosine || !exponential)
      return false;
    ops.insert(function);
  } else {
    return false;
  }
  ops.insert_range(moves);
  ops.insert(op);
  return true;
}

/// |x D|² by pairs of features, divided by its sum over the row.
bool isFourierHead(Operation *op, Members &ops) {
  auto sum = isa<Op<"Div">>(op) ? op->getOperand(1).getDefiningOp<Op<"ReduceSum">>() : nullptr;
  Operation *pairs =
      sum && sum->getOperand(0) == op->getOperand(0) ? op->getOperand(0).getDefiningOp() : nullptr;
  if (!isa_and_present<Op<"Add">>(pairs))
    return false;
  Value root;
  for (Value square : pairs->getOperands()) {
    Operation *product = square.getDefiningOp();
    bool isSquare =
        isa_and_present<Op<"Mul">>(product) && product->getOperand(0) == product->getOperand(1);
    isSquare |= isa_and_present<Op<"Pow">>(product) && onlyOperand(product);
    std::optional<Path> path = isSquare ? pathTo(product->getOperand(0), false) : std::nullopt;
    if (!path || (root && path->root != root))
      return false;
    root = path->root;
    ops.insert_range(path->ops);
    ops.insert(product);
  }
  ops.insert(pairs);
  ops.insert(sum);
  ops.insert(op);
  return true;
}

struct NameNets : impl::NameNetsBase<NameNets> {
  void runOnOperation() override {
    int32_t number = 0;
    Builder b(&getContext());
    getOperation().walk([&](Operation *op) {
      Members ops;
      StringRef kind = kindOf(op, ops);
      auto isNamed = [](Operation *member) { return member->hasAttr(kNetAttr); };
      if (kind.empty() || llvm::any_of(ops, isNamed))
        return;
      auto net = b.getDictionaryAttr({b.getNamedAttr("kind", b.getStringAttr(kind)),
                                      b.getNamedAttr("number", b.getI32IntegerAttr(number++))});
      for (Operation *member : ops)
        member->setAttr(kNetAttr, net);
    });
    numNets += number;
  }

  static StringRef kindOf(Operation *op, Members &ops) {
    if (op->getNumResults() != 1 || op->getParentOfType<layer::AlternativesOp>())
      return "";
    using Test = bool (*)(Operation *, Members &);
    for (auto [kind, test] : {std::pair<StringRef, Test>("prefix", isPrefix),
                              {"unlearned", isUnlearned},
                              {"gated", isGated},
                              {"random_feature", isRandomFeature},
                              {"fourier_head", isFourierHead}}) {
      if (test(op, ops))
        return kind;
      ops.clear();
    }
    return kindOfSum(op, ops);
  }
};

} // namespace
} // namespace strut::recognize
