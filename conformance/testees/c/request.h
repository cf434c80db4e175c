/*
 * Requests of the conformance protocol: one JSON object of RFC 8259 a line, read strictly. UTF-8, no name twice in an object, no
 * half surrogate pair, at most 64 levels and 32 members of the object itself.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { REQUEST_MEMBERS = 32 };

typedef enum request_kind {
  REQUEST_ABSENT,
  REQUEST_NULL,
  REQUEST_INTEGER, /* written without fraction and exponent, within +-(2^53 - 1), not -0 */
  REQUEST_TEXT,
  REQUEST_OBJECT,
  REQUEST_OTHER
} request_kind;

typedef struct request_value {
  request_kind kind;
  int64_t integer;
  char *text; /* TEXT: its characters, with escapes resolved, no NUL at the end. OBJECT: its source */
  size_t size;
} request_value;

typedef struct request_member {
  request_value name, value;
} request_member;

typedef struct request_object {
  size_t count;
  request_member members[REQUEST_MEMBERS];
} request_object;

/* Reads the object in the `size` bytes at `text`, which it changes: texts of `out` are views of them. False: no such object. */
bool request_read(char *text, size_t size, request_object *out);

/* The value of a member; ABSENT where there is none. */
request_value request_get(const request_object *object, const char *name);

/* Whether a text is this C string. */
bool request_is(request_value value, const char *text);

/* 16 hexadecimal digits in lower case to the binary64 of these bits. */
bool request_bits(request_value value, double *out);

/* An integer from 0 up. */
bool request_count(request_value value, size_t *out);

#ifdef __cplusplus
}
#endif

#endif
