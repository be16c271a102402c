//===- Passes.td - From layers to layers -------------------*- tablegen -*-===//
#ifndef STRUT_REWRITE_PASSES
#define STRUT_REWRITE_PASSES

include "strut/Rewrite/MapPasses.td"
include "strut/Rewrite/NetPasses.td"
include "strut/Rewrite/TransformPasses.td"

#endif // STRUT_REWRITE_PASSES
