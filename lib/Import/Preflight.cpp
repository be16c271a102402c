//===- Preflight.cpp - every unsupported node at once ----------------------===//

#include "strut/Import/Preflight.h"
#include "dialects/Onnx/Onnx.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut {

static constexpr size_t kFirstNodes = 3;
static constexpr size_t kPrintedGroups = 30;

PreflightReport preflight(ModuleOp module,
                          llvm::function_ref<std::optional<std::string>(Operation *)> unsupported) {
  PreflightReport report;
  llvm::MapVector<std::pair<OperationName, StringAttr>, PreflightReport::Group> groups;
  module->walk<WalkOrder::PreOrder>([&](AnyOp op) {
    ++report.nodes;
    std::optional<std::string> reason = unsupported(op);
    if (!reason)
      return;
    auto key = std::pair(op->getName(), StringAttr::get(op.getContext(), *reason));
    PreflightReport::Group &group = groups[key];
    if (group.count++ == 0) {
      StringRef domain = op.domain();
      group.op = (domain + (domain.empty() ? "" : ".") + op.opType()).str();
      group.version = op.sinceVersion();
      group.reason = *reason;
    }
    if (group.firstNodes.size() < kFirstNodes)
      group.firstNodes.push_back(nodeNameOf(op.getLoc()).str());
  });
  for (auto &[key, group] : groups)
    report.unsupported.push_back(std::move(group));
  llvm::sort(report.unsupported, [](const auto &a, const auto &b) {
    return std::tie(b.count, a.op, a.reason) < std::tie(a.count, b.op, b.reason);
  });
  return report;
}

void PreflightReport::print(llvm::raw_ostream &os) const {
  if (ok()) {
    os << "all " << nodes << " nodes are supported\n";
    return;
  }
  unsigned total = 0;
  for (const Group &group : unsupported)
    total += group.count;
  os << total << " of " << nodes << " nodes are not supported:\n";
  for (const Group &group : llvm::ArrayRef(unsupported).take_front(kPrintedGroups)) {
    os << llvm::formatv("  {0}x {1} (version {2}): {3} [{4:$[, ]}{5}]\n", group.count, group.op,
                        group.version, group.reason,
                        llvm::make_range(group.firstNodes.begin(), group.firstNodes.end()),
                        group.count > group.firstNodes.size() ? ", ..." : "");
  }
  if (unsupported.size() > kPrintedGroups)
    os << "  and " << unsupported.size() - kPrintedGroups << " more kinds\n";
}

llvm::json::Value PreflightReport::toJSON() const {
  auto text = [](llvm::StringRef bytes) { return llvm::json::fixUTF8(bytes); };
  llvm::json::Array groups;
  for (const Group &group : unsupported) {
    llvm::json::Array names;
    for (const std::string &name : group.firstNodes)
      names.push_back(text(name));
    groups.push_back(llvm::json::Object{{"op", text(group.op)},
                                        {"version", group.version},
                                        {"reason", text(group.reason)},
                                        {"count", group.count},
                                        {"nodes", std::move(names)}});
  }
  return llvm::json::Object{
      {"nodes", nodes}, {"supported", ok()}, {"unsupported", std::move(groups)}};
}

} // namespace strut
