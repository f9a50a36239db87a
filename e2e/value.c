/* JSON values: made of what came over the wire, and shown to people. */
#include "e2e/internal.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN_LENGTH_MIN 4 /* bytes; shorter values would hide half of every text */

void value_text(const json_t *v, struct text *out)
{
    if (json_is_string(v)) {
        text_add(out, json_string_value(v), json_string_length(v));
        return;
    }
    char *dumped = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (v != NULL && dumped == NULL)
        out->failed = true;
    else
        text_puts(out, dumped != NULL ? dumped : "nothing");
    free(dumped);
}

json_t *value_of_bytes(struct bytes b)
{
    if (b.len == 0)
        return json_string("");
    if (utf8_valid(b))
        return json_stringn((const char *)b.data, b.len);
    struct text shown = TEXT_INIT;
    text_printable(&shown, b.data, b.len, SHOWN_MAX);
    json_t *value = text_ok(&shown) ? json_string(text_string(&shown)) : NULL;
    text_deinit(&shown);
    return value;
}

json_t *value_of_body(struct bytes body)
{
    json_t *value = body.len > 0 ? json_loadb((const char *)body.data, body.len, JSON_DECODE_ANY, NULL) : NULL;
    return value != NULL ? value : value_of_bytes(body);
}

bool value_add_header(json_t *headers, struct bytes name, struct bytes value)
{
    struct text lower = TEXT_INIT, both = TEXT_INIT;
    for (size_t i = 0; i < name.len; i++)
        text_char(&lower, (char)tolower(name.data[i]));
    const char *before = json_string_value(json_object_get(headers, text_string(&lower)));
    if (before != NULL)
        text_printf(&both, "%s, ", before);
    text_add(&both, value.data, value.len);
    bool ok = text_ok(&lower) && text_ok(&both);
    if (ok && utf8_valid(text_bytes(&lower))) /* no protocol lets other names through */
        ok = json_object_set_new(headers, text_string(&lower), value_of_bytes(text_bytes(&both))) == 0;
    text_deinit(&lower);
    text_deinit(&both);
    return ok;
}

/* ---- for people ---- */

bool variable_hidden(const char *name)
{
    return strstr(name, "token") != NULL || strstr(name, "secret") != NULL || strstr(name, "password") != NULL;
}

/* Length of the longest hidden value that stands at the beginning of `s`; 0: none. */
static size_t hidden_at(const struct flow_context *x, const char *s)
{
    size_t longest = 0;
    const char *name;
    json_t *value;
    json_object_foreach(x->variables, name, value)
    {
        size_t len = json_string_length(value);
        if (len >= HIDDEN_LENGTH_MIN && len > longest && variable_hidden(name) &&
            strncmp(s, json_string_value(value), len) == 0)
            longest = len;
    }
    return longest;
}

static bool anything_hidden(const struct flow_context *x)
{
    const char *name;
    json_t *value;
    json_object_foreach(x->variables, name, value)
    {
        if (json_string_length(value) >= HIDDEN_LENGTH_MIN && variable_hidden(name))
            return true;
    }
    return false;
}

void show_text(const struct flow_context *x, const char *s, size_t max, struct text *out)
{
    struct text safe = TEXT_INIT;
    if (!anything_hidden(x))
        text_puts(&safe, s);
    else
        while (*s != '\0') {
            size_t hidden = hidden_at(x, s);
            if (hidden > 0)
                text_puts(&safe, "(hidden)");
            else
                text_char(&safe, *s);
            s += hidden > 0 ? hidden : 1;
        }
    size_t len = safe.len < max ? safe.len : max;
    if (len < safe.len) /* not in the middle of a character */
        while (len > 0 && ((unsigned char)safe.data[len] & 0xC0) == 0x80)
            len--;
    text_add(out, text_string(&safe), len);
    if (len < safe.len)
        text_printf(out, "... (%zu more)", safe.len - len);
    text_deinit(&safe);
}

void show_value(const struct flow_context *x, const json_t *v, struct text *out)
{
    char *dumped = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    show_text(x, dumped != NULL ? dumped : v == NULL ? "nothing" : "?", SHOWN_VALUE_MAX, out);
    free(dumped);
}
