//===- Options.td - What several rewrites ask for ----------*- tablegen -*-===//
#ifndef STRUT_REWRITE_OPTIONS
#define STRUT_REWRITE_OPTIONS

include "mlir/Pass/PassBase.td"

class ReducedPrecision<string what>
    : Option<"reducedPrecision", "reduced-precision", "bool", "false", what>;
def MachineOption : Option<"machine", "machine", "std::string", "\"generic\"",
                           "Description of the machine: a file or a name">;

#endif // STRUT_REWRITE_OPTIONS
