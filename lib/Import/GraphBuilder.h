//===- GraphBuilder.h - a graph as operations --------------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_GRAPHBUILDER_H
#define STRUT_LIB_IMPORT_GRAPHBUILDER_H

#include "Check.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/Builders.h"
#include <functional>

namespace strut {

/// Builds the nodes of checked graphs. Errors become diagnostics at the location
/// of the node.
class GraphBuilder {
public:
  /// `locate` gives the location of a node or initializer by its name.
  using LocateFn = std::function<mlir::Location(llvm::StringRef)>;
  GraphBuilder(mlir::OpBuilder &builder, const OpsetMap &opsets, LocateFn locate)
      : builder(builder), opsets(opsets), locate(std::move(locate)) {}

  /// The values that names stand for, here and in the graphs around.
  struct Scope {
    const Scope *parent = nullptr;
    llvm::StringMap<mlir::Value> values;

    mlir::Value lookup(llvm::StringRef name) const {
      auto it = values.find(name);
      if (it != values.end())
        return it->second;
      return parent ? parent->lookup(name) : mlir::Value();
    }
  };

  /// Builds initializers and nodes, infers their types and checks them against
  /// what the graph declares. `scope` holds the inputs. Returns the outputs.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> build(const onnx::GraphProto &graph,
                                                        Scope &scope);

private:
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> contents(const onnx::GraphProto &graph,
                                                           Scope &scope);
  mlir::LogicalResult initializer(const onnx::TensorProto &tensor, Scope &scope);
  mlir::LogicalResult node(const onnx::NodeProto &node, llvm::StringRef name,
                           const llvm::StringMap<mlir::Type> &declared, Scope &scope);
  mlir::LogicalResult operands(const onnx::NodeProto &node, const Scope &scope,
                               mlir::OperationState &state);
  mlir::LogicalResult attributes(const onnx::NodeProto &node, mlir::OperationState &state);
  mlir::LogicalResult bodies(const onnx::NodeProto &node, mlir::Operation *op, const Scope &scope);
  mlir::LogicalResult body(const onnx::GraphProto &graph, mlir::Region &region, const Scope &scope);

  mlir::OpBuilder &builder;
  const OpsetMap &opsets;
  LocateFn locate;
  onnx_ir::ShapeInference inference;
  /// Bodies are inferred through the operation that they belong to.
  unsigned depth = 0;
};

} // namespace strut

#endif // STRUT_LIB_IMPORT_GRAPHBUILDER_H
