//===- CompressLinear.cpp - factors in place of dense weights, on request -===//
#include "Constants.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/Remarks.h"
#include "strut/Algebra/Approximate.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace strut::rewrite {
#define GEN_PASS_DEF_COMPRESSLINEAR
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Factors;
using algebra::Matrix;
using layer::BlockLinearOp;
using layer::LinearOp;
using onnx_ir::Op;

/// Numbers of blocks that are tried: one is low rank.
const std::vector<int64_t> kBlocks = {1, 2, 4, 8, 16};

/// Rounds to what will be stored.
void round(Matrix &matrix, Type element) {
  if (element.isF32())
    std::transform(matrix.data(), matrix.data() + matrix.rows() * matrix.cols(), matrix.data(),
                   [](double x) { return double(float(x)); });
}

/// The values of equally large matrices, one after the other.
std::vector<double> flat(ArrayRef<Matrix> matrices) {
  std::vector<double> values;
  for (const Matrix &matrix : matrices)
    values.insert(values.end(), matrix.data(), matrix.data() + matrix.rows() * matrix.cols());
  return values;
}

/// Whether a weight, and what it is the transposition of, has one reader.
bool isReadOnce(Value weight) {
  auto transpose = weight.getDefiningOp<Op<"Transpose">>();
  return weight.hasOneUse() &&
         // Condition 3 of compress-linear.
         (!transpose || transpose.in("data").hasOneUse());
}

/// Factors of the weight that keep the tolerance as they are stored.
std::optional<Factors> factorsOf(const Matrix &weight, Type element, double tolerance,
                                 double &error) {
  std::optional<Factors> factors = algebra::approximate(weight, tolerance, kBlocks);
  if (!factors)
    return std::nullopt;
  for (std::vector<Matrix> *side : {&factors->first, &factors->second})
    for (Matrix &matrix : *side)
      round(matrix, element);
  error = algebra::relativeError(factors->materialise(), weight);
  // Condition 4 of compress-linear.
  if (error > tolerance)
    return std::nullopt;
  return factors;
}

/// The layers that compute with factors in place of `op`'s weight.
Value build(OpBuilder &b, LinearOp op, const Factors &factors) {
  Location loc = rewritten("compress-linear", op.getLoc());
  Type element = op.getType().getElementType();
  int64_t rows = factors.first[0].rows(), middle = factors.first[0].cols(),
          cols = factors.second[0].cols();
  auto weight = [&](ArrayRef<Matrix> side, int64_t inputs, int64_t outputs) {
    SmallVector<int64_t> shape = {inputs, outputs};
    if (side.size() > 1)
      shape.insert(shape.begin(), side.size());
    return writeConstant(b, loc, RankedTensorType::get(shape, element), flat(side));
  };
  SmallVector<int64_t> between(op.getType().getShape());
  between.back() = factors.blocks * middle;
  auto middleType = RankedTensorType::get(between, element);
  Value first = weight(factors.first, rows, middle), second = weight(factors.second, middle, cols);
  if (factors.blocks == 1) {
    Value down = LinearOp::create(b, loc, middleType, op.getInput(), first, Value());
    return LinearOp::create(b, loc, op.getType(), down, second, op.getBias());
  }
  Value down = BlockLinearOp::create(b, loc, middleType, op.getInput(), first, Value());
  std::vector<int64_t> from = factors.shuffle();
  auto indexType = RankedTensorType::get({int64_t(from.size())}, b.getI64Type());
  auto indices = b.getNamedAttr("value", DenseElementsAttr::get(indexType, ArrayRef(from)));
  Value order = Op<"Constant">::create(b, loc, {}, indices)->getResult(0);
  auto axis = b.getNamedAttr("axis", b.getI64IntegerAttr(between.size() - 1));
  Value shuffled = Op<"Gather">::create(b, loc, {down, order}, axis)->getResult(0);
  shuffled.setType(middleType);
  return BlockLinearOp::create(b, loc, op.getType(), shuffled, second, op.getBias());
}

struct CompressLinear : impl::CompressLinearBase<CompressLinear> {
  using CompressLinearBase::CompressLinearBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (tolerance > 0 && tolerance < 1)
      return success();
    return emitError(UnknownLoc::get(context))
           << "the error of a compressed weight is a share of it: more than 0 and less than 1, not "
           << tolerance;
  }

  void runOnOperation() override {
    SmallVector<LinearOp> layers(getOperation().getOps<LinearOp>());
    for (LinearOp op : layers)
      compress(op);
  }

  /// Why the layer is left as it is; nothing where it is no candidate at all.
  void keepDense(LinearOp op, const std::string &why) {
    remark::missed(op.getLoc(), remark::RemarkOpts::name("dense").category("compress-linear"))
        << describe(op) + " stays dense: " + why;
  }

  static std::string describe(LinearOp op) {
    auto type = cast<RankedTensorType>(op.getWeight().getType());
    return llvm::formatv("weight of {0} x {1}", type.getDimSize(0), type.getDimSize(1));
  }

  void compress(LinearOp op) {
    Type element = op.getType().getElementType();
    auto type = cast<RankedTensorType>(op.getWeight().getType());
    // Condition 1 of compress-linear.
    if (!(element.isF32() || element.isF64()))
      return;
    // Condition 1 of compress-linear.
    if (!isConstantMatrix(op.getWeight()))
      return;
    // Condition 2 of compress-linear.
    if (type.getDimSize(0) < 2 || type.getDimSize(1) < 2)
      return;
    // Condition 3 of compress-linear.
    if (!isReadOnce(op.getWeight()))
      return keepDense(op, "something else reads it too");
    std::optional<Matrix> weight = readMatrix(op.getWeight());
    if (!weight)
      return;
    // Condition 1 of compress-linear.
    if (!llvm::all_of(flat(*weight), [](double x) { return std::isfinite(x); }))
      return keepDense(op, "it is not finite");
    double error = 0, parameters = double(weight->rows()) * weight->cols();
    std::optional<Factors> factors = factorsOf(*weight, element, tolerance, error);
    constexpr const char *none = "no factors within the tolerance are much smaller";
    if (!factors)
      return keepDense(op, none);
    // Condition 5 of compress-linear.
    if (factors->parameters() >= keep * parameters)
      return keepDense(op, none);
    OpBuilder b(op);
    Value result = build(b, op, *factors);
    bool isLowRank = factors->blocks == 1;
    std::string form = "low rank " + std::to_string(factors->rank);
    if (!isLowRank)
      form = llvm::formatv("{0} x {0} blocks of rank {1}", factors->blocks, factors->rank);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("compressed").category("compress-linear"))
        << describe(op) + " became " + form +
               llvm::formatv(": {0:f1} % of the parameters, relative error {1:e2}",
                             100 * factors->parameters() / parameters, error)
                   .str();
    ++(isLowRank ? numLowRank : numMonarch);
    op.replaceAllUsesWith(result);
    op.erase();
  }
};

} // namespace
} // namespace strut::rewrite
