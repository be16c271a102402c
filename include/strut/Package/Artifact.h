//===- Artifact.h - From generated code to files ---------------*- C++ -*-===//
#ifndef STRUT_PACKAGE_ARTIFACT_H
#define STRUT_PACKAGE_ARTIFACT_H

#include "strut/Package/CodeGen.h"
#include "strut/Package/Description.h"
#include "strut/Package/Header.h"
#include "strut/Package/Weights.h"
#include "llvm/IR/Module.h"

namespace strut::package {

enum class ArtifactKind {
  SharedLibrary, ///< .so: exports strut_model and strut_model_<symbol>
  Archive,       ///< .a: one member, all but strut_model_<symbol> local
  Object         ///< .o: that member alone
};

/// By the file name's ending; fails for any but .so, .a and .o, naming these.
llvm::Expected<ArtifactKind> artifactKind(llvm::StringRef output);

/// The identifier that a file name suggests: "libmini-lm.so" -> "mini_lm".
std::string symbolFor(llvm::StringRef output);

struct ArtifactRequest {
  /// Generated code, not optimised, with the functions that `programs` name.
  /// Consumed.
  std::unique_ptr<llvm::Module> module;
  std::vector<ProgramInfo> programs; ///< what a session tries first comes first
  ModelInfo model;                   ///< an empty `symbol` becomes symbolFor(output)
  WeightPlan weights;

  TargetSpec target;
  CodeGenOptions codegen;

  ArtifactKind kind = ArtifactKind::SharedLibrary;
  std::string output;
  /// Empty: `output` with the ending ".h"; "-": none.
  std::string header;
  HeaderOptions headerOptions;
  /// More packed weights than this go into the side file `<output>.weights`.
  uint64_t sectionLimit = uint64_t(64) << 20;

  /// The runtime's bitcode; empty: the one that Strut carries for the target.
  llvm::StringRef runtime;

  /// Told what comes next, before each stage: "weights", "code", "link".
  std::function<void(llvm::StringRef stage)> progress;
};

struct ArtifactResult {
  std::vector<std::string> files; ///< all that were written, the artefact first
  uint64_t weightBytes = 0;
  struct Stage {
    std::string name;
    double seconds;
  };
  std::vector<Stage> stages;
};

/// Packs the weights, completes and compiles the module, links, writes the header.
/// Either all files are there at the end, or an error says what failed and no file
/// of this call's is left; what was there before remains.
llvm::Expected<ArtifactResult> writeArtifact(ArtifactRequest request);

} // namespace strut::package

#endif // STRUT_PACKAGE_ARTIFACT_H
