//===- DeviceTest.cpp - Which code a GPU is given ---------------*- C++ -*-===//
#include "lib/Runtime/device.h"
#include "FakeDriver.h"
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <vector>

using strut::test::FakeDriver;

namespace {

constexpr StrutDescription nothing = {};
const StrutWeightsHeader weights = {};

FakeDriver &driver() {
  static auto *found = [] {
    void *library = dlopen(STRUT_FAKE_DRIVER, RTLD_NOW | RTLD_LOCAL);
    return library ? static_cast<FakeDriver *>(dlsym(library, "fake_driver")) : nullptr;
  }();
  return *found;
}

/// A program for a GPU, whose code is text.
struct Program {
  explicit Program(std::vector<StrutImage> given) {
    device.runtime = &strut_rt_device_runtime;
    set(std::move(given));
    program.description = &nothing;
    program.device = &device;
    program.weights = reinterpret_cast<const char *>(&weights);
  }
  void set(std::vector<StrutImage> given) {
    images = std::move(given);
    device.num_images = int32_t(images.size());
    device.images = images.data();
  }
  std::vector<StrutImage> images;
  StrutDeviceProgram device = {};
  StrutProgram program = {};
};

StrutImage ptx(int32_t capability, const char *text, int32_t reach = StrutReachLater) {
  return {StrutImagePtx, capability, reach, 0, text};
}
StrutImage cubin(int32_t capability, const char *text, int32_t reach = StrutReachLater) {
  return {StrutImageCubin, capability, reach, 0, text};
}

class Device : public testing::Test {
protected:
  void SetUp() override { driver() = FakeDriver(); }

  /// What the session says of itself, or why there is none.
  std::string open(const char *device = "cuda") {
    first.program.next = &second.program;
    StrutOpenOptions options = {};
    options.struct_size = sizeof options;
    options.device = device;
    options.driver = STRUT_FAKE_DRIVER;
    StrutSession *session = nullptr;
    if (strut_rt_open(&first.program, &options, &session))
      return strut_rt_error(nullptr);
    std::string place = strut_rt_device(session);
    strut_rt_close(session);
    return place;
  }

  Program first{{ptx(80, "ptx 80"), cubin(80, "cubin 80")}};
  Program second{{cubin(90, "cubin 90a", StrutReachExact), ptx(90, "ptx 90a", StrutReachExact)}};
};

TEST_F(Device, TakesMachineCodeOfItsGeneration) {
  EXPECT_EQ(open(), "cuda:0 (sm_80, machine code for sm_80)");
  EXPECT_EQ(driver().loaded, "cubin 80");
  driver().capability = 86;
  EXPECT_EQ(open(), "cuda:0 (sm_86, machine code for sm_80)");
  driver().capability = 90;
  EXPECT_EQ(open(), "cuda:0 (sm_90, machine code for sm_90a)");
}

TEST_F(Device, TakesPtxOfAnOlderGeneration) {
  driver().capability = 100;
  EXPECT_EQ(open(), "cuda:0 (sm_100, PTX for sm_80)");
  EXPECT_EQ(driver().loaded, "ptx 80");
}

TEST_F(Device, TakesCodeOfAFamilyInItsGeneration) {
  second.set({ptx(100, "ptx 100f", StrutReachFamily)});
  driver().capability = 103;
  EXPECT_EQ(open(), "cuda:0 (sm_103, PTX for sm_100f)");
  driver().capability = 120;
  EXPECT_EQ(open(), "cuda:0 (sm_120, PTX for sm_80)");
}

TEST_F(Device, TakesTheNextBestWhereTheDriverRefuses) {
  driver().capability = 90;
  driver().refused = "cubin";
  EXPECT_EQ(open(), "cuda:0 (sm_90, PTX for sm_90a)");
  driver().refused = "cubin 80";
  driver().capability = 87;
  EXPECT_EQ(open(), "cuda:0 (sm_87, PTX for sm_80)");
}

TEST_F(Device, SaysWhatTheDriversCompilerSays) {
  driver().capability = 100;
  driver().refused = "ptx";
  driver().refusal = 218;
  driver().log = "ptxas line 7\nunknown instruction\n";
  EXPECT_EQ(open(), "the GPU does not take the model's PTX for sm_80: error 218: ptxas line 7 "
                    "unknown instruction");
}

TEST_F(Device, IsToldApartFromOneWithoutMemory) {
  driver().refused = "cubin 80";
  driver().refusal = 2;
  EXPECT_EQ(open(), "the GPU does not take the model's machine code for sm_80: error 2");
}

TEST_F(Device, IsTooOld) {
  driver().capability = 75;
  EXPECT_EQ(open(), "the model has no code for this GPU, an sm_75; it has PTX for sm_80, machine "
                    "code for sm_80, machine code for sm_90a, PTX for sm_90a. Compile it for this "
                    "GPU (--gpu-arch)");
}

TEST_F(Device, IsAbsent) {
  EXPECT_EQ(open("cuda:1"), "there is no GPU number 1: the driver has 1");
  driver().devices = 0;
  EXPECT_EQ(open(), "no NVIDIA GPU can be used");
}

TEST_F(Device, NeedsItsDriver) {
  StrutOpenOptions options = {};
  options.struct_size = sizeof options;
  options.driver = "/nowhere/libcuda.so.1";
  StrutSession *session = nullptr;
  EXPECT_EQ(strut_rt_open(&first.program, &options, &session), STRUT_UNSUPPORTED);
  EXPECT_STREQ(strut_rt_error(nullptr),
               "no NVIDIA driver: '/nowhere/libcuda.so.1' cannot be loaded");
}

} // namespace
