// RUN: strut-opt %s --split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-expand-math))' | FileCheck %s
// RUN: strut-opt %s --split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<fma = false>}"},kernel.program(strut-expand-math))' | FileCheck %s --check-prefix=NOFMA

// Vectors and scalars become the same arithmetic, the range reduction first.
// CHECK-LABEL: func @exponential
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK: arith.cmpf olt, %{{.*}}, %[[X]] : vector<16xf32>
// CHECK: math.fma
// CHECK: arith.shli
// CHECK-NOT: math.exp
// CHECK: return
// NOFMA-LABEL: func @exponential
// NOFMA-NOT: math.
// NOFMA: return
func.func @exponential(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// -----

// CHECK-LABEL: func @all_of_them
// CHECK-NOT: math.{{erf|tanh|log|rsqrt}}
// CHECK: return
func.func @all_of_them(%x: f32) -> (f32, f32, f32, f32) {
  %0 = math.erf %x : f32
  %1 = math.tanh %x : f32
  %2 = math.log %x : f32
  %3 = math.rsqrt %x : f32
  return %0, %1, %2, %3 : f32, f32, f32, f32
}

// -----

// What every target has is left alone.
// CHECK-LABEL: func @instructions
// CHECK: math.sqrt
// CHECK: math.floor
// CHECK: math.absf
func.func @instructions(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.sqrt %x : vector<8xf32>
  %1 = math.floor %0 : vector<8xf32>
  %2 = math.absf %1 : vector<8xf32>
  return %2 : vector<8xf32>
}

// -----

// Half precision is computed in f32.
// CHECK-LABEL: func @half
// CHECK: arith.mulf %{{.*}} : vector<8xf32>
// CHECK-NOT: arith.mulf %{{.*}} : vector<8xbf16>
// CHECK: return
func.func @half(%x: vector<8xbf16>, %y: vector<8xbf16>) -> vector<8xbf16> {
  %0 = arith.mulf %x, %y : vector<8xbf16>
  return %0 : vector<8xbf16>
}
