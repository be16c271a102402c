//===- FourierMatrix.cpp - Matrices of Fourier transforms -----------------===//
#include "FourierMatrix.h"
#include "strut/Algebra/Fourier.h"
#include "strut/Evaluate/Evaluate.h"
#include <numbers>

using namespace mlir;

namespace strut::kernelize {

/// The elements of a matrix of constant extents, row by row.
static std::vector<double> elementsOf(const FourierMatrix &of, ArrayRef<FourierMatrix::Axis> axes) {
  int64_t length = of.length.constant(), total = 1;
  for (const FourierMatrix::Axis &axis : axes)
    for (const Dim &extent : axis.extents)
      total *= extent.constant();
  std::vector<std::complex<double>> roots;
  for (int64_t i = 0; i < length; ++i)
    roots.push_back(algebra::unitRoot(of.inverse ? i : -i, length));
  double divisor = !of.isDivided      ? 1
                   : of.divisor.is(0) ? double(length)
                                      : double(of.divisor.constant());
  std::vector<double> elements;
  elements.reserve(total);
  for (int64_t number = 0; number < total; ++number) {
    int64_t place[FourierMatrix::numRoles] = {}, left = number;
    for (const FourierMatrix::Axis &axis : llvm::reverse(axes))
      for (const Dim &extent : axis.extents) {
        place[axis.role] = left % extent.constant();
        left /= extent.constant();
      }
    int64_t n = of.rest * place[FourierMatrix::Value] + place[FourierMatrix::Rest];
    std::complex<double> root = roots[place[FourierMatrix::Result] * n % length];
    bool made = place[FourierMatrix::Made], read = place[FourierMatrix::Read];
    // (re + i im) (cos + i sin)
    double element = made == read ? root.real() : made ? root.imag() : -root.imag();
    if (of.isHalf && n != 0 && 2 * n != length)
      element *= 2 * n > length ? 0 : 2;
    elements.push_back(element / divisor * of.scale);
  }
  return elements;
}

/// Scalar code for the element at a place, of a matrix that is no stage of several.
static Value elementAt(Code &c, const FourierMatrix &of, ArrayRef<FourierMatrix::Axis> axes,
                       Value length) {
  Value place[FourierMatrix::numRoles] = {};
  unsigned number = 0;
  for (const FourierMatrix::Axis &axis : axes)
    for (size_t i = 0; i < axis.extents.size(); ++i)
      place[axis.role] = c.dim(number++);
  Type wide = c.b.getF64Type();
  auto real = [&](Value v) {
    return c.make<arith::SIToFPOp>(wide, c.make<arith::IndexCastOp>(c.b.getI64Type(), v));
  };
  auto isEqual = [&](Value x, Value y) {
    return c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y);
  };
  Value n = place[FourierMatrix::Value], zero = c.index(0);
  Value turns =
      c.make<arith::RemUIOp>(c.make<arith::MulIOp>(place[FourierMatrix::Result], n), length);
  Value angle = c.mul(real(turns), c.constant(2 * std::numbers::pi, wide));
  angle = c.div(angle, real(length));
  Value cosine = c.make<math::CosOp>(angle), sine = c.make<math::SinOp>(angle);
  Value negative = c.make<arith::NegFOp>(sine);
  if (!of.inverse)
    std::swap(sine, negative);
  // (re + i im) (cos + i sin)
  Value made = place[FourierMatrix::Made], element = cosine;
  if (made)
    element = c.select(isEqual(made, zero), cosine, sine);
  if (Value read = place[FourierMatrix::Read]) {
    Value second = made ? c.select(isEqual(made, zero), negative, cosine) : negative;
    element = c.select(isEqual(read, zero), element, second);
  }
  if (of.isHalf) {
    Value middle = isEqual(c.make<arith::MulIOp>(n, c.index(2)), length);
    Value once = c.make<arith::OrIOp>(isEqual(n, zero), middle);
    element = c.select(once, element, c.mul(element, c.constant(2, wide)));
  }
  if (of.scale != 1)
    element = c.mul(element, c.constant(of.scale, wide));
  return of.isDivided ? c.div(element, real(length)) : element;
}

Value FourierMatrix::build(Context &context, Location loc, Type element, ArrayRef<Axis> axes,
                           ArrayRef<Dim> shape) const {
  SmallVector<Dim> extents;
  for (const Axis &axis : axes)
    llvm::append_range(extents, axis.extents);
  if (length.isConstant() && llvm::all_of(extents, [](const Dim &d) { return d.isConstant(); })) {
    evaluate::Array array =
        evaluate::ofDoubles(DimEnv::type(shape, element), elementsOf(*this, axes));
    // Equal attributes are one weight, resources never are.
    constexpr size_t small = 1 << 20;
    ElementsAttr attr =
        array.bytes().size() <= small
            ? ElementsAttr(DenseElementsAttr::getFromRawBuffer(array.getType(), array.bytes()))
            : evaluate::Array::toAttr(std::move(array), "fourier");
    return context.weight(loc, attr);
  }
  Extent count(context, length);
  mlir::Value matrix = context.map(loc, extents, element, {}, [&](Code &c, ValueRange) {
    return elementAt(c, *this, axes, count.in(c));
  });
  return context.reshape(loc, matrix, extents, shape);
}

} // namespace strut::kernelize
