//===- Emitter.cpp - Kernel functions and how they are called -------------===//
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/CPU/Emit.h"

using namespace mlir;

namespace strut::cpu {

Emitter::Emitter(kernel::ProgramOp program, const Target &target)
    : program(program), target(target) {
  llvm::SmallDenseSet<Attribute> counted;
  program.walk([&](kernel::UseOp use) {
    if (!counted.insert(use.getWeightAttr()).second)
      return;
    auto packed = dyn_cast<kernel::PackedType>(use.getType());
    ShapedType type = packed ? ShapedType(packed.getLogical()) : cast<ShapedType>(use.getType());
    weightBytes += type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  });
}

Emitter::Launch Emitter::launch(OpBuilder &host, Location loc, StringRef name, StringRef key,
                                ValueRange arguments, Value tasks, TaskBody body) {
  Launch launch;
  launch.tasks = tasks;
  SmallVector<Type> types;
  for (Value argument : arguments) {
    if (isa<kernel::PackedType>(argument.getType()))
      argument = argument.getDefiningOp<UnrealizedConversionCastOp>().getOperand(0);
    argument = generalize(host, loc, argument);
    launch.arguments.push_back(argument);
    types.push_back(argument.getType());
  }
  Type index = host.getIndexType();
  types.append({index, index});

  std::string fullKey;
  llvm::raw_string_ostream os(fullKey);
  os << name << '|' << key << '|';
  llvm::interleaveComma(types, os);
  func::FuncOp &kernel = kernels[fullKey];
  if (!kernel) {
    OpBuilder b = OpBuilder::atBlockEnd(&program.getBody().front());
    kernel = func::FuncOp::create(b, loc, (name + "_" + Twine(kernels.size() - 1)).str(),
                                  b.getFunctionType(types, {}));
    kernel.setPrivate();
    b.setInsertionPointToStart(kernel.addEntryBlock());
    ValueRange parameters(kernel.getArguments());
    Value begin = parameters[arguments.size()], end = parameters[arguments.size() + 1];
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    auto loop = scf::ForOp::create(b, loc, begin, end, one);
    func::ReturnOp::create(b, loc);
    b.setInsertionPointToStart(loop.getBody());
    body(b, parameters.take_front(arguments.size()), loop.getInductionVar());
  }
  launch.kernel = kernel;
  return launch;
}

} // namespace strut::cpu
