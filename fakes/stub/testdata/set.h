/* The descriptor set of shop.proto, embedded. */
#ifndef FAKES_STUB_TESTDATA_SET_H
#define FAKES_STUB_TESTDATA_SET_H

#include "base/bytes.h"

struct bytes shop_set(void);

#endif
