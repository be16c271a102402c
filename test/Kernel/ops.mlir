// Every op on tensors and on memrefs, printed and read again.
// RUN: strut-opt %s | strut-opt | FileCheck %s
// RUN: strut-opt %s --emit-bytecode | strut-opt | FileCheck %s

// CHECK: kernel.weight @folded : tensor<2x2xf32> = dense<1.000000e+00> : tensor<2x2xf32>
kernel.weight @folded : tensor<2x2xf32> = dense<1.0> : tensor<2x2xf32>
// CHECK: kernel.weight @w : tensor<8x20xf32> = #kernel.file<"/models/m.onnx", 4096, 640>
kernel.weight @w : tensor<8x20xf32> = #kernel.file<"/models/m.onnx", 4096, 640>
// CHECK: kernel.weight @halves : tensor<3xbf16> = #kernel.file<"/models/m.onnx", 0, 6>
kernel.weight @halves : tensor<3xbf16> = #kernel.file<"/models/m.onnx", 0, 6>

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#n = affine_map<(m, n, k) -> (n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @use
func.func @use() {
  // CHECK: kernel.use @w : tensor<8x20xf32>
  %0 = kernel.use @w : tensor<8x20xf32>
  // CHECK: kernel.use @w : memref<8x20xf32>
  %1 = kernel.use @w : memref<8x20xf32>
  // CHECK: kernel.use @w : !kernel.packed<tensor<8x20xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  %2 = kernel.use @w : !kernel.packed<tensor<8x20xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  return
}

// CHECK-LABEL: func @contract_tensors
func.func @contract_tensors(%x: tensor<?x8xf32>, %b: tensor<20xf32>, %o: tensor<?x20xf32>) -> tensor<?x20xf32> {
  %w = kernel.use @w : tensor<8x20xf32>
  // CHECK: kernel.contract ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<8x20xf32>, tensor<20xf32>)
  // CHECK-SAME: outs(%{{.*}} : tensor<?x20xf32>) attributes {indexing_maps = [{{.*}}]} {
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[B:.*]]: f32):
  // CHECK-NEXT: arith.addf %[[ACC]], %[[B]] : f32
  // CHECK-NEXT: kernel.yield %{{.*}} : f32
  // CHECK-NEXT: } -> tensor<?x20xf32>
  %y = kernel.contract ins(%x, %w, %b : tensor<?x8xf32>, tensor<8x20xf32>, tensor<20xf32>)
      outs(%o : tensor<?x20xf32>) attributes {indexing_maps = [#mk, #kn, #n, #mn]} {
  ^bb0(%acc: f32, %bias: f32):
    %s = arith.addf %acc, %bias : f32
    kernel.yield %s : f32
  } -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// A gated net: two sums of one x, added to the second one another product.
// CHECK-LABEL: func @contract_sums
func.func @contract_sums(%x: tensor<?x8xf32>, %z: tensor<?x3xf32>, %v: tensor<8x20xf32>, %u: tensor<3x20xf32>, %o: tensor<?x20xf32>) -> tensor<?x20xf32> {
  // CHECK: kernel.contract ins({{.*}}) outs({{.*}}) attributes {indexing_maps = [{{.*}}], sums = array<i64: 0, 1, 1>}
  %y = kernel.contract ins(%x, %v, %x, %v, %z, %u : tensor<?x8xf32>, tensor<8x20xf32>, tensor<?x8xf32>, tensor<8x20xf32>, tensor<?x3xf32>, tensor<3x20xf32>)
      outs(%o : tensor<?x20xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k, r) -> (m, k)>, affine_map<(m, n, k, r) -> (k, n)>,
                                   affine_map<(m, n, k, r) -> (m, k)>, affine_map<(m, n, k, r) -> (k, n)>,
                                   affine_map<(m, n, k, r) -> (m, r)>, affine_map<(m, n, k, r) -> (r, n)>,
                                   affine_map<(m, n, k, r) -> (m, n)>], sums = array<i64: 0, 1, 1>} {
  ^bb0(%gate: f32, %up: f32):
    %p = arith.mulf %gate, %up : f32
    kernel.yield %p : f32
  } -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// CHECK-LABEL: func @contract_memrefs
func.func @contract_memrefs(%x: memref<?x8xf32, strided<[?, 1], offset: ?>>, %o: memref<?x20xf32>, %s: memref<?xf32>) {
  %w = kernel.use @w : !kernel.packed<tensor<8x20xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  // CHECK: kernel.contract ins({{.*}}) outs(%{{.*}} : memref<?x20xf32>) workspace(%{{.*}} : memref<?xf32>)
  kernel.contract ins(%x, %w : memref<?x8xf32, strided<[?, 1], offset: ?>>, !kernel.packed<tensor<8x20xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>)
      outs(%o : memref<?x20xf32>) workspace(%s : memref<?xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

#q = affine_map<(h, m, s, d, e) -> (m, h, d)>
#k = affine_map<(h, m, s, d, e) -> (s, h floordiv 4, d)>
#v = affine_map<(h, m, s, d, e) -> (s, h floordiv 4, e)>
#out = affine_map<(h, m, s, d, e) -> (m, h, e)>

// CHECK-LABEL: func @attention_tensors
func.func @attention_tensors(%q: tensor<?x8x32xf32>, %k: tensor<?x2x32xf32>, %o: tensor<?x8x32xf32>) -> tensor<?x8x32xf32> {
  // CHECK: kernel.attention ins({{.*}}) outs({{.*}}) attributes {indexing_maps = [{{.*}}]} {
  // CHECK: kernel.index 1
  // CHECK: } -> tensor<?x8x32xf32>
  %y = kernel.attention ins(%q, %k, %k : tensor<?x8x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>)
      outs(%o : tensor<?x8x32xf32>) attributes {indexing_maps = [#q, #k, #v, #out]} {
  ^bb0(%score: f32):
    %i = kernel.index 1
    kernel.yield %score : f32
  } -> tensor<?x8x32xf32>
  return %y : tensor<?x8x32xf32>
}

// CHECK-LABEL: func @attention_memrefs
func.func @attention_memrefs(%q: memref<?x8x32xf32>, %k: memref<?x2x32xf32>, %o: memref<?x8x32xf32>) {
  // CHECK: kernel.attention ins({{.*}} : memref<?x8x32xf32>, memref<?x2x32xf32>, memref<?x2x32xf32>) outs({{.*}} : memref<?x8x32xf32>)
  kernel.attention ins(%q, %k, %k : memref<?x8x32xf32>, memref<?x2x32xf32>, memref<?x2x32xf32>)
      outs(%o : memref<?x8x32xf32>) attributes {indexing_maps = [#q, #k, #v, #out]} {
  ^bb0(%score: f32):
    kernel.yield %score : f32
  }
  return
}

#ri = affine_map<(r, i) -> (r, i)>
#r = affine_map<(r, i) -> (r)>

// CHECK-LABEL: func @rows_tensors
func.func @rows_tensors(%x: tensor<?x9xf32>, %o: tensor<?x9xf32>, %p: tensor<?xf32>) -> (tensor<?x9xf32>, tensor<?xf32>) {
  // CHECK: kernel.rows ins({{.*}}) outs(%{{.*}}, %{{.*}} : tensor<?x9xf32>, tensor<?xf32>) attributes {axes = 1 : i64, indexing_maps = [{{.*}}]} {
  // CHECK: kernel.combine add %{{.*}} : f32
  // CHECK: kernel.combine max %{{.*}} : f32
  // CHECK: } -> tensor<?x9xf32>, tensor<?xf32>
  %y:2 = kernel.rows ins(%x : tensor<?x9xf32>) outs(%o, %p : tensor<?x9xf32>, tensor<?xf32>)
      attributes {axes = 1 : i64, indexing_maps = [#ri, #ri, #r]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    %m = kernel.combine max %e : f32
    kernel.yield %s, %m : f32, f32
  } -> tensor<?x9xf32>, tensor<?xf32>
  return %y#0, %y#1 : tensor<?x9xf32>, tensor<?xf32>
}

// CHECK-LABEL: func @rows_memrefs
func.func @rows_memrefs(%x: memref<?x9xf32>, %o: memref<?x4xf32>) {
  // CHECK: kernel.rows ins({{.*}} : memref<?x9xf32>) outs({{.*}} : memref<?x4xf32>) attributes {axes = 1 : i64, extents = array<i64: -1, -1, 3>, indexing_maps
  kernel.rows ins(%x : memref<?x9xf32>) outs(%o : memref<?x4xf32>)
      attributes {axes = 1 : i64, extents = array<i64: -1, -1, 3>,
                  indexing_maps = [affine_map<(r, o, w) -> (r, o * 2 + w)>, affine_map<(r, o, w) -> (r, o)>]} {
  ^bb0(%e: f32):
    %s = kernel.combine min %e : f32
    kernel.yield %s : f32
  }
  return
}

#td = affine_map<(t, d) -> (t, d)>
#t = affine_map<(t, d) -> (t)>
#none = affine_map<(t, d) -> ()>

// CHECK-LABEL: func @map_tensors
func.func @map_tensors(%ids: tensor<?xi64>, %table: tensor<50x6xf32>, %o: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // CHECK: kernel.map ins({{.*}} : tensor<?xi64>, tensor<50x6xf32>) outs({{.*}}) attributes {indexing_maps = [{{.*}}]} {
  // CHECK-NEXT: ^bb0(%{{.*}}: i64, %{{.*}}: none):
  // CHECK: %[[D:.*]] = kernel.index 1
  // CHECK: kernel.fetch 1[%{{.*}}, %[[D]]] : f32
  %y = kernel.map ins(%ids, %table : tensor<?xi64>, tensor<50x6xf32>) outs(%o : tensor<?x6xf32>)
      attributes {indexing_maps = [#t, #none, #td]} {
  ^bb0(%id: i64, %unused: none):
    %row = arith.index_cast %id : i64 to index
    %d = kernel.index 1
    %e = kernel.fetch 1[%row, %d] : f32
    kernel.yield %e : f32
  } -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// CHECK-LABEL: func @map_memrefs
func.func @map_memrefs(%o: memref<?x6xf32>) {
  // CHECK: kernel.map ins() outs(%{{.*}} : memref<?x6xf32>)
  kernel.map ins() outs(%o : memref<?x6xf32>) attributes {indexing_maps = [#td]} {
    %c = arith.constant 1.0 : f32
    kernel.yield %c : f32
  }
  return
}

// CHECK-LABEL: func @region_tensors
func.func @region_tensors(%x: tensor<?xf32>, %o: tensor<?xf32>, %i: index) -> tensor<?xf32> {
  // CHECK: kernel.region ins(%{{.*}} : tensor<?xf32>) outs(%{{.*}} : tensor<?xf32>) scalars(%{{.*}} : index) {
  // CHECK-NEXT: ^bb0(%{{.*}}: tensor<?xf32>, %{{.*}}: tensor<?xf32>, %{{.*}}: index):
  %y = kernel.region ins(%x : tensor<?xf32>) outs(%o : tensor<?xf32>) scalars(%i : index) {
  ^bb0(%a: tensor<?xf32>, %b: tensor<?xf32>, %j: index):
    kernel.yield %a : tensor<?xf32>
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// CHECK-LABEL: func @region_updates
func.func @region_updates(%row: tensor<1x8xf32>, %cache: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: kernel.region ins(%{{.*}} : tensor<1x8xf32>) outs(%{{.*}} : tensor<?x8xf32>) attributes {updates} {
  %y = kernel.region ins(%row : tensor<1x8xf32>) outs(%cache : tensor<?x8xf32>) attributes {updates} {
  ^bb0(%r: tensor<1x8xf32>, %c: tensor<?x8xf32>):
    %first = tensor.insert_slice %r into %c[0, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<?x8xf32>
    kernel.yield %first : tensor<?x8xf32>
  } -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func @region_memrefs
func.func @region_memrefs(%x: memref<?xf32, strided<[?]>>, %o: memref<?xf32>) {
  // The body sees tensors.
  // CHECK: kernel.region ins(%{{.*}} : memref<?xf32, strided<[?]>>) outs(%{{.*}} : memref<?xf32>) {
  // CHECK-NEXT: ^bb0(%{{.*}}: tensor<?xf32>, %{{.*}}: tensor<?xf32>):
  kernel.region ins(%x : memref<?xf32, strided<[?]>>) outs(%o : memref<?xf32>) {
  ^bb0(%a: tensor<?xf32>, %b: tensor<?xf32>):
    kernel.yield %a : tensor<?xf32>
  }
  return
}

// CHECK: kernel.program @toy for "any attribute" {
// CHECK-NEXT: func.func @main
// CHECK: kernel.program @other for unit attributes {note = 1 : i64} {
kernel.weight @shared : tensor<2xf32> = dense<1.0> : tensor<2xf32>
kernel.program @toy for "any attribute" {
  func.func @main() -> tensor<2xf32> {
    %w = kernel.use @shared : tensor<2xf32>
    return %w : tensor<2xf32>
  }
}
kernel.program @other for unit attributes {note = 1 : i64} {
}
