//===- CheckTest.cpp - What a run accepts, and what it says otherwise ------===//
#include "Support.h"
#include <algorithm>

using namespace strut::test;

namespace {

// A model of two dimensions that copies `ids` into `out` and keeps a cache:
//   out[batch, seq] = ids[batch, seq];  cache_out = cache[slots, 4] with row 0 := 1
// `fixed` only has a static axis to get wrong.
const StrutDim ids[] = {{-1, 0}, {-1, 1}}, mask[] = {{-1, 0}}, fixed[] = {{3, -1}},
               cache[] = {{-1, 2}, {4, -1}};
const StrutTensorInfo inputs[] = {{"ids", {kDLInt, 64, 1}, 2, ids, -1},
                                  {"mask", {kDLFloat, 32, 1}, 1, mask, -1},
                                  {"fixed", {kDLFloat, 32, 1}, 1, fixed, -1},
                                  {"cache", {kDLFloat, 32, 1}, 2, cache, -1}};
const StrutTensorInfo outputs[] = {{"out", {kDLInt, 64, 1}, 2, ids, -1},
                                   {"cache_out", {kDLFloat, 32, 1}, 2, cache, 3}};
const char *const dims[] = {"batch", "seq", "slots"};
const StrutDescription description = {"cached", "native", "generic", "test",  3, 4,    2,
                                      0,        dims,     inputs,    outputs, 0, "{}", nullptr};
const char noWeights[64] = {};

int32_t bind(const int64_t *d, int64_t *, int64_t *shapes) {
  const int64_t all[] = {d[0], d[1], d[2], 4};
  std::copy(std::begin(all), std::end(all), shapes);
  return 0;
}

void run(const StrutFrame *frame) {
  const auto *from = static_cast<const int64_t *>(frame->inputs[0]);
  std::copy(from, from + frame->dims[0] * frame->dims[1],
            static_cast<int64_t *>(frame->outputs[0]));
  if (frame->dims[2] > 0)
    std::fill_n(static_cast<float *>(frame->outputs[1]), 4, 1.0f);
}

const StrutProgram cached = {&description, 0, 0, nullptr, bind, run, noWeights, 0, nullptr, 0, 0};

class Check : public testing::Test {
protected:
  StrutStatus run() {
    out = {};
    cacheOut = {};
    return runAgain();
  }
  StrutStatus runAgain() {
    DLTensor both[] = {out, cacheOut};
    StrutStatus status = context.run({&ids.view, &mask.view, &fixed.view, &cache.view}, both);
    out = both[0];
    cacheOut = both[1];
    return status;
  }
  void expectError(const std::string &message) {
    EXPECT_EQ(run(), STRUT_INVALID_ARGUMENT);
    EXPECT_EQ(context.error(), message);
  }

  Session session{cached};
  Context context{session};
  Tensor<int64_t> ids{{2, 5}, 7};
  Tensor<float> mask{{2}}, fixed{{3}}, cache{{6, 4}, 0.5f};
  DLTensor out = {}, cacheOut = {};
};

} // namespace

TEST_F(Check, AcceptsWhatFits) {
  ASSERT_EQ(run(), STRUT_OK) << context.error();
  EXPECT_EQ(context.error(), "");
  EXPECT_EQ(static_cast<int64_t *>(out.data)[9], 7);
  EXPECT_EQ(out.strides[0], 5);
  EXPECT_EQ(out.strides[1], 1);
}

TEST_F(Check, NamesBothInputsThatDisagree) {
  mask.shape[0] = 3;
  expectError("input 'mask' has batch = 3 but input 'ids' has batch = 2");
}

TEST_F(Check, NamesTheDtypes) {
  mask.view.dtype = {kDLFloat, 64, 1};
  expectError("input 'mask' has dtype float64, the model's is float32");
  mask.view.dtype = {kDLBool, 8, 1};
  expectError("input 'mask' has dtype bool, the model's is float32");
  mask.view.dtype = {kDLBfloat, 16, 2};
  expectError("input 'mask' has dtype bfloat16x2, the model's is float32");
  mask.view.dtype = {kDLFloat8_e5m2, 8, 1};
  expectError("input 'mask' has dtype float8_e5m2, the model's is float32");
  mask.view.dtype = {kDLUInt, 4, 1};
  expectError("input 'mask' has dtype uint4, the model's is float32");
  mask.view.dtype = {kDLOpaqueHandle, 64, 1};
  expectError("input 'mask' has dtype DLPack type 3 of 64 bits, the model's is float32");
}

TEST_F(Check, NamesTheShapes) {
  fixed.shape[0] = 4;
  expectError("input 'fixed' has shape [4], the model's is [3]");
  fixed.shape[0] = 3;
  ids.view.ndim = 1;
  expectError("input 'ids' has shape [2], the model's is [batch, seq]: rank 1 instead of 2");
  ids.view.ndim = 0;
  expectError("input 'ids' has shape [], the model's is [batch, seq]: rank 0 instead of 2");
  ids.view.ndim = 2;
  ids.shape[1] = -5;
  expectError("input 'ids' has shape [2, -5], the model's is [batch, seq]");
  ids.shape[1] = 5;
  ids.view.shape = nullptr;
  expectError("input 'ids' has shape [], the model's is [batch, seq]");
}

TEST_F(Check, TakesHostMemoryAlone) {
  ids.view.device = {kDLCUDA, 0};
  expectError("input 'ids' lies on DLPack device type 2, the model takes host memory (kDLCPU): "
              "copy it there");
  ids.view.device = {kDLCUDAHost, 0};
  EXPECT_EQ(run(), STRUT_OK) << context.error();
}

TEST_F(Check, TakesDenseTensorsAlone) {
  int64_t strides[] = {1, 2};
  ids.view.strides = strides;
  expectError("input 'ids' has strides [1, 2] for shape [2, 5], the model takes dense row-major "
              "tensors: copy it");
  strides[0] = 5, strides[1] = 1;
  EXPECT_EQ(run(), STRUT_OK) << context.error();
  // The stride of an axis of one element says nothing.
  ids.shape[0] = mask.shape[0] = 1;
  strides[0] = 999;
  EXPECT_EQ(run(), STRUT_OK) << context.error();
}

TEST_F(Check, WantsDataUnlessEmpty) {
  mask.view.data = nullptr;
  expectError("input 'mask' has no data: DLTensor::data is null");
  ids.shape[0] = mask.shape[0] = 0;
  ids.view.data = nullptr;
  ASSERT_EQ(run(), STRUT_OK) << context.error();
  EXPECT_EQ(out.shape[0], 0);
  EXPECT_EQ(out.shape[1], 5);
}

TEST_F(Check, WantsAlignedElements) {
  ids.view.byte_offset = 4;
  expectError("input 'ids' is not aligned to the size of its elements: copy it");
}

TEST_F(Check, SurvivesAHugeShape) {
  ids.shape[1] = int64_t(1) << 62;
  expectError("input 'ids' has a shape whose size in bytes overflows");
  int64_t strides[] = {int64_t(1) << 62, 1};
  ids.view.strides = strides;
  expectError("input 'ids' has a shape whose size in bytes overflows");
}

TEST_F(Check, SurvivesMissingTensors) {
  DLTensor both[2] = {};
  EXPECT_EQ(context.run({&ids.view, nullptr, &fixed.view, &cache.view}, both),
            STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "input 'mask' is missing: its DLTensor is null");
  EXPECT_EQ(strut_rt_run(context.handle, nullptr, both), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "input 'ids' is missing: its DLTensor is null");
  EXPECT_EQ(context.run({&ids.view, &mask.view, &fixed.view, &cache.view}, nullptr),
            STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "run needs the output tensors");
}

TEST_F(Check, ChecksOutputsOfTheCaller) {
  Tensor<int64_t> mine({2, 6});
  out = mine.view;
  EXPECT_EQ(runAgain(), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "output 'out' has shape [2, 6], the result's is [2, 5]");
  mine.shape[1] = 5;
  out.dtype = {kDLInt, 32, 1};
  EXPECT_EQ(runAgain(), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(), "output 'out' has dtype int32, the model's is int64");
  out = ids.view;
  EXPECT_EQ(runAgain(), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(),
            "output 'out' shares memory with input 'ids': give it memory of its own");
}

TEST_F(Check, UpdatesAnAliasInPlace) {
  ASSERT_EQ(run(), STRUT_OK) << context.error();
  EXPECT_EQ(cacheOut.data, cache.data.data());
  EXPECT_EQ(cache.data[3], 1.0f);
  EXPECT_EQ(cache.data[4], 0.5f);
  // The view follows the input of the next run.
  Tensor<float> other({6, 4}, 2.0f);
  std::swap(cache.view, other.view);
  ASSERT_EQ(runAgain(), STRUT_OK) << context.error();
  EXPECT_EQ(cacheOut.data, other.data.data());
  EXPECT_EQ(other.data[0], 1.0f);
  std::swap(cache.view, other.view);
}

TEST_F(Check, CopiesAnAliasThatHasItsOwnMemory) {
  Tensor<float> mine({6, 4}, -1.0f);
  cacheOut = mine.view;
  ASSERT_EQ(runAgain(), STRUT_OK) << context.error();
  EXPECT_EQ(cache.data[0], 0.5f);
  EXPECT_EQ(mine.data[0], 1.0f);
  EXPECT_EQ(mine.data[23], 0.5f);
  // In place, said outright; overlapping in part is neither.
  cacheOut = cache.view;
  ASSERT_EQ(runAgain(), STRUT_OK) << context.error();
  EXPECT_EQ(cache.data[0], 1.0f);
  Tensor<float> both({10, 4});
  cache.view.data = both.data.data();
  cacheOut.data = both.data.data() + 4;
  EXPECT_EQ(runAgain(), STRUT_INVALID_ARGUMENT);
  EXPECT_EQ(context.error(),
            "output 'cache_out' shares memory with input 'cache': give it memory of its own");
}

TEST_F(Check, RefusesItsOwnEarlierResultAsInput) {
  ASSERT_EQ(run(), STRUT_OK);
  ids.view.data = out.data;
  EXPECT_EQ(run(), STRUT_INVALID_ARGUMENT);
  EXPECT_NE(context.error().find("input 'ids' lies in this context's own memory"),
            std::string::npos)
      << context.error();
}

TEST_F(Check, FollowsTheDimensionsOfItsInputs) {
  for (int64_t batch : {2, 1, 2}) {
    ids.shape[0] = mask.shape[0] = batch;
    ASSERT_EQ(runAgain(), STRUT_OK) << context.error();
    EXPECT_EQ(out.shape[0], batch);
  }
}
