// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(convert-vector-to-llvm,strut-convert-to-llvm,reconcile-unrealized-casts))' | FileCheck %s

// A launch writes its arguments to the stack and gives their address to the runtime.
// CHECK-LABEL: llvm.func @host
// CHECK: %[[BUNDLE:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(i64, i64)> {alignment = 64 : i64}
// CHECK: llvm.store
// CHECK: llvm.store
// CHECK: %[[TASK:.*]] = llvm.mlir.addressof @work_task
// CHECK: llvm.call @strut_rt_parallel(%{{.*}}, %[[TASK]], %[[BUNDLE]], %{{.*}})
func.func @host(%executor: !llvm.ptr, %tasks: index, %a: index, %b: index) {
  cpu.launch @work on %executor : !llvm.ptr tasks %tasks(%a, %b : index, index)
  return
}
func.func private @work(%a: index, %b: index, %begin: index, %end: index) {
  return
}
func.func private @work_task(%bundle: !llvm.ptr, %begin: i64, %end: i64) {
  return
}

// Halves go through masked accesses as integers.
// CHECK-LABEL: llvm.func @halves
// CHECK: %[[I:.*]] = llvm.intr.masked.load {{.*}} : (!llvm.ptr, vector<16xi1>, vector<16xi16>) -> vector<16xi16>
// CHECK: %[[H:.*]] = llvm.bitcast %[[I]] : vector<16xi16> to vector<16xbf16>
// CHECK: %[[S:.*]] = llvm.bitcast %{{.*}} : vector<16xbf16> to vector<16xi16>
// CHECK: llvm.intr.masked.store %[[S]], {{.*}} : vector<16xi16>, vector<16xi1> into !llvm.ptr
func.func @halves(%m: memref<?xbf16>, %mask: vector<16xi1>, %at: index) {
  %zero = arith.constant dense<0.0> : vector<16xbf16>
  %v = vector.maskedload %m[%at], %mask, %zero : memref<?xbf16>, vector<16xi1>, vector<16xbf16> into vector<16xbf16>
  vector.maskedstore %m[%at], %mask, %v : memref<?xbf16>, vector<16xi1>, vector<16xbf16>
  return
}

// Floats stay floats.
// CHECK-LABEL: llvm.func @floats
// CHECK: llvm.intr.masked.load {{.*}} -> vector<16xf32>
func.func @floats(%m: memref<?xf32>, %mask: vector<16xi1>, %at: index) -> vector<16xf32> {
  %zero = arith.constant dense<0.0> : vector<16xf32>
  %v = vector.maskedload %m[%at], %mask, %zero : memref<?xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
  return %v : vector<16xf32>
}
