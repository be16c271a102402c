//===- Embedded.h - Texts built into the packager ---------------*- C++ -*-===//
#ifndef STRUT_LIB_PACKAGE_EMBEDDED_H
#define STRUT_LIB_PACKAGE_EMBEDDED_H

namespace strut::package::embedded {

extern const char *const version;      ///< Strut's
extern const char *const strutHeader;  ///< strut/Runtime/strut.h
extern const char *const dlpackHeader; ///< strut/Runtime/dlpack.h
/// What an artefact may leave undefined, one name a line, `#` comments.
extern const char *const libcSymbols;
extern const char *const libmSymbols;
/// Besides these, with code for a GPU.
extern const char *const deviceSymbols;

} // namespace strut::package::embedded

#endif // STRUT_LIB_PACKAGE_EMBEDDED_H
