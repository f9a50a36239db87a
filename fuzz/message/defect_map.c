/* Entries of maps that are not a key and a value, numbers no enum names, and real numbers that are odd. */
#include "fuzz/message/defect_internal.h"

static bool is_map(const struct pb_field *f)
{
    return f->map;
}

static bool is_enum(const struct pb_field *f)
{
    return f->kind == PB_ENUM && !f->packed;
}

static bool is_real(const struct pb_field *f)
{
    return (f->kind == PB_DOUBLE || f->kind == PB_FLOAT) && !f->packed;
}

/* Key (1) or value (2) of an entry. */
static void put_part(struct mutate_work *w, const struct pb_field *map, size_t part)
{
    const struct pb_field *f = &map->message->fields[part - 1];
    fuzz_put_tag(w->out, f->number, fuzz_wire_type(f));
    fuzz_put_value(w->r, f, 1, 500, w->out);
}

/* An entry of these parts; 3: a field entries do not have. */
static bool put_entry(struct mutate_work *w, const char *parts)
{
    struct defect_place p;
    if (!defect_place(w, is_map, &p))
        return false;
    fuzz_put_tag(w->out, p.field->number, WIRE_BYTES);
    size_t mark = fuzz_open(w->out);
    for (; *parts; parts++)
        if (*parts == '3')
            fuzz_put(w->out,
                     "\x1A\x05"
                     "extra",
                     7);
        else
            put_part(w, p.field, (size_t)(*parts - '0'));
    fuzz_close(w->out, mark);
    return defect_put(w, &p);
}

static bool map_no_key(struct mutate_work *w)
{
    return put_entry(w, "2");
}

static bool map_no_value(struct mutate_work *w)
{
    return put_entry(w, "1");
}

static bool map_parts_twice(struct mutate_work *w)
{
    static const char *const parts[] = {"1122", "1212", "112", "122"};
    return put_entry(w, parts[random_below(w->r, 4)]);
}

static bool map_value_first(struct mutate_work *w)
{
    return put_entry(w, "21");
}

static bool map_extra_field(struct mutate_work *w)
{
    static const char *const parts[] = {"123", "312", "132", "3"};
    return put_entry(w, parts[random_below(w->r, 4)]);
}

static bool map_key_again(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_map, &p))
        return false;
    const struct pb_field *key = &p.field->message->fields[0];
    uint64_t number = value_fresh(w->r, key);
    for (int i = 0; i < 2; i++) {
        fuzz_put_tag(w->out, p.field->number, WIRE_BYTES);
        size_t mark = fuzz_open(w->out);
        fuzz_put_tag(w->out, 1, fuzz_wire_type(key));
        if (key->kind == PB_STRING)
            fuzz_put(w->out, "\5again", 6);
        else
            value_put(w->out, key->kind, number);
        put_part(w, p.field, 2);
        fuzz_close(w->out, mark);
    }
    return defect_put(w, &p);
}

/* ---- enums ---- */

static bool names(const struct pb_enum *e, uint64_t number)
{
    return (int64_t)number >= INT32_MIN && (int64_t)number <= INT32_MAX &&
           pb_enum_by_number(e, (int32_t)(int64_t)number) != NULL;
}

/* The first number from there on, upwards or downwards, that the enum does not name. */
static bool put_enum(struct mutate_work *w, uint64_t number, uint64_t next)
{
    struct defect_place p;
    if (!defect_place(w, is_enum, &p))
        return false;
    while (names(p.field->enumeration, number))
        number += next;
    fuzz_put_tag(w->out, p.field->number, WIRE_VARINT);
    fuzz_put_varint(w->out, number);
    return defect_put(w, &p);
}

static bool enum_unknown(struct mutate_work *w)
{
    return put_enum(w, random_below(w->r, 2) ? random_below(w->r, 16) : random_below(w->r, INT32_MAX - 1000), 1);
}

static bool enum_negative(struct mutate_work *w)
{
    return put_enum(w, 0 - (1 + random_below(w->r, random_below(w->r, 2) ? 16 : (uint64_t)INT32_MAX)), UINT64_MAX);
}

static bool enum_wide(struct mutate_work *w)
{
    return put_enum(w, (UINT64_C(1) << (32 + random_below(w->r, 31))) + random_below(w->r, 3), 1);
}

/* ---- real numbers ---- */

static bool put_real(struct mutate_work *w, bool nan)
{
    struct defect_place p;
    if (!defect_place(w, is_real, &p))
        return false;
    bool wide = p.field->kind == PB_DOUBLE;
    uint64_t sign = wide ? UINT64_C(1) << 63 : UINT64_C(1) << 31, bits = sign;
    if (nan) { /* signalling and quiet, of either sign, with a payload */
        bits = wide ? UINT64_C(0x7FF0000000000000) : UINT64_C(0x7F800000);
        bits |= 1 | (random_next(w->r) & (wide ? UINT64_C(0xFFFFFFFFFFFFF) : UINT64_C(0x7FFFFF)));
        bits |= random_below(w->r, 2) ? sign : 0;
    }
    fuzz_put_tag(w->out, p.field->number, fuzz_wire_type(p.field));
    fuzz_put_fixed(w->out, bits, wide ? 8 : 4);
    return defect_put(w, &p);
}

static bool real_nan(struct mutate_work *w)
{
    return put_real(w, true);
}

static bool real_negative_zero(struct mutate_work *w)
{
    return put_real(w, false);
}

static const struct defect list[] = {
    DEFECT_ACCEPTED("map-no-key", "a map's entry without its key", map_no_key),
    DEFECT_ACCEPTED("map-no-value", "a map's entry without its value", map_no_value),
    DEFECT_ACCEPTED("map-parts-twice", "a map's entry with its key, its value or both twice", map_parts_twice),
    DEFECT_ACCEPTED("map-value-first", "a map's entry with its value before its key", map_value_first),
    DEFECT_ACCEPTED("map-extra-field", "a map's entry with a third field", map_extra_field),
    DEFECT_ACCEPTED("map-key-again", "two entries of a map with the same key", map_key_again),
    DEFECT_ACCEPTED("enum-unknown", "a number the enum does not name", enum_unknown),
    DEFECT_ACCEPTED("enum-negative", "a number below zero the enum does not name", enum_negative),
    DEFECT_ACCEPTED("enum-wide", "an enum's number with bits above the 32nd", enum_wide),
    DEFECT_ACCEPTED("real-nan", "a NaN with a payload", real_nan),
    DEFECT_ACCEPTED("real-negative-zero", "zero with a minus", real_negative_zero),
};
DEFECT_FAMILY(defects_map);
