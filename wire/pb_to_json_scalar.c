#include "wire/pb_to_json.h"

#include "base/base64.h"
#include "wire/pb_number.h"

#include <math.h>

int pb_write_string(struct pb_to_json *c, struct bytes s, const struct pb_path *path)
{
    size_t fault = pb_text_fault(s, false);
    if (fault)
        return pb_write_fail(c, path, s.data + fault - 1, ERROR_INVALID, "a string is not valid UTF-8");
    pb_put(c->out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t ch = s.data[i];
        if (ch >= 0x20 && ch != '"' && ch != '\\' && ch != 0x7f)
            continue;
        pb_put(c->out, s.data + from, i - from);
        from = i + 1;
        static const char plain[] = "\"\"\\\\\bb\ff\nn\rr\tt";
        const char *known = ch ? memchr(plain, ch, sizeof plain - 1) : NULL;
        /* Even places hold the character, odd ones its letter. */
        while (known && (known - plain) % 2 != 0)
            known = memchr(known + 1, ch, (size_t)(plain + sizeof plain - 1 - (known + 1)));
        if (known) {
            char escape[2] = {'\\', known[1]};
            pb_put(c->out, escape, 2);
        } else {
            static const char hex[] = "0123456789abcdef";
            char escape[6] = {'\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15]};
            pb_put(c->out, escape, 6);
        }
    }
    if (s.len > from)
        pb_put(c->out, s.data + from, s.len - from);
    pb_put(c->out, "\"", 1);
    return 0;
}

void pb_write_quoted(struct pb_to_json *c, const char *number, size_t len)
{
    pb_put(c->out, "\"", 1);
    pb_put(c->out, number, len);
    pb_put(c->out, "\"", 1);
}

static void write_floating(struct pb_to_json *c, enum pb_kind kind, uint64_t bits)
{
    char buffer[PB_NUMBER_MAX];
    double d;
    float f = 0;
    if (kind == PB_FLOAT) {
        uint32_t low = (uint32_t)bits;
        memcpy(&f, &low, sizeof f);
        d = (double)f;
    } else {
        memcpy(&d, &bits, sizeof d);
    }
    if (isnan(d))
        pb_put(c->out, "\"NaN\"", 5);
    else if (isinf(d))
        pb_write_quoted(c, d < 0 ? "-Infinity" : "Infinity", d < 0 ? 9 : 8);
    else
        pb_put(c->out, buffer, kind == PB_FLOAT ? pb_number_print_float(f, buffer) : pb_number_print_double(d, buffer));
}

static void write_enum(struct pb_to_json *c, const struct pb_enum *e, int32_t number)
{
    if (pb_enum_is_null(e)) {
        pb_put(c->out, "null", 4);
        return;
    }
    const struct pb_enum_value *v = c->flags & PB_JSON_ENUM_NUMBERS ? NULL : pb_enum_by_number(e, number);
    char buffer[PB_NUMBER_MAX];
    if (v)
        pb_write_quoted(c, v->name, strlen(v->name)); /* an identifier: nothing to escape */
    else
        pb_put(c->out, buffer, pb_number_print_signed(number, buffer));
}

/* Integers of up to 64 bits, zigzag undone, as text. */
static size_t print_integer(enum pb_kind kind, uint64_t value, char out[PB_NUMBER_MAX])
{
    switch (kind) {
    case PB_INT32:
    case PB_SFIXED32:
    case PB_ENUM:
        return pb_number_print_signed((int32_t)(uint32_t)value, out);
    case PB_SINT32:
        return pb_number_print_signed(pb_unzigzag32((uint32_t)value), out);
    case PB_INT64:
    case PB_SFIXED64:
        return pb_number_print_signed((int64_t)value, out);
    case PB_SINT64:
        return pb_number_print_signed(pb_unzigzag64(value), out);
    case PB_UINT32:
    case PB_FIXED32:
        return pb_number_print_unsigned((uint32_t)value, out);
    case PB_UINT64:
    case PB_FIXED64:
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_BOOL:
    case PB_STRING:
    case PB_MESSAGE:
    case PB_BYTES:
        break;
    }
    return pb_number_print_unsigned(value, out);
}

int pb_write_scalar(struct pb_to_json *c, const struct pb_field *f, const struct pb_item *item,
                    const struct pb_path *path)
{
    char buffer[PB_NUMBER_MAX];
    size_t len;
    switch (f->kind) {
    case PB_DOUBLE:
    case PB_FLOAT:
        write_floating(c, f->kind, item->value);
        return 0;
    case PB_BOOL:
        pb_put(c->out, item->value ? "true" : "false", item->value ? 4 : 5);
        return 0;
    case PB_STRING:
        return pb_write_string(c, item->data, path);
    case PB_BYTES:
        pb_put(c->out, "\"", 1);
        base64_encode(c->out, item->data);
        pb_put(c->out, "\"", 1);
        return 0;
    case PB_ENUM:
        write_enum(c, f->enumeration, (int32_t)(uint32_t)item->value);
        return 0;
    case PB_INT64:
    case PB_UINT64:
    case PB_FIXED64:
    case PB_SFIXED64:
    case PB_SINT64:
        len = print_integer(f->kind, item->value, buffer);
        pb_write_quoted(c, buffer, len);
        return 0;
    case PB_INT32:
    case PB_FIXED32:
    case PB_UINT32:
    case PB_SFIXED32:
    case PB_SINT32:
        len = print_integer(f->kind, item->value, buffer);
        pb_put(c->out, buffer, len);
        return 0;
    case PB_MESSAGE:
        break;
    }
    return pb_write_fail(c, path, NULL, ERROR_INVALID, "not a scalar");
}
