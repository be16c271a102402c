//===- Program.cpp - The constants of an artefact ---------------*- C++ -*-===//
#include "Embedded.h"
#include "strut/Package/Description.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include <cstddef>

using namespace llvm;

// The constants below list the fields of these structures in order and rely on
// natural alignment, which is that of C on every target we generate for. A field
// added or moved there must be added or moved here.
static_assert(sizeof(StrutDim) == 16 && offsetof(StrutDim, symbol) == 8);
static_assert(sizeof(StrutTensorInfo) == 32 && offsetof(StrutTensorInfo, rank) == 12 &&
              offsetof(StrutTensorInfo, shape) == 16 && offsetof(StrutTensorInfo, alias) == 24);
static_assert(sizeof(StrutChoice) == 24 && offsetof(StrutChoice, num_forms) == 16);
static_assert(sizeof(StrutDescription) == 96 && offsetof(StrutDescription, dims) == 48 &&
              offsetof(StrutDescription, metadata) == 80 &&
              offsetof(StrutDescription, choices) == 88);
static_assert(sizeof(StrutLifetime) == 8);
static_assert(sizeof(StrutElement) == 12);
static_assert(sizeof(StrutNote) == 24 && offsetof(StrutNote, trouble) == 16);
static_assert(sizeof(StrutProgram) == 144 && offsetof(StrutProgram, elements) == 112 &&
              offsetof(StrutProgram, requirements) == 136 && offsetof(StrutProgram, notes) == 128 &&
              offsetof(StrutProgram, lifetimes) == 16 && offsetof(StrutProgram, weights) == 40 &&
              offsetof(StrutProgram, cpu_features) == 72 && offsetof(StrutProgram, device) == 96);
static_assert(sizeof(StrutImage) == 24 && offsetof(StrutImage, data) == 16 &&
              sizeof(StrutDeviceKernel) == 24 && sizeof(StrutDeviceProgram) == 32 &&
              offsetof(StrutDeviceProgram, images) == 16);
static_assert(sizeof(StrutModel) == 8 + 12 * sizeof(void *) &&
              offsetof(StrutModel, set_stream) == 96);

namespace strut::package {
namespace {

class ProgramEmitter {
public:
  ProgramEmitter(Module &module, const ModelInfo &model, ArrayRef<ProgramInfo> programs,
                 const EmitOptions &options)
      : module(module), context(module.getContext()), model(model), programs(programs),
        options(options), ptr(PointerType::getUnqual(context)), i32(Type::getInt32Ty(context)),
        i64(Type::getInt64Ty(context)) {}

  Error emit();

private:
  Constant *int32(int64_t value) { return ConstantInt::getSigned(i32, value); }
  Constant *int64(uint64_t value) { return ConstantInt::get(i64, value); }
  Constant *null() { return ConstantPointerNull::get(ptr); }
  Constant *structure(ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context, fields);
  }
  GlobalVariable *constant(Constant *value, const Twine &name);
  Constant *text(StringRef value);
  Constant *texts(ArrayRef<std::string> values, const Twine &name);
  Constant *array(ArrayRef<Constant *> elements, const Twine &name);
  Constant *tensors(ArrayRef<TensorInfo> tensors, const Twine &name);
  Constant *choices();
  Constant *elements();
  int64_t numNotes();
  Constant *notes();
  Constant *description();
  Constant *weights();
  Expected<Function *> generated(StringRef name, FunctionType *type);
  Expected<Constant *> emit(const ProgramInfo &program, Constant *about, Constant *weights,
                            Constant *next);
  Constant *device(const ProgramInfo &program);
  Constant *describeThunk(Constant *description);
  Constant *openThunk(Constant *program);
  void table(Constant *description, Constant *program);

  Module &module;
  LLVMContext &context;
  const ModelInfo &model;
  ArrayRef<ProgramInfo> programs;
  const EmitOptions &options;
  PointerType *ptr;
  IntegerType *i32, *i64;
};

GlobalVariable *ProgramEmitter::constant(Constant *value, const Twine &name) {
  return new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                            GlobalValue::InternalLinkage, value, name);
}

Constant *ProgramEmitter::text(StringRef value) {
  GlobalVariable *global = constant(ConstantDataArray::getString(context, value), "strut.text");
  global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  global->setAlignment(Align(1));
  return global;
}

Constant *ProgramEmitter::array(ArrayRef<Constant *> elements, const Twine &name) {
  if (elements.empty())
    return null();
  return constant(
      ConstantArray::get(ArrayType::get(elements.front()->getType(), elements.size()), elements),
      name);
}

Constant *ProgramEmitter::texts(ArrayRef<std::string> values, const Twine &name) {
  return array(map_to_vector(values, [&](StringRef value) { return text(value); }), name);
}

Constant *ProgramEmitter::tensors(ArrayRef<TensorInfo> tensors, const Twine &name) {
  SmallVector<Constant *> entries;
  for (const TensorInfo &tensor : tensors) {
    SmallVector<Constant *> axes = map_to_vector(tensor.shape, [&](const Axis &axis) {
      return structure({ConstantInt::getSigned(i64, axis.size), int32(axis.symbol)});
    });
    Constant *type = structure({ConstantInt::get(Type::getInt8Ty(context), tensor.type.code),
                                ConstantInt::get(Type::getInt8Ty(context), tensor.type.bits),
                                ConstantInt::get(Type::getInt16Ty(context), tensor.type.lanes)});
    entries.push_back(structure({text(tensor.name), type, int32(tensor.shape.size()),
                                 array(axes, "strut.shape"), int32(tensor.alias)}));
  }
  return array(entries, name);
}

Constant *ProgramEmitter::choices() {
  SmallVector<Constant *> entries;
  for (const ChoiceInfo &choice : model.choices)
    entries.push_back(structure({text(choice.name), texts(choice.forms, "strut.forms"),
                                 int32(choice.forms.size()), int32(0)}));
  return array(entries, "strut.choices");
}

Constant *ProgramEmitter::elements() {
  SmallVector<Constant *> entries;
  for (const ElementInfo &info : model.elements)
    entries.push_back(structure({int32(info.dim), int32(info.input), int32(info.element)}));
  return array(entries, "strut.elements");
}

/// One for each axis that a number is the extent of.
int64_t ProgramEmitter::numNotes() {
  int64_t count = 0;
  for (const NoteInfo &note : model.notes)
    count += note.trouble.empty() ? note.axes.size() : 1;
  return count;
}

Constant *ProgramEmitter::notes() {
  SmallVector<Constant *> entries;
  for (auto [i, note] : enumerate(model.notes)) {
    if (!note.trouble.empty())
      entries.push_back(structure({int32(i), int32(-1), int32(0), int32(0), text(note.trouble)}));
    for (auto [output, axis] : note.axes)
      entries.push_back(structure({int32(i), int32(output), int32(axis), int32(0), null()}));
  }
  return array(entries, "strut.notes");
}

Constant *ProgramEmitter::description() {
  return constant(
      structure({text(model.graph), text(options.target.triple.str()), text(options.target.cpu),
                 text(std::string("strut ") + embedded::version), int32(model.dims.size()),
                 int32(model.inputs.size()), int32(model.outputs.size()),
                 int32(model.choices.size()), texts(model.dims, "strut.dims"),
                 tensors(model.inputs, "strut.inputs"), tensors(model.outputs, "strut.outputs"),
                 int64(options.weights.bytes), text(model.metadata), choices()}),
      "strut.description");
}

Constant *ProgramEmitter::weights() {
  if (options.weights.sideFile)
    return null();
  if (options.weights.bytes == 0) {
    // The runtime takes null for a side file, so a model without weights points
    // somewhere, too.
    GlobalVariable *none =
        constant(ConstantAggregateZero::get(ArrayType::get(Type::getInt8Ty(context), 64)),
                 "strut.no_weights");
    none->setAlignment(Align(64));
    return none;
  }
  auto *section = new GlobalVariable(
      module, ArrayType::get(Type::getInt8Ty(context), options.weights.bytes), /*isConstant=*/true,
      GlobalValue::ExternalLinkage, nullptr, weightsSymbol(model));
  section->setVisibility(GlobalValue::HiddenVisibility);
  section->setDSOLocal(true);
  section->setAlignment(Align(4096));
  return section;
}

Expected<Function *> ProgramEmitter::generated(StringRef name, FunctionType *type) {
  Function *function = module.getFunction(name);
  if (function && !function->isDeclaration() && function->getFunctionType() == type)
    return function;
  std::string wanted;
  raw_string_ostream(wanted) << *type;
  return createStringError("the generated code of '" + model.graph + "' has no function '" + name +
                           "' of type " + wanted);
}

Constant *ProgramEmitter::describeThunk(Constant *description) {
  Function *thunk = Function::Create(FunctionType::get(ptr, false), GlobalValue::InternalLinkage,
                                     "strut.describe", module);
  IRBuilder<> builder(BasicBlock::Create(context, "", thunk));
  builder.CreateRet(description);
  return thunk;
}

Constant *ProgramEmitter::openThunk(Constant *program) {
  Function *thunk = Function::Create(FunctionType::get(i32, {ptr, ptr}, false),
                                     GlobalValue::InternalLinkage, "strut.open", module);
  FunctionCallee open =
      module.getOrInsertFunction("strut_rt_open", FunctionType::get(i32, {ptr, ptr, ptr}, false));
  IRBuilder<> builder(BasicBlock::Create(context, "", thunk));
  builder.CreateRet(builder.CreateCall(open, {program, thunk->getArg(0), thunk->getArg(1)}));
  return thunk;
}

void ProgramEmitter::table(Constant *description, Constant *program) {
  Type *none = Type::getVoidTy(context);
  auto runtime = [&](StringRef name, Type *result, ArrayRef<Type *> parameters) {
    return cast<Constant>(
        module.getOrInsertFunction(name, FunctionType::get(result, parameters, false)).getCallee());
  };
  Constant *value = structure(
      {int32(STRUT_ABI_VERSION), int32(sizeof(StrutModel)), describeThunk(description),
       openThunk(program), runtime("strut_rt_close", none, {ptr}),
       runtime("strut_rt_create_context", i32, {ptr, ptr}),
       runtime("strut_rt_destroy_context", none, {ptr}), runtime("strut_rt_bind", i32, {ptr, ptr}),
       runtime("strut_rt_output_shape", i32, {ptr, i32, ptr}),
       runtime("strut_rt_run", i32, {ptr, ptr, ptr}), runtime("strut_rt_error", ptr, {ptr}),
       runtime("strut_rt_form", i32, {ptr, i32, ptr}), runtime("strut_rt_device", ptr, {ptr}),
       runtime("strut_rt_set_stream", i32, {ptr, ptr})});
  GlobalVariable *table = constant(value, "strut_model_" + model.symbol);
  table->setLinkage(GlobalValue::ExternalLinkage);
  if (options.sharedLibrary)
    GlobalAlias::create(value->getType(), 0, GlobalValue::ExternalLinkage, "strut_model", table,
                        &module);
}

/// The code of the kernels, and what opens it.
Constant *ProgramEmitter::device(const ProgramInfo &program) {
  if (!program.isForDevice())
    return null();
  SmallVector<Constant *> images;
  for (const ProgramInfo::Image &image : program.images) {
    GlobalVariable *data =
        constant(ConstantDataArray::getString(context, image.data), "strut.image");
    data->setAlignment(Align(64));
    images.push_back(structure(
        {int32(image.kind), int32(image.capability), int32(image.reach), int32(0), data}));
  }
  auto *runtime = cast<GlobalVariable>(
      module.getOrInsertGlobal("strut_rt_device_runtime", Type::getInt8Ty(context)));
  runtime->setVisibility(GlobalValue::HiddenVisibility);
  runtime->setDSOLocal(true);
  SmallVector<Constant *> kernels;
  for (const ProgramInfo::Kernel &kernel : program.kernels)
    kernels.push_back(structure({text(kernel.name), int32(kernel.sharedBytes),
                                 int32(kernel.tensorMaps), int32(kernel.resident), int32(0)}));
  return constant(structure({runtime, int32(images.size()), int32(program.kernels.size()),
                             array(images, "strut.images"), array(kernels, "strut.kernels")}),
                  "strut.device");
}

Expected<Constant *> ProgramEmitter::emit(const ProgramInfo &program, Constant *about,
                                          Constant *weights, Constant *next) {
  Expected<Function *> bind =
      generated(program.bind, FunctionType::get(i32, {ptr, ptr, ptr}, false));
  if (!bind)
    return bind.takeError();
  Expected<Function *> run =
      generated(program.run, FunctionType::get(Type::getVoidTy(context), {ptr}, false));
  if (!run)
    return run.takeError();
  SmallVector<Constant *> lifetimes = map_to_vector(program.lifetimes, [&](StrutLifetime life) {
    return structure({int32(life.first), int32(life.last)});
  });
  Constant *file =
      options.weights.sideFile ? text(*options.weights.sideFile) : static_cast<Constant *>(null());
  return constant(structure({about,
                             int32(program.lifetimes.size()),
                             int32(model.elements.size()),
                             array(lifetimes, "strut.lifetimes"),
                             *bind,
                             *run,
                             weights,
                             int64(options.weights.bytes),
                             file,
                             int64(options.weights.hash),
                             int64(requiredCpuFeatures(options.target)),
                             int64(program.weightsBegin),
                             int64(program.weightsUsed),
                             device(program),
                             next,
                             elements(),
                             int32(model.notes.size()),
                             int32(numNotes()),
                             notes(),
                             texts(program.requirements, "strut.requirements")}),
                  "strut.program");
}

Error ProgramEmitter::emit() {
  Constant *about = description(), *base = weights(), *first = null();
  for (const ProgramInfo &program : reverse(programs)) {
    Expected<Constant *> emitted = emit(program, about, base, first);
    if (!emitted)
      return emitted.takeError();
    first = *emitted;
  }
  table(about, first);
  return Error::success();
}

} // namespace

Error emitPrograms(Module &module, const ModelInfo &model, ArrayRef<ProgramInfo> programs,
                   const EmitOptions &options) {
  if (Error error = model.verify())
    return error;
  applyTarget(module, options.target);
  if (Error error = ProgramEmitter(module, model, programs, options).emit())
    return error;
  // The thunks name no CPU. They keep to the baseline, like the runtime that they
  // call: it says which feature a machine lacks.
  applyBaseline(module, options.target);
  internalizeModule(module, [&](const GlobalValue &value) {
    return value.getName() == "strut_model" || value.getName() == "strut_model_" + model.symbol;
  });
  ModuleAnalysisManager analyses;
  GlobalDCEPass().run(module, analyses);
  return Error::success();
}

} // namespace strut::package
