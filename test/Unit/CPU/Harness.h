//===- Harness.h - Runs kernels given as text ------------------*- C++ -*-===//
//
// Emits the kernel.rows, kernel.map and kernel.region ops of a function on memrefs,
// compiles the module for this machine and calls it on buffers of the test.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_TEST_UNIT_CPU_HARNESS_H
#define STRUT_TEST_UNIT_CPU_HARNESS_H

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/MLIRContext.h"
#include "strut/CPU/Target.h"
#include <random>
#include <string>
#include <vector>

namespace strut::test {

/// A row-major array that is passed as a memref. Elements beyond the end are
/// guarded: `intact` tells whether any was written.
template <typename T> class Array {
public:
  explicit Array(std::vector<int64_t> shape, T fill = T()) : shape(std::move(shape)) {
    int64_t size = 1;
    for (int64_t extent : this->shape)
      size *= extent;
    count = size;
    data.assign(size + 2 * guard, guardValue());
    std::fill_n(begin(), size, fill);
    strides.resize(this->shape.size());
    int64_t stride = 1;
    for (size_t i = this->shape.size(); i-- > 0; stride *= this->shape[i])
      strides[i] = stride;
  }
  static Array random(std::vector<int64_t> shape, unsigned seed, double low = -2, double high = 2) {
    Array array(std::move(shape));
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> distribution(low, high);
    for (int64_t i = 0; i < array.count; ++i)
      array[i] = static_cast<T>(distribution(engine));
    return array;
  }
  T *begin() { return data.data() + guard; }
  T &operator[](int64_t i) { return begin()[i]; }
  int64_t size() const { return count; }
  bool intact() {
    for (int64_t i = 0; i < guard; ++i)
      if (begin()[-1 - i] != guardValue() || begin()[count + i] != guardValue())
        return false;
    return true;
  }
  /// Fields of a memref descriptor in order.
  void describe(std::vector<int64_t> &fields) {
    fields.insert(fields.end(), {int64_t(begin()), int64_t(begin()), 0});
    fields.insert(fields.end(), shape.begin(), shape.end());
    fields.insert(fields.end(), strides.begin(), strides.end());
  }

  std::vector<int64_t> shape, strides;

private:
  static constexpr int64_t guard = 64;
  static T guardValue() { return static_cast<T>(77); }
  std::vector<T> data;
  int64_t count;
};

/// The compiled function @test of a module.
class Program {
public:
  explicit Program(const std::string &source, const cpu::Target &target = {});
  template <typename... T> void operator()(T &...arguments) {
    std::vector<int64_t> fields;
    (arguments.describe(fields), ...);
    call(fields);
  }
  bool valid() const { return engine != nullptr; }
  /// Kernel functions that were emitted.
  int64_t kernels = 0;

private:
  void call(std::vector<int64_t> &fields);
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

/// What an object file of the module for a given CPU leaves undefined.
std::vector<std::string> undefinedSymbols(const std::string &source, const cpu::Target &target,
                                          const std::string &triple, const std::string &cpu);

} // namespace strut::test

#endif // STRUT_TEST_UNIT_CPU_HARNESS_H
