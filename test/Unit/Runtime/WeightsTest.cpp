//===- WeightsTest.cpp - Where weights come from ---------------------------===//
#include "Support.h"
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace strut::test;
namespace fs = std::filesystem;

namespace {

// The affine model with its weights in a side file, which the test writes.
class Weights : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / ("strut-weights-" + std::to_string(getpid()));
    fs::create_directories(folder);
    path = (folder / "affine.weights").string();
    program = affine_program;
    program.weights = nullptr;
    program.weights_file = path.c_str();
    program.weights_hash = 0x1234;
    std::memcpy(header.magic, "STRUTWT", 8);
    header.version = 1;
    header.data_offset = 4096;
    header.data_bytes = sizeof affine_weights;
    header.hash = 0x1234;
    content.assign(4096 + sizeof affine_weights, '\0');
    std::memcpy(content.data() + 4096, affine_weights, sizeof affine_weights);
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string &to) {
    std::memcpy(content.data(), &header, std::min(content.size(), sizeof header));
    std::ofstream(to, std::ios::binary).write(content.data(), content.size());
  }
  StrutStatus open() {
    StrutSession *session = nullptr;
    StrutStatus status = strut_rt_open(&program, nullptr, &session);
    strut_rt_close(session);
    return status;
  }
  void expectRefusal(const std::string &why) {
    write(path);
    EXPECT_EQ(open(), STRUT_IO);
    EXPECT_EQ(std::string(strut_rt_error(nullptr)).rfind("weights file '" + path + "'" + why, 0),
              0u)
        << strut_rt_error(nullptr);
  }

  fs::path folder;
  std::string path;
  StrutProgram program;
  StrutWeightsHeader header = {};
  std::string content;
};

} // namespace

TEST_F(Weights, AreMapped) {
  write(path);
  Session session(program);
  Context context(session);
  runAffine(context, 9, 0);
}

TEST_F(Weights, AreFoundBesideTheLibrary) {
  // Here the "library" is the test itself.
  program.weights_file = "/nowhere/strut-beside-the-test.weights";
  fs::path beside =
      fs::read_symlink("/proc/self/exe").replace_filename("strut-beside-the-test.weights");
  write(beside.string());
  EXPECT_EQ(open(), STRUT_OK) << strut_rt_error(nullptr);
  // Nor does a stale one at the first place hide it.
  std::string stale = (folder / "strut-beside-the-test.weights").string();
  header.hash = 1;
  write(stale);
  program.weights_file = stale.c_str();
  EXPECT_EQ(open(), STRUT_OK) << strut_rt_error(nullptr);
  fs::remove(beside);
}

TEST_F(Weights, AreWhereTheOptionSays) {
  std::string other = (folder / "other").string();
  write(other);
  StrutOpenOptions options = {sizeof options, 1, nullptr, other.c_str(), nullptr, nullptr, nullptr};
  Session session(program, &options);
  Context context(session);
  runAffine(context, 9, 0);
}

TEST_F(Weights, TellWhereTheyWereMissed) {
  EXPECT_EQ(open(), STRUT_IO);
  std::string error = strut_rt_error(nullptr);
  EXPECT_EQ(error.rfind("no weights file at '" + path + "' nor at '/", 0), 0u) << error;
  EXPECT_NE(error.find("/affine.weights'. Keep"), std::string::npos) << error;
  StrutOpenOptions options = {sizeof options, 1,       nullptr, "/nowhere/at/all",
                              nullptr,        nullptr, nullptr};
  StrutSession *session = nullptr;
  EXPECT_EQ(strut_rt_open(&program, &options, &session), STRUT_IO);
  EXPECT_STREQ(strut_rt_error(nullptr),
               "no weights file at '/nowhere/at/all'. Keep the file written with the library "
               "beside it, or name it in StrutOpenOptions::weights_path");
}

TEST_F(Weights, OfAnotherCompilationAreStale) {
  header.hash = 0x4321;
  expectRefusal(" is stale");
  header.hash = 0x1234;
  header.data_bytes += 64;
  expectRefusal(" is stale");
}

TEST_F(Weights, AreRefusedWhenTruncatedAnywhere) {
  const std::string whole = content;
  for (size_t bytes : {whole.size() - 1, size_t(4096), size_t(4095), size_t(64), sizeof header,
                       sizeof header - 1, size_t(1)}) {
    content = whole.substr(0, bytes);
    expectRefusal(" is truncated");
  }
  content.clear();
  expectRefusal(" is empty");
}

TEST_F(Weights, AreRefusedWhenNotStruts) {
  header.magic[0] = 'X';
  expectRefusal(" is not a weights file of strut");
  header.magic[0] = 'S';
  header.version = 2;
  expectRefusal(" has format version 2");
  header.version = 1;
  header.data_offset = 4097;
  expectRefusal(" is damaged");
  header.data_offset = 0;
  expectRefusal(" is damaged");
  header.data_offset = 0xffffffc0u;
  expectRefusal(" is truncated");
}

TEST_F(Weights, AreRefusedWhenAFolder) {
  program.weights_file = "/proc";
  EXPECT_EQ(open(), STRUT_IO);
}
