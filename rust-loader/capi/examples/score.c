/*
 * Scores rows of float32: `score ARTIFACT X`, where X is a file of rows that lie one after the other. Prints the class
 * and its probability, a row a line.
 */
#include <inttypes.h>
#include <plmhead.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 256 };

static void print_label(plmhead_label label) {
  switch (label.kind) {
    case PLMHEAD_LABEL_TEXT:
      printf("%.*s", PLMHEAD_PRINT(label.text));
      break;
    case PLMHEAD_LABEL_BOOLEAN:
      printf("%s", label.integer ? "true" : "false");
      break;
    case PLMHEAD_LABEL_FLOAT:
      printf("%" PRId64 ".0", label.integer);
      break;
    default:
      printf("%" PRId64, label.integer);
  }
}

/* Prints why a call failed, and frees the error. */
static int failed(plmhead_error *error) {
  fprintf(stderr, "score: %.*s\n", PLMHEAD_PRINT(plmhead_error_line(error)));
  plmhead_error_free(error);
  return 1;
}

/* Reads, scores and prints batch after batch, in buffers that are made once. */
static int score_file(const plmhead_head *head, FILE *file) {
  const size_t n = plmhead_n_features_in(head), k = plmhead_n_classes(head);
  float *x = malloc(BATCH * n * sizeof *x);
  double *probability = malloc(BATCH * k * sizeof *probability);
  uint32_t *class_index = malloc(BATCH * sizeof *class_index);
  int result = x == NULL || probability == NULL || class_index == NULL;
  for (size_t rows; result == 0 && (rows = fread(x, n * sizeof *x, BATCH, file)) > 0;) {
    const plmhead_buffers out = {.probability = probability,
                                 .probability_size = rows * k,
                                 .class_index = class_index,
                                 .class_index_size = rows};
    plmhead_error *error;
    if (plmhead_score_f32(head, x, rows, n, NULL, &out, &error) != PLMHEAD_OK) {
      result = failed(error);
    }
    for (size_t row = 0; result == 0 && row < rows; row++) {
      print_label(plmhead_class(head, class_index[row]));
      printf(" %.17g\n", probability[row * k + class_index[row]]);
    }
  }
  free(class_index);
  free(probability);
  free(x);
  return result;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: score ARTIFACT X\n");
    return 2;
  }
  plmhead_head *head;
  plmhead_error *error;
  if (plmhead_load(argv[1], 0, &head, &error) != PLMHEAD_OK) {
    return failed(error);
  }
  FILE *file = fopen(argv[2], "rb");
  if (file == NULL) {
    perror(argv[2]);
    plmhead_free(head);
    return 1;
  }
  const int result = score_file(head, file);
  fclose(file);
  plmhead_free(head);
  return result;
}
