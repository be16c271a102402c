"""kernel.region, compiled from kernel IR and run: linalg ops, loops over single elements,
several results, scalars, a temporary, strided operands."""

import json
import subprocess

import numpy
import pytest

MODULE = """
#rc = affine_map<(r, c) -> (r, c)>
#r = affine_map<(r, c) -> (r)>
func.func @main(%x: tensor<?x5xf32> {strut.name = "x", strut.dims = ["R", ""]},
                %w: tensor<5x3xf32> {strut.name = "w", strut.dims = ["", ""]},
                %R: index)
    -> (tensor<?x5xf32> {strut.name = "scaled"}, tensor<?x3xf32> {strut.name = "product"},
        tensor<?x5xf32> {strut.name = "sums"}, tensor<?x5xf32> {strut.name = "sorted"},
        tensor<?xf32> {strut.name = "most"}, tensor<?xi64> {strut.name = "where"})
    attributes {strut.symbols = ["R"]} {
  %e5 = tensor.empty(%R) : tensor<?x5xf32>
  %e3 = tensor.empty(%R) : tensor<?x3xf32>
  %e1 = tensor.empty(%R) : tensor<?xf32>
  %i1 = tensor.empty(%R) : tensor<?xi64>

  // x * R - x, by a scalar of the host and two named ops.
  %scaled = kernel.region ins(%x : tensor<?x5xf32>) outs(%e5 : tensor<?x5xf32>) scalars(%R : index) {
  ^bb0(%a: tensor<?x5xf32>, %o: tensor<?x5xf32>, %n: index):
    %i = arith.index_cast %n : index to i64
    %f = arith.sitofp %i : i64 to f32
    %full = linalg.fill ins(%f : f32) outs(%o : tensor<?x5xf32>) -> tensor<?x5xf32>
    %times = linalg.mul ins(%a, %full : tensor<?x5xf32>, tensor<?x5xf32>)
        outs(%o : tensor<?x5xf32>) -> tensor<?x5xf32>
    %less = linalg.sub ins(%times, %a : tensor<?x5xf32>, tensor<?x5xf32>)
        outs(%o : tensor<?x5xf32>) -> tensor<?x5xf32>
    kernel.yield %less : tensor<?x5xf32>
  } -> tensor<?x5xf32> loc("scaled")

  // x w, through a temporary that holds 2 w.
  %product = kernel.region ins(%x, %w : tensor<?x5xf32>, tensor<5x3xf32>) outs(%e3 : tensor<?x3xf32>) {
  ^bb0(%a: tensor<?x5xf32>, %b: tensor<5x3xf32>, %o: tensor<?x3xf32>):
    %zero = arith.constant 0.0 : f32
    %none = tensor.empty() : tensor<5x3xf32>
    %twice = linalg.add ins(%b, %b : tensor<5x3xf32>, tensor<5x3xf32>)
        outs(%none : tensor<5x3xf32>) -> tensor<5x3xf32>
    %start = linalg.fill ins(%zero : f32) outs(%o : tensor<?x3xf32>) -> tensor<?x3xf32>
    %c = linalg.matmul ins(%a, %twice : tensor<?x5xf32>, tensor<5x3xf32>)
        outs(%start : tensor<?x3xf32>) -> tensor<?x3xf32>
    kernel.yield %c : tensor<?x3xf32>
  } -> tensor<?x3xf32> loc("product")

  // Sums from the front, each of the one before it.
  %sums = kernel.region ins(%x : tensor<?x5xf32>) outs(%e5 : tensor<?x5xf32>) {
  ^bb0(%a: tensor<?x5xf32>, %o: tensor<?x5xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %zero = arith.constant 0.0 : f32
    %rows = tensor.dim %a, %c0 : tensor<?x5xf32>
    %all = scf.for %r = %c0 to %rows step %c1 iter_args(%t = %o) -> tensor<?x5xf32> {
      %row, %total = scf.for %c = %c0 to %c5 step %c1 iter_args(%u = %t, %sum = %zero)
          -> (tensor<?x5xf32>, f32) {
        %e = tensor.extract %a[%r, %c] : tensor<?x5xf32>
        %next = arith.addf %sum, %e : f32
        %v = tensor.insert %next into %u[%r, %c] : tensor<?x5xf32>
        scf.yield %v, %next : tensor<?x5xf32>, f32
      }
      scf.yield %row : tensor<?x5xf32>
    }
    kernel.yield %all : tensor<?x5xf32>
  } -> tensor<?x5xf32> loc("sums")

  // Each row in order: neighbours are swapped as often as there are elements.
  %sorted = kernel.region ins(%x : tensor<?x5xf32>) outs(%e5 : tensor<?x5xf32>) {
  ^bb0(%a: tensor<?x5xf32>, %o: tensor<?x5xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c5 = arith.constant 5 : index
    %copy = linalg.copy ins(%a : tensor<?x5xf32>) outs(%o : tensor<?x5xf32>) -> tensor<?x5xf32>
    %rows = tensor.dim %a, %c0 : tensor<?x5xf32>
    %all = scf.for %r = %c0 to %rows step %c1 iter_args(%t = %copy) -> tensor<?x5xf32> {
      %row = scf.for %k = %c0 to %c5 step %c1 iter_args(%u = %t) -> tensor<?x5xf32> {
        %round = scf.for %c = %c0 to %c4 step %c1 iter_args(%v = %u) -> tensor<?x5xf32> {
          %d = arith.addi %c, %c1 : index
          %p = tensor.extract %v[%r, %c] : tensor<?x5xf32>
          %q = tensor.extract %v[%r, %d] : tensor<?x5xf32>
          %low = arith.minimumf %p, %q : f32
          %high = arith.maximumf %p, %q : f32
          %v1 = tensor.insert %low into %v[%r, %c] : tensor<?x5xf32>
          %v2 = tensor.insert %high into %v1[%r, %d] : tensor<?x5xf32>
          scf.yield %v2 : tensor<?x5xf32>
        }
        scf.yield %round : tensor<?x5xf32>
      }
      scf.yield %row : tensor<?x5xf32>
    }
    kernel.yield %all : tensor<?x5xf32>
  } -> tensor<?x5xf32> loc("sorted")

  // The largest of each row and its place: two results of different types.
  %most:2 = kernel.region ins(%x : tensor<?x5xf32>) outs(%e1, %i1 : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%a: tensor<?x5xf32>, %o: tensor<?xf32>, %p: tensor<?xi64>):
    %lowest = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0 : i64
    %start = linalg.fill ins(%lowest : f32) outs(%o : tensor<?xf32>) -> tensor<?xf32>
    %first = linalg.fill ins(%zero : i64) outs(%p : tensor<?xi64>) -> tensor<?xi64>
    %v, %i = linalg.generic {indexing_maps = [#rc, #r, #r], iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<?x5xf32>) outs(%start, %first : tensor<?xf32>, tensor<?xi64>) {
    ^bb0(%e: f32, %best: f32, %at: i64):
      %c = linalg.index 1 : index
      %here = arith.index_cast %c : index to i64
      %more = arith.cmpf ogt, %e, %best : f32
      %value = arith.select %more, %e, %best : f32
      %place = arith.select %more, %here, %at : i64
      linalg.yield %value, %place : f32, i64
    } -> (tensor<?xf32>, tensor<?xi64>)
    kernel.yield %v, %i : tensor<?xf32>, tensor<?xi64>
  } -> tensor<?xf32>, tensor<?xi64> loc("most")
  return %scaled, %product, %sums, %sorted, %most#0, %most#1
      : tensor<?x5xf32>, tensor<?x3xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?xf32>, tensor<?xi64>
}
"""


@pytest.fixture(scope="module")
def library(compile_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("region")
    (folder / "region.mlir").write_text(MODULE)
    return compile_file(folder / "region.mlir", folder / "region.so")


def reference(x, w):
    x, w = x.astype(numpy.float64), w.astype(numpy.float64)
    return {
        "scaled": x * len(x) - x,
        "product": 2 * x @ w,
        "sums": x.cumsum(axis=1),
        "sorted": numpy.sort(x, axis=1),
        "most": x.max(axis=1),
        "where": x.argmax(axis=1),
    }


def test_values(library, load, rng, assert_close):
    model = load(library)
    for rows in (7, 33, 1, 0, 260):
        x = rng.standard_normal((rows, 5)).astype(numpy.float32)
        w = rng.standard_normal((5, 3)).astype(numpy.float32)
        actual = model.run({"x": x, "w": w})
        for name, expected in reference(x, w).items():
            assert_close(actual[name], expected, what=f"{name} of {rows} rows")


def test_rows_of_another_array(library, load, rng, assert_close):
    """Inputs with strides."""
    model = load(library)
    x = rng.standard_normal((12, 9)).astype(numpy.float32)[::2, 1:6]
    w = rng.standard_normal((3, 5)).astype(numpy.float32).T
    actual = model.run({"x": x, "w": w})
    for name, expected in reference(x, w).items():
        assert_close(actual[name], expected, what=name)


def test_inspect_counts_them(strut, library):
    """Scalar loops are said to be that, with the operations of their linalg ops; loops of vectors,
    here those of the first region, are not."""
    command = [str(strut), "inspect", str(library), "--dim", "R=10", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shares = {share["kind"]: share for share in json.loads(done.stdout)["lowering"]}
    assert {kind: share["kernels"] for kind, share in shares.items()} == {"region": 1, "scalar-region": 4}
    # Subtraction and multiplication.
    assert shares["region"]["flops"] == 2 * 50
    # Doubling and the product; the choice of the larger.
    assert shares["scalar-region"]["flops"] == 15 + 2 * 10 * 5 * 3 + 10 * 5
