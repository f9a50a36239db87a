/* Tags: field numbers nobody has, and wire types that are not the field's or do not exist. */
#include "fuzz/message/defect_internal.h"

#define RESERVED_FIRST 19000U
#define RESERVED_COUNT 1000U

static bool is_single(const struct pb_field *f)
{
    return !f->packed;
}

/* A value of the wire type, and the tag before it. */
static void put_unknown(struct mutate_work *w, uint32_t number)
{
    static const uint8_t types[] = {WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32};
    unsigned wire = types[random_below(w->r, 4)];
    fuzz_put_tag(w->out, number, wire);
    switch (wire) {
    case WIRE_VARINT:
        fuzz_put_varint(w->out, random_next(w->r) >> random_below(w->r, 64));
        break;
    case WIRE_FIXED64:
        fuzz_put_fixed(w->out, random_next(w->r), 8);
        break;
    case WIRE_FIXED32:
        fuzz_put_fixed(w->out, random_next(w->r), 4);
        break;
    default:
        fuzz_put(w->out, "\7unknown", 8);
    }
}

static bool tag_alone(struct mutate_work *w)
{
    static const uint8_t types[] = {WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32};
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), types[random_below(w->r, 4)]);
    return defect_append(w, message);
}

static bool wrong_wire_type(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_single, &p))
        return false;
    unsigned right = fuzz_wire_type(p.field), wrong;
    static const uint8_t types[] = {WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32};
    do
        wrong = types[random_below(w->r, 4)];
    while (wrong == right || (wrong == WIRE_BYTES && fuzz_is_packable(p.field)));
    const struct pb_field as = {.kind = wrong == WIRE_VARINT    ? PB_UINT64
                                        : wrong == WIRE_BYTES   ? PB_BYTES
                                        : wrong == WIRE_FIXED32 ? PB_FIXED32
                                                                : PB_FIXED64,
                                .name = p.field->name};
    fuzz_put_tag(w->out, p.field->number, wrong);
    fuzz_put_value(w->r, &as, 0, 64, w->out);
    return defect_put(w, &p);
}

static bool wire_type_unassigned(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    fuzz_put_tag(w->out, defect_unknown_number(w, message), 6 + (unsigned)random_below(w->r, 2));
    fuzz_put(w->out, "\1\2\3\4", (size_t)random_below(w->r, 5));
    return defect_append(w, message);
}

static bool field_unknown(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    for (uint64_t n = 1 + random_below(w->r, 3); n > 0; n--)
        put_unknown(w, defect_unknown_number(w, message));
    return defect_append(w, message);
}

static bool field_number_reserved(struct mutate_work *w)
{
    put_unknown(w, RESERVED_FIRST + (uint32_t)random_below(w->r, RESERVED_COUNT));
    return defect_append(w, defect_message(w));
}

static bool field_number_max(struct mutate_work *w)
{
    uint32_t message = defect_message(w);
    if (pb_field_by_number(wire_tree_type(&w->tree, &w->tree.nodes[message]), FIELD_NUMBER_MAX) != NULL)
        return false;
    put_unknown(w, FIELD_NUMBER_MAX);
    return defect_append(w, message);
}

/* Not as a varint: then the tag is a zero byte, where Google's C++ stops reading. */
static bool field_number_zero(struct mutate_work *w)
{
    static const struct bytes fields[] = {{(const uint8_t *)"\x01\1\2\3\4\5\6\7\x08", 9},
                                          {(const uint8_t *)"\x02\x04zero", 6},
                                          {(const uint8_t *)"\x05\1\2\3\4", 5}};
    const struct bytes *f = &fields[random_below(w->r, 3)];
    fuzz_put(w->out, f->data, f->len);
    return defect_append(w, defect_message(w));
}

static bool tag_zero(struct mutate_work *w)
{
    static const uint8_t zeros[8];
    fuzz_put(w->out, zeros, 1 + (size_t)random_below(w->r, sizeof zeros));
    return defect_append(w, defect_message(w));
}

/* The tag has more than 32 bits. */
static bool field_number_over(struct mutate_work *w)
{
    uint64_t number = ((uint64_t)1 << 29) + random_below(w->r, (uint64_t)1 << random_below(w->r, 31));
    fuzz_put_varint(w->out, number << 3 | WIRE_VARINT);
    fuzz_put_varint(w->out, 1);
    return defect_append(w, defect_message(w));
}

static const struct defect list[] = {
    DEFECT_REFUSED("tag-alone", "a message ends after a tag", tag_alone),
    DEFECT_EITHER("wrong-wire-type", "a known field with another wire type", wrong_wire_type),
    DEFECT_REFUSED("wire-type-unassigned", "wire type 6 or 7", wire_type_unassigned),
    DEFECT_ACCEPTED("field-unknown", "fields the type does not have", field_unknown),
    DEFECT_ACCEPTED("field-number-reserved", "a field number between 19000 and 19999", field_number_reserved),
    DEFECT_ACCEPTED("field-number-max", "the highest field number there is", field_number_max),
    DEFECT_REFUSED("field-number-zero", "field number 0", field_number_zero),
    DEFECT_EITHER("tag-zero", "zero bytes where a tag belongs", tag_zero),
    DEFECT_EITHER("field-number-over", "a field number of 2^29 or more", field_number_over),
};
DEFECT_FAMILY(defects_tag);
