// Every target gets all functions; the weights stay where all programs find them.
// RUN: strut-opt %s --strut-form-programs='targets="{b = unit, a = 4 : i32}"' | FileCheck %s
// RUN: not strut-opt %s --strut-form-programs 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not strut-opt %s --strut-form-programs='targets=17' 2>&1 | FileCheck %s --check-prefix=NUMBER
// NONE: the option 'targets' must be a dictionary of program names and target attributes, got ''
// NUMBER: must be a dictionary of program names and target attributes, got '17'

kernel.weight @w : tensor<4xf32> = dense<2.0> : tensor<4xf32>

func.func @main() -> tensor<4xf32> {
  %w = kernel.use @w : tensor<4xf32>
  return %w : tensor<4xf32>
}

// CHECK: kernel.weight @w
// CHECK-NOT: func.func
// CHECK: kernel.program @a for 4 : i32 {
// CHECK-NEXT: func.func @main()
// CHECK-NEXT: kernel.use @w
// CHECK: kernel.program @b for unit {
// CHECK-NEXT: func.func @main()
// CHECK-NEXT: kernel.use @w
// CHECK-NOT: func.func
