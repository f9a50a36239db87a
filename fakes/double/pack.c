#include "fakes/double/pack.h"

#include "base/error.h"
#include "wire/pb.h"

#define VALUE_MAX 10 /* bytes of a varint, or of a fixed value */
#define TAG_MAX   5

/* Writes downwards from `at`. */
struct cursor {
    uint8_t *at, *start;
    bool full, deep;
};

static inline bool room(struct cursor *c, size_t len)
{
    if ((size_t)(c->at - c->start) >= len)
        return true;
    c->full = true;
    return false;
}

/* Room was made for these. */
static inline void put_varint(struct cursor *c, uint64_t v)
{
    if (v < 0x80) {
        *--c->at = (uint8_t)v;
        return;
    }
    size_t len = (size_t)(64 - __builtin_clzll(v) + 6) / 7;
    uint8_t *at = c->at -= len;
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at = (uint8_t)v;
}

static inline void put_fixed(struct cursor *c, uint64_t v, size_t len)
{
    c->at -= len;
    for (size_t i = 0; i < len; i++)
        c->at[i] = (uint8_t)(v >> (8 * i));
}

static inline void put_raw(struct cursor *c, const void *data, size_t len)
{
    c->at -= len;
    if (len > 0)
        memcpy(c->at, data, len);
}

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static inline void put_tag(struct cursor *c, uint32_t id, unsigned wire)
{
    put_varint(c, (uint64_t)id << 3 | wire);
}

static inline uint32_t word32(const void *member)
{
    uint32_t v;
    memcpy(&v, member, sizeof v);
    return v;
}

static inline uint64_t word64(const void *member)
{
    uint64_t v;
    memcpy(&v, member, sizeof v);
    return v;
}

/* A number without its tag; the wire type it has. */
static inline unsigned put_number(struct cursor *c, ProtobufCType type, const void *member)
{
    uint32_t v;
    uint64_t w;
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        put_varint(c, (uint64_t)(int64_t)(int32_t)word32(member));
        return VARINT;
    case PROTOBUF_C_TYPE_UINT32:
        put_varint(c, word32(member));
        return VARINT;
    case PROTOBUF_C_TYPE_BOOL:
        put_varint(c, word32(member) != 0);
        return VARINT;
    case PROTOBUF_C_TYPE_SINT32:
        v = word32(member);
        put_varint(c, (v << 1) ^ (0 - (v >> 31)));
        return VARINT;
    case PROTOBUF_C_TYPE_SINT64:
        w = word64(member);
        put_varint(c, (w << 1) ^ (0 - (w >> 63)));
        return VARINT;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        put_varint(c, word64(member));
        return VARINT;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        put_fixed(c, word32(member), 4);
        return FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        put_fixed(c, word64(member), 8);
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return VARINT;
}

static void put_message(struct cursor *c, const ProtobufCMessage *m, int depth);

static void put_run(struct cursor *c, uint32_t id, const void *data, size_t len)
{
    if (!room(c, len + VALUE_MAX + TAG_MAX))
        return;
    put_raw(c, data, len);
    put_varint(c, len);
    put_tag(c, id, LENGTH);
}

/* One value with its tag. */
static void put_value(struct cursor *c, const ProtobufCFieldDescriptor *d, const void *member, int depth)
{
    if (d->type == PROTOBUF_C_TYPE_STRING) {
        const char *string = *(char *const *)member;
        put_run(c, d->id, string, string != NULL ? strlen(string) : 0);
    } else if (d->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *data = member;
        put_run(c, d->id, data->data, data->len);
    } else if (d->type == PROTOBUF_C_TYPE_MESSAGE) {
        const uint8_t *end = c->at;
        const ProtobufCMessage *nested = *(ProtobufCMessage *const *)member;
        if (nested != NULL)
            put_message(c, nested, depth + 1);
        if (!room(c, VALUE_MAX + TAG_MAX))
            return;
        put_varint(c, (uint64_t)(end - c->at));
        put_tag(c, d->id, LENGTH);
    } else if (room(c, VALUE_MAX + TAG_MAX)) {
        put_tag(c, d->id, put_number(c, d->type, member));
    }
}

static void put_repeated(struct cursor *c, const ProtobufCFieldDescriptor *d, const uint8_t *m, int depth)
{
    size_t count = *(const size_t *)(const void *)(m + d->quantifier_offset);
    const uint8_t *items = *(const uint8_t *const *)(const void *)(m + d->offset);
    size_t size = pack_size_of(d->type);
    if (count == 0)
        return;
    if ((d->flags & PROTOBUF_C_FIELD_FLAG_PACKED) == 0) {
        for (size_t i = count; i-- > 0 && !c->full;)
            put_value(c, d, items + i * size, depth);
        return;
    }
    const uint8_t *end = c->at;
    for (size_t i = count; i-- > 0 && room(c, VALUE_MAX);)
        put_number(c, d->type, items + i * size);
    if (!room(c, VALUE_MAX + TAG_MAX))
        return;
    put_varint(c, (uint64_t)(end - c->at));
    put_tag(c, d->id, LENGTH);
}

static inline void put_number_field(struct cursor *c, uint32_t id, uint64_t v)
{
    if (v == 0 || !room(c, VALUE_MAX + TAG_MAX))
        return;
    put_varint(c, v);
    put_tag(c, id, VARINT);
}

/* A field without presence: written unless it is the default. One branch by type for the test and the writing, since
 * most fields are such. */
static inline void put_plain(struct cursor *c, const ProtobufCFieldDescriptor *d, const void *member, int depth)
{
    uint32_t v;
    uint64_t w;
    switch (d->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *string = *(char *const *)member;
        if (string != NULL && *string != '\0')
            put_run(c, d->id, string, strlen(string));
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = member;
        if (data->len > 0)
            put_run(c, d->id, data->data, data->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(void *const *)member != NULL)
            put_value(c, d, member, depth);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        put_number_field(c, d->id, word64(member));
        break;
    case PROTOBUF_C_TYPE_SINT64:
        w = word64(member);
        put_number_field(c, d->id, (w << 1) ^ (0 - (w >> 63)));
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        put_number_field(c, d->id, (uint64_t)(int64_t)(int32_t)word32(member));
        break;
    case PROTOBUF_C_TYPE_UINT32:
        put_number_field(c, d->id, word32(member));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        put_number_field(c, d->id, word32(member) != 0);
        break;
    case PROTOBUF_C_TYPE_SINT32:
        v = word32(member);
        put_number_field(c, d->id, (v << 1) ^ (0 - (v >> 31)));
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        v = word32(member);
        if (v != 0 && room(c, VALUE_MAX + TAG_MAX)) {
            put_fixed(c, v, 4);
            put_tag(c, d->id, FIXED32);
        }
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        w = word64(member);
        if (w != 0 && room(c, VALUE_MAX + TAG_MAX)) {
            put_fixed(c, w, 8);
            put_tag(c, d->id, FIXED64);
        }
        break;
    }
}

/* Whether a field with presence is there. */
static inline bool is_set(const ProtobufCFieldDescriptor *d, const uint8_t *m, const void *member)
{
    if ((d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (word32(m + d->quantifier_offset) != d->id)
            return false;
        return d->type != PROTOBUF_C_TYPE_MESSAGE || *(void *const *)member != NULL;
    }
    if (d->type == PROTOBUF_C_TYPE_STRING || d->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *pointer = *(void *const *)member;
        return pointer != NULL && (d->type == PROTOBUF_C_TYPE_MESSAGE || pointer != d->default_value);
    }
    return word32(m + d->quantifier_offset) != 0;
}

static void put_unknown(struct cursor *c, const ProtobufCMessageUnknownField *u)
{
    if (!room(c, u->len + TAG_MAX))
        return;
    put_raw(c, u->data, u->len); /* with its length, when it has one */
    put_tag(c, u->tag, u->wire_type);
}

static void put_message(struct cursor *c, const ProtobufCMessage *m, int depth)
{
    const uint8_t *base = (const uint8_t *)m;
    if (depth > PB_DEPTH_MAX) {
        c->full = c->deep = true;
        return;
    }
    for (unsigned i = m->n_unknown_fields; i-- > 0;)
        put_unknown(c, &m->unknown_fields[i]);
    for (unsigned i = m->descriptor->n_fields; i-- > 0 && !c->full;) {
        const ProtobufCFieldDescriptor *d = &m->descriptor->fields[i];
        const void *member = base + d->offset;
        if (d->label == PROTOBUF_C_LABEL_NONE && (d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
            put_plain(c, d, member, depth);
        else if (d->label == PROTOBUF_C_LABEL_REPEATED)
            put_repeated(c, d, base, depth);
        else if (d->label == PROTOBUF_C_LABEL_REQUIRED || is_set(d, base, member))
            put_value(c, d, member, depth);
    }
}

int packed_init(struct packed *p, const ProtobufCMessage *m)
{
    uint8_t *start = p->room;
    size_t size = sizeof p->room;
    p->larger = NULL;
    for (;;) {
        struct cursor c = {.at = start + size, .start = start};
        put_message(&c, m, 0);
        if (!c.full) {
            p->wire = BYTES(c.at, (size_t)(start + size - c.at));
            return 0;
        }
        if (c.deep || size >= PACK_MAX)
            return ERROR_LIMIT;
        size *= 8;
        free(p->larger);
        p->larger = start = malloc(size);
        if (start == NULL)
            return ERROR_MEMORY;
    }
}
