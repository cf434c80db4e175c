/* Prints what an artifact says of itself: `inspect ARTIFACT`. */
#include <inttypes.h>
#include <plmhead.h>
#include <stdio.h>

/* A value of the config, and what is in it, two spaces further in. */
static void print_value(const plmhead_head *head, const char *pointer, int depth) {
  const plmhead_value value = plmhead_config(head, pointer);
  switch (value.kind) {
    case PLMHEAD_VALUE_NULL:
      puts("none");
      break;
    case PLMHEAD_VALUE_BOOLEAN:
      puts(value.integer ? "yes" : "no");
      break;
    case PLMHEAD_VALUE_INTEGER:
      printf("%" PRId64 "\n", value.integer);
      break;
    case PLMHEAD_VALUE_NUMBER:
      printf("%.17g\n", value.number);
      break;
    case PLMHEAD_VALUE_TEXT:
      printf("%.*s\n", PLMHEAD_PRINT(value.text));
      break;
    case PLMHEAD_VALUE_ARRAY:
      printf("%zu values\n", value.size);
      break;
    case PLMHEAD_VALUE_OBJECT:
      puts("");
      for (size_t i = 0; i < value.size; i++) {
        const plmhead_text name = plmhead_config_name(head, pointer, i);
        char inner[512];
        /* A name with `/` or `~` would have to be escaped; a longer one is cut, and then finds nothing. */
        snprintf(inner, sizeof inner, "%s/%.*s", pointer, PLMHEAD_PRINT(name));
        printf("%*s%.*s: ", depth, "", PLMHEAD_PRINT(name));
        print_value(head, inner, depth + 2);
      }
      break;
    default:
      puts("?");
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: inspect ARTIFACT\n");
    return 2;
  }
  plmhead_head *head;
  plmhead_error *error;
  const plmhead_status status = plmhead_load(argv[1], PLMHEAD_REQUIRE_VERIFIED, &head, &error);
  if (status != PLMHEAD_OK) {
    /* A program decides by the status; people read the line. */
    fprintf(stderr, "inspect: %.*s\n", PLMHEAD_PRINT(plmhead_error_line(error)));
    plmhead_error_free(error);
    return status == PLMHEAD_FILE_UNREADABLE ? 2 : 1;
  }
  printf("model %.*s\n", PLMHEAD_PRINT(plmhead_npz_sha256(head)));
  printf("%zu features, %zu classes, %s\n", plmhead_n_features_in(head), plmhead_n_classes(head),
         plmhead_link(head) == PLMHEAD_SOFTMAX ? "softmax" : "logistic");
  double threshold;
  if (plmhead_threshold(head, &threshold)) {
    printf("threshold %g\n", threshold);
  }
  for (size_t i = 0; i < plmhead_n_assay_types(head); i++) {
    printf("threshold of %.*s %g\n", PLMHEAD_PRINT(plmhead_assay_type(head, i)), plmhead_assay_threshold(head, i));
  }
  printf("config:");
  print_value(head, "", 2);
  plmhead_free(head);
  return 0;
}
