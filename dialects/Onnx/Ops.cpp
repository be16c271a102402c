//===- Ops.cpp - the classes behind the operators --------------------------===//

#include "dialects/Onnx/Bridge.h"
#include "dialects/Onnx/ConstantOp.h"
#include "dialects/Onnx/Schemas.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Threading.h"

#define GET_OP_CLASSES
#include "dialects/Onnx/OnnxOps.cpp.inc"

using namespace mlir;
using onnx::OpSchema;

namespace strut::onnx_ir {

void OnnxDialect::registerOperations() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Onnx/OnnxOps.cpp.inc"
      >();
}

OpFoldResult Absent::fold(FoldAdaptor) { return UnitAttr::get(getContext()); }

StringRef nodeNameOf(Location loc) {
  return TypeSwitch<LocationAttr, StringRef>(loc)
      .Case([](NameLoc name) { return name.getName().getValue(); })
      .Case([](CallSiteLoc call) { return nodeNameOf(call.getCallee()); })
      .Case([](FusedLoc fused) {
        for (Location part : fused.getLocations())
          if (StringRef name = nodeNameOf(part); !name.empty())
            return name;
        return StringRef();
      })
      .Default([](LocationAttr) { return StringRef(); });
}

//===----------------------------------------------------------------------===//
// ConstantOp
//===----------------------------------------------------------------------===//

/// One of the spellings of a constant as a tensor; null if it is none.
static ElementsAttr tensorOf(Attribute value) {
  MLIRContext *context = value.getContext();
  auto scalar = [](Type type) { return RankedTensorType::get({}, type); };
  auto vector = [](auto values, Type type) {
    return RankedTensorType::get({int64_t(values.size())}, type);
  };
  return TypeSwitch<Attribute, ElementsAttr>(value)
      .Case([&](ElementsAttr v) { return v; })
      .Case(
          [&](IntegerAttr v) { return DenseElementsAttr::get(scalar(v.getType()), v.getValue()); })
      .Case([&](FloatAttr v) { return DenseElementsAttr::get(scalar(v.getType()), v.getValue()); })
      .Case([&](StringAttr v) {
        return DenseStringElementsAttr::get(scalar(StringType::get(context)), v.getValue());
      })
      .Case([&](DenseI64ArrayAttr v) {
        return DenseElementsAttr::get(vector(v, v.getElementType()), v.asArrayRef());
      })
      .Case([&](DenseF32ArrayAttr v) {
        return DenseElementsAttr::get(vector(v, v.getElementType()), v.asArrayRef());
      })
      .Case([&](ArrayAttr v) {
        SmallVector<StringRef> strings(v.getAsValueRange<StringAttr>());
        return DenseStringElementsAttr::get(vector(v, StringType::get(context)), strings);
      })
      .Default(ElementsAttr());
}

ElementsAttr ConstantOp::value() {
  for (NamedAttribute attribute : (*this)->getAttrs())
    if (attribute.getName().strref().starts_with("value"))
      return tensorOf(attribute.getValue());
  return {};
}

LogicalResult ConstantOp::verify() {
  AnyOp op(getOperation());
  if (failed(op.verify()))
    return failure();
  if (op.onnxAttrs().size() != 1 || !value())
    return emitOpError() << "must have exactly one value";
  return success();
}

ElementsAttr constantOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? constant.value() : ElementsAttr();
}

//===----------------------------------------------------------------------===//
// AnyOp
//===----------------------------------------------------------------------===//

bool AnyOp::classof(Operation *op) { return schemaOf(op); }
const OpSchema &AnyOp::schema() { return *schemaOf(*this); }
StringRef AnyOp::opType() { return schema().Name(); }
StringRef AnyOp::domain() { return schema().domain(); }
int AnyOp::sinceVersion() { return schema().SinceVersion(); }

SmallVector<NamedAttribute> AnyOp::onnxAttrs() {
  SmallVector<NamedAttribute> result;
  for (NamedAttribute attribute : (*this)->getAttrs())
    if (!attribute.getName().strref().contains('.'))
      result.push_back(attribute);
  return result;
}

[[noreturn]] static void noSuchName(const OpSchema &schema, StringRef name) {
  llvm::report_fatal_error("the schema of " + Twine(schema.Name()) + " has no '" + name + "'");
}

template <typename Params, typename Values>
static Value formal(const OpSchema &schema, const Params &params, Values values, StringRef name) {
  for (auto [i, param] : llvm::enumerate(params))
    if (param.GetName() == name)
      return i < values.size() && !isa<NoneType>(values[i].getType()) ? Value(values[i]) : Value();
  noSuchName(schema, name);
}

Value AnyOp::in(StringRef name) {
  return formal(schema(), schema().inputs(), (*this)->getOperands(), name);
}

Value AnyOp::out(StringRef name) {
  return formal(schema(), schema().outputs(), (*this)->getResults(), name);
}

Attribute AnyOp::attr(StringRef name) {
  if (Attribute attribute = (*this)->getAttr(name))
    return attribute;
  auto it = schema().attributes().find(name.str());
  if (it == schema().attributes().end())
    noSuchName(schema(), name);
  if (it->second.default_value.type() == onnx::AttributeProto::UNDEFINED)
    return {};
  MLIRContext *context = getContext();
  auto tensor = [&](const onnx::TensorProto &proto) { return toMLIR(proto, context); };
  return llvm::cantFail(toMLIR(it->second.default_value, context, tensor));
}

Region *AnyOp::region(StringRef name) {
  SmallVector<StringRef> names = regionNames(schema());
  auto it = llvm::find(names, name);
  if (it == names.end())
    noSuchName(schema(), name);
  Region &region = (*this)->getRegion(it - names.begin());
  return region.empty() ? nullptr : &region;
}

void AnyOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if ((*this)->getNumRegions())
    return; // as pure as its bodies (HasRecursiveMemoryEffects)
  // A random tensor may be dropped but not shared: an allocation says just that.
  if (schema().GetNodeDeterminism() == OpSchema::NodeDeterminism::NonDeterministic)
    for (OpResult result : (*this)->getResults())
      effects.emplace_back(MemoryEffects::Allocate::get(), result);
}

Speculation::Speculatability AnyOp::getSpeculatability() {
  return (*this)->getNumRegions() ? Speculation::RecursivelySpeculatable
                                  : Speculation::Speculatable;
}

// onnx.If(%c) {attributes} else_branch {...} then_branch {...} : (tensor<i1>) -> tensor<f32>
ParseResult AnyOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SMLoc loc = parser.getCurrentLocation();
  FunctionType type;
  if (parser.parseOperandList(operands, OpAsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  auto *dialect = parser.getContext()->getLoadedDialect<OnnxDialect>();
  for (StringRef name : regionNames(*dialect->schemaOf(result.name))) {
    Region *region = result.addRegion();
    if (succeeded(parser.parseOptionalKeyword(name)) && parser.parseRegion(*region))
      return failure();
  }
  if (parser.parseColonType(type) ||
      parser.resolveOperands(operands, type.getInputs(), loc, result.operands))
    return failure();
  result.addTypes(type.getResults());
  return success();
}

void AnyOp::print(OpAsmPrinter &printer) {
  printer << '(' << (*this)->getOperands() << ')';
  printer.printOptionalAttrDict((*this)->getAttrs());
  for (auto [name, region] : llvm::zip(regionNames(schema()), (*this)->getRegions())) {
    if (region.empty())
      continue;
    printer << ' ' << name << ' ';
    printer.printRegion(region);
  }
  printer << " : ";
  printer.printFunctionalType(*this);
}

AnyOp create(OpBuilder &builder, Location loc, StringRef name, ValueRange operands,
             ArrayRef<NamedAttribute> attrs, unsigned numResults) {
  SmallVector<Type> unknown(numResults, UnknownType::get(builder.getContext()));
  AnyOp op(builder.create(OperationState(loc, name, operands, unknown, attrs)));
  // What cannot be inferred stays unknown; the verifier will say why. The handler hears of
  // all threads, and what passes say on others is not its to drop.
  ScopedDiagnosticHandler quiet(builder.getContext(), [self = llvm::get_threadid()](Diagnostic &) {
    return success(llvm::get_threadid() == self);
  });
  (void)ShapeInference().refine(op);
  return op;
}

} // namespace strut::onnx_ir
