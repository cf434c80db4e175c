/* For the tests: a claim that is wrong is printed with its line, and the program ends with 1. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(claim)                                                   \
  do {                                                                 \
    if (!(claim)) {                                                    \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim); \
      exit(1);                                                         \
    }                                                                  \
  } while (0)

#endif
