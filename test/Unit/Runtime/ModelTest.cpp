//===- ModelTest.cpp - Open, bind, run -------------------------------------===//
#include "Support.h"
#include <cmath>
#include <cstddef>
#include <limits>
#include <sys/wait.h>
#include <unistd.h>

using namespace strut::test;

// DLPack's layout on 64-bit machines, which numpy, torch and others rely on.
static_assert(sizeof(DLTensor) == 48 && offsetof(DLTensor, ndim) == 16 &&
              offsetof(DLTensor, dtype) == 20 && offsetof(DLTensor, shape) == 24 &&
              offsetof(DLTensor, strides) == 32 && offsetof(DLTensor, byte_offset) == 40);
static_assert(sizeof(DLManagedTensor) == 64 && offsetof(DLManagedTensor, deleter) == 56);
static_assert(sizeof(DLManagedTensorVersioned) == 80 &&
              offsetof(DLManagedTensorVersioned, flags) == 24 &&
              offsetof(DLManagedTensorVersioned, dl_tensor) == 32);

TEST(Model, DescribesItself) {
  const StrutDescription *description = strut_model.describe();
  EXPECT_EQ(strut_model.abi_version, unsigned(STRUT_ABI_VERSION));
  EXPECT_EQ(strut_model.struct_size, sizeof(StrutModel));
  EXPECT_STREQ(description->inputs[1].name, "scale");
}

TEST(Model, RunsAtAnySizeInAnyOrder) {
  Session session(affine_program);
  Context context(session);
  for (int64_t batch : {7, 512, 1, 0, 33})
    runAffine(context, batch, static_cast<int>(batch));
}

TEST(Model, InterleavesTwoContexts) {
  Session session(affine_program);
  Context first(session), second(session);
  for (int64_t batch : {3, 64, 17, 1000}) {
    runAffine(first, batch, 1);
    runAffine(second, 2 * batch + 1, 2);
  }
}

TEST(Model, KeepsTwoResultsApart) {
  Session session(affine_program);
  Context first(session), second(session);
  Tensor<float> x({1, AffineColumns}, 1.0f), z({1, AffineColumns}, 2.0f), scale({1}, 1.0f);
  DLTensor y1 = {}, y2 = {};
  ASSERT_EQ(first.run({&x.view, &scale.view}, &y1), STRUT_OK);
  ASSERT_EQ(second.run({&z.view, &scale.view}, &y2), STRUT_OK);
  EXPECT_EQ(static_cast<float *>(y1.data)[0], affine_expected(1.0f, 1.0f, 0));
  EXPECT_EQ(static_cast<float *>(y2.data)[0], affine_expected(2.0f, 1.0f, 0));
}

TEST(Model, ContextsOutliveTheirSession) {
  StrutSession *session = nullptr;
  StrutContext *context = nullptr;
  ASSERT_EQ(strut_rt_open(&affine_program, nullptr, &session), STRUT_OK);
  ASSERT_EQ(strut_rt_create_context(session, &context), STRUT_OK);
  strut_rt_close(session);
  int64_t batch = 5, shape[2];
  EXPECT_EQ(strut_rt_bind(context, &batch), STRUT_OK);
  EXPECT_EQ(strut_rt_output_shape(context, 0, shape), STRUT_OK);
  EXPECT_EQ(shape[0], 5);
  EXPECT_EQ(shape[1], AffineColumns);
  strut_rt_destroy_context(context);
}

TEST(Model, WritesWhereTheCallerSays) {
  Session session(affine_program);
  Context context(session);
  Tensor<float> x({4, AffineColumns}, 2.0f), scale({4}, 3.0f), y({5, AffineColumns}, -1.0f);
  y.shape[0] = 4;
  y.view.byte_offset = AffineColumns * sizeof(float);
  ASSERT_EQ(context.run({&x.view, &scale.view}, &y.view), STRUT_OK) << context.error();
  EXPECT_EQ(y.data[AffineColumns - 1], -1.0f);
  for (int i = 0; i < 4 * AffineColumns; ++i)
    EXPECT_EQ(y.data[AffineColumns + i], affine_expected(2.0f, 3.0f, i % AffineColumns));
}

TEST(Model, RefreshesAViewThatIsPassedAgain) {
  Session session(affine_program);
  Context context(session);
  DLTensor y = {};
  for (int64_t batch : {2, 100000, 1}) {
    Tensor<float> x({batch, AffineColumns}, 1.0f), scale({batch}, 1.0f);
    ASSERT_EQ(context.run({&x.view, &scale.view}, &y), STRUT_OK) << context.error();
    EXPECT_EQ(y.shape[0], batch);
    EXPECT_EQ(static_cast<float *>(y.data)[0], affine_expected(1.0f, 1.0f, 0));
  }
}

TEST(Model, SameBitsOnAnyNumberOfThreads) {
  StrutOpenOptions options = {sizeof options, 1, nullptr, nullptr, nullptr};
  Session one(affine_program, &options), many(affine_program);
  Context a(one), b(many);
  Tensor<float> x({1001, AffineColumns}), scale({1001}, 0.3f), p({1001, AffineColumns}),
      q({1001, AffineColumns});
  for (size_t i = 0; i < x.data.size(); ++i)
    x.data[i] = std::sin(static_cast<float>(i));
  ASSERT_EQ(a.run({&x.view, &scale.view}, &p.view), STRUT_OK);
  ASSERT_EQ(b.run({&x.view, &scale.view}, &q.view), STRUT_OK);
  EXPECT_EQ(p.data, q.data);
}

namespace {
struct CountingExecutor {
  int calls = 0;
  static void parallelFor(void *self, StrutTaskFn body, void *argument, int64_t tasks) {
    ++static_cast<CountingExecutor *>(self)->calls;
    for (int64_t i = tasks; i > 0; --i) // backwards: any order is legal
      body(argument, i - 1, i);
  }
};
} // namespace

TEST(Model, UsesTheCallersExecutor) {
  CountingExecutor counting;
  StrutExecutor executor = {&counting, 4, CountingExecutor::parallelFor};
  StrutOpenOptions options = {sizeof options, 0, &executor, nullptr, nullptr};
  Session session(affine_program, &options);
  Context context(session);
  runAffine(context, 33, 0);
  EXPECT_EQ(counting.calls, 3);
}

TEST(Model, TellsTheObserverOfEveryKernel) {
  std::vector<std::pair<int32_t, int32_t>> seen;
  StrutObserver observer = {&seen, [](void *self, int32_t kernel, int32_t done) {
                              static_cast<decltype(seen) *>(self)->push_back({kernel, done});
                            }};
  for (int32_t threads : {1, 2}) {
    StrutOpenOptions options = {sizeof options, threads, nullptr, nullptr, &observer};
    Session session(affine_program, &options);
    Context context(session);
    seen.clear();
    runAffine(context, 33, 0);
    EXPECT_EQ(seen, (decltype(seen){{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}}));
  }
  observer.launch = nullptr;
  StrutOpenOptions options = {sizeof options, 1, nullptr, nullptr, &observer};
  StrutSession *session = nullptr;
  EXPECT_EQ(strut_rt_open(&affine_program, &options, &session), STRUT_INVALID_ARGUMENT);
  EXPECT_STREQ(strut_rt_error(nullptr), "StrutOpenOptions::observer needs a launch function");
}

TEST(Model, RunsInAChildForkedAfterOpen) {
  Session session(affine_program);
  Context context(session);
  runAffine(context, 600, 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(20); // a hang is a failure
    runAffine(context, 900, 1);
    runAffine(context, 900, 2);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  runAffine(context, 700, 3);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Model, RefusesACpuThatLacksAFeature) {
  StrutProgram program = affine_program;
  program.cpu_features = ~uint64_t(0);
  StrutSession *session = nullptr;
  EXPECT_EQ(strut_rt_open(&program, nullptr, &session), STRUT_UNSUPPORTED);
  EXPECT_EQ(session, nullptr);
  std::string error = strut_rt_error(nullptr);
#if defined(__x86_64__)
  EXPECT_NE(error.find("fma4"), std::string::npos) << error; // gone since 2017
#endif
  EXPECT_NE(error.find("this CPU lacks"), std::string::npos) << error;
}

TEST(Model, RefusesBadOptions) {
  StrutSession *session = nullptr;
  StrutOpenOptions options = {0, 0, nullptr, nullptr, nullptr};
  EXPECT_EQ(strut_rt_open(&affine_program, &options, &session), STRUT_INVALID_ARGUMENT);
  EXPECT_STREQ(strut_rt_error(nullptr),
               "StrutOpenOptions::struct_size must be sizeof(StrutOpenOptions)");
  options = {sizeof options, -1, nullptr, nullptr, nullptr};
  EXPECT_EQ(strut_rt_open(&affine_program, &options, &session), STRUT_INVALID_ARGUMENT);
  StrutExecutor executor = {nullptr, 0, CountingExecutor::parallelFor};
  options = {sizeof options, 0, &executor, nullptr, nullptr};
  EXPECT_EQ(strut_rt_open(&affine_program, &options, &session), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(strut_rt_open(&affine_program, nullptr, nullptr), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(strut_rt_create_context(nullptr, nullptr), STRUT_INVALID_ARGUMENT);
  // An older caller's shorter struct.
  options = {offsetof(StrutOpenOptions, executor), 1, &executor, "nowhere", nullptr};
  Session old(affine_program, &options);
}

TEST(Model, SaysWhichRequirementDimensionsDoNotMeet) {
  const char *const requirements[] = {"node 'a': it has too few", "node 'b': it has too many"};
  StrutProgram program = affine_program;
  program.requirements = requirements;
  program.bind = [](const int64_t *dims, int64_t *bytes, int64_t *shapes) -> int32_t {
    return dims[0] < 2 ? 2 : dims[0] > 5 ? 3 : affine_program.bind(dims, bytes, shapes);
  };
  Session session(program);
  Context context(session);
  int64_t batch = 1;
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "node 'a': it has too few. The model cannot run with batch = 1");
  batch = 6;
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "node 'b': it has too many. The model cannot run with batch = 6");
  batch = 5;
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_OK);
}

TEST(Model, SurvivesSizesThatCannotBe) {
  Session session(affine_program);
  Context context(session);
  int64_t batch = -3;
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "bind: dimension 'batch' is negative: -3");
  EXPECT_EQ(strut_rt_bind(context.handle, nullptr), STRUT_INVALID_ARGUMENT);
  batch = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "the model cannot run with batch = 9223372036854775807: 'batch' has "
                             "no valid value");
  batch = std::numeric_limits<int64_t>::max() / 33;
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_INVALID_ARGUMENT);
  EXPECT_NE(context.error().find("overflow"), std::string::npos) << context.error();
  batch = int64_t(1) << 50;
  EXPECT_EQ(strut_rt_bind(context.handle, &batch), STRUT_OUT_OF_MEMORY);
  EXPECT_NE(context.error().find("working memory"), std::string::npos) << context.error();
  EXPECT_NE(context.error().find("batch = 1125899906842624"), std::string::npos) << context.error();
  int64_t shape[2];
  EXPECT_EQ(strut_rt_output_shape(context.handle, 0, shape), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(strut_rt_output_shape(context.handle, 1, shape), STRUT_INVALID_ARGUMENT);
  runAffine(context, 3, 0);
}
