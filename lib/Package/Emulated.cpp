//===- Emulated.cpp - A library of emulated kernels -----------------------===//
#include "Files.h"
#include "strut/Package/CodeGen.h"
#include "strut/Package/Link.h"
#include "strut/Package/Ptx.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace strut::package {

Expected<std::string> linkEmulated(Module &module, StringRef symbol, const TargetSpec &host) {
  applyTarget(module, host);
  std::unique_ptr<TargetMachine> machine = createTargetMachine(host, CodeGenOptLevel::Less);
  CodeGenOptions options;
  options.level = OptLevel::O1; // the IR is optimised already, as for the GPU
  options.vectorize = false;
  optimize(module, *machine, options);
  Expected<ObjectCode> object = emitObject(module, *machine);
  if (!object)
    return object.takeError();
  Expected<ScratchFolder> scratch = ScratchFolder::create();
  if (!scratch)
    return scratch.takeError();
  std::string file = scratch->file("emulated.o"), library = scratch->file("emulated.so");
  Error written = writeFile(file, [&](raw_ostream &stream) {
    stream.write(object->data(), object->size());
    return Error::success();
  });
  if (written)
    return std::move(written);
  LinkOptions link;
  link.target = host;
  link.exports = {symbol.str()};
  link.scratch = scratch->folder();
  if (Error error = linkShared({file}, library, link))
    return std::move(error);
  ErrorOr<std::unique_ptr<MemoryBuffer>> bytes = MemoryBuffer::getFile(library);
  if (!bytes)
    return createStringError(bytes.getError(), "cannot read the emulated kernels");
  return (*bytes)->getBuffer().str();
}

} // namespace strut::package
