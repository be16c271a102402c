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
#include <cstdlib>
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

float strut::test::rounded(float value, Element element) {
  llvm::APFloat number = converted(value, element);
  bool lossy;
  number.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &lossy);
  return number.convertToFloat();
}

DeviceArray::DeviceArray(const Driver &driver, std::vector<int64_t> shape,
                         std::vector<float> values, Element element)
    : driver(driver), shape(std::move(shape)) {
  for (int64_t extent : this->shape)
    count *= extent;
  size_t bytes = llvm::APFloat::getSizeInBits(semanticsOf(element)) / 8;
  EXPECT_EQ(driver.memAlloc(&memory, count * bytes), 0);
  std::vector<char> stored;
  for (float value : values) {
    uint64_t bits = converted(value, element).bitcastToAPInt().getZExtValue();
    const char *first = reinterpret_cast<const char *>(&bits); // little-endian
    stored.insert(stored.end(), first, first + bytes);
  }
  if (!values.empty())
    EXPECT_EQ(driver.copyToDevice(memory, stored.data(), stored.size(), nullptr), 0);
}

DeviceArray::~DeviceArray() { driver.memFree(memory); }

std::vector<float> DeviceArray::values() const {
  std::vector<float> result(count);
  EXPECT_EQ(driver.copyToHost(result.data(), memory, count * sizeof(float), nullptr), 0);
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

Kernels::Kernels(const std::string &source, const Change &change, const std::string &arch,
                 gpu::Precision precision) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
  package::TargetSpec gpu = llvm::cantFail(package::resolveGpuArch(arch));
  package::TargetSpec host = llvm::cantFail(package::resolveTarget("", ""));
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
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = mlir::translateModuleToLLVMIR(*device, llvmContext);
  package::optimizeForGpu(*code, gpu);
  if (change)
    change(*code);
  if (llvm::Error error = gpu::emulate(*code)) {
    refusal = llvm::toString(std::move(error));
    return;
  }
  image = llvm::cantFail(package::linkEmulated(*code, gpu::kEmulatedImage, host));
}

std::string Kernels::run(const Driver &driver, const std::string &kernel,
                         const std::string &schedule, std::vector<const DeviceArray *> arguments,
                         unsigned blocks, unsigned threads) const {
  std::vector<int64_t> bundle;
  for (const DeviceArray *argument : arguments)
    argument->describe(bundle);
  CUcontext context;
  CUmodule module;
  CUfunction function;
  EXPECT_EQ(driver.primaryRetain(&context, 0), 0);
  EXPECT_EQ(driver.moduleLoad(&module, image.data(), 0, nullptr, nullptr), 0);
  EXPECT_EQ(driver.moduleGetFunction(&function, module, kernel.c_str()), 0);
  setenv("STRUT_EMULATE", schedule.c_str(), 1);
  void *parameters[] = {bundle.data()};
  CUresult result =
      driver.launchKernel(function, blocks, 1, 1, threads, 1, 1, 0, nullptr, parameters, nullptr);
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
