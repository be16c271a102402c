//===- Emulator.h - Runs kernels given as text, right or wrong -*- C++ -*-===//
//
// Compiles a host function of kernels for a GPU, lets the test change the LLVM IR of the
// kernels, and launches them one by one through the emulator's driver.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_TEST_UNIT_GPU_EMULATOR_H
#define STRUT_TEST_UNIT_GPU_EMULATOR_H

#include "lib/Runtime/driver.h"
#include "strut/GPU/CUDA.h"
#include "strut/Package/Target.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace strut::test {

/// The functions of the driver.
struct Driver {
  Driver();
#define STRUT_MEMBER(member, symbol, parameters) CUresult(*member) parameters;
  STRUT_DRIVER_FUNCTIONS(STRUT_MEMBER)
  STRUT_NEWER_DRIVER_FUNCTIONS(STRUT_MEMBER)
#undef STRUT_MEMBER
};

/// The one of this process.
const Driver &driver();

/// How the elements of an array are stored.
enum class Element { F32, F16, BF16 };
/// The nearest number of that type.
float rounded(float value, Element element);

/// A row-major array on the device.
class DeviceArray {
public:
  DeviceArray(const Driver &driver, std::vector<int64_t> shape, std::vector<float> values = {},
              Element element = Element::F32);
  /// Of i32.
  static DeviceArray list(const Driver &driver, const std::vector<int32_t> &values);
  ~DeviceArray();
  DeviceArray(const DeviceArray &) = delete;
  std::vector<float> values() const;
  /// Appends the fields of a memref descriptor.
  void describe(std::vector<int64_t> &fields) const;
  /// Appends a tensor map of an array of 16-bit elements, in boxes of this shape.
  void map(std::vector<int64_t> &fields, std::vector<uint32_t> box, bool isSwizzled = true) const;

private:
  DeviceArray(const Driver &driver, const void *bytes, size_t size, int64_t count);

  const Driver &driver;
  std::vector<int64_t> shape;
  Element element;
  int64_t count = 1;
  CUdeviceptr memory = 0;
};

/// The kernels of a module in which @main is planned for a GPU.
class Kernels {
public:
  using Change = std::function<void(llvm::Module &)>;
  /// `change` spoils the code before it is emulated.
  explicit Kernels(const std::string &source, const Change &change = nullptr,
                   const std::string &arch = "sm_80",
                   gpu::Precision precision = gpu::Precision::F32);

  /// Of kernels that are given as LLVM IR.
  static Kernels ofCode(const std::string &code);

  /// Why the code cannot be emulated; empty if it can.
  std::string refusal;
  /// The kernel functions.
  std::vector<std::string> names;

  /// Launches under a schedule ("random:3"). Returns what the driver says of it, empty if
  /// all is well.
  std::string run(const Driver &driver, const std::string &kernel, const std::string &schedule,
                  std::vector<const DeviceArray *> arguments, unsigned blocks,
                  unsigned threads) const;
  /// ... of arguments that take these 64-bit fields.
  std::string launch(const Driver &driver, const std::string &kernel, const std::string &schedule,
                     std::vector<int64_t> fields, unsigned blocks, unsigned threads) const;

private:
  Kernels() = default;
  void emulate(llvm::Module &code, const package::TargetSpec &gpu, const Change &change);

  std::string image;
  std::map<std::string, unsigned> sharedBytes; ///< that launches add, by kernel
};

/// Spoils the kernel functions whose names, literals, contain this one, and takes the code of
/// others.
Kernels::Change onlyOf(llvm::StringRef name, const std::function<void(llvm::Function &)> &spoil);
/// Calls of the intrinsics whose names begin so.
std::vector<llvm::IntrinsicInst *> callsOf(llvm::Function &function, llvm::StringRef name);
/// Makes an argument of a call this constant.
void setArgument(llvm::IntrinsicInst *call, unsigned number, int64_t value);

} // namespace strut::test

#endif // STRUT_TEST_UNIT_GPU_EMULATOR_H
