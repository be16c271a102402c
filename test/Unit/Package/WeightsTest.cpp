//===- WeightsTest.cpp - Plans and weights files ----------------*- C++ -*-===//
#include "TinyModel.h"
#include "strut/Runtime/program.h"
#include "llvm/Support/xxhash.h"

using namespace strut::package;
using namespace strut::package::test;
using namespace llvm;

namespace {

PackFunction filledWith(uint8_t value) {
  return [=](MutableArrayRef<uint8_t> out) {
    llvm::fill(out, value);
    return Error::success();
  };
}

TEST(Weights, PlanAligns) {
  WeightPlan plan;
  EXPECT_EQ(plan.bytes(), 0u);
  EXPECT_EQ(plan.add("a", 1, filledWith(1)), 0u);
  EXPECT_EQ(plan.add("b", 64, filledWith(2)), 64u);
  EXPECT_EQ(plan.add("none", 0, filledWith(3)), 128u);
  EXPECT_EQ(plan.add("c", 65, filledWith(4)), 128u);
  EXPECT_EQ(plan.bytes(), 256u);
  EXPECT_FALSE(errorToBool(plan.verify()));
}

TEST(Weights, PlanRefusesOverlapAndOverflow) {
  WeightPlan plan;
  plan.place("a", 0, 100, filledWith(1));
  plan.place("b", 64, 10, filledWith(2));
  EXPECT_EQ(toString(plan.verify()), "weights 'a' and 'b' overlap in the packed file");
  WeightPlan huge;
  huge.place("h", ~uint64_t(0) - 3, 100, filledWith(1));
  EXPECT_NE(toString(huge.verify()).find("'h'"), std::string::npos);
}

TEST(Weights, OneMessageForAllThatFail) {
  WeightPlan plan;
  for (int i = 0; i < 100; ++i)
    plan.add("w" + std::to_string(i), 8,
             [](MutableArrayRef<uint8_t>) { return createStringError("no memory"); });
  std::vector<uint8_t> out(plan.bytes());
  std::string why = toString(packWeights(plan, out).takeError());
  EXPECT_EQ(why.rfind("packing weight 'w", 0), 0u) << why;
  EXPECT_EQ(why.find("packing", 1), std::string::npos) << why;
}

TEST(Weights, FileHasHeaderAndData) {
  TemporaryFolder folder;
  WeightPlan plan;
  plan.add("a", 3, filledWith(0xaa));
  plan.add("b", 5, filledWith(0xbb));
  uint64_t hash = cantFail(writeWeightsFile(folder.file("w"), plan));
  auto file = cantFail(errorOrToExpected(MemoryBuffer::getFile(folder.file("w"))));
  ASSERT_EQ(file->getBufferSize(), 4096u + 128);
  StrutWeightsHeader header;
  memcpy(&header, file->getBufferStart(), sizeof(header));
  EXPECT_STREQ(header.magic, "STRUTWT");
  EXPECT_EQ(header.version, 1u);
  EXPECT_EQ(header.data_offset, 4096u);
  EXPECT_EQ(header.data_bytes, 128u);
  StringRef data = file->getBuffer().drop_front(4096);
  EXPECT_EQ(header.hash, hash);
  EXPECT_EQ(hash, xxh3_64bits(data));
  std::string expected(128, '\0');
  expected.replace(0, 3, 3, '\xaa');
  expected.replace(64, 5, 5, '\xbb');
  EXPECT_EQ(data, expected);
}

} // namespace
