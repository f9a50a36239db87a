/* The rules behind `answer`: protobuf's encoding specification and its conformance suite. */
#include "fuzz/defect.h"

#include "fuzz/generate.h"

#include <string.h>

#define UNKNOWN_NUMBER 12345U     /* no contract here goes that high */
#define NUMBER_MAX     536870911U /* 2^29 - 1 */
#define DEPTH_BOMB     20000U     /* levels */

static void keep(struct bytes valid, struct text *out)
{
    text_add(out, valid.data, valid.len);
}

static const struct pb_field *field_of(const struct pb_type *t, struct random *r, bool (*fits)(const struct pb_field *))
{
    if (t->field_count == 0)
        return NULL;
    size_t start = (size_t)random_below(r, t->field_count);
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[(start + i) % t->field_count];
        if (fits(f))
            return f;
    }
    return NULL;
}

static bool is_string(const struct pb_field *f)
{
    return f->kind == PB_STRING;
}

static bool is_varint(const struct pb_field *f)
{
    return !f->packed && fuzz_wire_type(f) == 0;
}

static bool is_packed(const struct pb_field *f)
{
    return f->packed;
}

static bool is_any(const struct pb_field *f)
{
    (void)f;
    return true;
}

static bool is_own_type(const struct pb_field *f)
{
    return f->kind == PB_MESSAGE && f->message == f->owner;
}

static bool varint_padded(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    const struct pb_field *f = field_of(t, r, is_varint);
    if (f == NULL)
        return false;
    keep(valid, out);
    fuzz_put_tag(out, f->number, 0);
    text_add(out, "\x81\x80\x80\x80\x00", 5);
    return true;
}

static bool varint_too_long(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 0);
    text_add(out, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11);
    return true;
}

static bool varint_truncated(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 0);
    text_add(out, "\x80", 1);
    return true;
}

static bool tag_alone(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    static const unsigned types[] = {0, 1, 2, 5};
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, types[random_below(r, 4)]);
    return true;
}

static bool wrong_wire_type(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    const struct pb_field *f = field_of(t, r, is_any);
    if (f == NULL)
        return false;
    keep(valid, out);
    switch (fuzz_wire_type(f)) {
    case 0:
        fuzz_put_tag(out, f->number, 5);
        text_add(out, "\1\2\3\4", 4);
        break;
    case 2:
        fuzz_put_tag(out, f->number, 0);
        fuzz_put_varint(out, random_next(r));
        break;
    default:
        fuzz_put_bytes(out, f->number, BYTES("\1\2", 2));
    }
    return true;
}

static bool wire_type_unassigned(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 6 + (unsigned)random_below(r, 2));
    return true;
}

static bool field_unknown(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    fuzz_put_tag(out, UNKNOWN_NUMBER, 0);
    fuzz_put_varint(out, random_next(r));
    keep(valid, out);
    fuzz_put_bytes(out, UNKNOWN_NUMBER + 1, BYTES("unknown", 7));
    return true;
}

static bool field_number_zero(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    text_add(out, "\x00\x01", 2);
    return true;
}

static bool field_number_max(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, NUMBER_MAX, 0);
    fuzz_put_varint(out, random_next(r));
    return true;
}

static bool group_whole(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 3);
    fuzz_put_tag(out, 1, 0);
    fuzz_put_varint(out, 7);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 4);
    return true;
}

static bool group_open(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 3);
    return true;
}

static bool group_end_alone(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    fuzz_put_tag(out, UNKNOWN_NUMBER, 4);
    keep(valid, out);
    return true;
}

static bool group_bomb(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    for (uint32_t i = 0; i < DEPTH_BOMB; i++)
        fuzz_put_tag(out, UNKNOWN_NUMBER, 3);
    return true;
}

/* A field of its own type within itself, DEPTH_BOMB / 10 times: built from the inside out. */
static bool nesting_bomb(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    const struct pb_field *f = field_of(t, r, is_own_type);
    if (f == NULL)
        return false;
    (void)valid;
    size_t lengths[DEPTH_BOMB / 10];
    size_t len = 0;
    uint8_t scratch[10];
    for (size_t i = 0; i < DEPTH_BOMB / 10; i++) {
        lengths[i] = len;
        len += pb_varint_write(scratch, (uint64_t)f->number << 3 | 2) + pb_varint_write(scratch, len);
    }
    for (size_t i = DEPTH_BOMB / 10; i > 0; i--) {
        fuzz_put_tag(out, f->number, 2);
        fuzz_put_varint(out, lengths[i - 1]);
    }
    return true;
}

static bool utf8_bad(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    static const char *const bad[] = {"\xFF\xFE", "a\xC0\xAF", "\xED\xA0\x80", "\xE2\x82", "\xF5\x80\x80\x80"};
    const struct pb_field *f = field_of(t, r, is_string);
    if (f == NULL)
        return false;
    keep(valid, out);
    fuzz_put_bytes(out, f->number, bytes_of(bad[random_below(r, 5)]));
    return true;
}

static bool string_with_nul(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    const struct pb_field *f = field_of(t, r, is_string);
    if (f == NULL)
        return false;
    keep(valid, out);
    fuzz_put_bytes(out, f->number, BYTES("a\0b", 3));
    return true;
}

static bool length_truncated(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 2);
    text_add(out, "\xFF", 1);
    return true;
}

static bool length_past_end(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 2);
    fuzz_put_varint(out, 2 + random_below(r, 1000));
    text_add(out, "x", 1);
    return true;
}

static bool length_huge(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    static const uint64_t lengths[] = {INT32_MAX, UINT32_MAX, (uint64_t)INT64_MAX, UINT64_MAX};
    (void)t;
    keep(valid, out);
    fuzz_put_tag(out, UNKNOWN_NUMBER, 2);
    fuzz_put_varint(out, lengths[random_below(r, 4)]);
    return true;
}

static bool cut_short(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    if (valid.len < 2)
        return false;
    text_add(out, valid.data, (size_t)random_range(r, 1, (int64_t)valid.len - 1));
    return true;
}

static bool everything_twice(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)r;
    (void)t;
    if (valid.len == 0)
        return false;
    keep(valid, out);
    keep(valid, out);
    return true;
}

static bool packed_flipped(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    const struct pb_field *f = field_of(t, r, is_packed);
    if (f == NULL)
        return false;
    keep(valid, out);
    fuzz_put_tag(out, f->number, fuzz_wire_type(f));
    fuzz_put_value(r, f, 0, out);
    return true;
}

static bool trailing_garbage(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    keep(valid, out);
    for (uint64_t n = 1 + random_below(r, 20); n > 0; n--)
        text_char(out, (char)random_below(r, 256));
    return true;
}

static bool bit_flipped(struct random *r, const struct pb_type *t, struct bytes valid, struct text *out)
{
    (void)t;
    if (valid.len == 0)
        return false;
    size_t at = out->len + (size_t)random_below(r, valid.len);
    keep(valid, out);
    if (text_ok(out))
        out->data[at] = (char)(out->data[at] ^ (1 << random_below(r, 8)));
    return true;
}

const struct defect defects[] = {
    {"varint-padded", "a varint with needless continuation bytes", DEFECT_ANY, varint_padded},
    {"varint-too-long", "a varint of eleven bytes", DEFECT_REFUSED, varint_too_long},
    {"varint-truncated", "the message ends inside a varint", DEFECT_REFUSED, varint_truncated},
    {"tag-alone", "the message ends after a tag", DEFECT_REFUSED, tag_alone},
    {"wrong-wire-type", "a known field with another wire type", DEFECT_ANY, wrong_wire_type},
    {"wire-type-unassigned", "wire type 6 or 7", DEFECT_REFUSED, wire_type_unassigned},
    {"field-unknown", "fields the type does not have", DEFECT_ANY, field_unknown},
    {"field-number-zero", "field number 0", DEFECT_REFUSED, field_number_zero},
    {"field-number-max", "the highest field number there is", DEFECT_ANY, field_number_max},
    {"group-whole", "a group, opened and closed", DEFECT_ANY, group_whole},
    {"group-open", "a group that is never closed", DEFECT_REFUSED, group_open},
    {"group-end-alone", "the end of a group that was not opened", DEFECT_REFUSED, group_end_alone},
    {"group-bomb", "20,000 groups within each other", DEFECT_REFUSED, group_bomb},
    {"nesting-bomb", "2,000 messages within each other", DEFECT_ANY, nesting_bomb},
    {"utf8-bad", "a string that is not UTF-8", DEFECT_REFUSED, utf8_bad},
    {"string-with-nul", "a string that holds a NUL", DEFECT_ANY, string_with_nul},
    {"length-truncated", "the message ends inside a length", DEFECT_REFUSED, length_truncated},
    {"length-past-end", "a length that reaches past the end", DEFECT_REFUSED, length_past_end},
    {"length-huge", "a length of 2 GiB to 16 EiB", DEFECT_REFUSED, length_huge},
    {"cut-short", "a valid message cut somewhere", DEFECT_ANY, cut_short},
    {"everything-twice", "every field sent twice", DEFECT_ANY, everything_twice},
    {"packed-flipped", "a packed field sent one value at a time as well", DEFECT_ANY, packed_flipped},
    {"trailing-garbage", "random bytes at the end", DEFECT_ANY, trailing_garbage},
    {"bit-flipped", "one bit of a valid message turned over", DEFECT_ANY, bit_flipped},
};
const size_t defect_count = sizeof defects / sizeof defects[0];

const struct defect *defect_find(const char *name)
{
    for (size_t i = 0; i < defect_count; i++)
        if (strcmp(defects[i].name, name) == 0)
            return &defects[i];
    return NULL;
}

const struct defect *defect_draw(struct random *r, const struct pb_type *type, struct bytes valid, struct text *out)
{
    for (;;) {
        const struct defect *d = &defects[random_below(r, defect_count)];
        if (d->apply(r, type, valid, out))
            return d;
    }
}
