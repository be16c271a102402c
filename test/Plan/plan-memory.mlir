// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = unit}"},kernel.program(strut-plan-memory))' --split-input-file | FileCheck %s

// Of three intermediates the last is computed in the output; lifetimes are positions
// in the host function, so that the first two overlap and share nothing.
// CHECK-LABEL: func @main_bind(
// CHECK-SAME: %[[M:.*]]: index) -> (index, index, index, index)
// CHECK-DAG: %[[FIXED:.*]] = arith.constant 256 : index
// CHECK-DAG: %[[ROW:.*]] = arith.constant 16 : index
// CHECK-DAG: %[[COLUMNS:.*]] = arith.constant 4 : index
// CHECK: %[[BYTES:.*]] = arith.muli %[[M]], %[[ROW]] : index
// CHECK: return %[[FIXED]], %[[BYTES]], %[[M]], %[[COLUMNS]]
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[Y:[^:]*]]: memref<?x4xf32> {strut.output = 0 : i64},
// CHECK-SAME: %[[ARENA:[^:]*]]: memref<?xi8> {strut.arena}, %[[O0:[^:]*]]: index, %[[O1:[^:]*]]: index)
// CHECK-SAME: strut.lifetimes = [array<i32: [[F0:[0-9]+]], [[L0:[0-9]+]]>, array<i32: [[F1:[0-9]+]], [[L1:[0-9]+]]>]
// CHECK-NOT: memref.alloc
// CHECK-DAG: memref.view %[[ARENA]][%[[O0]]][] : memref<?xi8> to memref<64xf32>
// CHECK-DAG: memref.view %[[ARENA]][%[[O1]]][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
// CHECK-DAG: memref.reinterpret_cast %[[Y]]
// CHECK-NOT: memref.copy
// CHECK: return{{$}}
#id = affine_map<(m, n) -> (m, n)>
#fetched = affine_map<(m, n) -> ()>
#i = affine_map<(i) -> (i)>
func.func @main(%x: memref<?x4xf32> {strut.name = "x", strut.dims = ["M", ""]}, %m: index, %y: memref<?x4xf32> {strut.output = 0 : i64}) -> (index, index) attributes {strut.symbols = ["M"]} {
  %c4 = arith.constant 4 : index
  %table = memref.alloc() : memref<64xf32>
  %a = memref.alloc(%m) : memref<?x4xf32>
  %b = memref.alloc(%m) : memref<?x4xf32>
  kernel.map ins() outs(%table : memref<64xf32>) attributes {indexing_maps = [#i]} {
    %c = arith.constant 1.0 : f32
    kernel.yield %c : f32
  }
  kernel.map ins(%x, %table : memref<?x4xf32>, memref<64xf32>) outs(%a : memref<?x4xf32>) attributes {indexing_maps = [#id, #fetched, #id]} {
  ^bb0(%e: f32, %unused: none):
    kernel.yield %e : f32
  }
  kernel.map ins(%a : memref<?x4xf32>) outs(%b : memref<?x4xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  memref.copy %b, %y : memref<?x4xf32> to memref<?x4xf32>
  return %m, %c4 : index, index
}

// -----

// Two outputs of one value: one is computed in place, the other copied by a kernel.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[Y:[^:]*]]: memref<4xf32> {strut.output = 0 : i64}, %[[Z:[^:]*]]: memref<4xf32> {strut.output = 1 : i64}
// CHECK-SAME: strut.lifetimes = []
// CHECK: memref.reinterpret_cast %[[Y]]
// CHECK: kernel.map ins(%{{.*}} : memref<4xf32>) outs(%[[FIRST:.*]] : memref<4xf32>)
// CHECK: memref.reinterpret_cast %[[FIRST]]
// CHECK: memref.reinterpret_cast %[[Z]]
// CHECK: kernel.map ins
// CHECK-NOT: memref.copy
// CHECK: return
#i = affine_map<(i) -> (i)>
func.func @main(%x: memref<4xf32>, %y: memref<4xf32> {strut.output = 0 : i64}, %z: memref<4xf32> {strut.output = 1 : i64}) -> (index, index) attributes {strut.symbols = []} {
  %c4 = arith.constant 4 : index
  %a = memref.alloc() : memref<4xf32>
  kernel.map ins(%x : memref<4xf32>) outs(%a : memref<4xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  memref.copy %a, %y : memref<4xf32> to memref<4xf32>
  memref.copy %a, %z : memref<4xf32> to memref<4xf32>
  return %c4, %c4 : index, index
}

// -----

// A view keeps its buffer alive to the view's last use.
// CHECK-LABEL: func @main(
// CHECK-SAME: strut.lifetimes = [array<i32: 0, 5>]
#i = affine_map<(i) -> (i)>
func.func @main(%x: memref<8xf32>, %y: memref<4xf32> {strut.output = 0 : i64}) -> index attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<8xf32>
  %c4 = arith.constant 4 : index
  kernel.map ins(%x : memref<8xf32>) outs(%a : memref<8xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  %half = memref.subview %a[4] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1], offset: 4>>
  kernel.map ins(%x : memref<8xf32>) outs(%x : memref<8xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  kernel.map ins(%half : memref<4xf32, strided<[1], offset: 4>>) outs(%y : memref<4xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  return %c4 : index
}

// -----

// An output that may be an input is computed there where the one kernel that still
// reads the input reads each element where it writes.
// CHECK-LABEL: func @main(
// CHECK-SAME: %[[X:[^:]*]]: memref<4x2xf32>, %[[Y:[^:]*]]: memref<4x2xf32> {strut.alias = 0 : i64
// CHECK-SAME: strut.lifetimes = []
// CHECK: %[[OUT:.*]] = memref.cast
// CHECK: kernel.map ins(%[[X]] : memref<4x2xf32>) outs(%[[OUT]] : memref<4x2xf32>)
// CHECK-NOT: kernel.map
// CHECK: return
#id = affine_map<(m, n) -> (m, n)>
func.func @main(%x: memref<4x2xf32>, %y: memref<4x2xf32> {strut.alias = 0 : i64, strut.output = 0 : i64}) attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<4x2xf32>
  kernel.map ins(%x : memref<4x2xf32>) outs(%a : memref<4x2xf32>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    %d = arith.addf %e, %e : f32
    kernel.yield %d : f32
  }
  memref.copy %a, %y : memref<4x2xf32> to memref<4x2xf32>
  return
}

// -----

// Not where it reads other elements than it writes: that takes a buffer, and a copy at the end.
// CHECK-LABEL: func @main(
// CHECK-SAME: strut.lifetimes = [array<i32: {{.*}}>]
// CHECK-COUNT-2: kernel.map
// CHECK: return
#id = affine_map<(m, n) -> (m, n)>
#turned = affine_map<(m, n) -> (n, m)>
func.func @main(%x: memref<4x4xf32>, %y: memref<4x4xf32> {strut.alias = 0 : i64, strut.output = 0 : i64}) attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<4x4xf32>
  kernel.map ins(%x : memref<4x4xf32>) outs(%a : memref<4x4xf32>) attributes {indexing_maps = [#turned, #id]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  memref.copy %a, %y : memref<4x4xf32> to memref<4x4xf32>
  return
}

// -----

// Nor where the same kernel also fetches from the input.
// CHECK-LABEL: func @main(
// CHECK-SAME: strut.lifetimes = [array<i32: {{.*}}>]
// CHECK-COUNT-2: kernel.map
// CHECK: return
#i = affine_map<(i) -> (i)>
#fetched = affine_map<(i) -> ()>
func.func @main(%x: memref<4xf32>, %y: memref<4xf32> {strut.alias = 0 : i64, strut.output = 0 : i64}) attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<4xf32>
  kernel.map ins(%x, %x : memref<4xf32>, memref<4xf32>) outs(%a : memref<4xf32>) attributes {indexing_maps = [#i, #fetched, #i]} {
  ^bb0(%e: f32, %unused: none):
    kernel.yield %e : f32
  }
  memref.copy %a, %y : memref<4xf32> to memref<4xf32>
  return
}

// -----

// Nor where a later kernel reads the input.
// CHECK-LABEL: func @main(
// CHECK-SAME: strut.lifetimes = [array<i32: {{.*}}>]
// CHECK-COUNT-3: kernel.map
// CHECK: return
#i = affine_map<(i) -> (i)>
func.func @main(%x: memref<4xf32>, %y: memref<4xf32> {strut.alias = 0 : i64, strut.output = 0 : i64}, %z: memref<4xf32> {strut.output = 1 : i64}) attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<4xf32>
  %b = memref.alloc() : memref<4xf32>
  kernel.map ins(%x : memref<4xf32>) outs(%a : memref<4xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  kernel.map ins(%x : memref<4xf32>) outs(%b : memref<4xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  memref.copy %b, %z : memref<4xf32> to memref<4xf32>
  memref.copy %a, %y : memref<4xf32> to memref<4xf32>
  return
}

// -----

// A buffer that begins as a copy of the input is the output as it comes: what changes
// is a row, and nothing else is moved.
// CHECK-LABEL: func @main(
// CHECK-SAME: %{{[^:]*}}: memref<4x8xf32>, %[[ROW:[^:]*]]: memref<1x8xf32>
// CHECK-SAME: strut.lifetimes = []
// CHECK: kernel.map ins(%[[ROW]] : memref<1x8xf32>)
// CHECK-NOT: kernel.map
// CHECK: return
#id = affine_map<(m, n) -> (m, n)>
func.func @main(%x: memref<4x8xf32>, %row: memref<1x8xf32>, %y: memref<4x8xf32> {strut.alias = 0 : i64, strut.output = 0 : i64}) attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<4x8xf32>
  memref.copy %x, %a : memref<4x8xf32> to memref<4x8xf32>
  %place = memref.subview %a[2, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<1x8xf32, strided<[8, 1], offset: 16>>
  kernel.map ins(%row : memref<1x8xf32>) outs(%place : memref<1x8xf32, strided<[8, 1], offset: 16>>) attributes {indexing_maps = [#id, #id]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  memref.copy %a, %y : memref<4x8xf32> to memref<4x8xf32>
  return
}

// -----

// Nor is anything but the new row where a region updates the copy.
// CHECK-LABEL: func @main(
// CHECK-SAME: strut.lifetimes = []
// CHECK-NOT: kernel.map
// CHECK: kernel.region ins(%{{.*}} : memref<1x8xf32>) outs(%{{.*}} : memref<4x8xf32>) attributes {{.*}}updates}
// CHECK-NOT: kernel.map
// CHECK: return
func.func @main(%x: memref<4x8xf32>, %row: memref<1x8xf32>, %y: memref<4x8xf32> {strut.alias = 0 : i64, strut.output = 0 : i64}) attributes {strut.symbols = []} {
  %a = memref.alloc() : memref<4x8xf32>
  memref.copy %x, %a : memref<4x8xf32> to memref<4x8xf32>
  kernel.region ins(%row : memref<1x8xf32>) outs(%a : memref<4x8xf32>) attributes {updates} {
  ^bb0(%r: tensor<1x8xf32>, %c: tensor<4x8xf32>):
    %first = tensor.insert_slice %r into %c[0, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    kernel.yield %first : tensor<4x8xf32>
  }
  memref.copy %a, %y : memref<4x8xf32> to memref<4x8xf32>
  return
}

// -----

// What is asserted of dimensions is found out when they are bound.
// CHECK-LABEL: func @main_bind(
// CHECK-SAME: %[[M:.*]]: index) -> (index, index)
// CHECK-DAG: %[[FINE:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[TROUBLE:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[LEAST:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[HOLDS:.*]] = arith.cmpi sge, %[[M]], %[[LEAST]]
// CHECK: %[[NUMBER:.*]] = arith.select %[[HOLDS]], %[[FINE]], %[[TROUBLE]]
// CHECK: return %[[M]], %[[NUMBER]]
// CHECK-LABEL: func @main(
// CHECK-SAME: strut.requirements = ["node 'x': it has too few"]
// CHECK-NOT: cf.assert
#i = affine_map<(i) -> (i)>
func.func @main(%x: memref<?xf32> {strut.name = "x", strut.dims = ["M"]}, %m: index, %y: memref<?xf32> {strut.output = 0 : i64}) -> index attributes {strut.symbols = ["M"]} {
  %c3 = arith.constant 3 : index
  %holds = arith.cmpi sge, %m, %c3 : index
  cf.assert %holds, "node 'x': it has too few"
  kernel.map ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  return %m : index
}
