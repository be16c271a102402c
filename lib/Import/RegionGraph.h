//===- RegionGraph.h - the body of an operation as a graph -------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_REGIONGRAPH_H
#define STRUT_LIB_IMPORT_REGIONGRAPH_H

#include "dialects/Onnx/Onnx.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include <string>

namespace strut {

/// Writes regions as graphs, values under invented names. What a graph does not define itself,
/// constants included, keeps its name wherever the graph goes.
class RegionGraphs {
public:
  onnx::GraphProto graph(mlir::Region &region);

  /// The names of constants, which may be in a region, and of values around it.
  const llvm::MapVector<mlir::Value, std::string> &outside() const { return outer; }

private:
  onnx::NodeProto node(onnx_ir::AnyOp op);
  std::string use(mlir::Value value);
  std::string define(mlir::Value value);

  llvm::DenseMap<mlir::Value, std::string> inner;
  llvm::MapVector<mlir::Value, std::string> outer;
};

} // namespace strut

#endif // STRUT_LIB_IMPORT_REGIONGRAPH_H
