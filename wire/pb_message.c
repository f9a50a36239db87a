#include "wire/pb_wire.h"

#include <stdlib.h>

/* Tells a message protobuf-c will not have from memory that ran out. */
struct unpack_memory {
    struct arena *arena; /* NULL: the heap */
    bool exhausted;
};

static void *unpack_alloc(void *arg, size_t size)
{
    struct unpack_memory *memory = arg;
    void *p = memory->arena ? arena_alloc(memory->arena, size) : malloc(size);
    memory->exhausted = memory->exhausted || p == NULL;
    return p;
}

static void unpack_free(void *arg, void *pointer)
{
    const struct unpack_memory *memory = arg;
    if (!memory->arena)
        free(pointer);
}

int pb_unpack(const ProtobufCMessageDescriptor *type, struct bytes input, struct arena *arena, ProtobufCMessage **out,
              struct error *err)
{
    *out = NULL;
    bool pieces;
    int rc = pb_scan_pieces(type, input, &pieces, err);
    if (rc)
        return rc;
    struct text joined = TEXT_INIT;
    struct unpack_memory memory = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = unpack_alloc, .free = unpack_free, .allocator_data = &memory};
    static const uint8_t nothing[1];
    if (pieces) {
        memory.exhausted = pb_join_pieces(type, input, &joined) != 0;
        input = text_bytes(&joined);
    }
    if (!memory.exhausted)
        *out = protobuf_c_message_unpack(type, &allocator, input.len, input.len ? input.data : nothing);
    text_deinit(&joined);
    if (*out)
        return 0;
    if (memory.exhausted)
        return error_set(err, ERROR_MEMORY, "%s: out of memory", type->name);
    /* The scan refuses what protobuf-c would. */
    return error_set(err, ERROR_UNSUPPORTED, "%s: protobuf-c refuses what has passed the scan", type->name);
}

int pb_pack(const ProtobufCMessage *m, struct text *out)
{
    size_t size = protobuf_c_message_get_packed_size(m);
    if (!text_reserve(out, size))
        return ERROR_MEMORY;
    protobuf_c_message_pack(m, (uint8_t *)out->data + out->len);
    out->len += size;
    out->data[out->len] = '\0';
    return 0;
}

bool pb_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    struct text left = TEXT_INIT, right = TEXT_INIT;
    bool equal =
        pb_pack(a, &left) == 0 && pb_pack(b, &right) == 0 && bytes_equal(text_bytes(&left), text_bytes(&right));
    text_deinit(&left);
    text_deinit(&right);
    return equal;
}

int pb_to_json(const struct pb_pool *p, const ProtobufCMessage *m, int flags, struct text *out, struct error *err)
{
    const struct pb_type *type = pb_find_type(p, m->descriptor->name);
    if (!type)
        return error_set(err, ERROR_NOT_FOUND, "no message type %s in the descriptor set", m->descriptor->name);
    struct text wire = TEXT_INIT;
    int rc = pb_pack(m, &wire);
    if (rc)
        error_set(err, rc, "%s: out of memory", type->full_name);
    else
        rc = pb_wire_to_json(type, text_bytes(&wire), flags, out, err);
    text_deinit(&wire);
    return rc;
}
