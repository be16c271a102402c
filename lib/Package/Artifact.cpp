//===- Artifact.cpp - From generated code to files --------------*- C++ -*-===//
#include "strut/Package/Artifact.h"
#include "Files.h"
#include "strut/Package/Link.h"
#include "strut/Runtime/Bitcode.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <chrono>

using namespace llvm;

namespace strut::package {
namespace {

class ArtifactWriter {
public:
  ArtifactWriter(ArtifactRequest &request, ScratchFolder scratch)
      : request(request), scratch(std::move(scratch)) {}

  Expected<ArtifactResult> write();

private:
  Error writeAll();
  void beginStage(StringRef name);
  void endStage();
  Error stageOutputs();
  Expected<WeightsReference> packWeights();
  std::string recordedWeightsPath() const;
  Error generateCode(const WeightsReference &weights);
  Error link();
  Error linkLibrary(LinkOptions &options);
  Error writeHeaderFile();
  bool hasDevicePrograms() const {
    return any_of(request.programs, [](const ProgramInfo &p) { return p.isForDevice(); });
  }

  ArtifactRequest &request;
  ScratchFolder scratch;
  StagedOutputs outputs;
  ArtifactResult result;
  std::chrono::steady_clock::time_point began;
  bool sideFile = false;
  std::string artifact, header, weightsFile; ///< where they are written at first
  std::vector<std::string> objects;
};

void ArtifactWriter::beginStage(StringRef name) {
  endStage();
  if (request.progress)
    request.progress(name);
  result.stages.push_back({name.str(), -1});
  began = std::chrono::steady_clock::now();
}

void ArtifactWriter::endStage() {
  if (!result.stages.empty() && result.stages.back().seconds < 0)
    result.stages.back().seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

/// All destinations are tried before any work is done. The artefact is moved to its
/// place last: whoever sees a new library sees its weights, too.
Error ArtifactWriter::stageOutputs() {
  result.files.push_back(request.output);
  auto stage = [&](const std::string &path, std::string &staged) -> Error {
    Expected<std::string> file = outputs.stage(path);
    if (!file)
      return file.takeError();
    staged = *file;
    if (path != request.output)
      result.files.push_back(path);
    return Error::success();
  };
  sideFile = request.weights.bytes() > request.sectionLimit;
  if (sideFile)
    if (Error error = stage(request.output + ".weights", weightsFile))
      return error;
  if (request.header.empty()) {
    SmallString<128> path(request.output);
    sys::path::replace_extension(path, "h");
    request.header = path.str().str();
  }
  if (request.header != "-")
    if (Error error = stage(request.header, header))
      return error;
  return stage(request.output, artifact);
}

/// A shared library finds its weights beside itself, so its bytes do not depend on
/// the folder; static code does not know where it came from.
std::string ArtifactWriter::recordedWeightsPath() const {
  SmallString<128> path(request.output + ".weights");
  if (request.kind == ArtifactKind::SharedLibrary)
    return sys::path::filename(path).str();
  sys::fs::make_absolute(path);
  sys::path::remove_dots(path, /*remove_dot_dot=*/false);
  return path.str().str();
}

Expected<WeightsReference> ArtifactWriter::packWeights() {
  WeightsReference reference;
  reference.bytes = result.weightBytes = request.weights.bytes();
  if (reference.bytes == 0)
    return reference;
  if (sideFile) {
    reference.sideFile = recordedWeightsPath();
    Expected<uint64_t> hash = writeWeightsFile(weightsFile, request.weights);
    if (!hash)
      return hash.takeError();
    reference.hash = *hash;
    return reference;
  }
  objects.push_back(scratch.file("weights.o"));
  auto fill = [&](MutableArrayRef<uint8_t> section) -> Error {
    Expected<uint64_t> hash = strut::package::packWeights(request.weights, section);
    if (!hash)
      return hash.takeError();
    reference.hash = *hash;
    return Error::success();
  };
  if (Error error = writeDataObject(weightsSymbol(request.model), reference.bytes, fill,
                                    objects.back(), request.target))
    return std::move(error);
  return reference;
}

Error ArtifactWriter::generateCode(const WeightsReference &weights) {
  StringRef runtime =
      request.runtime.empty() ? runtime::bitcodeFor(request.target.triple) : request.runtime;
  if (runtime.empty())
    return createStringError("this build of Strut has no runtime for '" +
                             request.target.triple.str() + "'");
  EmitOptions emit;
  emit.target = request.target;
  emit.weights = weights;
  emit.sharedLibrary = request.kind == ArtifactKind::SharedLibrary;
  if (Error error = emitPrograms(*request.module, request.model, request.programs, emit))
    return error;
  SmallVector<StringRef> runtimes{runtime};
  if (hasDevicePrograms())
    runtimes.push_back(runtime::deviceBitcodeFor(request.target.triple));
  Expected<std::vector<ObjectCode>> code =
      compileInParts(*request.module, runtimes, request.target, request.codegen);
  if (!code)
    return code.takeError();
  request.module.reset();
  for (auto [index, part] : enumerate(*code)) {
    objects.push_back(scratch.file("code" + std::to_string(index) + ".o"));
    Error error = writeFile(objects.back(), [&](raw_ostream &stream) {
      stream.write(part.data(), part.size());
      return Error::success();
    });
    if (error)
      return error;
  }
  return Error::success();
}

Error ArtifactWriter::link() {
  LinkOptions options;
  options.target = request.target;
  options.scratch = scratch.folder();
  options.loadsDriver = hasDevicePrograms();
  switch (request.kind) {
  case ArtifactKind::SharedLibrary:
    options.soname = sys::path::filename(request.output).str();
    options.exports = {"strut_model", "strut_model_" + request.model.symbol, "strut_process_v*"};
    return linkLibrary(options);
  case ArtifactKind::Object:
    return linkRelocatable(objects, artifact, options);
  case ArtifactKind::Archive:
    std::string member = request.model.symbol + ".o";
    std::string object = scratch.file("member.o");
    if (Error error = linkRelocatable(objects, object, options))
      return error;
    return writeArchive(object, member, artifact);
  }
  llvm_unreachable("all kinds are listed");
}

/// What a library has of weights lies in huge pages if that is some: they are read once a run, and
/// each small page is looked up again.
Error ArtifactWriter::linkLibrary(LinkOptions &options) {
  options.hugePages = !sideFile && result.weightBytes >= 2 * kHugePage;
  if (!options.hugePages)
    return linkShared(objects, artifact, options);
  std::string linked = scratch.file("linked.so");
  if (Error error = linkShared(objects, linked, options))
    return error;
  return copyExecutable(linked, artifact);
}

Error ArtifactWriter::writeHeaderFile() {
  if (header.empty())
    return Error::success();
  return writeFile(header, [&](raw_ostream &stream) {
    writeHeader(stream, request.model, request.target, request.headerOptions);
    return Error::success();
  });
}

Error ArtifactWriter::writeAll() {
  if (request.model.symbol.empty())
    request.model.symbol = symbolFor(request.output);
  if (Error error = request.model.verify())
    return error;
  if (Error error = stageOutputs())
    return error;
  beginStage("weights");
  Expected<WeightsReference> weights = packWeights();
  if (!weights)
    return weights.takeError();
  beginStage("code");
  if (Error error = generateCode(*weights))
    return error;
  beginStage("link");
  if (Error error = link())
    return error;
  if (Error error = writeHeaderFile())
    return error;
  if (Error error = outputs.commit())
    return error;
  endStage();
  return Error::success();
}

Expected<ArtifactResult> ArtifactWriter::write() {
  if (Error error = writeAll())
    return outputs.inUsersTerms(std::move(error));
  return std::move(result);
}

} // namespace

Expected<ArtifactKind> artifactKind(StringRef output) {
  StringRef ending = sys::path::extension(output);
  if (ending == ".so")
    return ArtifactKind::SharedLibrary;
  if (ending == ".a")
    return ArtifactKind::Archive;
  if (ending == ".o")
    return ArtifactKind::Object;
  return createStringError("cannot tell from '" + output +
                           "' what to write: name it .so (shared library), .a (archive) or "
                           ".o (object file)");
}

std::string symbolFor(StringRef output) {
  StringRef stem = sys::path::stem(output);
  if (stem.size() > 3)
    stem.consume_front("lib");
  return identifier(stem);
}

Expected<ArtifactResult> writeArtifact(ArtifactRequest request) {
  Expected<ScratchFolder> scratch = ScratchFolder::create();
  if (!scratch)
    return scratch.takeError();
  return ArtifactWriter(request, std::move(*scratch)).write();
}

} // namespace strut::package
