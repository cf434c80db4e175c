/* A second file with the header. */
#include "plmhead.h"

int included_elsewhere(void);
int included_elsewhere(void) { return (int)plmhead_abi_version(); }
