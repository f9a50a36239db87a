/* Encodings of texts, bytes and UUIDs: see function.h. */
#include "fakes/stub/function.h"

#include "base/base64.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static bool as_base64(struct asking *x, struct bytes data, struct made *out)
{
    struct text made = TEXT_INIT;
    base64_encode(&made, data);
    bool ok = function_give(x, &made, out);
    out->encoded = true;
    return ok;
}

bool function_string2base64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text;
    (void)count;
    return function_text(x, a, &text) && as_base64(x, text, out);
}

/* A list of numbers, as Go prints them. */
static bool bytes_list(struct asking *x, struct bytes data, struct made *out)
{
    struct made *list = arena_alloc_n(&x->set->scratch, data.len + 1, sizeof *list);
    if (list == NULL)
        return made_fail(x, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < data.len; i++)
        list[i] = made_integer(data.data[i]);
    *out = (struct made){.kind = MADE_ITEMS, .list = list, .count = data.len};
    return true;
}

bool function_bytes(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text;
    (void)count;
    return function_text(x, a, &text) && bytes_list(x, text, out);
}

bool function_bytes2base64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items;
    struct text data = TEXT_INIT;
    struct made kept;
    (void)count;
    if (a->kind == MADE_TEXT)
        return as_base64(x, a->bytes, out);
    if (!made_items(x, a, &items))
        return false;
    for (size_t i = 0; i < items.count; i++)
        text_char(&data, (char)function_whole(function_number(x, &items.values[i])).integer);
    return function_give(x, &data, &kept) && as_base64(x, kept.bytes, out);
}

static bool uuid_bytes(struct asking *x, const struct made *a, uint8_t out[16])
{
    struct bytes text;
    size_t n = 0;
    if (!function_text(x, a, &text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, tolower(text.data[i]));
        if (text.data[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23) && text.len == 36)
            continue;
        if (text.data[i] == '\0' || at == NULL || n == 32)
            return made_fail(x, ERROR_INVALID, "a text is no UUID");
        out[n / 2] = (uint8_t)((n % 2 == 0 ? 0 : out[n / 2]) << 4 | (uint8_t)(at - digits));
        n++;
    }
    return n == 32 || made_fail(x, ERROR_INVALID, "a text is no UUID");
}

bool function_uuid2base64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    uint8_t b[16] = {0};
    (void)count;
    return uuid_bytes(x, a, b) && as_base64(x, BYTES(b, sizeof b), out);
}

bool function_uuid2bytes(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    uint8_t b[16] = {0};
    (void)count;
    return uuid_bytes(x, a, b) && bytes_list(x, BYTES(b, sizeof b), out);
}

static int64_t little_endian(const uint8_t *b)
{
    uint64_t v = 0;
    for (size_t i = 8; i-- > 0;)
        v = v << 8 | b[i];
    return (int64_t)v;
}

bool function_uuid2int64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    uint8_t b[16] = {0};
    struct text made = TEXT_INIT;
    (void)count;
    if (!uuid_bytes(x, a, b))
        return false;
    text_printf(&made, "{\"high\":%" PRId64 ",\"low\":%" PRId64 "}", little_endian(b), little_endian(b + 8));
    return function_give(x, &made, out);
}
