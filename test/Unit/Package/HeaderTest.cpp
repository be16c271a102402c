//===- HeaderTest.cpp - Generated headers compile ---------------*- C++ -*-===//
#include "TinyModel.h"
#include "llvm/Support/Program.h"

using namespace strut::package;
using namespace strut::package::test;
using namespace llvm;

namespace {

/// A model whose names try to break out of the header.
ModelInfo hostileModel() {
  ModelInfo model = tinyInfo();
  model.graph = "evil */ #error \n graph \\\n?\?/ \xc3\xa9 /* x";
  model.symbol = "hostile";
  model.dims = {"batch", "batch.", "int", "past_seq + 1"};
  model.inputs.clear();
  model.outputs.clear();
  const char *names[] = {"class", "onnx::MatMul_1",    "onnx__MatMul_1", "",
                         "7",     "\xc3\xa9t\xc3\xa9", "context",        "*/",
                         "model"};
  DLDataType types[] = {{kDLFloat, 16, 1}, {kDLBfloat, 16, 1},  {kDLInt, 64, 1},
                        {kDLInt, 4, 1},    {kDLBool, 8, 1},     {kDLUInt, 8, 1},
                        {kDLFloat, 64, 1}, {kDLComplex, 64, 1}, {kDLFloat8_e4m3fn, 8, 1}};
  for (auto [name, type] : zip_equal(names, types)) {
    model.inputs.push_back({name, type, {}, -1});
    model.outputs.push_back({name, type, {{-1, 3}, {-1, -1}, {0, -1}}, 0});
  }
  return model;
}

void expectCompiles(const ModelInfo &model, HeaderOptions options) {
  TemporaryFolder folder;
  std::error_code code;
  {
    raw_fd_ostream header(folder.file("model.h"), code);
    writeHeader(header, model, target(), options);
    raw_fd_ostream c(folder.file("use.c"), code), cpp(folder.file("use.cpp"), code);
    for (raw_ostream *out : {&c, &cpp})
      *out << "#include \"model.h\"\n#include \"model.h\"\nint use(void);\nint use(void) { return "
           << model.symbol << "_num_inputs + (int)" << model.symbol << "_describe()->num_dims; }\n";
  }
  std::string include = std::string("-I") + STRUT_TEST_INCLUDE;
  auto run = [&](StringRef compiler, StringRef standard, StringRef file) {
    SmallVector<StringRef> arguments = {compiler,  standard,    "-Wall",         "-Wextra",
                                        "-Werror", "-pedantic", "-fsyntax-only", file};
    std::string path = folder.file(file);
    arguments.back() = path;
    if (!options.selfContained)
      arguments.push_back(include);
    return sys::ExecuteAndWait(compiler, arguments);
  };
  EXPECT_EQ(run(STRUT_TEST_CC, "-std=c99", "use.c"), 0);
  EXPECT_EQ(run(STRUT_TEST_CC, "-std=c17", "use.c"), 0);
  EXPECT_EQ(run(STRUT_TEST_CXX, "-std=c++11", "use.cpp"), 0);
  EXPECT_EQ(run(STRUT_TEST_CXX, "-std=c++20", "use.cpp"), 0);
}

TEST(Header, CompilesAsCAndCpp) {
  ModelInfo model = tinyInfo();
  model.symbol = "tiny";
  expectCompiles(model, {/*selfContained=*/true});
  expectCompiles(model, {/*selfContained=*/false});
}

TEST(Header, HostileNamesStayInside) { expectCompiles(hostileModel(), {}); }

TEST(Header, AModelWithoutInputsOrDims) {
  ModelInfo model = tinyInfo();
  model.symbol = "constant";
  model.dims.clear();
  model.inputs.clear();
  model.outputs[0].shape = {{4, -1}};
  expectCompiles(model, {});
}

TEST(Header, NamesTypesAndShapes) {
  ModelInfo model = tinyInfo();
  model.symbol = "tiny";
  std::string text;
  raw_string_ostream stream(text);
  writeHeader(stream, model, target(), {/*selfContained=*/false});
  for (StringRef expected :
       {"tiny_run(StrutContext *context, const DLTensor *x, DLTensor *y)",
        "tiny_bind(StrutContext *context, int64_t batch)", "\"x\": float32 [batch, 4]",
        "tiny_tensor_x(float *data, int64_t *shape)", "extern const StrutModel strut_model_tiny;"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected.str();
}

TEST(Identifier, Spelling) {
  EXPECT_EQ(identifier("input_ids"), "input_ids");
  EXPECT_EQ(identifier("onnx::MatMul_1"), "onnx_MatMul_1");
  EXPECT_EQ(identifier("/a/b.c/"), "a_b_c");
  EXPECT_EQ(identifier("7x"), "n7x");
  EXPECT_EQ(identifier(""), "model");
  EXPECT_EQ(identifier("\xe6\xa8\xa1"), "model");
  EXPECT_EQ(identifier("class"), "class_");
  EXPECT_EQ(identifiers({"a.b", "a/b", "data"}, {"data"}),
            (std::vector<std::string>{"a_b", "a_b_2", "data_2"}));
  EXPECT_EQ(symbolFor("/x/libmini-lm.so"), "mini_lm");
  EXPECT_EQ(symbolFor("lib.a"), "lib");
}

} // namespace
