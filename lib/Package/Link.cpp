//===- Link.cpp - lld and the C library stubs -------------------*- C++ -*-===//
#include "strut/Package/Link.h"
#include "Embedded.h"
#include "Files.h"
#include "Objcopy.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/InterfaceStub/ELFObjHandler.h"
#include "llvm/InterfaceStub/IFSStub.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Path.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace strut::package {

namespace {

std::vector<std::string> symbolsIn(StringRef list) {
  std::vector<std::string> symbols;
  SmallVector<StringRef> lines;
  list.split(lines, '\n');
  for (StringRef line : lines)
    if (StringRef name = line.split('#').first.trim(); !name.empty())
      symbols.push_back(name.str());
  return symbols;
}

Expected<std::string> writeStub(StringRef soname, ArrayRef<const char *> lists,
                                const LinkOptions &options) {
  ifs::IFSStub stub;
  stub.SoName = soname.str();
  stub.Target.Arch =
      options.target.triple.getArch() == Triple::x86_64 ? ELF::EM_X86_64 : ELF::EM_AARCH64;
  stub.Target.Endianness = ifs::IFSEndiannessType::Little;
  stub.Target.BitWidth = ifs::IFSBitWidthType::IFS64;
  for (const char *list : lists)
    for (std::string &name : symbolsIn(list)) {
      ifs::IFSSymbol &symbol = stub.Symbols.emplace_back(std::move(name));
      symbol.Type = ifs::IFSSymbolType::Func;
      symbol.Size = 0;
    }
  SmallString<128> path(options.scratch);
  sys::path::append(path, soname);
  if (Error error = ifs::writeBinaryStub(path, stub))
    return std::move(error);
  return path.str().str();
}

/// Exports exactly `options.exports`.
Expected<std::string> writeVersionScript(const LinkOptions &options) {
  SmallString<128> path(options.scratch);
  sys::path::append(path, "exports.map");
  Error error = writeFile(path, [&](raw_ostream &stream) {
    stream << "{ global:";
    for (StringRef name : options.exports)
      stream << ' ' << name << ';';
    stream << " local: *; };\n";
    return Error::success();
  });
  if (error)
    return std::move(error);
  return path.str().str();
}

/// The first few errors among lld's messages, without its prefix and details.
std::string firstErrors(StringRef output) {
  SmallVector<StringRef> lines, errors;
  output.split(lines, '\n');
  for (StringRef line : lines)
    if (size_t at = line.find("error: "); at != StringRef::npos)
      errors.push_back(line.substr(at + strlen("error: ")));
  size_t more = errors.size() > 5 ? errors.size() - 5 : 0;
  errors.truncate(std::min<size_t>(errors.size(), 5));
  std::string text = errors.empty() ? output.take_front(500).str() : join(errors, "; ");
  return more ? text + "; and " + std::to_string(more) + " more" : text;
}

Error runLld(ArrayRef<std::string> arguments, StringRef out) {
  static std::mutex mutex; // lld's state is global
  static bool usable = true;
  std::lock_guard<std::mutex> lock(mutex);
  if (!usable)
    return createStringError("cannot link '" + out +
                             "': an earlier link left lld unusable in "
                             "this process");
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string output;
  raw_string_ostream stream(output);
  lld::Result result = lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  usable = result.canRunAgain;
  if (result.retCode == 0)
    return Error::success();
  return createStringError("cannot link '" + out + "': " + firstErrors(output));
}

std::vector<std::string> commonArguments(StringRef out, const LinkOptions &options) {
  bool x86 = options.target.triple.getArch() == Triple::x86_64;
  // One thread: there is nothing to gain on a few objects, and lld's pool belongs to the
  // process that started it, so that a forked child would wait for it for ever.
  return {"ld.lld", "--threads=1", "-m", x86 ? "elf_x86_64" : "aarch64linux", "-o", out.str()};
}

Error checkUndefined(StringRef path, bool loadsDriver) {
  Expected<object::OwningBinary<object::ObjectFile>> file =
      object::ObjectFile::createObjectFile(path);
  if (!file)
    return file.takeError();
  StringSet<> allowed;
  for (const std::string &name : allowedSymbols(loadsDriver))
    allowed.insert(name);
  SmallVector<StringRef> refused;
  for (const object::SymbolRef &symbol : file->getBinary()->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined) ||
        *flags & object::SymbolRef::SF_FormatSpecific)
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    // The linker defines it.
    if (!name->empty() && !allowed.contains(*name) && *name != "_GLOBAL_OFFSET_TABLE_")
      refused.push_back(*name);
  }
  if (refused.empty())
    return Error::success();
  return createStringError("undefined symbol: " + join(refused, "; undefined symbol: "));
}

} // namespace

std::vector<std::string> allowedSymbols(bool loadsDriver) {
  std::vector<std::string> symbols = symbolsIn(embedded::libcSymbols);
  append_range(symbols, symbolsIn(embedded::libmSymbols));
  if (loadsDriver)
    append_range(symbols, symbolsIn(embedded::deviceSymbols));
  return symbols;
}

Error linkShared(ArrayRef<std::string> objects, StringRef out, const LinkOptions &options) {
  SmallVector<const char *> inLibc{embedded::libcSymbols};
  if (options.loadsDriver)
    inLibc.push_back(embedded::deviceSymbols);
  Expected<std::string> libc = writeStub("libc.so.6", inLibc, options);
  if (!libc)
    return libc.takeError();
  Expected<std::string> libm = writeStub("libm.so.6", embedded::libmSymbols, options);
  if (!libm)
    return libm.takeError();
  Expected<std::string> exports = writeVersionScript(options);
  if (!exports)
    return exports.takeError();
  std::vector<std::string> arguments = commonArguments(out, options);
  append_range(arguments, std::initializer_list<std::string>{
                              "-shared", "-z", "defs", "-z", "now", "-z", "relro",
                              "--hash-style=gnu", "--build-id=fast", "--eh-frame-hdr",
                              "--gc-sections", "--as-needed", "--version-script=" + *exports});
  if (options.hugePages)
    append_range(arguments, std::initializer_list<std::string>{
                                "-z", "max-page-size=" + std::to_string(kHugePage)});
  if (!options.soname.empty())
    append_range(arguments, std::initializer_list<std::string>{"-soname", options.soname});
  append_range(arguments, objects);
  arguments.push_back(*libc);
  arguments.push_back(*libm);
  return runLld(arguments, out);
}

Error linkRelocatable(ArrayRef<std::string> objects, StringRef out, const LinkOptions &options) {
  SmallString<128> merged(options.scratch);
  sys::path::append(merged, "merged.o");
  std::vector<std::string> arguments = commonArguments(merged, options);
  arguments.push_back("-r");
  append_range(arguments, objects);
  if (Error error = runLld(arguments, out))
    return error;
  if (Error error = checkUndefined(merged, options.loadsDriver))
    return createStringError("cannot link '" + out + "': " + toString(std::move(error)));
  return hideSymbols(merged, out);
}

} // namespace strut::package
