//===- FileData.h - bytes of a file, mapped and shared -----------*- C++ -*-===//
//
// Weights stay in the files they come from. IR names them by path, offset and
// length; whoever needs the bytes maps them here.
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_SUPPORT_FILEDATA_H
#define STRUT_SUPPORT_FILEDATA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace strut {

/// A range of bytes in a mapped file. Copies share the mapping, which lives
/// until the last of them is gone. The bytes have no alignment.
class FileData {
public:
  FileData() = default;

  llvm::ArrayRef<char> bytes() const { return range; }
  size_t size() const { return range.size(); }
  const char *data() const { return range.data(); }

private:
  friend llvm::Expected<FileData> mapFileData(llvm::StringRef, uint64_t, uint64_t);
  FileData(std::shared_ptr<const llvm::MemoryBuffer> file, llvm::ArrayRef<char> range)
      : file(std::move(file)), range(range) {}

  std::shared_ptr<const llvm::MemoryBuffer> file;
  llvm::ArrayRef<char> range;
};

/// Maps `length` bytes at `offset` of the regular file `path`. Pages are read
/// when touched. Live mappings are shared by the whole process; safe to call
/// from several threads. Fails, naming the file, if it is missing, not a
/// regular file, or too short.
llvm::Expected<FileData> mapFileData(llvm::StringRef path, uint64_t offset, uint64_t length);

/// The whole of a file, by the same rules.
llvm::Expected<FileData> mapFile(llvm::StringRef path);

} // namespace strut

#endif // STRUT_SUPPORT_FILEDATA_H
