//===- Objcopy.cpp - Sections, symbols and archives -------------*- C++ -*-===//
#include "Objcopy.h"
#include "Files.h"
#include "strut/Package/CodeGen.h"
#include "strut/Package/Link.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/Binary.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace strut::package {

static Error copyObject(const objcopy::ConfigManager &config, object::Binary &in, StringRef out) {
  return writeFile(out, [&](raw_ostream &stream) {
    return objcopy::executeObjcopyOnBinary(config, in, stream);
  });
}

Error hideSymbols(StringRef object, StringRef out) {
  Expected<object::OwningBinary<object::Binary>> in = object::createBinary(object);
  if (!in)
    return in.takeError();
  objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  return copyObject(config, *in->getBinary(), out);
}

Error writeDataObject(StringRef data, uint64_t offset, StringRef symbol, StringRef out,
                      const TargetSpec &target) {
  uint64_t size;
  if (std::error_code code = sys::fs::file_size(data, size))
    return createStringError("cannot read '" + data + "': " + code.message());
  // A mapping of the packed file, not a copy.
  ErrorOr<std::unique_ptr<MemoryBuffer>> content =
      MemoryBuffer::getFileSlice(data, size - offset, offset);
  if (!content)
    return createStringError("cannot read '" + data + "': " + content.getError().message());

  // LLVM lays out an object with a section of one byte; objcopy gives it its content.
  constexpr StringLiteral section = ".rodata.strut_weights";
  LLVMContext context;
  Module module("weights", context);
  Type *byte = Type::getInt8Ty(context);
  auto *start = new GlobalVariable(module, byte, /*isConstant=*/true, GlobalValue::ExternalLinkage,
                                   ConstantInt::get(byte, 1), symbol);
  start->setVisibility(GlobalValue::HiddenVisibility);
  start->setSection(section);
  start->setAlignment(Align(4096));
  applyTarget(module, target);
  Expected<ObjectCode> object = emitObject(module, *createTargetMachine(target));
  if (!object)
    return object.takeError();
  Expected<std::unique_ptr<object::Binary>> in =
      object::createBinary(MemoryBufferRef(StringRef(object->data(), object->size()), "weights"));
  if (!in)
    return in.takeError();
  objcopy::ConfigManager config;
  config.Common.UpdateSection.emplace_back(section, std::move(*content));
  return copyObject(config, **in, out);
}

Error writeArchive(StringRef object, StringRef member, StringRef out) {
  Expected<NewArchiveMember> file = NewArchiveMember::getFile(object, /*Deterministic=*/true);
  if (!file)
    return createStringError("cannot read '" + object + "': " + toString(file.takeError()));
  file->MemberName = member;
  return writeFile(out, [&](raw_ostream &stream) {
    return writeArchiveToStream(stream, *file, SymtabWritingMode::NormalSymtab,
                                object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  });
}

} // namespace strut::package
