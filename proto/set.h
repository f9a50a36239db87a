/* The descriptor set of every contract in proto/, imports included, embedded into the program. */
#ifndef PROTO_SET_H
#define PROTO_SET_H

#include "base/bytes.h"

struct bytes proto_set(void); /* a serialised google.protobuf.FileDescriptorSet */

#endif
