// The generated header in C++, with the result in memory of the context.
#include "scale-rows.h"
#include <iostream>
#include <vector>

int main() {
  StrutSession *session = nullptr;
  StrutContext *context = nullptr;
  if (scale_rows_open(nullptr, &session) || scale_rows_create_context(session, &context)) {
    std::cerr << scale_rows_error(nullptr) << "\n";
    return 1;
  }
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  std::vector<int64_t> shape = {2, 3};
  DLTensor input = scale_rows_tensor_x(x.data(), shape.data());
  DLTensor output = scale_rows_tensor_y(nullptr, nullptr);
  if (scale_rows_run(context, &input, &output)) {
    std::cerr << scale_rows_error(context) << "\n";
    return 1;
  }
  const float *y = static_cast<const float *>(output.data);
  for (int64_t row = 0; row < output.shape[0]; ++row)
    std::cout << y[row * 2] << " " << y[row * 2 + 1] << "\n";
  scale_rows_destroy_context(context);
  scale_rows_close(session);
}
