/* The promises of plmhead.h, in C11: `test CASES`, the folder of the conformance cases. `make capi` runs it. */
#define _POSIX_C_SOURCE 200809L

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "plmhead.h"
#include "plmhead.h" /* twice on purpose */

/* In another file, which includes the header too. */
int included_elsewhere(void);

static const char *cases;

/* Of the last call; each test frees it. */
static plmhead_error *error;

static bool is(plmhead_text text, const char *expected) {
  return text.data != NULL && text.size == strlen(expected) && memcmp(text.data, expected, text.size) == 0;
}

static bool starts(plmhead_text text, const char *expected) {
  return text.size >= strlen(expected) && memcmp(text.data, expected, strlen(expected)) == 0;
}

/* A path below the cases; valid until the next call. */
static const char *path(const char *name) {
  static char text[4096];
  CHECK(snprintf(text, sizeof text, "%s/%s", cases, name) < (int)sizeof text);
  return text;
}

static plmhead_head *loaded(const char *name) {
  plmhead_head *head;
  const plmhead_status status = plmhead_load(path(name), 0, &head, &error);
  if (status != PLMHEAD_OK) {
    fprintf(stderr, "%s: %.*s\n", name, PLMHEAD_PRINT(plmhead_error_line(error)));
  }
  CHECK(status == PLMHEAD_OK && head != NULL && error == NULL);
  return head;
}

/* The last call must have failed so. */
static void expect(plmhead_status returned, plmhead_status status, const char *where) {
  if (returned != status || !is(plmhead_error_where(error), where)) {
    fprintf(stderr, "expected %d at %s, found %d: %.*s\n", (int)status, where, (int)returned,
            PLMHEAD_PRINT(plmhead_error_line(error)));
  }
  CHECK(returned == status && plmhead_error_status(error) == status && is(plmhead_error_where(error), where));
  CHECK(plmhead_error_message(error).size > 0);
  CHECK(starts(plmhead_error_line(error), "") && plmhead_error_line(error).size > plmhead_error_message(error).size);
  plmhead_error_free(error);
}

static void test_versions(void) {
  CHECK(plmhead_abi_version() == PLMHEAD_ABI_VERSION);
  CHECK(plmhead_version().size > 0);
  CHECK(is(plmhead_status_name(PLMHEAD_OK), "OK"));
  CHECK(is(plmhead_status_name(PLMHEAD_ZIP_CRC), "ZIP_CRC"));
  CHECK(is(plmhead_status_name(PLMHEAD_USAGE), "USAGE"));
  CHECK(is(plmhead_status_name(PLMHEAD_INTERNAL), "INTERNAL"));
  CHECK(plmhead_status_name(PLMHEAD_ASSAY_TYPE + 1).data == NULL && plmhead_status_name(INT32_MIN).data == NULL);
}

static void test_null_gives_zero(void) {
  double threshold = 7.0;
  plmhead_error_free(NULL);
  plmhead_free(NULL);
  CHECK(plmhead_error_status(NULL) == 0 && plmhead_error_where(NULL).data == NULL);
  CHECK(plmhead_error_message(NULL).data == NULL && plmhead_error_remedy(NULL).data == NULL);
  CHECK(plmhead_error_line(NULL).data == NULL);
  CHECK(!plmhead_verified(NULL) && plmhead_format_version(NULL).data == NULL && plmhead_npz_sha256(NULL).data == NULL);
  CHECK(plmhead_link(NULL) == 0 && plmhead_n_features_in(NULL) == 0 && plmhead_n_decisions(NULL) == 0);
  CHECK(plmhead_n_classes(NULL) == 0 && plmhead_class(NULL, 0).kind == 0);
  CHECK(plmhead_intercept(NULL) == NULL && plmhead_n_iter(NULL) == NULL && plmhead_n_iter_size(NULL) == 0);
  CHECK(!plmhead_threshold(NULL, &threshold) && threshold == 7.0 && plmhead_n_assay_types(NULL) == 0);
  CHECK(plmhead_assay_type(NULL, 0).data == NULL && plmhead_assay_threshold(NULL, 0) == 0.0);
  CHECK(plmhead_config(NULL, "").kind == 0 && plmhead_config_name(NULL, "", 0).data == NULL);
}

static void test_refused_loads(void) {
  plmhead_head *head = (plmhead_head *)&cases; /* must be overwritten */
  plmhead_status status = plmhead_load("no/such/file", 0, &head, &error);
  CHECK(head == NULL && starts(plmhead_error_line(error), "FILE_UNREADABLE (config): "));
  CHECK(plmhead_error_remedy(error).size > 0);
  expect(status, PLMHEAD_FILE_UNREADABLE, "config");

  CHECK(plmhead_load("no/such/file", 0, &head, NULL) == PLMHEAD_FILE_UNREADABLE);
  expect(plmhead_load(NULL, 0, &head, &error), PLMHEAD_USAGE, "artifact");
  expect(plmhead_load("x", 0, NULL, &error), PLMHEAD_USAGE, "head");
  expect(plmhead_load("x", 2, &head, &error), PLMHEAD_USAGE, "flags");
  expect(plmhead_load_files(NULL, "x", 0, &head, &error), PLMHEAD_USAGE, "npz");
  expect(plmhead_load_files("x", NULL, 0, &head, &error), PLMHEAD_USAGE, "config");
  expect(plmhead_load_bytes(NULL, 1, "", 0, 0, &head, &error), PLMHEAD_USAGE, "npz");
  expect(plmhead_load_bytes("", 0, NULL, 1, 0, &head, &error), PLMHEAD_USAGE, "config");
  expect(plmhead_load_bytes("", SIZE_MAX, "", 0, 0, &head, &error), PLMHEAD_USAGE, "npz");
  expect(plmhead_load_bytes(NULL, 0, NULL, 0, 0, &head, &error), PLMHEAD_JSON_SYNTAX,
         "config@0");
  CHECK(head == NULL);

  status = plmhead_load(path("base/v0/model"), PLMHEAD_REQUIRE_VERIFIED, &head, &error);
  expect(status, PLMHEAD_NOT_VERIFIED, "/format");
  head = loaded("base/v0/model");
  CHECK(!plmhead_verified(head) && is(plmhead_format_version(head), "0"));
  plmhead_free(head);
}

static void test_arithmetic_of_the_thread(void) {
  plmhead_head *head;
  CHECK(fesetround(FE_UPWARD) == 0);
  const plmhead_status status = plmhead_load(path("base/plain/model"), 0, &head, &error);
  CHECK(fesetround(FE_TONEAREST) == 0);
  expect(status, PLMHEAD_ENVIRONMENT, "npz");
}

static void test_labels(void) {
  plmhead_head *head = loaded("base/plain/model");
  CHECK(plmhead_n_classes(head) == 2);
  CHECK(plmhead_class(head, 0).kind == PLMHEAD_LABEL_INTEGER && plmhead_class(head, 1).integer == 1);
  CHECK(plmhead_class(head, 2).kind == 0 && plmhead_class(head, SIZE_MAX).kind == 0);
  plmhead_free(head);

  head = loaded("class/float/model");
  CHECK(plmhead_class(head, 1).kind == PLMHEAD_LABEL_FLOAT && plmhead_class(head, 0).integer == -3);
  plmhead_free(head);

  head = loaded("class/bool/model");
  CHECK(plmhead_class(head, 0).kind == PLMHEAD_LABEL_BOOLEAN && plmhead_class(head, 0).integer == 0);
  CHECK(plmhead_class(head, 1).integer == 1);
  plmhead_free(head);

  head = loaded("base/string/model");
  CHECK(plmhead_class(head, 0).kind == PLMHEAD_LABEL_TEXT && plmhead_class(head, 0).text.size > 0);
  plmhead_free(head);
}

static void test_config(void) {
  plmhead_head *head = loaded("base/full/model");
  double threshold = 0.0;
  CHECK(plmhead_verified(head) && is(plmhead_format_version(head), "1.0") && plmhead_npz_sha256(head).size == 64);
  CHECK(plmhead_link(head) == PLMHEAD_LOGISTIC && plmhead_threshold(head, NULL));
  CHECK(plmhead_threshold(head, &threshold) && threshold == 0.5);
  CHECK(plmhead_n_assay_types(head) == 2 && is(plmhead_assay_type(head, 1), "PSR"));
  CHECK(plmhead_assay_threshold(head, 1) == 0.5495);
  CHECK(plmhead_assay_type(head, 2).data == NULL && plmhead_assay_threshold(head, 2) == 0.0);

  CHECK(is(plmhead_config(head, "/esm_model").text, "facebook/esm2_t6_8M_UR50D"));
  CHECK(plmhead_config(head, "/esm_revision").kind == PLMHEAD_VALUE_NULL);
  CHECK(plmhead_config(head, "/embedding/l2_normalized").kind == PLMHEAD_VALUE_BOOLEAN);
  CHECK(plmhead_config(head, "/training/folded/0").kind == PLMHEAD_VALUE_TEXT);
  CHECK(plmhead_config(head, "/training/rows_by_class/1").integer == 471);
  CHECK(plmhead_config(head, "/training/rows_by_class/1").number == 471.0);
  CHECK(plmhead_config(head, "/l1_ratio").kind == PLMHEAD_VALUE_NUMBER);
  CHECK(plmhead_config(head, "/l1_ratio").number == 0.25);
  CHECK(plmhead_config(head, "/self_test").kind == PLMHEAD_VALUE_ARRAY && plmhead_config(head, "/self_test").size == 8);
  CHECK(plmhead_config(head, "").kind == PLMHEAD_VALUE_OBJECT && is(plmhead_config_name(head, "", 0), "format"));
  CHECK(is(plmhead_config_name(head, "/decision/assay_thresholds", 1), "PSR"));
  CHECK(plmhead_config_name(head, "/decision/assay_thresholds", 2).data == NULL);
  CHECK(plmhead_config(head, "/none").kind == 0 && plmhead_config(head, "x").kind == 0);
  CHECK(plmhead_config(head, NULL).kind == 0 && plmhead_config(head, "/\xff").kind == 0);
  plmhead_free(head);

  head = loaded("base/softmax/model");
  CHECK(plmhead_link(head) == PLMHEAD_SOFTMAX && plmhead_n_decisions(head) == plmhead_n_classes(head));
  CHECK(!plmhead_threshold(head, &threshold) && plmhead_n_assay_types(head) == 0);
  plmhead_free(head);
}

/* The decision of a row of ones is the sum of the coefficients and the intercept, in the order of the specification. */
static void test_arrays(void) {
  plmhead_head *head = loaded("base/plain/model");
  const double ones[4] = {1.0, 1.0, 1.0, 1.0};
  double coef[4], decision;
  const plmhead_buffers out = {.decision = &decision, .decision_size = 1};
  CHECK(plmhead_n_features_in(head) == 4 && plmhead_n_decisions(head) == 1);
  CHECK(plmhead_coef(head, coef, 4, &error) == PLMHEAD_OK && error == NULL);
  CHECK(plmhead_score_f64(head, ones, 1, 4, NULL, &out, NULL) == PLMHEAD_OK);
  CHECK(decision == ((coef[0] + coef[2]) + (coef[1] + coef[3])) - -plmhead_intercept(head)[0]);
  CHECK(plmhead_n_iter_size(head) == 1 && plmhead_n_iter(head)[0] == 12);

  expect(plmhead_coef(head, coef, 3, &error), PLMHEAD_USAGE, "out");
  expect(plmhead_coef(head, NULL, 4, &error), PLMHEAD_USAGE, "out");
  expect(plmhead_coef(NULL, coef, 4, &error), PLMHEAD_USAGE, "head");
  expect(plmhead_coef(head, (double *)(void *)((char *)coef + 1), 4, &error), PLMHEAD_USAGE,
         "out");
  plmhead_free(head);
}

static void test_scores(void) {
  enum { ROWS = 3, N = 4, K = 2 };
  const float x[ROWS * N] = {0.5f, -1.0f, 2.0f, 0.25f, 1.0f, 1.0f, 1.0f, 1.0f, -3.0f, 0.0f, 0.5f, 0.75f};
  double wide[ROWS * N], decision[2][ROWS], probability[2][ROWS * K];
  uint32_t index[2][ROWS];
  plmhead_head *head = loaded("base/plain/model");
  for (int i = 0; i < ROWS * N; i++) {
    wide[i] = (double)x[i];
  }
  plmhead_buffers out = {decision[0], ROWS, probability[0], ROWS * K, index[0], ROWS};
  CHECK(plmhead_score_f32(head, x, ROWS, N, NULL, &out, NULL) == PLMHEAD_OK);

  /* float and double, each result on its own, row by row: the same bits */
  out = (plmhead_buffers){decision[1], ROWS, NULL, 0, NULL, 0};
  CHECK(plmhead_score_f64(head, wide, ROWS, N, NULL, &out, NULL) == PLMHEAD_OK);
  for (int row = 0; row < ROWS; row++) {
    out = (plmhead_buffers){NULL, 0, probability[1] + row * K, K, index[1] + row, 1};
    CHECK(plmhead_score_f32(head, x + row * N, 1, N, NULL, &out, NULL) == PLMHEAD_OK);
  }
  CHECK(memcmp(decision[0], decision[1], sizeof decision[0]) == 0);
  CHECK(memcmp(probability[0], probability[1], sizeof probability[0]) == 0);
  CHECK(memcmp(index[0], index[1], sizeof index[0]) == 0);

  /* a cutoff */
  const double all = 0.0, none = 1.0;
  out = (plmhead_buffers){NULL, 0, NULL, 0, index[1], ROWS};
  CHECK(plmhead_score_f32(head, x, ROWS, N, &(plmhead_cutoff){.threshold = &all}, &out, NULL) == PLMHEAD_OK);
  CHECK(index[1][0] == 1 && index[1][1] == 1 && index[1][2] == 1);
  CHECK(plmhead_score_f32(head, x, ROWS, N, &(plmhead_cutoff){.threshold = &none}, &out, NULL) == PLMHEAD_OK);
  CHECK(index[1][0] == 0 && index[1][1] == 0 && index[1][2] == 0);
  plmhead_free(head);
}

static void test_refused_scores(void) {
  enum { N = 4 };
  float x[2 * N] = {0};
  double decision[2], probability[4], two = 2.0;
  uint32_t index[2];
  const plmhead_buffers out = {decision, 2, probability, 4, index, 2}, nothing = {0};
  plmhead_head *head = loaded("base/plain/model");
  expect(plmhead_score_f32(NULL, x, 2, N, NULL, &out, &error), PLMHEAD_USAGE, "head");
  expect(plmhead_score_f32(head, NULL, 2, N, NULL, &out, &error), PLMHEAD_USAGE, "x");
  expect(plmhead_score_f32(head, x, SIZE_MAX, N, NULL, &out, &error), PLMHEAD_USAGE, "x");
  expect(plmhead_score_f32(head, x, SIZE_MAX / 16, N, NULL, &nothing, &error), PLMHEAD_USAGE, "x");
  const float *misaligned = (const float *)(const void *)((const char *)x + 1);
  expect(plmhead_score_f32(head, misaligned, 1, N, NULL, &nothing, &error), PLMHEAD_USAGE, "x");
  expect(plmhead_score_f32(head, x, 2, N, NULL, NULL, &error), PLMHEAD_USAGE, "buffers");
  expect(plmhead_score_f32(head, x, 1, N, NULL, &out, &error), PLMHEAD_USAGE, "decision");
  const plmhead_buffers short_probability = {.probability = probability, .probability_size = 2};
  const plmhead_buffers short_index = {.class_index = index, .class_index_size = 1};
  expect(plmhead_score_f32(head, x, 2, N, NULL, &short_probability, &error), PLMHEAD_USAGE, "probability");
  expect(plmhead_score_f32(head, x, 2, N, NULL, &short_index, &error), PLMHEAD_USAGE, "class_index");
  expect(plmhead_score_f32(head, x, 4, 2, NULL, &out, &error), PLMHEAD_INPUT_SHAPE, "X");
  expect(plmhead_score_f32(head, x, 2, N, &(plmhead_cutoff){.threshold = &two}, &out, &error), PLMHEAD_THRESHOLD,
         "threshold");
  const plmhead_cutoff unknown = {NULL, {"none", 4}}, broken = {NULL, {"\xff", 1}};
  expect(plmhead_score_f32(head, x, 2, N, &unknown, &out, &error), PLMHEAD_ASSAY_TYPE, "assay_type");
  expect(plmhead_score_f32(head, NULL, 0, N, &unknown, &nothing, &error), PLMHEAD_ASSAY_TYPE, "assay_type");
  expect(plmhead_score_f32(head, x, 2, N, &broken, &out, &error), PLMHEAD_USAGE, "assay_type");
  CHECK(plmhead_score_f32(head, NULL, 0, N, NULL, &nothing, &error) == PLMHEAD_OK && error == NULL);
  x[N + 1] = NAN;
  expect(plmhead_score_f32(head, x, 2, N, NULL, &out, &error), PLMHEAD_INPUT_NONFINITE, "/1/1");
  x[N + 1] = 0.0f;
  double large[N], coef[N];
  CHECK(plmhead_coef(head, coef, N, NULL) == PLMHEAD_OK);
  for (int i = 0; i < N; i++) {
    large[i] = copysign(DBL_MAX, coef[i]);
  }
  expect(plmhead_score_f64(head, large, 1, N, NULL, &nothing, &error), PLMHEAD_DECISION_NONFINITE, "/0");
  CHECK(plmhead_score_f32(head, x, 2, N, NULL, &out, NULL) == PLMHEAD_OK);
  plmhead_free(head);
}

static size_t bytes_of(const char *name, char *out, size_t capacity) {
  FILE *file = fopen(path(name), "rb");
  CHECK(file != NULL);
  const size_t size = fread(out, 1, capacity, file);
  CHECK(size < capacity && fclose(file) == 0);
  return size;
}

/* The bytes are not needed after the call. */
static void test_bytes(void) {
  static char npz[65536], config[65536];
  const float ones[4] = {1.0f, 1.0f, 1.0f, 1.0f};
  double found, expected;
  plmhead_buffers out = {.decision = &found, .decision_size = 1};
  plmhead_head *head = NULL, *same = loaded("base/plain/model");
  const size_t npz_size = bytes_of("base/plain/model.npz", npz, sizeof npz);
  const size_t config_size = bytes_of("base/plain/model_config.json", config, sizeof config);
  CHECK(plmhead_load_bytes(npz, npz_size, config, config_size, PLMHEAD_REQUIRE_VERIFIED, &head, NULL) == PLMHEAD_OK);
  memset(npz, 0, sizeof npz);
  memset(config, 0, sizeof config);
  CHECK(plmhead_score_f32(head, ones, 1, 4, NULL, &out, NULL) == PLMHEAD_OK);
  out.decision = &expected;
  CHECK(plmhead_score_f32(same, ones, 1, 4, NULL, &out, NULL) == PLMHEAD_OK && memcmp(&found, &expected, 8) == 0);
  CHECK(is(plmhead_config(head, "/format").text, "plmhead"));
  plmhead_free(head);
  plmhead_free(same);
}

enum { THREADS = 4, CALLS = 2000 };

typedef struct work {
  const plmhead_head *head;
  double decision;
} work;

static void *score_often(void *argument) {
  work *mine = argument;
  const double x[4] = {0.1, -0.2, 0.3, -0.4};
  const plmhead_buffers out = {.decision = &mine->decision, .decision_size = 1};
  for (int i = 0; i < CALLS; i++) {
    plmhead_error *own;
    CHECK(plmhead_score_f64(mine->head, x, 1, 4, NULL, &out, NULL) == PLMHEAD_OK);
    CHECK(plmhead_score_f64(mine->head, x, 2, 2, NULL, &out, &own) == PLMHEAD_INPUT_SHAPE);
    plmhead_error_free(own);
  }
  return NULL;
}

static void test_threads(void) {
  plmhead_head *head = loaded("base/plain/model");
  pthread_t threads[THREADS];
  work works[THREADS];
  for (int i = 0; i < THREADS; i++) {
    works[i] = (work){head, 0.0};
    CHECK(pthread_create(&threads[i], NULL, score_often, &works[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(memcmp(&works[i].decision, &works[0].decision, sizeof(double)) == 0);
  }
  plmhead_free(head);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  cases = argv[1];
  CHECK(included_elsewhere() == PLMHEAD_ABI_VERSION);
  test_versions();
  test_null_gives_zero();
  test_refused_loads();
  test_arithmetic_of_the_thread();
  test_labels();
  test_config();
  test_arrays();
  test_scores();
  test_refused_scores();
  test_bytes();
  test_threads();
  puts("test.c: ok");
  return 0;
}
