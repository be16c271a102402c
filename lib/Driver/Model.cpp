//===- Model.cpp - a compiled model in this process ------------------------===//

#include "strut/Driver/Model.h"
#include "strut/Runtime/dtype.h"
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fstream>
#include <mutex>
#include <sys/stat.h>
#include <utility>
#include <vector>

using namespace strut::driver;

std::string strut::driver::dtypeName(DLDataType dtype) {
  if (dtype.lanes != 1)
    return "";
  std::string bits = std::to_string(dtype.bits);
  switch (dtype.code) {
  case kDLInt:
    return "int" + bits;
  case kDLUInt:
    return "uint" + bits;
  case kDLFloat:
    return "float" + bits;
  case kDLBfloat:
    return "bfloat" + bits;
  case kDLComplex:
    return "complex" + bits;
  case kDLBool:
    return "bool";
  default:
    const char *narrow = strut_narrow_float_name(dtype.code);
    return narrow ? narrow : "";
  }
}

std::string strut::driver::typeText(const StrutDescription &description,
                                    const StrutTensorInfo &tensor) {
  std::string text = dtypeName(tensor.dtype) + "[";
  for (int32_t axis = 0; axis < tensor.rank; ++axis) {
    const StrutDim &dim = tensor.shape[axis];
    text += axis ? ", " : "";
    if (dim.symbol >= 0 && dim.symbol < description.num_dims)
      text += description.dims[dim.symbol];
    else
      text += dim.size >= 0 ? std::to_string(dim.size) : "?";
  }
  return text + "]";
}

namespace {

/// The files loaded so far. The dynamic loader compares paths before it looks at
/// files, so a new file at an old path needs another spelling of that path.
struct LoadedFile {
  std::string path;
  dev_t device;
  ino_t inode;
  std::string spelling;
};

std::string spellingFor(const std::string &path, const struct stat &status) {
  static std::mutex mutex;
  static std::vector<LoadedFile> files;
  std::lock_guard<std::mutex> lock(mutex);
  size_t older = 0;
  for (const LoadedFile &file : files) {
    if (file.path != path)
      continue;
    if (file.device == status.st_dev && file.inode == status.st_ino)
      return file.spelling;
    ++older;
  }
  std::string spelling = path;
  for (size_t i = 0; i < older; ++i)
    spelling.insert(spelling.rfind('/'), "/.");
  files.push_back({path, status.st_dev, status.st_ino, spelling});
  return spelling;
}

#if defined(__x86_64__)
constexpr unsigned hostMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned hostMachine = EM_AARCH64;
#else
#error "compiled models exist for x86-64 and AArch64"
#endif

/// What the dynamic loader would be killed by or name unclearly: a truncated
/// library, another machine's, no library at all. Empty if nothing is wrong.
std::string elfDefect(const std::string &path, uint64_t size) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return strerror(errno);
  Elf64_Ehdr header = {};
  file.read(reinterpret_cast<char *>(&header), sizeof(header));
  if (!file || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN)
    return "it is not a shared library";
  if (header.e_machine != hostMachine)
    return "it is for another machine (ELF machine " + std::to_string(header.e_machine) +
           "; this one is " + std::to_string(hostMachine) + ")";
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment = {};
    file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof(segment)));
    file.read(reinterpret_cast<char *>(&segment), sizeof(segment));
    uint64_t end;
    if (!file || __builtin_add_overflow(segment.p_offset, segment.p_filesz, &end) || end > size)
      return "it is cut short or damaged";
  }
  return "";
}

/// Opens the library at `path`; null with `error` on failure.
void *openLibrary(const std::string &path, std::string &error) {
  std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  struct stat status;
  if (!real || stat(real.get(), &status) != 0) {
    error = "cannot load '" + path + "': " + strerror(errno);
    return nullptr;
  }
  std::string defect = "it is not a file";
  if (S_ISREG(status.st_mode))
    defect = elfDefect(real.get(), static_cast<uint64_t>(status.st_size));
  if (!defect.empty()) {
    error = "cannot load '" + path + "': " + defect +
            ". A model is loaded from the .so that `strut compile` writes for this machine.";
    return nullptr;
  }
  std::string spelling = spellingFor(real.get(), status);
  void *library = dlopen(spelling.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    const char *why = dlerror();
    error = "cannot load '" + path + "': " + (why ? why : "unknown error");
  }
  return library;
}

const StrutModel *findModel(void *library, const std::string &path, std::string &error) {
  const auto *model = static_cast<const StrutModel *>(dlsym(library, "strut_model"));
  if (!model) {
    error = "'" + path +
            "' is a shared library, but not a compiled model: it has no symbol "
            "'strut_model'. Make one by `strut compile model.onnx -o model.so`.";
    return nullptr;
  }
  if (model->abi_version != STRUT_ABI_VERSION || model->struct_size < offsetof(StrutModel, form)) {
    error = "'" + path + "' has version " + std::to_string(model->abi_version) +
            " of the interface, and this program knows version " +
            std::to_string(STRUT_ABI_VERSION) + ". Compile the model again with this Strut.";
    return nullptr;
  }
  return model;
}

/// The emulator lies beside what this code is part of, or in the folder of libraries there.
std::string emulatorPath() {
  const std::string name = "libstrut-emulator.so";
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<void *>(&emulatorPath), &info) || !info.dli_fname)
    return name;
  std::string folder = info.dli_fname;
  folder.resize(folder.rfind('/') + 1);
  for (const char *place : {"", "../lib/", "../../lib/"})
    if (std::string path = folder + place + name; std::ifstream(path))
      return path;
  return name;
}

std::string textOf(const char *why) { return why && *why ? why : "unknown error"; }

} // namespace

std::shared_ptr<LoadedModel> LoadedModel::load(const std::string &path, const LoadOptions &options,
                                               std::string &error) {
  if (options.threads < 0) {
    error = "the number of threads is negative: " + std::to_string(options.threads);
    return nullptr;
  }
  void *library = openLibrary(path, error);
  if (!library)
    return nullptr;
  const StrutModel *model = findModel(library, path, error);
  if (!model)
    return nullptr;
  StrutOpenOptions open = {};
  open.struct_size = sizeof(open);
  open.threads = options.threads;
  open.weights_path = options.weights.empty() ? nullptr : options.weights.c_str();
  open.observer = options.observer;
  std::string device = options.device, emulator;
  if (device == "emulate") {
    device = "cuda";
    emulator = emulatorPath();
    open.driver = emulator.c_str();
  }
  open.device = device.empty() ? nullptr : device.c_str();
  StrutSession *session = nullptr;
  if (model->open(&open, &session) != STRUT_OK) {
    error = "cannot open '" + path + "': " + textOf(model->error(nullptr));
    return nullptr;
  }
  return std::shared_ptr<LoadedModel>(new LoadedModel(model, session));
}

LoadedModel::~LoadedModel() { model->close(session); }

std::string LoadedModel::device() const {
  return model->struct_size > offsetof(StrutModel, device) ? model->device(session) : "cpu";
}

int LoadedModel::findInput(std::string_view name) const {
  const StrutDescription &about = description();
  for (int32_t i = 0; i < about.num_inputs; ++i)
    if (name == about.inputs[i].name)
      return i;
  return -1;
}

std::unique_ptr<ModelContext> ModelContext::create(std::shared_ptr<LoadedModel> model,
                                                   std::string &error) {
  StrutContext *context = nullptr;
  if (model->model->create_context(model->session, &context) != STRUT_OK) {
    error = textOf(model->model->error(nullptr));
    return nullptr;
  }
  return std::unique_ptr<ModelContext>(new ModelContext(std::move(model), context));
}

ModelContext::~ModelContext() { owner->model->destroy_context(context); }

std::vector<int32_t> ModelContext::forms() const {
  const StrutModel &table = *owner->model;
  std::vector<int32_t> chosen;
  if (table.struct_size <= offsetof(StrutModel, form))
    return chosen;
  for (int32_t i = 0; i < model().description().num_choices; ++i) {
    int32_t form = -1;
    (void)table.form(context, i, &form);
    chosen.push_back(form);
  }
  return chosen;
}

StrutStatus ModelContext::run(const DLTensor *const *inputs, DLTensor *outputs,
                              std::string &error) {
  StrutStatus status = owner->model->run(context, inputs, outputs);
  if (status != STRUT_OK)
    error = textOf(owner->model->error(context));
  return status;
}
