//===- Register.h - all of Strut, for tools that take any of it -*- C++ -*-===//

#ifndef STRUT_DRIVER_REGISTER_H
#define STRUT_DRIVER_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace strut {

/// Strut's dialects and the upstream ones its pipelines use, with the external
/// models of their interfaces.
void registerDialects(mlir::DialectRegistry &registry);

/// Strut's passes and pipelines, by the names that strut-opt takes.
void registerPasses();

} // namespace strut

#endif // STRUT_DRIVER_REGISTER_H
