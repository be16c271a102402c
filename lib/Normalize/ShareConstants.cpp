//===- ShareConstants.cpp - one attribute for equal bytes ------------------===//

#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Normalize/Passes.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

#define GEN_PASS_DEF_SHARECONSTANTS
#include "strut/Normalize/Passes.h.inc"

namespace {
/// A constant in a file, and its bytes.
struct Stored {
  FileDataAttr value;
  FileData data;
};

struct ShareConstants : impl::ShareConstantsBase<ShareConstants> {
  using ShareConstantsBase::ShareConstantsBase;

  void runOnOperation() override {
    getOperation()->walk([&](onnx_ir::Op<"Constant"> constant) {
      auto value = dyn_cast_or_null<FileDataAttr>(constantOf(constant->getResult(0)));
      if (!value)
        return;
      FileDataAttr first = firstWithBytesOf(value);
      if (first == value)
        return;
      constant->setAttr("value", first);
      ++numShared;
    });
    known.clear();
  }

private:
  FileDataAttr firstWithBytesOf(FileDataAttr value) {
    llvm::Expected<FileData> data = value.data();
    if (!data) {
      llvm::consumeError(data.takeError()); // who needs the bytes says why
      return value;
    }
    // Unequal weights differ early as a rule, so that few pages of them are read.
    constexpr size_t enough = 256;
    ArrayRef<char> bytes = data->bytes();
    uint64_t hash = llvm::xxh3_64bits(StringRef(bytes.data(), std::min(bytes.size(), enough)));
    SmallVector<Stored, 1> &alike = known[{value.getType(), hash}];
    for (const Stored &other : alike)
      if (other.data.bytes() == bytes)
        return other.value;
    alike.push_back({value, std::move(*data)});
    return value;
  }

  DenseMap<std::pair<Type, uint64_t>, SmallVector<Stored, 1>> known;
};
} // namespace

} // namespace strut::normalize
