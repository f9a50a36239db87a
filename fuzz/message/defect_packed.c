/* Packed numbers: sent the other way, in pieces, empty, and cut in the middle of one. */
#include "fuzz/message/defect_internal.h"

static bool is_packed(const struct pb_field *f)
{
    return f->packed;
}

static bool is_packable(const struct pb_field *f)
{
    return fuzz_is_packable(f);
}

static bool is_packed_bool(const struct pb_field *f)
{
    return f->kind == PB_BOOL && fuzz_is_packable(f);
}

static void put_values(struct mutate_work *w, const struct pb_field *f, uint64_t count)
{
    while (count-- > 0)
        value_put(w->out, f->kind, value_fresh(w->r, f));
}

static void put_run(struct mutate_work *w, const struct pb_field *f, uint64_t count)
{
    fuzz_put_tag(w->out, f->number, WIRE_BYTES);
    size_t mark = fuzz_open(w->out);
    put_values(w, f, count);
    fuzz_close(w->out, mark);
}

static bool packed_cut(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_packable, &p))
        return false;
    unsigned wire = fuzz_wire_type(p.field);
    fuzz_put_tag(w->out, p.field->number, WIRE_BYTES);
    size_t mark = fuzz_open(w->out);
    put_values(w, p.field, random_below(w->r, 3));
    if (wire == WIRE_VARINT)
        fuzz_put(w->out, "\x80", 1);
    else
        fuzz_put(w->out, "\1\2\3\4\5\6\7", 1 + (size_t)random_below(w->r, wire == WIRE_FIXED32 ? 3 : 7));
    fuzz_close(w->out, mark);
    return defect_put(w, &p);
}

static bool packed_empty(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_packable, &p))
        return false;
    put_run(w, p.field, 0);
    return defect_put(w, &p);
}

/* Packed fields one value at a time, others as a run. */
static bool packed_flipped(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_packable, &p))
        return false;
    uint64_t count = 1 + random_below(w->r, 4);
    if (!p.field->packed)
        put_run(w, p.field, count);
    else
        while (count-- > 0) {
            fuzz_put_tag(w->out, p.field->number, fuzz_wire_type(p.field));
            put_values(w, p.field, 1);
        }
    return defect_put(w, &p);
}

static bool packed_split(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_packed, &p))
        return false;
    put_run(w, p.field, 1 + random_below(w->r, 3));
    if (random_below(w->r, 2)) { /* with a value of its own between */
        fuzz_put_tag(w->out, p.field->number, fuzz_wire_type(p.field));
        put_values(w, p.field, 1);
    }
    put_run(w, p.field, 1 + random_below(w->r, 3));
    return defect_put(w, &p);
}

static bool packed_bool_odd(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_packed_bool, &p))
        return false;
    fuzz_put_tag(w->out, p.field->number, WIRE_BYTES);
    fuzz_put(w->out, "\3\1\2\1", 4);
    return defect_put(w, &p);
}

static const struct defect list[] = {
    DEFECT_REFUSED("packed-cut", "packed numbers that end in the middle of one", packed_cut),
    DEFECT_ACCEPTED("packed-empty", "no packed numbers at all", packed_empty),
    DEFECT_ACCEPTED("packed-flipped", "packed numbers one by one, or others packed", packed_flipped),
    DEFECT_ACCEPTED("packed-split", "packed numbers in several runs", packed_split),
    DEFECT_EITHER("packed-bool-odd", "a packed bool of 2", packed_bool_odd),
};
DEFECT_FAMILY(defects_packed);
