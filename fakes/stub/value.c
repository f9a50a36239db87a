#include "fakes/stub/value.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "wire/pb_number.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX       200 /* bytes of a text shown */
#define SUGGESTIONS_MAX 200 /* names of an enum looked through for "did you mean" */

static uint64_t real_bits(double d)
{
    uint64_t bits = 0;
    if (isnan(d))
        return UINT64_C(0x7FF8000000000000);
    if (d == 0) /* -0 as well */
        return 0;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static double bits_real(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static int64_t bits_signed(uint64_t bits)
{
    int64_t v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

uint64_t value_bits(enum pb_kind kind, uint64_t raw)
{
    uint32_t low = (uint32_t)(raw & UINT32_MAX);
    float f;
    switch (kind) {
    case PB_DOUBLE:
        return real_bits(bits_real(raw));
    case PB_FLOAT:
        memcpy(&f, &low, sizeof f);
        return real_bits((double)f);
    case PB_INT32:
    case PB_ENUM:
    case PB_SFIXED32:
        return (uint64_t)(int64_t)(int32_t)low;
    case PB_SINT32:
        return (uint64_t)(int64_t)pb_unzigzag32(low);
    case PB_SINT64:
        return (uint64_t)pb_unzigzag64(raw);
    case PB_UINT32:
    case PB_FIXED32:
        return low;
    case PB_BOOL:
        return raw != 0;
    case PB_INT64:
    case PB_UINT64:
    case PB_FIXED64:
    case PB_SFIXED64:
    case PB_STRING:
    case PB_MESSAGE:
    case PB_BYTES:
        break;
    }
    return raw;
}

bool value_of_item(const struct pb_field *f, const struct pb_item *item, struct value *out)
{
    if (item->wire != pb_kind_wire(f->kind))
        return false;
    if (item->wire == PB_WIRE_BYTES)
        *out = (struct value){.bytes = item->data};
    else
        *out = (struct value){.bits = value_bits(f->kind, item->value)};
    return true;
}

bool value_is_default(const struct pb_field *f, struct value v)
{
    return value_is_text(f) ? v.bytes.len == 0 : v.bits == 0;
}

bool value_equal(const struct pb_field *f, struct value a, struct value b)
{
    return value_is_text(f) ? bytes_equal(a.bytes, b.bytes) : a.bits == b.bits;
}

static bool is_real(const struct pb_field *f)
{
    return f->kind == PB_DOUBLE || f->kind == PB_FLOAT;
}

static bool is_unsigned(const struct pb_field *f)
{
    return f->kind == PB_UINT64 || f->kind == PB_FIXED64;
}

int value_compare(const struct pb_field *f, struct value a, struct value b)
{
    if (is_real(f)) {
        double p = bits_real(a.bits), q = bits_real(b.bits);
        if (isnan(p) || isnan(q))
            return (int)isnan(q) - (int)isnan(p);
        return (p > q) - (p < q);
    }
    if (is_unsigned(f))
        return (a.bits > b.bits) - (a.bits < b.bits);
    int64_t i = bits_signed(a.bits), j = bits_signed(b.bits);
    return (i > j) - (i < j);
}

/* The multiply-and-fold step of wyhash (Wang Yi, public domain). */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t value_hash(const struct pb_field *f, struct value v, size_t cut)
{
    const uint64_t p0 = UINT64_C(0xA0761D6478BD642F), p1 = UINT64_C(0xE7037ED1A0B428DB);
    if (!value_is_text(f))
        return mix(v.bits ^ p0, p1);
    size_t len = cut != 0 && v.bytes.len > cut ? cut : v.bytes.len;
    const uint8_t *at = v.bytes.data;
    uint64_t hash = mix(len ^ p0, p1), word;
    for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = mix(hash ^ word, p1);
    }
    word = 0;
    if (len > 0) {
        memcpy(&word, at, len);
        hash = mix(hash ^ word, p0);
    }
    return hash;
}

/* ---- from files ---- */

static bool integer_range(const struct pb_field *f, int64_t *min, uint64_t *max)
{
    switch (f->kind) {
    case PB_INT32:
    case PB_SINT32:
    case PB_SFIXED32:
    case PB_ENUM:
        *min = INT32_MIN;
        *max = INT32_MAX;
        return true;
    case PB_UINT32:
    case PB_FIXED32:
        *min = 0;
        *max = UINT32_MAX;
        return true;
    case PB_INT64:
    case PB_SINT64:
    case PB_SFIXED64:
        *min = INT64_MIN;
        *max = INT64_MAX;
        return true;
    case PB_UINT64:
    case PB_FIXED64:
        *min = 0;
        *max = UINT64_MAX;
        return true;
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_BOOL:
    case PB_STRING:
    case PB_MESSAGE:
    case PB_BYTES:
        break;
    }
    return false;
}

bool value_of_integer(const struct pb_field *f, int64_t integer, struct value *out)
{
    int64_t min;
    uint64_t max;
    if (is_real(f))
        return value_of_real(f, (double)integer, out);
    if (!integer_range(f, &min, &max) || integer < min || (integer > 0 && (uint64_t)integer > max))
        return false;
    *out = (struct value){.bits = (uint64_t)integer};
    return true;
}

bool value_of_real(const struct pb_field *f, double real, struct value *out)
{
    if (f->kind == PB_FLOAT)
        real = (double)(float)real;
    if (is_real(f)) {
        *out = (struct value){.bits = real_bits(real)};
        return true;
    }
    /* 9.2e18 and beyond are left to texts of digits. */
    return real == trunc(real) && fabs(real) < 9e18 && value_of_integer(f, (int64_t)real, out);
}

bool value_of_text(const struct pb_field *f, struct bytes text, struct value *out)
{
    bool negative;
    uint64_t magnitude, max;
    int64_t min;
    double real;
    if (value_is_text(f)) {
        *out = (struct value){.bytes = text};
        return true;
    }
    if (f->kind == PB_BOOL) {
        *out = (struct value){.bits = bytes_is(text, "true")};
        return out->bits != 0 || bytes_is(text, "false");
    }
    if (f->kind == PB_ENUM)
        for (size_t i = 0; i < f->enumeration->value_count; i++)
            if (bytes_is(text, f->enumeration->values[i].name)) {
                *out = (struct value){.bits = (uint64_t)(int64_t)f->enumeration->values[i].number};
                return true;
            }
    if (text.len == 0 || pb_number_span(text) != text.len)
        return false;
    if (is_real(f))
        return pb_number_double(text, &real) == PB_NUMBER_OK && value_of_real(f, real, out);
    if (!integer_range(f, &min, &max) || pb_number_integer(text, &negative, &magnitude) != PB_NUMBER_OK)
        return false;
    if (negative ? magnitude > 0 - (uint64_t)min : magnitude > max)
        return false;
    *out = (struct value){.bits = negative ? 0 - magnitude : magnitude};
    return true;
}

const char *value_kind_words(const struct pb_field *f)
{
    switch (f->kind) {
    case PB_STRING:
        return "text";
    case PB_BYTES:
        return "bytes in Base64";
    case PB_BOOL:
        return "true or false";
    case PB_ENUM:
        return "a value of an enum";
    case PB_MESSAGE:
        return "a message";
    case PB_DOUBLE:
    case PB_FLOAT:
        return "a number";
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_FIXED64:
    case PB_FIXED32:
    case PB_UINT32:
    case PB_SFIXED32:
    case PB_SFIXED64:
    case PB_SINT32:
    case PB_SINT64:
        break;
    }
    return "a whole number";
}

static int wrong_enum(const struct pb_field *f, const struct node *n, struct error *err)
{
    const struct pb_enum *e = f->enumeration;
    const char *names[SUGGESTIONS_MAX + 1];
    size_t count = e->value_count < SUGGESTIONS_MAX ? e->value_count : SUGGESTIONS_MAX;
    for (size_t i = 0; i < count; i++)
        names[i] = e->values[i].name;
    names[count] = NULL;
    const char *near = n->kind == NODE_TEXT ? nearest_word((const char *)n->text.data, names) : NULL;
    if (near != NULL)
        return node_error(n, err, ERROR_INVALID, "%s has no value \"%s\": did you mean %s?", e->full_name,
                          (const char *)n->text.data, near);
    return node_error(n, err, ERROR_INVALID, "%s has no such value; its first is %s", e->full_name,
                      count > 0 ? names[0] : "none");
}

static int wrong_kind(const struct pb_field *f, const struct node *n, struct error *err)
{
    bool quote = f->kind == PB_STRING && n->kind != NODE_LIST && n->kind != NODE_MAP;
    int64_t min;
    uint64_t max;
    if (n->kind == NODE_INTEGER && integer_range(f, &min, &max))
        return node_error(n, err, ERROR_INVALID, "%s is of type %s, which does not hold %" PRId64, f->name,
                          pb_kind_name(f->kind), n->integer);
    return node_error(n, err, ERROR_INVALID, "%s takes %s, and this is %s%s", f->name, value_kind_words(f),
                      node_kind_name(n->kind), quote ? " (put it in quotes)" : "");
}

static int bytes_of_node(const struct pb_field *f, const struct node *n, struct arena *arena, struct value *out,
                         struct error *err)
{
    struct text decoded = TEXT_INIT;
    if (!base64_read(&decoded, n->text, BASE64_URL)) {
        text_deinit(&decoded);
        return node_error(n, err, ERROR_INVALID, "%s takes bytes in Base64, which this is not", f->name);
    }
    const void *copy = text_ok(&decoded) ? arena_copy(arena, text_string(&decoded), decoded.len) : NULL;
    *out = (struct value){.bytes = BYTES(copy, decoded.len)};
    text_deinit(&decoded);
    return copy != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

int value_of_node(const struct pb_field *f, const struct node *n, struct arena *arena, struct value *out,
                  struct error *err)
{
    bool fits = false;
    switch (n->kind) {
    case NODE_BOOL:
        fits = f->kind == PB_BOOL;
        *out = (struct value){.bits = n->boolean};
        break;
    case NODE_INTEGER:
        fits = value_of_integer(f, n->integer, out);
        break;
    case NODE_REAL:
        fits = value_of_real(f, n->real, out);
        break;
    case NODE_TEXT:
        if (f->kind == PB_BYTES)
            return bytes_of_node(f, n, arena, out, err);
        fits = f->kind != PB_BOOL && value_of_text(f, n->text, out);
        if (fits && value_is_text(f)) {
            const void *copy = arena_string_n(arena, (const char *)n->text.data, n->text.len);
            if (copy == NULL)
                return error_set(err, ERROR_MEMORY, "out of memory");
            out->bytes = BYTES(copy, n->text.len);
        }
        break;
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP:
        break;
    }
    if (!fits)
        return f->kind == PB_ENUM && n->kind == NODE_TEXT ? wrong_enum(f, n, err) : wrong_kind(f, n, err);
    return 0;
}

/* ---- to the wire and to people ---- */

void value_write(struct text *out, const struct pb_field *f, struct value v, bool tagged)
{
    float narrow;
    uint32_t low = (uint32_t)(v.bits & UINT32_MAX);
    if (tagged)
        pb_put_tag(out, f->number, pb_kind_wire(f->kind));
    switch (f->kind) {
    case PB_DOUBLE:
    case PB_FIXED64:
    case PB_SFIXED64:
        pb_put_fixed64(out, v.bits);
        break;
    case PB_FLOAT:
        narrow = (float)bits_real(v.bits);
        memcpy(&low, &narrow, sizeof low);
        pb_put_fixed32(out, low);
        break;
    case PB_FIXED32:
    case PB_SFIXED32:
        pb_put_fixed32(out, low);
        break;
    case PB_SINT32:
        pb_put_varint(out, pb_zigzag32((int32_t)bits_signed(v.bits)));
        break;
    case PB_SINT64:
        pb_put_varint(out, pb_zigzag64(bits_signed(v.bits)));
        break;
    case PB_STRING:
    case PB_BYTES:
    case PB_MESSAGE:
        pb_put_varint(out, v.bytes.len);
        text_add(out, v.bytes.data, v.bytes.len);
        break;
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_BOOL:
    case PB_UINT32:
    case PB_ENUM:
        pb_put_varint(out, v.bits);
        break;
    }
}

void value_print(const struct pb_field *f, struct value v, struct text *out)
{
    char digits[PB_NUMBER_MAX];
    double d = bits_real(v.bits);
    if (value_is_text(f)) {
        text_add(out, v.bytes.data, v.bytes.len);
        return;
    }
    if (f->kind == PB_BOOL) {
        text_puts(out, v.bits != 0 ? "true" : "false");
        return;
    }
    const struct pb_enum_value *named =
        f->kind == PB_ENUM ? pb_enum_by_number(f->enumeration, (int32_t)bits_signed(v.bits)) : NULL;
    if (named != NULL) {
        text_puts(out, named->name);
        return;
    }
    if (is_real(f) && !isfinite(d)) {
        text_puts(out, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
        return;
    }
    size_t len = f->kind == PB_FLOAT    ? pb_number_print_float((float)d, digits)
                 : f->kind == PB_DOUBLE ? pb_number_print_double(d, digits)
                 : is_unsigned(f)       ? pb_number_print_unsigned(v.bits, digits)
                                        : pb_number_print_signed(bits_signed(v.bits), digits);
    text_add(out, digits, len);
}

void value_show(const struct pb_field *f, struct value v, struct text *out)
{
    if (!value_is_text(f)) {
        value_print(f, v, out);
        return;
    }
    size_t shown = v.bytes.len < SHOWN_MAX ? v.bytes.len : SHOWN_MAX;
    while (shown < v.bytes.len && shown > 0 && (v.bytes.data[shown] & 0xC0) == 0x80)
        shown--; /* not in the middle of a character */
    text_char(out, '"');
    if (utf8_valid(BYTES(v.bytes.data, shown)))
        text_json(out, (const char *)v.bytes.data, shown);
    else
        text_printable(out, v.bytes.data, shown, shown);
    text_puts(out, shown < v.bytes.len ? "...\"" : "\"");
}
