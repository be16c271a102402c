//===- MergeConvolutions.cpp - merge the branches of a sum of convolutions -===//
#include "Constants.h"
#include "Sums.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_MERGECONVOLUTIONS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using onnx_ir::Op;

/// One axis of a window: the tap that stands at the place itself, those before and
/// after it, and by how much all windows together are smaller than the image.
struct Reach {
  int64_t before, after, loss, stride;
};

/// A map of windows of [N, in, spatial...] to [N, out, spatial...]; zeros lie around
/// the image.
struct Branch {
  SmallVector<Value> addends; ///< of the sum
  SmallVector<Location> locations;
  Value image;
  int64_t in, out, groups;
  SmallVector<Reach> window;
  /// In f64, [out, in / groups, window...] and [out]; filled by load().
  std::vector<double> weight, bias;
  std::function<bool(Branch &)> load;
  bool isConvolution;

  int64_t taps() const {
    int64_t product = 1;
    for (const Reach &axis : window)
      product *= axis.before + axis.after + 1;
    return product;
  }
  /// Multiplications for each place of the result.
  double products() const { return double(out) * (in / groups) * taps(); }
};

//===----------------------------------------------------------------------===//
// Reading branches
//===----------------------------------------------------------------------===//

bool readInto(std::vector<double> &numbers, Value constant) {
  std::optional<std::vector<double>> read = readConstant(constant);
  if (read)
    numbers = std::move(*read);
  return read.has_value();
}

bool isFoldable(Value constant) { return onnx_ir::constantOf(constant) != nullptr; }

SmallVector<int64_t> integers(onnx_ir::AnyOp op, StringRef name, size_t size, int64_t otherwise) {
  auto given = op.attr<DenseI64ArrayAttr>(name);
  return given ? llvm::to_vector(given.asArrayRef()) : SmallVector<int64_t>(size, otherwise);
}

std::optional<Branch> convolution(Op<"Conv"> op) {
  Value weight = op.in("W"), bias = op.in("B");
  auto padding = op.attr<StringAttr>("auto_pad");
  bool isValid = padding && padding.getValue() == "VALID";
  // Condition 3 of merge-convolutions.
  if (!isFoldable(weight))
    return std::nullopt;
  // Condition 3 of merge-convolutions.
  if (bias && !isFoldable(bias))
    return std::nullopt;
  // Condition 2 of merge-convolutions.
  if (padding && !isValid && padding.getValue() != "NOTSET")
    return std::nullopt;
  auto type = cast<RankedTensorType>(weight.getType());
  size_t rank = type.getRank() - 2;
  SmallVector<int64_t> pads = integers(op, "pads", 2 * rank, 0),
                       strides = integers(op, "strides", rank, 1),
                       dilations = integers(op, "dilations", rank, 1);
  if (isValid)
    pads.assign(2 * rank, 0);
  auto group = op.attr<IntegerAttr>("group");
  Branch branch;
  branch.groups = group ? group.getInt() : 1;
  branch.image = op.in("X");
  branch.out = type.getDimSize(0);
  branch.in = type.getDimSize(1) * branch.groups;
  branch.isConvolution = true;
  for (size_t i = 0; i < rank; ++i) {
    int64_t taps = type.getDimSize(2 + i);
    // Condition 1 of merge-convolutions.
    if (dilations[i] != 1 && taps != 1)
      return std::nullopt;
    branch.window.push_back(
        {pads[i], taps - 1 - pads[i], taps - 1 - pads[i] - pads[rank + i], strides[i]});
  }
  branch.load = [weight, bias](Branch &self) {
    self.bias.assign(self.out, 0);
    return readInto(self.weight, weight) && (!bias || readInto(self.bias, bias));
  };
  return branch;
}

/// A factor and an addend per channel, which `load` is to give as diagonal and bias.
std::optional<Branch> perChannel(Value image, std::function<bool(Branch &)> load) {
  auto type = cast<RankedTensorType>(image.getType());
  // Condition 8 of merge-convolutions.
  if (type.getRank() < 3)
    return std::nullopt;
  Branch branch;
  branch.image = image;
  branch.in = branch.out = branch.groups = type.getDimSize(1);
  branch.window.assign(type.getRank() - 2, {0, 0, 0, 1});
  branch.load = std::move(load);
  branch.isConvolution = false;
  return branch;
}

std::optional<Branch> normalisation(Op<"BatchNormalization"> op) {
  SmallVector<Value, 4> statistics = {op.in("scale"), op.in("B"), op.in("input_mean"),
                                      op.in("input_var")};
  auto training = op.attr<IntegerAttr>("training_mode");
  // Condition 3 of merge-convolutions.
  if (!llvm::all_of(statistics, isFoldable))
    return std::nullopt;
  // Condition 3 of merge-convolutions.
  if (training && training.getInt() != 0)
    return std::nullopt;
  auto given = op.attr<FloatAttr>("epsilon");
  double epsilon = given ? given.getValueAsDouble() : 1e-5;
  return perChannel(op.in("X"), [=](Branch &self) {
    std::vector<double> &scale = self.weight, &shift = self.bias, mean, variance;
    if (!readInto(scale, statistics[0]) || !readInto(shift, statistics[1]) ||
        !readInto(mean, statistics[2]) || !readInto(variance, statistics[3]))
      return false;
    for (int64_t c = 0; c < self.out; ++c) {
      scale[c] /= std::sqrt(variance[c] + epsilon);
      shift[c] -= mean[c] * scale[c];
    }
    return true;
  });
}

std::optional<Branch> identity(Value image) {
  return perChannel(image, [](Branch &self) {
    self.weight.assign(self.out, 1);
    self.bias.assign(self.out, 0);
    return true;
  });
}

/// What an addend is a map of; several readings for one that no operator of its own
/// computes are left to the caller.
std::optional<Branch> branchOf(Value addend) {
  std::optional<Branch> branch;
  bool isOwn =
      // Condition 3 of merge-convolutions.
      addend.hasOneUse();
  if (isOwn) {
    if (auto conv = addend.getDefiningOp<Op<"Conv">>())
      branch = convolution(conv);
    else if (auto norm = addend.getDefiningOp<Op<"BatchNormalization">>())
      branch = normalisation(norm);
  }
  if (!branch)
    branch = identity(addend);
  if (branch) {
    branch->addends = {addend};
    if (addend != branch->image)
      branch->locations = {addend.getLoc()};
  }
  return branch;
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

/// The map that is the sum of two, without its weight; none where they may not merge.
std::optional<Branch> cover(const Branch &a, const Branch &b) {
  // Condition 1 of merge-convolutions.
  if (a.image != b.image)
    return std::nullopt;
  // Condition 2 of merge-convolutions.
  if (a.out != b.out)
    return std::nullopt;
  int64_t groups = std::min(a.groups, b.groups);
  // Condition 6 of merge-convolutions.
  if (a.groups % groups != 0 || b.groups % groups != 0)
    return std::nullopt;
  Branch merged = a;
  merged.groups = groups;
  merged.isConvolution |= b.isConvolution;
  merged.addends.append(b.addends);
  merged.locations.append(b.locations);
  for (auto [axis, other] : llvm::zip(merged.window, b.window)) {
    // Condition 1 of merge-convolutions.
    if (axis.stride != other.stride)
      return std::nullopt;
    // Condition 2 of merge-convolutions.
    if (axis.loss != other.loss)
      return std::nullopt;
    axis.before = std::max(axis.before, other.before);
    axis.after = std::max(axis.after, other.after);
  }
  // Condition 5 of merge-convolutions.
  if (merged.products() > a.products() + b.products())
    return std::nullopt;
  return merged;
}

/// Adds the weight of `part` to that of `whole`, which covers it.
void accumulate(Branch &whole, const Branch &part) {
  int64_t perPart = part.in / part.groups, perWhole = whole.in / whole.groups;
  int64_t partTaps = part.taps(), wholeTaps = whole.taps();
  for (int64_t tap = 0; tap < partTaps; ++tap) {
    // The tap's place in the larger window, from the last axis to the first.
    int64_t rest = tap, at = 0, step = 1;
    for (auto [small, large] : llvm::reverse(llvm::zip(part.window, whole.window))) {
      int64_t extent = small.before + small.after + 1;
      at += (rest % extent + large.before - small.before) * step;
      rest /= extent;
      step *= large.before + large.after + 1;
    }
    for (int64_t o = 0; o < part.out; ++o)
      for (int64_t i = 0; i < perPart; ++i) {
        int64_t channel = o / (part.out / part.groups) * perPart + i;
        int64_t within = channel - o / (whole.out / whole.groups) * perWhole;
        whole.weight[(o * perWhole + within) * wholeTaps + at] +=
            part.weight[(o * perPart + i) * partTaps + tap];
      }
  }
  for (auto [to, from] : llvm::zip(whole.bias, part.bias))
    to += from;
}

/// Branches that merge, and the map that they become.
struct Merge {
  Branch whole;
  std::vector<Branch> parts;
};

/// The larger ones first, so that the others find their place in them.
std::vector<Merge> mergesOf(ArrayRef<Value> addends) {
  std::vector<Branch> branches;
  for (Value addend : addends)
    if (std::optional<Branch> branch = branchOf(addend))
      branches.push_back(std::move(*branch));
  llvm::stable_sort(branches,
                    [](const Branch &a, const Branch &b) { return a.products() > b.products(); });
  std::vector<Merge> merges;
  for (Branch &branch : branches) {
    bool found = false;
    for (Merge &merge : merges) {
      std::optional<Branch> whole = cover(merge.whole, branch);
      if (!whole)
        continue;
      merge.whole = std::move(*whole);
      merge.parts.push_back(branch);
      found = true;
      break;
    }
    if (!found)
      merges.push_back({branch, {branch}});
  }
  llvm::erase_if(merges, [](const Merge &merge) {
    return merge.parts.size() < 2 || !merge.whole.isConvolution;
  });
  return merges;
}

/// Fills the weight of the whole; false where a constant cannot be read, or a number is not
/// finite in its type.
bool load(Merge &merge, Type element) {
  Branch &whole = merge.whole;
  whole.weight.assign(whole.out * (whole.in / whole.groups) * whole.taps(), 0);
  whole.bias.assign(whole.out, 0);
  for (Branch &part : merge.parts) {
    if (!part.load(part))
      return false;
    accumulate(whole, part);
    part.weight = {};
  }
  return
      // Condition 7 of merge-convolutions.
      areFinite(whole.weight, element) &&
      // Condition 7 of merge-convolutions.
      areFinite(whole.bias, element);
}

/// The convolution that a loaded map is.
Value build(OpBuilder &b, const Branch &whole, RankedTensorType result) {
  Location loc = rewritten("merge-convolutions", whole.locations);
  SmallVector<int64_t> shape = {whole.out, whole.in / whole.groups}, low, high, strides, ones;
  for (const Reach &axis : whole.window) {
    shape.push_back(axis.before + axis.after + 1);
    low.push_back(axis.before);
    high.push_back(axis.after - axis.loss);
    strides.push_back(axis.stride);
    ones.push_back(1);
  }
  low.append(high);
  Type element = result.getElementType();
  Value weight = writeConstant(b, loc, RankedTensorType::get(shape, element), whole.weight);
  Value bias = writeConstant(b, loc, RankedTensorType::get({whole.out}, element), whole.bias);
  auto conv = Op<"Conv">::create(
      b, loc, {whole.image, weight, bias},
      {b.getNamedAttr("group", b.getI64IntegerAttr(whole.groups)),
       b.getNamedAttr("kernel_shape", b.getDenseI64ArrayAttr(ArrayRef(shape).drop_front(2))),
       b.getNamedAttr("pads", b.getDenseI64ArrayAttr(low)),
       b.getNamedAttr("strides", b.getDenseI64ArrayAttr(strides)),
       b.getNamedAttr("dilations", b.getDenseI64ArrayAttr(ones))});
  conv->getResult(0).setType(result);
  return conv->getResult(0);
}

template <typename SumOp> struct MergeBranches : OpRewritePattern<SumOp> {
  MergeBranches(MLIRContext *context, bool reducedPrecision, unsigned &count)
      : OpRewritePattern<SumOp>(context), reducedPrecision(reducedPrecision), count(count) {}

  LogicalResult matchAndRewrite(SumOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> addends;
    RankedTensorType type = addendsOf(op->getResult(0), reducedPrecision, addends);
    if (!type)
      return failure();
    SmallVector<Value> candidates;
    for (Value addend : addends)
      if (
          // Condition 2 of merge-convolutions.
          addend.getType() == type)
        candidates.push_back(addend);
    std::vector<Merge> merges = mergesOf(candidates);
    llvm::erase_if(merges, [&](Merge &merge) { return !load(merge, type.getElementType()); });
    if (merges.empty())
      return failure();
    for (Merge &merge : merges) {
      llvm::erase_if(addends,
                     [&](Value addend) { return llvm::is_contained(merge.whole.addends, addend); });
      // First, for it has the type of the sum.
      addends.insert(addends.begin(), build(rewriter, merge.whole, type));
      count += merge.parts.size() - 1;
    }
    rewriter.replaceOp(op, sumOf(rewriter, op.getLoc(), addends));
    return success();
  }

  bool reducedPrecision;
  unsigned &count;
};

struct MergeConvolutions : impl::MergeConvolutionsBase<MergeConvolutions> {
  using MergeConvolutionsBase::MergeConvolutionsBase;

  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<MergeBranches<Op<"Add">>, MergeBranches<Op<"Sum">>>(&getContext(),
                                                                     reducedPrecision, count);
    // A sum before its parts, so that one sees all branches.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(false);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    numMerged += count;
  }
};

} // namespace
} // namespace strut::rewrite
