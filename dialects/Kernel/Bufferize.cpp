//===- Bufferize.cpp - Kernel ops from tensors to memrefs -----------------===//
//
// Every kernel is the same op on memrefs, so bufferisation replaces operands
// and drops results. Inits are overwritten whole and never read, but for those of
// a region that updates them.
//
//===----------------------------------------------------------------------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::bufferization;

namespace strut::kernel {
namespace {

template <typename OpT>
struct KernelBufferization : BufferizableOpInterface::ExternalModel<KernelBufferization<OpT>, OpT> {
  static bool isInput(Operation *op, OpOperand &operand) {
    return operand.getOperandNumber() < cast<OpT>(op).getInputs().size();
  }
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    auto region = dyn_cast<RegionOp>(op);
    return isInput(op, operand) || (region && region.getUpdates());
  }
  bool bufferizesToMemoryWrite(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return !isInput(op, operand);
  }
  /// A map that reads an element just where it writes may do so in the same memory.
  bool bufferizesToElementwiseAccess(Operation *op, const AnalysisState &,
                                     ArrayRef<OpOperand *> operands) const {
    auto map = dyn_cast<MapOp>(op);
    if (!map)
      return false;
    SmallVector<AffineMap> maps = map.getMaps();
    AffineMap first = maps[operands.front()->getOperandNumber()];
    return first.isPermutation() && llvm::all_of(operands, [&](OpOperand *operand) {
             return maps[operand->getOperandNumber()] == first;
           });
  }
  AliasingValueList getAliasingValues(Operation *op, OpOperand &operand,
                                      const AnalysisState &) const {
    auto kernel = cast<OpT>(op);
    if (kernel.isDpsInit(&operand))
      return {{kernel.getTiedOpResult(&operand), BufferRelation::Equivalent}};
    return {};
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options, BufferizationState &state) const {
    auto kernel = cast<OpT>(op);
    SmallVector<Value> operands, buffers;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (isa<TensorType>(value.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        value = *buffer;
      }
      operands.push_back(value);
      if (kernel.isDpsInit(&operand))
        buffers.push_back(value);
    }
    OperationState newState(op->getLoc(), op->getName(), operands, TypeRange(), op->getAttrs());
    newState.propertiesAttr = op->getPropertiesAsAttribute();
    for (Region &region : op->getRegions())
      newState.addRegion()->takeBody(region);
    rewriter.create(newState);
    replaceOpWithBufferizedValues(rewriter, op, buffers);
    return success();
  }
};

struct UseBufferization : BufferizableOpInterface::ExternalModel<UseBufferization, UseOp> {
  bool isWritable(Operation *, Value, const AnalysisState &) const { return false; }
  AliasingOpOperandList getAliasingOpOperands(Operation *, Value, const AnalysisState &) const {
    return {};
  }
  bool bufferizesToAllocation(Operation *, Value) const { return false; }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &,
                          BufferizationState &) const {
    auto use = cast<UseOp>(op);
    auto tensor = dyn_cast<RankedTensorType>(use.getType());
    if (!tensor)
      return success();
    auto memref = MemRefType::get(tensor.getShape(), tensor.getElementType());
    Value buffer = UseOp::create(rewriter, op->getLoc(), memref, use.getWeightAttr());
    replaceOpWithBufferizedValues(rewriter, op, buffer);
    return success();
  }
};

} // namespace

void registerBufferizableOpInterfaces(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, KernelDialect *) {
    ContractOp::attachInterface<KernelBufferization<ContractOp>>(*context);
    GroupedOp::attachInterface<KernelBufferization<GroupedOp>>(*context);
    ChainOp::attachInterface<KernelBufferization<ChainOp>>(*context);
    AttentionOp::attachInterface<KernelBufferization<AttentionOp>>(*context);
    RowsOp::attachInterface<KernelBufferization<RowsOp>>(*context);
    MapOp::attachInterface<KernelBufferization<MapOp>>(*context);
    RegionOp::attachInterface<KernelBufferization<RegionOp>>(*context);
    UseOp::attachInterface<UseBufferization>(*context);
  });
}

} // namespace strut::kernel
