//===- DataObject.cpp - Bytes as an object file -----------------*- C++ -*-===//
#include "Files.h"
#include "strut/Package/CodeGen.h"
#include "strut/Package/Link.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace strut::package {
namespace {

constexpr StringLiteral kSection = ".rodata.strut_weights";

/// An object whose section is all zeros: to LLVM one constant, however long.
Error writeZeros(StringRef symbol, uint64_t bytes, StringRef out, const TargetSpec &target) {
  LLVMContext context;
  Module module("weights", context);
  Type *type = ArrayType::get(Type::getInt8Ty(context), bytes);
  auto *start = new GlobalVariable(module, type, /*isConstant=*/true, GlobalValue::ExternalLinkage,
                                   ConstantAggregateZero::get(type), symbol);
  start->setVisibility(GlobalValue::HiddenVisibility);
  start->setSection(kSection);
  start->setAlignment(Align(4096));
  applyTarget(module, target);
  std::unique_ptr<TargetMachine> machine = createTargetMachine(target);
  return writeFile(out,
                   [&](raw_pwrite_stream &stream) { return emitObject(module, *machine, stream); });
}

/// Where the section lies in the object file.
Expected<MutableArrayRef<uint8_t>> findSection(sys::fs::mapped_file_region &file) {
  Expected<std::unique_ptr<object::ObjectFile>> object = object::ObjectFile::createObjectFile(
      MemoryBufferRef(StringRef(file.const_data(), file.size()), "weights"));
  if (!object)
    return object.takeError();
  for (const object::SectionRef &section : (*object)->sections()) {
    Expected<StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    if (*name == kSection)
      return MutableArrayRef<uint8_t>(reinterpret_cast<uint8_t *>(file.data()) +
                                          object::ELFSectionRef(section).getOffset(),
                                      section.getSize());
  }
  return createStringError("the object file for the weights lacks its section");
}

} // namespace

Error writeDataObject(StringRef symbol, uint64_t bytes,
                      function_ref<Error(MutableArrayRef<uint8_t>)> fill, StringRef out,
                      const TargetSpec &target) {
  if (Error error = writeZeros(symbol, bytes, out, target))
    return error;
  uint64_t size;
  if (std::error_code code = sys::fs::file_size(out, size))
    return createStringError("cannot read '" + out + "': " + code.message());
  Expected<sys::fs::file_t> handle =
      sys::fs::openNativeFileForReadWrite(out, sys::fs::CD_OpenExisting, sys::fs::OF_None);
  if (!handle)
    return handle.takeError();
  std::error_code code;
  sys::fs::mapped_file_region file(*handle, sys::fs::mapped_file_region::readwrite, size, 0, code);
  sys::fs::closeFile(*handle);
  if (code)
    return createStringError("cannot map '" + out + "': " + code.message());
  Expected<MutableArrayRef<uint8_t>> section = findSection(file);
  if (!section)
    return section.takeError();
  return fill(*section);
}

} // namespace strut::package
