//===- Link.h - Objects to libraries, by lld in this process ---*- C++ -*-===//
//
// No system linker, no sysroot: an artefact may call a short list of C library
// functions, and stubs of the C library with exactly these are made on the fly.
// Anything else is an error at link time, on every target.
//
// lld resets LLVM's command line options (cl::opt) to their defaults. A program
// that calls these functions must read its own before.
//===----------------------------------------------------------------------===//
#ifndef STRUT_PACKAGE_LINK_H
#define STRUT_PACKAGE_LINK_H

#include "strut/Package/Target.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>
#include <vector>

namespace strut::package {

struct LinkOptions {
  TargetSpec target;
  std::string soname;               ///< of a shared library; empty: the loader knows it by its file
  std::vector<std::string> exports; ///< global symbols of a shared library, `*` allowed
  bool loadsDriver = false;         ///< may call the dynamic loader as well: code for a GPU
  bool hugePages = false;           ///< segments may be mapped in pages of 2 MiB
  std::string scratch;              ///< an existing folder for temporary files
};

/// Links object files into a shared library with nothing undefined but what the C
/// library stubs define.
llvm::Error linkShared(llvm::ArrayRef<std::string> objects, llvm::StringRef out,
                       const LinkOptions &options);

/// Merges object files into one; what is hidden becomes local. Fails, naming the
/// symbols, where one is undefined that the C library stubs do not define.
llvm::Error linkRelocatable(llvm::ArrayRef<std::string> objects, llvm::StringRef out,
                            const LinkOptions &options);

/// Writes an archive with one member.
llvm::Error writeArchive(llvm::StringRef object, llvm::StringRef member, llvm::StringRef out);

/// Writes an object file with a read-only, page-aligned section of `bytes` and a
/// hidden symbol at its start, and lets `fill` write the section in place, in the
/// mapped file: it is zeroed before.
llvm::Error writeDataObject(llvm::StringRef symbol, uint64_t bytes,
                            llvm::function_ref<llvm::Error(llvm::MutableArrayRef<uint8_t>)> fill,
                            llvm::StringRef out, const TargetSpec &target);

/// The functions that an artefact may leave undefined, without or with code for a GPU.
std::vector<std::string> allowedSymbols(bool loadsDriver = false);

} // namespace strut::package

#endif // STRUT_PACKAGE_LINK_H
