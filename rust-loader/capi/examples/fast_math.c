/*
 * What the self-test is for. A scorer of two classes in C, without plmhead, whose only check is that of the artifact:
 *     C=../../../conformance/testees/c
 *     cc -O2 -ffp-contract=off -I$C fast_math.c $C/sha256.c && ./a.out ARTIFACT    self-test: accepted
 *     cc -O2 -ffast-math -I$C fast_math.c $C/sha256.c && ./a.out ARTIFACT          self-test: rejected
 * The second compiler was allowed to rearrange what is computed, and its scores are other ones. Nothing else shows it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

typedef struct { size_t size; char *data; } file;
typedef struct { size_t size; double *data; } vector;

static double of_bits(uint64_t bits) { double x; memcpy(&x, &bits, 8); return x; }
static uint64_t bits_of(double x) { uint64_t bits; memcpy(&bits, &x, 8); return bits; }
static void stop(const char *why) { fprintf(stderr, "fast_math: %s\n", why); exit(2); }

static file read_file(const char *name, const char *suffix) {
  char path[4096];
  snprintf(path, sizeof path, "%s%s", name, suffix);
  FILE *from = fopen(path, "rb");
  if (!from || fseek(from, 0, SEEK_END)) stop("a file cannot be read");
  file f = {(size_t)ftell(from), NULL};
  f.data = calloc(f.size + 1, 1);
  rewind(from);
  if (!f.data || fread(f.data, 1, f.size, from) != f.size) stop("a file cannot be read");
  fclose(from);
  return f;
}

/* The floats of a member: ZIP members lie one after the other from byte 0, each a 128-byte NPY header and its data. */
static vector member(file npz, const char *name) {
  for (size_t at = 0; at + 30 < npz.size && !memcmp(npz.data + at, "PK\3\4", 4);) {
    uint32_t size; uint16_t length, extra;
    memcpy(&size, npz.data + at + 22, 4); memcpy(&length, npz.data + at + 26, 2); memcpy(&extra, npz.data + at + 28, 2);
    const char *found = npz.data + at + 30, *npy = found + length + extra;
    if (size == UINT32_MAX) memcpy(&size, found + length + 4, 4);
    if (size < 128 || size > npz.size - (size_t)(npy - npz.data)) stop("no NPZ of plmhead");
    if (length == strlen(name) && !memcmp(found, name, length)) {
      const int wide = !memcmp(npy + 10, "{'descr': '<f8'", 15);
      vector v = {(size - 128) / (wide ? 8 : 4), malloc(2 * (size_t)size)};
      for (size_t i = 0; i < v.size; i++) {
        float narrow;
        memcpy(&narrow, npy + 128 + 4 * i, 4);
        if (wide) memcpy(v.data + i, npy + 128 + 8 * i, 8); else v.data[i] = narrow;
      }
      return v;
    }
    at = (size_t)(npy - npz.data) + size;
  }
  stop("a member is missing");
  return (vector){0, NULL};
}

/* E2. Goes over a JSON value. With `out`, appends its lines: names and strings as they are, numbers as bits. */
static const char *lines(const char *p, char **out) {
  p += strspn(p, " \t\r\n,:");
  if (*p == '{' || *p == '[') {
    for (p++; p += strspn(p, " \t\r\n,:"), *p != '}' && *p != ']';) p = lines(p, out);
    return p + 1;
  }
  const int string = *p == '"';
  const char *start = p + string, *end = start + strcspn(start, string ? "\"\\" : " \t\r\n,]}");
  if (*end == '\0' || *end == '\\') stop("escapes are beyond this example");
  if (out && !string && !strchr("ntf", *start)) *out += sprintf(*out, "%016" PRIx64 "\n", bits_of(strtod(start, NULL)));
  else if (out) *out += sprintf(*out, "%.*s\n", (int)(end - start), start);
  return end + string;
}

static void member_lines(const char *p, const char *name, char **out) {
  for (p = strchr(p, '{') + 1; p += strspn(p, " \t\r\n,"), *p == '"';) {
    const int wanted = !strncmp(p + 1, name, strlen(name)) && p[1 + strlen(name)] == '"';
    p = lines(lines(p, NULL), wanted ? out : NULL);
  }
}

/* Section 13 of the specification, as it is written there. */
static double decision(const double *x, const double *w, size_t n, double b) {
  double s[8] = {0};
  for (size_t i = 0; i < n; i++) s[i % 8] = s[i % 8] + x[i] * w[i];
  return (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) + b;
}

static double power_of_two(int k) { return of_bits((uint64_t)(k + 1023) << 52); }

static double exponential(double x) {
  const uint32_t h = (uint32_t)(bits_of(x) >> 32) & 0x7fffffff;
  if (x > of_bits(0x40862e42fefa39ef)) return of_bits(0x7ff0000000000000);
  if (x < of_bits(0xc0874910d52d3051)) return 0.0;
  if (h < 0x3e300000) return 1.0 + x;
  const double half = x < 0 ? -0.5 : 0.5;
  const int k = h <= 0x3fd62e42 ? 0 : h < 0x3ff0a2b2 ? (x < 0 ? -1 : 1) : (int)(of_bits(0x3ff71547652b82fe) * x + half);
  const double hi = x - k * of_bits(0x3fe62e42fee00000), lo = k * of_bits(0x3dea39ef35793c76), r = hi - lo, t = r * r;
  const double p4 = of_bits(0xbebbbd41c5d26bf1) + t * of_bits(0x3e66376972bea4d0);
  const double p2 = of_bits(0xbf66c16c16bebd93) + t * (of_bits(0x3f11566aaf25de2c) + t * p4);
  const double c = r - t * (of_bits(0x3fc555555555553e) + t * p2);
  if (k == 0) return 1.0 - ((r * c) / (c - 2.0) - r);
  const double y = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi);
  if (k == 1024) return y * 2.0 * power_of_two(1023);
  return k >= -1021 ? y * power_of_two(k) : y * power_of_two(k + 1000) * power_of_two(-1000);
}

int main(int argc, char **argv) {
  static const char *bound[7] = {"format_version", "min_reader", "link",      "decision",
                                 "embedding",      "golden",     "npz_sha256"};
  if (argc != 2) stop("usage: fast_math ARTIFACT");
  const file npz = read_file(argv[1], ".npz"), config = read_file(argv[1], "_config.json");
  const vector w = member(npz, "coef.npy"), b = member(npz, "intercept.npy");
  if (b.size != 1) stop("this example is for two classes");
  /* `0,` becomes a line of 17 bytes. */
  char *binding = malloc(9 * config.size), *end = binding, *stored = malloc(9 * config.size), *stored_end = stored;
  char found[1024], *f = found;
  for (int i = 0; i < 7; i++) member_lines(config.data, bound[i], &end);
  member_lines(config.data, "self_test", &stored_end);
  char digest[65], seed[9] = "";
  sha256 hash;
  sha256_start(&hash);
  sha256_add(&hash, binding, (size_t)(end - binding));
  sha256_end(&hash, digest);
  double *x = malloc(w.size * sizeof *x);
  for (uint32_t j = 0; j < 8; j++) { /* E3 */
    const uint32_t s = (uint32_t)strtoul(memcpy(seed, digest + 8 * j, 8), NULL, 16);
    for (uint32_t i = 0; i < w.size; i++) {
      x[i] = ((double)((8 * i + j + s) * 2654435761u) - 2147483648.0) / 2147483648.0 * (double)(1u << j);
    }
    const double z = decision(x, w.data, w.size, b.data[0]), p1 = 1.0 / (1.0 + exponential(-z));
    f += sprintf(f, "decision\n%016" PRIx64 "\nprobability\n%016" PRIx64 "\n%016" PRIx64 "\n",
                 bits_of(z), bits_of(1.0 - p1), bits_of(p1));
  }
  const int same = (size_t)(stored_end - stored) == strlen(found) && !memcmp(stored, found, strlen(found));
  puts(same ? "self-test: accepted" : "self-test: rejected");
  return !same;
}
