/* The descriptor set of the test protos, with their imports, embedded at build time. Static. */
#ifndef WIRE_TESTDATA_SET_H
#define WIRE_TESTDATA_SET_H

#include "base/bytes.h"

struct bytes test_set(void);

#endif
