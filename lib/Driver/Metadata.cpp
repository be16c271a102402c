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

bool KernelMetadata::runsAt(ArrayRef<int64_t> dims) const {
  if (!form)
    return true;
  for (const FormMetadata::Line &line : form->lines)
    if (line.extent.at(dims) < static_cast<double>(line.bound))
      return line.form == form->form;
  return form->otherwise == form->form;
}

static json::Value toJSON(const FormMetadata &form) {
  json::Array lines;
  for (const FormMetadata::Line &line : form.lines)
    lines.push_back(json::Array{line.extent.toJSON(), line.bound, line.form});
  return json::Object{
      {"form", form.form}, {"otherwise", form.otherwise}, {"lines", std::move(lines)}};
}

std::string strut::driver::writeMetadata(ArrayRef<KernelMetadata> kernels, StringRef machine) {
  json::Array array;
  for (const KernelMetadata &kernel : kernels) {
    json::Object entry{{"name", json::fixUTF8(kernel.name)},
                       {"kind", kernel.kind},
                       {"flops", kernel.flops.toJSON()},
                       {"bytes", kernel.bytes.toJSON()}};
    if (kernel.form)
      entry["form"] = toJSON(*kernel.form);
    array.push_back(std::move(entry));
  }
  std::string text;
  json::Object object{{"kernels", std::move(array)}};
  if (!machine.empty())
    object["machine"] = json::fixUTF8(machine);
  raw_string_ostream(text) << json::Value(std::move(object));
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

static bool fromJSON(const Value &value, FormMetadata::Line &line, Path path) {
  const Array *parts = value.getAsArray();
  if (!parts || parts->size() != 3) {
    path.report("expected [polynomial, bound, form]");
    return false;
  }
  return fromJSON((*parts)[0], line.extent, path.index(0)) &&
         json::fromJSON((*parts)[1], line.bound, path.index(1)) &&
         json::fromJSON((*parts)[2], line.form, path.index(2));
}

static bool fromJSON(const Value &value, FormMetadata &form, Path path) {
  ObjectMapper map(value, path);
  return map && map.map("lines", form.lines) && map.map("otherwise", form.otherwise) &&
         map.map("form", form.form);
}

static bool fromJSON(const Value &value, KernelMetadata &kernel, Path path) {
  ObjectMapper map(value, path);
  return map && map.map("name", kernel.name) && map.map("kind", kernel.kind) &&
         map.map("flops", kernel.flops) && map.map("bytes", kernel.bytes) &&
         map.map("form", kernel.form);
}

} // namespace llvm::json

std::string strut::driver::machineOf(StringRef metadata) {
  Expected<json::Value> value = json::parse(metadata);
  if (!value) {
    consumeError(value.takeError());
    return "";
  }
  const json::Object *object = value->getAsObject();
  return object ? object->getString("machine").value_or("").str() : "";
}

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
