/* A message to wire bytes in one pass, from its end to its beginning: the length of what is nested is then known when
 * it is written, and nothing is measured first. protobuf-c's own way, which measures and then writes, takes twice as
 * long; the bytes are the same, but that a negative zero is kept, as the format's other implementations keep it, and so
 * is the empty string that a oneof was set to. Format: protobuf.dev/programming-guides/encoding. */
#ifndef FAKES_DOUBLE_PACK_H
#define FAKES_DOUBLE_PACK_H

#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>

#define PACK_ROOM ((size_t)512) /* bytes; what most requests fit in */

/* `room` on the caller's stack, and memory of its own when that is too small. */
struct packed {
    struct bytes wire;
    uint8_t *larger; /* owned */
    uint8_t room[PACK_ROOM];
};
/* 0; ERROR_MEMORY; ERROR_LIMIT: nested deeper than PB_DEPTH_MAX, or over PACK_MAX. */
#define PACK_MAX ((size_t)64 << 20)
int packed_init(struct packed *p, const ProtobufCMessage *m);
static inline void packed_deinit(struct packed *p)
{
    if (p->larger != NULL)
        free(p->larger);
}

/* Bytes of a value of that type in protobuf-c's structs; in a list, from one to the next. */
static inline size_t pack_size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        break;
    }
    return 4;
}

#endif
