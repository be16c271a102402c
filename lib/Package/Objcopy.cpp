//===- Objcopy.cpp - Local symbols and archives -------------*- C++ -*-===//
#include "Objcopy.h"
#include "Files.h"
#include "strut/Package/Link.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/Binary.h"

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
