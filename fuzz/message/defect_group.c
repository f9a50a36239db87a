/* Groups, which proto3 has no more but decoders still have to skip. */
#include "fuzz/message/defect_internal.h"

static bool is_any(const struct pb_field *f)
{
    return !f->packed;
}

static void put_group(struct mutate_work *w, uint32_t number)
{
    fuzz_put_tag(w->out, number, WIRE_GROUP);
    fuzz_put_tag(w->out, 1, WIRE_VARINT);
    fuzz_put_varint(w->out, random_below(w->r, 1000));
    fuzz_put_tag(w->out, number, WIRE_GROUP_END);
}

static bool group_whole(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    put_group(w, defect_unknown_number(w, message));
    return defect_append(w, message);
}

static bool group_known(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_any, &p))
        return false;
    put_group(w, p.field->number);
    return defect_put(w, &p);
}

static bool group_open(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_GROUP);
    if (random_below(w->r, 2))
        fuzz_put(w->out, "\x08\x01", 2);
    return defect_append(w, message);
}

static bool group_end_alone(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), WIRE_GROUP_END);
    return defect_append(w, message);
}

static bool group_mismatch(struct mutate_work *w)
{
    uint32_t message = defect_message(w), number = defect_unknown_number(w, message);
    fuzz_put_tag(w->out, number, WIRE_GROUP);
    fuzz_put_tag(w->out, number + 1, WIRE_GROUP_END);
    return defect_append(w, message);
}

static bool group_bomb(struct mutate_work *w)
{
    static const uint32_t levels[] = {101, 1000, 10000, 20000};
    uint32_t message = defect_message(w), number = defect_unknown_number(w, message);
    uint8_t tag[10];
    size_t size = pb_varint_write(tag, (uint64_t)number << 3 | WIRE_GROUP);
    uint32_t n = levels[random_below(w->r, 4)];
    if (!text_reserve(w->out, n * size))
        return false;
    while (n-- > 0)
        fuzz_put(w->out, tag, size);
    return defect_append(w, message);
}

static const struct defect list[] = {
    DEFECT_EITHER("group-whole", "a group, opened and closed", group_whole),
    DEFECT_EITHER("group-known", "a known field as a group", group_known),
    DEFECT_REFUSED("group-open", "a group that is never closed", group_open),
    DEFECT_REFUSED("group-end-alone", "the end of a group that was not opened", group_end_alone),
    DEFECT_REFUSED("group-mismatch", "a group closed by another number", group_mismatch),
    {"group-bomb", "101 to 20,000 groups within each other, never closed", DECODERS_REFUSE, STATUSES_REFUSED, true,
     group_bomb},
};
DEFECT_FAMILY(defects_group);
