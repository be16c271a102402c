//===- TransformCost.cpp - How long Fourier transforms take ---------------===//
#include "TransformCost.h"
#include "Constants.h"
#include "strut/Algebra/Fourier.h"

using namespace mlir;

namespace strut::rewrite {

TransformStage stageOf(const Transforms &what, int64_t radix) {
  double bytes = what.element.getIntOrFloatBitWidth() / 8.0, length = double(what.length);
  double products = length * double(radix);
  bool isHalf = what.isReal && radix == what.length;
  return {(isHalf ? 4 : 8) * products, 4 * products * bytes, 4 * length * bytes};
}

static double secondsOf(const Transforms &what, int64_t radix, const cost::Setting &setting) {
  TransformStage stage = stageOf(what, radix);
  // A product of fewer columns does not fill the registers.
  constexpr double filled = 16;
  double flops = stage.flops * std::max(1.0, filled / double(radix));
  return cost::timeOf(cost::Phase{flops * what.count, stage.weightBytes,
                                  stage.valueBytes * what.count, what.count, nameOf(what.element)},
                      setting);
}

std::vector<int64_t> fastestFactors(const Transforms &what, const cost::Setting &setting) {
  return algebra::cheapestFactors(what.length,
                                  [&](int64_t radix) { return secondsOf(what, radix, setting); });
}

double secondsOf(const Transforms &what, ArrayRef<int64_t> factors, const cost::Setting &setting) {
  double seconds = 0;
  for (int64_t radix : factors)
    seconds += secondsOf(what, radix, setting);
  return seconds;
}

} // namespace strut::rewrite
