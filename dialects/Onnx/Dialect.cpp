//===- Dialect.cpp - registers every schema as an operation ----------------===//

#include "dialects/Onnx/ConstantOp.h"
#include "dialects/Onnx/Onnx.h"
#include "dialects/Onnx/OnnxDialect.cpp.inc"
#include "dialects/Onnx/Schemas.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#define GET_TYPEDEF_CLASSES
#include "dialects/Onnx/OnnxTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Onnx/OnnxAttrs.cpp.inc"

using namespace mlir;
using onnx::OpSchema;

namespace strut::onnx_ir {

namespace {
/// The static model of a C++ op class under a name and a TypeID of its own:
/// what ExtensibleDialect does for its dynamic operations, here for a class with
/// traits and interfaces.
template <typename OpT> struct NamedModel : RegisteredOperationName::Model<OpT> {
  NamedModel(StringRef name, Dialect *dialect, TypeID id)
      : RegisteredOperationName::Model<OpT>(dialect) {
    this->name = StringAttr::get(dialect->getContext(), name);
    this->typeID = id;
  }
};
} // namespace

std::vector<const char *> &detail::usedNames() {
  static std::vector<const char *> names;
  return names;
}

void OnnxDialect::addSchema(const OpSchema &schema) {
  TypeID id = typeIDs.allocate();
  std::string name = nameOf(schema);
  schemas[id] = &schema;
  if (name == ConstantOp::getOperationName())
    RegisteredOperationName::insert(std::make_unique<NamedModel<ConstantOp>>(name, this, id), {});
  else
    RegisteredOperationName::insert(std::make_unique<NamedModel<AnyOp>>(name, this, id), {});
}

void OnnxDialect::initialize() {
  registerTypes();
  registerAttributes();
  registerOperations();
  for (const OpSchema &schema : allSchemas())
    addSchema(schema);
  for (const char *name : detail::usedNames())
    if (!RegisteredOperationName::lookup(("onnx." + Twine(name)).str(), getContext()))
      llvm::report_fatal_error("no ONNX operator named " + Twine(name));
}

void OnnxDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Onnx/OnnxTypes.cpp.inc"
      >();
}

void OnnxDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Onnx/OnnxAttrs.cpp.inc"
      >();
}

Operation *OnnxDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                            Location loc) {
  if (isa<NoneType>(type) && isa<UnitAttr>(value))
    return Absent::create(builder, loc, type);
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getShapedType() != type)
    return nullptr;
  return create(builder, loc, ConstantOp::getOperationName(), {},
                builder.getNamedAttr("value", elements));
}

LogicalResult OnnxDialect::verifyRegionArgAttribute(Operation *op, unsigned regionIndex,
                                                    unsigned argIndex, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitError() << "'" << attribute.getName().getValue()
                           << "' belongs to arguments of functions";
  if (attribute.getName() == kNameAttr)
    return isa<StringAttr>(attribute.getValue())
               ? success()
               : LogicalResult(op->emitError() << "'" << kNameAttr << "' must be a string");
  if (attribute.getName() != kDimsAttr)
    return op->emitError() << "'" << attribute.getName().getValue()
                           << "' is not known on arguments";

  auto names = dyn_cast<ArrayAttr>(attribute.getValue());
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[argIndex]);
  if (!names || !type || int64_t(names.size()) != type.getRank())
    return op->emitError() << "'" << kDimsAttr << "' of argument " << argIndex
                           << " must be a list of one string per axis";
  for (auto [axis, name] : llvm::enumerate(names)) {
    auto string = dyn_cast<StringAttr>(name);
    if (!string || (string.empty() && type.isDynamicDim(axis)))
      return op->emitError() << "axis " << axis << " of argument " << argIndex
                             << " is dynamic and must have a name in '" << kDimsAttr << "'";
  }
  return success();
}

} // namespace strut::onnx_ir
