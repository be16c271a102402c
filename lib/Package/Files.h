//===- Files.h - Output files that appear complete or not at all -*- C++ -*-===//
#ifndef STRUT_LIB_PACKAGE_FILES_H
#define STRUT_LIB_PACKAGE_FILES_H

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
