/* JSON values: made of what came over the wire, and shown to people. */
#include "e2e/internal.h"

#include "base/json_text.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the fewest digits that read back as the same number. */
static void real_text(double real, struct text *out)
{
    char number[40] = "";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, real);
        if (strtod(number, NULL) == real)
            break;
    }
    text_printf(out, "%s%s", number, number[strspn(number, "-0123456789")] == '\0' ? ".0" : "");
}

void value_text(const json_t *v, struct text *out)
{
    const char *date;
    if (json_is_string(v))
        text_add(out, json_string_value(v), json_string_length(v));
    else if (json_is_real(v))
        real_text(json_real_value(v), out);
    else if ((date = json_string_value(json_object_get(v, "$date"))) != NULL) /* value/query.h */
        text_puts(out, date);
    else if (v != NULL)
        json_text_add(out, v, 0, 0);
    else
        text_puts(out, "nothing");
}

bool value_has_zero(const json_t *v)
{
    const char *s = json_string_value(v);
    return s != NULL && strlen(s) != json_string_length(v);
}

int value_text_order(const json_t *a, const json_t *b)
{
    size_t i = json_string_length(a), j = json_string_length(b);
    int order = memcmp(json_string_value(a), json_string_value(b), i < j ? i : j);
    return order != 0 ? order : (i > j) - (i < j);
}

json_t *value_of_bytes(struct bytes b)
{
    if (b.len == 0)
        return json_string("");
    if (utf8_valid(b))
        return json_stringn_nocheck((const char *)b.data, b.len);
    struct text shown = TEXT_INIT;
    text_printable(&shown, b.data, b.len, SHOWN_MAX);
    json_t *value = text_ok(&shown) ? json_string(text_string(&shown)) : NULL;
    text_deinit(&shown);
    return value;
}

static bool fits_integer(const char *digits, size_t len, bool negative)
{
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";
    return len < strlen(most) || (len == strlen(most) && memcmp(digits, most, len) <= 0);
}

/* The same JSON, with ".0" behind the integers that jansson holds only as real numbers. (Its JSON_DECODE_INT_AS_REAL
 * makes real numbers of all of them.) */
static void large_as_real(struct bytes json, struct text *out)
{
    const char *p = json.len > 0 ? (const char *)json.data : "", *end = p + json.len;
    while (p < end) {
        const char *start = p, *digits;
        if (*p == '"') {
            for (p++; p < end && *p != '"'; p++)
                p += *p == '\\' && p + 1 < end;
        } else if (*p == '-' || isdigit((unsigned char)*p)) {
            bool negative = *p == '-', real = false;
            for (digits = p += negative; p < end && (isalnum((unsigned char)*p) || memchr("+-.", *p, 3) != NULL); p++)
                real = real || !isdigit((unsigned char)*p);
            text_add(out, start, (size_t)(p - start));
            if (!real && !fits_integer(digits, (size_t)(p - digits), negative))
                text_puts(out, ".0");
            continue;
        }
        p += p < end;
        text_add(out, start, (size_t)(p - start));
    }
}

json_t *value_read_json(struct bytes json, bool *memory)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t why;
    struct text changed = TEXT_INIT;
    json_t *value = json_text_read(json, flags, &why);
    *memory = value == NULL && json_error_code(&why) == json_error_out_of_memory;
    if (value != NULL || *memory)
        return value;
    large_as_real(json, &changed);
    if (text_ok(&changed) && changed.len > json.len)
        value = json_text_read(text_bytes(&changed), flags, &why);
    *memory = !text_ok(&changed) || (value == NULL && json_error_code(&why) == json_error_out_of_memory);
    text_deinit(&changed);
    return value;
}

json_t *value_of_body(struct bytes body)
{
    bool memory;
    json_t *value = value_read_json(body, &memory);
    return value != NULL || memory ? value : value_of_bytes(body);
}

bool value_add_header(json_t *headers, struct bytes name, struct bytes value)
{
    struct text lower = TEXT_INIT, both = TEXT_INIT;
    text_add(&lower, name.data, name.len);
    for (size_t i = 0; i < lower.len; i++)
        lower.data[i] = (char)tolower((unsigned char)lower.data[i]);
    const char *before = json_string_value(json_object_get(headers, text_string(&lower)));
    if (before != NULL) {
        text_printf(&both, "%s%s", before, strcmp(text_string(&lower), "set-cookie") == 0 ? "\n" : ", ");
        text_add(&both, value.data, value.len);
        value = text_bytes(&both);
    }
    bool ok = text_ok(&lower) && text_ok(&both);
    if (ok && utf8_valid(text_bytes(&lower))) /* no protocol lets other names through */
        ok = json_object_set_new_nocheck(headers, text_string(&lower), value_of_bytes(value)) == 0;
    text_deinit(&lower);
    text_deinit(&both);
    return ok;
}

/* ---- for people ---- */

void show_text(const struct flow_context *x, const char *s, size_t max, struct text *out)
{
    struct text safe = TEXT_INIT;
    if (json_array_size(x->run->secrets) > 0) {
        secret_hide(x, s, &safe);
        s = text_string(&safe);
    }
    size_t whole = strlen(s), len = whole < max ? whole : max;
    if (len < whole) /* not in the middle of a character */
        while (len > 0 && ((unsigned char)s[len] & 0xC0) == 0x80)
            len--;
    text_add(out, s, len);
    if (len < whole)
        text_printf(out, "... (%zu more)", whole - len);
    text_deinit(&safe);
}

void show_value(const struct flow_context *x, const json_t *v, struct text *out)
{
    struct text text = TEXT_INIT;
    if (v != NULL)
        json_text_add(&text, v, 0, 0);
    show_text(x, v == NULL ? "nothing" : text_ok(&text) ? text_string(&text) : "?", SHOWN_VALUE_MAX, out);
    text_deinit(&text);
}
