/*
 * plmhead: loads plmhead artifacts, logistic-regression heads on protein language model embeddings, and scores vectors
 * with the same bits as every other plmhead loader. This header is the manual of the C library.
 *
 *     plmhead_head *head;
 *     plmhead_error *error;
 *     if (plmhead_load("models/boughter", 0, &head, &error) != PLMHEAD_OK) {
 *       fprintf(stderr, "%.*s\n", PLMHEAD_PRINT(plmhead_error_line(error)));
 *       plmhead_error_free(error);
 *       return 1;
 *     }
 *     double probability[2];
 *     plmhead_buffers out = {.probability = probability, .probability_size = 2};
 *     plmhead_score_f32(head, embedding, 1, plmhead_n_features_in(head), NULL, &out, NULL);
 *     plmhead_free(head);
 *
 * The rules, for every function below:
 *
 * - Memory. What a function named plmhead_load... makes is freed with plmhead_free, an error with plmhead_error_free,
 *   each once. Nothing else is to be freed. What is passed in is read, or written where it is said, during the call
 *   alone; nothing of it is kept.
 * - Views. A pointer or text that a function returns belongs to the head or error that it was asked of, never changes,
 *   and is valid until that is freed. Static texts are valid for ever.
 * - NULL is allowed where it is said. Where a head or error is asked something, NULL gives zero: 0, false, NULL, or a
 *   struct of zeros.
 * - Threads. A head and an error never change. Any number of threads may use one at once, without a lock; the one that
 *   frees it must be the last. There is no state beside them: no initialisation, no last error, nothing per thread.
 * - Failure. A function that may fail returns a status, PLMHEAD_OK or the reason; the results are then of no use. No
 *   call ends the process or unwinds through the caller, with one exception: memory that the system refuses aborts. One
 *   load needs at most the size of the two files and 4 MiB.
 * - Floating point. A head is loaded and used under IEEE 754 arithmetic with subnormals and rounding to nearest, which
 *   is how a thread starts. Loading under any other gives PLMHEAD_ENVIRONMENT, for example where -ffast-math set
 *   flush-to-zero; after loading, do not change it in a thread that scores.
 *
 * Version of this interface: PLMHEAD_ABI_VERSION. Functions and numbers may be added to it; a change of one raises it.
 */
#ifndef PLMHEAD_H
#define PLMHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLMHEAD_ABI_VERSION 1

/* Marks what the library exports. */
#ifndef PLMHEAD_API
#define PLMHEAD_API
#endif

/* A loaded artifact. */
typedef struct plmhead_head plmhead_head;

/* Why a call failed. */
typedef struct plmhead_error plmhead_error;

/*
 * UTF-8 text of `size` bytes, without a NUL at its end. `data` is NULL where there is no text, and not NULL for an
 * empty one. Print it with printf("%.*s", PLMHEAD_PRINT(text)).
 */
typedef struct plmhead_text {
  const char *data;
  size_t size;
} plmhead_text;

#define PLMHEAD_PRINT(text) (int)(text).size, (text).data

/* ---- Status ------------------------------------------------------------------------------------------------------ */

/* The codes of the specification, spec/v1/errors.json, which says what each means. These numbers do not change. */
typedef int32_t plmhead_status;

enum {
  PLMHEAD_OK = 0,
  PLMHEAD_FILE_UNREADABLE = 1,
  PLMHEAD_FILE_SIZE = 2,
  PLMHEAD_JSON_ENCODING = 3,
  PLMHEAD_JSON_SYNTAX = 4,
  PLMHEAD_JSON_SURROGATE = 5,
  PLMHEAD_JSON_DUPLICATE_NAME = 6,
  PLMHEAD_JSON_NUMBER = 7,
  PLMHEAD_JSON_LIMIT = 8,
  PLMHEAD_FORMAT_MISSING = 9,
  PLMHEAD_FORMAT_UNKNOWN = 10,
  PLMHEAD_VERSION_UNSUPPORTED = 11,
  PLMHEAD_CONFIG_SEAL = 12,
  PLMHEAD_CONFIG_DIGEST = 13,
  PLMHEAD_FIELD_MISSING = 14,
  PLMHEAD_FIELD_TYPE = 15,
  PLMHEAD_FIELD_VALUE = 16,
  PLMHEAD_FIELD_UNKNOWN = 17,
  PLMHEAD_NPZ_DIGEST = 18,
  PLMHEAD_ZIP_END = 19,
  PLMHEAD_ZIP_CENTRAL = 20,
  PLMHEAD_ZIP_FLAGS = 21,
  PLMHEAD_ZIP_METHOD = 22,
  PLMHEAD_ZIP_LAYOUT = 23,
  PLMHEAD_ZIP_LOCAL = 24,
  PLMHEAD_ZIP_NAME = 25,
  PLMHEAD_ZIP_MISSING = 26,
  PLMHEAD_ZIP_CRC = 27,
  PLMHEAD_NPY_PREAMBLE = 28,
  PLMHEAD_NPY_HEADER = 29,
  PLMHEAD_NPY_ORDER = 30,
  PLMHEAD_NPY_DTYPE = 31,
  PLMHEAD_NPY_LENGTH = 32,
  PLMHEAD_ARRAY_LIMIT = 33,
  PLMHEAD_ARRAY_SHAPE = 34,
  PLMHEAD_ARRAY_NONFINITE = 35,
  PLMHEAD_ARRAY_VALUE = 36,
  PLMHEAD_LABEL_VALUE = 37,
  PLMHEAD_LABEL_DUPLICATE = 38,
  PLMHEAD_FIELD_MISMATCH = 39,
  PLMHEAD_ENVIRONMENT = 40,
  PLMHEAD_SELF_TEST = 41,
  PLMHEAD_NOT_VERIFIED = 42,
  PLMHEAD_INPUT_DTYPE = 43,
  PLMHEAD_INPUT_SHAPE = 44,
  PLMHEAD_INPUT_NONFINITE = 45,
  PLMHEAD_DECISION_NONFINITE = 46,
  PLMHEAD_THRESHOLD = 47,
  PLMHEAD_ASSAY_TYPE = 48,

  /* Not of the specification. A call that breaks this manual, as far as that can be seen: a NULL or a length that is
 * not
     allowed, an unknown flag. It is a defect of the caller. */
  PLMHEAD_USAGE = -1,
  /* A defect of this library, which also says on standard error where it is. The head may be used further. */
  PLMHEAD_INTERNAL = -2
};

/* `ZIP_CRC` for PLMHEAD_ZIP_CRC, static; no text for a number that is no status. */
PLMHEAD_API plmhead_text plmhead_status_name(plmhead_status status);

/*
 * The details of a failure. Every function with a parameter `error` sets *error, at every call: to NULL where it
 * succeeds, else to a new error that the caller frees. Pass NULL for `error` to do without.
 */

/* What the function returned. */
PLMHEAD_API plmhead_status plmhead_error_status(const plmhead_error *error);

/*
 * Where the fault is: a JSON pointer into the config or X, a member such as `coef.npy`, a word such as `npz`, or an
 * offset such as `npz@117`; the same in every plmhead loader. With PLMHEAD_USAGE, the name of a parameter. May hold any
 * character of the config.
 */
PLMHEAD_API plmhead_text plmhead_error_where(const plmhead_error *error);

/* What was found and what was expected, for people. */
PLMHEAD_API plmhead_text plmhead_error_message(const plmhead_error *error);

/* What mends it; no text where no remedy is known. */
PLMHEAD_API plmhead_text plmhead_error_remedy(const plmhead_error *error);

/* All of it: `ZIP_CRC (coef.npy): found ..., expected ...; remedy`. */
PLMHEAD_API plmhead_text plmhead_error_line(const plmhead_error *error);

/* Frees an error. NULL is allowed. */
PLMHEAD_API void plmhead_error_free(plmhead_error *error);

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

/* A flag: refuse an artifact of version 0, which has no digests and no self-test, with PLMHEAD_NOT_VERIFIED. */
#define PLMHEAD_REQUIRE_VERIFIED 1u

/*
 * Loads the pair of files that `artifact` names: PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json, a C string (on
 * Windows in UTF-8). Every check of the specification runs, in its order, and the first rule that is broken is the
 * status. Where the two files do not belong together they are read again, up to three times in 21 ms: a writer may be
 * between them.
 *
 * `flags` is 0 or PLMHEAD_REQUIRE_VERIFIED. `head`, not NULL, is set to the head, or to NULL on failure.
 * Status: any from PLMHEAD_FILE_UNREADABLE to PLMHEAD_NOT_VERIFIED.
 */
PLMHEAD_API plmhead_status plmhead_load(const char *artifact, uint32_t flags, plmhead_head **head,
                                        plmhead_error **error);

/* As plmhead_load, with the paths of the two files. */
PLMHEAD_API plmhead_status plmhead_load_files(const char *npz, const char *config, uint32_t flags, plmhead_head **head,
                                              plmhead_error **error);

/* As plmhead_load, with the bytes of the two files, which are not needed after the call. Touches no file. */
PLMHEAD_API plmhead_status plmhead_load_bytes(const void *npz, size_t npz_size, const void *config, size_t config_size,
                                              uint32_t flags, plmhead_head **head, plmhead_error **error);

/* Frees a head. NULL is allowed. */
PLMHEAD_API void plmhead_free(plmhead_head *head);

/* ---- What a head is ---------------------------------------------------------------------------------------------- */

/* Whether digests and self-test stood behind it: true for every version but 0. */
PLMHEAD_API bool plmhead_verified(const plmhead_head *head);

/* `0`, or the artifact's format_version. */
PLMHEAD_API plmhead_text plmhead_format_version(const plmhead_head *head);

/* The SHA-256 of the NPZ file, 64 hexadecimal digits: the identity of the model. */
PLMHEAD_API plmhead_text plmhead_npz_sha256(const plmhead_head *head);

/* How a decision becomes a probability. */
enum {
  PLMHEAD_LOGISTIC = 1, /* two classes, one decision a row */
  PLMHEAD_SOFTMAX = 2   /* three or more classes, one decision each a row */
};

/* PLMHEAD_LOGISTIC or PLMHEAD_SOFTMAX. */
PLMHEAD_API int32_t plmhead_link(const plmhead_head *head);

/* n, the length of a vector that the head scores: 1 to 65536. */
PLMHEAD_API size_t plmhead_n_features_in(const plmhead_head *head);

/* d, the decisions of a row, which is also the number of rows of coefficients: 1, or the number of classes. */
PLMHEAD_API size_t plmhead_n_decisions(const plmhead_head *head);

/* k, the number of classes, and of probabilities a row: 2 to 1024. */
PLMHEAD_API size_t plmhead_n_classes(const plmhead_head *head);

/*
 * Copies the d * n coefficients to `out`, row after row, widened to binary64, which is exact. `size` is the length of
 * `out` and must be d * n.
 */
PLMHEAD_API plmhead_status plmhead_coef(const plmhead_head *head, double *out, size_t size, plmhead_error **error);

/* The d intercepts: a view. */
PLMHEAD_API const double *plmhead_intercept(const plmhead_head *head);

/* The iterations that fitting took: a view of plmhead_n_iter_size values. */
PLMHEAD_API const uint64_t *plmhead_n_iter(const plmhead_head *head);
PLMHEAD_API size_t plmhead_n_iter_size(const plmhead_head *head);

/* ---- Classes ----------------------------------------------------------------------------------------------------- */

/* The types of labels. All labels of a head are of one type. */
enum {
  PLMHEAD_LABEL_INTEGER = 1,
  PLMHEAD_LABEL_FLOAT = 2,
  PLMHEAD_LABEL_BOOLEAN = 3,
  PLMHEAD_LABEL_TEXT = 4
};

typedef struct plmhead_label {
  int32_t kind;      /* one of the above; 0 where there is no label */
  int64_t integer;   /* INTEGER: the label. FLOAT: the label, which is whole and within +-2^53. BOOLEAN: 0 or 1 */
  plmhead_text text; /* TEXT: the label, a view */
} plmhead_label;

/* The label of class `index`, from 0 and in the order of the probabilities; all zero from k on. */
PLMHEAD_API plmhead_label plmhead_class(const plmhead_head *head, size_t index);

/* ---- Config ------------------------------------------------------------------------------------------------------ */

/* The threshold on the probability of class 1, to *out; false, and *out as it was, for softmax. `out` may be NULL. */
PLMHEAD_API bool plmhead_threshold(const plmhead_head *head, double *out);

/* The assay types that have a threshold of their own, in the order of the file, and their thresholds; `index` from 0.
   */
PLMHEAD_API size_t plmhead_n_assay_types(const plmhead_head *head);
PLMHEAD_API plmhead_text plmhead_assay_type(const plmhead_head *head, size_t index);
PLMHEAD_API double plmhead_assay_threshold(const plmhead_head *head, size_t index);

enum {
  PLMHEAD_VALUE_NULL = 1,
  PLMHEAD_VALUE_BOOLEAN = 2,
  PLMHEAD_VALUE_INTEGER = 3, /* written without `.`, `e` or `E`; within +-(2^53 - 1) */
  PLMHEAD_VALUE_NUMBER = 4,  /* any other number; finite */
  PLMHEAD_VALUE_TEXT = 5,
  PLMHEAD_VALUE_ARRAY = 6,
  PLMHEAD_VALUE_OBJECT = 7
};

typedef struct plmhead_value {
  int32_t kind;      /* one of the above; 0 where there is no such value */
  size_t size;       /* ARRAY: its items. OBJECT: its members */
  int64_t integer;   /* INTEGER: its value. BOOLEAN: 0 or 1 */
  double number;     /* INTEGER and NUMBER: its value */
  plmhead_text text; /* TEXT: a view */
} plmhead_value;

/*
 * A value of the config, as the file holds it, by its JSON pointer (RFC 6901), a C string in UTF-8: `/esm_model`,
 * `/embedding/dimension`, `/self_test/0/decision/0`; the empty string is the whole. In a token, `~1` stands for `/` and
 * `~0` for `~`. Members are searched one by one.
 */
PLMHEAD_API plmhead_value plmhead_config(const plmhead_head *head, const char *pointer);

/* The name of member `index`, from 0 and in the order of the file, of the object at `pointer`; a view. */
PLMHEAD_API plmhead_text plmhead_config_name(const plmhead_head *head, const char *pointer, size_t index);

/* ---- Scoring ----------------------------------------------------------------------------------------------------- */

/* What decides between the two classes of a logistic head. All zero: the head's own threshold. */
typedef struct plmhead_cutoff {
  const double *threshold; /* on the probability of class 1, in [0, 1]; NULL: none. Softmax takes none */
  plmhead_text assay_type; /* its threshold goes before `threshold`; `data` NULL: none */
} plmhead_cutoff;

/*
 * Where the results go: buffers of the caller, with the number of values that each has room for, which must be the one
 * stated. A buffer that is NULL is not wanted. Buffers must not overlap each other or x.
 */
typedef struct plmhead_buffers {
  double *decision; /* rows * d values, row after row */
  size_t decision_size;
  double *probability; /* rows * k values, row after row */
  size_t probability_size;
  uint32_t *class_index; /* `rows` values: the class of each row, for plmhead_class */
  size_t class_index_size;
} plmhead_buffers;

/*
 * Scores `rows` rows of `columns` values that lie one after the other in `x`. `columns` must be n; `x` may be NULL
 * where there are no rows. `cutoff` may be NULL: the head's own. `buffers` is not NULL. A row has the same bits in any
 * batch. One thread scores a batch; split it to use more. Nothing is allocated where `decision` and `probability` are
 * given.
 *
 * Status: PLMHEAD_INPUT_SHAPE, PLMHEAD_INPUT_NONFINITE, PLMHEAD_DECISION_NONFINITE, PLMHEAD_THRESHOLD,
 * PLMHEAD_ASSAY_TYPE, in this order; a shape, a threshold and an assay type are looked at in an empty batch too.
 */
PLMHEAD_API plmhead_status plmhead_score_f32(const plmhead_head *head, const float *x, size_t rows, size_t columns,
                                             const plmhead_cutoff *cutoff, const plmhead_buffers *buffers,
                                             plmhead_error **error);

/* As plmhead_score_f32, for binary64. */
PLMHEAD_API plmhead_status plmhead_score_f64(const plmhead_head *head, const double *x, size_t rows, size_t columns,
                                             const plmhead_cutoff *cutoff, const plmhead_buffers *buffers,
                                             plmhead_error **error);

/* ---- Versions ---------------------------------------------------------------------------------------------------- */

/* The version of the library, such as `0.1.0`; static. */
PLMHEAD_API plmhead_text plmhead_version(void);

/* PLMHEAD_ABI_VERSION of the library at hand. */
PLMHEAD_API uint32_t plmhead_abi_version(void);

#ifdef __cplusplus
}
#endif

#endif
