/* Reads one digit, drawn as text: eight lines of eight characters from standard input, or a
 * seven of its own. A space is paper, '#' is ink, '+' is half of it. */
#include "digits.h"
#include <stdio.h>
#include <string.h>

static const char *const kSeven[8] = {
    "  ++++  ", //
    " +####+ ", //
    "    +#+ ", //
    "    ##  ", //
    "  +###+ ", //
    "   ##   ", //
    "  +#    ", //
    "  ##    ", //
};

static float ink(char c) { return c == '#' ? 1.0f : c == '+' ? 0.5f : 0.0f; }

/* Fills `image` from standard input; lines that are short or missing are paper. */
static void readImage(float image[64]) {
  char line[256];
  for (int y = 0; y < 8 && fgets(line, sizeof line, stdin); ++y)
    for (int x = 0; x < 8 && line[x] && line[x] != '\n'; ++x)
      image[8 * y + x] = ink(line[x]);
}

int main(int argc, char **argv) {
  float image[64] = {0};
  if (argc > 1 && strcmp(argv[1], "-") == 0)
    readImage(image);
  else
    for (int i = 0; i < 64; ++i)
      image[i] = ink(kSeven[i / 8][i % 8]);

  StrutSession *session;
  StrutContext *context;
  if (digits_open(NULL, &session) || digits_create_context(session, &context)) {
    fprintf(stderr, "error: %s\n", digits_error(NULL));
    return 1;
  }
  int64_t inputShape[4] = {1, 1, 8, 8}, outputShape[2] = {1, 10};
  float probabilities[10];
  DLTensor input = digits_tensor_image(image, inputShape);
  DLTensor output = digits_tensor_probabilities(probabilities, outputShape);
  int failed = digits_run(context, &input, &output) != STRUT_OK;
  if (failed) {
    fprintf(stderr, "error: %s\n", digits_error(context));
  } else {
    int best = 0;
    for (int i = 1; i < 10; ++i)
      if (probabilities[i] > probabilities[best])
        best = i;
    printf("%d (%.1f %%)\n", best, 100 * probabilities[best]);
  }
  digits_destroy_context(context);
  digits_close(session);
  return failed;
}
