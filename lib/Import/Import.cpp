//===- Import.cpp - an ONNX file becomes a module --------------------------===//

#include "strut/Import/Import.h"
#include "Check.h"
#include "Convert.h"
#include "ExternalData.h"
#include "Functions.h"
#include "GraphBuilder.h"
#include "ReadModel.h"
#include "dialects/Onnx/Bridge.h"
#include "dialects/Onnx/SchemaContext.h"
#include "dialects/Onnx/Schemas.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/FileSystem.h"
#include <google/protobuf/stubs/logging.h>

using namespace mlir;
using namespace strut::onnx_ir;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::ValueInfoProto;

namespace strut {

namespace {
class Importer {
public:
  Importer(StringRef path, MLIRContext &context, const ImportOptions &options)
      : path(path), context(context), options(options), builder(&context) {}

  FailureOr<OwningOpRef<ModuleOp>> run();

private:
  llvm::Error load(ModelProto &model);
  /// The verified module, or null after a message.
  OwningOpRef<ModuleOp> build(const ModelProto &model);
  func::FuncOp function(const GraphProto &graph, ArrayRef<const ValueInfoProto *> inputs);
  void nameDimensions(func::FuncOp function, ArrayRef<const ValueInfoProto *> inputs);
  void describe(ModuleOp module, const ModelProto &model);
  LogicalResult checkSizes(ModuleOp module);

  Location fileLoc() { return FileLineColLoc::get(&context, path, 0, 0); }
  Location nameLoc(StringRef name) { return NameLoc::get(builder.getStringAttr(name)); }

  std::string path;
  MLIRContext &context;
  ImportOptions options;
  OpBuilder builder;
};

llvm::Error Importer::load(ModelProto &model) {
  llvm::SmallString<256> absolute(path);
  if (std::error_code error = llvm::sys::fs::make_absolute(absolute))
    return llvm::createStringError(error, "cannot read '" + path + "': " + error.message());
  llvm::Expected<ModelProto> read = readModel(absolute);
  if (!read)
    return read.takeError();
  model = std::move(*read);
  if (llvm::Error error = resolveExternalData(model, absolute, &context))
    return error;
  nameNodes(model);
  if (llvm::Error error = checkModel(model))
    return error;
  return inlineFunctions(model);
}

/// Gives each dynamic axis of each input its name.
void Importer::nameDimensions(func::FuncOp function, ArrayRef<const ValueInfoProto *> inputs) {
  llvm::StringSet<> taken;
  auto shapeOf = [](const ValueInfoProto *input) -> const onnx::TensorShapeProto & {
    return input->type().tensor_type().shape();
  };
  for (const ValueInfoProto *input : inputs)
    for (const auto &dim : shapeOf(input).dim())
      taken.insert(dim.dim_param());
  for (auto [i, input] : llvm::enumerate(inputs)) {
    auto type = dyn_cast<RankedTensorType>(function.getArgument(i).getType());
    if (!type)
      continue;
    SmallVector<Attribute> names;
    for (auto [axis, dim] : llvm::enumerate(shapeOf(input).dim())) {
      std::string name = type.isDynamicDim(axis) ? dim.dim_param() : std::string();
      if (type.isDynamicDim(axis) && name.empty()) {
        name = input->name() + "_" + std::to_string(axis);
        while (!taken.insert(name).second)
          name += "_";
      }
      names.push_back(builder.getStringAttr(name));
    }
    function.setArgAttr(i, OnnxDialect::kDimsAttr, builder.getArrayAttr(names));
  }
}

func::FuncOp Importer::function(const GraphProto &graph, ArrayRef<const ValueInfoProto *> inputs) {
  SmallVector<Type> types;
  for (const ValueInfoProto *input : inputs)
    types.push_back(toMLIR(input->type(), &context));
  auto function = func::FuncOp::create(builder, nameLoc(graph.name()), "main",
                                       builder.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  for (auto [i, input] : llvm::enumerate(inputs)) {
    entry->getArgument(i).setLoc(nameLoc(input->name()));
    function.setArgAttr(i, OnnxDialect::kNameAttr, builder.getStringAttr(input->name()));
  }
  nameDimensions(function, inputs);
  builder.setInsertionPointToEnd(entry);
  return function;
}

void Importer::describe(ModuleOp module, const ModelProto &model) {
  module->setAttr(OnnxDialect::kGraphNameAttr, builder.getStringAttr(model.graph().name()));
  NamedAttrList metadata;
  auto add = [&](StringRef key, StringRef value) {
    if (!key.empty() && !value.empty())
      metadata.set(key, builder.getStringAttr(value));
  };
  for (const auto &entry : model.metadata_props())
    add(entry.key(), entry.value());
  add("producer_name", model.producer_name());
  add("producer_version", model.producer_version());
  if (!metadata.empty())
    module->setAttr(OnnxDialect::kMetadataAttr, metadata.getDictionary(&context));
}

OwningOpRef<ModuleOp> Importer::build(const ModelProto &model) {
  const GraphProto &graph = model.graph();
  llvm::StringSet<> initialized;
  for (const auto &tensor : graph.initializer())
    initialized.insert(tensor.name());
  SmallVector<const ValueInfoProto *> inputs;
  for (const auto &input : graph.input()) {
    if (initialized.contains(input.name()))
      continue; // its initializer is a default that Strut makes final
    if (isa<UnknownType>(toMLIR(input.type(), &context))) {
      emitError(nameLoc(input.name())) << "input '" << input.name() << "' has no type, or one "
                                       << "that is not supported";
      return nullptr;
    }
    inputs.push_back(&input);
  }

  OwningOpRef<ModuleOp> module = ModuleOp::create(fileLoc());
  builder.setInsertionPointToEnd(module->getBody());
  func::FuncOp main = function(graph, inputs);
  GraphBuilder::Scope scope;
  for (auto [input, argument] : llvm::zip(inputs, main.getArguments()))
    scope.values[input->name()] = argument;
  OpsetMap opsets = opsetsOf(model);
  GraphBuilder graphBuilder(builder, opsets, [&](StringRef name) { return nameLoc(name); });
  FailureOr<SmallVector<Value>> outputs = graphBuilder.build(graph, scope);
  if (failed(outputs))
    return nullptr;
  func::ReturnOp::create(builder, main.getLoc(), *outputs);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), TypeRange(ValueRange(*outputs))));
  for (auto [i, output] : llvm::enumerate(graph.output()))
    main.setResultAttr(i, OnnxDialect::kNameAttr, builder.getStringAttr(output.name()));
  if (failed(checkSizes(*module)) || failed(verify(*module)))
    return nullptr;
  return module;
}

/// Sizes that nobody could allocate are refused here, so that later arithmetic
/// on static dimensions cannot overflow.
LogicalResult Importer::checkSizes(ModuleOp module) {
  auto check = [](Value value) -> LogicalResult {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return success();
    std::optional<int64_t> bits = 128; // of the widest element
    for (int64_t size : type.getShape())
      if (!ShapedType::isDynamic(size) && size != 0 && bits)
        bits = llvm::checkedMul(*bits, size);
    if (!bits)
      return emitError(value.getLoc()) << "'" << nodeNameOf(value.getLoc()) << "' has type " << type
                                       << ", which exceeds any memory";
    return success();
  };
  WalkResult result = module->walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool ok = llvm::all_of(op->getResults(), [&](Value v) { return succeeded(check(v)); });
    for (Region &region : op->getRegions())
      for (Block &block : region)
        ok = ok && llvm::all_of(block.getArguments(), [&](Value v) { return succeeded(check(v)); });
    return ok ? WalkResult::advance() : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

FailureOr<OwningOpRef<ModuleOp>> Importer::run() {
  context.loadDialect<OnnxDialect, func::FuncDialect>();
  if (options.opset < 0 || options.opset > newestOpset())
    return emitError(fileLoc()) << "there is no opset " << options.opset << "; the newest is "
                                << newestOpset();
  ModelProto model;
  if (llvm::Error error = load(model)) {
    emitError(fileLoc()) << tidyMessage(llvm::toString(std::move(error)));
    return failure();
  }
  // As it is first: the message, if any, then is about what the user wrote, and
  // the converter, which takes much for granted, sees only models that hold up.
  OwningOpRef<ModuleOp> module = build(model);
  if (!module)
    return failure();
  ModelProto converted = model;
  if (options.convert && convertToOpset(converted, options.opset ? options.opset : newestOpset())) {
    // Where the converter makes something that does not hold up, older forms are
    // for the lowerings to take, or to refuse by name.
    ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
    if (OwningOpRef<ModuleOp> newer = build(converted))
      module = std::move(newer);
  }
  describe(*module, model);
  return module;
}
} // namespace

FailureOr<OwningOpRef<ModuleOp>> importModel(StringRef path, MLIRContext &context,
                                             const ImportOptions &options) {
  google::protobuf::LogSilencer quiet;
  // A message names the node; the node's whole body would bury it.
  bool printsOps = context.shouldPrintOpOnDiagnostic();
  context.printOpOnDiagnostic(false);
  llvm::scope_exit restore([&] { context.printOpOnDiagnostic(printsOps); });
  try {
    return Importer(path, context, options).run();
  } catch (const std::exception &e) {
    emitError(FileLineColLoc::get(&context, path, 0, 0)) << tidyMessage(e.what());
    return failure();
  }
}

} // namespace strut
