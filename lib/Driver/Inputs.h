//===- Inputs.h - the inputs of a run ---------------------------*- C++ -*-===//

#ifndef LIB_DRIVER_INPUTS_H
#define LIB_DRIVER_INPUTS_H

#include "strut/Driver/Commands.h"
#include "strut/Driver/Model.h"
#include "strut/Driver/Tensor.h"

namespace strut::driver {

/// Tensors for all inputs of `model`, in its order. Names and files are checked
/// here; dtypes and shapes by the model itself when it runs.
llvm::Expected<std::vector<HostTensor>>
gatherInputs(const LoadedModel &model, const InputOptions &options, llvm::raw_ostream &log);

/// The value of each symbolic dimension in `inputs`, or 1 where none shows it.
llvm::SmallVector<int64_t> dimsOf(const LoadedModel &model, llvm::ArrayRef<HostTensor> inputs);

/// The values of `named` in the order of the description, 1 for the others.
/// Fails on a name that is no dimension of the model.
llvm::Expected<llvm::SmallVector<int64_t>> dimsOf(const StrutDescription &about,
                                                  const DimValues &named);

/// "seq=128, batch=1".
std::string dimsText(const StrutDescription &about, llvm::ArrayRef<int64_t> dims);

/// A session, a context and the tensors of a call.
class Call {
public:
  static llvm::Expected<Call> prepare(const std::string &file, const LoadOptions &load,
                                      const InputOptions &inputs, llvm::raw_ostream &log);

  const LoadedModel &model() const { return context->model(); }
  llvm::ArrayRef<HostTensor> inputs() const { return tensors; }
  /// Runs once; outputs are views that live until the next run.
  llvm::Error run();
  llvm::ArrayRef<DLTensor> outputs() const { return results; }
  /// ModelContext::forms.
  std::vector<int32_t> forms() const { return context->forms(); }

private:
  std::unique_ptr<ModelContext> context;
  std::vector<HostTensor> tensors;
  std::vector<DLTensor> arguments;
  std::vector<const DLTensor *> pointers;
  std::vector<DLTensor> results;
};

} // namespace strut::driver

#endif // LIB_DRIVER_INPUTS_H
