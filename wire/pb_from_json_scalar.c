#include "wire/pb_from_json.h"

#include "base/base64.h"
#include "wire/pb_number.h"

#include <limits.h>
#include <math.h>

/* The integer's range by kind: is it signed, and how many bits. */
static void integer_shape(enum pb_kind kind, bool *is_signed, unsigned *bits)
{
    *is_signed = kind == PB_INT32 || kind == PB_SINT32 || kind == PB_SFIXED32 || kind == PB_INT64 ||
                 kind == PB_SINT64 || kind == PB_SFIXED64 || kind == PB_ENUM;
    *bits = kind == PB_INT64 || kind == PB_UINT64 || kind == PB_FIXED64 || kind == PB_SFIXED64 || kind == PB_SINT64
                ? 64
                : 32;
}

static int number_error(struct pb_from_json *c, const uint8_t *at, enum pb_number_result result, enum pb_kind kind,
                        struct bytes token)
{
    struct text shown = TEXT_INIT;
    text_printable(&shown, token.data, token.len, 40);
    int rc = ERROR_INVALID;
    switch (result) {
    case PB_NUMBER_OK:
    case PB_NUMBER_MALFORMED:
        rc = pb_json_fail(&c->in, at, rc, "\"%s\" is no %s", text_string(&shown), pb_kind_name(kind));
        break;
    case PB_NUMBER_FRACTION:
        rc = pb_json_fail(&c->in, at, rc, "%s is no whole number", text_string(&shown));
        break;
    case PB_NUMBER_RANGE:
        rc = pb_json_fail(&c->in, at, rc, "%s is out of the range of %s", text_string(&shown), pb_kind_name(kind));
        break;
    case PB_NUMBER_NO_MEMORY:
        rc = pb_json_no_memory(&c->in);
        break;
    }
    text_deinit(&shown);
    return rc;
}

static int read_integer(struct pb_from_json *c, const uint8_t *at, enum pb_kind kind, struct bytes token, uint64_t *out)
{
    bool negative, is_signed;
    unsigned bits;
    uint64_t magnitude;
    integer_shape(kind, &is_signed, &bits);
    enum pb_number_result result = pb_number_integer(token, &negative, &magnitude);
    if (result == PB_NUMBER_OK) {
        uint64_t max =
            is_signed ? (UINT64_C(1) << (bits - 1)) - (negative ? 0 : 1) : (negative ? 0 : UINT64_MAX >> (64 - bits));
        if (magnitude > max)
            result = PB_NUMBER_RANGE;
    }
    if (result != PB_NUMBER_OK)
        return number_error(c, at, result, kind, token);
    *out = negative ? 0 - magnitude : magnitude;
    return 0;
}

static bool special_double(struct bytes token, double *out)
{
    if (bytes_is(token, "NaN"))
        *out = (double)NAN;
    else if (bytes_is(token, "Infinity"))
        *out = (double)INFINITY;
    else if (bytes_is(token, "-Infinity"))
        *out = -(double)INFINITY;
    else
        return false;
    return true;
}

static int read_floating(struct pb_from_json *c, const uint8_t *at, enum pb_kind kind, struct bytes token, bool quoted,
                         uint64_t *out)
{
    double d = 0;
    float f = 0;
    enum pb_number_result result = PB_NUMBER_OK;
    if (quoted && special_double(token, &d))
        f = (float)d;
    else if (kind == PB_FLOAT)
        result = pb_number_float(token, &f);
    else
        result = pb_number_double(token, &d);
    if (result != PB_NUMBER_OK)
        return number_error(c, at, result, kind, token);
    if (kind == PB_FLOAT) {
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        *out = bits;
    } else {
        memcpy(out, &d, sizeof d);
    }
    return 0;
}

static int read_enum(struct pb_from_json *c, const struct pb_enum *e, struct pb_scalar *out)
{
    struct bytes token;
    const uint8_t *at = c->in.at;
    enum pb_json_token kind = pb_json_peek(&c->in);
    int rc;
    if (kind == PB_JSON_NULL && pb_enum_is_null(e)) {
        out->bits = 0;
        return pb_json_literal(&c->in);
    }
    if (kind == PB_JSON_NUMBER) {
        rc = pb_json_number(&c->in, &token);
        return rc ? rc : read_integer(c, at, PB_ENUM, token, &out->bits);
    }
    rc = pb_json_string(&c->in, &token);
    if (rc)
        return rc;
    const struct pb_enum_value *v = pb_enum_value_find(e, token);
    if (v) {
        out->bits = (uint64_t)(int64_t)v->number;
        return 0;
    }
    out->ignored = c->flags & PB_JSON_IGNORE_UNKNOWN;
    if (out->ignored)
        return 0;
    struct text shown = TEXT_INIT;
    text_printable(&shown, token.data, token.len, 60);
    rc = pb_json_fail(&c->in, at, ERROR_INVALID, "%s has no value \"%s\"", e->full_name, text_string(&shown));
    text_deinit(&shown);
    return rc;
}

static int read_bool(struct pb_from_json *c, uint64_t *out)
{
    enum pb_json_token token = pb_json_peek(&c->in);
    if (token != PB_JSON_TRUE && token != PB_JSON_FALSE)
        return pb_json_fail(&c->in, c->in.at,
                            token == PB_JSON_END || token == PB_JSON_OTHER ? ERROR_SYNTAX : ERROR_INVALID,
                            "expected true or false, found %s", pb_json_token_name(token));
    *out = token == PB_JSON_TRUE;
    return pb_json_literal(&c->in);
}

static int read_bytes(struct pb_from_json *c, struct bytes *out)
{
    struct bytes text;
    pb_json_peek(&c->in);
    const uint8_t *at = c->in.at;
    int rc = pb_json_string(&c->in, &text);
    if (rc)
        return rc;
    text_clear(&c->scratch);
    if (!base64_read(&c->scratch, text, BASE64_URL))
        return pb_json_fail(&c->in, at, ERROR_INVALID, "bytes are given as Base64, which this is not");
    if (!text_ok(&c->scratch))
        return pb_json_no_memory(&c->in);
    *out = text_bytes(&c->scratch);
    return 0;
}

int pb_scalar_read(struct pb_from_json *c, enum pb_kind kind, const struct pb_enum *e, struct pb_scalar *out)
{
    out->ignored = false;
    out->bits = 0;
    out->bytes = BYTES_NONE;
    enum pb_json_token token = pb_json_peek(&c->in);
    if (kind == PB_STRING)
        return pb_json_string(&c->in, &out->bytes);
    if (kind == PB_BYTES)
        return read_bytes(c, &out->bytes);
    if (kind == PB_BOOL)
        return read_bool(c, &out->bits);
    if (kind == PB_ENUM)
        return read_enum(c, e, out);
    const uint8_t *at = c->in.at;
    struct bytes text;
    bool quoted = token == PB_JSON_STRING;
    int rc = quoted ? pb_json_string(&c->in, &text) : pb_json_number(&c->in, &text);
    if (rc)
        return rc;
    if (kind == PB_DOUBLE || kind == PB_FLOAT)
        return read_floating(c, at, kind, text, quoted, &out->bits);
    return read_integer(c, at, kind, text, &out->bits);
}

int pb_scalar_key(struct pb_from_json *c, enum pb_kind kind, struct bytes key, const uint8_t *at, struct pb_scalar *out)
{
    *out = (struct pb_scalar){.bytes = key};
    if (kind == PB_STRING)
        return 0;
    if (kind != PB_BOOL)
        return read_integer(c, at, kind, key, &out->bits);
    out->bits = bytes_is(key, "true");
    if (!out->bits && !bytes_is(key, "false"))
        return pb_json_fail(&c->in, at, ERROR_INVALID, "a key of this map is \"true\" or \"false\"");
    return 0;
}

bool pb_scalar_is_default(enum pb_kind kind, const struct pb_scalar *s)
{
    return kind == PB_STRING || kind == PB_BYTES ? s->bytes.len == 0 : s->bits == 0;
}

void pb_scalar_write_bare(struct text *wire, enum pb_kind kind, const struct pb_scalar *s)
{
    switch (kind) {
    case PB_DOUBLE:
    case PB_FIXED64:
    case PB_SFIXED64:
        pb_put_fixed64(wire, s->bits);
        break;
    case PB_FLOAT:
    case PB_FIXED32:
    case PB_SFIXED32:
        pb_put_fixed32(wire, (uint32_t)s->bits);
        break;
    case PB_SINT32:
        pb_put_varint(wire, pb_zigzag32((int32_t)s->bits));
        break;
    case PB_SINT64:
        pb_put_varint(wire, pb_zigzag64((int64_t)s->bits));
        break;
    case PB_STRING:
    case PB_BYTES:
        pb_put_varint(wire, s->bytes.len);
        pb_put(wire, s->bytes.data, s->bytes.len);
        break;
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_BOOL:
    case PB_UINT32:
    case PB_ENUM:
    case PB_MESSAGE:
        pb_put_varint(wire, s->bits);
        break;
    }
}

void pb_scalar_write(struct text *wire, uint32_t number, enum pb_kind kind, const struct pb_scalar *s)
{
    pb_put_tag(wire, number, pb_kind_wire(kind));
    pb_scalar_write_bare(wire, kind, s);
}
