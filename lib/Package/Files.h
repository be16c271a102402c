//===- Files.h - Output files that appear complete or not at all -*- C++ -*-===//
#ifndef STRUT_LIB_PACKAGE_FILES_H
#define STRUT_LIB_PACKAGE_FILES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace strut::package {

/// Creates `path` and writes it through `body`. A failed write is an error here,
/// where raw_fd_ostream alone would end the process.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<llvm::Error(llvm::raw_pwrite_stream &)> body);

/// The bytes that one entry of a processor's table of pages covers where memory lies in large ones.
/// Linux caches a file so where it was written, or is read, in pieces of that size.
constexpr uint64_t kHugePage = 2 << 20;

/// Creates `path` with `bytes` zeros, in huge pages where the file system has them, and lets `fill`
/// write it in place. The file appears under its name only when complete.
llvm::Error writeMapped(llvm::StringRef path, uint64_t bytes,
                        llvm::function_ref<llvm::Error(llvm::MutableArrayRef<uint8_t>)> fill);

/// Copies a program or library to `path`, in huge pages where the file system has them.
llvm::Error copyExecutable(llvm::StringRef from, llvm::StringRef path);

/// A temporary folder, removed with all it holds; its files also when a signal ends
/// the process.
class ScratchFolder {
public:
  static llvm::Expected<ScratchFolder> create();
  ScratchFolder(ScratchFolder &&other)
      : path(std::move(other.path)), files(std::move(other.files)) {
    other.path.clear();
  }
  ~ScratchFolder();
  std::string file(llvm::StringRef name);
  const std::string &folder() const { return path; }

private:
  ScratchFolder() = default;
  std::string path;
  std::vector<std::string> files;
};

/// Output files, each staged under another name beside its destination and moved
/// there together at the end. What was not committed is removed.
class StagedOutputs {
public:
  StagedOutputs() = default;
  StagedOutputs(const StagedOutputs &) = delete;
  ~StagedOutputs();

  /// Returns where to write what will become `path`. Fails where `path` cannot be
  /// written: then no work has been done in vain.
  llvm::Expected<std::string> stage(llvm::StringRef path);

  /// Moves all files to their destinations, in the order they were staged.
  llvm::Error commit();

  /// The error with the names of staged files replaced by those of their destinations.
  llvm::Error inUsersTerms(llvm::Error error) const;

private:
  struct File {
    std::string staged, destination;
  };
  std::vector<File> files;
};

} // namespace strut::package

#endif // STRUT_LIB_PACKAGE_FILES_H
