/* A testee of the conformance suite over plmhead.h: one JSON object a line on stdin, one answer a line on stdout. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plmhead.h"
#include "request.h"
#include "sha256.h"

enum { MAX_LINE = 60000 };

static const char BAD_REQUEST[] = "P_BAD_REQUEST", UNKNOWN_OP[] = "P_UNKNOWN_OP";

/* ---- Memory and text ---- */

static void *grown(void *block, size_t size) {
  void *larger = realloc(block, size == 0 ? 1 : size);
  if (larger == NULL) {
    fputs("testee: out of memory\n", stderr);
    exit(1);
  }
  return larger;
}

/* An answer that is being written. */
typedef struct answer {
  char *data;
  size_t size, capacity;
} answer;

static void put(answer *a, const char *data, size_t size) {
  if (a->capacity - a->size < size) {
    a->capacity = 2 * (a->capacity + size);
    a->data = grown(a->data, a->capacity);
  }
  memcpy(a->data + a->size, data, size);
  a->size += size;
}

static void put_format(answer *a, const char *format, ...) {
  char text[128];
  va_list arguments;
  va_start(arguments, format);
  const int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  put(a, text, (size_t)size);
}

static void put_text(answer *a, plmhead_text text) {
  put(a, "\"", 1);
  for (size_t i = 0; i < text.size; i++) {
    const unsigned char c = (unsigned char)text.data[i];
    if (c == '"' || c == '\\') {
      put_format(a, "\\%c", c);
    } else if (c < 0x20) {
      put_format(a, "\\u%04x", c);
    } else {
      put(a, text.data + i, 1);
    }
  }
  put(a, "\"", 1);
}

static void put_bits(answer *a, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_format(a, "\"%016" PRIx64 "\"", bits);
}

/* A comma before every item but the first. */
static void put_comma(answer *a, size_t index) { put(a, ",", index == 0 ? 0 : 1); }

static void put_label(answer *a, plmhead_label label) {
  switch (label.kind) {
    case PLMHEAD_LABEL_INTEGER:
      put_format(a, "{\"t\":\"int\",\"v\":\"%" PRId64 "\"}", label.integer);
      break;
    case PLMHEAD_LABEL_FLOAT:
      put_format(a, "{\"t\":\"float\",\"v\":");
      put_bits(a, (double)label.integer);
      put(a, "}", 1);
      break;
    case PLMHEAD_LABEL_BOOLEAN:
      put_format(a, "{\"t\":\"bool\",\"v\":\"%s\"}", label.integer ? "true" : "false");
      break;
    default:
      put_format(a, "{\"t\":\"str\",\"v\":");
      put_text(a, label.text);
      put(a, "}", 1);
  }
}

static void put_doubles(answer *a, const char *name, const double *values, size_t count) {
  put_format(a, "\"%s\":[", name);
  for (size_t i = 0; i < count; i++) {
    put_comma(a, i);
    put_bits(a, values[i]);
  }
  put(a, "]", 1);
}

/* ---- Models ---- */

typedef struct session {
  plmhead_head **heads; /* model mN is heads[N - 1]; NULL when it is unloaded */
  size_t count;
} session;

/* The place of a model, or NULL. */
static plmhead_head **model(const session *s, request_value name) {
  char expected[32];
  for (size_t i = 0; i < s->count; i++) {
    snprintf(expected, sizeof expected, "m%zu", i + 1);
    if (s->heads[i] != NULL && request_is(name, expected)) {
      return &s->heads[i];
    }
  }
  return NULL;
}

/* A member as a C string, to be freed. A path with a NUL names no file, and neither does an empty one. */
static char *path_of(request_value value) {
  const size_t size = memchr(value.text, 0, value.size) == NULL ? value.size : 0;
  char *path = grown(NULL, size + 1);
  memcpy(path, value.text, size);
  path[size] = '\0';
  return path;
}

/* ---- Operations: NULL, or the code of a refusal ---- */

static const char *refused(answer *a, plmhead_error *error) {
  put_format(a, "\"ok\":false,\"error\":{\"code\":");
  put_text(a, plmhead_status_name(plmhead_error_status(error)));
  put_format(a, ",\"where\":");
  put_text(a, plmhead_error_where(error));
  put_format(a, ",\"message\":");
  put_text(a, plmhead_error_message(error));
  put(a, "}", 1);
  plmhead_error_free(error);
  return NULL;
}

static const char *hello(answer *a, const request_object *request) {
  size_t protocol;
  if (!request_count(request_get(request, "protocol"), &protocol) || protocol != 1) {
    return BAD_REQUEST;
  }
  put_format(a, "\"ok\":true,\"protocol\":1,\"format_versions\":[\"0\",\"1.0\"],\"profiles\":[\"strict\"],");
  put_format(a, "\"testee\":{\"name\":\"plmhead\",\"language\":\"c\",\"version\":");
  put_text(a, plmhead_version());
  put(a, "}", 1);
  return NULL;
}

static const char *load(session *s, answer *a, const request_object *request) {
  const request_value npz = request_get(request, "npz"), config = request_get(request, "config");
  if (npz.kind != REQUEST_TEXT || config.kind != REQUEST_TEXT) {
    return BAD_REQUEST;
  }
  char *npz_path = path_of(npz), *config_path = path_of(config);
  plmhead_head *head;
  plmhead_error *error;
  const plmhead_status status = plmhead_load_files(npz_path, config_path, 0, &head, &error);
  free(npz_path);
  free(config_path);
  if (status != PLMHEAD_OK) {
    return refused(a, error);
  }
  s->heads = grown(s->heads, (s->count + 1) * sizeof *s->heads);
  s->heads[s->count++] = head;
  put_format(a, "\"ok\":true,\"model\":\"m%zu\"", s->count);
  return NULL;
}

static const char *unload(answer *a, plmhead_head **head) {
  plmhead_free(*head);
  *head = NULL;
  put_format(a, "\"ok\":true");
  return NULL;
}

static void describe_arrays(answer *a, const plmhead_head *head) {
  const size_t rows = plmhead_n_decisions(head), columns = plmhead_n_features_in(head);
  char digest[65];
  double *coef = grown(NULL, rows * columns * sizeof *coef);
  if (plmhead_coef(head, coef, rows * columns, NULL) != PLMHEAD_OK) {
    exit(1);
  }
  sha256_of_doubles(coef, rows * columns, digest);
  free(coef);
  put_format(a, "\"coef\":{\"shape\":[%zu,%zu],\"sha256\":\"%s\"},", rows, columns, digest);
  sha256_of_doubles(plmhead_intercept(head), rows, digest);
  put_format(a, "\"intercept\":{\"shape\":[%zu],\"sha256\":\"%s\"},", rows, digest);
  put_format(a, "\"n_iter\":[");
  for (size_t i = 0; i < plmhead_n_iter_size(head); i++) {
    put_comma(a, i);
    put_format(a, "\"%" PRIu64 "\"", plmhead_n_iter(head)[i]);
  }
  put_format(a, "],");
}

static void describe_decision(answer *a, const plmhead_head *head) {
  double threshold;
  if (!plmhead_threshold(head, &threshold)) {
    put_format(a, "\"threshold\":null,\"assay_thresholds\":null");
    return;
  }
  put_format(a, "\"threshold\":");
  put_bits(a, threshold);
  put_format(a, ",\"assay_thresholds\":[");
  for (size_t i = 0; i < plmhead_n_assay_types(head); i++) {
    put_comma(a, i);
    put(a, "[", 1);
    put_text(a, plmhead_assay_type(head, i));
    put(a, ",", 1);
    put_bits(a, plmhead_assay_threshold(head, i));
    put(a, "]", 1);
  }
  put(a, "]", 1);
}

static const char *describe(answer *a, const plmhead_head *head) {
  put_format(a, "\"ok\":true,\"format_version\":");
  put_text(a, plmhead_format_version(head));
  put_format(a, ",\"verified\":%s", plmhead_verified(head) ? "true" : "false");
  put_format(a, ",\"link\":\"%s\"", plmhead_link(head) == PLMHEAD_SOFTMAX ? "softmax" : "logistic");
  put_format(a, ",\"n_features_in\":%zu,\"classes\":[", plmhead_n_features_in(head));
  for (size_t i = 0; i < plmhead_n_classes(head); i++) {
    put_comma(a, i);
    put_label(a, plmhead_class(head, i));
  }
  put_format(a, "],");
  describe_arrays(a, head);
  describe_decision(a, head);
  return NULL;
}

/* ---- Predict ---- */

typedef struct matrix {
  void *data; /* to be freed */
  size_t rows, columns;
  bool binary64;
} matrix;

/* rows * columns * item, or SIZE_MAX where that does not fit. */
static size_t product(size_t rows, size_t columns, size_t item) {
  if (rows == 0 || columns == 0) {
    return 0;
  }
  return rows > SIZE_MAX / item / columns ? SIZE_MAX : rows * columns * item;
}

/* A regular file of exactly that size. It is looked at before it is opened: opening a named pipe would wait. */
static bool read_exactly(const char *path, size_t size, void **out) {
  struct stat found;
  if (stat(path, &found) != 0 || !S_ISREG(found.st_mode) || (uintmax_t)found.st_size != size) {
    return false;
  }
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return false;
  }
  *out = grown(NULL, size);
  const bool whole = fread(*out, 1, size, file) == size && fgetc(file) == EOF;
  fclose(file);
  if (!whole) {
    free(*out);
  }
  return whole;
}

/* Rows are little-endian, as this machine is. */
static bool read_rows(request_value value, matrix *out) {
  request_object x;
  if (value.kind != REQUEST_OBJECT || !request_read(value.text, value.size, &x)) {
    return false;
  }
  const request_value path = request_get(&x, "path"), dtype = request_get(&x, "dtype");
  out->binary64 = request_is(dtype, "f8");
  if (path.kind != REQUEST_TEXT || !(out->binary64 || request_is(dtype, "f4")) ||
      !request_count(request_get(&x, "rows"), &out->rows) || !request_count(request_get(&x, "cols"), &out->columns)) {
    return false;
  }
  char *name = path_of(path);
  const bool whole = read_exactly(name, product(out->rows, out->columns, out->binary64 ? 8 : 4), &out->data);
  free(name);
  return whole;
}

static plmhead_status score(const plmhead_head *head, const matrix *x, const plmhead_cutoff *cutoff,
                            const plmhead_buffers *buffers, plmhead_error **error) {
  if (x->binary64) {
    return plmhead_score_f64(head, x->data, x->rows, x->columns, cutoff, buffers, error);
  }
  return plmhead_score_f32(head, x->data, x->rows, x->columns, cutoff, buffers, error);
}

static const char *scored(answer *a, const plmhead_head *head, const matrix *x, const plmhead_cutoff *cutoff) {
  /* Another shape is refused before memory is taken for its results. */
  const size_t rows = x->columns == plmhead_n_features_in(head) ? x->rows : 0;
  const size_t decisions = rows * plmhead_n_decisions(head), classes = rows * plmhead_n_classes(head);
  plmhead_buffers out = {grown(NULL, decisions * sizeof(double)),  decisions,
                         grown(NULL, classes * sizeof(double)),    classes,
                         grown(NULL, rows * sizeof(uint32_t)), rows};
  plmhead_error *error;
  const plmhead_status status = score(head, x, cutoff, &out, &error);
  if (status == PLMHEAD_OK) {
    put_format(a, "\"ok\":true,");
    put_doubles(a, "decision", out.decision, decisions);
    put(a, ",", 1);
    put_doubles(a, "probability", out.probability, classes);
    put_format(a, ",\"labels\":[");
    for (size_t i = 0; i < rows; i++) {
      put_comma(a, i);
      put_label(a, plmhead_class(head, out.class_index[i]));
    }
    put(a, "]", 1);
  }
  free(out.decision);
  free(out.probability);
  free(out.class_index);
  return status == PLMHEAD_OK ? NULL : refused(a, error);
}

static const char *predict(answer *a, const plmhead_head *head, const request_object *request) {
  const request_value threshold = request_get(request, "threshold"), assay = request_get(request, "assay_type");
  plmhead_cutoff cutoff = {0};
  double bits;
  matrix x;
  if (request_bits(threshold, &bits)) {
    cutoff.threshold = &bits;
  } else if (threshold.kind != REQUEST_NULL) {
    return BAD_REQUEST;
  }
  if (assay.kind == REQUEST_TEXT) {
    cutoff.assay_type = (plmhead_text){assay.text, assay.size};
  } else if (assay.kind != REQUEST_NULL) {
    return BAD_REQUEST;
  }
  if (!read_rows(request_get(request, "x"), &x)) {
    return BAD_REQUEST;
  }
  const char *code = scored(a, head, &x, &cutoff);
  free(x.data);
  return code;
}

/* ---- Lines ---- */

static const char *operate(session *s, answer *a, const request_object *request) {
  const request_value op = request_get(request, "op");
  if (op.kind != REQUEST_TEXT) {
    return BAD_REQUEST;
  }
  if (request_is(op, "hello")) {
    return hello(a, request);
  }
  if (request_is(op, "load")) {
    return load(s, a, request);
  }
  if (!request_is(op, "describe") && !request_is(op, "predict") && !request_is(op, "unload")) {
    return UNKNOWN_OP;
  }
  plmhead_head **head = model(s, request_get(request, "model"));
  if (head == NULL) {
    return BAD_REQUEST;
  }
  if (request_is(op, "describe")) {
    return describe(a, *head);
  }
  return request_is(op, "predict") ? predict(a, *head, request) : unload(a, head);
}

static void begin(answer *a, bool known, size_t id) {
  a->size = 0;
  if (known) {
    put_format(a, "{\"id\":%zu,", id);
  } else {
    put_format(a, "{\"id\":null,");
  }
}

/* Writes the answer to a line; false at shutdown, which has none. */
static bool reply(session *s, answer *a, char *line, size_t size) {
  request_object request;
  size_t id = 0;
  const bool known = request_read(line, size, &request) && request_count(request_get(&request, "id"), &id);
  if (known && request_is(request_get(&request, "op"), "shutdown")) {
    return false;
  }
  begin(a, known, id);
  const char *code = known ? operate(s, a, &request) : BAD_REQUEST;
  if (code != NULL) {
    begin(a, known, id);
    put_format(a, "\"ok\":false,\"error\":{\"code\":\"%s\"}", code);
  }
  put(a, "}", 1);
  if (a->size > MAX_LINE) {
    begin(a, known, id);
    put_format(a, "\"skip\":true,\"reason\":\"the answer is longer than %d bytes\"}", MAX_LINE);
  }
  put(a, "\n", 1);
  return true;
}

int main(void) {
  session s = {0};
  answer a = {0};
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  while ((size = getline(&line, &capacity, stdin)) >= 0 && reply(&s, &a, line, (size_t)size)) {
    fwrite(a.data, 1, a.size, stdout);
    fflush(stdout);
  }
  for (size_t i = 0; i < s.count; i++) {
    plmhead_free(s.heads[i]);
  }
  free(s.heads);
  free(a.data);
  free(line);
  return 0;
}
