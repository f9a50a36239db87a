/* Varints: too long, cut, padded, and with more bits than their kind has. */
#include "fuzz/message/defect_internal.h"

static bool is_varint_node(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->field != NULL && n->wire == WIRE_VARINT;
}

static bool is_node(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->depth > 0 && n->number > 0;
}

static bool is_bool(const struct pb_field *f)
{
    return f->kind == PB_BOOL && !f->packed;
}

static bool is_32_bits(const struct pb_field *f)
{
    return !f->packed && (f->kind == PB_INT32 || f->kind == PB_UINT32 || f->kind == PB_SINT32);
}

static bool varint_padded(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_varint_node);
    if (i == NO_NODE) {
        uint32_t message = defect_message(w);
        fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_VARINT);
        defect_put_padded(w->out, 1, 2 + (size_t)random_below(w->r, 9));
        return defect_append(w, message);
    }
    const struct wire_node *n = &w->tree.nodes[i];
    uint64_t value;
    size_t size = pb_varint_read(BYTES(w->tree.input.data + n->value, n->end - n->value), &value);
    if (size == 0 || size >= 10)
        return false;
    defect_put_padded(w->out, value, size + 1 + (size_t)random_below(w->r, 10 - size));
    return defect_replace(w, n, n->value, n->end);
}

/* Up to five bytes, which is what every decoder reads of a tag. */
static bool tag_padded(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_node);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    size_t size = n->value - n->start;
    if (size >= 5)
        return false;
    defect_put_padded(w->out, (uint64_t)n->number << 3 | n->wire, size + 1 + (size_t)random_below(w->r, 5 - size));
    return defect_replace(w, n, n->start, n->value);
}

static bool tag_too_long(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_node);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    defect_put_padded(w->out, (uint64_t)n->number << 3 | n->wire, 6 + (size_t)random_below(w->r, 5));
    return defect_replace(w, n, n->start, n->value);
}

static bool varint_too_long(struct mutate_work *w)
{
    static const uint8_t bytes[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
    uint32_t i = random_below(w->r, 2) ? mutate_pick(w, is_varint_node) : NO_NODE;
    if (i != NO_NODE) {
        const struct wire_node *n = &w->tree.nodes[i];
        fuzz_put(w->out, bytes, sizeof bytes);
        return defect_replace(w, n, n->value, n->end);
    }
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_VARINT);
    fuzz_put(w->out, bytes, sizeof bytes);
    return defect_append(w, message);
}

/* Ten bytes hold 70 bits; those above the 64th are there. */
static bool varint_overflow(struct mutate_work *w)
{
    uint8_t bytes[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02};
    uint32_t message = defect_message(w);
    bytes[9] = (uint8_t)random_range(w->r, 0x02, 0x7F);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_VARINT);
    fuzz_put(w->out, bytes, sizeof bytes);
    return defect_append(w, message);
}

static bool varint_truncated(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_VARINT);
    for (uint64_t n = 1 + random_below(w->r, 9); n > 0; n--)
        fuzz_put(w->out, "\x80", 1);
    return defect_append(w, message);
}

static bool tag_truncated(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    fuzz_put(w->out, "\x88\x80\x80\x80", 1 + (size_t)random_below(w->r, 4));
    return defect_append(w, message);
}

static bool bool_odd(struct mutate_work *w)
{
    static const uint64_t values[] = {2, 127, 128, 256, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    struct defect_place p;
    if (!defect_place(w, is_bool, &p))
        return false;
    fuzz_put_tag(w->out, p.field->number, WIRE_VARINT);
    fuzz_put_varint(w->out, values[random_below(w->r, sizeof values / sizeof values[0])]);
    return defect_put(w, &p);
}

static bool int32_high_bits(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_32_bits, &p))
        return false;
    fuzz_put_tag(w->out, p.field->number, WIRE_VARINT);
    fuzz_put_varint(w->out, (random_next(w->r) << 32 | random_below(w->r, 1000)) | UINT64_C(1) << 40);
    return defect_put(w, &p);
}

static const struct defect list[] = {
    DEFECT_ACCEPTED("varint-padded", "a varint with needless bytes", varint_padded),
    DEFECT_ACCEPTED("tag-padded", "a tag with needless bytes, five at the most", tag_padded),
    DEFECT_EITHER("tag-too-long", "a tag of six to ten bytes", tag_too_long),
    DEFECT_REFUSED("varint-too-long", "a varint of eleven bytes", varint_too_long),
    DEFECT_EITHER("varint-overflow", "a varint with bits above the 64th", varint_overflow),
    DEFECT_REFUSED("varint-truncated", "a message ends inside a varint", varint_truncated),
    DEFECT_REFUSED("tag-truncated", "a message ends inside a tag", tag_truncated),
    DEFECT_ACCEPTED("bool-odd", "a bool of 2 to 2^64 - 1", bool_odd),
    DEFECT_ACCEPTED("int32-high-bits", "a 32-bit number with bits above the 32nd", int32_high_bits),
};
DEFECT_FAMILY(defects_varint);
