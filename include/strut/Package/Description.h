//===- Description.h - What an artefact says of its model ------*- C++ -*-===//
//
// C++ mirrors of StrutDescription and StrutProgram, and their emission as
// constants of the artefact's LLVM module.
//===----------------------------------------------------------------------===//
#ifndef STRUT_PACKAGE_DESCRIPTION_H
#define STRUT_PACKAGE_DESCRIPTION_H

#include "strut/Package/Target.h"
#include "strut/Runtime/program.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <string>
#include <vector>

namespace strut::package {

/// One axis: `size` is -1 where it depends on the dimensions; `symbol` indexes
/// ModelInfo::dims where the axis is that dimension, else -1.
struct Axis {
  int64_t size = -1;
  int32_t symbol = -1;
  bool counted = false; ///< the run computes its extent
};

/// One input or output.
struct TensorInfo {
  std::string name;
  DLDataType type;
  llvm::SmallVector<Axis, 4> shape;
  int32_t alias = -1; ///< of an output: the input it may update in place
};

/// A value with several forms: what nodes it stands for, and what its forms are called.
struct ChoiceInfo {
  std::string name;
  std::vector<std::string> forms;
};

/// A dimension that is an element of an input.
struct ElementInfo {
  int32_t dim, input, element;
};

/// What a run notes besides its outputs: extents of them, by output and axis, or, if it is
/// not 0, that something is wrong.
struct NoteInfo {
  std::vector<std::pair<int32_t, int32_t>> axes;
  std::string trouble;
};

struct ModelInfo {
  std::string graph;  ///< the graph's name, any text
  std::string symbol; ///< a C identifier: the table is strut_model_<symbol>
  std::vector<std::string> dims;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<ChoiceInfo> choices;
  std::vector<ElementInfo> elements;
  std::vector<NoteInfo> notes;
  std::string metadata = "{}"; ///< JSON, handed through to StrutDescription::metadata

  /// Fails, with the tensor's name, where an index points nowhere, an extent is
  /// senseless or `symbol` is no identifier.
  llvm::Error verify() const;
};

/// Where the packed weights are.
struct WeightsReference {
  uint64_t bytes = 0;
  uint64_t hash = 0; ///< xxh3-64 of the packed bytes
  /// Set: they lie in this side file. Otherwise in the section that
  /// weightsSymbol() names, when there are any.
  std::optional<std::string> sideFile;
};

/// What generated code provides, by the names of functions of the module:
///   bind: i32 (ptr dims, ptr buffer_bytes, ptr output_shapes)
///   run:  void (ptr frame)
struct ProgramInfo {
  std::string bind = "strut_bind";
  std::string run = "strut_run";
  std::vector<StrutLifetime> lifetimes; ///< one per buffer that `bind` sizes
  /// What is wrong with dimensions for which `bind` returns a code behind those of the dimensions.
  std::vector<std::string> requirements;
  /// Where in the packed weights this program's are, and how many bytes.
  uint64_t weightsBegin = 0, weightsUsed = 0;

  /// Of a program for a GPU: its kernels, and the code of all of them.
  struct Image {
    StrutImageKind kind;
    unsigned capability; ///< 80 for sm_80
    StrutImageReach reach;
    std::string data;
  };
  struct Kernel {
    std::string name;
    uint32_t sharedBytes = 0, tensorMaps = 0, resident = 0; ///< as in StrutDeviceKernel
  };
  std::vector<Kernel> kernels;
  std::vector<Image> images;
  bool isForDevice() const { return !images.empty(); }
};

struct EmitOptions {
  TargetSpec target;
  WeightsReference weights;
  bool sharedLibrary = true; ///< also export the table as plain `strut_model`
};

/// `text` as a C identifier: runs of other characters become one underscore;
/// never empty, never a word of C or C++.
std::string identifier(llvm::StringRef text);

/// Identifiers for several names, told apart by a number where they collide.
std::vector<std::string> identifiers(llvm::ArrayRef<std::string> names,
                                     llvm::ArrayRef<llvm::StringRef> reserved = {});

/// The hidden symbol at the start of the weights section.
std::string weightsSymbol(const ModelInfo &model);

/// Completes a module of generated code: constants for description, program and
/// table, thunks that give the runtime its program. Everything but the table becomes
/// internal, and what is unused goes. The runtime stays a module of its own
/// (compileInParts), of which this one calls the functions of program.h.
/// There is at least one program; a session takes the first that can run.
llvm::Error emitPrograms(llvm::Module &module, const ModelInfo &model,
                         llvm::ArrayRef<ProgramInfo> programs, const EmitOptions &options);

} // namespace strut::package

#endif // STRUT_PACKAGE_DESCRIPTION_H
