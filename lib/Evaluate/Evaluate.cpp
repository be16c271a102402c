//===- Evaluate.cpp - Values of a function, at compile time ---------------===//
#include "strut/Evaluate/Evaluate.h"
#include "Jit.h"
#include "Widen.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "strut/Cost/Work.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Pipeline/Pipeline.h"
#include "strut/Plan/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace strut::evaluate {
namespace {

std::string spell(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// One call of evaluate().
class Evaluation {
public:
  Evaluation(const Options &options, MLIRContext &context)
      : options(options), context(context), handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error && message.empty())
            message = diagnostic.str();
          return success();
        }) {}

  llvm::Error prepare(func::FuncOp function, ArrayRef<Array> inputs);
  /// Some dimensions are elements of the inputs.
  llvm::Error lower(ArrayRef<Array> inputs);
  llvm::Expected<std::vector<Array>> run(ArrayRef<Array> inputs);

private:
  llvm::Error fitInputs(ArrayRef<Array> inputs);
  llvm::Error readElements(ArrayRef<Array> inputs);
  llvm::Error readNotes(std::vector<Array> &values);
  llvm::Error failDims(size_t index, ArrayAttr requirements);
  llvm::Error runPasses(llvm::function_ref<void(OpPassManager &)> build);
  llvm::Error checkFlops();
  llvm::Error checkBytes(uint64_t bytes);
  std::optional<uint64_t> foldBytes();
  llvm::Error failure(const std::string &otherwise) {
    return llvm::createStringError(message.empty() ? otherwise : message);
  }
  func::FuncOp main() { return module->lookupSymbol<func::FuncOp>("main"); }

  const Options &options;
  MLIRContext &context;
  std::string message;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  std::vector<int64_t> dims;
  std::vector<RankedTensorType> outputs; ///< may have dynamic extents
  ArrayAttr notes;                       ///< what the last of them are
  std::optional<package::TargetSpec> host;
};

/// Binds dynamic extents: of a function of kernels as dimensions, of another one
/// by making its arguments static.
llvm::Error Evaluation::fitInputs(ArrayRef<Array> inputs) {
  Block &entry = main().front();
  auto symbols = main()->getAttrOfType<ArrayAttr>(kernelize::kSymbolsAttr);
  dims.assign(symbols ? symbols.size() : 0, -1);
  unsigned count = llvm::count_if(main().getArgumentTypes(), llvm::IsaPred<TensorType>);
  if (count != inputs.size())
    return llvm::createStringError(
        llvm::formatv("the function takes {0} tensors, given are {1}", count, inputs.size()));
  for (auto [i, input] : llvm::enumerate(inputs)) {
    RankedTensorType given = input.getType();
    auto wanted = cast<TensorType>(entry.getArgument(i).getType());
    bool fits = wanted.getElementType() == given.getElementType();
    if (fits && wanted.hasRank())
      fits = succeeded(verifyCompatibleShape(wanted, given));
    auto names = main().getArgAttrOfType<ArrayAttr>(i, kernelize::kDimsAttr);
    for (unsigned s = 0; fits && names && s < dims.size(); ++s)
      for (auto [name, extent] : llvm::zip(names, given.getShape())) {
        if (name != symbols[s])
          continue;
        fits &= dims[s] == -1 || dims[s] == extent;
        dims[s] = extent;
      }
    if (!fits)
      return llvm::createStringError(llvm::formatv("input {0} is a {1}, the function takes a {2}",
                                                   i, spell(given), spell(wanted)));
    if (!symbols)
      entry.getArgument(i).setType(given);
  }
  if (llvm::Error error = readElements(inputs))
    return error;
  for (auto [s, extent] : llvm::enumerate(dims))
    if (extent == -1)
      return llvm::createStringError("no input says how large '" +
                                     cast<StringAttr>(symbols[s]).getValue() + "' is");
  if (!symbols)
    main().setType(FunctionType::get(&context, entry.getArgumentTypes(),
                                     entry.getTerminator()->getOperandTypes()));
  return llvm::Error::success();
}

/// Binds the dimensions that are elements of inputs.
llvm::Error Evaluation::readElements(ArrayRef<Array> inputs) {
  auto elements = main()->getAttrOfType<ArrayAttr>(kernelize::kElementsAttr);
  if (!elements)
    return llvm::Error::success();
  dims.resize(main()->getAttrOfType<ArrayAttr>(kernelize::kSymbolsAttr).size(), -1);
  for (auto entry : elements.getAsRange<DenseI64ArrayAttr>()) {
    const Array &input = inputs[entry[1]];
    int64_t value = input.getType().getElementTypeBitWidth() == 32 ? input.as<int32_t>()[entry[2]]
                                                                   : input.as<int64_t>()[entry[2]];
    if (value < 0)
      return llvm::createStringError(
          llvm::formatv("input {0} has {1} where a size is wanted", entry[1], value));
    dims[entry[0]] = value;
  }
  return llvm::Error::success();
}

/// Takes the numbers that a run notes besides its results from their end: extents of these,
/// or that something is wrong.
llvm::Error Evaluation::readNotes(std::vector<Array> &values) {
  size_t first = values.size() - (notes ? notes.size() : 0);
  for (size_t i = first; i < values.size(); ++i) {
    int64_t number = values[i].as<int64_t>()[0];
    Attribute note = notes[i - first];
    if (auto trouble = dyn_cast<StringAttr>(note)) {
      if (number)
        return llvm::createStringError(trouble.getValue());
      continue;
    }
    for (auto axis : cast<ArrayAttr>(note).getAsRange<DenseI64ArrayAttr>()) {
      Array &whole = values[axis[0]];
      SmallVector<int64_t> shape(whole.getType().getShape());
      shape[axis[1]] = number;
      Array part(whole.getType().clone(shape));
      llvm::copy(whole.bytes().take_front(part.bytes().size()), part.bytes().begin());
      whole = std::move(part);
    }
  }
  values.erase(values.begin() + first, values.end());
  return llvm::Error::success();
}

llvm::Error Evaluation::prepare(func::FuncOp function, ArrayRef<Array> inputs) {
  module = ModuleOp::create(function.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  function.walk([&](kernel::UseOp use) {
    if (!module->lookupSymbol(use.getWeight()))
      b.clone(*use.getDeclaration());
  });
  auto clone = cast<func::FuncOp>(b.clone(*function));
  clone.setName("main");
  clone.setPublic();
  clone.removeResAttrsAttr();
  if (options.precision == Precision::F64)
    if (llvm::Error error = widen(clone))
      return error;
  return fitInputs(inputs);
}

llvm::Error Evaluation::runPasses(llvm::function_ref<void(OpPassManager &)> build) {
  PassManager manager(&context);
  build(manager);
  if (failed(manager.run(*module)))
    return failure("it cannot be compiled");
  return llvm::Error::success();
}

llvm::Error Evaluation::checkFlops() {
  double flops = 0;
  for (const cost::KernelWork &work : cost::workOf(*module))
    for (const auto &[exponents, coefficient] : work.flops.terms()) {
      double term = coefficient;
      for (auto [dim, exponent] : llvm::zip(dims, exponents))
        for (int i = 0; i < exponent; ++i)
          term *= dim;
      flops += term;
    }
  if (flops > options.maxFlops)
    return llvm::createStringError(llvm::formatv(
        "it takes {0:e2} operations, more than the limit of {1:e2}", flops, options.maxFlops));
  return llvm::Error::success();
}

llvm::Error Evaluation::checkBytes(uint64_t bytes) {
  if (bytes > options.maxBytes)
    return llvm::createStringError(llvm::formatv(
        "it takes {0} bytes of memory, more than the limit of {1}", bytes, options.maxBytes));
  return llvm::Error::success();
}

/// Bytes of all buffers and results, by folding what @main_bind computes; nothing where
/// that cannot be folded.
std::optional<uint64_t> Evaluation::foldBytes() {
  kernel::ProgramOp program = pipeline::getProgram(*module);
  std::optional<SmallVector<int64_t>> values = pipeline::foldBind(program, dims);
  if (!values)
    return std::nullopt;
  // The sizes of the buffers, then the extents of the results.
  ArrayRef<int64_t> rest(*values);
  auto planned = program.lookupSymbol<func::FuncOp>("main");
  size_t buffers = planned->getAttrOfType<ArrayAttr>("strut.lifetimes").size();
  uint64_t bytes = 0;
  for (int64_t size : rest.take_front(buffers))
    bytes = llvm::SaturatingAdd(bytes, uint64_t(size));
  rest = rest.drop_front(buffers);
  for (RankedTensorType type : outputs) {
    uint64_t size = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    for (int64_t extent : rest.take_front(type.getRank()))
      size = llvm::SaturatingMultiply(size, uint64_t(extent));
    rest = rest.drop_front(type.getRank());
    bytes = llvm::SaturatingAdd(bytes, size);
  }
  return bytes;
}

llvm::Error Evaluation::lower(ArrayRef<Array> inputs) {
  llvm::Expected<package::TargetSpec> target = package::resolveTarget("", "native");
  if (!target)
    return target.takeError();
  host = std::move(*target);
  if (!main()->hasAttr(kernelize::kSymbolsAttr)) {
    if (llvm::Error error = runPasses([](OpPassManager &pm) {
          pipeline::buildNormalizePipeline(pm, /*foldConstants=*/false);
        }))
      return error;
    // Function bodies of the standard compute some constants in f32.
    if (options.precision == Precision::F64)
      if (llvm::Error error = widen(main()))
        return error;
    if (llvm::Error error = runPasses([](OpPassManager &pm) {
          pipeline::buildLayerPipeline(pm);
          pipeline::buildKernelPipeline(pm);
        }))
      return error;
    if (llvm::Error error = readElements(inputs))
      return error;
  }
  notes = main()->getAttrOfType<ArrayAttr>(kernelize::kNotesAttr);
  if (llvm::Error error = checkFlops())
    return error;
  for (auto [i, type] : llvm::enumerate(main().getResultTypes())) {
    outputs.push_back(cast<RankedTensorType>(type));
    if (auto element = main().getResultAttrOfType<TypeAttr>(i, kernelize::kElementAttr))
      outputs.back() = outputs.back().clone(element.getValue());
  }
  if (llvm::Error error = runPasses([&](OpPassManager &pm) {
        pipeline::buildPlanPipeline(pm, {pipeline::programFor(*host)});
      }))
    return error;
  // run() knows it to the byte, but only when all code has been generated.
  if (std::optional<uint64_t> bytes = foldBytes())
    if (llvm::Error error = checkBytes(*bytes))
      return error;
  return runPasses([](OpPassManager &pm) { pipeline::buildCPUPipeline(pm); });
}

/// By the index of a dimension without a valid value, or of a requirement behind these.
llvm::Error Evaluation::failDims(size_t index, ArrayAttr requirements) {
  if (index < dims.size())
    return llvm::createStringError(
        llvm::formatv("dimension {0} cannot be {1}", index, dims[index]));
  return llvm::createStringError(cast<StringAttr>(requirements[index - dims.size()]).getValue());
}

/// Memory that a run works in.
struct Memory {
  Array bytes;
  char *data() { return bytes.bytes().data(); }
  Memory(MLIRContext &context, int64_t size)
      : bytes(RankedTensorType::get({size}, IntegerType::get(&context, 8))) {}
};

llvm::Expected<std::vector<Array>> Evaluation::run(ArrayRef<Array> inputs) {
  kernel::ProgramOp program = pipeline::getProgram(*module);
  llvm::Expected<package::WeightPlan> plan = pipeline::planWeights(program);
  if (!plan)
    return plan.takeError();
  // By now @main is a function of the LLVM dialect.
  Operation *lowered = program.lookupSymbol("main");
  size_t buffers = lowered->getAttrOfType<ArrayAttr>("strut.lifetimes").size();
  size_t choices = 0;
  if (auto named = lowered->getAttrOfType<ArrayAttr>(plan::kChoicesAttr))
    choices = named.size();
  auto requirements = lowered->getAttrOfType<ArrayAttr>(plan::kRequirementsAttr);
  module = pipeline::takeProgram(program);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, llvmContext, "evaluate");
  if (!code)
    return failure("it cannot be translated to LLVM IR");
  llvm::Expected<Jit> jit = Jit::compile(*code, *host);
  if (!jit)
    return jit.takeError();

  size_t axes = 0;
  for (RankedTensorType type : outputs)
    axes += type.getRank();
  std::vector<int64_t> sizes(buffers), offsets, shapes(axes + choices);
  if (int32_t wrong = jit->bind(dims.data(), sizes.data(), shapes.data()))
    return failDims(wrong - 1, requirements);
  // One buffer after the other: intermediates are few, and are gone in a moment.
  uint64_t arena = 0, results = 0;
  for (int64_t size : sizes) {
    offsets.push_back(arena);
    arena = llvm::SaturatingAdd(arena, llvm::alignTo(uint64_t(size), uint64_t(64)));
  }
  ArrayRef<int64_t> shape = shapes;
  for (RankedTensorType &type : outputs) {
    type = type.clone(shape.take_front(type.getRank()));
    shape = shape.drop_front(type.getRank());
    results += type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  }
  if (llvm::Error error =
          checkBytes(llvm::SaturatingAdd(llvm::SaturatingAdd(arena, results), plan->bytes())))
    return std::move(error);

  Memory working(context, arena), weights(context, plan->bytes());
  llvm::Expected<uint64_t> packed = package::packWeights(
      *plan, {reinterpret_cast<uint8_t *>(weights.data()), size_t(plan->bytes())});
  if (!packed)
    return packed.takeError();
  std::vector<Array> values;
  for (RankedTensorType type : outputs)
    values.emplace_back(type);
  std::vector<void *> in, out;
  for (const Array &input : inputs)
    in.push_back(const_cast<char *>(input.bytes().data()));
  for (Array &value : values)
    out.push_back(value.bytes().data());
  StrutLauncher launcher = {};
  StrutFrame frame = {in.data(),      out.data(),  working.data(), offsets.data(),
                      weights.data(), dims.data(), &launcher};
  jit->run(&frame);
  if (llvm::Error error = readNotes(values))
    return std::move(error);
  return values;
}

} // namespace

void getDependentDialects(DialectRegistry &registry) {
  OpPassManager stages(ModuleOp::getOperationName());
  pipeline::buildNormalizePipeline(stages, /*foldConstants=*/false);
  pipeline::buildLayerPipeline(stages);
  pipeline::buildKernelPipeline(stages);
  pipeline::buildPlanPipeline(stages, {});
  pipeline::buildCPUPipeline(stages);
  stages.getDependentDialects(registry);
}

llvm::Expected<std::vector<Array>> evaluate(func::FuncOp function, ArrayRef<Array> inputs,
                                            const Options &options) {
  std::vector<Array> wide;
  if (options.precision == Precision::F64) {
    for (const Array &input : inputs)
      wide.push_back(widen(input));
    inputs = wide;
  }
  Evaluation evaluation(options, *function.getContext());
  if (llvm::Error error = evaluation.prepare(function, inputs))
    return std::move(error);
  if (llvm::Error error = evaluation.lower(inputs))
    return std::move(error);
  return evaluation.run(inputs);
}

} // namespace strut::evaluate
