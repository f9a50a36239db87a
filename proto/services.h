/* The descriptor set of every service's contract in proto/ (the platform's own are in proto_set(), proto/set.h),
 * imports and comments (source info) included, embedded into the program. docs/services.md lists them. */
#ifndef PROTO_SERVICES_H
#define PROTO_SERVICES_H

#include "base/bytes.h"

struct bytes proto_services_set(void); /* a serialised google.protobuf.FileDescriptorSet */

#endif
