//===- Files.cpp - Output files, complete or not at all ---------*- C++ -*-===//
#include "Files.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"

using namespace llvm;

namespace strut::package {
namespace {

Error cannotWrite(StringRef path, std::error_code code) {
  return createStringError("cannot write '" + path + "': " + code.message());
}

} // namespace

Error writeFile(StringRef path, function_ref<Error(raw_pwrite_stream &)> body) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (code)
    return cannotWrite(path, code);
  Error error = body(stream);
  stream.close();
  if (stream.has_error()) {
    code = stream.error();
    stream.clear_error();
    consumeError(std::move(error));
    return cannotWrite(path, code);
  }
  return error;
}

static Error fillMapped(StringRef path, sys::fs::TempFile &file, uint64_t bytes,
                        function_ref<Error(MutableArrayRef<uint8_t>)> fill) {
  ErrorOr<sys::fs::space_info> space = sys::fs::disk_space(file.TmpName);
  if (space && space->available < bytes) // rather than after it is full
    return cannotWrite(path, std::make_error_code(std::errc::no_space_on_device));
  raw_fd_ostream stream(file.FD, /*shouldClose=*/false, /*unbuffered=*/true);
  const std::vector<char> zeros(std::min(bytes, kHugePage));
  for (uint64_t at = 0; at < bytes && !stream.has_error(); at += zeros.size())
    stream.write(zeros.data(), std::min<uint64_t>(zeros.size(), bytes - at));
  if (std::error_code code = stream.error()) {
    stream.clear_error();
    return cannotWrite(path, code);
  }
  std::error_code code;
  sys::fs::mapped_file_region region(sys::fs::convertFDToNativeFile(file.FD),
                                     sys::fs::mapped_file_region::readwrite, bytes, 0, code);
  if (code)
    return cannotWrite(path, code);
  return fill(MutableArrayRef(reinterpret_cast<uint8_t *>(region.data()), bytes));
}

Error writeMapped(StringRef path, uint64_t bytes,
                  function_ref<Error(MutableArrayRef<uint8_t>)> fill) {
  Expected<sys::fs::TempFile> file = sys::fs::TempFile::create(path + ".%%%%%%%%");
  if (!file)
    return cannotWrite(path, errorToErrorCode(file.takeError()));
  if (Error error = fillMapped(path, *file, bytes, fill)) {
    consumeError(file->discard());
    return error;
  }
  if (Error error = file->keep(path))
    return cannotWrite(path, errorToErrorCode(std::move(error)));
  return Error::success();
}

Error copyExecutable(StringRef from, StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file =
      MemoryBuffer::getFile(from, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return cannotWrite(path, file.getError());
  Error error = writeFile(path, [&](raw_ostream &stream) {
    stream.SetUnbuffered(); // a page by each call to the system
    for (StringRef left = (*file)->getBuffer(); !left.empty(); left = left.substr(kHugePage))
      stream << left.take_front(kHugePage);
    return Error::success();
  });
  if (error)
    return error;
  auto mode = sys::fs::perms((sys::fs::all_read | sys::fs::all_write | sys::fs::all_exe) &
                             ~sys::fs::getUmask());
  if (std::error_code code = sys::fs::setPermissions(path, mode))
    return cannotWrite(path, code);
  return Error::success();
}

Expected<ScratchFolder> ScratchFolder::create() {
  SmallString<128> path;
  if (std::error_code code = sys::fs::createUniqueDirectory("strut", path))
    return createStringError("cannot create a temporary folder ('" + path +
                             "'): " + code.message() + "; TMPDIR may name another place");
  ScratchFolder folder;
  folder.path = path.str().str();
  return folder;
}

ScratchFolder::~ScratchFolder() {
  if (path.empty())
    return;
  sys::fs::remove_directories(path);
  for (const std::string &file : files)
    sys::DontRemoveFileOnSignal(file);
}

std::string ScratchFolder::file(StringRef name) {
  SmallString<128> result(path);
  sys::path::append(result, name);
  sys::RemoveFileOnSignal(result);
  return files.emplace_back(result.str());
}

Expected<std::string> StagedOutputs::stage(StringRef path) {
  sys::fs::file_status status;
  if (!sys::fs::status(path, status)) {
    if (sys::fs::is_directory(status))
      return createStringError("cannot write '" + path + "': it is a directory");
    if (!sys::fs::is_regular_file(status))
      return createStringError("cannot write '" + path + "': it is not a regular file");
  }
  SmallString<128> model(sys::path::parent_path(path)), staged;
  sys::path::append(model, "." + sys::path::filename(path) + ".%%%%%%%%");
  int descriptor;
  if (std::error_code code = sys::fs::createUniqueFile(model, descriptor, staged))
    return cannotWrite(path, code);
  sys::Process::SafelyCloseFileDescriptor(descriptor);
  sys::RemoveFileOnSignal(staged);
  files.push_back({staged.str().str(), path.str()});
  return files.back().staged;
}

Error StagedOutputs::commit() {
  for (File &file : files) {
    if (std::error_code code = sys::fs::rename(file.staged, file.destination))
      return cannotWrite(file.destination, code);
    sys::DontRemoveFileOnSignal(file.staged);
    file.staged.clear();
  }
  return Error::success();
}

Error StagedOutputs::inUsersTerms(Error error) const {
  std::string text = toString(std::move(error));
  for (const File &file : files)
    if (!file.staged.empty())
      for (size_t at; (at = text.find(file.staged)) != std::string::npos;)
        text.replace(at, file.staged.size(), file.destination);
  return createStringError(text);
}

StagedOutputs::~StagedOutputs() {
  for (File &file : files)
    if (!file.staged.empty()) {
      sys::fs::remove(file.staged);
      sys::DontRemoveFileOnSignal(file.staged);
    }
}

} // namespace strut::package
