// RUN: strut-opt %s --split-input-file --verify-diagnostics
func.func @arity(%x: tensor<1xf32>) {
  // expected-error @+1 {{'onnx.Conv' op Node with schema(::Conv:22) has input size 1 not in range [min=2, max=3]}}
  %a = onnx.Conv(%x) : (tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @missing_attribute(%x: tensor<1xf32>) {
  // expected-error @+1 {{Required attribute 'to' is missing}}
  %a = onnx.Cast(%x) : (tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @ill_typed_attribute(%x: tensor<1xf32>) {
  // expected-error @+1 {{Mismatched attribute type in ' : axis'. Expected: 'INT', actual: 'FLOAT'}}
  %a = onnx.Softmax(%x) {axis = 1.0 : f32} : (tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @unknown_attribute(%x: tensor<1xf32>) {
  // expected-error @+1 {{Unrecognized attribute: axes for operator Softmax}}
  %a = onnx.Softmax(%x) {axes = 1 : i64} : (tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @element_type(%x: tensor<1xi64>) {
  // expected-error @+1 {{X typestr: T, has unsupported type: tensor(int64)}}
  %a = onnx.Sigmoid(%x) : (tensor<1xi64>) -> tensor<*xi64>
  return
}

// -----

func.func @type_variable(%x: tensor<1xi64>, %y: tensor<1xf32>) {
  // expected-error @+1 {{B has inconsistent type tensor(float)}}
  %a = onnx.Add(%x, %y) : (tensor<1xi64>, tensor<1xf32>) -> tensor<*xi64>
  return
}

// -----

func.func @deprecated(%x: tensor<1xf32>) {
  // expected-error @+1 {{Operator 'Upsample' has been deprecated since version 10}}
  %a = onnx.Upsample(%x, %x) : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  return
}

// -----

func.func @required_operand(%x: tensor<1xf32>) {
  %n = onnx.Absent
  // expected-error @+1 {{input 0 is marked single but has an empty string in the graph}}
  %a = onnx.MatMul(%n, %x) : (none, tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @annotation_is_fine(%x: tensor<1xf32>) {
  %a = onnx.Softmax(%x) {my.note = 1 : i64} : (tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @regions(%c: tensor<i1>) {
  // expected-error @+1 {{needs bodies of one block that ends in onnx.Yield}}
  "onnx.If"(%c) ({
    %no = onnx.Absent
  }, {
    onnx.Yield
  }) : (tensor<i1>) -> ()
  return
}

// -----

func.func @number_of_regions(%c: tensor<i1>) {
  // expected-error @+1 {{takes 2 regions}}
  "onnx.If"(%c) : (tensor<i1>) -> ()
  return
}

// -----

func.func @wide_integer(%x: tensor<1xf32>) {
  // expected-error @+1 {{Mismatched attribute type}}
  %a = onnx.Softmax(%x) {axis = 1 : i128} : (tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @two_values() {
  // expected-error @+1 {{must have exactly one value}}
  %a = onnx.Constant() {value_int = 1 : i64, value_float = 1.0 : f32} : () -> tensor<i64>
  return
}

// -----

func.func @no_value() {
  // expected-error @+1 {{must have exactly one value}}
  %a = onnx.Constant() : () -> tensor<i64>
  return
}

// -----

func.func @unknown_operator(%x: tensor<1xf32>) {
  // expected-error @+1 {{custom op 'onnx.Frobnicate' is unknown}}
  %a = onnx.Frobnicate(%x) : (tensor<1xf32>) -> tensor<1xf32>
  return
}

// -----

// expected-error @+1 {{'onnx.dims' of argument 0 must be a list of one string per axis}}
func.func @dims_rank(%x: tensor<?x8xf32> {onnx.dims = ["rows"]}) {
  return
}

// -----

// expected-error @+1 {{axis 0 of argument 0 is dynamic and must have a name in 'onnx.dims'}}
func.func @dims_name(%x: tensor<?x8xf32> {onnx.dims = ["", ""]}) {
  return
}

// -----

// expected-error @+1 {{'onnx.nmae' is not known on arguments}}
func.func @misspelt(%x: tensor<8xf32> {onnx.nmae = "x"}) {
  return
}

// -----

// expected-error @+1 {{'tensor<4xf32>' takes 16 bytes, not 15}}
func.func private @data_size() attributes {a = #onnx.file_data<"/w.bin", 0, 15> : tensor<4xf32>}

// -----

// expected-error @+1 {{has no fixed size in a file}}
func.func private @data_type() attributes {a = #onnx.file_data<"/w.bin", 0, 16> : tensor<4x!onnx.string>}

// -----

// expected-error @+1 {{names no file}}
func.func private @data_file() attributes {a = #onnx.file_data<"", 0, 16> : tensor<4xf32>}
