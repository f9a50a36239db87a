#include "wire/hpack.h"

#include <stdlib.h>

/* First bytes of the representations, and how many bits of them the integer has (RFC 7541, section 6). */
enum { INDEXED = 0x80, INCREMENTAL = 0x40, RESIZE = 0x20, NEVER = 0x10, PLAIN = 0x00 };
enum { INDEXED_BITS = 7, INCREMENTAL_BITS = 6, RESIZE_BITS = 5, PLAIN_BITS = 4, STRING_BITS = 7 };

#define INTEGER_MAX 11 /* bytes of an integer at most */

/* RFC 7541, appendix A. Index is position plus one. */
static const struct {
    uint8_t name_len, value_len;
    const char *name, *value;
} fixed[] = {
#define ENTRY(name, value)                                                                                             \
    {                                                                                                                  \
        sizeof(name) - 1, sizeof(value) - 1, name, value                                                               \
    }
    ENTRY(":authority", ""),
    ENTRY(":method", "GET"),
    ENTRY(":method", "POST"),
    ENTRY(":path", "/"),
    ENTRY(":path", "/index.html"),
    ENTRY(":scheme", "http"),
    ENTRY(":scheme", "https"),
    ENTRY(":status", "200"),
    ENTRY(":status", "204"),
    ENTRY(":status", "206"),
    ENTRY(":status", "304"),
    ENTRY(":status", "400"),
    ENTRY(":status", "404"),
    ENTRY(":status", "500"),
    ENTRY("accept-charset", ""),
    ENTRY("accept-encoding", "gzip, deflate"),
    ENTRY("accept-language", ""),
    ENTRY("accept-ranges", ""),
    ENTRY("accept", ""),
    ENTRY("access-control-allow-origin", ""),
    ENTRY("age", ""),
    ENTRY("allow", ""),
    ENTRY("authorization", ""),
    ENTRY("cache-control", ""),
    ENTRY("content-disposition", ""),
    ENTRY("content-encoding", ""),
    ENTRY("content-language", ""),
    ENTRY("content-length", ""),
    ENTRY("content-location", ""),
    ENTRY("content-range", ""),
    ENTRY("content-type", ""),
    ENTRY("cookie", ""),
    ENTRY("date", ""),
    ENTRY("etag", ""),
    ENTRY("expect", ""),
    ENTRY("expires", ""),
    ENTRY("from", ""),
    ENTRY("host", ""),
    ENTRY("if-match", ""),
    ENTRY("if-modified-since", ""),
    ENTRY("if-none-match", ""),
    ENTRY("if-range", ""),
    ENTRY("if-unmodified-since", ""),
    ENTRY("last-modified", ""),
    ENTRY("link", ""),
    ENTRY("location", ""),
    ENTRY("max-forwards", ""),
    ENTRY("proxy-authenticate", ""),
    ENTRY("proxy-authorization", ""),
    ENTRY("range", ""),
    ENTRY("referer", ""),
    ENTRY("refresh", ""),
    ENTRY("retry-after", ""),
    ENTRY("server", ""),
    ENTRY("set-cookie", ""),
    ENTRY("strict-transport-security", ""),
    ENTRY("transfer-encoding", ""),
    ENTRY("user-agent", ""),
    ENTRY("vary", ""),
    ENTRY("via", ""),
    ENTRY("www-authenticate", ""),
#undef ENTRY
};
#define PSEUDO_COUNT 14 /* of them, all in front, begin with ':' */
_Static_assert(sizeof fixed / sizeof fixed[0] == HPACK_FIXED_COUNT, "the static table has 61 entries");

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static size_t put_integer(uint8_t *at, uint8_t first, unsigned bits, uint64_t value)
{
    uint64_t full = (UINT64_C(1) << bits) - 1;
    size_t n = 0;
    if (value < full) {
        at[n++] = (uint8_t)(first | value);
        return n;
    }
    at[n++] = (uint8_t)(first | full);
    for (value -= full; value >= 0x80; value >>= 7)
        at[n++] = (uint8_t)(0x80 | (value & 0x7f));
    at[n++] = (uint8_t)value;
    return n;
}

static void add_integer(struct text *out, uint8_t first, unsigned bits, uint64_t value)
{
    if (value < (UINT64_C(1) << bits) - 1) {
        text_char(out, (char)(uint8_t)(first | value));
        return;
    }
    uint8_t buffer[INTEGER_MAX];
    text_add(out, buffer, put_integer(buffer, first, bits, value));
}

static void add_string(struct text *out, struct bytes string)
{
    add_integer(out, 0, STRING_BITS, string.len);
    text_add(out, string.data, string.len);
}

/* `index` of the name, 0: spelled out. */
static void add_literal(struct text *out, uint8_t first, unsigned bits, size_t index, struct bytes name,
                        struct bytes value)
{
    add_integer(out, first, bits, index);
    if (index == 0)
        add_string(out, name);
    add_string(out, value);
}

/* ---- the tables ------------------------------------------------------------------------------------------------- */

size_t hpack_fixed_find(struct bytes name, struct bytes value, bool *whole)
{
    size_t found = 0;
    bool pseudo = name.len > 0 && name.data[0] == ':';
    *whole = false;
    for (size_t i = pseudo ? 0 : PSEUDO_COUNT, end = pseudo ? PSEUDO_COUNT : HPACK_FIXED_COUNT; i < end; i++) {
        if (fixed[i].name_len != name.len || fixed[i].name[0] != (char)name.data[0] ||
            memcmp(fixed[i].name, name.data, name.len) != 0)
            continue;
        if (fixed[i].value_len == value.len && (value.len == 0 || memcmp(fixed[i].value, value.data, value.len) == 0)) {
            *whole = true;
            return i + 1;
        }
        if (found == 0)
            found = i + 1;
    }
    return found;
}

static uint64_t ends_of(struct bytes b)
{
    uint64_t first = 0, last = 0;
    if (b.len >= sizeof first) {
        memcpy(&first, b.data, sizeof first);
        memcpy(&last, b.data + b.len - sizeof last, sizeof last);
    } else if (b.len > 0) {
        memcpy(&first, b.data, b.len);
    }
    return (first ^ (last << 29 | last >> 35)) + b.len;
}

/* Of lengths and ends only: what decides is the comparison, and one that is wrongly taken for seen does no harm. */
static uint32_t hash_of(struct bytes name, struct bytes value)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = ends_of(name) * odd;
    h = (h ^ h >> 32 ^ ends_of(value)) * odd;
    return (uint32_t)(h >> 32);
}

static struct hpack_entry *entry_of(struct hpack_encoder *e, uint64_t number)
{
    return &e->ring[number % HPACK_ENTRIES_MAX];
}

static size_t room_of(size_t name_len, size_t value_len)
{
    return name_len + value_len + HPACK_ENTRY_OVERHEAD;
}

static void evict_to(struct hpack_encoder *e, size_t size)
{
    while (e->size > size) {
        struct hpack_entry *entry = entry_of(e, e->evicted++);
        e->size -= room_of(entry->name_len, entry->value_len);
        free(entry->text);
        entry->text = NULL;
    }
}

/* Index of the entry that is this field, 0: none. A chain goes from newer to older, so it ends at the first one that
 * was evicted. */
static size_t table_find(struct hpack_encoder *e, struct bytes name, struct bytes value, uint32_t hash)
{
    for (uint64_t next = e->newest[hash % HPACK_CHAINS]; next > e->evicted;) {
        const struct hpack_entry *entry = entry_of(e, next - 1);
        if (entry->hash == hash && entry->name_len == name.len && entry->value_len == value.len &&
            memcmp(entry->text, name.data, name.len) == 0 &&
            (value.len == 0 || memcmp(entry->text + name.len, value.data, value.len) == 0))
            return HPACK_FIXED_COUNT + (size_t)(e->added - next) + 1;
        next = entry->older;
    }
    return 0;
}

static int table_add(struct hpack_encoder *e, struct bytes name, struct bytes value, uint32_t hash)
{
    size_t room = room_of(name.len, value.len);
    char *text = malloc(name.len + value.len);
    if (!text)
        return ERROR_MEMORY;
    memcpy(text, name.data, name.len);
    if (value.len > 0)
        memcpy(text + name.len, value.data, value.len);
    evict_to(e, e->limit - room);
    uint64_t *chain = &e->newest[hash % HPACK_CHAINS];
    *entry_of(e, e->added++) = (struct hpack_entry){
        .text = text, .name_len = (uint32_t)name.len, .value_len = (uint32_t)value.len, .hash = hash, .older = *chain};
    *chain = e->added;
    e->size += room;
    return 0;
}

/* Large ones would push out everything else. */
static bool fits(const struct hpack_encoder *e, struct bytes name, struct bytes value)
{
    return name.len > 0 && name.len <= HPACK_TABLE_MAX && value.len <= HPACK_TABLE_MAX &&
           room_of(name.len, value.len) <= e->limit / 4 * 3;
}

static bool was_seen(struct hpack_encoder *e, uint32_t hash)
{
    uint32_t *seen = &e->seen[hash / HPACK_CHAINS % HPACK_SEEN];
    bool before = *seen == hash;
    *seen = hash;
    return before;
}

/* ---- the encoder ------------------------------------------------------------------------------------------------ */

void hpack_init(struct hpack_encoder *e)
{
    *e = (struct hpack_encoder){.limit = HPACK_TABLE_MAX, .smallest = HPACK_TABLE_MAX};
}

void hpack_deinit(struct hpack_encoder *e)
{
    evict_to(e, 0);
}

void hpack_resize(struct hpack_encoder *e, size_t limit)
{
    if (limit > HPACK_TABLE_MAX)
        limit = HPACK_TABLE_MAX;
    if (limit == e->limit)
        return;
    e->limit = limit;
    if (limit < e->smallest)
        e->smallest = limit;
    e->resized = true;
    evict_to(e, limit);
}

/* The decoder has to hear the smallest size there was, so that it evicts what we did, and the last one. */
void hpack_start(struct hpack_encoder *e, struct text *out)
{
    if (!e->resized)
        return;
    if (e->smallest < e->limit)
        add_integer(out, RESIZE, RESIZE_BITS, e->smallest);
    add_integer(out, RESIZE, RESIZE_BITS, e->limit);
    e->smallest = e->limit;
    e->resized = false;
}

int hpack_field(struct hpack_encoder *e, struct bytes name, struct bytes value, bool secret, struct text *out)
{
    bool whole;
    size_t index;
    if (secret) {
        add_literal(out, NEVER, PLAIN_BITS, hpack_fixed_find(name, BYTES_NONE, &whole), name, value);
        return 0;
    }
    uint32_t hash = hash_of(name, value);
    index = table_find(e, name, value, hash);
    if (index) {
        add_integer(out, INDEXED, INDEXED_BITS, index);
        return 0;
    }
    index = hpack_fixed_find(name, value, &whole);
    if (whole) {
        add_integer(out, INDEXED, INDEXED_BITS, index);
        return 0;
    }
    if (!was_seen(e, hash) || !fits(e, name, value)) {
        add_literal(out, PLAIN, PLAIN_BITS, index, name, value);
        return 0;
    }
    add_literal(out, INCREMENTAL, INCREMENTAL_BITS, index, name, value);
    return table_add(e, name, value, hash);
}
