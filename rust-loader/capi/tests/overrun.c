/* A control: the library is told of a row too many, and the sanitizer must report that it reads it. `overrun CASES` */
#include "check.h"
#include "plmhead.h"

int main(int argc, char **argv) {
  char path[4096];
  plmhead_head *head;
  double decision[2];
  const plmhead_buffers out = {.decision = decision, .decision_size = 2};
  CHECK(argc == 2);
  snprintf(path, sizeof path, "%s/base/plain/model", argv[1]);
  CHECK(plmhead_load(path, 0, &head, NULL) == PLMHEAD_OK);
  float *one_row = calloc(plmhead_n_features_in(head), sizeof *one_row);
  CHECK(one_row != NULL);
  CHECK(plmhead_score_f32(head, one_row, 2, plmhead_n_features_in(head), NULL, &out, NULL) == PLMHEAD_OK);
  free(one_row);
  plmhead_free(head);
  return 0;
}
