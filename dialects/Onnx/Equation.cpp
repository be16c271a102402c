//===- Equation.cpp - The labels of an Einsum ------------------------------===//

#include "dialects/Onnx/Equation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <map>
#include <string>

using llvm::ArrayRef, llvm::SmallVector, llvm::StringRef;

namespace strut::onnx_ir {

static constexpr int firstOfEllipsis = 128;

/// The labels of one term, its ellipsis standing for as many axes as are left.
static std::optional<SmallVector<int>> labelsOf(StringRef term, int64_t rank) {
  SmallVector<int> labels;
  size_t dots = term.find("...");
  int64_t spread = dots == StringRef::npos ? 0 : rank - int64_t(term.size() - 3);
  if (spread < 0)
    return std::nullopt;
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      for (int64_t j = 0; j < spread; ++j)
        labels.push_back(firstOfEllipsis + spread - 1 - j); // aligned at the right
      i += 2;
    } else if (llvm::isAlpha(term[i])) {
      labels.push_back(term[i]);
    } else {
      return std::nullopt;
    }
  }
  return int64_t(labels.size()) == rank || rank < 0 ? std::optional(labels) : std::nullopt;
}

std::optional<Equation> parseEquation(StringRef equationText, ArrayRef<int64_t> ranks) {
  std::string text = equationText.str();
  llvm::erase(text, ' ');
  auto [left, right] = StringRef(text).split("->");
  bool isExplicit = text.find("->") != std::string::npos;
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ranks.size())
    return std::nullopt;
  Equation equation;
  std::map<int, unsigned> uses;
  int64_t spread = 0;
  for (auto [term, rank] : llvm::zip(terms, ranks)) {
    auto labels = labelsOf(term, rank);
    if (!labels)
      return std::nullopt;
    for (int label : *labels) {
      ++uses[label];
      spread = std::max<int64_t>(spread, label + 1 - firstOfEllipsis);
    }
    equation.operands.push_back(*labels);
  }
  if (isExplicit) {
    bool dots = right.contains("...");
    auto labels = labelsOf(right, int64_t(right.size()) + (dots ? spread - 3 : 0));
    if (!labels)
      return std::nullopt;
    equation.result = *labels;
    return equation;
  }
  for (int64_t i = spread; i-- > 0;)
    equation.result.push_back(firstOfEllipsis + i);
  for (auto [label, count] : uses)
    if (count == 1 && label < firstOfEllipsis)
      equation.result.push_back(label);
  return equation;
}

} // namespace strut::onnx_ir
