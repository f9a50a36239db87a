#include "wire/pb_to_json.h"

#include "wire/pb_number.h"

#include <stdlib.h>

static int write_element(struct pb_to_json *c, const struct pb_field *f, const struct pb_item *item,
                         struct pb_path *path, size_t *count)
{
    pb_write_next(c, *count == 0);
    path->index = (*count)++;
    if (f->kind != PB_MESSAGE)
        return pb_write_scalar(c, f, item, path);
    if (c->depth == PB_DEPTH_MAX)
        return pb_write_fail(c, path, item->data.data, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    int rc = pb_write_message(c, f->message, (struct pb_content){.run = item->data, .first = PB_NONE}, path);
    c->depth--;
    return rc;
}

static int write_packed(struct pb_to_json *c, const struct pb_field *f, struct bytes data, struct pb_path *path,
                        size_t *count)
{
    const uint8_t *at = data.data, *end = data.data + data.len;
    enum pb_wire_type wire = pb_kind_wire(f->kind);
    while (data.len > 0 && at < end) {
        struct pb_item item = {.number = f->number, .wire = wire};
        size_t width = wire == PB_WIRE_FIXED32 ? 4 : wire == PB_WIRE_FIXED64 ? 8 : 0;
        if (width == 0)
            width = pb_varint_get(at, end, &item.value);
        else if ((size_t)(end - at) < width)
            width = 0;
        else
            item.value = width == 4 ? pb_fixed32_get(at) : pb_fixed64_get(at);
        if (width == 0)
            return pb_write_fail(c, path, at, ERROR_SYNTAX, "packed numbers end in the middle of one");
        int rc = write_element(c, f, &item, path, count);
        if (rc)
            return rc;
        at += width;
    }
    return 0;
}

int pb_write_list(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *up)
{
    struct pb_path path = {.up = up, .field = f};
    size_t count = 0;
    int rc = 0;
    pb_write_open(c, '[');
    for (uint32_t i = first; !rc && i != PB_NONE; i = c->occurrences.items[i].next) {
        struct pb_item item = c->occurrences.items[i].item;
        if (item.wire == PB_WIRE_BYTES && pb_is_packable(f->kind))
            rc = write_packed(c, f, item.data, &path, &count);
        else
            rc = write_element(c, f, &item, &path, &count);
    }
    pb_write_close(c, ']', count == 0);
    return rc;
}

static int compare_keys(const void *left, const void *right)
{
    const struct pb_sort_key *a = left, *b = right;
    if (a->bits != b->bits)
        return a->bits < b->bits ? -1 : 1;
    size_t common = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
    int order = common ? memcmp(a->bytes.data, b->bytes.data, common) : 0;
    if (order)
        return order;
    return (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
}

static int compare_keys_stable(const void *left, const void *right)
{
    int order = compare_keys(left, right);
    const struct pb_sort_key *a = left, *b = right;
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* The key as something to sort by: signed numbers get their sign bit turned over. */
static int sort_key(struct pb_to_json *c, const struct pb_field *key, struct bytes entry, const struct pb_path *path,
                    struct pb_sort_key *out)
{
    struct pb_reader r = {entry.data, entry.data + entry.len};
    *out = (struct pb_sort_key){.entry = entry, .bytes = BYTES("", 0)};
    uint64_t value = 0;
    while (entry.len > 0 && r.at < r.end) {
        struct pb_item item = {0};
        const uint8_t *at = r.at;
        enum pb_fault fault = pb_item_next(&r, &item);
        if (!fault && item.wire == PB_WIRE_GROUP)
            fault = pb_group_skip(&r, item.number);
        else if (!fault && item.wire == PB_WIRE_GROUP_END)
            fault = PB_FAULT_GROUP;
        if (fault)
            return pb_write_fail(c, path, at, ERROR_SYNTAX, "%s", pb_fault_text(fault));
        if (item.number != 1 || item.wire != pb_kind_wire(key->kind))
            continue;
        value = item.wire == PB_WIRE_BYTES ? 0 : item.value;
        if (item.wire == PB_WIRE_BYTES)
            out->bytes = item.data;
    }
    switch (key->kind) {
    case PB_INT32:
    case PB_SFIXED32:
        out->bits = (uint64_t)(int64_t)(int32_t)(uint32_t)value ^ UINT64_C(1) << 63;
        break;
    case PB_SINT32:
        out->bits = (uint64_t)(int64_t)pb_unzigzag32((uint32_t)value) ^ UINT64_C(1) << 63;
        break;
    case PB_INT64:
    case PB_SFIXED64:
        out->bits = value ^ UINT64_C(1) << 63;
        break;
    case PB_SINT64:
        out->bits = (uint64_t)pb_unzigzag64(value) ^ UINT64_C(1) << 63;
        break;
    case PB_UINT32:
    case PB_FIXED32:
        out->bits = (uint32_t)value;
        break;
    case PB_BOOL:
        out->bits = value != 0;
        break;
    case PB_UINT64:
    case PB_FIXED64:
    case PB_STRING:
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_BYTES:
    case PB_ENUM:
    case PB_MESSAGE:
        out->bits = value;
        break;
    }
    return 0;
}

static int write_map_key(struct pb_to_json *c, const struct pb_field *key, const struct pb_sort_key *k,
                         const struct pb_path *path)
{
    char buffer[PB_NUMBER_MAX];
    int rc = 0;
    if (key->kind == PB_STRING)
        rc = pb_write_string(c, k->bytes, path);
    else if (key->kind == PB_BOOL)
        pb_write_quoted(c, k->bits ? "true" : "false", k->bits ? 4 : 5);
    else if (key->kind == PB_UINT32 || key->kind == PB_FIXED32 || key->kind == PB_UINT64 || key->kind == PB_FIXED64)
        pb_write_quoted(c, buffer, pb_number_print_unsigned(k->bits, buffer));
    else
        pb_write_quoted(c, buffer, pb_number_print_signed((int64_t)(k->bits ^ UINT64_C(1) << 63), buffer));
    pb_put(c->out, ":", 1);
    pb_write_space(c);
    return rc;
}

static int write_entry(struct pb_to_json *c, const struct pb_field *f, const struct pb_sort_key *key, bool first,
                       const struct pb_path *up)
{
    const struct pb_type *entry = f->message;
    struct pb_path path = {.up = up, .field = f, .index = PB_PATH_NO_INDEX, .key = key->bytes};
    pb_write_next(c, first);
    int rc = write_map_key(c, &entry->fields[0], key, &path);
    if (rc)
        return rc;
    struct pb_index index;
    rc = pb_index_message(c, entry, (struct pb_content){.run = key->entry, .first = PB_NONE}, &path, &index);
    if (!rc) {
        const struct pb_field *value = &entry->fields[1];
        const struct pb_occurrence *last = pb_index_last(c, index, 1);
        if (value->kind == PB_MESSAGE) {
            rc = pb_write_submessage(c, value, c->slots.items[index.slots + 1].first, &path);
        } else {
            struct pb_item item = last ? last->item : (struct pb_item){.data = BYTES("", 0)};
            rc = pb_write_scalar(c, value, &item, &path);
        }
    }
    pb_index_drop(c, index);
    return rc;
}

int pb_write_map(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *up)
{
    if (c->depth == PB_DEPTH_MAX)
        return pb_write_fail(c, up, NULL, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    size_t base = c->keys.count;
    int rc = 0;
    bool sorted = true;
    for (uint32_t i = first; !rc && i != PB_NONE; i = c->occurrences.items[i].next) {
        struct pb_sort_key key;
        rc = sort_key(c, &f->message->fields[0], c->occurrences.items[i].item.data, up, &key);
        key.order = (uint32_t)(c->keys.count - base);
        if (!rc && !array_push(&c->keys, key))
            rc = pb_write_fail(c, up, NULL, ERROR_MEMORY, "out of memory");
        if (!rc && key.order > 0 && compare_keys(&key, &c->keys.items[c->keys.count - 2]) <= 0)
            sorted = false;
    }
    size_t n = c->keys.count - base;
    if (!rc && n > 1 && !sorted)
        qsort(c->keys.items + base, n, sizeof *c->keys.items, compare_keys_stable);
    pb_write_open(c, '{');
    bool none = true;
    for (size_t i = 0; !rc && i < n; i++) {
        struct pb_sort_key key = c->keys.items[base + i];
        /* Of entries with one key the last one counts. */
        if (i + 1 < n && compare_keys(&key, &c->keys.items[base + i + 1]) == 0)
            continue;
        rc = write_entry(c, f, &key, none, up);
        none = false;
    }
    pb_write_close(c, '}', none);
    c->keys.count = base;
    c->depth--;
    return rc;
}
