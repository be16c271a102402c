//===- ReproducerTest.cpp - what a crash of the compiler leaves ------------===//

#include "strut/Driver/Reproducer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <csignal>
#include <thread>

using namespace llvm;
using namespace strut::driver;

namespace {

/// Does to a function what the test says.
struct TestPass : mlir::PassWrapper<TestPass, mlir::OperationPass<mlir::func::FuncOp>> {
  using Body = std::function<mlir::LogicalResult(mlir::func::FuncOp)>;

  explicit TestPass(Body body) : body(std::move(body)) {}
  StringRef getArgument() const override { return "test-pass"; }
  void runOnOperation() override {
    if (failed(body(getOperation())))
      signalPassFailure();
  }
  Body body;
};

class ReproducerTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(sys::fs::createUniqueDirectory("strut", folder));
    options = {/*recover=*/true, path("m.so.crash.mlir"), /*onAnyFailure=*/false};
    context->loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect>();
  }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string path(StringRef name) {
    SmallString<128> whole(folder);
    sys::path::append(whole, name);
    return whole.str().str();
  }

  /// The message of a run of the pass on a small module.
  std::string run(TestPass::Body body) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @main(%x: f32) -> f32 { return %x : f32 }", context.get());
    auto manager = std::make_unique<mlir::PassManager>(context.get());
    manager->addNestedPass<mlir::func::FuncOp>(std::make_unique<TestPass>(std::move(body)));
    PassesResult result = runPasses(std::move(manager), *module, "emit", options, nulls());
    crashed = result.crashed;
    if (crashed) {
      (void)module.release();
      (void)context.release();
    }
    return toString(std::move(result.error));
  }

  std::string written() {
    auto file = MemoryBuffer::getFile(options.file);
    return file ? (*file)->getBuffer().str() : "";
  }
  void expectReproducer() {
    std::string text = written();
    EXPECT_NE(text.find("return %arg0 : f32"), std::string::npos) << text;
    EXPECT_NE(text.find("pipeline: \"builtin.module(func.func(test-pass)"), std::string::npos)
        << text;
  }
  void expectNothing() {
    std::error_code code;
    EXPECT_EQ(sys::fs::directory_iterator(folder, code), sys::fs::directory_iterator());
  }

  SmallString<128> folder;
  CrashOptions options;
  std::unique_ptr<mlir::MLIRContext> context =
      std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
  bool crashed = false;
};

/// An error at a node, as of a model that cannot be compiled.
mlir::LogicalResult refuse(mlir::func::FuncOp function) {
  return function.emitError("Det node 'd' cannot be compiled");
}

TEST_F(ReproducerTest, CrashIsCaught) {
  std::string message = run([](auto) -> mlir::LogicalResult {
    raise(SIGSEGV);
    return mlir::success();
  });
  EXPECT_TRUE(crashed);
  EXPECT_EQ(message, "the compiler crashed in the pass 'test-pass' of the stage 'emit'; this is a "
                     "bug of the compiler\nto see it again, or to report it: strut-opt "
                     "--run-reproducer " +
                         options.file);
  expectReproducer();
}

TEST_F(ReproducerTest, FatalErrorIsCaught) {
  std::string message = run([](auto) -> mlir::LogicalResult { report_fatal_error("no way on"); });
  EXPECT_TRUE(crashed);
  EXPECT_TRUE(StringRef(message).starts_with("the compiler crashed")) << message;
  expectReproducer();
}

TEST_F(ReproducerTest, CrashWithoutAFile) {
  options.file.clear();
  std::string message = run([](auto) -> mlir::LogicalResult { abort(); });
  EXPECT_TRUE(crashed);
  EXPECT_EQ(StringRef(message).count('\n'), 0u) << message;
  expectNothing();
}

TEST_F(ReproducerTest, FileThatCannotBeWritten) {
  options.file = path("absent/file");
  std::string message = run([](auto) -> mlir::LogicalResult { abort(); });
  EXPECT_TRUE(StringRef(message).contains("bug of the compiler\ncannot write '" + options.file))
      << message;
  expectNothing();
}

/// Threads of a pool, which folded constants run on, are not the pass manager's.
TEST_F(ReproducerTest, CrashOfAnotherThread) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  std::string file = options.file = sys::path::parent_path(folder).str() + "/strut-other.mlir";
  sys::fs::remove(file);
  auto crash = [&] {
    (void)run([](auto) -> mlir::LogicalResult {
      std::thread([] { raise(SIGABRT); }).join();
      return mlir::success();
    });
  };
  EXPECT_DEATH(crash(), "");
  expectReproducer();
  sys::fs::remove(file);
}

TEST_F(ReproducerTest, InvalidCodeIsABug) {
  std::string message = run([](mlir::func::FuncOp function) {
    function.front().getTerminator()->erase();
    return mlir::success();
  });
  EXPECT_FALSE(crashed);
  EXPECT_TRUE(StringRef(message).contains(
      "the pass 'test-pass' of the stage 'emit' made invalid code of the model; this is a bug"))
      << message;
  expectReproducer();
}

TEST_F(ReproducerTest, SilentFailureIsABug) {
  std::string message = run([](auto) { return mlir::failure(); });
  EXPECT_TRUE(StringRef(message).starts_with(
      "the pass 'test-pass' of the stage 'emit' failed and does not say why; this is a bug"))
      << message;
  expectReproducer();
}

TEST_F(ReproducerTest, RefusalLeavesNothing) {
  std::string message = run(refuse);
  EXPECT_FALSE(crashed);
  EXPECT_TRUE(StringRef(message).ends_with("Det node 'd' cannot be compiled")) << message;
  expectNothing();
}

TEST_F(ReproducerTest, RefusalIsWrittenWhereAskedFor) {
  options.onAnyFailure = true;
  std::string message = run(refuse);
  EXPECT_TRUE(StringRef(message).contains("cannot be compiled\nto see it again")) << message;
  expectReproducer();
}

TEST_F(ReproducerTest, SuccessLeavesNothing) {
  options.onAnyFailure = true;
  EXPECT_EQ(run([](auto) { return mlir::success(); }), "");
  expectNothing();
}

TEST_F(ReproducerTest, WithoutRecoveryErrorsAreTheSame) {
  options.recover = false;
  std::string message = run(refuse);
  EXPECT_TRUE(StringRef(message).ends_with("Det node 'd' cannot be compiled")) << message;
  expectNothing();
}

TEST_F(ReproducerTest, BesideTheOutputIfThatIsAFile) {
  EXPECT_EQ(defaultReproducer("in/m.onnx", "out/m.so"), "out/m.so.crash.mlir");
  for (StringRef output : {"", "-", "/dev/null"})
    EXPECT_EQ(defaultReproducer("in/m.onnx", output), "m.onnx.crash.mlir");
}

} // namespace
