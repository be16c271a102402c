//===- Interface.cpp - What the packager must know of a module ------------===//
#include "Pipeline.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "strut/CPU/CPU.h"
#include "strut/Cost/Work.h"
#include "strut/Driver/Metadata.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Plan/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace strut::driver {

/// DLPack's name of an element type; code 255 if it has none.
static DLDataType dlpackType(Type type) {
  if (type.isInteger(1))
    return {kDLBool, 8, 1};
  constexpr int none = 255;
  int code = TypeSwitch<Type, int>(type)
                 .Case<Float16Type, Float32Type, Float64Type>([](Type) { return kDLFloat; })
                 .Case([](BFloat16Type) { return kDLBfloat; })
                 .Case([](Float8E4M3FNType) { return kDLFloat8_e4m3fn; })
                 .Case([](Float8E4M3FNUZType) { return kDLFloat8_e4m3fnuz; })
                 .Case([](Float8E5M2Type) { return kDLFloat8_e5m2; })
                 .Case([](Float8E5M2FNUZType) { return kDLFloat8_e5m2fnuz; })
                 .Case([](Float8E8M0FNUType) { return kDLFloat8_e8m0fnu; })
                 .Case([](Float6E2M3FNType) { return kDLFloat6_e2m3fn; })
                 .Case([](Float6E3M2FNType) { return kDLFloat6_e3m2fn; })
                 .Case([](Float4E2M1FNType) { return kDLFloat4_e2m1fn; })
                 .Case([](IntegerType integer) { return integer.isUnsigned() ? kDLUInt : kDLInt; })
                 .Default([](Type) { return none; });
  unsigned bits = code == none ? 0 : type.getIntOrFloatBitWidth();
  return {uint8_t(code), uint8_t(bits), 1};
}

static llvm::Expected<package::TensorInfo> describeTensor(Type type, DictionaryAttr attributes,
                                                          ArrayAttr symbols) {
  Attribute name = attributes ? attributes.get(kernelize::kNameAttr) : Attribute();
  auto dims = attributes ? attributes.getAs<ArrayAttr>(kernelize::kDimsAttr) : ArrayAttr();
  auto element = attributes ? attributes.getAs<TypeAttr>(kernelize::kElementAttr) : TypeAttr();
  package::TensorInfo info;
  if (auto text = dyn_cast_or_null<StringAttr>(name))
    info.name = text.str();
  auto tensor = dyn_cast<RankedTensorType>(type);
  info.type = dlpackType(element ? element.getValue() : tensor ? tensor.getElementType() : type);
  if (info.type.code == 255) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return llvm::createStringError("'" + info.name + "' has the type " + text +
                                   ", which cannot be passed as a DLPack tensor");
  }
  for (auto [axis, extent] : llvm::enumerate(tensor.getShape())) {
    package::Axis entry;
    if (!ShapedType::isDynamic(extent))
      entry.size = extent;
    else if (dims)
      for (auto [i, symbol] : llvm::enumerate(symbols))
        if (symbol == dims[axis])
          entry.symbol = i;
    info.shape.push_back(entry);
  }
  return info;
}

llvm::Expected<package::ModelInfo> describeInterface(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  auto symbols = main->getAttrOfType<ArrayAttr>(kernelize::kSymbolsAttr);
  package::ModelInfo model;
  if (auto graph = module->getAttrOfType<StringAttr>("onnx.graph_name"))
    model.graph = graph.str();
  for (auto symbol : symbols.getAsRange<StringAttr>())
    model.dims.push_back(symbol.str());
  if (auto elements = main->getAttrOfType<ArrayAttr>(kernelize::kElementsAttr))
    for (auto triple : elements.getAsRange<DenseI64ArrayAttr>())
      model.elements.push_back({int32_t(triple[0]), int32_t(triple[1]), int32_t(triple[2])});
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes())) {
    if (!isa<TensorType>(type))
      continue;
    auto info = describeTensor(type, main.getArgAttrDict(i), symbols);
    if (!info)
      return info.takeError();
    model.inputs.push_back(std::move(*info));
  }
  auto notes = main->getAttrOfType<ArrayAttr>(kernelize::kNotesAttr);
  size_t numOutputs = main.getNumResults() - (notes ? notes.size() : 0);
  for (auto [i, type] : llvm::enumerate(main.getResultTypes().take_front(numOutputs))) {
    auto info = describeTensor(type, main.getResultAttrDict(i), symbols);
    if (!info)
      return info.takeError();
    if (auto alias = main.getResultAttrOfType<IntegerAttr>(i, "strut.alias"))
      info->alias = alias.getInt();
    model.outputs.push_back(std::move(*info));
  }
  if (notes)
    for (Attribute note : notes) {
      package::NoteInfo &info = model.notes.emplace_back();
      if (auto trouble = dyn_cast<StringAttr>(note))
        info.trouble = trouble.str();
      else
        for (auto pair : cast<ArrayAttr>(note).getAsRange<DenseI64ArrayAttr>()) {
          info.axes.push_back({int32_t(pair[0]), int32_t(pair[1])});
          model.outputs[pair[0]].shape[pair[1]].counted = true;
        }
    }
  return model;
}

std::vector<KernelMetadata> describeWork(ModuleOp module) {
  auto convert = [](const cost::Polynomial &from) {
    Polynomial to;
    for (const auto &[exponents, coefficient] : from.terms())
      to.terms.push_back({coefficient, exponents});
    return to;
  };
  std::vector<KernelMetadata> kernels;
  for (const cost::KernelWork &work : cost::workOf(module)) {
    KernelMetadata &kernel = kernels.emplace_back();
    kernel = {work.name, work.kind, convert(work.flops), convert(work.bytes)};
    if (!work.form)
      continue;
    kernel.form = {{}, work.form->otherwise, work.form->form};
    for (const cost::FormWork::Line &line : work.form->lines)
      kernel.form->lines.push_back({convert(line.extent), line.bound, line.form});
  }
  return kernels;
}

void nameScalarRegions(kernel::ProgramOp program, MutableArrayRef<KernelMetadata> kernels) {
  auto scalar = program->getAttrOfType<DenseBoolArrayAttr>(cpu::kScalarRegionsAttr);
  size_t region = 0;
  for (KernelMetadata &kernel : kernels)
    if (kernel.kind == kernel::RegionOp::getOperationName().rsplit('.').second && scalar[region++])
      kernel.kind = "scalar-region";
}

package::ProgramInfo completeInterface(kernel::ProgramOp planned, package::ModelInfo &model) {
  package::ProgramInfo program;
  auto main = planned.lookupSymbol<func::FuncOp>("main");
  for (auto lifetime :
       main->getAttrOfType<ArrayAttr>("strut.lifetimes").getAsRange<DenseI32ArrayAttr>())
    program.lifetimes.push_back({lifetime[0], lifetime[1]});
  if (auto requirements = main->getAttrOfType<ArrayAttr>(plan::kRequirementsAttr))
    for (StringRef text : requirements.getAsValueRange<StringAttr>())
      program.requirements.push_back(text.str());

  auto bind = planned.lookupSymbol<func::FuncOp>("main_bind");
  auto returned = bind.getBody().front().getTerminator()->getOperands();
  size_t next = program.lifetimes.size();
  for (package::TensorInfo &output : model.outputs)
    for (package::Axis &axis : output.shape) {
      Value extent = returned[next++];
      llvm::APInt constant;
      if (axis.counted)
        continue; // what bind says is the most
      if (matchPattern(extent, m_ConstantInt(&constant)))
        axis.size = constant.getSExtValue();
      else if (auto symbol = dyn_cast<BlockArgument>(extent))
        axis.symbol = symbol.getArgNumber();
    }
  model.choices.clear(); // the same in every program
  if (auto choices = main->getAttrOfType<ArrayAttr>(plan::kChoicesAttr))
    for (auto choice : choices.getAsRange<DictionaryAttr>()) {
      package::ChoiceInfo &info = model.choices.emplace_back();
      info.name = choice.getAs<StringAttr>("name").str();
      for (auto form : choice.getAs<ArrayAttr>("forms").getAsValueRange<StringAttr>())
        info.forms.push_back(form.str());
    }
  return program;
}

} // namespace strut::driver
