//===- TensorTest.cpp - host tensors and numpy's files ---------------------===//

#include "strut/Driver/Tensor.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace llvm;
using namespace strut::driver;

using Shape = std::vector<int64_t>;

static std::string temporary(StringRef suffix) {
  SmallString<128> path;
  EXPECT_FALSE(sys::fs::createTemporaryFile("strut", suffix, path));
  return path.str().str();
}

static HostTensor numbered(DLDataType dtype, ArrayRef<int64_t> shape) {
  Expected<HostTensor> tensor = HostTensor::create(dtype, shape);
  EXPECT_TRUE(static_cast<bool>(tensor));
  for (size_t i = 0; i < tensor->bytes(); ++i)
    tensor->data()[i] = static_cast<char>(dtype.code == kDLBool ? i % 2 : i);
  return std::move(*tensor);
}

static const DLDataType dtypes[] = {
    {kDLBool, 8, 1},    {kDLInt, 8, 1},      {kDLInt, 16, 1},      {kDLInt, 32, 1},
    {kDLInt, 64, 1},    {kDLUInt, 8, 1},     {kDLUInt, 16, 1},     {kDLUInt, 32, 1},
    {kDLUInt, 64, 1},   {kDLFloat, 16, 1},   {kDLFloat, 32, 1},    {kDLFloat, 64, 1},
    {kDLBfloat, 16, 1}, {kDLComplex, 64, 1}, {kDLComplex, 128, 1},
};

static void expectEqual(const HostTensor &a, const HostTensor &b) {
  EXPECT_EQ(a.dtype().code, b.dtype().code);
  EXPECT_EQ(a.dtype().bits, b.dtype().bits);
  EXPECT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.bytes(), b.bytes());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.bytes()), 0);
}

TEST(Npy, RoundTripsEveryType) {
  std::string path = temporary("npy");
  auto remove = scope_exit([&] { sys::fs::remove(path); });
  for (DLDataType dtype : dtypes)
    for (const Shape &shape : {Shape{}, Shape{5}, Shape{2, 0, 3}, Shape{2, 3, 4}}) {
      HostTensor tensor = numbered(dtype, shape);
      ASSERT_FALSE(static_cast<bool>(writeNpy(path, tensor.view())));
      Expected<HostTensor> read = readNpy(path);
      ASSERT_TRUE(static_cast<bool>(read)) << toString(read.takeError());
      expectEqual(*read, tensor);
    }
}

TEST(Npz, RoundTripsNamesAndTensors) {
  std::string path = temporary("npz");
  auto remove = scope_exit([&] { sys::fs::remove(path); });
  HostTensor a = numbered({kDLFloat, 32, 1}, {3, 4}), b = numbered({kDLInt, 64, 1}, {});
  ASSERT_FALSE(static_cast<bool>(writeNpz(path, {{"block/0:out", a.view()}, {"é", b.view()}})));
  Expected<NamedTensors> read = readNpz(path);
  ASSERT_TRUE(static_cast<bool>(read)) << toString(read.takeError());
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].first, "block/0:out");
  EXPECT_EQ((*read)[1].first, "é");
  expectEqual((*read)[0].second, a);
  expectEqual((*read)[1].second, b);
}

TEST(HostTensor, RefusesWhatCannotBe) {
  DLDataType f32 = {kDLFloat, 32, 1};
  for (const Shape &shape :
       {Shape{-1}, Shape{INT64_MAX}, Shape{INT64_MAX, INT64_MAX}, Shape{1LL << 31, 1LL << 31}}) {
    Expected<HostTensor> tensor = HostTensor::create(f32, shape);
    EXPECT_FALSE(static_cast<bool>(tensor));
    consumeError(tensor.takeError());
  }
  Expected<HostTensor> packed = HostTensor::create({kDLInt, 12, 1}, {2});
  EXPECT_FALSE(static_cast<bool>(packed));
  consumeError(packed.takeError());
  Expected<HostTensor> empty = HostTensor::create(f32, {0, INT64_MAX});
  ASSERT_TRUE(static_cast<bool>(empty));
  EXPECT_EQ(empty->bytes(), 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(empty->data()) % 64, 0u);
}

TEST(HostTensor, KeepsNarrowElementsInBytes) {
  Expected<HostTensor> tensor = HostTensor::create({kDLInt, 4, 1}, {3});
  ASSERT_TRUE(static_cast<bool>(tensor));
  EXPECT_EQ(tensor->bytes(), 3u);
  EXPECT_EQ(tensor->elements(), 3u);
  std::memcpy(tensor->data(), "\x0f\x07\x08", 3);
  std::string path = temporary("npy");
  auto remove = scope_exit([&] { sys::fs::remove(path); });
  ASSERT_FALSE(static_cast<bool>(writeNpy(path, tensor->view())));
  // A file does not say which they are.
  Expected<HostTensor> read = readNpy(path);
  ASSERT_TRUE(static_cast<bool>(read));
  EXPECT_EQ(read->dtype().code, kDLUInt);
  EXPECT_EQ(read->dtype().bits, 8);
  EXPECT_EQ(StringRef(read->data(), 3), "\x0f\x07\x08");
}
