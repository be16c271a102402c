//===- _runtime.cpp - compiled models in Python ----------------------------===//
//
// Loads and runs models through the C ABI; no LLVM is involved. numpy arrays and
// DLPack tensors come in without a copy (strut/model.py sees to their layout).
//
//===----------------------------------------------------------------------===//

#include "strut/Driver/Model.h"
#include "strut/Driver/Tensor.h"
#include <cstring>
#include <mutex>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <new>
#include <optional>
#include <vector>

namespace nb = nanobind;
using strut::driver::LoadedModel;
using strut::driver::ModelContext;

namespace {

using Input = nb::ndarray<nb::ro>;

[[noreturn]] void raise(StrutStatus status, const std::string &why) {
  PyObject *type = PyExc_RuntimeError;
  if (status == STRUT_INVALID_ARGUMENT)
    type = PyExc_ValueError;
  else if (status == STRUT_OUT_OF_MEMORY)
    type = PyExc_MemoryError;
  else if (status == STRUT_IO)
    type = PyExc_OSError;
  PyErr_SetString(type, why.c_str());
  throw nb::python_error();
}

size_t bytesOf(const DLTensor &tensor) {
  size_t bytes = (tensor.dtype.bits * tensor.dtype.lanes + 7u) / 8;
  for (int32_t axis = 0; axis < tensor.ndim; ++axis)
    bytes *= static_cast<size_t>(tensor.shape[axis]);
  return bytes;
}

/// The type that numpy holds elements in: bfloat16 and narrow ones as their bits.
nb::dlpack::dtype standInOf(DLDataType type) {
  if (type.code == kDLBfloat)
    return {kDLUInt, type.bits, type.lanes};
  if (strut::driver::isNarrow(type))
    return {kDLUInt, 8, type.lanes};
  return {type.code, type.bits, type.lanes};
}

bool isOnDevice(const DLTensor &tensor) {
  return tensor.device.device_type == kDLCUDA || tensor.device.device_type == kDLCUDAManaged;
}

/// Memory that an array of Python's owns.
struct Buffer {
  explicit Buffer(size_t bytes)
      : data(static_cast<char *>(operator new(bytes + 1, std::align_val_t(64)))) {}
  Buffer(Buffer &&other) : data(other.data) { other.data = nullptr; }
  ~Buffer() { operator delete(data, std::align_val_t(64)); }
  char *release() {
    char *taken = data;
    data = nullptr;
    return taken;
  }
  char *data;
};

/// The contexts of a model that no call is using.
struct Contexts {
  std::mutex mutex;
  std::vector<std::unique_ptr<ModelContext>> idle;
  std::vector<int32_t> forms; ///< that the last run took; empty before the first
};

/// A context lent to a call, or to arrays that view its results.
struct Lease {
  std::shared_ptr<Contexts> contexts;
  std::unique_ptr<ModelContext> context;
  ~Lease() {
    if (!context)
      return;
    std::lock_guard<std::mutex> lock(contexts->mutex);
    contexts->idle.push_back(std::move(context));
  }
};

/// The tensors of a call: its inputs point into arrays that Python keeps alive.
struct Call {
  std::vector<DLTensor> inputs, outputs;
  std::vector<const DLTensor *> pointers;
  std::vector<std::vector<int64_t>> shapes, strides;
  std::vector<std::optional<Buffer>> results; ///< per output, where its array owns it
};

class Model {
public:
  Model(const std::string &path, int threads, const std::string &weights,
        const std::string &device) {
    std::string why;
    {
      nb::gil_scoped_release release;
      strut::driver::LoadOptions options;
      options.threads = threads;
      options.weights = weights;
      options.device = device;
      model = LoadedModel::load(path, options, why);
    }
    if (!model)
      throw std::runtime_error(why);
  }

  const StrutDescription &about() const { return model->description(); }
  std::string device() const { return model->device(); }

  nb::list run(const std::vector<Input> &inputs, bool copy, bool inPlace, bool onDevice) {
    if (inputs.size() != static_cast<size_t>(about().num_inputs))
      raise(STRUT_INVALID_ARGUMENT, "the model takes " + std::to_string(about().num_inputs) +
                                        " inputs, and " + std::to_string(inputs.size()) +
                                        " are given");
    Call call;
    for (size_t i = 0; i < inputs.size(); ++i)
      addInput(call, inputs[i], about().inputs[i]);
    for (const DLTensor &tensor : call.inputs)
      call.pointers.push_back(&tensor);
    call.outputs.resize(static_cast<size_t>(about().num_outputs));
    if (onDevice && device() == "cpu")
      raise(STRUT_INVALID_ARGUMENT, "the model runs on the CPU: its outputs lie on no GPU");
    for (DLTensor &output : call.outputs)
      output.device.device_type = onDevice ? kDLCUDA : kDLCPU;
    auto lease = std::make_shared<Lease>();
    std::string why;
    StrutStatus status;
    {
      nb::gil_scoped_release release;
      status = compute(call, *lease, copy, inPlace, why);
    }
    if (status != STRUT_OK)
      raise(status, why);
    return wrap(call, std::move(lease));
  }

  /// Pairs of name and form.
  nb::list forms() {
    std::vector<int32_t> taken;
    {
      std::lock_guard<std::mutex> lock(contexts->mutex);
      taken = contexts->forms;
    }
    nb::list list;
    for (size_t i = 0; i < taken.size(); ++i) {
      const StrutChoice &choice = about().choices[i];
      list.append(nb::make_tuple(choice.name, choice.forms[taken[i]]));
    }
    return list;
  }

private:
  std::shared_ptr<LoadedModel> model;
  std::shared_ptr<Contexts> contexts = std::make_shared<Contexts>();

  static void addInput(Call &call, const Input &input, const StrutTensorInfo &info) {
    DLTensor tensor = {};
    tensor.data = const_cast<void *>(input.data());
    tensor.device = {static_cast<DLDeviceType>(input.device_type()), input.device_id()};
    tensor.ndim = static_cast<int32_t>(input.ndim());
    nb::dlpack::dtype dtype = input.dtype();
    tensor.dtype = {dtype.code, dtype.bits, dtype.lanes};
    // What numpy lacks comes as bits, as model.py has checked.
    nb::dlpack::dtype bits = standInOf(info.dtype);
    if (dtype.code == bits.code && dtype.bits == bits.bits && dtype.lanes == bits.lanes)
      tensor.dtype = info.dtype;
    std::vector<int64_t> shape, strides;
    for (size_t axis = 0; axis < input.ndim(); ++axis) {
      shape.push_back(static_cast<int64_t>(input.shape(axis)));
      strides.push_back(input.stride(axis));
    }
    call.shapes.push_back(std::move(shape));
    call.strides.push_back(std::move(strides));
    tensor.shape = call.shapes.back().data();
    tensor.strides = call.strides.back().data();
    call.inputs.push_back(tensor);
  }

  bool lend(Lease &lease, std::string &why) {
    lease.contexts = contexts;
    {
      std::lock_guard<std::mutex> lock(contexts->mutex);
      if (!contexts->idle.empty()) {
        lease.context = std::move(contexts->idle.back());
        contexts->idle.pop_back();
      }
    }
    if (!lease.context)
      lease.context = ModelContext::create(model, why);
    return lease.context != nullptr;
  }

  /// Runs without the GIL; copies the results if asked to.
  StrutStatus compute(Call &call, Lease &lease, bool copy, bool inPlace, std::string &why) {
    if (!lend(lease, why))
      return STRUT_OUT_OF_MEMORY;
    call.results.resize(call.outputs.size());
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      int32_t alias = about().outputs[i].alias;
      if (alias < 0 || inPlace)
        continue;
      // The run updates a copy, and that is the result.
      DLTensor &input = call.inputs[static_cast<size_t>(alias)];
      if (isOnDevice(input)) {
        why = "input '" + std::string(about().inputs[alias].name) +
              "' lies on a GPU, and the run updates it: say so by in_place=True";
        return STRUT_INVALID_ARGUMENT;
      }
      Buffer &buffer = call.results[i].emplace(bytesOf(input));
      copyOf(input, buffer);
      input.data = buffer.data;
      input.byte_offset = 0;
    }
    StrutStatus status = lease.context->run(call.pointers.data(), call.outputs.data(), why);
    if (status == STRUT_OK && about().num_choices > 0) {
      std::lock_guard<std::mutex> lock(contexts->mutex);
      contexts->forms = lease.context->forms();
    }
    for (size_t i = 0; i < call.outputs.size() && status == STRUT_OK && copy; ++i)
      if (about().outputs[i].alias < 0)
        copyOf(call.outputs[i], call.results[i].emplace(bytesOf(call.outputs[i])));
    return status;
  }

  static void copyOf(const DLTensor &tensor, Buffer &buffer) {
    std::memcpy(buffer.data, static_cast<char *>(tensor.data) + tensor.byte_offset,
                bytesOf(tensor));
  }

  /// The outputs as arrays that own their memory or share the lease of it; None for
  /// one that was updated in place, which is the caller's own array.
  nb::list wrap(Call &call, std::shared_ptr<Lease> lease) {
    nb::list arrays;
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      const DLTensor &output = call.outputs[i];
      void *data = static_cast<char *>(output.data) + output.byte_offset;
      nb::object owner;
      if (call.results[i]) {
        data = call.results[i]->release();
        owner =
            nb::capsule(data, [](void *p) noexcept { operator delete(p, std::align_val_t(64)); });
      } else if (about().outputs[i].alias >= 0) {
        arrays.append(nb::none());
        continue;
      } else {
        owner = nb::capsule(new std::shared_ptr<Lease>(lease), [](void *p) noexcept {
          delete static_cast<std::shared_ptr<Lease> *>(p);
        });
      }
      std::vector<size_t> shape(output.shape, output.shape + output.ndim);
      if (isOnDevice(output)) {
        const DLDataType type = output.dtype;
        arrays.append(
            nb::cast(nb::ndarray<nb::array_api>(data, shape.size(), shape.data(), owner, nullptr,
                                                {type.code, type.bits, type.lanes},
                                                output.device.device_type, output.device.device_id),
                     nb::rv_policy::reference));
        continue;
      }
      nb::dlpack::dtype dtype = standInOf(output.dtype);
      arrays.append(
          nb::cast(nb::ndarray<nb::numpy>(data, shape.size(), shape.data(), owner, nullptr, dtype),
                   nb::rv_policy::reference));
    }
    return arrays;
  }
};

/// (name, dtype, shape, alias): extents are numbers, names of dimensions, or None
/// where they are computed.
nb::list describe(const StrutDescription &about, const StrutTensorInfo *tensors, int32_t count) {
  nb::list list;
  for (int32_t i = 0; i < count; ++i) {
    nb::list shape;
    for (int32_t axis = 0; axis < tensors[i].rank; ++axis) {
      const StrutDim &dim = tensors[i].shape[axis];
      if (dim.symbol >= 0)
        shape.append(nb::str(about.dims[dim.symbol]));
      else if (dim.size >= 0)
        shape.append(nb::int_(dim.size));
      else
        shape.append(nb::none());
    }
    list.append(nb::make_tuple(tensors[i].name, strut::driver::dtypeName(tensors[i].dtype),
                               nb::tuple(shape), tensors[i].alias));
  }
  return list;
}

} // namespace

NB_MODULE(_runtime, module) {
  nb::class_<Model>(module, "Model")
      .def(nb::init<const std::string &, int, const std::string &, const std::string &>())
      .def("run", &Model::run, nb::arg("inputs"), nb::arg("copy"), nb::arg("in_place"),
           nb::arg("on_device"))
      .def_prop_ro("device", &Model::device)
      .def("forms", &Model::forms)
      .def_prop_ro("name", [](const Model &m) { return m.about().model; })
      .def_prop_ro("target", [](const Model &m) { return m.about().target; })
      .def_prop_ro("cpu", [](const Model &m) { return m.about().cpu; })
      .def_prop_ro("producer", [](const Model &m) { return m.about().producer; })
      .def_prop_ro("metadata", [](const Model &m) { return m.about().metadata; })
      .def_prop_ro("weight_bytes", [](const Model &m) { return m.about().weight_bytes; })
      .def_prop_ro("dims",
                   [](const Model &m) {
                     nb::list names;
                     for (int32_t i = 0; i < m.about().num_dims; ++i)
                       names.append(nb::str(m.about().dims[i]));
                     return names;
                   })
      .def_prop_ro("inputs",
                   [](const Model &m) {
                     return describe(m.about(), m.about().inputs, m.about().num_inputs);
                   })
      .def_prop_ro("outputs", [](const Model &m) {
        return describe(m.about(), m.about().outputs, m.about().num_outputs);
      });
}
