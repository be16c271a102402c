//===- Support.h - What the runtime's tests share ---------------*- C++ -*-===//
#ifndef STRUT_TEST_UNIT_RUNTIME_SUPPORT_H
#define STRUT_TEST_UNIT_RUNTIME_SUPPORT_H

#include "strut/Runtime/program.h"
#include "test/Runtime/affine.h"
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

namespace strut::test {

template <typename T> constexpr DLDataType dtypeOf();
template <> constexpr DLDataType dtypeOf<float>() { return {kDLFloat, 32, 1}; }
template <> constexpr DLDataType dtypeOf<double>() { return {kDLFloat, 64, 1}; }
template <> constexpr DLDataType dtypeOf<int64_t>() { return {kDLInt, 64, 1}; }

/// A dense host tensor with its memory. Moving it would leave `view` dangling.
template <typename T> struct Tensor {
  explicit Tensor(std::vector<int64_t> extents, T fill = T()) : shape(std::move(extents)) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    data.assign(count, fill);
    view = {data.data(),
            {kDLCPU, 0},
            static_cast<int32_t>(shape.size()),
            dtypeOf<T>(),
            shape.data(),
            nullptr,
            0};
  }
  Tensor(const Tensor &) = delete;

  std::vector<int64_t> shape;
  std::vector<T> data;
  DLTensor view;
};

/// A session that a test need not close.
struct Session {
  explicit Session(const StrutProgram &program, const StrutOpenOptions *options = nullptr)
      : status(strut_rt_open(&program, options, &handle)) {
    EXPECT_EQ(status, STRUT_OK) << strut_rt_error(nullptr);
  }
  Session(const Session &) = delete;
  ~Session() { strut_rt_close(handle); }

  StrutSession *handle = nullptr;
  StrutStatus status;
};

struct Context {
  explicit Context(const Session &session) {
    EXPECT_EQ(strut_rt_create_context(session.handle, &handle), STRUT_OK);
  }
  Context(const Context &) = delete;
  ~Context() { strut_rt_destroy_context(handle); }

  StrutStatus run(std::vector<const DLTensor *> inputs, DLTensor *outputs) {
    return strut_rt_run(handle, inputs.data(), outputs);
  }
  std::string error() const { return strut_rt_error(handle); }

  StrutContext *handle = nullptr;
};

/// Runs the affine model on `batch` rows that depend on `seed` and checks every
/// element of the context's view of the result.
inline void runAffine(Context &context, int64_t batch, int seed) {
  Tensor<float> x({batch, AffineColumns}), scale({batch});
  for (size_t i = 0; i < x.data.size(); ++i)
    x.data[i] = static_cast<float>(static_cast<int>(i * 37 + seed) % 101) * 0.125f;
  for (size_t i = 0; i < scale.data.size(); ++i)
    scale.data[i] = static_cast<float>(i % 7) + 0.5f;
  DLTensor y = {};
  ASSERT_EQ(context.run({&x.view, &scale.view}, &y), STRUT_OK) << context.error();
  ASSERT_EQ(y.ndim, 2);
  ASSERT_EQ(y.shape[0], batch);
  ASSERT_EQ(y.shape[1], AffineColumns);
  const float *result = static_cast<const float *>(y.data);
  for (size_t i = 0; i < x.data.size(); ++i)
    ASSERT_EQ(result[i],
              affine_expected(x.data[i], scale.data[i / AffineColumns], i % AffineColumns))
        << "element " << i << " of " << batch << " rows, seed " << seed;
}

} // namespace strut::test

#endif // STRUT_TEST_UNIT_RUNTIME_SUPPORT_H
