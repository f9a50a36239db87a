#include "fuzz/message/wire_tree.h"

#include "base/utf8.h"
#include "fuzz/message/put.h"

#include <limits.h>

#define NO_NODE UINT32_MAX

struct level {
    const struct pb_type *type;
    uint32_t end;
    uint32_t node;  /* NO_NODE: not recorded, so nothing within it is */
    uint32_t guess; /* index of the field expected next */
    uint64_t seen;  /* which singular messages were there, by field index */
};

struct item {
    uint32_t number, value, data, end;
    uint8_t wire;
};

/* ---- one field ---- */

static inline __attribute__((always_inline)) size_t read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (at < end && at[0] < 0x80) {
        *value = at[0];
        return 1;
    }
    if (end - at > 1 && at[1] < 0x80) {
        *value = (at[0] & 0x7FU) | (uint64_t)at[1] << 7;
        return 2;
    }
    return pb_varint_read(BYTES(at, (size_t)(end - at)), value);
}

/* Moves past a group's fields and its end, keeping count of open groups up to the depth any decoder goes to. */
static bool skip_group(const uint8_t *bytes, uint32_t number, uint32_t *at, uint32_t end);

/* False: no field can be read at `at`. */
static inline __attribute__((always_inline)) bool read_item(const uint8_t *bytes, uint32_t at, uint32_t end,
                                                            struct item *item)
{
    uint64_t v;
    size_t n = read_varint(bytes + at, bytes + end, &v);
    if (n == 0 || n > 5 || v > UINT32_MAX || v >> 3 == 0)
        return false;
    item->number = (uint32_t)(v >> 3);
    item->wire = (uint8_t)(v & 7);
    item->value = item->data = at + (uint32_t)n;
    switch (item->wire) {
    case WIRE_VARINT:
        n = read_varint(bytes + item->value, bytes + end, &v);
        item->end = item->value + (uint32_t)n;
        return n > 0;
    case WIRE_FIXED64:
        item->end = item->value + 8;
        return end - item->value >= 8;
    case WIRE_FIXED32:
        item->end = item->value + 4;
        return end - item->value >= 4;
    case WIRE_BYTES:
        n = read_varint(bytes + item->value, bytes + end, &v);
        if (n == 0 || n > 5 || v > INT_MAX)
            return false;
        item->data = item->value + (uint32_t)n;
        item->end = item->data + (uint32_t)v;
        return v <= end - item->data;
    case WIRE_GROUP:
        item->end = item->value;
        return true;
    default: /* the end of a group nobody opened, and what is not assigned */
        return false;
    }
}

static bool skip_group(const uint8_t *bytes, uint32_t number, uint32_t *at, uint32_t end)
{
    uint32_t open[PB_DEPTH_MAX];
    size_t depth = 0;
    open[depth++] = number;
    while (depth > 0) {
        struct item item;
        uint64_t v;
        size_t n = read_varint(bytes + *at, bytes + end, &v);
        if (n > 0 && n <= 5 && v <= UINT32_MAX && (v & 7) == WIRE_GROUP_END) {
            *at += (uint32_t)n;
            if (open[--depth] != v >> 3)
                return false;
            continue;
        }
        if (!read_item(bytes, *at, end, &item) || (item.wire == WIRE_GROUP && depth == PB_DEPTH_MAX))
            return false;
        if (item.wire == WIRE_GROUP)
            open[depth++] = item.number;
        *at = item.end;
    }
    return true;
}

/* ---- what its type says ---- */

static inline __attribute__((always_inline)) const struct pb_field *find_field(const struct pb_type *type,
                                                                               uint32_t number, uint32_t *guess)
{
    uint32_t g = *guess;
    /* Most types number their fields from 1 without a gap; encoders write in their order. */
    if (number <= type->field_count && type->fields[number - 1].number == number)
        return &type->fields[number - 1];
    if (g < type->field_count && type->fields[g].number == number)
        return &type->fields[g];
    if (g + 1 < type->field_count && type->fields[g + 1].number == number) {
        *guess = g + 1;
        return &type->fields[g + 1];
    }
    const struct pb_field *f = pb_field_by_number(type, number);
    if (f != NULL)
        *guess = f->index;
    return f;
}

bool wire_text_valid(struct bytes s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t v;
        memcpy(&v, s.data + i, 8);
        if ((v & highs) || ((v - ones) & ~v & highs))
            break;
    }
    while (i < s.len && s.data[i] < 0x80 && s.data[i] != 0)
        i++;
    return i == s.len || (memchr(s.data + i, 0, s.len - i) == NULL && utf8_valid(BYTES(s.data + i, s.len - i)));
}

static bool packed_valid(const struct pb_field *f, struct bytes data)
{
    const uint8_t *at = data.data, *end = at + data.len;
    switch (fuzz_wire_type(f)) {
    case WIRE_FIXED32:
        return data.len % 4 == 0;
    case WIRE_FIXED64:
        return data.len % 8 == 0;
    default:
        while (at < end) {
            uint64_t v;
            size_t n = read_varint(at, end, &v);
            if (n == 0 || (f->kind == PB_BOOL && *at > 1))
                return false;
            at += n;
        }
        return true;
    }
}

/* The node's flags: what kind of thing it is, or that it is bad. Messages are looked into by the caller. */
static inline __attribute__((always_inline)) uint8_t judge(const struct pb_field *f, const struct item *item,
                                                           const uint8_t *bytes)
{
    if (item->wire == WIRE_GROUP)
        return NODE_BAD;
    if (f == NULL)
        return 0;
    if (item->wire != fuzz_wire_type(f)) {
        if (item->wire != WIRE_BYTES || !fuzz_is_packable(f))
            return NODE_BAD;
        return packed_valid(f, BYTES(bytes + item->data, item->end - item->data)) ? NODE_PACKED
                                                                                  : NODE_PACKED | NODE_BAD;
    }
    if (f->kind == PB_STRING && !wire_text_valid(BYTES(bytes + item->data, item->end - item->data)))
        return NODE_BAD;
    return f->kind == PB_MESSAGE ? NODE_OPEN : 0;
}

/* Whether this message is a singular one that was there before. */
static inline bool is_again(struct level *l, const struct pb_field *f)
{
    if (f->repeated || f->index >= 64)
        return false;
    uint64_t bit = UINT64_C(1) << f->index;
    bool again = (l->seen & bit) != 0;
    l->seen |= bit;
    return again;
}

/* ---- reading ---- */

void wire_tree_read(struct wire_tree *t, struct wire_node *nodes, uint32_t capacity, const struct pb_type *type,
                    struct bytes input, size_t from)
{
    static const uint8_t nothing[1];
    struct level levels[PB_DEPTH_MAX + 1];
    const uint8_t *bytes = input.len > 0 ? input.data : nothing;
    bool readable = input.len <= WIRE_TREE_BYTES_MAX;
    uint32_t at = 0, count = 1, end = readable ? (uint32_t)input.len : 0, depth = 0;
    if (capacity > WIRE_TREE_NODES_MAX)
        capacity = WIRE_TREE_NODES_MAX;
    *t = (struct wire_tree){.nodes = nodes, .capacity = capacity, .type = type, .input = BYTES(bytes, input.len)};
    t->clean = readable;
    nodes[0] = (struct wire_node){.end = end, .flags = NODE_OPEN | (readable ? 0 : NODE_BAD)};
    levels[0] = (struct level){.type = type, .end = end};
    for (;;) {
        struct level *l = &levels[depth];
        if (at == l->end) {
            if (l->node != NO_NODE)
                nodes[l->node].next = (uint16_t)count;
            if (depth-- == 0)
                break;
            continue;
        }
        struct item item;
        const struct pb_field *f = NULL;
        uint32_t start = at;
        uint8_t flags;
        if (read_item(bytes, at, l->end, &item)) {
            f = find_field(l->type, item.number, &l->guess);
            flags = judge(f, &item, bytes);
            if (item.wire == WIRE_GROUP) {
                uint32_t end_of_group = item.end; /* its own place in memory: the item stays in registers */
                item.end = skip_group(bytes, item.number, &end_of_group, l->end) ? end_of_group : l->end;
            }
            if (flags == NODE_OPEN) {
                if (depth == PB_DEPTH_MAX)
                    flags = NODE_BAD;
                else if (is_again(l, f))
                    flags = NODE_BAD | NODE_AGAIN;
            }
        } else {
            item = (struct item){.value = at, .data = at, .end = l->end, .wire = 7};
            flags = NODE_BAD;
        }
        if (flags & NODE_BAD)
            t->clean = false;
        uint32_t node = NO_NODE;
        if (l->node != NO_NODE && item.end > from) {
            if (count < capacity) {
                node = count++;
                nodes[node] =
                    (struct wire_node){f,        item.number,       start,           item.value, item.data,
                                       item.end, (uint16_t)l->node, (uint16_t)count, item.wire,  (uint8_t)(depth + 1),
                                       flags};
            } else {
                t->full = true;
            }
        }
        at = item.end;
        if (flags == NODE_OPEN) {
            levels[++depth] = (struct level){.type = f->message, .end = item.end, .node = node};
            at = item.data;
        }
    }
    t->count = count;
}

unsigned wire_tree_height(const struct wire_tree *t, uint32_t node)
{
    unsigned deepest = t->nodes[node].depth;
    for (uint32_t i = node + 1; i < t->nodes[node].next; i++)
        if (t->nodes[i].depth > deepest)
            deepest = t->nodes[i].depth;
    return deepest - t->nodes[node].depth;
}

/* ---- editing ---- */

size_t wire_tree_size(const struct wire_tree *t, uint32_t parent, size_t added, size_t removed)
{
    size_t plus = added, minus = removed; /* kept apart: neither goes below zero */
    for (uint32_t i = parent; i != 0; i = t->nodes[i].parent) {
        const struct wire_node *n = &t->nodes[i];
        plus += fuzz_varint_size((n->end - n->data) + plus - minus);
        minus += n->data - n->value;
    }
    return t->input.len + plus - minus;
}

void wire_tree_edit(const struct wire_tree *t, uint32_t parent, uint32_t at, uint32_t end, struct text *out,
                    size_t base)
{
    uint16_t chain[PB_DEPTH_MAX + 1];
    uint32_t lengths[PB_DEPTH_MAX + 1];
    size_t depth = 0, content = out->len - base;
    size_t plus = content, minus = end - at;
    size_t before = at; /* bytes that will stand before the content */
    for (uint32_t i = parent; i != 0; i = t->nodes[i].parent) {
        const struct wire_node *n = &t->nodes[i];
        size_t len = (n->end - n->data) + plus - minus, size = fuzz_varint_size(len);
        plus += size;
        minus += n->data - n->value;
        before = before + size - (n->data - n->value);
        chain[depth] = (uint16_t)i;
        lengths[depth++] = (uint32_t)len;
    }
    size_t tail = t->input.len - end;
    if (!text_reserve(out, before + tail))
        return;
    char *to = out->data + base;
    memmove(to + before, to, content);
    memcpy(to + before + content, t->input.data + end, tail);
    out->len = base + before + content + tail;
    out->data[out->len] = '\0';
    uint32_t copied = 0;
    while (depth-- > 0) {
        const struct wire_node *n = &t->nodes[chain[depth]];
        memcpy(to, t->input.data + copied, n->value - copied);
        to += n->value - copied;
        to += pb_varint_write((uint8_t *)to, lengths[depth]);
        copied = n->data;
    }
    memcpy(to, t->input.data + copied, at - copied);
}

/* ---- repairing ---- */

int wire_tree_repair(const struct pb_type *type, struct bytes input, struct text *out)
{
    struct level levels[PB_DEPTH_MAX + 1];
    size_t marks[PB_DEPTH_MAX + 1];
    uint32_t at = 0, depth = 0;
    if (input.len == 0 || input.len > WIRE_TREE_BYTES_MAX)
        return 0;
    levels[0] = (struct level){.type = type, .end = (uint32_t)input.len};
    for (;;) {
        struct level *l = &levels[depth];
        if (at == l->end) {
            if (depth == 0)
                break;
            fuzz_close(out, marks[depth--]);
            continue;
        }
        struct item item;
        if (!read_item(input.data, at, l->end, &item)) {
            at = l->end;
            continue;
        }
        if (item.wire == WIRE_GROUP && !skip_group(input.data, item.number, &item.end, l->end)) {
            at = l->end;
            continue;
        }
        const struct pb_field *f = find_field(l->type, item.number, &l->guess);
        uint8_t flags = judge(f, &item, input.data);
        if (flags == NODE_OPEN && depth < PB_DEPTH_MAX && !is_again(l, f)) {
            fuzz_put(out, input.data + at, item.value - at);
            marks[++depth] = fuzz_open(out);
            levels[depth] = (struct level){.type = f->message, .end = item.end};
            at = item.data;
            continue;
        }
        if (!(flags & (NODE_BAD | NODE_OPEN)))
            fuzz_put(out, input.data + at, item.end - at);
        at = item.end;
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}
