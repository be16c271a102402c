//===- RecognizePoolMixer.cpp - Pooling as a token mixer ------------------===//
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Recognize/Passes.h"

namespace strut::recognize {
#define GEN_PASS_DEF_RECOGNIZEPOOLMIXER
#include "strut/Recognize/Passes.h.inc"
} // namespace strut::recognize

using namespace mlir;

namespace strut::recognize {
namespace {

using onnx_ir::Op;

int64_t intAttr(onnx_ir::AnyOp op, StringRef name, int64_t otherwise) {
  auto attr = op.attr<IntegerAttr>(name);
  return attr ? attr.getInt() : otherwise;
}

bool isAll(DenseI64ArrayAttr numbers, int64_t number) {
  return !numbers || llvm::all_of(numbers.asArrayRef(), [&](int64_t n) { return n == number; });
}

/// The window of a mean that ends where it began and counts what lies in the image only:
/// the mean of equal numbers is that number at the borders too.
struct Window {
  SmallVector<int64_t> extents, before;
};
std::optional<Window> windowOf(Op<"AveragePool"> op) {
  auto type = dyn_cast<RankedTensorType>(op.in("X").getType());
  auto extents = op.attr<DenseI64ArrayAttr>("kernel_shape"),
       pads = op.attr<DenseI64ArrayAttr>("pads");
  auto padding = op.attr<StringAttr>("auto_pad");
  if (!type || type.getRank() < 3 || !isa<FloatType>(type.getElementType()) || !extents ||
      (padding && padding.getValue() != "NOTSET") ||
      // Condition 1 of recognize-pool-mixer.
      !isAll(op.attr<DenseI64ArrayAttr>("strides"), 1) ||
      // Condition 1 of recognize-pool-mixer.
      !isAll(op.attr<DenseI64ArrayAttr>("dilations"), 1))
    return std::nullopt;
  Window window{llvm::to_vector(extents.asArrayRef()), {}};
  size_t axes = window.extents.size();
  SmallVector<int64_t> around(2 * axes, 0);
  if (pads)
    around = llvm::to_vector(pads.asArrayRef());
  bool countsPads = intAttr(op, "count_include_pad", 0) != 0 && !isAll(pads, 0);
  for (size_t i = 0; i < axes; ++i) {
    if (around[i] < 0 || around[axes + i] < 0 ||
        // Condition 1 of recognize-pool-mixer.
        around[i] + around[axes + i] != window.extents[i] - 1)
      return std::nullopt;
    window.before.push_back(around[i]);
  }
  // Condition 2 of recognize-pool-mixer.
  if (countsPads)
    return std::nullopt;
  return window;
}

/// The normalisation as one group that `image` is, where nothing but these ops reads it:
/// read by others, it is computed all the same.
Op<"GroupNormalization"> normalisationOf(Value image, ArrayRef<Operation *> readers) {
  auto norm = image.getDefiningOp<Op<"GroupNormalization">>();
  bool isOwn = norm && intAttr(norm, "num_groups", 0) == 1 &&
               // Condition 3 of recognize-pool-mixer.
               llvm::all_of(norm->getUsers(),
                            [&](Operation *user) { return llvm::is_contained(readers, user); });
  auto element = cast<RankedTensorType>(image.getType()).getElementType();
  return isOwn && getElementTypeOrSelf(norm.in("scale")) == element ? norm
                                                                    : Op<"GroupNormalization">();
}

/// AveragePool(x) - x, of an image that may be normalised as one group first.
struct PoolLessCentre : OpRewritePattern<Op<"Sub">> {
  PoolLessCentre(MLIRContext *context, unsigned &count, unsigned &normalised)
      : OpRewritePattern(context), count(count), normalised(normalised) {}

  LogicalResult matchAndRewrite(Op<"Sub"> op, PatternRewriter &rewriter) const override {
    auto pool = op.in("A").getDefiningOp<Op<"AveragePool">>();
    Value image = op.in("B");
    if (!pool || !pool->hasOneUse() || pool.in("X") != image ||
        image.getType() != op->getResult(0).getType())
      return failure();
    std::optional<Window> window = windowOf(pool);
    if (!window)
      return failure();
    SmallVector<Location> nodes = {pool.getLoc(), op.getLoc()};
    Value scale;
    FloatAttr epsilon;
    Op<"GroupNormalization"> norm = normalisationOf(image, {pool, op});
    if (norm) {
      nodes.insert(nodes.begin(), norm.getLoc());
      image = norm.in("X");
      scale = norm.in("scale");
      auto given = norm.attr<FloatAttr>("epsilon");
      epsilon = rewriter.getF64FloatAttr(given ? given.getValueAsDouble() : 1e-5);
    }
    // With the mean gone it is equal over the reals, and says so.
    auto name = norm ? rewriter.getStringAttr("recognize-pool-mixer") : StringAttr();
    Location loc = rewriter.getFusedLoc(nodes, name);
    rewriter.replaceOp(op, layer::PoolMixerOp::create(rewriter, loc, image.getType(), image, scale,
                                                      window->extents, window->before, epsilon));
    normalised += bool(norm);
    ++count;
    return success();
  }

  unsigned &count, &normalised;
};

struct RecognizePoolMixerPass : impl::RecognizePoolMixerBase<RecognizePoolMixerPass> {
  void runOnOperation() override {
    unsigned count = 0, normalised = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<PoolLessCentre>(&getContext(), count, normalised);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numPoolMixers += count;
    numNormalised += normalised;
  }
};

} // namespace
} // namespace strut::recognize
