//===- MelWeightMatrix.cpp - Bands of the mel scale -----------------------===//
//
// Column i of the matrix is a triangle over the bins of a spectrum, from the bin of the
// edge i of equal steps on the mel scale over that of the edge i + 1, where it is 1, to
// that of the edge i + 2.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include <cmath>
#include <numbers>

using namespace mlir;

namespace strut::kernelize {
namespace {

/// mel(f) = 2595 log10(1 + f / 700)
const double perMel = 2595 / std::numbers::ln10, atMel = 700;

/// The numbers of bands, of samples of a transform, of samples a second; the ends of the
/// scale in hertz. All in f64: an edge is rounded down to a bin.
struct Scale {
  Value bands, samples, rate, low, high;

  Value mel(Code &c, Value hertz) const {
    return c.mul(c.constant(perMel, hertz),
                 c.make<math::Log1pOp>(c.div(hertz, c.constant(atMel, hertz))));
  }
  /// The bin of an edge.
  Value bin(Code &c, Value edge) const {
    Value least = mel(c, low);
    Value step = c.div(c.sub(mel(c, high), least), c.add(bands, c.constant(2, bands)));
    Value place = c.div(c.add(least, c.mul(edge, step)), c.constant(perMel, edge));
    Value hertz = c.mul(c.constant(atMel, edge), c.make<math::ExpM1Op>(place));
    Value bins = c.mul(c.add(samples, c.constant(1, samples)), hertz);
    return c.make<math::FloorOp>(c.div(bins, rate));
  }
  Value weight(Code &c, Value j, Value i) const;
};

Value Scale::weight(Code &c, Value j, Value i) const {
  Value one = c.constant(1, i), zero = c.constant(0, i);
  Value left = bin(c, i), centre = bin(c, c.add(i, one)),
        right = bin(c, c.add(i, c.constant(2, i)));
  auto atMost = [&](Value x, Value y) {
    return c.make<arith::CmpFOp>(arith::CmpFPredicate::OLE, x, y);
  };
  auto both = [&](Value x, Value y) { return c.make<arith::AndIOp>(x, y); };
  // A side without an extent has the peak alone.
  Value rise = c.select(c.equal(left, centre), one, c.div(c.sub(j, left), c.sub(centre, left)));
  Value result = c.select(both(atMost(left, j), atMost(j, centre)), rise, zero);
  Value fall = c.div(c.sub(right, j), c.sub(right, centre));
  return c.select(both(atMost(centre, j), c.less(j, right)), fall, result);
}

LogicalResult lowerMelWeightMatrix(Operation *operation, Context &context) {
  AnyOp op(operation);
  auto bands = context.integers(op.in("num_mel_bins")),
       samples = context.integers(op.in("dft_length"));
  std::optional<SmallVector<Dim>> shape = context.declaredShape(op->getResult(0));
  if (bands && samples && bands->size() == 1 && samples->size() == 1)
    shape = {Dim(samples->front() / 2 + 1), Dim(bands->front())};
  if (!shape || shape->size() != 2)
    return context.refuse(op, "the shape of its result is known at run time only");
  SmallVector<Input> inputs = llvm::map_to_vector(
      op->getOperands(), [&](Value value) { return context.broadcast(value, {}, {}, 2); });
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Value result = context.map(op->getLoc(), *shape, element, inputs, [](Code &c, ValueRange x) {
    Type wide = c.b.getF64Type();
    SmallVector<Value> v = llvm::map_to_vector(x, [&](Value value) { return c.cast(value, wide); });
    auto place = [&](unsigned axis) {
      return c.cast(c.make<arith::IndexCastOp>(c.b.getI64Type(), c.dim(axis)), wide);
    };
    return Scale{v[0], v[1], v[2], v[3], v[4]}.weight(c, place(0), place(1));
  });
  context.define(op->getResult(0), result, *shape);
  return success();
}

} // namespace

void addMelWeightMatrix(LoweringTable &table) {
  table["onnx.MelWeightMatrix"] = {nullptr, lowerMelWeightMatrix};
}

} // namespace strut::kernelize
