/* Values from one kind to another. Numbers go through a form that holds every kind: a sign with 64 bits, or a double.
 */
#include "fuzz/case/path.h"

#include "fuzz/message/put.h"
#include "fuzz/message/values.h"
#include "fuzz/message/wire_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 40 /* bytes of a number in text */

struct number {
    bool real;
    bool negative; /* of an integer */
    uint64_t magnitude;
    double value;
};

struct fuzz_value fuzz_value_text(struct bytes text)
{
    return (struct fuzz_value){.kind = PB_STRING, .wire = WIRE_BYTES, .bytes = text};
}

static bool is_real(enum pb_kind kind)
{
    return kind == PB_DOUBLE || kind == PB_FLOAT;
}

static bool is_signed(enum pb_kind kind)
{
    return kind == PB_INT32 || kind == PB_INT64 || kind == PB_SINT32 || kind == PB_SINT64 || kind == PB_SFIXED32 ||
           kind == PB_SFIXED64 || kind == PB_ENUM;
}

static bool is_text(enum pb_kind kind)
{
    return kind == PB_STRING || kind == PB_BYTES;
}

static struct number number_of(enum pb_kind kind, uint64_t bits)
{
    struct number n = {.real = is_real(kind)};
    if (kind == PB_DOUBLE) {
        memcpy(&n.value, &bits, sizeof n.value);
    } else if (kind == PB_FLOAT) {
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        n.value = (double)f;
    } else {
        n.negative = is_signed(kind) && bits >> 63;
        n.magnitude = n.negative ? 0 - bits : bits;
    }
    return n;
}

/* Decimal digits with an optional sign, or for real ones what strtod() makes of the whole text. */
static bool number_parse(struct bytes text, bool real, struct number *out)
{
    char copy[DIGITS_MAX + 1];
    size_t i = text.len > 0 && text.data[0] == '-';
    *out = (struct number){.real = real, .negative = i == 1};
    if (text.len == i || text.len > DIGITS_MAX)
        return false;
    if (real) {
        char *end;
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        /* Not what strtod() knows beyond decimal numbers: hexadecimal ones, infinity, and what is no number. */
        if (strspn(copy, "0123456789.eE+-") != text.len || !strchr("0123456789.", copy[i]))
            return false;
        out->value = strtod(copy, &end);
        return end == copy + text.len;
    }
    for (; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(out->magnitude, 10U, &out->magnitude) ||
            __builtin_add_overflow(out->magnitude, digit, &out->magnitude))
            return false;
    }
    return !out->negative || out->magnitude <= (uint64_t)INT64_MAX + 1;
}

static bool number_print(enum pb_kind kind, const struct number *n, struct text *out)
{
    char digits[DIGITS_MAX];
    int len;
    if (kind == PB_BOOL)
        len = snprintf(digits, sizeof digits, "%s", n->magnitude ? "true" : "false");
    else if (n->real)
        len = snprintf(digits, sizeof digits, "%.17g", n->value);
    else
        len = snprintf(digits, sizeof digits, "%s%llu", n->negative ? "-" : "", (unsigned long long)n->magnitude);
    fuzz_put(out, digits, (size_t)len);
    return true;
}

static uint64_t whole(double value)
{
    if (isnan(value))
        return 0;
    if (value < 0)
        return value <= (double)INT64_MIN ? (uint64_t)INT64_MIN : (uint64_t)(int64_t)value;
    return value >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

static void number_put(enum pb_kind to, const struct number *n, struct text *out)
{
    uint64_t bits;
    if (!is_real(to)) {
        bits = n->real ? whole(n->value) : n->negative ? 0 - n->magnitude : n->magnitude;
    } else {
        double value = n->real ? n->value : n->negative ? -(double)n->magnitude : (double)n->magnitude;
        float narrow = (float)value;
        uint32_t low;
        memcpy(&low, &narrow, sizeof low);
        memcpy(&bits, &value, sizeof bits);
        bits = to == PB_FLOAT ? low : bits;
    }
    value_put(out, to, bits);
}

/* What a value without a known kind most likely is. */
static enum pb_kind guess(uint8_t wire)
{
    return wire == WIRE_VARINT    ? PB_UINT64
           : wire == WIRE_FIXED64 ? PB_FIXED64
           : wire == WIRE_FIXED32 ? PB_FIXED32
                                  : PB_BYTES;
}

static bool text_to(struct bytes text, enum pb_kind to, struct text *out)
{
    struct number n;
    if (to == PB_STRING && !wire_text_valid(text))
        return false;
    if (is_text(to)) {
        fuzz_put(out, text.data, text.len);
        return true;
    }
    if (to == PB_BOOL && (bytes_is(text, "true") || bytes_is(text, "false")))
        n = (struct number){.magnitude = text.len == 4};
    else if (!number_parse(text, is_real(to), &n))
        return false;
    number_put(to, &n, out);
    return true;
}

bool fuzz_value_convert(const struct fuzz_value *v, enum pb_kind to, const struct pb_type *message, struct text *out)
{
    enum pb_kind from = v->kind ? v->kind : guess(v->wire);
    uint64_t bits;
    if (to == PB_MESSAGE || from == PB_MESSAGE) {
        bool same = to == from && (!v->message || !message || v->message == message ||
                                   strcmp(v->message->full_name, message->full_name) == 0);
        bool raw = !v->kind && v->wire == WIRE_BYTES; /* of a message nobody described */
        if (!same && !raw && !(from == PB_MESSAGE && to == PB_BYTES))
            return false;
        fuzz_put(out, v->bytes.data, v->bytes.len);
        return true;
    }
    if (is_text(from))
        return text_to(v->bytes, to, out);
    size_t read = value_read(from, v->bytes, &bits);
    if (read == 0 || read != v->bytes.len)
        return false;
    if (from == to) { /* as it is, with whatever is odd about it */
        fuzz_put(out, v->bytes.data, v->bytes.len);
        return true;
    }
    struct number n = number_of(from, bits);
    if (is_text(to))
        return number_print(from, &n, out);
    number_put(to, &n, out);
    return true;
}
