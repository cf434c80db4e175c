/* A control: a head that is never freed, which the sanitizer must report. `leak CASES` */
#include "check.h"
#include "plmhead.h"

static void load(const char *cases) {
  char path[4096];
  plmhead_head *head;
  snprintf(path, sizeof path, "%s/base/plain/model", cases);
  CHECK(plmhead_load(path, 0, &head, NULL) == PLMHEAD_OK);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  load(argv[1]);
  load(argv[1]); /* once more, so that no register or stack keeps the first */
  return 0;
}
