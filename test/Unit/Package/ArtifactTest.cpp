//===- ArtifactTest.cpp - Whole artefacts, loaded and run -------*- C++ -*-===//
#include "TinyModel.h"
#include "strut/Package/Link.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Program.h"
#include <csignal>
#include <dlfcn.h>
#include <sys/resource.h>

using namespace strut::package;
using namespace strut::package::test;
using namespace llvm;

namespace {

/// Opens a shared library, runs the tiny model on rows of ones, returns the last row.
std::vector<float> runLibrary(const std::string &path, int64_t batch) {
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  if (!library)
    return {};
  auto *model = static_cast<const StrutModel *>(dlsym(library, "strut_model"));
  EXPECT_NE(model, nullptr);
  EXPECT_EQ(model->abi_version, unsigned(STRUT_ABI_VERSION));
  EXPECT_EQ(model->struct_size, sizeof(StrutModel));
  StrutSession *session = nullptr;
  StrutContext *context = nullptr;
  EXPECT_EQ(model->open(nullptr, &session), STRUT_OK) << model->error(nullptr);
  EXPECT_EQ(model->create_context(session, &context), STRUT_OK) << model->error(nullptr);
  std::vector<float> x(batch * 4, 1.0f), y(batch * 4, -1.0f);
  int64_t shape[] = {batch, 4};
  DLTensor in = {x.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
  DLTensor out = {y.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
  const DLTensor *inputs[] = {&in};
  EXPECT_EQ(model->run(context, inputs, &out), STRUT_OK) << model->error(context);
  model->destroy_context(context);
  model->close(session);
  dlclose(library);
  return {y.end() - 4, y.end()};
}

/// The global symbols of an ELF file that are defined, or those that are not; sorted.
std::vector<std::string> symbols(const std::string &path, bool dynamic, bool undefined) {
  auto file = cantFail(object::ObjectFile::createObjectFile(path));
  auto *elf = cast<object::ELFObjectFileBase>(file.getBinary());
  std::vector<std::string> names;
  auto visit = [&](const object::ELFSymbolRef &symbol) {
    uint32_t flags = cantFail(symbol.getFlags());
    std::string name = cantFail(symbol.getName()).str();
    bool wanted = flags & object::SymbolRef::SF_Global &&
                  bool(flags & object::SymbolRef::SF_Undefined) == undefined;
    if (wanted && !name.empty())
      names.push_back(name);
  };
  if (dynamic)
    for (const object::ELFSymbolRef &symbol : elf->getDynamicSymbolIterators())
      visit(symbol);
  else
    for (const object::ELFSymbolRef &symbol : elf->symbols())
      visit(symbol);
  llvm::sort(names);
  return names;
}

int execute(ArrayRef<StringRef> arguments) {
  ErrorOr<std::string> program = sys::findProgramByName(arguments.front());
  EXPECT_TRUE(bool(program)) << arguments.front().str();
  return program ? sys::ExecuteAndWait(*program, arguments) : -1;
}

TEST(Artifact, SharedLibraryRuns) {
  TemporaryFolder folder;
  LLVMContext context;
  std::vector<std::string> stages;
  ArtifactRequest request = tinyRequest(context, folder.file("libtiny.so"), 2);
  request.progress = [&](StringRef stage) { stages.push_back(stage.str()); };
  ArtifactResult result = writeOrFail(std::move(request));
  EXPECT_EQ(stages, (std::vector<std::string>{"weights", "code", "link"}));
  EXPECT_EQ(folder.list(), (std::vector<std::string>{"libtiny.h", "libtiny.so"}));
  EXPECT_EQ(result.files.front(), folder.file("libtiny.so"));
  for (const ArtifactResult::Stage &stage : result.stages)
    RecordProperty(stage.name, std::to_string(stage.seconds));
  EXPECT_EQ(runLibrary(folder.file("libtiny.so"), 3), (std::vector<float>{2, 4, 6, 8}));
}

TEST(Artifact, DescribesItself) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"));
  request.model.metadata = "{\"kernels\": []}";
  request.model.outputs[0].alias = 0;
  writeOrFail(std::move(request));
  void *library = dlopen(folder.file("t.so").c_str(), RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  EXPECT_EQ(dlsym(library, "strut_model"), dlsym(library, "strut_model_t"));
  const StrutDescription *about =
      static_cast<const StrutModel *>(dlsym(library, "strut_model"))->describe();
  EXPECT_STREQ(about->model, "tiny graph");
  EXPECT_EQ(StringRef(about->target), target().triple.str());
  EXPECT_EQ(StringRef(about->cpu), target().cpu);
  EXPECT_TRUE(StringRef(about->producer).starts_with("strut "));
  ASSERT_EQ(about->num_dims, 1);
  ASSERT_EQ(about->num_inputs, 1);
  ASSERT_EQ(about->num_outputs, 1);
  EXPECT_STREQ(about->dims[0], "batch");
  EXPECT_STREQ(about->inputs[0].name, "x");
  EXPECT_EQ(about->inputs[0].dtype.code, kDLFloat);
  EXPECT_EQ(about->inputs[0].dtype.bits, 32);
  EXPECT_EQ(about->inputs[0].dtype.lanes, 1);
  ASSERT_EQ(about->inputs[0].rank, 2);
  EXPECT_EQ(about->inputs[0].shape[0].size, -1);
  EXPECT_EQ(about->inputs[0].shape[0].symbol, 0);
  EXPECT_EQ(about->inputs[0].shape[1].size, 4);
  EXPECT_EQ(about->inputs[0].shape[1].symbol, -1);
  EXPECT_EQ(about->inputs[0].alias, -1);
  EXPECT_STREQ(about->outputs[0].name, "y");
  EXPECT_EQ(about->outputs[0].alias, 0);
  EXPECT_EQ(about->weight_bytes, 64u);
  EXPECT_STREQ(about->metadata, "{\"kernels\": []}");
  dlclose(library);
}

TEST(Artifact, ExportsTheTableAndNeedsOnlyTheCLibrary) {
  TemporaryFolder folder;
  LLVMContext context;
  writeOrFail(tinyRequest(context, folder.file("t.so")));
  EXPECT_EQ(symbols(folder.file("t.so"), /*dynamic=*/true, /*undefined=*/false),
            (std::vector<std::string>{"strut_model", "strut_model_t", "strut_process_v1"}));
  std::vector<std::string> allowed = allowedSymbols();
  for (const std::string &name : symbols(folder.file("t.so"), true, true))
    EXPECT_TRUE(is_contained(allowed, name)) << name;
}

TEST(Artifact, SameBytesWhateverTheFolderAndThreads) {
  TemporaryFolder first, second;
  LLVMContext context;
  ArtifactRequest one = tinyRequest(context, first.file("t.so"));
  ArtifactRequest two = tinyRequest(context, second.file("t.so"));
  one.codegen.threads = 1;
  two.codegen.threads = 2;
  writeOrFail(std::move(one));
  writeOrFail(std::move(two));
  auto a = cantFail(errorOrToExpected(MemoryBuffer::getFile(first.file("t.so"))));
  auto b = cantFail(errorOrToExpected(MemoryBuffer::getFile(second.file("t.so"))));
  EXPECT_TRUE(a->getBuffer() == b->getBuffer());
}

TEST(Artifact, LargeWeightsLieInASideFile) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"), 3);
  request.weights = tinyWeights(3, 8000);
  request.sectionLimit = 4096;
  ArtifactResult result = writeOrFail(std::move(request));
  EXPECT_EQ(folder.list(), (std::vector<std::string>{"t.h", "t.so", "t.so.weights"}));
  EXPECT_EQ(result.files.size(), 3u);
  EXPECT_EQ(runLibrary(folder.file("t.so"), 2), (std::vector<float>{3, 6, 9, 12}));
}

TEST(Artifact, RefusesAStaleSideFile) {
  TemporaryFolder folder;
  LLVMContext context;
  for (const char *name : {"t.so", "other.so"}) {
    ArtifactRequest request = tinyRequest(context, folder.file(name), StringRef(name).size());
    request.sectionLimit = 0;
    writeOrFail(std::move(request));
  }
  ASSERT_FALSE(sys::fs::rename(folder.file("other.so.weights"), folder.file("t.so.weights")));
  void *library = dlopen(folder.file("t.so").c_str(), RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  auto *model = static_cast<const StrutModel *>(dlsym(library, "strut_model"));
  StrutSession *session = nullptr;
  EXPECT_EQ(model->open(nullptr, &session), STRUT_IO);
  EXPECT_NE(StringRef(model->error(nullptr)).find("t.so.weights"), StringRef::npos);
  dlclose(library);
}

TEST(Artifact, WeightsInTheLibraryArePageAligned) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.o"));
  writeOrFail(std::move(request));
  auto file = cantFail(object::ObjectFile::createObjectFile(folder.file("t.o")));
  bool found = false;
  for (const object::SectionRef &section : file.getBinary()->sections())
    if (cantFail(section.getName()) == ".rodata.strut_weights") {
      found = true;
      EXPECT_EQ(section.getAlignment().value(), 4096u);
      EXPECT_EQ(section.getSize(), 64u);
    }
  EXPECT_TRUE(found);
}

/// The alignment of the segment in which a library's first bytes are loaded.
uint64_t alignmentOf(const std::string &library) {
  auto file = cantFail(object::ObjectFile::createObjectFile(library));
  auto *elf = cast<object::ELF64LEObjectFile>(file.getBinary());
  for (const auto &header : cantFail(elf->getELFFile().program_headers()))
    if (header.p_type == ELF::PT_LOAD && header.p_offset == 0)
      return header.p_align;
  return 0;
}

TEST(Artifact, SomeWeightsInTheLibraryMayLieInHugePages) {
  for (auto [bytes, alignment] : {std::pair(1000, 4096), {4300000, 2 << 20}}) {
    TemporaryFolder folder;
    LLVMContext context;
    std::string path = folder.file("t.so");
    ArtifactRequest request = tinyRequest(context, path, 3);
    request.weights = tinyWeights(3, bytes);
    writeOrFail(std::move(request));
    EXPECT_EQ(alignmentOf(path), uint64_t(alignment));
    EXPECT_EQ(runLibrary(path, 2), (std::vector<float>{3, 6, 9, 12}));
    EXPECT_TRUE(sys::fs::can_execute(path));
    EXPECT_EQ(folder.list(), (std::vector<std::string>{"t.h", "t.so"}));
  }
}

/// Runs both models and prints their last values.
const char *const kTwoModels = R"(
#include "first.h"
#include "second.h"
#include <stdio.h>
int main(void) {
  float x[8] = {1, 1, 1, 1, 1, 1, 1, 1}, y[8] = {0}, z[8] = {0};
  int64_t shape[2] = {2, 4};
  StrutSession *s1, *s2;
  StrutContext *c1, *c2;
  DLTensor tx = first_tensor_x(x, shape), ty = first_tensor_y(y, shape);
  DLTensor tz = second_tensor_y(z, shape);
  if (first_open(NULL, &s1) || second_open(NULL, &s2)) return 1;
  if (first_create_context(s1, &c1) || second_create_context(s2, &c2)) return 2;
  if (first_bind(c1, 2) || first_run(c1, &tx, &ty)) return 3;
  if (second_run(c2, &tx, &tz)) return 4;
  first_destroy_context(c1);
  second_destroy_context(c2);
  first_close(s1);
  second_close(s2);
  return y[7] == 8 && z[7] == 40 ? 0 : 5;
}
)";

void writeText(const std::string &path, StringRef text) {
  std::error_code code;
  raw_fd_ostream(path, code) << text;
  ASSERT_FALSE(code);
}

TEST(Artifact, TwoArchivesLinkIntoOneProgram) {
  TemporaryFolder folder;
  LLVMContext context;
  writeOrFail(tinyRequest(context, folder.file("first.a"), 2));
  writeOrFail(tinyRequest(context, folder.file("libsecond.a"), 10));
  EXPECT_TRUE(sys::fs::exists(folder.file("libsecond.h")));
  writeText(folder.file("main.c"), kTwoModels);
  ASSERT_FALSE(sys::fs::rename(folder.file("libsecond.h"), folder.file("second.h")));
  std::string program = folder.file("main");
  ASSERT_EQ(execute({STRUT_TEST_CC, "-std=c99", folder.file("main.c"), folder.file("first.a"),
                     folder.file("libsecond.a"), "-o", program, "-pthread", "-lm"}),
            0);
  EXPECT_EQ(execute({program}), 0);
}

TEST(Artifact, RunsOnAArch64UnderQemu) {
  ErrorOr<std::string> qemu = sys::findProgramByName("qemu-aarch64");
  const char *const root = "/usr/aarch64-linux-gnu";
  if (!qemu || !sys::fs::exists(std::string(root) + "/lib/crt1.o"))
    GTEST_SKIP() << "needs qemu-aarch64 and the C library for AArch64";
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest first = tinyRequest(context, folder.file("first.a"), 2);
  ArtifactRequest second = tinyRequest(context, folder.file("second.so"), 10);
  first.target = second.target = target("aarch64-linux-gnu", "cortex-a76");
  writeOrFail(std::move(first));
  writeOrFail(std::move(second));
  writeText(folder.file("main.c"), kTwoModels);
  std::string program = folder.file("main"), path = "-Wl,-rpath," + folder.file("");
  ASSERT_EQ(
      execute({STRUT_TEST_CC, "--target=aarch64-linux-gnu", "-fuse-ld=lld", folder.file("main.c"),
               folder.file("first.a"), folder.file("second.so"), "-o", program, path}),
      0);
  EXPECT_EQ(execute({*qemu, "-L", root, program}), 0);
}

TEST(Artifact, ObjectHidesAllButTheTable) {
  TemporaryFolder folder;
  LLVMContext context;
  writeOrFail(tinyRequest(context, folder.file("t.o")));
  EXPECT_EQ(symbols(folder.file("t.o"), /*dynamic=*/false, /*undefined=*/false),
            (std::vector<std::string>{"strut_model_t", "strut_process_v1"}));
}

TEST(Artifact, ManyFunctionsAreCompiledInParts) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"), 5);
  // Ten kernels of a thousand instructions each, called one after the other.
  std::string code = kTinyCode, calls;
  for (int f = 0; f < 10; ++f) {
    std::string name = "@kernel" + std::to_string(f);
    code += "define internal void " + name + "(ptr %p) noinline {\n";
    for (int i = 0; i < 500; ++i) {
      std::string v = "%v" + std::to_string(i);
      code += v + " = load volatile i32, ptr %p\nstore volatile i32 " + v + ", ptr %p\n";
    }
    code += "ret void\n}\n";
    calls += "call void " + name + "(ptr %y)\n";
  }
  size_t exit = code.find("exit:\n  ret void");
  code.insert(exit + 6, calls);
  SMDiagnostic diagnostic;
  request.module = parseAssemblyString(code, diagnostic, context);
  ASSERT_TRUE(request.module) << diagnostic.getMessage().str();
  writeOrFail(std::move(request));
  EXPECT_EQ(runLibrary(folder.file("t.so"), 1), (std::vector<float>{5, 10, 15, 20}));
}

class CrossTarget : public testing::TestWithParam<std::pair<const char *, const char *>> {};

TEST_P(CrossTarget, MakesEveryKind) {
  auto [triple, cpu] = GetParam();
  TemporaryFolder folder;
  LLVMContext context;
  for (const char *name : {"t.so", "t.a", "t.o"}) {
    ArtifactRequest request = tinyRequest(context, folder.file(name));
    request.target = target(triple, cpu);
    writeOrFail(std::move(request));
  }
  auto file = cantFail(object::ObjectFile::createObjectFile(folder.file("t.so")));
  EXPECT_EQ(file.getBinary()->getArch(), Triple(triple).getArch());
  EXPECT_EQ(symbols(folder.file("t.so"), true, false),
            (std::vector<std::string>{"strut_model", "strut_model_t", "strut_process_v1"}));
  std::vector<std::string> allowed = allowedSymbols();
  for (const char *name : {"t.so", "t.o"})
    for (const std::string &symbol : symbols(folder.file(name), StringRef(name) == "t.so", true))
      EXPECT_TRUE(is_contained(allowed, symbol) || symbol == "_GLOBAL_OFFSET_TABLE_") << symbol;
}

INSTANTIATE_TEST_SUITE_P(Targets, CrossTarget,
                         testing::Values(std::pair("aarch64-linux-gnu", "cortex-a76"),
                                         std::pair("x86_64-linux-gnu", "x86-64-v2"),
                                         std::pair("x86_64-linux-gnu", "znver4")));

/// Expects failure with a message that mentions `what`, and no file left behind.
void expectFailure(ArtifactRequest request, StringRef what, const TemporaryFolder &folder) {
  Expected<ArtifactResult> result = writeArtifact(std::move(request));
  ASSERT_FALSE(bool(result));
  std::string message = toString(result.takeError());
  EXPECT_NE(message.find(what), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_TRUE(folder.list().empty()) << join(folder.list(), " ");
}

TEST(ArtifactErrors, OutputCannotBeWritten) {
  TemporaryFolder folder;
  LLVMContext context;
  expectFailure(tinyRequest(context, folder.file("no/such/folder/t.so")), "folder/t.h", folder);
  ArtifactRequest device = tinyRequest(context, folder.file("t.so"));
  device.output = "/dev/full";
  device.header = "-";
  expectFailure(std::move(device), "'/dev/full': it is not a regular file", folder);
  ArtifactRequest directory = tinyRequest(context, folder.file("t.so"));
  directory.output = "/tmp";
  directory.header = "-";
  expectFailure(std::move(directory), "'/tmp': it is a directory", folder);
}

TEST(ArtifactErrors, UndefinedSymbols) {
  TemporaryFolder folder;
  LLVMContext context;
  for (const char *name : {"t.so", "t.a", "t.o"}) {
    ArtifactRequest request = tinyRequest(context, folder.file(name));
    std::string code = kTinyCode;
    code.replace(code.find("exit:\n") + 6, 0, "call void @__extendhfsf2()\n");
    code += "declare void @__extendhfsf2()\n";
    SMDiagnostic diagnostic;
    request.module = parseAssemblyString(code, diagnostic, context);
    expectFailure(std::move(request), "undefined symbol: __extendhfsf2", folder);
  }
}

TEST(ArtifactErrors, PackingFails) {
  TemporaryFolder folder;
  LLVMContext context;
  for (uint64_t limit : {0, 1 << 20}) {
    ArtifactRequest request = tinyRequest(context, folder.file("t.so"));
    request.sectionLimit = limit;
    request.weights.add("layer.7", 64, [](MutableArrayRef<uint8_t>) {
      return createStringError("the file it comes from has shrunk");
    });
    expectFailure(std::move(request), "weight 'layer.7': the file it comes from has shrunk",
                  folder);
  }
}

TEST(ArtifactErrors, WeightsThatFitNoDisk) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"));
  request.weights.add("huge", uint64_t(1) << 46, [](MutableArrayRef<uint8_t>) {
    ADD_FAILURE() << "there is no room for it";
    return Error::success();
  });
  expectFailure(std::move(request), "t.so.weights", folder);
}

/// A disk that fills up: no file may grow beyond `bytes`.
class FileSizeLimit {
public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    rlimit limit = {bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
  }

private:
  rlimit before;
  sighandler_t handler;
};

TEST(ArtifactErrors, FullDisk) {
  TemporaryFolder folder;
  LLVMContext context;
  {
    ArtifactRequest request = tinyRequest(context, folder.file("t.so"));
    request.weights = tinyWeights(1, 4300000);
    FileSizeLimit limit(4312000); // the object fits, the library does not
    expectFailure(std::move(request), "File too large", folder);
  }
  for (const char *name : {"t.so", "t.a", "t.o"}) {
    for (rlim_t bytes : {0, 4000, 8000, 12000, 20000}) {
      ArtifactRequest request = tinyRequest(context, folder.file(name));
      FileSizeLimit limit(bytes);
      expectFailure(std::move(request), "File too large", folder);
    }
    ArtifactRequest request = tinyRequest(context, folder.file(name));
    request.weights = tinyWeights(1, 100000);
    request.sectionLimit = 0;
    FileSizeLimit limit(50000);
    expectFailure(std::move(request), "'" + folder.file(name) + ".weights'", folder);
  }
}

TEST(ArtifactErrors, GeneratedCodeLacksAFunction) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"));
  request.programs[0].run = "scale_row";
  expectFailure(std::move(request), "no function 'scale_row' of type void (ptr)", folder);
}

TEST(ArtifactErrors, InvalidCode) {
  TemporaryFolder folder;
  LLVMContext context;
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"));
  SMDiagnostic diagnostic;
  std::string code = kTinyCode;
  code += "define void @odd(ptr %p) {\n call void asm sideeffect \"no_such_mnemonic\", \"\"()\n"
          " ret void\n}\n"
          "@llvm.used = appending global [1 x ptr] [ptr @odd]\n";
  request.module = parseAssemblyString(code, diagnostic, context);
  expectFailure(std::move(request), "code generation failed", folder);
}

TEST(ArtifactErrors, AnOlderFileSurvives) {
  TemporaryFolder folder;
  LLVMContext context;
  writeOrFail(tinyRequest(context, folder.file("t.so"), 2));
  ArtifactRequest request = tinyRequest(context, folder.file("t.so"), 7);
  request.programs[0].run = "missing";
  EXPECT_TRUE(errorToBool(writeArtifact(std::move(request)).takeError()));
  EXPECT_EQ(folder.list(), (std::vector<std::string>{"t.h", "t.so"}));
  EXPECT_EQ(runLibrary(folder.file("t.so"), 1), (std::vector<float>{2, 4, 6, 8}));
}

TEST(ArtifactErrors, UnknownKind) {
  EXPECT_EQ(toString(artifactKind("model.dll").takeError()),
            "cannot tell from 'model.dll' what to write: name it .so (shared library), .a "
            "(archive) or .o (object file)");
}

} // namespace
