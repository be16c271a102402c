// RUN: strut-opt %s -split-input-file -verify-diagnostics | strut-opt -split-input-file | FileCheck %s

// CHECK-LABEL: func @experts
func.func @experts(%x: tensor<?x?x8xf32>, %l: tensor<?x?x4xf32>, %a: tensor<4x8x16xf32>, %ab: tensor<4x16xf32>, %g: tensor<4x8x16xf32>, %o: tensor<4x16x6xf32>, %ob: tensor<4x6xf32>) -> tensor<?x?x6xf32> {
  // CHECK: layer.route %{{.*}} top 2 of selected : tensor<?x?x4xf32> -> tensor<?x?x2xf32>, tensor<?x?x2xi64>
  %w, %e = layer.route %l top 2 of selected : tensor<?x?x4xf32> -> tensor<?x?x2xf32>, tensor<?x?x2xi64>
  // CHECK: layer.experts %{{.*}} by %{{.*}}, %{{.*}} in %{{.*}} bias %{{.*}} gate %{{.*}} out %{{.*}} bias %{{.*}} {activation = #layer.activation<swish>, alpha = 1.000000e+00 : f64} :
  %y = layer.experts %x by %w, %e in %a bias %ab gate %g out %o bias %ob {activation = #layer.activation<swish>, alpha = 1.0 : f64}
      : (tensor<?x?x8xf32>, tensor<?x?x2xf32>, tensor<?x?x2xi64>, tensor<4x8x16xf32>, tensor<4x16xf32>, tensor<4x8x16xf32>, tensor<4x16x6xf32>, tensor<4x6xf32>) -> tensor<?x?x6xf32>
  // CHECK: layer.route %{{.*}} top 1 of all
  %v, %f = layer.route %l top 1 of all : tensor<?x?x4xf32> -> tensor<?x?x1xf32>, tensor<?x?x1xi64>
  // CHECK: layer.experts %{{.*}} by %{{.*}}, %{{.*}} in %{{.*}} out %{{.*}} {activation = #layer.activation<relu>} :
  %z = layer.experts %x by %v, %f in %a out %o {activation = #layer.activation<relu>}
      : (tensor<?x?x8xf32>, tensor<?x?x1xf32>, tensor<?x?x1xi64>, tensor<4x8x16xf32>, tensor<4x16x6xf32>) -> tensor<?x?x6xf32>
  return %y : tensor<?x?x6xf32>
}

// -----

// Constraint 1 of layer.route.
func.func @logits(%l: tensor<?x4xi32>) {
  // expected-error @+1 {{needs logits of floats along at least one axis, got 'tensor<?x4xi32>'}}
  %w, %e = layer.route %l top 2 of all : tensor<?x4xi32> -> tensor<?x2xi32>, tensor<?x2xi64>
  return
}

// -----

// Constraint 2 of layer.route.
func.func @too_many(%l: tensor<?x4xf32>) {
  // expected-error @+1 {{chooses 5 of 4 experts}}
  %w, %e = layer.route %l top 5 of all : tensor<?x4xf32> -> tensor<?x5xf32>, tensor<?x5xi64>
  return
}

// -----

// Constraint 1 of layer.experts.
func.func @rows(%x: tensor<?x8xf32>, %w: tensor<7x2xf32>, %e: tensor<5x2xi64>, %a: tensor<4x8x16xf32>, %o: tensor<4x16x6xf32>) {
  // expected-error @+1 {{needs weights and experts for every row of 'tensor<?x8xf32>'}}
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>} : (tensor<?x8xf32>, tensor<7x2xf32>, tensor<5x2xi64>, tensor<4x8x16xf32>, tensor<4x16x6xf32>) -> tensor<?x6xf32>
  return
}

// -----

// Constraint 2.
func.func @choices(%x: tensor<?x8xf32>, %w: tensor<?x?xf32>, %e: tensor<?x?xi64>, %a: tensor<4x8x16xf32>, %o: tensor<4x16x6xf32>) {
  // expected-error @+1 {{needs a known number of experts per row, got 'tensor<?x?xi64>'}}
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>} : (tensor<?x8xf32>, tensor<?x?xf32>, tensor<?x?xi64>, tensor<4x8x16xf32>, tensor<4x16x6xf32>) -> tensor<?x6xf32>
  return
}

// -----

// Constraint 3.
func.func @hidden(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %a: tensor<4x8x16xf32>, %o: tensor<4x15x6xf32>) {
  // expected-error @+1 {{needs outer matrices of type 'tensor<4x16x6xf32>', got 'tensor<4x15x6xf32>'}}
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>} : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<4x8x16xf32>, tensor<4x15x6xf32>) -> tensor<?x6xf32>
  return
}

// -----

// Constraint 4.
func.func @numbers(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xf32>, %a: tensor<4x8x16xf32>, %o: tensor<4x16x6xf32>) {
  // expected-error @+1 {{needs rows and weights of one float type and numbers of experts}}
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>} : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<4x8x16xf32>, tensor<4x16x6xf32>) -> tensor<?x6xf32>
  return
}
