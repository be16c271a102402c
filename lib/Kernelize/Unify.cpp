//===- Unify.cpp - Which dimensions are the same --------------------------===//
//
// Some are the same only if the caller keeps to something, which bind checks.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include <numeric>

using namespace mlir;

namespace strut::kernelize {

std::optional<Dim> Context::match(const Dim &a, const Dim &b) {
  if (a == b)
    return a;
  if (dims.areEqual(a, b))
    return dims.hasOpaque(a) ? b : a;
  // min(seq, 512) can stand for seq if the caller keeps to 512.
  for (auto [bounded, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    auto bound = dims.asBounded(*bounded);
    if (!bound || bound->first != *other)
      continue;
    auto name = symbolNames.find(dims.asValue(*other));
    if (name == symbolNames.end())
      continue;
    auto [limit, isNew] = limits.try_emplace(name->second, bound->second);
    limit->second = std::min(limit->second, bound->second);
    return *other;
  }
  // What is expanded to an extent has it, if the caller keeps to that.
  for (auto [whole, wanted] : {std::pair(&a, &b), std::pair(&b, &a)})
    if (dims.isExpandedTo(*whole, *wanted) && current && isOutermost(current) &&
        succeeded(requireNoDifference(current, *whole - *wanted, "its extents do not agree")))
      return *wanted;
  return matchMultiples(a, b);
}

std::optional<Dim> Context::matchMultiples(const Dim &a, const Dim &b) {
  // 2 (height / 2) is height if the caller keeps to even ones.
  constexpr int64_t most = 64;
  for (const auto &[value, name] : symbolNames) {
    Dim symbol = dims.of(value);
    if (dims.substitute(a, symbol, Dim(0)) == a && dims.substitute(b, symbol, Dim(0)) == b)
      continue;
    for (int64_t multiple = 2; multiple <= most; ++multiple) {
      std::optional<Dim> left = dims.substitute(a, symbol, symbol * Dim(multiple)),
                         right = dims.substitute(b, symbol, symbol * Dim(multiple));
      if (!left || left != right)
        continue;
      int64_t &known = multiples.try_emplace(name, 1).first->second;
      known = std::lcm(known, multiple);
      return a;
    }
  }
  return std::nullopt;
}

std::optional<Dim> Context::unify(const Dim &a, const Dim &b) {
  if (std::optional<Dim> same = match(a, b))
    return same;
  Dim difference = a - b;
  if (difference.isConstant() || !current || !isOutermost(current) || dependsOnCount(a) ||
      dependsOnCount(b))
    return std::nullopt;
  if (withoutDifference.insert(difference).second) {
    std::string names;
    for (const auto &[value, name] : symbolNames)
      if (dims.dependsOn(difference, dims.of(value)))
        names += (names.empty() ? "" : ", ") + name;
    // It computes from dimensions of an outermost op, so nothing is in the way.
    (void)requireNoDifference(current, difference,
                              "extents that have to be equal are not, which depend on " + names +
                                  "; an axis with one element is repeated only where the model is "
                                  "compiled for that");
  }
  return b.isConstant() || dims.hasOpaque(a) ? b : a;
}

} // namespace strut::kernelize
