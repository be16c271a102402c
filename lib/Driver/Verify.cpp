//===- Verify.cpp - strut verify -------------------------------------------===//
//
// Layer by layer against ONNX Runtime is Python's business (python/strut/verify.py):
// ONNX Runtime and the editing of models live there.
//
//===----------------------------------------------------------------------===//

#include "strut/Driver/Commands.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace llvm;
using namespace strut::driver;

/// PYTHONPATH with the package of the tool's own installation or build in front.
static std::string pythonPath(const std::string &tool) {
  SmallVector<std::string> folders;
  for (StringRef candidate : {"python", "lib/strut/python"}) {
    SmallString<128> folder(sys::path::parent_path(sys::path::parent_path(tool)));
    sys::path::append(folder, candidate);
    if (sys::fs::is_directory(folder + "/strut"))
      folders.push_back(folder.str().str());
  }
  if (std::optional<std::string> inherited = sys::Process::GetEnv("PYTHONPATH"))
    folders.push_back(*inherited);
  return join(folders, ":");
}

Expected<int> strut::driver::verify(const VerifyOptions &options, raw_ostream &log) {
  std::string name = sys::Process::GetEnv("STRUT_PYTHON").value_or("python3");
  ErrorOr<std::string> python = sys::findProgramByName(name);
  if (!python)
    return createStringError("cannot verify: there is no program '" + name +
                             "'; install Python with the packages onnx and onnxruntime, or "
                             "name it in STRUT_PYTHON");
  if (!sys::fs::exists(options.model))
    return createStringError("cannot read '" + options.model + "': no such file");
  std::vector<std::string> words = {name, "-m", "strut.verify", options.model};
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
  add("--rtol", formatv("{0:e9}", options.rtol).str());
  add("--atol", formatv("{0:e9}", options.atol).str());

  setenv("PYTHONPATH", pythonPath(options.tool).c_str(), /*overwrite=*/1);
  std::string why;
  bool failed = false;
  int code = sys::ExecuteAndWait(*python, SmallVector<StringRef>(words.begin(), words.end()),
                                 std::nullopt, {}, 0, 0, &why, &failed);
  if (failed || code < 0)
    return createStringError("cannot verify: " + *python + ": " +
                             (why.empty() ? "it was killed" : why));
  return code;
}
