// An input that lies along another dimension than the result is read along its own one and
// turned in registers, a tile of 4 x 4 at a time: four loads, eight shuffles, four stores.
// A tile that is cut goes over the stack, row by row under masks.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 16, vector_registers = 16>}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

#nhwc = affine_map<(n, p, c) -> (n, p, c)>
#nchw = affine_map<(n, p, c) -> (n, c, p)>
#c = affine_map<(n, p, c) -> (c)>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x64x3136xf32>, %bias: memref<64xf32>, %rgb: memref<?x3x3136xf32>,
                %y: memref<?x3136x64xf32> {strut.output = 0 : i64},
                %z: memref<?x3136x3xf32> {strut.output = 1 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  // CHECK-LABEL: func private @map_0
  // CHECK: %[[TILE:.*]] = memref.alloca() {{.*}}memref<16xf32>
  // Strips of channels run along the pixels, where neighbours are closer in memory.
  // CHECK: scf.for %[[P:.*]] = %{{.*}} to %{{.*}} step %c4
  // CHECK: scf.if
  // CHECK-COUNT-4: vector.load %arg0{{.*}} vector<4xf32>
  // CHECK-NOT: vector.load %arg0
  // CHECK-COUNT-8: vector.shuffle
  // CHECK-NOT: vector.shuffle
  // CHECK-COUNT-4: vector.store %{{.*}}, %arg2
  // CHECK: } else {
  // CHECK-COUNT-4: vector.maskedload %arg0
  // CHECK-COUNT-8: vector.shuffle
  // CHECK-COUNT-4: vector.store %{{.*}}, %[[TILE]]
  // CHECK: scf.for
  // CHECK: vector.load %[[TILE]]
  // CHECK: vector.maskedstore %arg2
  kernel.map ins(%x, %bias : memref<?x64x3136xf32>, memref<64xf32>) outs(%y : memref<?x3136x64xf32>)
      attributes {indexing_maps = [#nchw, #c, #nhwc]} {
  ^bb0(%e: f32, %b: f32):
    %s = arith.addf %e, %b : f32
    kernel.yield %s : f32
  }
  // Three channels: as many loads, and stores of three elements without a mask.
  // CHECK-LABEL: func private @map_1
  // CHECK-COUNT-3: vector.load %arg0{{.*}} vector<4xf32>
  // CHECK-NOT: vector.load %arg0
  // CHECK-COUNT-8: vector.shuffle
  // CHECK-COUNT-4: vector.store %{{.*}}, %arg1{{.*}} vector<3xf32>
  // CHECK: } else {
  kernel.map ins(%rgb : memref<?x3x3136xf32>) outs(%z : memref<?x3136x3xf32>)
      attributes {indexing_maps = [#nchw, #nhwc]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  return
}
