//===- EmulateAssembly.cpp - Inline assembly as calls ---------------------===//
//
// Statement by statement; an assembly with one that is not known is refused.
//
//===----------------------------------------------------------------------===//
#include "Emulation.h"
#include "strut/Runtime/emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/InlineAsm.h"
#include <cstddef>

using namespace llvm;

namespace strut::gpu {

namespace {

/// What wgmma.mma_async says: the numbers of its first sum and of the descriptors among the
/// operands of the assembly, besides the product.
struct WarpgroupMultiplication {
  StrutProduct product;
  unsigned columns, firstSum, left, right, accumulates, leftTransposed, rightTransposed;
};

bool consumeOperand(StringRef &text, unsigned &number) {
  text = text.ltrim(" ,");
  return text.consume_front("$") && !text.consumeInteger(10, number);
}

bool consumeFlag(StringRef &text, unsigned &flag) {
  text = text.ltrim(" ,");
  return !text.consumeInteger(10, flag) && flag <= 1;
}

/// "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {$0, …}, $128, $129, 1, 1, 1, 0, 1"
std::optional<WarpgroupMultiplication> parseMultiplication(StringRef text) {
  WarpgroupMultiplication made;
  if (!text.consume_front("wgmma.mma_async.sync.aligned.m64n") ||
      text.consumeInteger(10, made.columns) || !text.consume_front("k16.f32"))
    return std::nullopt;
  if (text.consume_front(".f16.f16 {"))
    made.product = StrutProductF16;
  else if (text.consume_front(".bf16.bf16 {"))
    made.product = StrutProductBF16;
  else
    return std::nullopt;
  for (unsigned i = 0; i < made.columns / 2; ++i) {
    unsigned number;
    if (!consumeOperand(text, number) || (i > 0 && number != made.firstSum + i))
      return std::nullopt;
    if (i == 0)
      made.firstSum = number;
  }
  unsigned leftScale, rightScale;
  if (!text.consume_front("}") || !consumeOperand(text, made.left) ||
      !consumeOperand(text, made.right) || !consumeFlag(text, made.accumulates) ||
      !consumeFlag(text, leftScale) || !consumeFlag(text, rightScale) || !leftScale ||
      !rightScale || !consumeFlag(text, made.leftTransposed) ||
      !consumeFlag(text, made.rightTransposed) || !text.empty())
    return std::nullopt;
  return made;
}

/// The operands of an inline assembly by the numbers that its text has for them: first those that
/// it writes, which are null, then those that it reads; and which input each of the former has.
struct AssemblyOperands {
  SmallVector<Value *> byNumber, tied;

  explicit AssemblyOperands(CallBase &call) {
    unsigned next = 0;
    for (const InlineAsm::ConstraintInfo &info :
         cast<InlineAsm>(call.getCalledOperand())->ParseConstraints()) {
      if (info.Type == InlineAsm::isClobber)
        continue;
      if (info.Type == InlineAsm::isOutput) {
        byNumber.push_back(nullptr);
        tied.push_back(nullptr);
        continue;
      }
      byNumber.push_back(call.getArgOperand(next++));
      unsigned output;
      if (!StringRef(info.Codes[0]).getAsInteger(10, output))
        tied[output] = byNumber.back();
    }
  }
};

} // namespace

/// One instruction of a warpgroup, whose sums are in registers at `sums`; false if it is not known.
bool CallEmulation::lowerStatement(IRBuilder<> &b, StringRef statement, ArrayRef<Value *> operands,
                                   Value *sums, unsigned count, EmulatedKernel &kernel) {
  if (statement == "wgmma.fence.sync.aligned") {
    callEntry(b, WarpgroupFence, none, {});
    return true;
  }
  if (statement == "wgmma.commit_group.sync.aligned") {
    callEntry(b, WarpgroupCommit, none, {});
    return true;
  }
  unsigned groups;
  StringRef rest = statement;
  if (rest.consume_front("wgmma.wait_group.sync.aligned ") && !rest.getAsInteger(10, groups)) {
    callEntry(b, WarpgroupWait, none, {b.getInt32(groups), sums, b.getInt32(count)});
    return true;
  }
  auto made = parseMultiplication(statement);
  auto isDescriptor = [&](unsigned number) {
    return number < operands.size() && operands[number] && operands[number]->getType() == i64;
  };
  if (!made || made->firstSum + made->columns / 2 > count || !isDescriptor(made->left) ||
      !isDescriptor(made->right))
    return false;
  Value *product = registers(kernel.out, kernel);
  unsigned fields[] = {made->product,        made->columns,         made->accumulates,
                       made->leftTransposed, made->rightTransposed, 0};
  for (auto [i, field] : enumerate(fields))
    b.CreateStore(b.getInt32(field), b.CreateConstGEP1_32(i32, product, i));
  constexpr unsigned descriptors = offsetof(StrutWarpgroupProduct, left) / 8;
  b.CreateStore(operands[made->left], b.CreateConstGEP1_32(i64, product, descriptors));
  b.CreateStore(operands[made->right], b.CreateConstGEP1_32(i64, product, descriptors + 1));
  callEntry(b, WarpgroupMultiply, none, {product, b.CreateConstGEP1_32(i32, sums, made->firstSum)});
  return true;
}

/// Instructions of warpgroups, one after another: their sums are in registers that all of them
/// share.
Error CallEmulation::lowerAssembly(CallBase &call, EmulatedKernel &kernel) {
  StringRef text = cast<InlineAsm>(call.getCalledOperand())->getAsmString();
  AssemblyOperands operands(call);
  IRBuilder<> b(&call);
  unsigned count = operands.tied.size();
  bool isKnown = count <= mostRegisters;
  Value *sums = registers(kernel.in, kernel);
  for (auto [i, value] : enumerate(operands.tied))
    if (value && isKnown)
      b.CreateStore(b.CreateBitCast(value, i32), b.CreateConstGEP1_32(i32, sums, i));
  SmallVector<StringRef> statements;
  text.split(statements, ';');
  for (StringRef statement : statements)
    if (statement = statement.trim(); !statement.empty())
      isKnown = isKnown && lowerStatement(b, statement, operands.byNumber, sums, count, kernel);
  if (!isKnown)
    return createStringError("the emulator does not know the inline assembly '" + text + "'");
  kernel.waits = true;
  if (!call.getType()->isVoidTy())
    call.replaceAllUsesWith(results(b, call.getType(), sums));
  return Error::success();
}

} // namespace strut::gpu
