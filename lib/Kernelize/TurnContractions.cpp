//===- TurnContractions.cpp - Products from the other side ----------------===//
#include "FuseKernels.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// contract(x, w) = permute(contract(w, x))
///
/// The columns of a contraction are dimensions of its right-hand side. Mixing over places,
/// x is read across its rows and the result is wanted as x lies: with x on the right the
/// columns are its channels, which are read and written where they lie, and no transposition
/// is left. Equal bits: the sum runs over the same products in the same order.
///
/// A contraction is turned where all that read its result do so along a dimension of lhs, and
/// lhs lies along it, too, or is the result of a contraction that can be turned for that.
struct TurnContraction : OpRewritePattern<kernel::ContractOp> {
  TurnContraction(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  /// Fewer columns, or rows of the new lhs, would not fill the registers.
  static constexpr int64_t fewest = 8;

  /// The dimension that an operand's innermost axis is read by.
  static std::optional<unsigned> innermost(AffineMap map) {
    if (map.getNumResults() == 0)
      return std::nullopt;
    auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
    return dim ? std::optional(dim.getPosition()) : std::nullopt;
  }

  static bool isLong(Value operand, AffineMap map, unsigned d) {
    auto axis = map.getResultPosition(getAffineDimExpr(d, map.getContext()));
    int64_t extent = cast<RankedTensorType>(operand.getType()).getDimSize(*axis);
    return ShapedType::isDynamic(extent) || extent >= fewest;
  }

  /// Whether `d` can become the column.
  static bool canTurn(kernel::ContractOp op, unsigned d) {
    SmallVector<AffineMap> maps = op.getMaps();
    AffineMap written = maps.back();
    std::optional<unsigned> column = innermost(written);
    if (!column || op.getNumFactors() != 2 || writesLoopState(op) ||
        !op.getInit().getDefiningOp<tensor::EmptyOp>() || !maps[0].isProjectedPermutation() ||
        maps[1].isFunctionOfDim(d) || !maps[0].isFunctionOfDim(d) || !written.isFunctionOfDim(d) ||
        !isLong(op.getLhs(), maps[0], d) || !maps[1].isFunctionOfDim(*column) ||
        !isLong(op.getRhs(), maps[1], *column))
      return false;
    if (innermost(maps[0]) == d)
      return true;
    auto before = op.getLhs().getDefiningOp<kernel::ContractOp>();
    if (!before || !before->hasOneUse() || before->getBlock() != op->getBlock())
      return false;
    unsigned axis = *maps[0].getResultPosition(getAffineDimExpr(d, op.getContext()));
    AffineMap init = before.getMaps().back();
    return canTurn(before, init.getDimPosition(axis));
  }

  /// The axis of a value along which a kernel reads it for neighbouring elements of its own
  /// result; none where it does not matter. Fails where that cannot be told.
  static FailureOr<std::optional<unsigned>> axisRead(OpOperand &use) {
    auto user = dyn_cast<kernel::KernelOpInterface>(use.getOwner());
    if (!user || !isa<kernel::ContractOp, kernel::MapOp, kernel::RowsOp>(use.getOwner()) ||
        user->getNumResults() != 1)
      return failure();
    unsigned number = use.getOperandNumber();
    if (number >= user.getKernelInputs().size())
      return failure();
    SmallVector<AffineMap> maps = user.getMaps();
    if (isa<kernel::ContractOp>(use.getOwner()) && number == 0)
      return std::optional<unsigned>();
    std::optional<unsigned> along = innermost(maps.back());
    if (!along || maps[number].getNumResults() == 0)
      return failure();
    // A move goes into what reads its result.
    auto move = dyn_cast<kernel::MapOp>(use.getOwner());
    if (move && asPureMove(move) &&
        llvm::any_of(move->getUsers(), llvm::IsaPred<kernel::KernelOpInterface>)) {
      FailureOr<std::optional<unsigned>> axis = commonAxis(move->getResult(0));
      if (failed(axis) || !*axis)
        return axis;
      auto read = dyn_cast<AffineDimExpr>(maps.back().getResult(**axis));
      if (!read)
        return failure();
      along = read.getPosition();
    }
    return maps[number].getResultPosition(getAffineDimExpr(*along, user.getContext()));
  }

  /// The one axis along which all read a value; none where it does not matter.
  static FailureOr<std::optional<unsigned>> commonAxis(Value value) {
    std::optional<unsigned> wanted;
    for (OpOperand &use : value.getUses()) {
      FailureOr<std::optional<unsigned>> axis = axisRead(use);
      if (failed(axis) || (wanted && *axis && **axis != *wanted))
        return failure();
      if (*axis)
        wanted = *axis;
    }
    return wanted;
  }

  LogicalResult matchAndRewrite(kernel::ContractOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1)
      return failure();
    FailureOr<std::optional<unsigned>> axis = commonAxis(op->getResult(0));
    AffineMap written = op.getMaps().back();
    if (failed(axis) || !*axis || **axis + 1 == written.getNumResults())
      return failure();
    unsigned column = written.getDimPosition(**axis);
    if (!canTurn(op, column))
      return failure();
    turn(op, column, rewriter);
    return success();
  }

  void turn(kernel::ContractOp op, unsigned d, PatternRewriter &rewriter) const {
    SmallVector<AffineMap> maps = op.getMaps();
    if (innermost(maps[0]) != d) {
      auto before = op.getLhs().getDefiningOp<kernel::ContractOp>();
      unsigned axis = *maps[0].getResultPosition(getAffineDimExpr(d, op.getContext()));
      turn(before, before.getMaps().back().getDimPosition(axis), rewriter);
    }
    AffineMap written = maps.back();
    unsigned rank = written.getNumResults();
    // Axes of the result in their new order: that of d last.
    SmallVector<unsigned> order;
    for (unsigned axis = 0; axis < rank; ++axis)
      if (written.getDimPosition(axis) != d)
        order.push_back(axis);
    order.push_back(*written.getResultPosition(getAffineDimExpr(d, op.getContext())));
    kernel::MapOp back =
        writeInOrder(rewriter, op, AffineMap::getPermutationMap(order, op.getContext()));
    auto turned = back.getInputs()[0].getDefiningOp<kernel::ContractOp>();
    rewriter.modifyOpInPlace(turned, [&] {
      maps = turned.getMaps();
      std::swap(maps[0], maps[1]);
      turned.setMaps(maps);
      Value lhs = op.getLhs(), rhs = op.getRhs();
      turned.getInputsMutable()[0].set(rhs);
      turned.getInputsMutable()[1].set(lhs);
    });
    rewriter.replaceOp(op, back);
    ++counts.turned;
  }

  FusionCounts &counts;
};

} // namespace

void addTurnContractions(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<TurnContraction>(patterns.getContext(), counts);
}

} // namespace strut::kernelize
