/* Lengths that are not what comes. Where the message has a field with a length, that one is lied about; else one nobody
 * knows is added. */
#include "fuzz/message/defect_internal.h"

static bool has_length(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->depth > 0 && n->wire == WIRE_BYTES;
}

static bool has_content(const struct mutate_work *w, const struct wire_node *n)
{
    return has_length(w, n) && n->end > n->data;
}

/* The length of a field that is there becomes `length`; `size` bytes of it, 0: as many as it needs. */
static bool lie(struct mutate_work *w, const struct wire_node *n, uint64_t length, size_t size)
{
    if (size > 0)
        defect_put_padded(w->out, length, size);
    else
        fuzz_put_varint(w->out, length);
    return defect_replace(w, n, n->value, n->data);
}

static bool add(struct mutate_work *w, uint64_t length)
{
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_BYTES);
    fuzz_put_varint(w->out, length);
    fuzz_put(w->out, "x", 1);
    return defect_append(w, message);
}

static bool length_truncated(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_BYTES);
    fuzz_put(w->out, "\xFF\xFF\xFF\xFF", 1 + (size_t)random_below(w->r, 4));
    return defect_append(w, message);
}

static bool length_past_end(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, has_length);
    uint64_t more = 1 + random_below(w->r, random_below(w->r, 2) ? 2 : 1000);
    if (i == NO_NODE)
        return add(w, 1 + more);
    /* Past the end of the message it stands in, and so past the end of all. */
    const struct wire_node *n = &w->tree.nodes[i];
    return lie(w, n, w->tree.nodes[n->parent].end - n->data + more, 0);
}

/* A reader with 32 bits for it sees the right length. */
static bool length_wrapped(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, has_length);
    uint64_t wrap = (UINT64_C(1) << 32) * (1 + random_below(w->r, 3));
    if (i == NO_NODE)
        return add(w, 1 + wrap);
    const struct wire_node *n = &w->tree.nodes[i];
    return lie(w, n, n->end - n->data + wrap, 0);
}

static bool length_huge(struct mutate_work *w)
{
    static const uint64_t lengths[] = {INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX, UINT64_C(1) << 40, INT64_MAX};
    uint64_t length = lengths[random_below(w->r, sizeof lengths / sizeof lengths[0])];
    uint32_t i = mutate_pick(w, has_length);
    return i == NO_NODE ? add(w, length) : lie(w, &w->tree.nodes[i], length, 0);
}

/* As a signed number it is below zero: ten bytes. */
static bool length_negative(struct mutate_work *w)
{
    uint64_t length = 0 - (1 + random_below(w->r, random_below(w->r, 2) ? 4 : INT32_MAX));
    uint32_t i = mutate_pick(w, has_length);
    return i == NO_NODE ? add(w, length) : lie(w, &w->tree.nodes[i], length, 0);
}

static bool length_short(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, has_content);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    return lie(w, n, random_below(w->r, 2) ? n->end - n->data - 1 : random_below(w->r, n->end - n->data), 0);
}

static bool length_padded(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, has_length);
    if (i == NO_NODE || w->tree.nodes[i].data - w->tree.nodes[i].value >= 5)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    size_t size = n->data - n->value;
    return lie(w, n, n->end - n->data, size + 1 + (size_t)random_below(w->r, 5 - size));
}

static const struct defect list[] = {
    DEFECT_REFUSED("length-truncated", "a message ends inside a length", length_truncated),
    DEFECT_REFUSED("length-past-end", "a length that reaches past the end", length_past_end),
    DEFECT_REFUSED("length-wrapped", "a length of a multiple of 2^32 more than there is", length_wrapped),
    DEFECT_REFUSED("length-huge", "a length of 2 GiB to 8 EiB", length_huge),
    DEFECT_REFUSED("length-negative", "a length below zero, in ten bytes", length_negative),
    DEFECT_EITHER("length-short", "a length that leaves something over", length_short),
    DEFECT_ACCEPTED("length-padded", "a length with needless bytes, five at the most", length_padded),
};
DEFECT_FAMILY(defects_length);
