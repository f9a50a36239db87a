#include "wire/grpc_internal.h"

#include <string.h>

/* ---- received blocks ---- */

void grpc_block_start(struct grpc_block *b)
{
    if (b->text.capacity > GRPC_BUFFER_KEEP)
        text_deinit(&b->text);
    else
        text_clear(&b->text);
    array_clear(&b->entries);
    array_clear(&b->headers);
    memset(b->known, 0, sizeof b->known);
    b->size = 0;
    b->too_large = b->failed = false;
}

static struct grpc_span keep(struct grpc_block *b, struct bytes value)
{
    struct grpc_span span = {b->text.len, value.len, true};
    text_add(&b->text, value.data, value.len);
    if (text_ok(&b->text))
        return span;
    b->failed = true;
    return (struct grpc_span){0, 0, false};
}

static int known_of(struct bytes name)
{
    static const struct {
        const char *name;
        size_t len;
        int which;
    } table[] = {
        {":method", 7, GRPC_KNOWN_METHOD},
        {":path", 5, GRPC_KNOWN_PATH},
        {":status", 7, GRPC_KNOWN_HTTP_STATUS},
        {"content-type", 12, GRPC_KNOWN_CONTENT_TYPE},
        {"grpc-timeout", 12, GRPC_KNOWN_TIMEOUT},
        {"grpc-encoding", 13, GRPC_KNOWN_ENCODING},
        {"grpc-accept-encoding", 20, GRPC_KNOWN_ACCEPT_ENCODING},
        {"grpc-status", 11, GRPC_KNOWN_STATUS},
        {"grpc-message", 12, GRPC_KNOWN_MESSAGE},
        {"grpc-status-details-bin", 23, GRPC_KNOWN_DETAILS},
    };
    uint8_t first = name.data[0];
    if (first != ':' && first != 'c' && first != 'g')
        return -1;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (name.len == table[i].len && memcmp(name.data, table[i].name, name.len) == 0)
            return table[i].which;
    }
    return -1;
}

void grpc_block_add(struct grpc_block *b, struct bytes name, struct bytes value, size_t size_max)
{
    b->size += name.len + value.len + HPACK_ENTRY_OVERHEAD;
    if (b->size > size_max)
        b->too_large = true;
    /* Pseudo headers come first and are few: a block that grew too large still says what it is about. */
    if (b->failed || name.len == 0 || (b->too_large && name.data[0] != ':'))
        return;
    int which = known_of(name);
    if (which >= 0) {
        if (!b->known[which].present)
            b->known[which] = keep(b, value);
        return;
    }
    if (name.data[0] == ':' || bytes_is(name, "te"))
        return;
    struct grpc_block_entry entry;
    entry.name = keep(b, name);
    entry.value = keep(b, value);
    if (!b->failed && !array_push(&b->entries, entry))
        b->failed = true;
}

bool grpc_block_has(const struct grpc_block *b, enum grpc_known which)
{
    return b->known[which].present;
}

static struct bytes span_bytes(const struct grpc_block *b, struct grpc_span span)
{
    return span.len > 0 ? BYTES(b->text.data + span.at, span.len) : BYTES("", 0);
}

struct bytes grpc_block_get(const struct grpc_block *b, enum grpc_known which)
{
    return b->known[which].present ? span_bytes(b, b->known[which]) : BYTES_NONE;
}

/* A -bin value may be several joined by commas. Decoded bytes go behind the rest of the block's text, which may move:
 * so everything stays an offset until the end. */
static int decode_binary(struct grpc_block *b, size_t index)
{
    struct grpc_block_entry entry = b->entries.items[index];
    size_t at = entry.value.at, end = entry.value.at + entry.value.len;
    bool first = true;
    for (;;) {
        size_t stop = at;
        while (stop < end && b->text.data[stop] != ',')
            stop++;
        size_t from = at, to = stop;
        while (from < to && b->text.data[from] == ' ')
            from++;
        while (to > from && b->text.data[to - 1] == ' ')
            to--;
        struct grpc_span decoded = {b->text.len, 0, true};
        /* Reserved first: the input lies in the same buffer and must not move under the decoder. */
        if (!text_reserve(&b->text, to - from + 4))
            return ERROR_MEMORY;
        if (!base64_read(&b->text, BYTES(b->text.data + from, to - from), 0))
            return ERROR_SYNTAX;
        decoded.len = b->text.len - decoded.at;
        if (first) {
            b->entries.items[index].value = decoded;
            first = false;
        } else {
            struct grpc_block_entry more = {entry.name, decoded};
            if (!array_push(&b->entries, more))
                return ERROR_MEMORY;
        }
        if (stop == end)
            return 0;
        at = stop + 1;
    }
}

int grpc_block_metadata(struct grpc_block *b, struct grpc_metadata *out, struct bytes *bad_name)
{
    size_t count = b->entries.count;
    for (size_t i = 0; i < count; i++) {
        if (!grpc_name_is_binary(span_bytes(b, b->entries.items[i].name)))
            continue;
        int rc = decode_binary(b, i);
        if (rc) {
            *bad_name = span_bytes(b, b->entries.items[i].name);
            return rc;
        }
    }
    if (!array_reserve(&b->headers, b->entries.count))
        return ERROR_MEMORY;
    array_clear(&b->headers);
    for (size_t i = 0; i < b->entries.count; i++) {
        struct grpc_header *h = &b->headers.items[b->headers.count++];
        h->name = span_bytes(b, b->entries.items[i].name);
        h->value = span_bytes(b, b->entries.items[i].value);
    }
    *out = (struct grpc_metadata){b->headers.items, b->headers.count};
    return 0;
}

void grpc_block_deinit(struct grpc_block *b)
{
    text_deinit(&b->text);
    array_deinit(&b->entries);
    array_deinit(&b->headers);
}

/* ---- headers to send ---- */

int grpc_records_add(struct text *records, struct bytes name, struct bytes value)
{
    uint32_t lengths[2] = {(uint32_t)name.len, (uint32_t)value.len};
    if (name.len > UINT32_MAX || value.len > UINT32_MAX)
        return ERROR_LIMIT;
    if (!text_reserve(records, sizeof lengths + name.len + value.len))
        return ERROR_MEMORY;
    text_add(records, lengths, sizeof lengths);
    text_add(records, name.data, name.len);
    text_add(records, value.data, value.len);
    return text_ok(records) ? 0 : ERROR_MEMORY;
}

/* Eight bytes at a time: tokens are long, and every call sends one. */
static bool value_printable(struct bytes value)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t bad = 0;
    size_t i = 0;
    for (; i + 8 <= value.len; i += 8) {
        uint64_t v;
        memcpy(&v, value.data + i, 8);
        /* A high bit of what is below 0x20 (it borrows), of what is 0x7f (it carries), and those that were there. */
        bad |= (v - 0x20 * ones) | (v + ones) | v;
    }
    for (; i < value.len; i++)
        bad |= value.data[i] < 0x20 || value.data[i] > 0x7e ? highs : 0;
    return (bad & highs) == 0;
}

static int add_binary(struct text *records, struct bytes name, struct bytes value)
{
    size_t at = records->len;
    int rc = grpc_records_add(records, name, BYTES_NONE);
    if (rc)
        return rc;
    size_t from = records->len;
    base64_encode_bare(records, value);
    if (!text_ok(records))
        return ERROR_MEMORY;
    uint32_t len = (uint32_t)(records->len - from);
    memcpy(records->data + at + sizeof len, &len, sizeof len);
    return 0;
}

int grpc_records_add_metadata(struct text *records, struct grpc_metadata m, size_t size_max, struct bytes *offender)
{
    size_t size = 0;
    for (size_t i = 0; i < m.count; i++) {
        struct bytes name = m.items[i].name, value = m.items[i].value;
        if (offender)
            *offender = name;
        if (!grpc_name_allowed(name))
            return ERROR_INVALID;
        bool binary = grpc_name_is_binary(name);
        if (!binary && !value_printable(value))
            return ERROR_INVALID;
        size += name.len + HPACK_ENTRY_OVERHEAD;
        /* Compared before it is added, so that absurd lengths cannot wrap. */
        if (size > size_max || value.len > size_max - size)
            return ERROR_LIMIT;
        size += binary ? value.len / 3 * 4 + 4 : value.len;
        if (size > size_max)
            return ERROR_LIMIT;
        int rc = binary ? add_binary(records, name, value) : grpc_records_add(records, name, value);
        if (rc)
            return rc;
    }
    return 0;
}
