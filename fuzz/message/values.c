#include "fuzz/message/values.h"

#include "fuzz/message/put.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- numbers: wire form ---- */

uint64_t value_of_kind(enum pb_kind kind, uint64_t number)
{
    switch (kind) {
    case PB_INT32:
    case PB_SINT32:
    case PB_SFIXED32:
    case PB_ENUM:
        return (uint64_t)(int64_t)(int32_t)(uint32_t)number;
    case PB_UINT32:
    case PB_FIXED32:
    case PB_FLOAT:
        return (uint32_t)number;
    case PB_BOOL:
        return number != 0;
    case PB_DOUBLE:
    case PB_INT64:
    case PB_UINT64:
    case PB_FIXED64:
    case PB_STRING:
    case PB_MESSAGE:
    case PB_BYTES:
    case PB_SFIXED64:
    case PB_SINT64:
        break;
    }
    return number;
}

static uint64_t little_endian(const uint8_t *at, size_t size)
{
    uint64_t v = 0;
    for (size_t i = size; i > 0; i--)
        v = v << 8 | at[i - 1];
    return v;
}

static bool is_zigzag(enum pb_kind kind)
{
    return kind == PB_SINT32 || kind == PB_SINT64;
}

size_t value_read(enum pb_kind kind, struct bytes wire, uint64_t *number)
{
    const struct pb_field f = {.kind = kind};
    uint64_t v = 0;
    size_t n = 0;
    switch (fuzz_wire_type(&f)) {
    case WIRE_VARINT:
        n = pb_varint_read(wire, &v);
        if (is_zigzag(kind)) {
            v = kind == PB_SINT32 ? (uint32_t)v : v;
            v = v >> 1 ^ (0 - (v & 1));
        }
        break;
    case WIRE_FIXED64:
        n = wire.len < 8 ? 0 : 8;
        v = little_endian(wire.data, n);
        break;
    case WIRE_FIXED32:
        n = wire.len < 4 ? 0 : 4;
        v = little_endian(wire.data, n);
        break;
    default:
        return 0;
    }
    *number = value_of_kind(kind, v);
    return n;
}

void value_put(struct text *out, enum pb_kind kind, uint64_t number)
{
    const struct pb_field f = {.kind = kind};
    number = value_of_kind(kind, number);
    switch (fuzz_wire_type(&f)) {
    case WIRE_FIXED64:
        fuzz_put_fixed(out, number, 8);
        break;
    case WIRE_FIXED32:
        fuzz_put_fixed(out, number, 4);
        break;
    default:
        if (is_zigzag(kind)) {
            number = number << 1 ^ (0 - (number >> 63));
            number = kind == PB_SINT32 ? (uint32_t)number : number;
        }
        fuzz_put_varint(out, number);
    }
}

/* ---- numbers: which ---- */

static uint64_t boundary(struct random *r)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      10,
                                      100,
                                      127,
                                      128,
                                      255,
                                      256,
                                      1000,
                                      32767,
                                      65535,
                                      65536,
                                      INT32_MAX,
                                      (uint64_t)INT32_MAX + 1,
                                      UINT32_MAX,
                                      (uint64_t)UINT32_MAX + 1,
                                      UINT64_C(1) << 53,
                                      (UINT64_C(1) << 53) + 1,
                                      INT64_MAX,
                                      (uint64_t)INT64_MAX + 1,
                                      UINT64_MAX,
                                      UINT64_MAX - 1,
                                      UINT64_C(0xFFFFFFFF80000000)};
    return values[random_below(r, COUNT(values))];
}

static uint64_t any_integer(struct random *r)
{
    switch (random_below(r, 4)) {
    case 0:
        return random_below(r, 16);
    case 1:
        return random_next(r) >> random_below(r, 64);
    case 2:
        return (uint64_t) - (int64_t)random_below(r, 1000);
    default:
        return boundary(r);
    }
}

static uint64_t bits_of(double real, bool wide)
{
    uint64_t bits;
    uint32_t narrow;
    float f = (float)real;
    memcpy(&bits, &real, sizeof bits);
    memcpy(&narrow, &f, sizeof narrow);
    return wide ? bits : narrow;
}

static double real_of(uint64_t bits, bool wide)
{
    double real;
    float f;
    uint32_t narrow = (uint32_t)bits;
    memcpy(&real, &bits, sizeof real);
    memcpy(&f, &narrow, sizeof f);
    return wide ? real : (double)f;
}

static double any_real(struct random *r)
{
    static const double values[] = {
        0.0,    -0.0, 1.0,  -1.0,  0.1,  0.5, 1e308, -1e308, 5e-324,     1e-45,
        3.5e38, 90.0, -90., 180.0, 1e15, 2e9, -2e9,  1e19,   16777217.0, 9007199254740993.0};
    switch (random_below(r, 8)) {
    case 0:
        return (double)NAN;
    case 1:
        return (double)INFINITY;
    case 2:
        return -(double)INFINITY;
    case 3:
        return random_unit(r) * 360 - 180;
    default:
        return values[random_below(r, COUNT(values))];
    }
}

static bool is_real(enum pb_kind kind)
{
    return kind == PB_DOUBLE || kind == PB_FLOAT;
}

static uint64_t enum_number(struct random *r, const struct pb_enum *e)
{
    return e->value_count == 0 ? 0 : (uint64_t)(int64_t)e->values[random_below(r, e->value_count)].number;
}

uint64_t value_fresh(struct random *r, const struct pb_field *f)
{
    uint64_t v;
    if (is_real(f->kind))
        return bits_of(any_real(r), f->kind == PB_DOUBLE);
    if (f->kind == PB_ENUM && random_below(r, 4) > 0)
        return enum_number(r, f->enumeration);
    v = f->kind == PB_BOOL ? random_next(r) >> 63 : any_integer(r);
    return value_of_kind(f->kind, v);
}

static uint64_t change_real(struct random *r, bool wide, uint64_t bits, const char **what)
{
    double real = real_of(bits, wide);
    switch (random_below(r, 6)) {
    case 0:
        *what = "number-negate";
        return bits ^ UINT64_C(1) << (wide ? 63 : 31);
    case 1:
        *what = "number-delta"; /* the next one up or down, or a few on */
        return bits + random_below(r, 9) - 4;
    case 2:
        *what = "number-scale";
        return bits_of(real * (random_below(r, 2) ? 10 : 0.5), wide);
    case 3:
        *what = "number-bit";
        return bits ^ UINT64_C(1) << random_below(r, wide ? 64 : 32);
    case 4:
        *what = "number-delta";
        return bits_of(real + (random_below(r, 2) ? 1 : -1), wide);
    default:
        *what = "number-boundary";
        return bits_of(any_real(r), wide);
    }
}

static uint64_t change_integer(struct random *r, uint64_t v, bool wide, const char **what)
{
    switch (random_below(r, 8)) {
    case 0:
    case 1:
        *what = "number-boundary";
        return boundary(r);
    case 2:
        *what = "number-delta";
        return v + (random_below(r, 2) ? 1 : UINT64_MAX);
    case 3:
        *what = "number-delta";
        return v + random_below(r, 71) - 35;
    case 4:
        *what = "number-bit";
        return v ^ UINT64_C(1) << random_below(r, wide ? 64 : 32);
    case 5:
        *what = "number-negate";
        return random_below(r, 4) ? 0 - v : ~v;
    case 6:
        *what = "number-scale";
        switch (random_below(r, 4)) {
        case 0:
            return v * 2;
        case 1:
            return v / 2;
        case 2:
            return v * 10;
        default:
            return v * 1000;
        }
    default:
        *what = "number-random";
        return random_next(r) >> random_below(r, 64);
    }
}

static uint64_t change_enum(struct random *r, const struct pb_enum *e, uint64_t v, const char **what)
{
    switch (random_below(r, 6)) {
    case 0:
        *what = "enum-unknown"; /* one beside a known one, which a table that is too short falls over */
        return enum_number(r, e) + (random_below(r, 2) ? 1 : UINT64_MAX);
    case 1:
        *what = "enum-unknown";
        return any_integer(r);
    case 2:
        return change_integer(r, v, false, what);
    default:
        *what = "enum-known";
        return enum_number(r, e);
    }
}

uint64_t value_change(struct random *r, const struct pb_field *f, uint64_t number, const char **what)
{
    uint64_t v;
    if (f->kind == PB_BOOL) {
        *what = "number-flip";
        return number == 0;
    }
    bool wide =
        fuzz_wire_type(f) == WIRE_FIXED64 || f->kind == PB_INT64 || f->kind == PB_UINT64 || f->kind == PB_SINT64;
    if (is_real(f->kind))
        v = change_real(r, wide, number, what);
    else if (f->kind == PB_ENUM)
        v = change_enum(r, f->enumeration, number, what);
    else
        v = change_integer(r, number, wide, what);
    v = value_of_kind(f->kind, v);
    /* What came out the same has its lowest bit turned. */
    return v != number ? v : value_of_kind(f->kind, v ^ 1);
}
