//===- ExpertSpellings.h - How exporters write experts ---------*- C++ -*-===//
#ifndef STRUT_LIB_RECOGNIZE_EXPERTSPELLINGS_H
#define STRUT_LIB_RECOGNIZE_EXPERTSPELLINGS_H

#include "ExpertNets.h"

namespace strut::recognize {

/// A mixture of experts as it was found: nets of stacked weights on rows [..., D], what the
/// router says of each row, and what else is added to the result.
struct Experts {
  ExpertNet net;
  mlir::Value rows;
  Routing routing;
  mlir::Type result; ///< of the mixture alone
  llvm::SmallVector<mlir::Value> others;
};

/// What a spelling that does not fit is, if it is worth telling.
using Doubt = std::optional<std::string>;

/// sum over e of net(e, x) * scores[:, e], all experts in one batched product, the scores of
/// those that were not chosen being 0.
std::optional<Experts> readBatched(onnx_ir::Op<"ReduceSum"> sum);

/// sum over j of net(experts[:, j], x) * weights[:, j], the weights of the nets gathered.
std::optional<Experts> readGathered(onnx_ir::Op<"ReduceSum"> sum);

/// A sum of net_e(x) * (weights where experts == e), every expert on all rows.
std::optional<Experts> readMasked(onnx_ir::Op<"Add"> last, Doubt &doubt);

} // namespace strut::recognize

#endif // STRUT_LIB_RECOGNIZE_EXPERTSPELLINGS_H
