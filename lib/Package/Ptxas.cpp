//===- Ptxas.cpp - Machine code of NVIDIA GPUs ----------------------------===//
#include "strut/Package/Ptxas.h"
#include "Files.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;

namespace strut::package {

/// The number before `unit`, as in "16 bytes spill stores"; 0 if there is none.
static uint64_t numberBefore(StringRef line, StringRef unit) {
  size_t end = line.find(unit);
  if (end == StringRef::npos)
    return 0;
  StringRef digits = line.take_front(end).rtrim();
  uint64_t number = 0;
  size_t begin = digits.find_last_not_of("0123456789");
  digits.drop_front(begin + 1).getAsInteger(10, number); // npos + 1 is 0
  return number;
}

PtxasReport parsePtxasReport(StringRef text) {
  PtxasReport report;
  for (StringRef line : split(text, '\n')) {
    line = line.trim();
    auto message = [&] { return line.drop_front(line.find(':') + 1).trim().str(); };
    bool isError = line.starts_with("ptxas") && (line.contains("error") || line.contains("fatal"));
    if (isError)
      report.errors.push_back(message());
    else if (line.contains("warning") || line.contains("(C75"))
      report.warnings.push_back(message());
    else if (line.contains("Compiling entry function '"))
      report.kernels.push_back({line.split('\'').second.split('\'').first.str(), 0, 0, 0});
    if (report.kernels.empty())
      continue;
    AssembledKernel &kernel = report.kernels.back();
    kernel.spilledBytes += numberBefore(line, " bytes spill stores");
    kernel.spilledBytes += numberBefore(line, " bytes spill loads");
    if (line.contains("Used ") && line.contains(" registers")) {
      kernel.registers = numberBefore(line, " registers");
      kernel.sharedBytes = numberBefore(line, " bytes smem");
    }
  }
  return report;
}

std::string findPtxas() {
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"})
    if (std::optional<std::string> root = sys::Process::GetEnv(variable)) {
      SmallString<128> path(*root);
      sys::path::append(path, "bin", "ptxas");
      if (sys::fs::can_execute(path))
        return path.str().str();
    }
  return "";
}

/// Whether this is said by a ptxas that is older than what it is given.
static bool isTooOld(StringRef message) {
  return message.contains("is not defined for option 'gpu-name'") ||
         message.contains("Unsupported .version");
}

Expected<MachineCode> assemble(StringRef ptxas, StringRef ptx, const TargetSpec &gpu) {
  Expected<ScratchFolder> scratch = ScratchFolder::create();
  if (!scratch)
    return scratch.takeError();
  std::string source = scratch->file("kernels.ptx"), cubin = scratch->file("kernels.cubin"),
              log = scratch->file("ptxas.txt"), arch = "-arch=" + gpu.cpu;
  if (Error error = writeFile(source, [&](raw_ostream &stream) {
        stream << ptx;
        return Error::success();
      }))
    return std::move(error);
  std::string problem;
  StringRef words[] = {ptxas, "-v", arch, source, "-o", cubin};
  int code =
      sys::ExecuteAndWait(ptxas, words, std::nullopt, {StringRef(""), log, log}, 0, 0, &problem);
  MachineCode made;
  if (ErrorOr<std::unique_ptr<MemoryBuffer>> said = MemoryBuffer::getFile(log))
    made.report = parsePtxasReport((*said)->getBuffer());
  if (code != 0) {
    if (any_of(made.report.errors, isTooOld))
      return made;
    if (!made.report.errors.empty())
      problem = made.report.errors.front();
    return createStringError("ptxas (" + ptxas + ") does not take the kernels for " + gpu.cpu +
                             ": " + (problem.empty() ? "it failed" : problem));
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> bytes = MemoryBuffer::getFile(cubin);
  if (!bytes)
    return createStringError(bytes.getError(), "cannot read what ptxas has written");
  made.cubin = (*bytes)->getBuffer().str();
  return made;
}

} // namespace strut::package
