#include "fakes/behave/fields.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool field_get(struct bytes message, uint32_t number, struct pb_item *out)
{
    struct pb_reader r = reader_of(message);
    struct pb_item v;
    bool found = false;
    while (r.at < r.end && pb_item_next(&r, &v) == PB_FAULT_NONE)
        if (v.number == number) {
            *out = v;
            found = true;
        }
    return found;
}

bool item_is_zero(const struct pb_item *v)
{
    return v->wire == PB_WIRE_BYTES ? v->data.len == 0 : v->value == 0;
}

bool field_there(struct bytes message, uint32_t number)
{
    struct pb_item v;
    return field_get(message, number, &v) && !item_is_zero(&v);
}

void put_item(struct text *out, uint32_t number, const struct pb_item *v)
{
    switch ((int)v->wire) {
    case PB_WIRE_VARINT:
        pb_put_tag(out, number, PB_WIRE_VARINT);
        pb_put_varint(out, v->value);
        break;
    case PB_WIRE_FIXED32:
        pb_put_tag(out, number, PB_WIRE_FIXED32);
        pb_put_fixed32(out, (uint32_t)v->value);
        break;
    case PB_WIRE_FIXED64:
        pb_put_tag(out, number, PB_WIRE_FIXED64);
        pb_put_fixed64(out, v->value);
        break;
    case PB_WIRE_BYTES:
        pb_put_bytes(out, number, v->data);
        break;
    default: /* groups did not pass the scan */
        break;
    }
}

void field_copy(struct text *out, struct bytes message, uint32_t from, uint32_t to)
{
    struct pb_reader r = reader_of(message);
    struct pb_item v;
    while (r.at < r.end && pb_item_next(&r, &v) == PB_FAULT_NONE)
        if (v.number == from)
            put_item(out, to, &v);
}

void field_drop(struct text *out, struct bytes message, uint32_t number)
{
    struct pb_reader r = reader_of(message);
    struct pb_item v;
    const uint8_t *start = r.at;
    while (r.at < r.end && pb_item_next(&r, &v) == PB_FAULT_NONE) {
        if (v.number != number)
            pb_put(out, start, (size_t)(r.at - start));
        start = r.at;
    }
}

/* ---- repeated fields ------------------------------------------------------------------------------------------- */

void field_walk(struct field_walk *w, struct bytes message, const struct pb_field *f, uint32_t number)
{
    *w = (struct field_walk){.message = reader_of(message), .number = number, .kind = f->kind};
}

static bool next_packed(struct field_walk *w, struct pb_item *out)
{
    out->number = w->number;
    out->wire = pb_kind_wire(w->kind);
    out->data = BYTES_NONE;
    size_t left = (size_t)(w->packed.end - w->packed.at), n = 0;
    if (out->wire == PB_WIRE_VARINT) {
        n = pb_varint_get(w->packed.at, w->packed.end, &out->value);
    } else if (out->wire == PB_WIRE_FIXED32 && left >= 4) {
        out->value = pb_fixed32_get(w->packed.at);
        n = 4;
    } else if (out->wire == PB_WIRE_FIXED64 && left >= 8) {
        out->value = pb_fixed64_get(w->packed.at);
        n = 8;
    }
    w->packed.at = n > 0 ? w->packed.at + n : w->packed.end;
    return n > 0;
}

bool field_next(struct field_walk *w, struct pb_item *out)
{
    for (;;) {
        if (w->packed.at < w->packed.end) {
            if (next_packed(w, out))
                return true;
            continue;
        }
        if (w->message.at >= w->message.end || pb_item_next(&w->message, out) != PB_FAULT_NONE)
            return false;
        if (out->number != w->number)
            continue;
        if (out->wire != PB_WIRE_BYTES || !pb_is_packable(w->kind))
            return true;
        w->packed = reader_of(out->data);
    }
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

bool item_equal(const struct pb_item *a, const struct pb_item *b)
{
    return a->wire == b->wire && (a->wire == PB_WIRE_BYTES ? bytes_equal(a->data, b->data) : a->value == b->value);
}

static double item_real(const struct pb_item *v, enum pb_kind kind)
{
    if (kind == PB_DOUBLE) {
        double d;
        memcpy(&d, &v->value, sizeof d);
        return d;
    }
    uint32_t bits = (uint32_t)v->value;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

int64_t item_integer(const struct pb_item *v, enum pb_kind kind)
{
    switch ((int)kind) {
    case PB_SINT32:
        return pb_unzigzag32((uint32_t)v->value);
    case PB_SINT64:
        return pb_unzigzag64(v->value);
    case PB_INT32:
    case PB_SFIXED32:
    case PB_ENUM:
        return (int32_t)(uint32_t)v->value;
    case PB_DOUBLE:
    case PB_FLOAT: {
        double d = item_real(v, kind);
        return d > -9e18 && d < 9e18 ? (int64_t)d : 0;
    }
    case PB_STRING: {
        char digits[32];
        if (v->data.len == 0 || v->data.len >= sizeof digits)
            return 0;
        memcpy(digits, v->data.data, v->data.len);
        digits[v->data.len] = '\0';
        return strtoll(digits, NULL, 10);
    }
    default:
        return (int64_t)v->value;
    }
}

bool item_true(const struct pb_item *v)
{
    return v->wire != PB_WIRE_BYTES && v->value != 0;
}

int item_compare(const struct pb_item *a, const struct pb_item *b, enum pb_kind kind)
{
    if (kind == PB_DOUBLE || kind == PB_FLOAT) {
        double x = item_real(a, kind), y = item_real(b, kind);
        return (x > y) - (x < y);
    }
    if (kind == PB_UINT64 || kind == PB_FIXED64)
        return (a->value > b->value) - (a->value < b->value);
    if (kind != PB_STRING && kind != PB_BYTES && kind != PB_MESSAGE) {
        int64_t x = item_integer(a, kind), y = item_integer(b, kind);
        return (x > y) - (x < y);
    }
    size_t n = a->data.len < b->data.len ? a->data.len : b->data.len;
    int order = n > 0 ? memcmp(a->data.data, b->data.data, n) : 0;
    return order ? order : (a->data.len > b->data.len) - (a->data.len < b->data.len);
}

void item_text(const struct pb_item *v, enum pb_kind kind, struct text *out)
{
    if (v->wire == PB_WIRE_BYTES)
        text_add(out, v->data.data, v->data.len);
    else if (kind == PB_UINT64 || kind == PB_FIXED64)
        text_printf(out, "%llu", (unsigned long long)v->value);
    else
        text_printf(out, "%lld", (long long)item_integer(v, kind));
}

void put_integer(struct text *out, const struct pb_field *f, uint32_t number, int64_t value)
{
    struct pb_item v = {.wire = pb_kind_wire(f->kind), .value = (uint64_t)value};
    char digits[24];
    double d = (double)value;
    float single = (float)value;
    uint32_t bits;
    if (value == 0)
        return;
    switch ((int)f->kind) {
    case PB_STRING:
        put_text(out, f, number, BYTES(digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value)));
        return;
    case PB_DOUBLE:
        memcpy(&v.value, &d, sizeof d);
        break;
    case PB_FLOAT:
        memcpy(&bits, &single, sizeof bits);
        v.value = bits;
        break;
    case PB_SINT32:
        v.value = pb_zigzag32((int32_t)value);
        break;
    case PB_SINT64:
        v.value = pb_zigzag64(value);
        break;
    case PB_UINT32:
    case PB_FIXED32:
    case PB_SFIXED32:
        v.value = (uint32_t)value;
        break;
    case PB_BOOL:
        v.value = 1;
        break;
    case PB_BYTES:
    case PB_MESSAGE:
        return;
    default:
        break;
    }
    put_item(out, number, &v);
}

void put_bool(struct text *out, uint32_t number, bool value)
{
    if (!value)
        return;
    pb_put_tag(out, number, PB_WIRE_VARINT);
    pb_put_varint(out, 1);
}

void put_text(struct text *out, const struct pb_field *f, uint32_t number, struct bytes text)
{
    struct pb_item v = {.wire = PB_WIRE_BYTES, .data = text};
    if (text.len == 0)
        return;
    if (f->kind == PB_STRING || f->kind == PB_BYTES)
        pb_put_bytes(out, number, text);
    else if (f->kind == PB_ENUM)
        for (size_t i = 0; i < f->enumeration->value_count; i++) {
            if (!bytes_is(text, f->enumeration->values[i].name))
                continue;
            v = (struct pb_item){.wire = PB_WIRE_VARINT, .value = (uint64_t)(int64_t)f->enumeration->values[i].number};
            put_item(out, number, &v);
            return;
        }
    else if (f->kind != PB_MESSAGE)
        put_integer(out, f, number, item_integer(&v, PB_STRING));
}

void put_time(struct text *out, const struct pb_field *f, uint32_t number, uint64_t nanoseconds)
{
    uint64_t seconds = nanoseconds / 1000000000;
    if (f->kind == PB_STRING) {
        char text[32];
        units_format_time((int64_t)nanoseconds, text, sizeof text);
        pb_put_bytes(out, number, bytes_of(text));
    } else if (f->kind == PB_MESSAGE) {
        size_t mark = pb_open(out, number);
        if (seconds > 0) {
            pb_put_tag(out, 1, PB_WIRE_VARINT);
            pb_put_varint(out, seconds);
        }
        if (nanoseconds % 1000000000 > 0) {
            pb_put_tag(out, 2, PB_WIRE_VARINT);
            pb_put_varint(out, nanoseconds % 1000000000);
        }
        pb_close(out, mark);
    } else {
        put_integer(out, f, number, (int64_t)seconds);
    }
}
