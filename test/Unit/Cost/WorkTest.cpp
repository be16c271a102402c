//===- WorkTest.cpp - The work of kernels at any size ---------------------===//
#include "strut/Cost/Work.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using strut::cost::KernelWork;
using strut::cost::Polynomial;

namespace {

double valueAt(const Polynomial &polynomial, ArrayRef<int64_t> dims) {
  double sum = 0;
  for (const auto &[exponents, coefficient] : polynomial.terms()) {
    double term = coefficient;
    for (auto [dim, exponent] : llvm::zip(dims, exponents))
      term *= std::pow(double(dim), exponent);
    sum += term;
  }
  return sum;
}

class Work : public ::testing::Test {
protected:
  Work() {
    context.loadDialect<strut::kernel::KernelDialect, func::FuncDialect, arith::ArithDialect,
                        tensor::TensorDialect>();
  }
  /// The only kernel of a module.
  KernelWork of(const char *text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    std::vector<KernelWork> list = strut::cost::workOf(*module);
    EXPECT_EQ(list.size(), 1u);
    return list.front();
  }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST(Polynomial, AddsAndMultiplies) {
  Polynomial m = Polynomial::dimension(0, 2), n = Polynomial::dimension(1, 2);
  Polynomial product = (m + Polynomial(3)) * (m + n * Polynomial(2));
  EXPECT_EQ(valueAt(product, {5, 7}), (5 + 3) * (5 + 2 * 7));
  EXPECT_TRUE((m + m * Polynomial(-1)).terms().empty()) << "what cancels leaves no term";
  EXPECT_TRUE(Polynomial(0).terms().empty());
}

// y = max(x w + b, 0): 2·M·96·160 of the product, two operations a result.
TEST_F(Work, Contract) {
  KernelWork work = of(R"(
    #mk = affine_map<(m, n, k) -> (m, k)>
    #kn = affine_map<(m, n, k) -> (k, n)>
    #n = affine_map<(m, n, k) -> (n)>
    #mn = affine_map<(m, n, k) -> (m, n)>
    kernel.weight @w : tensor<96x160xf32> = #kernel.file<"m.onnx", 0, 61440>
    func.func @main(%x: tensor<?x96xf32> {strut.name = "x", strut.dims = ["M", ""]}, %b: tensor<160xf32>, %m: index)
        -> tensor<?x160xf32> attributes {strut.symbols = ["M"]} {
      %w = kernel.use @w : tensor<96x160xf32>
      %o = tensor.empty(%m) : tensor<?x160xf32>
      %y = kernel.contract ins(%x, %w, %b : tensor<?x96xf32>, tensor<96x160xf32>, tensor<160xf32>)
          outs(%o : tensor<?x160xf32>) attributes {indexing_maps = [#mk, #kn, #n, #mn]} {
      ^bb0(%acc: f32, %bias: f32):
        %zero = arith.constant 0.0 : f32
        %s = arith.addf %acc, %bias : f32
        %r = arith.maximumf %s, %zero : f32
        kernel.yield %r : f32
      } -> tensor<?x160xf32> loc("fc1")
      return %y : tensor<?x160xf32>
    })");
  EXPECT_EQ(work.name, "fc1");
  EXPECT_EQ(work.kind, "contract");
  for (int64_t m : {0, 1, 128}) {
    EXPECT_EQ(valueAt(work.flops, {m}), 2.0 * m * 96 * 160 + 2.0 * m * 160);
    EXPECT_EQ(valueAt(work.bytes, {m}), 4.0 * (m * 96 + 96 * 160 + 160 + m * 160));
  }
}

// Two sums of one x, which is moved once, and a product with steps of its own.
TEST_F(Work, ContractWithSums) {
  KernelWork work = of(R"(
    #mk = affine_map<(m, n, k, r) -> (m, k)>
    #kn = affine_map<(m, n, k, r) -> (k, n)>
    #mr = affine_map<(m, n, k, r) -> (m, r)>
    #rn = affine_map<(m, n, k, r) -> (r, n)>
    #mn = affine_map<(m, n, k, r) -> (m, n)>
    func.func @main(%x: tensor<?x96xf32> {strut.name = "x", strut.dims = ["M", ""]}, %z: tensor<?x7xf32> {strut.name = "z", strut.dims = ["M", ""]},
                    %v: tensor<96x160xf32>, %w: tensor<96x160xf32>, %u: tensor<7x160xf32>, %m: index)
        -> tensor<?x160xf32> attributes {strut.symbols = ["M"]} {
      %o = tensor.empty(%m) : tensor<?x160xf32>
      %y = kernel.contract ins(%x, %v, %x, %w, %z, %u : tensor<?x96xf32>, tensor<96x160xf32>, tensor<?x96xf32>, tensor<96x160xf32>, tensor<?x7xf32>, tensor<7x160xf32>)
          outs(%o : tensor<?x160xf32>) attributes {indexing_maps = [#mk, #kn, #mk, #kn, #mr, #rn, #mn], sums = array<i64: 0, 1, 1>} {
      ^bb0(%gate: f32, %up: f32):
        %p = arith.mulf %gate, %up : f32
        kernel.yield %p : f32
      } -> tensor<?x160xf32>
      return %y : tensor<?x160xf32>
    })");
  for (int64_t m : {0, 1, 128}) {
    EXPECT_EQ(valueAt(work.flops, {m}), 2.0 * m * (96 + 96 + 7) * 160 + m * 160);
    EXPECT_EQ(valueAt(work.bytes, {m}), 4.0 * (m * (96 + 7) + (96 + 96 + 7) * 160 + m * 160));
  }
}

// Two products and the softmax; B and S are dimensions, heads and their size are not.
TEST_F(Work, Attention) {
  KernelWork work = of(R"(
    #q = affine_map<(b, h, m, s, d, e) -> (b, m, h, d)>
    #k = affine_map<(b, h, m, s, d, e) -> (b, s, h, d)>
    #v = affine_map<(b, h, m, s, d, e) -> (b, s, h, e)>
    #o = affine_map<(b, h, m, s, d, e) -> (b, m, h, e)>
    func.func @main(%q: tensor<?x?x12x32xf32> {strut.name = "q", strut.dims = ["B", "S", "", ""]}, %b: index, %s: index)
        -> tensor<?x?x12x32xf32> attributes {strut.symbols = ["B", "S"]} {
      %o = tensor.empty(%b, %s) : tensor<?x?x12x32xf32>
      %y = kernel.attention ins(%q, %q, %q : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>)
          outs(%o : tensor<?x?x12x32xf32>) attributes {indexing_maps = [#q, #k, #v, #o]} {
      ^bb0(%score: f32):
        %c = arith.constant 0.125 : f32
        %x = arith.mulf %score, %c : f32
        kernel.yield %x : f32
      } -> tensor<?x?x12x32xf32>
      return %y : tensor<?x?x12x32xf32>
    })");
  double points = 2.0 * 12 * 128 * 128; // B = 2, S = 128
  EXPECT_EQ(valueAt(work.flops, {2, 128}), points * (2 * 32 + 2 * 32 + 4));
  EXPECT_EQ(valueAt(work.bytes, {2, 128}), 4 * 4.0 * 2 * 128 * 12 * 32);
}

// Pooling: every point of a result looks at a window, whose size only `extents` tells.
TEST_F(Work, Window) {
  KernelWork work = of(R"(
    func.func @main(%x: tensor<?x8xf32> {strut.name = "x", strut.dims = ["N", ""]}, %n: index)
        -> tensor<?x4xf32> attributes {strut.symbols = ["N"]} {
      %o = tensor.empty(%n) : tensor<?x4xf32>
      %y = kernel.rows ins(%x : tensor<?x8xf32>) outs(%o : tensor<?x4xf32>)
          attributes {axes = 1 : i64, extents = array<i64: -1, -1, 2>,
                      indexing_maps = [affine_map<(r, o, w) -> (r, o * 2 + w)>, affine_map<(r, o, w) -> (r, o)>]} {
      ^bb0(%e: f32):
        %m = kernel.combine max %e : f32
        kernel.yield %m : f32
      } -> tensor<?x4xf32>
      return %y : tensor<?x4xf32>
    })");
  EXPECT_EQ(valueAt(work.flops, {10}), 10.0 * 4 * 2);
  EXPECT_EQ(valueAt(work.bytes, {10}), 4.0 * (10 * 8 + 10 * 4));
}

// A table is read once per point, whatever its size; sizes may be computed.
TEST_F(Work, TableAndDerivedSize) {
  KernelWork work = of(R"(
    func.func @main(%table: tensor<30522x8xf32>, %b: index, %s: index) -> tensor<?x8xf32>
        attributes {strut.symbols = ["B", "S"]} {
      %t = arith.muli %b, %s : index
      %o = tensor.empty(%t) : tensor<?x8xf32>
      %y = kernel.map ins(%table : tensor<30522x8xf32>) outs(%o : tensor<?x8xf32>)
          attributes {indexing_maps = [affine_map<(t, d) -> ()>, affine_map<(t, d) -> (t, d)>]} {
      ^bb0(%unused: none):
        %d = kernel.index 1
        %e = kernel.fetch 0[%d, %d] : f32
        kernel.yield %e : f32
      } -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    })");
  EXPECT_EQ(valueAt(work.flops, {3, 5}), 0) << "moving data computes nothing";
  EXPECT_EQ(valueAt(work.bytes, {3, 5}), 2 * 4.0 * 15 * 8);
}

} // namespace
