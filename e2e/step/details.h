/* The details of a gRPC status (header grpc-status-details-bin): a google.rpc.Status whose third field is a list of
 * google.protobuf.Any. Types are looked for among the system's contracts, then among google.rpc's error details. */
#ifndef E2E_DETAILS_H
#define E2E_DETAILS_H

#include "wire/pb.h"

#include <jansson.h>

/* A list, a new reference: of each its members as proto3 JSON with "@type", the full name of its message. What is not
 * an object there stands in "value"; of a type nobody knows "value" is its bytes in base64; of bytes that are no
 * message of their type "wrong" says why. NULL: no memory. `pool` may be NULL; *unknown: some type was not in it. */
json_t *details_value(const struct pb_pool *pool, struct bytes status, bool *unknown);

/* The only detail of an answer is micro's error, which its message tells as JSON as well. */
bool details_repeat_error(const json_t *answer);

#endif
