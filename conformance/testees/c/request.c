#include "request.h"

#include <string.h>

enum { MAX_DEPTH = 64 };
static const int64_t MAX_INTEGER = 9007199254740991;

typedef struct reader {
  char *at;
  char *end;
} reader;

static bool skip_value(reader *r, int depth, request_value *out);

static void space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
    r->at++;
  }
}

static bool take(reader *r, char expected) {
  if (r->at == r->end || *r->at != expected) {
    return false;
  }
  r->at++;
  return true;
}

static bool word(reader *r, const char *text) {
  const size_t size = strlen(text);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, text, size) != 0) {
    return false;
  }
  r->at += size;
  return true;
}

/* ---- UTF-8 ---- */

/* The length of the character at `at`, 0 where there is none: no overlong form, no surrogate, nothing above U+10FFFF. */
static size_t character(const unsigned char *at, size_t left) {
  static const struct {
    unsigned char first, last, second_first, second_last;
    size_t size;
  } forms[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
               {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
               {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    const size_t size = forms[f].size;
    if (at[0] < forms[f].first || at[0] > forms[f].last || size > left) {
      continue;
    }
    if (size > 1 && (at[1] < forms[f].second_first || at[1] > forms[f].second_last)) {
      return 0;
    }
    for (size_t i = 2; i < size; i++) {
      if ((at[i] & 0xc0) != 0x80) {
        return 0;
      }
    }
    return size;
  }
  return 0;
}

static bool utf8(const char *text, size_t size) {
  for (size_t i = 0; i < size;) {
    const size_t step = character((const unsigned char *)text + i, size - i);
    if (step == 0) {
      return false;
    }
    i += step;
  }
  return true;
}

static char *encode(char *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xc0 | code >> 6);
    *to++ = (char)(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    *to++ = (char)(0xe0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    *to++ = (char)(0x80 | (code & 0x3f));
  } else {
    *to++ = (char)(0xf0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 0x3f));
    *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    *to++ = (char)(0x80 | (code & 0x3f));
  }
  return to;
}

/* ---- Strings ---- */

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits after \u. */
static bool unit(reader *r, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < 4; i++) {
    const int digit = r->at < r->end ? hex_digit(*r->at++) : -1;
    if (digit < 0) {
      return false;
    }
    *out = *out << 4 | (uint32_t)digit;
  }
  return true;
}

/* What follows a backslash. */
static bool escape(reader *r, uint32_t *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (r->at == r->end) {
    return false;
  }
  const char letter = *r->at++;
  if (letter != 'u') {
    const char *found = letter == '\0' ? NULL : strchr(from, letter);
    *out = found == NULL ? 0 : (uint32_t)to[found - from];
    return found != NULL;
  }
  uint32_t low = 0;
  if (!unit(r, out) || (*out >= 0xdc00 && *out <= 0xdfff)) {
    return false;
  }
  if (*out >= 0xd800 && *out <= 0xdbff) {
    if (!take(r, '\\') || !take(r, 'u') || !unit(r, &low) || low < 0xdc00 || low > 0xdfff) {
      return false;
    }
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
  }
  return true;
}

/* With `keep`, escapes are resolved in place: the text is never longer than its source. */
static bool string(reader *r, bool keep, request_value *out) {
  if (!take(r, '"')) {
    return false;
  }
  char *to = r->at;
  *out = (request_value){REQUEST_TEXT, 0, r->at, 0};
  while (r->at < r->end) {
    const unsigned char c = (unsigned char)*r->at++;
    uint32_t code = 0;
    if (c == '"') {
      out->size = (size_t)(to - out->text);
      return true;
    }
    if (c < 0x20 || (c == '\\' && !escape(r, &code))) {
      return false;
    }
    if (keep && c == '\\') {
      to = encode(to, code);
    } else if (keep) {
      *to++ = (char)c;
    }
  }
  return false;
}

/* ---- Numbers ---- */

static size_t digits(reader *r) {
  size_t count = 0;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
    r->at++;
    count++;
  }
  return count;
}

static bool number(reader *r, request_value *out) {
  const bool negative = take(r, '-');
  const char *first = r->at;
  const size_t count = digits(r);
  if (count == 0 || (count > 1 && *first == '0')) {
    return false;
  }
  bool whole = count <= 16;
  int64_t value = 0;
  for (size_t i = 0; whole && i < count; i++) {
    value = value * 10 + (first[i] - '0');
  }
  whole = whole && value <= MAX_INTEGER && !(negative && value == 0);
  if (take(r, '.')) {
    whole = false;
    if (digits(r) == 0) {
      return false;
    }
  }
  if (take(r, 'e') || take(r, 'E')) {
    whole = false;
    (void)(take(r, '+') || take(r, '-'));
    if (digits(r) == 0) {
      return false;
    }
  }
  *out = (request_value){whole ? REQUEST_INTEGER : REQUEST_OTHER, negative ? -value : value, NULL, 0};
  return true;
}

/* ---- Values ---- */

/* Goes over an array or an object without keeping it. */
static bool skip_items(reader *r, char close, int depth) {
  request_value ignored;
  space(r);
  if (take(r, close)) {
    return true;
  }
  do {
    space(r);
    if (close == '}') {
      if (!string(r, false, &ignored)) {
        return false;
      }
      space(r);
      if (!take(r, ':')) {
        return false;
      }
    }
    if (!skip_value(r, depth, &ignored)) {
      return false;
    }
    space(r);
  } while (take(r, ','));
  return take(r, close);
}

/* Any value; a string is kept at the outermost level alone, since inner ones are read again from their source. */
static bool skip_value(reader *r, int depth, request_value *out) {
  space(r);
  *out = (request_value){REQUEST_OTHER, 0, r->at, 0};
  if (r->at == r->end || depth > MAX_DEPTH) {
    return false;
  }
  switch (*r->at) {
    case '"':
      return string(r, depth == 1, out);
    case '{':
      r->at++;
      if (!skip_items(r, '}', depth + 1)) {
        return false;
      }
      out->kind = REQUEST_OBJECT;
      out->size = (size_t)(r->at - out->text);
      return true;
    case '[':
      r->at++;
      return skip_items(r, ']', depth + 1);
    case 'n':
      out->kind = REQUEST_NULL;
      return word(r, "null");
    case 't':
      return word(r, "true");
    case 'f':
      return word(r, "false");
    default:
      return number(r, out);
  }
}

static bool same(request_value a, request_value b) { return a.size == b.size && memcmp(a.text, b.text, a.size) == 0; }

static bool member(reader *r, request_object *out) {
  if (out->count == REQUEST_MEMBERS) {
    return false;
  }
  request_member *next = &out->members[out->count];
  space(r);
  if (!string(r, true, &next->name)) {
    return false;
  }
  space(r);
  if (!take(r, ':') || !skip_value(r, 1, &next->value)) {
    return false;
  }
  for (size_t i = 0; i < out->count; i++) {
    if (same(out->members[i].name, next->name)) {
      return false;
    }
  }
  out->count++;
  space(r);
  return true;
}

bool request_read(char *text, size_t size, request_object *out) {
  reader r = {text, text + size};
  out->count = 0;
  space(&r);
  if (!utf8(text, size) || !take(&r, '{')) {
    return false;
  }
  space(&r);
  if (!take(&r, '}')) {
    do {
      if (!member(&r, out)) {
        return false;
      }
    } while (take(&r, ','));
    if (!take(&r, '}')) {
      return false;
    }
  }
  space(&r);
  return r.at == r.end;
}

/* ---- What a request holds ---- */

request_value request_get(const request_object *object, const char *name) {
  for (size_t i = 0; i < object->count; i++) {
    if (request_is(object->members[i].name, name)) {
      return object->members[i].value;
    }
  }
  return (request_value){REQUEST_ABSENT, 0, NULL, 0};
}

bool request_is(request_value value, const char *text) {
  return value.kind == REQUEST_TEXT && value.size == strlen(text) && memcmp(value.text, text, value.size) == 0;
}

bool request_bits(request_value value, double *out) {
  uint64_t bits = 0;
  if (value.kind != REQUEST_TEXT || value.size != 16) {
    return false;
  }
  for (size_t i = 0; i < 16; i++) {
    const char c = value.text[i];
    if (hex_digit(c) < 0 || (c >= 'A' && c <= 'F')) {
      return false;
    }
    bits = bits << 4 | (uint64_t)hex_digit(c);
  }
  memcpy(out, &bits, sizeof bits);
  return true;
}

bool request_count(request_value value, size_t *out) {
  if (value.kind != REQUEST_INTEGER || value.integer < 0) {
    return false;
  }
  *out = (size_t)value.integer;
  return true;
}
