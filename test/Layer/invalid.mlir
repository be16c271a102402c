// RUN: strut-opt %s -split-input-file -verify-diagnostics

// Constraint 1 of layer.linear.
func.func @rank(%x: tensor<?x8xf32>, %w: tensor<8xf32>) {
  // expected-error @+1 {{needs an input of at least one axis and a weight of two}}
  %y = layer.linear %x, %w : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xf32>
  return
}

// -----

// Constraint 2.
func.func @contracted(%x: tensor<?x8xf32>, %w: tensor<9x4xf32>) {
  // expected-error @+1 {{contracts 8 values with a weight of 9 rows}}
  %y = layer.linear %x, %w : tensor<?x8xf32>, tensor<9x4xf32> -> tensor<?x4xf32>
  return
}

// -----

// Constraint 3.
func.func @bias(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>) {
  // expected-error @+1 {{needs a bias of 4 values of 'f32', got 'tensor<8xf32>'}}
  %y = layer.linear %x, %w bias %b : tensor<?x8xf32>, tensor<8x4xf32>, tensor<8xf32> -> tensor<?x4xf32>
  return
}

// -----

// Constraint 4.
func.func @elements(%x: tensor<?x8xf32>, %w: tensor<8x4xf16>) {
  // expected-error @+1 {{needs operands of one float type}}
  %y = layer.linear %x, %w : tensor<?x8xf32>, tensor<8x4xf16> -> tensor<?x4xf32>
  return
}

// -----

// Constraint 4: integers are no linear map.
func.func @integers(%x: tensor<?x8xi32>, %w: tensor<8x4xi32>) {
  // expected-error @+1 {{needs operands of one float type}}
  %y = layer.linear %x, %w : tensor<?x8xi32>, tensor<8x4xi32> -> tensor<?x4xi32>
  return
}

// -----

// Constraint 5.
func.func @result(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+2 {{inferred type(s) 'tensor<?x4xf32>' are incompatible with return type(s) of operation 'tensor<?x5xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = layer.linear %x, %w : tensor<?x8xf32>, tensor<8x4xf32> -> tensor<?x5xf32>
  return
}

// -----

// Constraint 1 of layer.block_linear.
func.func @block_rank(%x: tensor<?x6xf32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{needs an input of at least one axis and a weight of three}}
  %y = layer.block_linear %x, %w : tensor<?x6xf32>, tensor<6x4xf32> -> tensor<?x4xf32>
  return
}

// -----

// Constraint 2.
func.func @block_contracted(%x: tensor<?x7xf32>, %w: tensor<3x2x4xf32>) {
  // expected-error @+1 {{contracts 7 values with a weight of 6 rows}}
  %y = layer.block_linear %x, %w : tensor<?x7xf32>, tensor<3x2x4xf32> -> tensor<?x12xf32>
  return
}

// -----

// Constraint 3.
func.func @block_bias(%x: tensor<?x6xf32>, %w: tensor<3x2x4xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{needs a bias of 12 values of 'f32', got 'tensor<4xf32>'}}
  %y = layer.block_linear %x, %w bias %b : tensor<?x6xf32>, tensor<3x2x4xf32>, tensor<4xf32> -> tensor<?x12xf32>
  return
}

// -----

// Constraint 4.
func.func @block_elements(%x: tensor<?x6xf32>, %w: tensor<3x2x4xf64>) {
  // expected-error @+1 {{needs operands of one float type}}
  %y = layer.block_linear %x, %w : tensor<?x6xf32>, tensor<3x2x4xf64> -> tensor<?x12xf32>
  return
}

// -----

// Constraint 5.
func.func @block_result(%x: tensor<?x6xf32>, %w: tensor<3x2x4xf32>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation 'tensor<?x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = layer.block_linear %x, %w : tensor<?x6xf32>, tensor<3x2x4xf32> -> tensor<?x4xf32>
  return
}

// -----

// Constraint 1 of layer.alternatives.
func.func @one_form(%x: tensor<?xf32>) {
  // expected-error @+1 {{needs at least two forms, has 1}}
  %y = layer.alternatives of %x : tensor<?xf32> by [] else 0 -> tensor<?xf32> {
    layer.yield %x : tensor<?xf32>
  }
  return
}

// -----

// Constraint 2.
func.func @types(%x: tensor<?xf32>, %z: tensor<4xf32>) {
  // expected-error @+1 {{has a form that yields other types than the results}}
  %y = layer.alternatives of %x : tensor<?xf32> by [] else 0 -> tensor<?xf32> {
    layer.yield %x : tensor<?xf32>
  }, {
    layer.yield %z : tensor<4xf32>
  }
  return
}

// -----

// Constraint 3, the default.
func.func @default(%x: tensor<?xf32>) {
  // expected-error @+1 {{has no form 2}}
  %y = layer.alternatives of %x : tensor<?xf32> by [] else 2 -> tensor<?xf32> {
    layer.yield %x : tensor<?xf32>
  }, {
    layer.yield %x : tensor<?xf32>
  }
  return
}

// -----

// Constraint 3, a line.
func.func @form(%x: tensor<?xf32>) {
  // expected-error @+1 {{has no form 7}}
  %y = layer.alternatives of %x : tensor<?xf32> by [#layer.case<[0] below 4 -> 7>] else 1 -> tensor<?xf32> {
    layer.yield %x : tensor<?xf32>
  }, {
    layer.yield %x : tensor<?xf32>
  }
  return
}

// -----

// Constraint 4.
func.func @axis(%x: tensor<?xf32>) {
  // expected-error @+1 {{decides by axis 1 of 'tensor<?xf32>'}}
  %y = layer.alternatives of %x : tensor<?xf32> by [#layer.case<[0, 1] below 4 -> 0>] else 1 -> tensor<?xf32> {
    layer.yield %x : tensor<?xf32>
  }, {
    layer.yield %x : tensor<?xf32>
  }
  return
}

// -----

// Constraint 1 of layer.pool_mixer.
func.func @pool_image(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{needs an image of floats, [N, C, spatial...], got 'tensor<?x8xf32>'}}
  %y = layer.pool_mixer %x window [] before [] : tensor<?x8xf32>
  return
}

// -----

// Constraint 2.
func.func @pool_axes(%x: tensor<?x8x?x?xf32>) {
  // expected-error @+1 {{needs a window and the places before its centre on 2 axes}}
  %y = layer.pool_mixer %x window [3] before [1] : tensor<?x8x?x?xf32>
  return
}

// -----

// Constraint 2: the place itself is in the window.
func.func @pool_centre(%x: tensor<?x8x?xf32>) {
  // expected-error @+1 {{has a window of 3 places with 3 before the centre}}
  %y = layer.pool_mixer %x window [3] before [3] : tensor<?x8x?xf32>
  return
}

// -----

// Constraint 3.
func.func @pool_scale(%x: tensor<?x8x?xf32>, %s: tensor<7xf32>) {
  // expected-error @+1 {{needs a scale of 8 values of 'f32', got 'tensor<7xf32>'}}
  %y = layer.pool_mixer %x scale %s window [3] before [1] : tensor<?x8x?xf32>, tensor<7xf32>
  return
}

// -----

// Constraint 4.
func.func @pool_epsilon(%x: tensor<?x8x?xf32>) {
  // expected-error @+1 {{adds a negative epsilon to the variance}}
  %y = layer.pool_mixer %x window [3] before [1] epsilon -1.0 : tensor<?x8x?xf32>
  return
}

// -----

// Constraint 5 of layer.alternatives.
func.func @names(%x: tensor<?xf32>) {
  // expected-error @+1 {{names 1 of 2 forms}}
  %y = layer.alternatives of %x : tensor<?xf32> by [] else 1 attributes {names = ["one"]} -> tensor<?xf32> {
    layer.yield %x : tensor<?xf32>
  }, {
    layer.yield %x : tensor<?xf32>
  }
  return
}

// -----

func.func @considered(%x: tensor<?xf32>) {
  // expected-error @+1 {{a kernel has FLOPs a row, bytes of weights and bytes a row, got 2 numbers}}
  return {layer.considered = [#layer.form<"factored" : [[1.0, 2.0]]>]}
}
