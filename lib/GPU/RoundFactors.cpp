//===- RoundFactors.cpp - Products of f32 by factors of fewer bits --------===//
//
// Weights are stored rounded. Another factor is rounded by the kernel that makes it, if products
// are all that read it, else by a kernel of its own, once for all products.
//
//===----------------------------------------------------------------------===//
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "strut/GPU/CUDA.h"
#include "strut/GPU/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace strut::gpu {
#define GEN_PASS_DEF_ROUNDFACTORS
#include "strut/GPU/Passes.h.inc"
} // namespace strut::gpu

using namespace mlir;

namespace strut::gpu {
namespace {

/// How many of the inputs are factors; they come first.
unsigned factorsOf(kernel::KernelOpInterface op) {
  if (auto contract = dyn_cast<kernel::ContractOp>(op.getOperation()))
    return contract.getNumFactors();
  return isa<kernel::GroupedOp>(op.getOperation())     ? 2
         : isa<kernel::AttentionOp>(op.getOperation()) ? 3
                                                       : 0;
}

/// The op that a value is another view of its operand by.
Operation *viewOf(Value value) {
  Operation *op = value.getDefiningOp();
  return isa_and_present<tensor::ExtractSliceOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)
             ? op
             : nullptr;
}

/// Whether a value is a part of a weight or another view of it, which has no rounded form.
bool isViewOfWeight(Value value) {
  Operation *view = viewOf(value);
  if (!view)
    return false;
  while (Operation *next = viewOf(view->getOperand(0)))
    view = next;
  return view->getOperand(0).getDefiningOp<kernel::UseOp>();
}

/// Whether an op asks for an extent of a value, which it has in any type.
bool isForExtent(OpOperand &operand) { return isa<tensor::DimOp>(operand.getOwner()); }

/// Of f32, and with two halves in every four bytes of a row, which is the least that a kernel for
/// tensor cores copies.
bool canRound(Value factor) {
  auto type = dyn_cast<RankedTensorType>(factor.getType());
  return type && type.getElementType().isF32() && type.getRank() > 0 &&
         !type.isDynamicDim(type.getRank() - 1) && type.getShape().back() % 2 == 0 &&
         !isViewOfWeight(factor);
}

struct RoundFactorsPass : impl::RoundFactorsBase<RoundFactorsPass> {
  using RoundFactorsBase::RoundFactorsBase;

  void runOnOperation() override {
    auto target = dyn_cast<TargetAttr>(getOperation().getTarget());
    if (!target || target.getCapability() < 80)
      return;
    MLIRContext *context = &getContext();
    if (target.getPrecision() == Precision::F16)
      element = Float16Type::get(context);
    else if (target.getPrecision() == Precision::BF16)
      element = BFloat16Type::get(context);
    else
      return;
    conversions.clear(); // of the program before
    maps.clear();
    SmallVector<kernel::KernelOpInterface> products;
    getOperation().walk([&](kernel::KernelOpInterface op) {
      auto factors = op.getKernelInputs().take_front(factorsOf(op));
      if (!factors.empty() && llvm::all_of(factors, canRound))
        products.push_back(op);
    });
    for (kernel::KernelOpInterface op : products) {
      for (OpOperand &factor : op->getOpOperands().take_front(factorsOf(op)))
        factor.set(rounded(factor.get()));
      ++roundedProducts;
    }
    // What nothing reads any more: views before what they are of.
    for (auto [source, made] : llvm::reverse(conversions)) {
      if (viewOf(source))
        source.replaceUsesWithIf(made, isForExtent);
      else if (!source.getDefiningOp<kernel::UseOp>())
        continue;
      if (source.use_empty())
        source.getDefiningOp()->erase();
    }
    for (Value map : maps) {
      Value source = map.getDefiningOp()->getOperand(0);
      if (roundWhereMade(source)) {
        map.replaceAllUsesWith(source);
        map.getDefiningOp()->erase();
      }
    }
  }

private:
  Value rounded(Value source);
  Value roundedByMap(Value source);
  bool roundWhereMade(Value value);

  FloatType element;
  llvm::MapVector<Value, Value> conversions; ///< what was made of each f32
  SmallVector<Value> maps;                   ///< of them, the results of kernels
};

/// The value in the type of the products, made once.
Value RoundFactorsPass::rounded(Value source) {
  if (Value made = conversions.lookup(source))
    return made;
  Value made;
  if (Operation *view = viewOf(source)) {
    Value of = rounded(view->getOperand(0));
    OpBuilder b(view);
    Operation *copy = b.clone(*view);
    copy->setOperand(0, of);
    made = copy->getResult(0);
    made.setType(cast<RankedTensorType>(made.getType()).clone(element));
  } else if (auto use = source.getDefiningOp<kernel::UseOp>()) {
    OpBuilder b(use);
    auto type = kernel::PackedType::get(
        &getContext(), cast<RankedTensorType>(source.getType()),
        cast<kernel::LayoutAttrInterface>(Attribute(RoundedAttr::get(&getContext(), element))));
    made = kernel::UseOp::create(b, use.getLoc(), type, use.getWeightAttr());
    ++roundedWeights;
  } else {
    maps.push_back(made = roundedByMap(source));
  }
  conversions.insert({source, made});
  return made;
}

Value RoundFactorsPass::roundedByMap(Value source) {
  OpBuilder b(&getContext());
  b.setInsertionPointAfterValue(source);
  Location loc = source.getLoc();
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(b, loc, source);
  Value init = tensor::EmptyOp::create(b, loc, extents, element);
  auto identity = b.getMultiDimIdentityMap(extents.size());
  auto map = kernel::MapOp::create(b, loc, init.getType(), source, init, Value(),
                                   b.getAffineMapArrayAttr({identity, identity}));
  Block &body = map.getBody().emplaceBlock();
  b.setInsertionPointToStart(&body);
  Value narrow = arith::TruncFOp::create(b, loc, element, body.addArgument(b.getF32Type(), loc));
  kernel::YieldOp::create(b, loc, narrow);
  return map.getResult(0);
}

/// Makes the kernel that computes a value round it, if its conversion is all that reads it.
bool RoundFactorsPass::roundWhereMade(Value value) {
  auto made = value.getDefiningOp<kernel::KernelOpInterface>();
  auto readers = llvm::count_if(value.getUses(), [](OpOperand &use) { return !isForExtent(use); });
  if (!made || readers != 1)
    return false;
  unsigned number = cast<OpResult>(value).getResultNumber();
  auto empty = made.getKernelInits()[number].getDefiningOp<tensor::EmptyOp>();
  if (!empty)
    return false;
  OpBuilder b(made);
  auto type = cast<RankedTensorType>(value.getType()).clone(element);
  Value init = tensor::EmptyOp::create(b, value.getLoc(), type, empty.getDynamicSizes());
  made->setOperand(made.getKernelInputs().size() + number, init);
  value.setType(type);
  // What an attention yields is a score; its sums are stored in the type of the result.
  if (!isa<kernel::AttentionOp>(made.getOperation())) {
    Operation *yield = made->getRegion(0).front().getTerminator();
    b.setInsertionPoint(yield);
    yield->setOperand(
        number, arith::TruncFOp::create(b, value.getLoc(), element, yield->getOperand(number)));
  }
  if (empty->use_empty())
    empty.erase();
  ++roundedResults;
  return true;
}

} // namespace
} // namespace strut::gpu
