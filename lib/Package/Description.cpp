//===- Description.cpp - Names and checks of a description ------*- C++ -*-===//
#include "strut/Package/Description.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace strut::package {
namespace {

constexpr StringLiteral kWords[] = {"alignas",  "alignof",     "and",           "asm",
                                    "auto",     "bool",        "break",         "case",
                                    "catch",    "char",        "class",         "concept",
                                    "const",    "consteval",   "constexpr",     "constinit",
                                    "continue", "decltype",    "default",       "delete",
                                    "do",       "double",      "else",          "enum",
                                    "explicit", "export",      "extern",        "false",
                                    "float",    "for",         "friend",        "goto",
                                    "if",       "inline",      "int",           "long",
                                    "mutable",  "namespace",   "new",           "noexcept",
                                    "not",      "nullptr",     "operator",      "or",
                                    "private",  "protected",   "public",        "register",
                                    "requires", "restrict",    "return",        "short",
                                    "signed",   "sizeof",      "static",        "struct",
                                    "switch",   "template",    "this",          "thread_local",
                                    "throw",    "true",        "try",           "typedef",
                                    "typeid",   "typename",    "typeof",        "union",
                                    "unsigned", "using",       "virtual",       "void",
                                    "volatile", "wchar_t",     "while",         "xor",
                                    "bitand",   "bitor",       "compl",         "and_eq",
                                    "or_eq",    "xor_eq",      "not_eq",        "char8_t",
                                    "char16_t", "char32_t",    "co_await",      "co_return",
                                    "co_yield", "const_cast",  "linux",         "unix",
                                    "main",     "NULL",        "errno",         "dynamic_cast",
                                    "signal",   "static_cast", "static_assert", "reinterpret_cast"};

Error verifyTensor(const ModelInfo &model, const TensorInfo &tensor, const char *kind) {
  auto fail = [&](const Twine &why) {
    return createStringError(Twine(kind) + " '" + tensor.name + "' of '" + model.graph +
                             "': " + why);
  };
  for (auto [position, axis] : enumerate(tensor.shape)) {
    if (axis.size < -1)
      return fail("axis " + Twine(position) + " has the extent " + Twine(axis.size));
    if (axis.symbol < -1 || axis.symbol >= int64_t(model.dims.size()))
      return fail("axis " + Twine(position) + " names a dimension that does not exist");
  }
  if (tensor.alias < -1 || tensor.alias >= int64_t(model.inputs.size()))
    return fail("it aliases an input that does not exist");
  if (tensor.type.bits == 0 || tensor.type.lanes == 0)
    return fail("its element type is unknown");
  return Error::success();
}

} // namespace

std::string identifier(StringRef text) {
  std::string result;
  for (char c : text)
    if (isAlnum(c))
      result += c;
    else if (!result.empty() && result.back() != '_')
      result += '_';
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  if (result.empty())
    return "model";
  if (isDigit(result.front()))
    result.insert(0, "n");
  if (is_contained(kWords, result))
    result += '_';
  return result;
}

std::vector<std::string> identifiers(ArrayRef<std::string> names, ArrayRef<StringRef> reserved) {
  StringSet<> taken;
  for (StringRef word : reserved)
    taken.insert(word);
  std::vector<std::string> result;
  for (StringRef name : names) {
    std::string base = identifier(name), candidate = base;
    for (unsigned i = 2; !taken.insert(candidate).second; ++i)
      candidate = base + "_" + std::to_string(i);
    result.push_back(std::move(candidate));
  }
  return result;
}

std::string weightsSymbol(const ModelInfo &model) { return "strut_weights_" + model.symbol; }

Error ModelInfo::verify() const {
  if (symbol.empty() || isDigit(symbol.front()) ||
      !all_of(symbol, [](char c) { return isAlnum(c) || c == '_'; }))
    return createStringError("'" + symbol +
                             "' is not a C identifier, which the name of a "
                             "packaged model has to be");
  for (const TensorInfo &input : inputs)
    if (Error error = verifyTensor(*this, input, "input"))
      return error;
  for (const TensorInfo &output : outputs)
    if (Error error = verifyTensor(*this, output, "output"))
      return error;
  return Error::success();
}

} // namespace strut::package
