//===- FoldConstants.cpp - evaluate what depends on constants alone --------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "strut/Evaluate/Evaluate.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Normalize/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace strut::normalize {

#define GEN_PASS_DEF_FOLDCONSTANTS
#include "strut/Normalize/Passes.h.inc"

namespace {

/// A constant this small is always worth its bytes.
constexpr uint64_t kSmallBytes = 64 << 10;
/// How much larger than the constants it is made of a value may be.
constexpr uint64_t kGrowth = 4;
/// Below as many elements in all, generating code costs more than it brings.
constexpr int64_t kWorthwhile = 4096;
/// Integers that form-kernels follows symbolically.
constexpr int64_t kShapeLike = 1024;

int64_t elementsOf(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements(); }

uint64_t bytesOf(Value value) {
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  return elementsOf(value) * llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

bool isArray(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getElementType().isIntOrFloat();
}

bool isShapeArithmetic(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return isa<IntegerType>(type.getElementType()) && type.getRank() <= 1 &&
         type.getNumElements() <= kShapeLike;
}

/// Operators whose result holds nothing that their operands do not say shorter.
bool onlyRepeats(Operation *op) {
  return isa<onnx_ir::Op<"ConstantOfShape">, onnx_ir::Op<"Expand">, onnx_ir::Op<"Tile">,
             onnx_ir::Op<"EyeLike">, onnx_ir::Op<"Range">>(op);
}

/// What of one function can be evaluated.
class ConstantGraph {
public:
  explicit ConstantGraph(func::FuncOp function) : function(function) {}

  void collect();
  /// Leaves what is worth evaluating, and notes the values that are wanted.
  void chooseRoots();
  bool isWorthwhile() const;
  /// A closed function of the roots, in a module of its own.
  OwningOpRef<ModuleOp> cut();

  llvm::SetVector<Operation *> ops;
  SmallVector<Value> roots;

private:
  bool isEvaluable(Operation &op);
  bool isKept(Operation *op);

  func::FuncOp function;
  /// Bytes of the constants behind a value; one behind two paths counts twice.
  DenseMap<Value, uint64_t> behind;
};

bool ConstantGraph::isEvaluable(Operation &op) {
  if (!isa<onnx_ir::AnyOp>(op) || op.getNumRegions() > 0 || !isMemoryEffectFree(&op) ||
      !llvm::all_of(op.getOperands(), [&](Value operand) { return behind.contains(operand); }) ||
      !llvm::all_of(op.getResultTypes(), isArray) || kernelize::unsupportedReason(&op))
    return false;
  uint64_t bytes = 0;
  for (Value operand : op.getOperands())
    bytes += behind.lookup(operand);
  for (Value result : op.getResults())
    if (bytesOf(result) > std::max(kSmallBytes, kGrowth * bytes))
      return false;
  for (Value result : op.getResults())
    behind[result] = bytes;
  return true;
}

void ConstantGraph::collect() {
  for (Operation &op : function.front()) {
    if (isa<onnx_ir::Absent>(op))
      behind[op.getResult(0)] = 0;
    else if (isa<onnx_ir::Op<"Constant">>(op) && isArray(op.getResult(0).getType()))
      behind[op.getResult(0)] = bytesOf(op.getResult(0));
    else if (isEvaluable(op))
      ops.insert(&op);
  }
}

/// Whether the operator stays though it could be evaluated: a value of it would be
/// stored that had better be computed.
bool ConstantGraph::isKept(Operation *op) {
  bool wanted = false;
  for (Value result : op->getResults())
    for (Operation *user : result.getUsers())
      wanted |= !ops.contains(user);
  if (!wanted)
    return op->use_empty();
  return onlyRepeats(op) || llvm::all_of(op->getResults(), isShapeArithmetic);
}

void ConstantGraph::chooseRoots() {
  // From the last to the first: what a kept operator reads is wanted in its turn.
  SmallVector<Operation *> all(ops.begin(), ops.end());
  for (Operation *op : llvm::reverse(all))
    if (isKept(op))
      ops.remove(op);
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !ops.contains(user); }))
        roots.push_back(result);
}

bool ConstantGraph::isWorthwhile() const {
  int64_t elements = 0;
  for (Value root : roots)
    elements += elementsOf(root);
  return elements >= kWorthwhile;
}

OwningOpRef<ModuleOp> ConstantGraph::cut() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(function.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  SmallVector<Type> types = llvm::map_to_vector(roots, [](Value root) { return root.getType(); });
  auto closed =
      func::FuncOp::create(b, function.getLoc(), "constants", b.getFunctionType({}, types));
  b.setInsertionPointToStart(closed.addEntryBlock());
  IRMapping mapping;
  // An operator that stays outside may be read here too, and read others in turn.
  auto copy = [&](auto &&copy, Operation *op) -> void {
    for (Value operand : op->getOperands())
      if (!mapping.contains(operand))
        copy(copy, operand.getDefiningOp());
    b.clone(*op, mapping);
  };
  for (Operation *op : ops)
    if (op->getNumResults() == 0 || !mapping.contains(op->getResult(0)))
      copy(copy, op);
  SmallVector<Value> results =
      llvm::map_to_vector(roots, [&](Value root) { return mapping.lookup(root); });
  func::ReturnOp::create(b, function.getLoc(), results);
  return module;
}

struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    evaluate::getDependentDialects(registry);
  }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration())
        fold(function);
  }

private:
  void fold(func::FuncOp function);
};

/// Whether a user of the value cannot be compiled as long as it is no constant.
bool blocks(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    return isa<onnx_ir::AnyOp>(user) && kernelize::unsupportedReason(user).has_value();
  });
}

/// Whether the value is a weight that is computed: products want a constant there.
bool isComputedWeight(Value value) {
  using namespace onnx_ir;
  Operation *op = value.getDefiningOp();
  while (isa_and_present<Op<"Transpose">, Op<"Reshape">, Op<"Identity">>(op))
    op = op->getOperand(0).getDefiningOp();
  auto type = cast<RankedTensorType>(value.getType());
  return op && !isa<Op<"Constant">>(op) && type.getRank() > 1 &&
         isa<FloatType>(type.getElementType()) &&
         llvm::any_of(value.getUsers(), llvm::IsaPred<Op<"MatMul">, Op<"Gemm">, Op<"Einsum">,
                                                      Op<"Conv">, Op<"ConvTranspose">>);
}

/// Whether the value says how long a range is, as a float: only of a constant it is known.
bool isLength(Value value) {
  return isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()) &&
         llvm::any_of(value.getUsers(), llvm::IsaPred<onnx_ir::Op<"Range">>);
}

/// Whether the value is one number that values of heads, [batch, heads, rows, columns], are
/// multiplied or divided by: attention is known by its formula, where the factor may be a root of
/// their extent.
bool isFactorOfHeads(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return isa<FloatType>(type.getElementType()) && type.getNumElements() == 1 &&
         llvm::any_of(value.getUsers(), [](Operation *user) {
           if (!isa<onnx_ir::Op<"Mul">, onnx_ir::Op<"Div">>(user))
             return false;
           auto result = dyn_cast<RankedTensorType>(user->getResult(0).getType());
           return result && result.getRank() == 4;
         });
}

/// Samples of a function, which cost more to compute than to read.
bool isSampled(Operation *op) {
  using namespace onnx_ir;
  return isa<Op<"HannWindow">, Op<"HammingWindow">, Op<"BlackmanWindow">, Op<"MelWeightMatrix">>(
      op);
}

void FoldConstants::fold(func::FuncOp function) {
  ConstantGraph graph(function);
  graph.collect();
  graph.chooseRoots();
  auto isWanted = [](Value root) {
    return blocks(root) || isComputedWeight(root) || isLength(root) || isFactorOfHeads(root);
  };
  if (graph.roots.empty() || (!graph.isWorthwhile() && llvm::none_of(graph.roots, isWanted) &&
                              llvm::none_of(graph.ops, isSampled)))
    return;
  OwningOpRef<ModuleOp> module = graph.cut();
  auto values = evaluate::evaluate(*module->getOps<func::FuncOp>().begin());
  if (!values) {
    // An expression that is too large or cannot be compiled alone is still right.
    function.emitRemark() << "constants are not folded: " << toString(values.takeError());
    return;
  }
  for (auto [root, value] : llvm::zip(graph.roots, *values)) {
    OpBuilder b(root.getDefiningOp());
    StringRef name = onnx_ir::nodeNameOf(root.getLoc());
    ElementsAttr attr = evaluate::Array::toAttr(std::move(value), name.empty() ? "folded" : name);
    Value constant =
        onnx_ir::Op<"Constant">::create(b, root.getLoc(), {}, b.getNamedAttr("value", attr))
            ->getResult(0);
    root.replaceAllUsesWith(constant);
    ++numConstants;
  }
  for (Operation *op : llvm::reverse(graph.ops)) {
    op->erase();
    ++numFolded;
  }
}

} // namespace
} // namespace strut::normalize
