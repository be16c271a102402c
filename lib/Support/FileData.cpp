//===- FileData.cpp - bytes of a file, mapped and shared -------------------===//

#include "strut/Support/FileData.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <mutex>

namespace strut {

namespace {
using File = std::shared_ptr<const llvm::MemoryBuffer>;

/// The live mappings of the process. A file that was replaced on disk since it
/// was mapped is another file, so identity is part of the key's check.
class Mappings {
public:
  llvm::Expected<File> get(llvm::StringRef path);

private:
  struct Entry {
    std::weak_ptr<const llvm::MemoryBuffer> file;
    llvm::sys::fs::UniqueID id;
    llvm::sys::TimePoint<> modified;
  };
  std::mutex mutex;
  llvm::StringMap<Entry> entries;
};

llvm::Error refuse(llvm::StringRef path, const llvm::Twine &why,
                   std::errc code = std::errc::invalid_argument) {
  return llvm::createStringError(std::make_error_code(code), "cannot read '" + path + "': " + why);
}

llvm::Expected<File> Mappings::get(llvm::StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return refuse(path, error.message(), std::errc(error.value()));
  // Reading a device or a pipe might never end.
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return refuse(path, "it is not a regular file");

  std::lock_guard lock(mutex);
  Entry &entry = entries[path];
  if (File file = entry.file.lock(); file && entry.id == status.getUniqueID() &&
                                     entry.modified == status.getLastModificationTime() &&
                                     file->getBufferSize() == status.getSize())
    return file;
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return refuse(path, buffer.getError().message());
  File file = std::move(*buffer);
  entry = {file, status.getUniqueID(), status.getLastModificationTime()};
  return file;
}

llvm::Expected<File> mapped(llvm::StringRef path) {
  static Mappings mappings;
  return mappings.get(path);
}
} // namespace

llvm::Expected<FileData> mapFileData(llvm::StringRef path, uint64_t offset, uint64_t length) {
  llvm::Expected<File> file = mapped(path);
  if (!file)
    return file.takeError();
  uint64_t size = (*file)->getBufferSize();
  if (offset > size || length > size - offset)
    return refuse(path, "it has " + llvm::Twine(size) + " bytes, but " + llvm::Twine(length) +
                            " are needed at offset " + llvm::Twine(offset));
  llvm::ArrayRef<char> range((*file)->getBufferStart() + offset, length);
  return FileData(std::move(*file), range);
}

llvm::Expected<FileData> mapFile(llvm::StringRef path) {
  llvm::Expected<File> file = mapped(path);
  if (!file)
    return file.takeError();
  return mapFileData(path, 0, (*file)->getBufferSize());
}

} // namespace strut
