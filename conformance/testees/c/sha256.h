/* SHA-256 (FIPS 180-4). */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sha256 {
  uint32_t state[8];
  unsigned char block[64];
  uint64_t size;
} sha256;

void sha256_start(sha256 *hash);
void sha256_add(sha256 *hash, const void *data, size_t size);

/* 64 hexadecimal digits and a NUL. */
void sha256_end(sha256 *hash, char out[65]);

/* The digest of values as little-endian binary64. */
void sha256_of_doubles(const double *values, size_t count, char out[65]);

#ifdef __cplusplus
}
#endif

#endif
