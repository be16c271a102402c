//===- Inputs.cpp - the inputs of a run ------------------------------------===//

#include "Inputs.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <random>

using namespace llvm;
using namespace strut::driver;

Expected<std::pair<std::string, int64_t>> strut::driver::parseDim(const std::string &text) {
  auto [name, value] = StringRef(text).rsplit('=');
  int64_t extent;
  if (name.empty() || value.getAsInteger(10, extent) || extent < 0)
    return createStringError("'" + text + "' is not a dimension: write NAME=SIZE, as in seq=128");
  return std::pair(name.str(), extent);
}

static std::string inputList(const StrutDescription &about) {
  std::string text;
  raw_string_ostream stream(text);
  interleaveComma(ArrayRef(about.inputs, about.num_inputs), stream,
                  [&](const StrutTensorInfo &input) {
                    stream << "'" << input.name << "' " << typeText(about, input);
                  });
  return about.num_inputs ? "its inputs are " + text : "it has no inputs";
}

using Slots = std::vector<std::optional<HostTensor>>;

static Error place(const LoadedModel &model, StringRef name, HostTensor tensor, Slots &slots) {
  int index = model.findInput(name);
  if (index < 0)
    return createStringError("the model has no input '" + name + "'; " +
                             inputList(model.description()));
  if (slots[index])
    return createStringError("input '" + name + "' is given twice");
  DLDataType takes = model.description().inputs[index].dtype;
  if (isNarrow(takes) && tensor.dtype().code == kDLUInt && tensor.dtype().bits == 8)
    tensor.readAs(takes);
  slots[index] = std::move(tensor);
  return Error::success();
}

/// Takes the member `name` of an .npz, or its only member.
static Expected<HostTensor> readNamed(StringRef name, const std::string &file) {
  if (!StringRef(file).ends_with(".npz"))
    return readNpy(file);
  Expected<NamedTensors> members = readNpz(file);
  if (!members)
    return members.takeError();
  for (auto &[member, tensor] : *members)
    if (member == name || members->size() == 1)
      return std::move(tensor);
  return createStringError("'" + file + "' has no array '" + name + "'");
}

static Error placeArgument(const LoadedModel &model, const std::string &text, Slots &slots) {
  // Names may contain '=': the longest input name that fits wins.
  const StrutDescription &about = model.description();
  StringRef name;
  for (const StrutTensorInfo &input : ArrayRef(about.inputs, about.num_inputs))
    if (StringRef(text).starts_with(StringRef(input.name).str() + "=") &&
        StringRef(input.name).size() >= name.size())
      name = input.name;
  if (!name.empty()) {
    Expected<HostTensor> tensor = readNamed(name, text.substr(name.size() + 1));
    return tensor ? place(model, name, std::move(*tensor), slots) : tensor.takeError();
  }
  if (StringRef(text).ends_with(".npz") && !StringRef(text).contains('=')) {
    Expected<NamedTensors> members = readNpz(text);
    if (!members)
      return members.takeError();
    for (auto &[member, tensor] : *members)
      if (Error error = place(model, member, std::move(tensor), slots))
        return joinErrors(createStringError("in '" + text + "':"), std::move(error));
    return Error::success();
  }
  if (size_t equals = text.find('='); equals != std::string::npos)
    return createStringError("the model has no input '" + text.substr(0, equals) + "'; " +
                             inputList(about));
  return createStringError("'" + text +
                           "' is not an input: write NAME=file.npy, NAME=file.npz or file.npz");
}

//===----------------------------------------------------------------------===//
// Dimensions
//===----------------------------------------------------------------------===//

/// Notes the extents that a tensor gives to symbolic dimensions.
static void learnDims(const StrutTensorInfo &input, const HostTensor &tensor,
                      MutableArrayRef<std::optional<int64_t>> dims) {
  if (tensor.shape().size() != static_cast<size_t>(input.rank))
    return;
  for (auto [axis, extent] : enumerate(tensor.shape()))
    if (int32_t symbol = input.shape[axis].symbol; symbol >= 0 && !dims[symbol])
      dims[symbol] = extent;
}

SmallVector<int64_t> strut::driver::dimsOf(const LoadedModel &model, ArrayRef<HostTensor> inputs) {
  const StrutDescription &about = model.description();
  SmallVector<std::optional<int64_t>> found(about.num_dims);
  for (auto [input, tensor] : zip_equal(ArrayRef(about.inputs, about.num_inputs), inputs))
    learnDims(input, tensor, found);
  return map_to_vector(found, [](std::optional<int64_t> dim) { return dim.value_or(1); });
}

/// Enters the values of `named`; fails on a name that is no dimension.
static Error enterDims(const StrutDescription &about, const DimValues &named,
                       MutableArrayRef<std::optional<int64_t>> dims) {
  ArrayRef names(about.dims, about.num_dims);
  for (const auto &[name, value] : named) {
    const auto *found = find_if(names, [&, &name = name](const char *dim) { return name == dim; });
    if (found == names.end())
      return createStringError(
          "the model has no dimension '" + name + "'" +
          (names.empty() ? "; all its shapes are fixed" : "; it has " + join(names, ", ")));
    dims[found - names.begin()] = value;
  }
  return Error::success();
}

Expected<SmallVector<int64_t>> strut::driver::dimsOf(const StrutDescription &about,
                                                     const DimValues &named) {
  SmallVector<std::optional<int64_t>> dims(about.num_dims);
  if (Error error = enterDims(about, named, dims))
    return error;
  return map_to_vector(dims, [](std::optional<int64_t> dim) { return dim.value_or(1); });
}

std::string strut::driver::dimsText(const StrutDescription &about, ArrayRef<int64_t> dims) {
  std::string text;
  for (auto [name, value] : zip_equal(ArrayRef(about.dims, about.num_dims), dims))
    text += (text.empty() ? "" : ", ") + std::string(name) + "=" + std::to_string(value);
  return text;
}

//===----------------------------------------------------------------------===//
// Random inputs
//===----------------------------------------------------------------------===//

/// The bits of an IEEE half or bfloat nearest to a float in [-1, 1).
static uint16_t toHalf(float value, bool brain) {
  APFloat number(value);
  bool inexact;
  number.convert(brain ? APFloat::BFloat() : APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven,
                 &inexact);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

/// Fills by the generator's bits alone: the standard's distributions differ
/// between libraries, and a seed should mean the same everywhere.
static void fillRandom(HostTensor &tensor, std::mt19937_64 &random) {
  DLDataType type = tensor.dtype();
  if (type.code != kDLFloat && type.code != kDLBfloat && type.code != kDLComplex) {
    size_t unit = elementBytes(type); // 0 or 1 in the first byte: little endian
    for (size_t i = 0; i < tensor.bytes(); i += unit)
      tensor.data()[i] = static_cast<char>(random() >> 63);
    return;
  }
  size_t unit = type.bits / 8 / (type.code == kDLComplex ? 2 : 1);
  for (size_t i = 0; i < tensor.bytes(); i += unit) {
    double value = static_cast<double>(static_cast<int64_t>(random()) >> 11) * 0x1p-52;
    float single = static_cast<float>(value) >= 1 ? 0 : static_cast<float>(value);
    uint16_t half = toHalf(single, type.code == kDLBfloat);
    const void *from = unit == 8   ? static_cast<const void *>(&value)
                       : unit == 4 ? static_cast<const void *>(&single)
                                   : &half;
    std::memcpy(tensor.data() + i, from, unit);
  }
}

static Expected<HostTensor> makeRandom(const StrutDescription &about, const StrutTensorInfo &input,
                                       ArrayRef<int64_t> dims, std::mt19937_64 &random) {
  SmallVector<int64_t> shape;
  for (const StrutDim &dim : ArrayRef(input.shape, input.rank)) {
    shape.push_back(dim.symbol >= 0 ? dims[dim.symbol] : dim.size);
    if (shape.back() < 0)
      return createStringError("input '" + std::string(input.name) + "' " + typeText(about, input) +
                               " has an extent that cannot be made up; give it by --input");
  }
  Expected<HostTensor> tensor = HostTensor::create(input.dtype, shape);
  if (!tensor)
    return createStringError("input '" + std::string(input.name) +
                             "': " + toString(tensor.takeError()));
  fillRandom(*tensor, random);
  return tensor;
}

/// Fills the empty slots.
static Error makeUp(const LoadedModel &model, const InputOptions &options, Slots &slots,
                    raw_ostream &log) {
  const StrutDescription &about = model.description();
  SmallVector<std::optional<int64_t>> dims(about.num_dims);
  for (int32_t i = 0; i < about.num_inputs; ++i)
    if (slots[i])
      learnDims(about.inputs[i], *slots[i], dims);
  if (Error error = enterDims(about, options.dims, dims))
    return error;
  SmallVector<int64_t> values;
  for (auto [name, dim] : zip_equal(ArrayRef(about.dims, about.num_dims), dims)) {
    if (!dim)
      log << "note: dimension '" << name << "' is not given and taken as 1; say --dim " << name
          << "=SIZE\n";
    values.push_back(dim.value_or(1));
  }
  std::mt19937_64 random(options.seed);
  for (int32_t i = 0; i < about.num_inputs; ++i) {
    if (slots[i])
      continue;
    Expected<HostTensor> tensor = makeRandom(about, about.inputs[i], values, random);
    if (!tensor)
      return tensor.takeError();
    slots[i] = std::move(*tensor);
  }
  return Error::success();
}

Expected<std::vector<HostTensor>> strut::driver::gatherInputs(const LoadedModel &model,
                                                              const InputOptions &options,
                                                              raw_ostream &log) {
  const StrutDescription &about = model.description();
  Slots slots(about.num_inputs);
  for (const std::string &text : options.inputs)
    if (Error error = placeArgument(model, text, slots))
      return error;
  for (int32_t i = 0; i < about.num_inputs && !options.random; ++i)
    if (!slots[i])
      return createStringError("input '" + std::string(about.inputs[i].name) +
                               "' is missing: give it by --input " + about.inputs[i].name +
                               "=file.npy, or say --random; " + inputList(about));
  if (options.random)
    if (Error error = makeUp(model, options, slots, log))
      return error;
  std::vector<HostTensor> tensors;
  for (std::optional<HostTensor> &slot : slots)
    tensors.push_back(std::move(*slot));
  return tensors;
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

Expected<Call> Call::prepare(const std::string &file, const LoadOptions &load,
                             const InputOptions &inputs, raw_ostream &log) {
  std::string why;
  std::shared_ptr<LoadedModel> model = LoadedModel::load(file, load, why);
  if (!model)
    return createStringError(why);
  Expected<std::vector<HostTensor>> tensors = gatherInputs(*model, inputs, log);
  if (!tensors)
    return tensors.takeError();
  Call call;
  call.context = ModelContext::create(model, why);
  if (!call.context)
    return createStringError(why);
  call.tensors = std::move(*tensors);
  for (HostTensor &tensor : call.tensors)
    call.arguments.push_back(tensor.view());
  for (const DLTensor &argument : call.arguments)
    call.pointers.push_back(&argument);
  call.results.resize(model->description().num_outputs);
  return call;
}

Error Call::run() {
  for (DLTensor &result : results)
    result = {};
  std::string why;
  if (context->run(pointers.data(), results.data(), why) != STRUT_OK)
    return createStringError(why);
  return Error::success();
}
