// Both sides of a threshold, in one artefact: the first form sums, the second
// doubles the sum, and the product of batch and seq decides.

// RUN: strut compile %s -o %t.so
// RUN: %python -c "import numpy; [numpy.save(f'%t.{b}{s}.npy', numpy.ones((b, s, 4), 'f')) for b, s in [(1, 5), (1, 6), (2, 3), (2, 2)]]"
// RUN: strut run %t.so --input x=%t.15.npy --output %t.few.npy
// RUN: %python -c "import numpy; print(numpy.load('%t.few.npy').ravel())" | FileCheck %s --check-prefix=FEW
// RUN: strut run %t.so --input x=%t.22.npy --output %t.few.npy
// RUN: %python -c "import numpy; print(numpy.load('%t.few.npy').ravel())" | FileCheck %s --check-prefix=FEW
// RUN: strut run %t.so --input x=%t.16.npy --output %t.many.npy
// RUN: %python -c "import numpy; print(numpy.load('%t.many.npy').ravel())" | FileCheck %s --check-prefix=MANY
// RUN: strut run %t.so --input x=%t.23.npy --output %t.many.npy
// RUN: %python -c "import numpy; print(numpy.load('%t.many.npy').ravel())" | FileCheck %s --check-prefix=MANY
// FEW: {{^\[4. 4. 4. 4.}}
// FEW-NOT: 8.
// MANY: {{^\[8. 8. 8. 8.}}
// MANY-NOT: 4.

func.func @main(%x: tensor<?x?x4xf32> {onnx.name = "x", onnx.dims = ["batch", "seq", ""]}) -> (tensor<?x?x4xf32> {onnx.name = "y"}) {
  %u = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %y = layer.alternatives of %x : tensor<?x?x4xf32> by [#layer.case<[0, 1] below 6 -> 0>] else 1 -> tensor<?x?x4xf32> {
    %a = layer.linear %x, %u : tensor<?x?x4xf32>, tensor<4x4xf32> -> tensor<?x?x4xf32>
    layer.yield %a : tensor<?x?x4xf32>
  }, {
    %b = layer.linear %x, %v : tensor<?x?x4xf32>, tensor<4x4xf32> -> tensor<?x?x4xf32>
    layer.yield %b : tensor<?x?x4xf32>
  }
  return %y : tensor<?x?x4xf32>
}
