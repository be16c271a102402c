// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = unit}"},kernel.program(strut-bufferize-host))' --split-input-file | FileCheck %s

// Results become arguments, and their extents are what is returned. A map that reads
// each element where it writes it needs no second buffer.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[X:.*]]: memref<?x4xf32> {strut.dims = ["M", ""], strut.name = "x"}, %[[M:.*]]: index,
// CHECK-SAME: %[[Y:.*]]: memref<?x4xf32> {strut.output = 0 : i64}) -> (index, index)
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[A:.*]] = memref.alloc(%[[M]]) {alignment = 64 : i64} : memref<?x4xf32>
// CHECK-NOT: memref.alloc
// CHECK: kernel.map ins(%[[X]] : memref<?x4xf32>) outs(%[[A]] : memref<?x4xf32>)
// CHECK: kernel.map ins(%[[A]] : memref<?x4xf32>) outs(%[[A]] : memref<?x4xf32>)
// CHECK: memref.copy %[[A]], %[[Y]]
// CHECK: return %[[M]], %[[C4]] : index, index
#id = affine_map<(m, n) -> (m, n)>
func.func @main(%x: tensor<?x4xf32> {strut.name = "x", strut.dims = ["M", ""]}, %m: index) -> (tensor<?x4xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %init = tensor.empty(%m) : tensor<?x4xf32>
  %0 = kernel.map ins(%x : tensor<?x4xf32>) outs(%init : tensor<?x4xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    %s = arith.addf %e, %e : f32
    kernel.yield %s : f32
  } -> tensor<?x4xf32>
  %1 = kernel.map ins(%0 : tensor<?x4xf32>) outs(%init : tensor<?x4xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    %s = arith.mulf %e, %e : f32
    kernel.yield %s : f32
  } -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

// One that reads elsewhere does.
// CHECK-LABEL: func @main(
// CHECK-COUNT-2: memref.alloc
// CHECK: kernel.map ins(%{{.*}}) outs(%[[FIRST:.*]] : memref<4x4xf32>)
// CHECK-NOT: outs(%[[FIRST]] :
// CHECK: return
#id = affine_map<(m, n) -> (m, n)>
#turned = affine_map<(m, n) -> (n, m)>
func.func @main(%x: tensor<4x4xf32> {strut.name = "x", strut.dims = ["", ""]}) -> (tensor<4x4xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %init = tensor.empty() : tensor<4x4xf32>
  %0 = kernel.map ins(%x : tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    %s = arith.addf %e, %e : f32
    kernel.yield %s : f32
  } -> tensor<4x4xf32>
  %1 = kernel.map ins(%0 : tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) attributes {indexing_maps = [#turned, #id]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  } -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

// An input is never written to: what would be updated in place is a copy.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[X:.*]]: memref<4xf32>
// CHECK-NOT: kernel.map {{.*}}outs(%[[X]]
// CHECK: return
#i = affine_map<(i) -> (i)>
func.func @main(%x: tensor<4xf32> {strut.name = "x", strut.dims = [""]}) -> (tensor<4xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %0 = kernel.map ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    %s = arith.addf %e, %e : f32
    kernel.yield %s : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// The size of an argument is the dimension that names it, in arithmetic too.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[B:[^:]*]]: index, %[[S:[^:]*]]: index, %{{[^:]*}}: memref<?xf32> {strut.output = 0 : i64}) -> index
// CHECK-NOT: memref.dim
// CHECK: %[[N:.*]] = arith.muli %[[B]], %[[S]] : index
// CHECK: return %[[N]] : index
#i = affine_map<(i) -> (i)>
func.func @main(%x: tensor<?x?xf32> {strut.name = "x", strut.dims = ["B", "S"]}, %b: index, %s: index) -> (tensor<?xf32> {strut.name = "y"}) attributes {strut.symbols = ["B", "S"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %columns = tensor.dim %x, %c1 : tensor<?x?xf32>
  %n = arith.muli %rows, %columns : index
  %init = tensor.empty(%n) : tensor<?xf32>
  %0 = kernel.map ins() outs(%init : tensor<?xf32>) attributes {indexing_maps = [#i]} {
    %c = arith.constant 1.0 : f32
    kernel.yield %c : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Two outputs, the second an input as it is.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32>
// CHECK-SAME: %{{[^:]*}}: memref<4xf32> {strut.output = 0 : i64}, %[[SECOND:[^:]*]]: memref<4xf32> {strut.output = 1 : i64}) -> (index, index)
// CHECK: memref.copy %[[X]], %[[SECOND]]
#i = affine_map<(i) -> (i)>
func.func @main(%x: tensor<4xf32> {strut.name = "x", strut.dims = [""]}) -> (tensor<4xf32> {strut.name = "y"}, tensor<4xf32> {strut.name = "z"}) attributes {strut.symbols = []} {
  %init = tensor.empty() : tensor<4xf32>
  %0 = kernel.map ins(%x : tensor<4xf32>) outs(%init : tensor<4xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  } -> tensor<4xf32>
  return %0, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// Parts of a whole are computed where they belong, and not copied onto themselves.
// CHECK-LABEL: func @main(
// CHECK: %[[WHOLE:.*]] = memref.alloc
// CHECK: memref.subview %[[WHOLE]][0, 0]
// CHECK: kernel.map
// CHECK-NOT: memref.copy
// CHECK: memref.subview %[[WHOLE]][0, 2]
// CHECK: kernel.map
// CHECK-NOT: memref.copy
// CHECK: memref.copy %[[WHOLE]],
#id = affine_map<(m, n) -> (m, n)>
func.func @main(%x: tensor<4x2xf32> {strut.name = "x", strut.dims = ["", ""]}) -> (tensor<4x4xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %whole = tensor.empty() : tensor<4x4xf32>
  %left = tensor.extract_slice %whole[0, 0] [4, 2] [1, 1] : tensor<4x4xf32> to tensor<4x2xf32>
  %0 = kernel.map ins(%x : tensor<4x2xf32>) outs(%left : tensor<4x2xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  } -> tensor<4x2xf32>
  %1 = tensor.insert_slice %0 into %whole[0, 0] [4, 2] [1, 1] : tensor<4x2xf32> into tensor<4x4xf32>
  %right = tensor.extract_slice %1[0, 2] [4, 2] [1, 1] : tensor<4x4xf32> to tensor<4x2xf32>
  %2 = kernel.map ins(%x : tensor<4x2xf32>) outs(%right : tensor<4x2xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    %s = arith.addf %e, %e : f32
    kernel.yield %s : f32
  } -> tensor<4x2xf32>
  %3 = tensor.insert_slice %2 into %1[0, 2] [4, 2] [1, 1] : tensor<4x2xf32> into tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}

// -----

// A module without a host function is left alone.
// CHECK-LABEL: func private @helper(tensor<4xf32>)
func.func private @helper(tensor<4xf32>)

// -----

// A region updates an intermediate where it lies, if nobody reads the old data later.
// CHECK-LABEL: func @main(
// CHECK: %[[DATA:.*]] = memref.alloc
// CHECK: kernel.map {{.*}}outs(%[[DATA]]
// CHECK-NOT: memref.alloc
// CHECK: kernel.region ins(%{{.*}} : memref<1x8xf32>) outs(%[[DATA]] : memref<4x8xf32>) attributes {{.*}}updates}
// CHECK-NOT: memref.alloc
// CHECK: memref.copy %[[DATA]], %{{.*}}
#id = affine_map<(m, n) -> (m, n)>
func.func @main(%x: tensor<4x8xf32> {strut.name = "x", strut.dims = ["", ""]}, %row: tensor<1x8xf32> {strut.name = "row", strut.dims = ["", ""]}) -> (tensor<4x8xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %init = tensor.empty() : tensor<4x8xf32>
  %data = kernel.map ins(%x : tensor<4x8xf32>) outs(%init : tensor<4x8xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    %d = arith.addf %e, %e : f32
    kernel.yield %d : f32
  } -> tensor<4x8xf32>
  %y = kernel.region ins(%row : tensor<1x8xf32>) outs(%data : tensor<4x8xf32>) attributes {updates} {
  ^bb0(%r: tensor<1x8xf32>, %c: tensor<4x8xf32>):
    %first = tensor.insert_slice %r into %c[0, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    kernel.yield %first : tensor<4x8xf32>
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// An input is copied first, once, in a buffer as large as the dimension says.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[X:[^:]*]]: memref<?x8xf32>
// CHECK-SAME: %[[N:[^:]*]]: index
// CHECK-NOT: memref.dim
// CHECK: %[[DATA:.*]] = memref.alloc(%[[N]])
// CHECK: memref.copy %[[X]], %[[DATA]]
// CHECK: kernel.region ins(%{{.*}} : memref<1x8xf32>) outs(%[[DATA]] : memref<?x8xf32>) attributes {{.*}}updates}
// CHECK-NOT: memref.copy %[[X]]
// CHECK: memref.copy %[[DATA]], %{{.*}}
func.func @main(%x: tensor<?x8xf32> {strut.name = "x", strut.dims = ["N", ""]}, %row: tensor<1x8xf32> {strut.name = "row", strut.dims = ["", ""]}, %n: index) -> (tensor<?x8xf32> {strut.name = "y"}) attributes {strut.symbols = ["N"]} {
  %y = kernel.region ins(%row : tensor<1x8xf32>) outs(%x : tensor<?x8xf32>) attributes {updates} {
  ^bb0(%r: tensor<1x8xf32>, %c: tensor<?x8xf32>):
    %first = tensor.insert_slice %r into %c[0, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<?x8xf32>
    kernel.yield %first : tensor<?x8xf32>
  } -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
