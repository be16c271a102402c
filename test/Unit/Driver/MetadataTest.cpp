//===- MetadataTest.cpp ----------------------------------------------------===//

#include "strut/Driver/Metadata.h"
#include "gtest/gtest.h"

using namespace strut::driver;

TEST(Metadata, PolynomialsAreEvaluated) {
  Polynomial work{{{3, {1, 0}}, {0.5, {2, 1}}, {7, {}}}};
  EXPECT_EQ(work.at({4, 10}), 3 * 4 + 0.5 * 16 * 10 + 7);
  EXPECT_EQ(work.at({0, 0}), 7);
  EXPECT_EQ(Polynomial{}.at({5}), 0);
}

TEST(Metadata, SurvivesItsJSON) {
  std::vector<KernelMetadata> kernels = {
      {"layer \"1\"\n", "contract", {{{2e9, {1}}}}, {{{1, {1}}, {4, {0}}}}},
      {"", "map", {}, {}},
  };
  auto read = readMetadata(writeMetadata(kernels));
  ASSERT_TRUE(static_cast<bool>(read)) << toString(read.takeError());
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].name, kernels[0].name);
  EXPECT_EQ((*read)[0].kind, "contract");
  EXPECT_EQ((*read)[0].flops.at({3}), 6e9);
  EXPECT_EQ((*read)[0].bytes.at({3}), 7);
  EXPECT_EQ((*read)[1].flops.at({3}), 0);
}

TEST(Metadata, TellsWhichFormRuns) {
  KernelMetadata one{"few rows", "contract", {}, {}}, other{"many rows", "contract", {}, {}};
  FormMetadata form{{{Polynomial{{{1, {1, 1}}}}, 48, 1}}, 0, 1};
  one.form = form;
  form.form = 0;
  other.form = form;
  auto read = readMetadata(writeMetadata({one, other, {"both", "map", {}, {}}}));
  ASSERT_TRUE(static_cast<bool>(read)) << toString(read.takeError());
  auto running = [&](llvm::ArrayRef<int64_t> dims) {
    std::vector<bool> run;
    for (const KernelMetadata &kernel : *read)
      run.push_back(kernel.runsAt(dims));
    return run;
  };
  EXPECT_EQ(running({1, 47}), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(running({4, 12}), (std::vector<bool>{false, true, true}));
}

TEST(Metadata, MayBeMissing) {
  for (const char *text : {"", " ", "{}", "{\"kernels\": []}"}) {
    auto read = readMetadata(text);
    ASSERT_TRUE(static_cast<bool>(read)) << text;
    EXPECT_TRUE(read->empty());
  }
}

TEST(Metadata, OfAnotherFormIsAnError) {
  for (const char *text : {"[", "[]", "{\"kernels\": 1}", "{\"kernels\": [{}]}",
                           "{\"kernels\": [{\"name\": \"a\", \"kind\": \"b\", \"flops\": [[1]], "
                           "\"bytes\": []}]}"}) {
    auto read = readMetadata(text);
    EXPECT_FALSE(static_cast<bool>(read)) << text;
    llvm::consumeError(read.takeError());
  }
}
