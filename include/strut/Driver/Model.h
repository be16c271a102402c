//===- Model.h - a compiled model in this process ---------------*- C++ -*-===//
//
// Loads a library that `strut compile` made and runs it. This header and its
// implementation need nothing but the C ABI and the standard library: the Python
// extension builds them too, and must run models where there is no LLVM.
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_DRIVER_MODEL_H
#define STRUT_DRIVER_MODEL_H

#include "strut/Runtime/strut.h"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace strut::driver {

/// The numpy name of a tensor's element type ("float32"), "bfloat16" and the
/// like for what numpy lacks; empty for a type that no model has.
std::string dtypeName(DLDataType dtype);

/// How an input or output is declared: "float32[batch, 3, 8]". An axis that is
/// computed from dimensions is "?".
std::string typeText(const StrutDescription &description, const StrutTensorInfo &tensor);

struct LoadOptions {
  int threads = 0;     ///< 0: as many as the process may use
  std::string weights; ///< the side file of large weights; empty: where it was written
  const StrutObserver *observer = nullptr; ///< told of the kernels of each run; outlives the model
  /// StrutOpenOptions::device, or "emulate": a GPU as the emulator plays it. Empty: null.
  std::string device;
};

/// A library and a session of it. Once loaded a library stays in the process, for
/// its worker threads never end; a file that was replaced since is loaded anew.
class LoadedModel {
public:
  /// Null on failure; `error` then says which file, why and what to do.
  static std::shared_ptr<LoadedModel> load(const std::string &path, const LoadOptions &options,
                                           std::string &error);
  ~LoadedModel();
  LoadedModel(const LoadedModel &) = delete;
  LoadedModel &operator=(const LoadedModel &) = delete;

  const StrutDescription &description() const { return *model->describe(); }
  /// Where runs take place: StrutModel::device.
  std::string device() const;
  /// The index of an input by its name, or -1.
  int findInput(std::string_view name) const;

private:
  friend class ModelContext;
  LoadedModel(const StrutModel *model, StrutSession *session) : model(model), session(session) {}

  const StrutModel *model;
  StrutSession *session;
};

/// What one caller at a time runs a model with. Keeps its model alive.
class ModelContext {
public:
  static std::unique_ptr<ModelContext> create(std::shared_ptr<LoadedModel> model,
                                              std::string &error);
  ~ModelContext();
  ModelContext(const ModelContext &) = delete;
  ModelContext &operator=(const ModelContext &) = delete;

  const LoadedModel &model() const { return *owner; }

  /// StrutModel::run. On failure returns its status and fills `error`.
  StrutStatus run(const DLTensor *const *inputs, DLTensor *outputs, std::string &error);

  /// The form that the last run took of each of StrutDescription::choices; -1 before the
  /// first run.
  std::vector<int32_t> forms() const;

private:
  ModelContext(std::shared_ptr<LoadedModel> owner, StrutContext *context)
      : owner(std::move(owner)), context(context) {}

  std::shared_ptr<LoadedModel> owner;
  StrutContext *context;
};

} // namespace strut::driver

#endif // STRUT_DRIVER_MODEL_H
