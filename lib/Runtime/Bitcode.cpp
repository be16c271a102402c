//===- Bitcode.cpp - The runtime, as the compiler links it -----------------===//
#include "strut/Runtime/Bitcode.h"
#include "llvm/TargetParser/Triple.h"

static const unsigned char x86Bytes[] = {
#include "runtime-x86_64.inc"
};
static const unsigned char aarch64Bytes[] = {
#include "runtime-aarch64.inc"
};

template <size_t size> static llvm::StringRef textOf(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char *>(bytes), size};
}

llvm::StringRef strut::runtime::bitcodeFor(const llvm::Triple &triple) {
  if (!triple.isOSLinux() || !triple.isOSBinFormatELF() || !triple.isArch64Bit() || triple.isX32())
    return {};
  if (triple.getArch() == llvm::Triple::x86_64)
    return textOf(x86Bytes);
  if (triple.getArch() == llvm::Triple::aarch64)
    return textOf(aarch64Bytes);
  return {};
}
