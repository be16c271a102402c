// What the verifiers of the kernel ops refuse.
// RUN: strut-opt %s -split-input-file -verify-diagnostics

// Of a weight: a dynamic shape.
// expected-error @+1 {{needs a static shape of integers or floats, got 'tensor<?xf32>'}}
kernel.weight @w : tensor<?xf32> = #kernel.file<"m.onnx", 0, 4>

// -----

// Of a weight: elements that are no numbers.
// expected-error @+1 {{needs a static shape of integers or floats, got 'tensor<2xindex>'}}
kernel.weight @w : tensor<2xindex> = #kernel.file<"m.onnx", 0, 16>

// -----

// Of a weight: a file of another size.
// expected-error @+1 {{has 8 bytes in 'm.onnx', but its type needs 16}}
kernel.weight @w : tensor<4xf32> = #kernel.file<"m.onnx", 0, 8>

// -----

// Of a weight: a source of another kind.
// expected-error @+1 {{needs a source that is #kernel.file or an elements attribute}}
kernel.weight @w : tensor<4xf32> = "bytes"

// -----

// Of a weight: elements of another type.
// expected-error @+1 {{has elements of type 'tensor<3xf32>'}}
kernel.weight @w : tensor<4xf32> = dense<1.0> : tensor<3xf32>

// -----

func.func @undeclared() {
  // expected-error @+1 {{refers to no kernel.weight named 'w'}}
  %0 = kernel.use @w : tensor<4xf32>
  return
}

// -----

kernel.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>
func.func @use_as_another_type() {
  // expected-error @+1 {{reads 'w' of type 'tensor<4xf32>' as 'tensor<2x2xf32>'}}
  %0 = kernel.use @w : tensor<2x2xf32>
  return
}

// -----

kernel.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>
func.func @use_as_another_type() {
  // expected-error @+1 {{reads 'w' of type 'tensor<4xf32>' as 'memref<4xf16>'}}
  %0 = kernel.use @w : memref<4xf16>
  return
}

// -----

kernel.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>
func.func @use_as_another_type() {
  // expected-error @+1 {{reads 'w' of type 'tensor<4xf32>' as '!kernel.packed<tensor<5x2xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>'}}
  %0 = kernel.use @w : !kernel.packed<tensor<5x2xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 1 of kernel.contract: two inputs.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs lhs and rhs of every product and one init}}
  %y = kernel.contract ins(%x : tensor<?x8xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 1: one init.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs lhs and rhs of every product and one init}}
  %y:2 = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o, %o : tensor<?x4xf32>, tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc, %acc : f32, f32
  } -> tensor<?x4xf32>, tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 5: a product in which m is no row.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %v: tensor<?x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has dimensions of init with other roles in product 1}}
  %y = kernel.contract ins(%x, %w, %x, %v : tensor<?x8xf32>, tensor<8x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>) outs(%o : tensor<?x4xf32>)
      attributes {indexing_maps = [#mk, #kn, #mk, #mn, #mn], sums = array<i64: 0, 0>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 5: accumulators of two types.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %z: tensor<?x8xf64>, %v: tensor<8x4xf64>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has products with different accumulators}}
  %y = kernel.contract ins(%x, %w, %z, %v : tensor<?x8xf32>, tensor<8x4xf32>, tensor<?x8xf64>, tensor<8x4xf64>) outs(%o : tensor<?x4xf32>)
      attributes {indexing_maps = [#mk, #kn, #mk, #kn, #mn], sums = array<i64: 0, 0>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 6: sum 1 is missing.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has numbers of sums with gaps}}
  %y = kernel.contract ins(%x, %w, %x, %w : tensor<?x8xf32>, tensor<8x4xf32>, tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>)
      attributes {indexing_maps = [#mk, #kn, #mk, #kn, #mn], sums = array<i64: 0, 2>} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    kernel.yield %a : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#window = affine_map<(m, n, k) -> (k + n, n)>
// Constraint 2: the map of rhs.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs projected permutations as maps of rhs and init}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #window, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#twice = affine_map<(m, n, k) -> (m * 2, n)>
// Constraint 2: the map of init.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs projected permutations as maps of rhs and init}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #twice]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 3.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has an extra operand that depends on the contracted d2}}
  %y = kernel.contract ins(%x, %w, %x : tensor<?x8xf32>, tensor<8x4xf32>, tensor<?x8xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mk, #mn]} {
  ^bb0(%acc: f32, %e: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 4: the arguments.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs a body with arguments ('f32')}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32, %e: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 4: the accumulator's type.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs a body with arguments ('f32')}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f64):
    %t = arith.truncf %acc : f64 to f32
    kernel.yield %t : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Constraint 4: what is yielded.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{yields a 'f64' for an init of type 'tensor<?x4xf32>', needs a 'f32'}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    %t = arith.extf %acc : f32 to f64
    kernel.yield %t : f64
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// One value for one init.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{yields 0 values for 1 inits}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// One map for every operand.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has 2 indexing maps for 3 operands}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// One iteration space.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has indexing maps of different iteration spaces}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, affine_map<(m, n) -> (m, n)>]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// No symbols.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has indexing maps of different iteration spaces}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, affine_map<(m, n, k)[s] -> (k, n)>, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// A map for every axis.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has a map of 1 results for operand 0 of rank 2}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [affine_map<(m, n, k) -> (m)>, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Tensors give results.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has one result per tensor init and none for memrefs}}
  kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Memrefs give none.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: memref<?x4xf32>) {
  // expected-error @+1 {{has one result per tensor init and none for memrefs}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : memref<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Results are the inits.
func.func @contract(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has results of other types than its inits}}
  %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<8x4xf32>
  return
}

// -----

#m = affine_map<(m, s, d, e) -> (m, d)>
#o = affine_map<(m, s, d, e) -> (m, e)>
// Constraint 1 of kernel.attention: three inputs.
func.func @attention(%q: tensor<?x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs q, k, v and one init}}
  %y = kernel.attention ins(%q, %q : tensor<?x4xf32>, tensor<?x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#m, #m, #o]} {
  ^bb0(%score: f32):
    kernel.yield %score : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#m = affine_map<(m, s, d) -> (m, d)>
// Constraint 1: four dimensions.
func.func @attention(%q: tensor<?x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{needs the iteration dimensions (batch..., m, s, d, e)}}
  %y = kernel.attention ins(%q, %q, %q : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#m, #m, #m, #m]} {
  ^bb0(%score: f32):
    kernel.yield %score : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#q = affine_map<(m, s, d, e) -> (m, d)>
#k = affine_map<(m, s, d, e) -> (s, d)>
#v = affine_map<(m, s, d, e) -> (s, e)>
#o = affine_map<(m, s, d, e) -> (m, e)>
// Constraint 2: the score is f32, whatever the operands.
func.func @attention(%q: tensor<?x4xf16>, %o: tensor<?x4xf16>) {
  // expected-error @+1 {{needs a body with arguments ('f32')}}
  %y = kernel.attention ins(%q, %q, %q : tensor<?x4xf16>, tensor<?x4xf16>, tensor<?x4xf16>) outs(%o : tensor<?x4xf16>) attributes {indexing_maps = [#q, #k, #v, #o]} {
  ^bb0(%score: f16):
    kernel.yield %score : f16
  } -> tensor<?x4xf16>
  return
}

// -----

#q = affine_map<(m, s, d, e) -> (m, d)>
#k = affine_map<(m, s, d, e) -> (s, d)>
#v = affine_map<(m, s, d, e) -> (s, e)>
#o = affine_map<(m, s, d, e) -> (m, e)>
// Constraint 2: so is what is made of it.
func.func @attention(%q: tensor<?x4xf16>, %o: tensor<?x4xf16>) {
  // expected-error @+1 {{yields a 'f16' for an init of type 'tensor<?x4xf16>', needs a 'f32'}}
  %y = kernel.attention ins(%q, %q, %q : tensor<?x4xf16>, tensor<?x4xf16>, tensor<?x4xf16>) outs(%o : tensor<?x4xf16>) attributes {indexing_maps = [#q, #k, #v, #o]} {
  ^bb0(%score: f32):
    %short = arith.truncf %score : f32 to f16
    kernel.yield %short : f16
  } -> tensor<?x4xf16>
  return
}

// -----

#ri = affine_map<(r, i) -> (r, i)>
#r = affine_map<(r, i) -> (r)>
// Of kernel.rows: no axis.
func.func @rows(%x: tensor<?x4xf32>, %o: tensor<?xf32>) {
  // expected-error @+1 {{needs between one and all of its dimensions as axes}}
  %y = kernel.rows ins(%x : tensor<?x4xf32>) outs(%o : tensor<?xf32>) attributes {axes = 0 : i64, indexing_maps = [#ri, #r]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  } -> tensor<?xf32>
  return
}

// -----

#ri = affine_map<(r, i) -> (r, i)>
#r = affine_map<(r, i) -> (r)>
// Of kernel.rows: more axes than dimensions.
func.func @rows(%x: tensor<?x4xf32>, %o: tensor<?xf32>) {
  // expected-error @+1 {{needs between one and all of its dimensions as axes}}
  %y = kernel.rows ins(%x : tensor<?x4xf32>) outs(%o : tensor<?xf32>) attributes {axes = 3 : i64, indexing_maps = [#ri, #r]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  } -> tensor<?xf32>
  return
}

// -----

#ri = affine_map<(r, i) -> (r, i)>
#r = affine_map<(r, i) -> (r)>
// Of kernel.rows: an extent too few.
func.func @rows(%x: tensor<?x4xf32>, %o: tensor<?xf32>) {
  // expected-error @+1 {{has 1 extents for 2 dimensions}}
  %y = kernel.rows ins(%x : tensor<?x4xf32>) outs(%o : tensor<?xf32>) attributes {axes = 1 : i64, extents = array<i64: -1>, indexing_maps = [#ri, #r]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  } -> tensor<?xf32>
  return
}

// -----

#ri = affine_map<(r, i) -> (r, i)>
#r = affine_map<(r, i) -> (r)>
// Of kernel.rows: a negative extent.
func.func @rows(%x: tensor<?x4xf32>, %o: tensor<?xf32>) {
  // expected-error @+1 {{has a negative extent}}
  %y = kernel.rows ins(%x : tensor<?x4xf32>) outs(%o : tensor<?xf32>) attributes {axes = 1 : i64, extents = array<i64: -1, -2>, indexing_maps = [#ri, #r]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  } -> tensor<?xf32>
  return
}

// -----

// Of kernel.rows: a window whose axis no operand measures.
func.func @rows(%x: tensor<?x9xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{has no operand and no entry of `extents` that gives the extent of d2}}
  %y = kernel.rows ins(%x : tensor<?x9xf32>) outs(%o : tensor<?x4xf32>) attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, o, w) -> (r, o * 2 + w)>, affine_map<(r, o, w) -> (r, o)>]} {
  ^bb0(%e: f32):
    %s = kernel.combine max %e : f32
    kernel.yield %s : f32
  } -> tensor<?x4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>
// Of kernel.map: nothing to combine over.
func.func @map(%x: tensor<?xf32>, %o: tensor<?xf32>) {
  // expected-error @+1 {{has no rows to combine over; use kernel.rows}}
  %y = kernel.map ins(%x : tensor<?xf32>) outs(%o : tensor<?xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  } -> tensor<?xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>
// Of kernel.map: an input read by kernel.fetch has no value of its own.
func.func @map(%x: tensor<?xf32>, %o: tensor<?xf32>) {
  // expected-error @+1 {{needs a body with arguments ('none')}}
  %y = kernel.map ins(%x : tensor<?xf32>) outs(%o : tensor<?xf32>) attributes {indexing_maps = [#none, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  } -> tensor<?xf32>
  return
}

// -----

// Of kernel.region: arguments that are not its operands as tensors.
func.func @region(%x: memref<?xf32>, %o: memref<?xf32>) {
  // expected-error @+1 {{needs a body whose arguments are its inputs and inits as tensors, then its scalars}}
  kernel.region ins(%x : memref<?xf32>) outs(%o : memref<?xf32>) {
  ^bb0(%a: memref<?xf32>, %b: memref<?xf32>):
    kernel.yield %a : memref<?xf32>
  }
  return
}

// -----

// Of kernel.region: a value for every init.
func.func @region(%x: tensor<?xf32>) {
  // expected-error @+1 {{yields 0 values for 1 inits}}
  %y = kernel.region ins() outs(%x : tensor<?xf32>) {
  ^bb0(%a: tensor<?xf32>):
    kernel.yield
  } -> tensor<?xf32>
  return
}

// -----

// Of kernel.region: a result for every init.
func.func @region(%x: tensor<?xf32>) {
  // expected-error @+1 {{has one result per tensor init and none for memrefs}}
  kernel.region ins() outs(%x : tensor<?xf32>) {
  ^bb0(%a: tensor<?xf32>):
    kernel.yield %a : tensor<?xf32>
  }
  return
}

// -----

// Of kernel.program: it sees nothing of the functions around it but weights.
func.func @outside() {
  return
}
kernel.program @toy for unit {
  func.func @main() {
    // expected-error @+1 {{'outside' does not reference a valid function}}
    call @outside() : () -> ()
    return
  }
}
