// RUN: strut-opt %s -split-input-file -verify-diagnostics | strut-opt -split-input-file | FileCheck %s

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#bias = affine_map<(m, n, r, k) -> (r)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// CHECK-LABEL: func @tensors
func.func @tensors(%x: tensor<?x8xf16>, %a: tensor<8x4xf16>, %b: tensor<4x6xf16>, %c: tensor<4xf32>, %o: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // CHECK: kernel.chain ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf16>, tensor<8x4xf16>, tensor<4x6xf16>, tensor<4xf32>, tensor<?x6xf32>) outs(%{{.*}} : tensor<?x6xf32>)
  // CHECK-SAME: middle_extras = 1 : i64
  // CHECK-SAME: middle {
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
  // CHECK: kernel.yield %{{.*}} : f16
  // CHECK-NEXT: } then {
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
  // CHECK: } -> tensor<?x6xf32>
  %y = kernel.chain ins(%x, %a, %b, %c, %o : tensor<?x8xf16>, tensor<8x4xf16>, tensor<4x6xf16>, tensor<4xf32>, tensor<?x6xf32>)
      outs(%o : tensor<?x6xf32>) attributes {middle_extras = 1 : i64, indexing_maps = [#lhs, #rhs, #next, #bias, #init, #init]}
  middle {
  ^bb0(%acc: f32, %bias: f32):
    %s = arith.addf %acc, %bias : f32
    %h = arith.truncf %s : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32, %residual: f32):
    %s = arith.addf %acc, %residual : f32
    kernel.yield %s : f32
  } -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 1: no second right side.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs lhs, rhs, next, the middle's extras and one init}}
  kernel.chain ins(%x, %a : memref<?x8xf16>, memref<8x4xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 1: fewer extras than the middle takes.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs lhs, rhs, next, the middle's extras and one init}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 1 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r + 1, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 2: a right side in steps of its own.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs projected permutations as maps of rhs, next and init}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k, n)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 2: a left side that depends on the column.
func.func @refused(%x: memref<?x8x6xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs a map of lhs over (m, k) and of rhs over (r, k)}}
  kernel.chain ins(%x, %a, %b : memref<?x8x6xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>
#extra = affine_map<(m, n, r, k) -> (n)>

// Constraint 3: an extra of the middle that depends on the result's column.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %e: memref<6xf32>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{has an extra operand that depends on a dimension it is not read at}}
  kernel.chain ins(%x, %a, %b, %e : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>, memref<6xf32>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 1 : i64, indexing_maps = [#lhs, #rhs, #next, #extra, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>
#extra = affine_map<(m, n, r, k) -> (r)>

// Constraint 3: another extra that depends on the middle's column.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %e: memref<4xf32>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{has an extra operand that depends on a dimension it is not read at}}
  kernel.chain ins(%x, %a, %b, %e : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>, memref<4xf32>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #extra, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32, %v: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 4: factors of two types.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf32>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs factors of one element type, of floats}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf32>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 5: a middle of another type.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs a middle that yields a 'f16'}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 5: a middle with other arguments.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{needs a body with arguments ('f32')}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32, %v: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 5: a middle that asks for its row.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{has a middle that knows its place}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    %row = kernel.index 0
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(m, n, r, k) -> (m, k)>
#rhs = affine_map<(m, n, r, k) -> (k, r)>
#next = affine_map<(m, n, r, k) -> (r, n)>
#init = affine_map<(m, n, r, k) -> (m, n)>

// Constraint 6: a body of another type.
func.func @refused(%x: memref<?x8xf16>, %a: memref<8x4xf16>, %b: memref<4x6xf16>, %o: memref<?x6xf32>) {
  // expected-error @+1 {{yields a 'f16' for an init of type 'memref<?x6xf32>', needs a 'f32'}}
  kernel.chain ins(%x, %a, %b : memref<?x8xf16>, memref<8x4xf16>, memref<4x6xf16>)
      outs(%o : memref<?x6xf32>) attributes {middle_extras = 0 : i64, indexing_maps = [#lhs, #rhs, #next, #init]}
  middle {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  } then {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  }
  return
}
