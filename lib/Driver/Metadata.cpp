//===- Metadata.cpp - what an artefact says of its kernels -----------------===//

#include "strut/Driver/Metadata.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace llvm;
using namespace strut::driver;

double Polynomial::at(ArrayRef<int64_t> dims) const {
  double sum = 0;
  for (const Term &term : terms) {
    double product = term.coefficient;
    for (auto [i, exponent] : enumerate(term.exponents))
      if (exponent != 0)
        product *= std::pow(i < dims.size() ? static_cast<double>(dims[i]) : 1, exponent);
    sum += product;
  }
  return sum;
}

json::Value Polynomial::toJSON() const {
  json::Array array;
  for (const Term &term : terms)
    array.push_back(json::Array{term.coefficient, json::Array(term.exponents)});
  return array;
}

std::string strut::driver::writeMetadata(ArrayRef<KernelMetadata> kernels) {
  json::Array array;
  for (const KernelMetadata &kernel : kernels)
    array.push_back(json::Object{{"name", json::fixUTF8(kernel.name)},
                                 {"kind", kernel.kind},
                                 {"flops", kernel.flops.toJSON()},
                                 {"bytes", kernel.bytes.toJSON()}});
  std::string text;
  raw_string_ostream(text) << json::Value(json::Object{{"kernels", std::move(array)}});
  return text;
}

namespace llvm::json {

static bool fromJSON(const Value &value, Polynomial::Term &term, Path path) {
  const Array *pair = value.getAsArray();
  if (!pair || pair->size() != 2) {
    path.report("expected [coefficient, exponents]");
    return false;
  }
  return json::fromJSON((*pair)[0], term.coefficient, path.index(0)) &&
         json::fromJSON((*pair)[1], term.exponents, path.index(1));
}

static bool fromJSON(const Value &value, Polynomial &polynomial, Path path) {
  return json::fromJSON(value, polynomial.terms, path);
}

static bool fromJSON(const Value &value, KernelMetadata &kernel, Path path) {
  ObjectMapper map(value, path);
  return map && map.map("name", kernel.name) && map.map("kind", kernel.kind) &&
         map.map("flops", kernel.flops) && map.map("bytes", kernel.bytes);
}

} // namespace llvm::json

Expected<std::vector<KernelMetadata>> strut::driver::readMetadata(StringRef text) {
  std::vector<KernelMetadata> kernels;
  if (text.trim().empty())
    return kernels;
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return value.takeError();
  json::Path::Root root("metadata");
  json::ObjectMapper map(*value, root);
  if (!map || !map.mapOptional("kernels", kernels))
    return root.getError();
  return kernels;
}
