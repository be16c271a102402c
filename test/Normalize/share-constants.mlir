// RUN: %python -c "import struct; open(r'%t.bin', 'wb').write(struct.pack('<130f', *[i %% 64 for i in range(128)], 1, 2))"
// RUN: sed 's#FILE#%t.bin#' %s | strut-opt --strut-share-constants --cse | FileCheck %s

// The first two are equal; of the others one starts elsewhere, one has another type, and two
// differ in their last element only.

// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[A:.*]] = onnx.Constant() {value = #onnx.file_data<"{{.*}}", 0, 256> : tensor<64xf32>}
// CHECK-DAG: %[[C:.*]] = onnx.Constant() {value = #onnx.file_data<"{{.*}}", 4, 256> : tensor<64xf32>}
// CHECK-DAG: %[[D:.*]] = onnx.Constant() {value = #onnx.file_data<"{{.*}}", 256, 256> : tensor<8x8xf32>}
// CHECK-DAG: %[[E:.*]] = onnx.Constant() {value = #onnx.file_data<"{{.*}}", 0, 260> : tensor<65xf32>}
// CHECK-DAG: %[[F:.*]] = onnx.Constant() {value = #onnx.file_data<"{{.*}}", 256, 260> : tensor<65xf32>}
// CHECK: return %[[A]], %[[A]], %[[C]], %[[D]], %[[E]], %[[F]]
func.func @main() -> (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<8x8xf32>, tensor<65xf32>, tensor<65xf32>) {
  %a = onnx.Constant() {value = #onnx.file_data<"FILE", 0, 256> : tensor<64xf32>} : () -> tensor<64xf32>
  %b = onnx.Constant() {value = #onnx.file_data<"FILE", 256, 256> : tensor<64xf32>} : () -> tensor<64xf32>
  %c = onnx.Constant() {value = #onnx.file_data<"FILE", 4, 256> : tensor<64xf32>} : () -> tensor<64xf32>
  %d = onnx.Constant() {value = #onnx.file_data<"FILE", 256, 256> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %e = onnx.Constant() {value = #onnx.file_data<"FILE", 0, 260> : tensor<65xf32>} : () -> tensor<65xf32>
  %f = onnx.Constant() {value = #onnx.file_data<"FILE", 256, 260> : tensor<65xf32>} : () -> tensor<65xf32>
  return %a, %b, %c, %d, %e, %f : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<8x8xf32>, tensor<65xf32>, tensor<65xf32>
}
