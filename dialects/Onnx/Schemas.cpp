//===- Schemas.cpp - the registry of the ONNX library ----------------------===//

#include "dialects/Onnx/Schemas.h"
#include "dialects/Onnx/Onnx.h"

using namespace mlir;
using onnx::OpSchema;
using onnx::OpSchemaRegistry;

namespace strut::onnx_ir {

llvm::ArrayRef<OpSchema> allSchemas() {
  static const std::vector<OpSchema> all = [] {
    registerCustomSchemas();
    return OpSchemaRegistry::get_all_schemas_with_history();
  }();
  return all;
}

std::string nameOf(const OpSchema &schema) {
  std::string name = "onnx.";
  if (!schema.domain().empty())
    name.append(schema.domain()).append(".");
  name += schema.Name();
  int newest = OpSchemaRegistry::Schema(schema.Name(), schema.domain())->SinceVersion();
  return newest == schema.SinceVersion() ? name
                                         : name + "_v" + std::to_string(schema.SinceVersion());
}

const OpSchema *schemaOf(Operation *op) {
  auto *dialect = dyn_cast_or_null<OnnxDialect>(op->getDialect());
  return dialect ? dialect->schemaOf(op->getName()) : nullptr;
}

SmallVector<StringRef> regionNames(const OpSchema &schema) {
  SmallVector<StringRef> names;
  for (const auto &[name, attr] : schema.attributes())
    if (attr.type == onnx::AttributeProto::GRAPH)
      names.push_back(name);
  llvm::sort(names); // the registry keeps them in a hash table
  return names;
}

int newestOpset() {
  return OpSchemaRegistry::DomainToVersionRange::Instance().Map().at(onnx::ONNX_DOMAIN).second;
}

StringRef canonicalDomain(StringRef domain) { return domain == "ai.onnx" ? "" : domain; }

} // namespace strut::onnx_ir
