//===- toy-backend.cpp - A second back end, which prints a program --------===//
//
// Reads the kernel level on planned memory and prints loops. It exists to show
// that the kernel dialect says everything a back end needs and nothing of the
// CPU: no header of that room is included here.
//
//===----------------------------------------------------------------------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "strut/Driver/Register.h"
#include "strut/Plan/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace strut;

namespace {

class Printer {
public:
  explicit Printer(llvm::raw_ostream &os) : os(os) {}

  void print(func::FuncOp main) {
    main.walk([&](kernel::KernelOpInterface op) { print(op); });
  }

private:
  void print(kernel::KernelOpInterface op);
  void printBody(Block &body);
  /// `buffer[i0, i1 * 2 + i4]` for an operand.
  std::string access(Value operand, AffineMap map);
  std::string nameOf(Value value);
  void loop(unsigned depth, const Twine &text) { os.indent(2 * depth) << text << "\n"; }

  llvm::raw_ostream &os;
  llvm::DenseMap<Value, std::string> names;
};

std::string Printer::nameOf(Value value) {
  std::string &name = names[value];
  if (name.empty())
    name = "v" + std::to_string(names.size() - 1);
  return name;
}

std::string Printer::access(Value operand, AffineMap map) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << nameOf(operand) << "[";
  llvm::interleaveComma(map.getResults(), os);
  os << "]";
  return text;
}

/// Scalar code, one line an op.
void Printer::printBody(Block &body) {
  for (Operation &op : body.without_terminator()) {
    os.indent(4) << nameOf(op.getResult(0)) << " = " << op.getName();
    if (auto combine = dyn_cast<kernel::CombineOp>(op))
      os << " " << kernel::stringifyCombineKind(combine.getKind());
    if (auto index = dyn_cast<kernel::IndexOp>(op))
      os << " d" << index.getDim();
    if (auto value = op.getAttrOfType<TypedAttr>("value"))
      os << " " << value;
    for (Value operand : op.getOperands())
      os << " " << nameOf(operand);
    os << "\n";
  }
}

void Printer::print(kernel::KernelOpInterface op) {
  SmallVector<AffineMap> maps = op.getMaps();
  os << op->getName().stripDialect() << " over d0..d" << op.getNumIterators() - 1;
  auto contract = dyn_cast<kernel::ContractOp>(*op);
  if (contract) {
    kernel::ContractOp::Roles roles = contract.getRoles();
    auto list = [&](StringRef role, ArrayRef<unsigned> dims) {
      os << " " << role << "("
         << llvm::join(llvm::map_range(dims, [](unsigned d) { return "d" + std::to_string(d); }),
                       ",")
         << ")";
    };
    list("batch", roles.batch), list("m", roles.m), list("n", roles.n), list("k", roles.k);
  }
  os << "\n";
  Block &body = op->getRegion(0).front();
  unsigned inputs = op.getKernelInputs().size();
  // Operands that the op itself consumes come before those of the body.
  unsigned results = contract                                           ? contract.getNumSums()
                     : isa<kernel::GroupedOp, kernel::AttentionOp>(*op) ? 1
                                                                        : 0;
  unsigned own = inputs + results - body.getNumArguments();
  for (unsigned i = 0; i < inputs; ++i) {
    std::string source = access(op.getKernelInputs()[i], maps[i]);
    if (i < own)
      loop(1, "operand " + Twine(i) + " = " + source);
    else
      loop(1, nameOf(body.getArgument(body.getNumArguments() - inputs + i)) + " = " + source);
  }
  printBody(body);
  for (auto [i, init] : llvm::enumerate(op.getKernelInits()))
    loop(1, access(init, maps[inputs + i]) + " := " + nameOf(body.getTerminator()->getOperand(i)));
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: toy-backend KERNELS.mlir\n";
    return 2;
  }
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  PassManager manager(&context);
  manager.addPass(plan::createFormPrograms({"{toy = unit}"}));
  plan::buildPipeline(manager.nest<kernel::ProgramOp>());
  if (failed(manager.run(*module)))
    return 1;
  auto program = module->lookupSymbol<kernel::ProgramOp>("toy");
  Printer(llvm::outs()).print(program.lookupSymbol<func::FuncOp>("main"));
  return 0;
}
