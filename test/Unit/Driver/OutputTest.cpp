//===- OutputTest.cpp - files that are whole or not there ------------------===//

#include "strut/Driver/Output.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace strut::driver;

namespace {

class OutputTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("strut", folder)); }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string path(StringRef name) {
    SmallString<128> whole(folder);
    sys::path::append(whole, name);
    return whole.str().str();
  }
  int entries() {
    std::error_code code;
    int count = 0;
    for (sys::fs::directory_iterator it(folder, code), end; it != end; it.increment(code))
      ++count;
    return count;
  }
  static std::string content(const std::string &path) {
    auto file = MemoryBuffer::getFile(path);
    return file ? (*file)->getBuffer().str() : "(no file)";
  }

  SmallString<128> folder;
};

Error writeText(raw_pwrite_stream &stream, StringRef text) {
  stream << text;
  return Error::success();
}

TEST_F(OutputTest, ReplacesAtOnce) {
  std::string file = path("a");
  for (StringRef text : {"first", "second, longer", ""}) {
    ASSERT_FALSE(static_cast<bool>(writeFile(file, [&](auto &s) { return writeText(s, text); })));
    EXPECT_EQ(content(file), text);
  }
  EXPECT_EQ(entries(), 1);
}

TEST_F(OutputTest, KeepsTheOldFileWhenWritingFails) {
  std::string file = path("a");
  ASSERT_FALSE(static_cast<bool>(writeFile(file, [](auto &s) { return writeText(s, "old"); })));
  Error failed = writeFile(file, [](raw_pwrite_stream &s) {
    s << "half of it";
    return createStringError("no more");
  });
  EXPECT_EQ(toString(std::move(failed)), "no more");
  EXPECT_EQ(content(file), "old");
  EXPECT_EQ(entries(), 1);
}

TEST_F(OutputTest, FullDisksAndOddPlacesAreErrors) {
  std::string large(1 << 20, 'x');
  auto text = [&](const std::string &where) {
    return toString(writeFile(where, [&](auto &s) { return writeText(s, large); }));
  };
  EXPECT_EQ(text("/dev/full"), "cannot write '/dev/full': No space left on device");
  EXPECT_NE(text(path("absent/a")).find("No such file or directory"), std::string::npos);
  EXPECT_EQ(text(folder.str().str()),
            "cannot write '" + folder.str().str() + "': it is a directory");
  EXPECT_EQ(text("/dev/null"), "");
  EXPECT_EQ(entries(), 0);
}

} // namespace
