//===- Run.cpp - strut run -------------------------------------------------===//

#include "Inputs.h"
#include "Profile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace llvm;
using namespace strut::driver;

static int64_t countOf(const DLTensor &tensor) {
  int64_t count = 1;
  for (int64_t extent : ArrayRef(tensor.shape, tensor.ndim))
    count *= extent;
  return count;
}

static void printRange(const DLTensor &tensor, raw_ostream &out) {
  int64_t count = countOf(tensor);
  if (tensor.dtype.code != kDLFloat || tensor.dtype.bits != 32 || count == 0)
    return;
  const float *values =
      reinterpret_cast<const float *>(static_cast<const char *>(tensor.data) + tensor.byte_offset);
  double least = INFINITY, most = -INFINITY, sum = 0;
  int64_t odd = 0;
  for (int64_t i = 0; i < count; ++i) {
    double value = values[i];
    odd += !std::isfinite(value);
    least = std::fmin(least, value);
    most = std::fmax(most, value);
    sum += value;
  }
  out << format("  min %.6g  mean %.6g  max %.6g", least, sum / static_cast<double>(count), most);
  if (odd)
    out << "  (" << odd << " not finite)";
}

static void summarize(const StrutDescription &about, ArrayRef<DLTensor> outputs, raw_ostream &out) {
  for (auto [info, tensor] : zip_equal(ArrayRef(about.outputs, about.num_outputs), outputs)) {
    out << info.name << "  " << dtypeName(tensor.dtype) << "[";
    interleaveComma(ArrayRef(tensor.shape, tensor.ndim), out);
    out << "]";
    printRange(tensor, out);
    out << "\n";
  }
}

Error strut::driver::run(const RunOptions &options, raw_ostream &out, raw_ostream &log) {
  StringRef output = options.output;
  if (!output.empty() && !output.ends_with(".npz") && !output.ends_with(".npy"))
    return createStringError("the output '" + output + "' must end in .npz or .npy");
  if (!options.trace.empty() && !options.profile)
    return createStringError("a trace needs --profile");
  if (options.profile && !options.device.empty() && options.device != "cpu")
    return createStringError("a profile is of the CPU: leave out --device " + options.device);
  LaunchRecorder recorder;
  LoadOptions load;
  load.threads = options.threads;
  load.device = options.profile ? "cpu" : options.device;
  load.observer = options.profile ? recorder.get() : nullptr;
  Expected<Call> call = Call::prepare(options.model, load, options.inputs, log);
  if (!call)
    return call.takeError();
  const StrutDescription &about = call->model().description();
  if (output.ends_with(".npy") && about.num_outputs != 1)
    return createStringError("the model has %d outputs, which need an .npz file",
                             about.num_outputs);
  if (Error error = options.profile ? profile(*call, recorder, options, out) : call->run())
    return error;
  if (output.empty()) {
    if (!options.profile)
      summarize(about, call->outputs(), out);
    return Error::success();
  }
  if (output.ends_with(".npy"))
    return writeNpy(options.output, call->outputs().front());
  std::vector<OutputTensor> tensors;
  for (auto [info, tensor] : zip_equal(ArrayRef(about.outputs, about.num_outputs), call->outputs()))
    tensors.push_back({info.name, tensor});
  return writeNpz(options.output, tensors);
}
