/* uses-compiler MODEL OUTPUT: compiles a model through libStrut's C API. */
#include <stdio.h>
#include <strut/CAPI/strut_compiler.h>

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  StrutCompileOptions options = {0};
  options.struct_size = sizeof options;
  options.input = argv[1];
  options.output = argv[2];
  char *message = strutCompile(&options);
  if (!message)
    return 0;
  fprintf(stderr, "%s\n", message);
  strutFreeMessage(message);
  return 1;
}
