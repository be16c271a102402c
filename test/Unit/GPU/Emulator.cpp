//===- Emulator.cpp - Runs kernels given as text, right or wrong ----------===//
#include "Emulator.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "strut/Driver/Register.h"
#include "strut/GPU/Emulate.h"
#include "strut/Package/Ptx.h"
#include "strut/Pipeline/Pipeline.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/Support/SourceMgr.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace strut;
using namespace strut::test;

Driver::Driver() {
  void *library = dlopen(STRUT_EMULATOR, RTLD_NOW | RTLD_LOCAL);
  EXPECT_TRUE(library) << dlerror();
#define STRUT_LOOK_UP(member, symbol, parameters)                                                  \
  member = reinterpret_cast<decltype(member)>(dlsym(library, symbol));                             \
  EXPECT_TRUE(member) << symbol;
  STRUT_DRIVER_FUNCTIONS(STRUT_LOOK_UP)
  STRUT_NEWER_DRIVER_FUNCTIONS(STRUT_LOOK_UP)
#undef STRUT_LOOK_UP
}

static const llvm::fltSemantics &semanticsOf(Element element) {
  return element == Element::F16    ? llvm::APFloat::IEEEhalf()
         : element == Element::BF16 ? llvm::APFloat::BFloat()
                                    : llvm::APFloat::IEEEsingle();
}

static llvm::APFloat converted(float value, Element element) {
  llvm::APFloat number(value);
  bool lossy;
  number.convert(semanticsOf(element), llvm::APFloat::rmNearestTiesToEven, &lossy);
  return number;
}

static float widened(llvm::APFloat number) {
  bool lossy;
  number.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &lossy);
  return number.convertToFloat();
}

float strut::test::rounded(float value, Element element) {
  return widened(converted(value, element));
}

DeviceArray::DeviceArray(const Driver &driver, std::vector<int64_t> shape,
                         std::vector<float> values, Element element)
    : driver(driver), shape(std::move(shape)), element(element) {
  for (int64_t extent : this->shape)
    count *= extent;
  size_t bytes = llvm::APFloat::getSizeInBits(semanticsOf(element)) / 8;
  EXPECT_EQ(driver.memAlloc(&memory, std::max<size_t>(1, count * bytes)), 0); // 0 is an error
  std::vector<char> stored;
  for (float value : values) {
    uint64_t bits = converted(value, element).bitcastToAPInt().getZExtValue();
    const char *first = reinterpret_cast<const char *>(&bits); // little-endian
    stored.insert(stored.end(), first, first + bytes);
  }
  if (!values.empty())
    EXPECT_EQ(driver.copyToDevice(memory, stored.data(), stored.size(), nullptr), 0);
}

DeviceArray::DeviceArray(const Driver &driver, const void *bytes, size_t size, int64_t count)
    : driver(driver), shape{count}, element(Element::F32), count(count) {
  EXPECT_EQ(driver.memAlloc(&memory, size), 0);
  EXPECT_EQ(driver.copyToDevice(memory, bytes, size, nullptr), 0);
}

DeviceArray DeviceArray::list(const Driver &driver, const std::vector<int32_t> &values) {
  return DeviceArray(driver, values.data(), values.size() * sizeof(int32_t), values.size());
}

DeviceArray::~DeviceArray() { driver.memFree(memory); }

std::vector<float> DeviceArray::values() const {
  unsigned bits = llvm::APFloat::getSizeInBits(semanticsOf(element));
  std::vector<char> stored(count * bits / 8);
  EXPECT_EQ(driver.copyToHost(stored.data(), memory, stored.size(), nullptr), 0);
  std::vector<float> result;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t raw = 0;
    memcpy(&raw, &stored[i * bits / 8], bits / 8);
    result.push_back(widened(llvm::APFloat(semanticsOf(element), llvm::APInt(bits, raw))));
  }
  return result;
}

void DeviceArray::describe(std::vector<int64_t> &fields) const {
  fields.insert(fields.end(), {int64_t(memory), int64_t(memory), 0});
  fields.insert(fields.end(), shape.begin(), shape.end());
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
    strides[i] = stride;
  fields.insert(fields.end(), strides.begin(), strides.end());
}

void DeviceArray::map(std::vector<int64_t> &fields, std::vector<uint32_t> box,
                      bool isSwizzled) const {
  std::vector<uint64_t> sizes(shape.rbegin(), shape.rend()), strides;
  uint64_t stride = 2;
  for (uint64_t size : llvm::ArrayRef(sizes).drop_back())
    strides.push_back(stride *= size);
  std::vector<uint32_t> innermostFirst(box.rbegin(), box.rend()), steps(box.size(), 1);
  alignas(64) CUtensorMap map;
  EXPECT_EQ(driver.tensorMapEncodeTiled(
                &map,
                element == Element::F16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                        : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                sizes.size(), reinterpret_cast<void *>(memory), sizes.data(), strides.data(),
                innermostFirst.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
                isSwizzled ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
                CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
            0);
  fields.insert(fields.end(), std::begin(map.opaque), std::end(map.opaque));
}

Kernels::Kernels(const std::string &source, const Change &change, const std::string &arch,
                 gpu::Precision precision) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
  package::TargetSpec gpu = llvm::cantFail(package::resolveGpuArch(arch));
  mlir::PassManager manager(&context);
  pipeline::buildPlanPipeline(manager, {pipeline::programForGpu(gpu, precision)});
  pipeline::buildGPUPipeline(manager);
  if (!module || failed(manager.run(*module))) {
    ADD_FAILURE() << "the kernels cannot be compiled";
    return;
  }
  kernel::ProgramOp program = pipeline::getProgram(*module);
  for (auto name : program->getAttrOfType<mlir::ArrayAttr>(gpu::kKernelsAttr)
                       .getAsValueRange<mlir::StringAttr>())
    names.push_back(name.str());
  auto device = pipeline::takeDeviceModule(program);
  for (const std::string &name : names)
    if (auto more = device->lookupSymbol(name)->getAttrOfType<mlir::IntegerAttr>(gpu::kSharedAttr))
      sharedBytes[name] = more.getInt();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = mlir::translateModuleToLLVMIR(*device, llvmContext);
  emulate(*code, gpu, change);
}

Kernels Kernels::ofCode(const std::string &text) {
  Kernels kernels;
  llvm::LLVMContext context;
  llvm::SMDiagnostic wrong;
  std::unique_ptr<llvm::Module> code = llvm::parseAssemblyString(text, wrong, context);
  if (code)
    kernels.emulate(*code, llvm::cantFail(package::resolveGpuArch("sm_90a")), nullptr);
  else
    ADD_FAILURE() << wrong.getMessage().str() << " in line " << wrong.getLineNo();
  return kernels;
}

void Kernels::emulate(llvm::Module &code, const package::TargetSpec &gpu, const Change &change) {
  package::TargetSpec host = llvm::cantFail(package::resolveTarget("", ""));
  package::optimizeForGpu(code, gpu);
  if (change)
    change(code);
  if (llvm::Error error = gpu::emulate(code)) {
    refusal = llvm::toString(std::move(error));
    return;
  }
  image = llvm::cantFail(package::linkEmulated(code, gpu::kEmulatedImage, host));
}

std::string Kernels::run(const Driver &driver, const std::string &kernel,
                         const std::string &schedule, std::vector<const DeviceArray *> arguments,
                         unsigned blocks, unsigned threads) const {
  std::vector<int64_t> fields;
  for (const DeviceArray *argument : arguments)
    argument->describe(fields);
  return launch(driver, kernel, schedule, std::move(fields), blocks, threads);
}

std::string Kernels::launch(const Driver &driver, const std::string &kernel,
                            const std::string &schedule, std::vector<int64_t> fields,
                            unsigned blocks, unsigned threads) const {
  CUcontext context;
  CUmodule module;
  CUfunction function;
  EXPECT_EQ(driver.primaryRetain(&context, 0), 0);
  EXPECT_EQ(driver.moduleLoad(&module, image.data(), 0, nullptr, nullptr), 0);
  EXPECT_EQ(driver.moduleGetFunction(&function, module, kernel.c_str()), 0);
  auto more = sharedBytes.find(kernel);
  unsigned bytes = more == sharedBytes.end() ? 0 : more->second;
  EXPECT_EQ(driver.functionSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                        int(bytes)),
            0);
  setenv("STRUT_EMULATE", schedule.c_str(), 1);
  void *parameters[] = {fields.data()};
  CUresult result = driver.launchKernel(function, blocks, 1, 1, threads, 1, 1, bytes, nullptr,
                                        parameters, nullptr);
  if (!result)
    result = driver.streamSynchronize(nullptr);
  const char *why = "";
  if (result)
    driver.getErrorString(result, &why);
  std::string said = why;
  driver.moduleUnload(module);
  driver.primaryRelease(0);
  return said;
}

const Driver &strut::test::driver() {
  static Driver instance;
  return instance;
}

Kernels::Change strut::test::onlyOf(llvm::StringRef name,
                                    const std::function<void(llvm::Function &)> &spoil) {
  return [=](llvm::Module &module) {
    for (llvm::Function &function : module)
      if (function.getName().contains(name))
        spoil(function);
      else if (!function.isDeclaration())
        function.deleteBody();
  };
}

std::vector<llvm::IntrinsicInst *> strut::test::callsOf(llvm::Function &function,
                                                        llvm::StringRef name) {
  std::vector<llvm::IntrinsicInst *> calls;
  for (llvm::Instruction &instruction : llvm::instructions(function))
    if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction))
      if (call->getCalledFunction()->getName().starts_with(name))
        calls.push_back(call);
  return calls;
}

void strut::test::setArgument(llvm::IntrinsicInst *call, unsigned number, int64_t value) {
  call->setArgOperand(number,
                      llvm::ConstantInt::get(call->getArgOperand(number)->getType(), value));
}
