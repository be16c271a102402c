//===- Output.cpp - files that are whole or not there ----------------------===//

#include "strut/Driver/Output.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

/// A failed write is sticky in the stream, and aborts if it is not taken out.
static Error takeStreamError(raw_fd_ostream &stream) {
  stream.flush();
  std::error_code code = stream.error();
  stream.clear_error();
  return code ? createStringError(code, code.message()) : Error::success();
}

static Error cannotWrite(const std::string &path, Error why) {
  return createStringError("cannot write '" + path + "': " + toString(std::move(why)));
}

static Error writeDirectly(const std::string &path,
                           function_ref<Error(raw_pwrite_stream &)> write) {
  std::error_code code;
  raw_fd_ostream stream(path, code, sys::fs::CD_OpenExisting, sys::fs::FA_Write, sys::fs::OF_None);
  if (code)
    return cannotWrite(path, createStringError(code, code.message()));
  // A pipe cannot seek, which a pwrite stream may do: go through memory.
  SmallString<0> bytes;
  raw_svector_ostream buffer(bytes);
  if (Error error = write(buffer))
    return error;
  stream << bytes;
  if (Error error = takeStreamError(stream))
    return cannotWrite(path, std::move(error));
  return Error::success();
}

Error strut::driver::writeFile(const std::string &path,
                               function_ref<Error(raw_pwrite_stream &)> write, bool executable) {
  if (path == "-")
    return writeDirectly("-", write);
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && exists(status)) {
    if (is_directory(status))
      return cannotWrite(path, createStringError("it is a directory"));
    if (!is_regular_file(status))
      return writeDirectly(path, write);
  }
  auto mode = sys::fs::all_read | sys::fs::all_write;
  if (executable)
    mode = mode | sys::fs::all_exe;
  // Created by open(2), so the user's umask applies.
  Expected<sys::fs::TempFile> file = sys::fs::TempFile::create(path + ".%%%%%%.part", mode);
  if (!file)
    return cannotWrite(path, file.takeError());
  Error failed = Error::success();
  {
    raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
    failed = write(stream);
    Error full = takeStreamError(stream);
    if (full)
      failed = joinErrors(std::move(failed), cannotWrite(path, std::move(full)));
  }
  if (failed)
    return joinErrors(std::move(failed), file->discard());
  if (Error error = file->keep(path))
    return joinErrors(cannotWrite(path, std::move(error)), file->discard());
  return Error::success();
}
