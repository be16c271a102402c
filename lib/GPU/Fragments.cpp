//===- Fragments.cpp - What mma.sync multiplies ---------------------------===//
#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace strut::gpu {

std::optional<Multiplicand> multiplicandOf(Type element, TargetAttr target) {
  if (target.getCapability() < 80)
    return std::nullopt;
  if (element.isF16())
    return Multiplicand::F16;
  if (element.isBF16())
    return Multiplicand::BF16;
  if (element.isF32())
    return target.getPrecision() == Precision::TF32 ? Multiplicand::TF32 : Multiplicand::SplitTF32;
  return std::nullopt;
}

/// f32 in a register, to the nearest number of tf32.
static Value roundToTF32(OpBuilder &b, Location loc, Value x) {
  return NVVM::ConvertFloatToTF32Op::create(b, loc, b.getI32Type(), x, NVVM::FPRoundingMode::RNA);
}

Fragment::Fragment(OpBuilder &b, Location loc, Multiplicand kind, ValueRange registers) {
  Type f32 = b.getF32Type();
  for (Value bits : registers) {
    if (kind == Multiplicand::F16)
      bits = LLVM::BitcastOp::create(b, loc, VectorType::get({2}, b.getF16Type()), bits);
    if (isHalf(kind)) {
      high.push_back(bits);
      continue;
    }
    Value x = arith::BitcastOp::create(b, loc, f32, bits);
    high.push_back(roundToTF32(b, loc, x));
    if (kind == Multiplicand::TF32)
      continue;
    Value rounded = arith::BitcastOp::create(b, loc, f32, high.back());
    low.push_back(roundToTF32(b, loc, arith::SubFOp::create(b, loc, x, rounded)));
  }
}

/// Two f32 to the nearest halves, in one register.
static Value packHalves(OpBuilder &b, Location loc, Multiplicand kind, Value low, Value high) {
  auto pack = [&]<typename Op>(Type element) -> Value {
    return Op::create(b, loc, VectorType::get({2}, element), high, low, /*random_bits=*/Value(),
                      NVVM::FPRoundingMode::RN);
  };
  Value packed = kind == Multiplicand::F16
                     ? pack.operator()<NVVM::ConvertF32x2ToF16x2Op>(b.getF16Type())
                     : pack.operator()<NVVM::ConvertF32x2ToBF16x2Op>(b.getBF16Type());
  return LLVM::BitcastOp::create(b, loc, b.getI32Type(), packed);
}

Fragment Fragment::ofSums(OpBuilder &b, Location loc, Multiplicand kind, ValueRange sums) {
  SmallVector<Value> registers;
  if (isHalf(kind))
    for (int64_t i = 0; i < 8; i += 2)
      registers.push_back(packHalves(b, loc, kind, sums[i], sums[i + 1]));
  else // rows 0 and 8 of the first column, then of the other
    for (int64_t i : {0, 2, 1, 3})
      registers.push_back(arith::BitcastOp::create(b, loc, b.getI32Type(), sums[i]));
  return Fragment(b, loc, kind, registers);
}

/// sums + a b of one mma.sync, in the place of sums.
static void multiplyOnce(OpBuilder &b, Location loc, Multiplicand kind, ValueRange left,
                         ValueRange right, MutableArrayRef<Value> sums) {
  auto types = kind == Multiplicand::F16    ? NVVM::MMATypes::f16
               : kind == Multiplicand::BF16 ? NVVM::MMATypes::bf16
                                            : NVVM::MMATypes::tf32;
  int64_t depth = isHalf(kind) ? 16 : 8;
  SmallVector<Type> fields(4, b.getF32Type());
  Type type = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
  Value made =
      NVVM::MmaOp::create(b, loc, type, left, right, SmallVector<Value>(sums), {16, 8, depth},
                          std::nullopt, std::nullopt, std::array{types, types},
                          std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, loc, made, i);
}

void addProduct(OpBuilder &b, Location loc, Multiplicand kind, const Fragment &left,
                const Fragment &right, MutableArrayRef<Value> sums) {
  if (kind == Multiplicand::SplitTF32) { // small terms first
    multiplyOnce(b, loc, kind, left.low, right.high, sums);
    multiplyOnce(b, loc, kind, left.high, right.low, sums);
  }
  multiplyOnce(b, loc, kind, left.high, right.high, sums);
}

} // namespace strut::gpu
