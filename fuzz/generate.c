#include "fuzz/generate.h"

#include <math.h>
#include <string.h>

#define REPEATED_MAX 4

void fuzz_put_varint(struct text *out, uint64_t value)
{
    uint8_t bytes[10];
    text_add(out, bytes, pb_varint_write(bytes, value));
}

void fuzz_put_tag(struct text *out, uint32_t number, unsigned wire_type)
{
    fuzz_put_varint(out, (uint64_t)number << 3 | wire_type);
}

void fuzz_put_bytes(struct text *out, uint32_t number, struct bytes value)
{
    fuzz_put_tag(out, number, 2);
    fuzz_put_varint(out, value.len);
    text_add(out, value.data, value.len);
}

unsigned fuzz_wire_type(const struct pb_field *f)
{
    switch (f->kind) {
    case PB_DOUBLE:
    case PB_FIXED64:
    case PB_SFIXED64:
        return 1;
    case PB_FLOAT:
    case PB_FIXED32:
    case PB_SFIXED32:
        return 5;
    case PB_STRING:
    case PB_BYTES:
    case PB_MESSAGE:
        return 2;
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_BOOL:
    case PB_UINT32:
    case PB_ENUM:
    case PB_SINT32:
    case PB_SINT64:
        break;
    }
    return 0;
}

/* ---- values ---- */

static uint64_t interesting_integer(struct random *r)
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
                                      65535,
                                      65536,
                                      INT32_MAX,
                                      (uint64_t)INT32_MAX + 1,
                                      UINT32_MAX,
                                      (uint64_t)UINT32_MAX + 1,
                                      INT64_MAX,
                                      (uint64_t)INT64_MAX + 1,
                                      UINT64_MAX,
                                      UINT64_MAX - 1};
    switch (random_below(r, 4)) {
    case 0:
        return random_below(r, 16);
    case 1:
        return random_next(r);
    case 2:
        return (uint64_t) - (int64_t)random_below(r, 1000);
    default:
        return values[random_below(r, sizeof values / sizeof values[0])];
    }
}

/* Words by what a field is called, from small sets, so that calls meet each other's data. */
static const char *word_for(struct random *r, const char *field)
{
    static const struct {
        const char *part, *words[4];
    } table[] = {
        {"id", {"id-1", "id-2", "id-3", "0"}},
        {"key", {"key-1", "key-2", "key/1", "key"}},
        {"name", {"alpha", "beta", "gamma", "a.b"}},
        {"path", {"a", "a.b", "a.b.c", "a..b"}},
        {"table", {"t1", "t2", "table", "t-3"}},
        {"database", {"micro", "db1", "db2", "d"}},
        {"namespace", {"micro", "other", "x", "micro"}},
        {"domain", {"micro", "other", "*", ""}},
        {"order", {"asc", "desc", "ASC", "random"}},
        {"format", {"json", "yaml", "", "raw"}},
        {"data", {"1", "\"text\"", "{\"a\":{\"b\":1}}", "[1,2,3]"}},
        {"email", {"a@example.com", "b@example.com", "@", "a@b@c"}},
        {"address", {"127.0.0.1:1", "localhost:0", ":", "[::1]:65536"}},
        {"token", {"x.y.z", "eyJhbGciOiJub25lIn0.e30.", "", "Bearer"}},
        {"scope", {"admin", "service", "*", ""}},
        {"type", {"user", "service", "string", "int64"}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strstr(field, table[i].part) != NULL)
            return table[i].words[random_below(r, 4)];
    return "text";
}

static void put_string(struct random *r, const char *field, struct text *value)
{
    static const char *const odd[] = {"",
                                      " ",
                                      "../../../../etc/passwd",
                                      "/",
                                      "a/../b",
                                      ".",
                                      "..",
                                      "'; DROP TABLE records; --",
                                      "\" OR \"1\"=\"1",
                                      "%s%n%x",
                                      "{}",
                                      "[",
                                      "null",
                                      "\xF0\x9F\x98\x80",
                                      "\xC3\xA9\xE2\x80\xAE",
                                      "\xEF\xBB\xBF",
                                      "line\nline\r\n\ttab",
                                      "\x7F\x1B[31m",
                                      "18446744073709551616",
                                      "-1",
                                      "*",
                                      "\\"};
    switch (random_below(r, 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        text_puts(value, word_for(r, field));
        break;
    case 4:
    case 5:
        text_puts(value, odd[random_below(r, sizeof odd / sizeof odd[0])]);
        break;
    case 6:
        for (uint64_t n = random_below(r, 24); n > 0; n--)
            text_char(value, (char)random_range(r, 0x20, 0x7E));
        break;
    default: {
        size_t n = random_below(r, 4) == 0 ? FUZZ_LENGTH_LONG : (size_t)random_below(r, 300);
        char c = (char)random_range(r, 'a', 'z');
        while (n-- > 0)
            text_char(value, c);
    }
    }
}

static void put_raw_bytes(struct random *r, struct text *value)
{
    size_t n = (size_t)(random_below(r, 20) == 0 ? FUZZ_LENGTH_LONG : random_below(r, 64));
    for (size_t i = 0; i < n; i++)
        text_char(value, (char)random_below(r, 256));
}

static double interesting_real(struct random *r)
{
    static const double values[] = {0.0, -0.0, 1.0, -1.0, 0.1, 1e308, -1e308, 5e-324, 90.0, 180.0, 1e15};
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
        return values[random_below(r, sizeof values / sizeof values[0])];
    }
}

static void put_little_endian(struct text *out, uint64_t bits, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text_char(out, (char)(bits >> (8 * i) & 0xFF));
}

static void generate(struct random *r, const struct pb_type *type, unsigned depth, struct text *out);

void fuzz_put_value(struct random *r, const struct pb_field *f, unsigned depth, struct text *out)
{
    struct text nested = TEXT_INIT;
    uint64_t integer = interesting_integer(r);
    switch (f->kind) {
    case PB_DOUBLE: {
        double real = interesting_real(r);
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        put_little_endian(out, bits, 8);
        break;
    }
    case PB_FLOAT: {
        float real = (float)interesting_real(r);
        uint32_t bits;
        memcpy(&bits, &real, sizeof bits);
        put_little_endian(out, bits, 4);
        break;
    }
    case PB_FIXED64:
    case PB_SFIXED64:
        put_little_endian(out, integer, 8);
        break;
    case PB_FIXED32:
    case PB_SFIXED32:
        put_little_endian(out, integer, 4);
        break;
    case PB_BOOL:
        fuzz_put_varint(out, integer & 1);
        break;
    case PB_ENUM: {
        const struct pb_enum *e = f->enumeration;
        int32_t number = random_below(r, 4) > 0 && e->value_count > 0
                             ? e->values[random_below(r, e->value_count)].number
                             : (int32_t)(uint32_t)integer;
        fuzz_put_varint(out, (uint64_t)(int64_t)number);
        break;
    }
    case PB_INT32:
        fuzz_put_varint(out, (uint64_t)(int64_t)(int32_t)(uint32_t)integer);
        break;
    case PB_UINT32:
    case PB_SINT32:
        fuzz_put_varint(out, (uint32_t)integer);
        break;
    case PB_INT64:
    case PB_UINT64:
    case PB_SINT64:
        fuzz_put_varint(out, integer);
        break;
    case PB_STRING:
        put_string(r, f->name, &nested);
        break;
    case PB_BYTES:
        put_raw_bytes(r, &nested);
        break;
    case PB_MESSAGE:
        generate(r, f->message, depth + 1, &nested);
        break;
    }
    if (fuzz_wire_type(f) == 2) {
        fuzz_put_varint(out, nested.len);
        text_add(out, nested.data, nested.len);
    }
    text_deinit(&nested);
}

/* ---- messages ---- */

static void put_field(struct random *r, const struct pb_field *f, unsigned depth, struct text *out)
{
    if (f->packed && random_below(r, 4) > 0) {
        struct text values = TEXT_INIT;
        for (uint64_t n = random_below(r, REPEATED_MAX); n > 0; n--)
            fuzz_put_value(r, f, depth, &values);
        fuzz_put_bytes(out, f->number, text_bytes(&values));
        text_deinit(&values);
        return;
    }
    for (uint64_t n = f->repeated ? random_below(r, REPEATED_MAX) : 1; n > 0; n--) {
        fuzz_put_tag(out, f->number, fuzz_wire_type(f));
        fuzz_put_value(r, f, depth, out);
    }
}

/* Depth is bounded by FUZZ_DEPTH_MAX. */
static void generate(struct random *r, const struct pb_type *type, unsigned depth, struct text *out)
{
    /* One member of each oneof at the most. */
    uint64_t chosen_oneofs = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct pb_field *f = &type->fields[i];
        bool wanted = random_below(r, 4) > 0;
        if (f->kind == PB_MESSAGE && depth >= FUZZ_DEPTH_MAX)
            wanted = false;
        if (f->oneof >= 0 && f->oneof < 64) {
            if (chosen_oneofs >> f->oneof & 1)
                wanted = false;
            else if (wanted)
                chosen_oneofs |= UINT64_C(1) << f->oneof;
        }
        if (wanted)
            put_field(r, f, depth, out);
    }
}

void fuzz_generate(struct random *r, const struct pb_type *type, struct text *out)
{
    generate(r, type, 0, out);
}
