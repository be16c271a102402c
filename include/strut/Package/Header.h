//===- Header.h - The typed C header of a model ----------------*- C++ -*-===//
#ifndef STRUT_PACKAGE_HEADER_H
#define STRUT_PACKAGE_HEADER_H

#include "strut/Package/Description.h"
#include "llvm/Support/raw_ostream.h"

namespace strut::package {

struct HeaderOptions {
  /// Carry strut.h and dlpack.h inside, so that this one file and the library are
  /// all that a program needs. They keep their include guards: headers of several
  /// models, Strut's own and DLPack's official one go together.
  bool selfContained = true;
};

/// Writes C99 (and C++) static inlines over the model's table, with a parameter for
/// each input, output and dimension by name. Names that are no identifiers are
/// spelled as one, and the comments give both.
void writeHeader(llvm::raw_ostream &out, const ModelInfo &model, const TargetSpec &target,
                 const HeaderOptions &options = {});

} // namespace strut::package

#endif // STRUT_PACKAGE_HEADER_H
