//===- FileDataTest.cpp - mapped bytes, and attributes that refer to them --===//

#include "strut/Support/FileData.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <thread>

using namespace mlir;
using namespace strut;
using onnx_ir::FileDataAttr;

namespace {
/// A temporary file that goes with the test.
class FileDataTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("strut", "bin", path));
    context.loadDialect<onnx_ir::OnnxDialect>();
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  template <typename T> void write(ArrayRef<T> values, StringRef before = "") {
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    os << before;
    os.write(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
  }

  RankedTensorType tensor(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }

  std::string message(llvm::Expected<FileData> data) {
    return data ? "no error" : llvm::toString(data.takeError());
  }

  llvm::SmallString<128> path;
  MLIRContext context;
  Builder b{&context};
};

TEST_F(FileDataTest, GivesTheBytesAsked) {
  write<char>({'a', 'b', 'c', 'd'});
  llvm::Expected<FileData> data = mapFileData(path, 1, 2);
  ASSERT_TRUE(bool(data));
  EXPECT_EQ(StringRef(data->data(), data->size()), "bc");
  EXPECT_EQ(llvm::cantFail(mapFileData(path, 4, 0)).size(), 0u);
  EXPECT_EQ(llvm::cantFail(mapFile(path)).size(), 4u);
}

TEST_F(FileDataTest, SharesMappings) {
  write<char>(std::vector<char>(1 << 20));
  FileData first = llvm::cantFail(mapFileData(path, 0, 16));
  FileData second = llvm::cantFail(mapFileData(path, 8, 16));
  EXPECT_EQ(first.data() + 8, second.data());
}

TEST_F(FileDataTest, BytesOutliveTheFileAndOtherHandles) {
  write<char>({'a', 'b'});
  auto data = std::make_unique<FileData>(llvm::cantFail(mapFile(path)));
  FileData copy = *data;
  data.reset();
  llvm::sys::fs::remove(path);
  EXPECT_EQ(copy.data()[1], 'b');
}

TEST_F(FileDataTest, SeesAFileThatWasReplaced) {
  write<char>({'a'});
  FileData old = llvm::cantFail(mapFile(path));
  llvm::sys::fs::remove(path);
  write<char>({'b', 'c'});
  EXPECT_EQ(llvm::cantFail(mapFile(path)).size(), 2u);
  EXPECT_EQ(old.data()[0], 'a');
}

TEST_F(FileDataTest, NamesWhatIsWrong) {
  write<char>({'a', 'b'});
  EXPECT_NE(message(mapFileData("/nowhere/w.bin", 0, 1)).find("'/nowhere/w.bin'"), StringRef::npos);
  EXPECT_NE(message(mapFileData("/", 0, 1)).find("not a regular file"), StringRef::npos);
  EXPECT_NE(message(mapFileData(path, 1, 2)).find("2 are needed at offset 1"), StringRef::npos);
  EXPECT_NE(message(mapFileData(path, UINT64_MAX, 2)).find("has 2 bytes"), StringRef::npos);
  EXPECT_NE(message(mapFileData(path, 1, UINT64_MAX)).find("has 2 bytes"), StringRef::npos);
}

TEST_F(FileDataTest, ServesThreads) {
  write<char>(std::vector<char>(1 << 16, 'x'));
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 100; ++j)
        good += llvm::cantFail(mapFileData(path, i, 100)).data()[j] == 'x';
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 800);
}

TEST_F(FileDataTest, AttributeReadsUnalignedFloats) {
  write<float>({1.5f, -2.0f, 0.25f}, "x");
  auto attr = FileDataAttr::get(tensor({3}, b.getF32Type()), path, 1, 12);
  auto floats = cast<ElementsAttr>(attr).tryGetValues<float>();
  ASSERT_TRUE(floats.has_value());
  EXPECT_EQ(std::vector<float>(floats->begin(), floats->end()),
            (std::vector<float>{1.5f, -2.0f, 0.25f}));
  auto wide = cast<ElementsAttr>(attr).tryGetValues<APFloat>();
  ASSERT_TRUE(wide.has_value());
  EXPECT_EQ((*wide->begin()).convertToFloat(), 1.5f);
  EXPECT_FALSE(cast<ElementsAttr>(attr).tryGetValues<APInt>().has_value());
  EXPECT_FALSE(cast<ElementsAttr>(attr).tryGetValues<double>().has_value());
}

TEST_F(FileDataTest, AttributeReadsIntegersOfAllWidths) {
  write<int64_t>({-1, 5});
  auto wide = FileDataAttr::get(tensor({2}, b.getI64Type()), path, 0, 16);
  auto values = cast<ElementsAttr>(wide).tryGetValues<int64_t>();
  ASSERT_TRUE(values.has_value());
  EXPECT_EQ(std::vector<int64_t>(values->begin(), values->end()), (std::vector<int64_t>{-1, 5}));

  write<uint8_t>({0xf8, 0x07}); // from the low bits up: 8, 15, 7
  auto narrow = FileDataAttr::get(tensor({3}, b.getIntegerType(4)), path, 0, 2);
  SmallVector<int64_t> nibbles;
  auto integers = cast<ElementsAttr>(narrow).tryGetValues<APInt>();
  ASSERT_TRUE(integers.has_value());
  for (const APInt &value : *integers)
    nibbles.push_back(value.getSExtValue());
  EXPECT_EQ(nibbles, (SmallVector<int64_t>{-8, -1, 7}));

  write<uint8_t>({0, 1, 7});
  auto bools = FileDataAttr::get(tensor({3}, b.getI1Type()), path, 0, 3);
  auto truths = cast<ElementsAttr>(bools).tryGetValues<bool>();
  ASSERT_TRUE(truths.has_value());
  EXPECT_EQ(std::vector<bool>(truths->begin(), truths->end()),
            (std::vector<bool>{false, true, true}));
}

TEST_F(FileDataTest, AttributeFailsWithoutItsFile) {
  auto attr = FileDataAttr::get(tensor({3}, b.getF32Type()), "/nowhere/w.bin", 0, 12);
  EXPECT_FALSE(cast<ElementsAttr>(attr).tryGetValues<float>().has_value());
  EXPECT_NE(message(attr.data()).find("/nowhere/w.bin"), StringRef::npos);
}
} // namespace
