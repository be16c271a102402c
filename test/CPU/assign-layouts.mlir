// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-assign-layouts))' --split-input-file | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 16, vector_registers = 16>}"},kernel.program(strut-assign-layouts))' --split-input-file | FileCheck %s --check-prefix=SSE

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

kernel.weight @wide : tensor<8x200xf32> = #kernel.file<"m.onnx", 0, 6400>
kernel.weight @narrow : tensor<10x8xf32> = #kernel.file<"m.onnx", 6400, 320>

// A weight is packed in panels, as wide as the registers hold and no wider than its
// columns need (13 vectors fill 3 panels of 5 better than 4 of 4); which axis holds
// the columns is said by the layout.
// CHECK-LABEL: func @weights
// SSE-LABEL: func @weights
func.func @weights(%x: tensor<?x8xf32>, %a: tensor<?x200xf32>, %b: tensor<?x10xf32>) -> (tensor<?x200xf32>, tensor<?x10xf32>) {
  // CHECK: kernel.use @wide : !kernel.packed<tensor<8x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 80>>
  // CHECK: kernel.contract {{.*}} outs
  // CHECK-NOT: workspace
  // SSE: kernel.use @wide : !kernel.packed<tensor<8x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 8>>
  %w = kernel.use @wide : tensor<8x200xf32>
  %0 = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x200xf32>) outs(%a : tensor<?x200xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x200xf32>
  // CHECK: kernel.use @narrow : !kernel.packed<tensor<10x8xf32>, #cpu.panels<rows = [1], cols = [0], n = 16>>
  // SSE: kernel.use @narrow : !kernel.packed<tensor<10x8xf32>, #cpu.panels<rows = [1], cols = [0], n = 12>>
  %v = kernel.use @narrow : tensor<10x8xf32>
  %1 = kernel.contract ins(%x, %v : tensor<?x8xf32>, tensor<10x8xf32>) outs(%b : tensor<?x10xf32>) attributes {indexing_maps = [#mk, #nk, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x10xf32>
  return %0, %1 : tensor<?x200xf32>, tensor<?x10xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
kernel.weight @w : tensor<8x200xf32> = #kernel.file<"m.onnx", 0, 6400>

// Of a matrix whose first columns, or rows, are read, the whole is packed; not so where others
// are.
// CHECK-LABEL: func @leading
func.func @leading(%x: tensor<?x8xf32>, %z: tensor<?x?xf32>, %a: tensor<?x?xf32>, %b: tensor<?x200xf32>, %n: index) -> (tensor<?x?xf32>, tensor<?x200xf32>, tensor<?x?xf32>) {
  // CHECK: %[[COLUMNS:.*]] = kernel.use @w : !kernel.packed<tensor<8x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 80>>
  // CHECK-NEXT: kernel.contract ins(%{{.*}}, %[[COLUMNS]] :
  %w = kernel.use @w : tensor<8x200xf32>
  %columns = tensor.extract_slice %w[0, 0] [8, %n] [1, 1] : tensor<8x200xf32> to tensor<8x?xf32>
  %0 = kernel.contract ins(%x, %columns : tensor<?x8xf32>, tensor<8x?xf32>) outs(%a : tensor<?x?xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x?xf32>
  // CHECK: %[[ROWS:.*]] = kernel.use @w : !kernel.packed
  // CHECK-NEXT: kernel.contract ins(%{{.*}}, %[[ROWS]] :
  %rows = tensor.extract_slice %w[0, 0] [%n, 200] [1, 1] : tensor<8x200xf32> to tensor<?x200xf32>
  %1 = kernel.contract ins(%z, %rows : tensor<?x?xf32>, tensor<?x200xf32>) outs(%b : tensor<?x200xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x200xf32>
  // CHECK: %[[LAST:.*]] = tensor.extract_slice %{{.*}}[0, 3]
  // CHECK: kernel.contract ins(%{{.*}}, %[[LAST]] :
  %last = tensor.extract_slice %w[0, 3] [8, %n] [1, 1] : tensor<8x200xf32> to tensor<8x?xf32>
  %2 = kernel.contract ins(%x, %last : tensor<?x8xf32>, tensor<8x?xf32>) outs(%a : tensor<?x?xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x?xf32>
  return %0, %1, %2 : tensor<?x?xf32>, tensor<?x200xf32>, tensor<?x?xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
kernel.weight @w : tensor<8x16xf32> = #kernel.file<"m.onnx", 0, 512>

// A use that something else reads stays as it is.
// CHECK-LABEL: func @shared
func.func @shared(%x: tensor<?x8xf32>, %o: tensor<?x16xf32>) -> (tensor<?x16xf32>, tensor<8x16xf32>) {
  // CHECK: %[[PLAIN:.*]] = kernel.use @w : tensor<8x16xf32>
  // CHECK: %[[PACKED:.*]] = kernel.use @w : !kernel.packed
  // CHECK: kernel.contract ins(%{{.*}}, %[[PACKED]] :
  %w = kernel.use @w : tensor<8x16xf32>
  %0 = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x16xf32>) outs(%o : tensor<?x16xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x16xf32>
  // CHECK: return %{{.*}}, %[[PLAIN]]
  return %0, %w : tensor<?x16xf32>, tensor<8x16xf32>
}

// -----

#bmk = affine_map<(b, m, n, k) -> (b, m, k)>
#bkn = affine_map<(b, m, n, k) -> (b, k, n)>
#bnk = affine_map<(b, m, n, k) -> (b, n, k)>
#bmn = affine_map<(b, m, n, k) -> (b, m, n)>

// A computed operand is read where it lies if its columns follow each other, and else
// packed into a workspace of whole panels.
// CHECK-LABEL: func @computed
func.func @computed(%x: tensor<?x?x8xf32>, %v: tensor<?x8x?xf32>, %t: tensor<?x?x8xf32>, %o: tensor<?x?x?xf32>) -> (tensor<?x?x?xf32>, tensor<?x?x?xf32>) {
  // CHECK: kernel.contract {{.*}} outs(%{{.*}} : tensor<?x?x?xf32>) attributes
  %0 = kernel.contract ins(%x, %v : tensor<?x?x8xf32>, tensor<?x8x?xf32>) outs(%o : tensor<?x?x?xf32>) attributes {indexing_maps = [#bmk, #bkn, #bmn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x?x?xf32>
  // CHECK: %[[N:.*]] = tensor.dim %arg2
  // CHECK: %[[PANELS:.*]] = arith.ceildivui %[[N]], %{{.*}} : index
  // CHECK: %[[SIZE:.*]] = tensor.empty(%{{.*}}) : tensor<?xf32>
  // CHECK: kernel.contract {{.*}} workspace(%[[SIZE]] : tensor<?xf32>)
  %1 = kernel.contract ins(%x, %t : tensor<?x?x8xf32>, tensor<?x?x8xf32>) outs(%o : tensor<?x?x?xf32>) attributes {indexing_maps = [#bmk, #bnk, #bmn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x?x?xf32>
  return %0, %1 : tensor<?x?x?xf32>, tensor<?x?x?xf32>
}

// -----

#q = affine_map<(m, s, d, e) -> (m, d)>
#k = affine_map<(m, s, d, e) -> (s, d)>
#v = affine_map<(m, s, d, e) -> (s, e)>
#o = affine_map<(m, s, d, e) -> (m, e)>

// Keys are always packed: 100 of them fill two panels of 64, of 32 features each.
// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<?x32xf32>, %k: tensor<100x32xf32>, %o: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // CHECK: %[[KEYS:.*]] = tensor.empty() : tensor<4096xf32>
  // CHECK: kernel.attention {{.*}} workspace(%[[KEYS]] : tensor<4096xf32>)
  %y = kernel.attention ins(%q, %k, %k : tensor<?x32xf32>, tensor<100x32xf32>, tensor<100x32xf32>) outs(%o : tensor<?x32xf32>) attributes {indexing_maps = [#q, #k, #v, #o]} {
  ^bb0(%score: f32):
    kernel.yield %score : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

#x = affine_map<(n, i, j, c, p, q) -> (n, i + p, j + q, c)>
#w = affine_map<(n, i, j, c, p, q) -> (c, p, q)>
#y = affine_map<(n, i, j, c, p, q) -> (n, i, j, c)>
#rows = affine_map<(r, i) -> (r, i)>
#long = affine_map<(r, i) -> (r)>

kernel.weight @filters : tensor<40x3x3xf32> = #kernel.file<"m.onnx", 0, 1440>
kernel.weight @table : tensor<10x64xf32> = #kernel.file<"m.onnx", 1440, 2560>

// A filter per channel is turned to where the channels lie; rows that are read along
// stay as they are.
// CHECK-LABEL: func @windows
// SSE-LABEL: func @windows
func.func @windows(%x: tensor<?x8x8x40xf32>, %a: tensor<?x6x6x40xf32>, %b: tensor<10xf32>) -> (tensor<?x6x6x40xf32>, tensor<10xf32>) {
  // CHECK: kernel.use @filters : !kernel.packed<tensor<40x3x3xf32>, #cpu.panels<rows = [1, 2], cols = [0], n = 48>>
  // SSE: kernel.use @filters : !kernel.packed<tensor<40x3x3xf32>, #cpu.panels<rows = [1, 2], cols = [0], n = 40>>
  %w = kernel.use @filters : tensor<40x3x3xf32>
  %0 = kernel.rows ins(%x, %w : tensor<?x8x8x40xf32>, tensor<40x3x3xf32>) outs(%a : tensor<?x6x6x40xf32>) attributes {axes = 2 : i64, indexing_maps = [#x, #w, #y]} {
  ^bb0(%e: f32, %f: f32):
    %p = arith.mulf %e, %f : f32
    %s = kernel.combine add %p : f32
    kernel.yield %s : f32
  } -> tensor<?x6x6x40xf32>
  // CHECK: kernel.use @table : tensor<10x64xf32>
  %t = kernel.use @table : tensor<10x64xf32>
  %1 = kernel.rows ins(%t : tensor<10x64xf32>) outs(%b : tensor<10xf32>) attributes {axes = 1 : i64, indexing_maps = [#rows, #long]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  } -> tensor<10xf32>
  return %0, %1 : tensor<?x6x6x40xf32>, tensor<10xf32>
}

// -----

#mk = affine_map<(m, n, k, r) -> (m, k)>
#kn = affine_map<(m, n, k, r) -> (k, n)>
#mr = affine_map<(m, n, k, r) -> (m, r)>
#rn = affine_map<(m, n, k, r) -> (r, n)>
#mn = affine_map<(m, n, k, r) -> (m, n)>
kernel.weight @gate : tensor<8x200xf32> = #kernel.file<"m.onnx", 0, 6400>
kernel.weight @up : tensor<8x200xf32> = #kernel.file<"m.onnx", 6400, 6400>
kernel.weight @update : tensor<3x200xf32> = #kernel.file<"m.onnx", 12800, 2400>

// Two sums of the same rows lie side by side in a tile, so that each has half of its vectors;
// what else adds to them is as wide.
// CHECK-LABEL: func @sums
// SSE-LABEL: func @sums
func.func @sums(%x: tensor<?x8xf32>, %z: tensor<?x3xf32>, %o: tensor<?x200xf32>) -> tensor<?x200xf32> {
  // CHECK-DAG: kernel.use @gate : !kernel.packed<tensor<8x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 32>>
  // CHECK-DAG: kernel.use @up : !kernel.packed<tensor<8x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 32>>
  // CHECK-DAG: kernel.use @update : !kernel.packed<tensor<3x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 32>>
  // SSE: kernel.use @{{.*}} : !kernel.packed<tensor<{{[38]}}x200xf32>, #cpu.panels<rows = [0], cols = [1], n = 4>>
  %g = kernel.use @gate : tensor<8x200xf32>
  %u = kernel.use @up : tensor<8x200xf32>
  %v = kernel.use @update : tensor<3x200xf32>
  %y = kernel.contract ins(%x, %g, %x, %u, %z, %v : tensor<?x8xf32>, tensor<8x200xf32>, tensor<?x8xf32>, tensor<8x200xf32>, tensor<?x3xf32>, tensor<3x200xf32>)
      outs(%o : tensor<?x200xf32>) attributes {indexing_maps = [#mk, #kn, #mk, #kn, #mr, #rn, #mn], sums = array<i64: 0, 1, 1>} {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %b : f32
    kernel.yield %p : f32
  } -> tensor<?x200xf32>
  return %y : tensor<?x200xf32>
}
