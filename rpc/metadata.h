/* Copies of metadata that outlive the callback which lent it. */
#ifndef RPC_METADATA_H
#define RPC_METADATA_H

#include "base/arena.h"
#include "wire/grpc.h"

/* A copy in the arena; every name and value ends in a NUL its length does not count. Non-zero: ERROR_MEMORY. */
int rpc_metadata_copy(struct arena *arena, struct grpc_metadata from, struct grpc_metadata *out);

/* Headers being collected one by one, in an arena. */
struct rpc_header_list {
    struct grpc_header *items;
    size_t count, capacity;
};
/* Name (lower-cased) and value are copied. */
int rpc_header_list_add(struct rpc_header_list *list, struct arena *arena, const char *name, struct bytes value);

#endif
