//===- Region.cpp - kernel.region through upstream passes -----------------===//
//
// The body becomes a function of one task on the operands' memory and is bufferised
// there, alone; linalg ops become loops, which LLVM vectorises. Temporaries must be
// small: a kernel does not allocate.
//
//===----------------------------------------------------------------------===//
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"

using namespace mlir;

namespace strut::cpu {
namespace {

constexpr int64_t largestTemporary = 16384; ///< bytes on the stack of a worker

/// The type of a kernel's parameter with the extents that the body knows.
MemRefType withShapeOf(RankedTensorType tensor, MemRefType parameter) {
  return MemRefType::get(tensor.getShape(), tensor.getElementType(), parameter.getLayout());
}

/// Clones the body behind conversions of its parameters to tensors and back.
void cloneBody(kernel::RegionOp op, OpBuilder &b, ValueRange parameters) {
  Location loc = op.getLoc();
  Block &body = op.getBody().front();
  unsigned buffers = op.getInputs().size() + op.getInits().size();
  IRMapping mapping;
  SmallVector<Value> inits;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    Value parameter = parameters[i];
    if (i >= buffers) {
      mapping.map(argument, parameter);
      continue;
    }
    auto type = cast<RankedTensorType>(argument.getType());
    auto wanted = withShapeOf(type, cast<MemRefType>(parameter.getType()));
    if (wanted != parameter.getType())
      parameter = memref::CastOp::create(b, loc, wanted, parameter);
    bool isInit = i >= op.getInputs().size();
    if (isInit)
      inits.push_back(parameter);
    mapping.map(argument, bufferization::ToTensorOp::create(b, loc, type, parameter,
                                                            /*restrict=*/true, isInit));
  }
  for (Operation &inner : body.without_terminator())
    b.clone(inner, mapping);
  for (auto [value, init] : llvm::zip(body.getTerminator()->getOperands(), inits))
    bufferization::MaterializeInDestinationOp::create(b, loc, TypeRange(),
                                                      mapping.lookupOrDefault(value), init,
                                                      /*restrict=*/true, /*writable=*/true);
}

/// Tensors to memory, linalg to loops, temporaries to the stack.
LogicalResult lowerBody(func::FuncOp kernel, kernel::RegionOp op) {
  bufferization::OneShotBufferizationOptions options;
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotBufferize(kernel, options, state)))
    return failure();
  IRRewriter rewriter(kernel.getContext());
  SmallVector<linalg::LinalgOp> nests;
  kernel.walk([&](linalg::LinalgOp nest) { nests.push_back(nest); });
  for (linalg::LinalgOp nest : nests) {
    rewriter.setInsertionPoint(nest);
    if (failed(linalg::linalgOpToLoops(rewriter, nest)))
      return op.emitOpError("has a '") << nest->getName() << "' that cannot become loops";
    rewriter.eraseOp(nest);
  }
  WalkResult walked = kernel.walk([&](memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    int64_t width = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    if (!type.hasStaticShape() || type.getNumElements() * width > largestTemporary) {
      op.emitOpError("needs a temporary of type ")
          << type << "; a kernel has at most " << largestTemporary << " bytes for these";
      return WalkResult::interrupt();
    }
    rewriter.setInsertionPointToStart(&kernel.getBody().front());
    Value stack = memref::AllocaOp::create(rewriter, alloc.getLoc(), type);
    rewriter.replaceOp(alloc, stack);
    return WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

} // namespace

FailureOr<Launches> emitRegion(Emitter &emitter, OpBuilder &host, kernel::RegionOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> arguments(op->getOperands());
  Value one = arith::ConstantIndexOp::create(host, loc, 1);
  bool written = false;
  Emitter::Launch launch = emitter.launch(host, loc, "region", keyOf(op), arguments, one,
                                          [&](OpBuilder &b, ValueRange parameters, Value) {
                                            cloneBody(op, b, parameters);
                                            written = true;
                                          });
  if (written && failed(lowerBody(launch.kernel, op)))
    return failure();
  launch.kernel->setAttr(kScalarAttr, host.getUnitAttr());
  return Launches{launch};
}

} // namespace strut::cpu
