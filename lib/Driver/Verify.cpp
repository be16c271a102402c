//===- Verify.cpp - strut verify -------------------------------------------===//
//
// Layer by layer against ONNX Runtime is Python's business (python/strut/verify.py):
// ONNX Runtime and the editing of models live there.
//
//===----------------------------------------------------------------------===//

#include "strut/Driver/Commands.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace llvm;
using namespace strut::driver;

/// The Python package in the build that `tool` is of; empty for an installed tool,
/// whose package Python finds by itself.
static std::string buildFolder(const std::string &tool) {
  SmallString<128> folder(sys::path::parent_path(sys::path::parent_path(tool)));
  sys::path::append(folder, "python");
  return sys::fs::is_directory(folder + "/strut") ? folder.str().str() : "";
}

/// $STRUT_PYTHON, else the interpreter that the build was configured with.
static std::string pythonName(const std::string &folder) {
  if (std::optional<std::string> named = sys::Process::GetEnv("STRUT_PYTHON"))
    return *named;
  if (!folder.empty())
    if (auto file = MemoryBuffer::getFile(folder + "/interpreter.txt"))
      if (StringRef path = (*file)->getBuffer().trim(); sys::fs::can_execute(path))
        return path.str();
  return "python3";
}

/// Runs strut.verify; a package that is missing is a message and not a backtrace.
static constexpr StringLiteral program = R"(
import sys
try:
    import strut.verify
except ImportError as error:
    print(f"error: cannot verify: {error}; the Python packages strut, numpy, onnx and onnxruntime "
          f"are needed: install them for {sys.executable}, or name another Python in STRUT_PYTHON",
          file=sys.stderr)
    sys.exit(2)
sys.exit(strut.verify.main())
)";

Expected<int> strut::driver::verify(const VerifyOptions &options, raw_ostream &log) {
  std::string folder = buildFolder(options.tool), name = pythonName(folder);
  ErrorOr<std::string> python = sys::findProgramByName(name);
  if (!python)
    return createStringError("cannot verify: there is no program '" + name +
                             "'; install Python with the packages onnx and onnxruntime, or "
                             "name it in STRUT_PYTHON");
  if (!sys::fs::exists(options.model))
    return createStringError("cannot read '" + options.model + "': no such file");
  std::vector<std::string> words = {name, "-c", program.str(), options.model};
  auto add = [&](StringRef option, const Twine &value) {
    words.push_back(option.str());
    words.push_back(value.str());
  };
  for (const std::string &input : options.inputs.inputs)
    add("--input", input);
  for (const auto &[dim, value] : options.inputs.dims)
    add("--dim", dim + "=" + Twine(value));
  add("--seed", Twine(options.inputs.seed));
  add("--threads", Twine(options.threads));
  if (!options.device.empty())
    add("--device", options.device);
  add("--rtol", formatv("{0:e9}", options.rtol).str());
  add("--atol", formatv("{0:e9}", options.atol).str());

  if (!folder.empty()) {
    std::string inherited = sys::Process::GetEnv("PYTHONPATH").value_or("");
    std::string path = inherited.empty() ? folder : folder + ":" + inherited;
    setenv("PYTHONPATH", path.c_str(), /*overwrite=*/1);
  }
  std::string why;
  bool failed = false;
  int code = sys::ExecuteAndWait(*python, SmallVector<StringRef>(words.begin(), words.end()),
                                 std::nullopt, {}, 0, 0, &why, &failed);
  if (failed || code < 0)
    return createStringError("cannot verify: " + *python + ": " +
                             (why.empty() ? "it was killed" : why));
  return code;
}
