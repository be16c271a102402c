//===- Inspect.cpp - strut inspect -----------------------------------------===//

#include "Inspect.h"
#include "Inputs.h"
#include "strut/Driver/Metadata.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>

using namespace llvm;
using namespace strut::driver;

//===----------------------------------------------------------------------===//
// An artefact
//===----------------------------------------------------------------------===//

static json::Array tensorsOf(const StrutDescription &about, ArrayRef<StrutTensorInfo> tensors) {
  json::Array array;
  for (const StrutTensorInfo &tensor : tensors) {
    json::Object object{{"name", json::fixUTF8(tensor.name)}, {"type", typeText(about, tensor)}};
    if (tensor.alias >= 0)
      object["alias"] = json::fixUTF8(about.inputs[tensor.alias].name);
    array.push_back(std::move(object));
  }
  return array;
}

static json::Array choicesOf(const StrutDescription &about) {
  json::Array array;
  for (const StrutChoice &choice : ArrayRef(about.choices, about.num_choices)) {
    json::Array forms;
    for (const char *form : ArrayRef(choice.forms, choice.num_forms))
      forms.push_back(json::fixUTF8(form));
    array.push_back(
        json::Object{{"name", json::fixUTF8(choice.name)}, {"forms", std::move(forms)}});
  }
  return array;
}

namespace {
struct Share {
  int64_t kernels = 0;
  double flops = 0, bytes = 0;
};
} // namespace

/// Shares of FLOPs and bytes by kind of lowering, largest first; of several forms of a value,
/// those of the one that runs.
static json::Array sharesOf(ArrayRef<KernelMetadata> kernels, ArrayRef<int64_t> dims) {
  std::map<std::string, Share> kinds;
  Share total;
  for (const KernelMetadata &kernel : kernels) {
    if (!kernel.runsAt(dims))
      continue;
    Share one{1, kernel.flops.at(dims), kernel.bytes.at(dims)};
    for (Share *sum : {&kinds[kernel.kind], &total}) {
      sum->kernels += one.kernels;
      sum->flops += one.flops;
      sum->bytes += one.bytes;
    }
  }
  std::vector<std::pair<std::string, Share>> sorted(kinds.begin(), kinds.end());
  llvm::sort(sorted, [](auto &a, auto &b) {
    return std::tie(b.second.flops, a.first) < std::tie(a.second.flops, b.first);
  });
  json::Array array;
  for (auto &[kind, share] : sorted)
    array.push_back(json::Object{{"kind", kind},
                                 {"kernels", share.kernels},
                                 {"flops", share.flops},
                                 {"bytes", share.bytes},
                                 {"flops_share", total.flops ? share.flops / total.flops : 0},
                                 {"bytes_share", total.bytes ? share.bytes / total.bytes : 0}});
  return array;
}

Expected<json::Object> strut::driver::inspectArtifact(const InspectOptions &options) {
  std::string why;
  std::shared_ptr<LoadedModel> model = LoadedModel::load(options.file, {}, why);
  if (!model)
    return createStringError(why);
  const StrutDescription &about = model->description();
  Expected<SmallVector<int64_t>> dims = dimsOf(about, options.dims);
  if (!dims)
    return dims.takeError();
  Expected<std::vector<KernelMetadata>> kernels =
      readMetadata(about.metadata ? about.metadata : "");
  if (!kernels)
    return kernels.takeError();
  json::Array names;
  for (const char *name : ArrayRef(about.dims, about.num_dims))
    names.push_back(json::fixUTF8(name));
  return json::Object{
      {"model", json::fixUTF8(about.model)},
      {"producer", about.producer},
      {"target", about.target},
      {"cpu", about.cpu},
      {"machine", machineOf(about.metadata ? about.metadata : "")},
      {"choices", choicesOf(about)},
      {"weight_bytes", static_cast<int64_t>(about.weight_bytes)},
      {"dims", std::move(names)},
      {"inputs", tensorsOf(about, ArrayRef(about.inputs, about.num_inputs))},
      {"outputs", tensorsOf(about, ArrayRef(about.outputs, about.num_outputs))},
      {"at", dimsText(about, *dims)},
      {"lowering", sharesOf(*kernels, *dims)},
  };
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static StringRef text(const json::Object &object, StringRef key) {
  return object.getString(key).value_or("");
}

static void printTensors(const json::Object &answer, StringRef key, raw_ostream &out) {
  const json::Array *tensors = answer.getArray(key);
  if (!tensors)
    return;
  size_t width = 0;
  for (const json::Value &tensor : *tensors)
    width = std::max(width, text(*tensor.getAsObject(), "name").size());
  out << key << "\n";
  for (const json::Value &value : *tensors) {
    const json::Object &tensor = *value.getAsObject();
    out << "  "
        << left_justify(text(tensor, "name"), static_cast<unsigned>(std::min(width, size_t(40))))
        << "  " << text(tensor, "type");
    if (StringRef alias = text(tensor, "alias"); !alias.empty())
      out << ", updates input " << alias << " in place";
    out << "\n";
  }
}

static void printChoices(const json::Object &answer, raw_ostream &out) {
  const json::Array *choices = answer.getArray("choices");
  if (!choices || choices->empty())
    return;
  out << "forms, chosen by the dimensions\n";
  for (const json::Value &value : *choices) {
    const json::Object &choice = *value.getAsObject();
    out << "  " << text(choice, "name") << ": ";
    interleaveComma(*choice.getArray("forms"), out,
                    [&](const json::Value &form) { out << *form.getAsString(); });
    out << "\n";
  }
}

static void printLowering(const json::Object &answer, raw_ostream &out) {
  const json::Array *kinds = answer.getArray("lowering");
  if (!kinds || kinds->empty())
    return;
  StringRef at = text(answer, "at");
  out << "lowering" << (at.empty() ? "" : " at ") << at << "\n"
      << "  kind          kernels     FLOPs            bytes\n";
  for (const json::Value &value : *kinds) {
    const json::Object &kind = *value.getAsObject();
    auto number = [&](StringRef key) { return kind.getNumber(key).value_or(0); };
    out << "  " << left_justify(text(kind, "kind"), 12)
        << format("%9.0f  %9.3g %5.1f %%  %9.3g %5.1f %%\n", number("kernels"), number("flops"),
                  100 * number("flops_share"), number("bytes"), 100 * number("bytes_share"));
  }
}

/// A list of {"name" or another key: text, "count": n, "bytes": n}.
static void printCounts(const json::Object &answer, StringRef key, StringRef label,
                        raw_ostream &out) {
  const json::Array *entries = answer.getArray(key);
  if (!entries || entries->empty())
    return;
  out << key << "\n";
  for (const json::Value &value : *entries) {
    const json::Object &entry = *value.getAsObject();
    out << format("  %6lld  ", static_cast<long long>(entry.getInteger("count").value_or(0)))
        << text(entry, label);
    if (std::optional<int64_t> bytes = entry.getInteger("bytes"))
      out << format("  %.3f MB", static_cast<double>(*bytes) * 1e-6);
    out << "\n";
  }
}

static void printLayers(const json::Object &answer, raw_ostream &out) {
  const json::Array *layers = answer.getArray("layers");
  if (!layers)
    return;
  out << "layers, for M rows\n"
      << "  op                 map              MFLOP           weights\n";
  for (const json::Value &value : *layers) {
    const json::Object &layer = *value.getAsObject();
    auto number = [&](StringRef key) { return layer.getNumber(key).value_or(0); };
    std::string map = formatv("{0} to {1}", layer.getInteger("inputs").value_or(0),
                              layer.getInteger("outputs").value_or(0));
    out << "  " << left_justify(text(layer, "op"), 16) << "  " << left_justify(map, 14)
        << format("  %8.3f M  %9.3f MB  ", 1e-6 * number("flops_per_row"),
                  1e-6 * number("weight_bytes"))
        << text(layer, "name") << "\n";
  }
}

static void print(const json::Object &answer, raw_ostream &out) {
  for (auto [key, label] : {std::pair("model", "model     "), std::pair("producer", "producer  "),
                            std::pair("target", "target    "), std::pair("cpu", "CPU       "),
                            std::pair("machine", "machine   ")})
    if (StringRef value = text(answer, key); !value.empty())
      out << label << value << "\n";
  if (std::optional<int64_t> bytes = answer.getInteger("weight_bytes"))
    out << format("weights   %.3f MB", static_cast<double>(*bytes) * 1e-6) << "\n";
  if (const json::Array *dims = answer.getArray("dims"); dims && !dims->empty()) {
    out << "dims      ";
    interleaveComma(*dims, out, [&](const json::Value &dim) { out << *dim.getAsString(); });
    out << "\n";
  }
  printTensors(answer, "inputs", out);
  printTensors(answer, "outputs", out);
  printChoices(answer, out);
  printLowering(answer, out);
  printLayers(answer, out);
  printCounts(answer, "ops", "op", out);
  printCounts(answer, "weights", "type", out);
  if (const json::Object *metadata = answer.getObject("metadata"); metadata && !metadata->empty()) {
    out << "metadata\n";
    for (const auto &[key, value] : *metadata)
      out << "  " << key.str() << ": " << value.getAsString().value_or("") << "\n";
  }
}

Error strut::driver::inspect(const InspectOptions &options, raw_ostream &out, raw_ostream &log) {
  auto head = MemoryBuffer::getFileSlice(options.file, 4, 0);
  if (!head)
    return createStringError("cannot read '" + options.file + "': " + head.getError().message());
  bool library = (*head)->getBuffer() == "\x7f"
                                         "ELF";
  Expected<json::Object> answer = library ? inspectArtifact(options) : inspectModel(options);
  if (!answer)
    return answer.takeError();
  if (options.json)
    out << formatv("{0:2}", json::Value(std::move(*answer))) << "\n";
  else
    print(*answer, out);
  return Error::success();
}
