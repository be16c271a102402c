//===- Bitcode.cpp - The runtime, as the compiler links it -----------------===//
#include "strut/Runtime/Bitcode.h"
#include "llvm/TargetParser/Triple.h"

static const unsigned char x86Bytes[] = {
#include "runtime-x86_64.inc"
};
static const unsigned char aarch64Bytes[] = {
#include "runtime-aarch64.inc"
};
static const unsigned char x86DeviceBytes[] = {
#include "device-x86_64.inc"
};
static const unsigned char aarch64DeviceBytes[] = {
#include "device-aarch64.inc"
};

template <size_t size> static llvm::StringRef textOf(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char *>(bytes), size};
}

static bool isSupported(const llvm::Triple &triple) {
  return triple.isOSLinux() && triple.isOSBinFormatELF() && triple.isArch64Bit() &&
         !triple.isX32() &&
         (triple.getArch() == llvm::Triple::x86_64 || triple.getArch() == llvm::Triple::aarch64);
}

llvm::StringRef strut::runtime::bitcodeFor(const llvm::Triple &triple) {
  if (!isSupported(triple))
    return {};
  return triple.getArch() == llvm::Triple::x86_64 ? textOf(x86Bytes) : textOf(aarch64Bytes);
}

llvm::StringRef strut::runtime::deviceBitcodeFor(const llvm::Triple &triple) {
  if (!isSupported(triple))
    return {};
  return triple.getArch() == llvm::Triple::x86_64 ? textOf(x86DeviceBytes)
                                                  : textOf(aarch64DeviceBytes);
}
