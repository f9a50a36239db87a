/* Values that JSON has not, as maps with one key. */
#include "e2e/value/query.h"

#include "base/base64.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const json_t *tagged(const json_t *v, const char *tag)
{
    return json_object_size(v) == 1 ? json_object_get(v, tag) : NULL;
}

json_t *query_bytes_value(struct bytes b)
{
    struct text out = TEXT_INIT;
    base64_encode(&out, b);
    json_t *v = text_ok(&out) ? json_pack("{s:s}", "$bytes", text_string(&out)) : NULL;
    text_deinit(&out);
    return v;
}

bool query_is_bytes(const json_t *v, struct text *out)
{
    const char *s = json_string_value(tagged(v, "$bytes"));
    return s != NULL && base64_decode(out, bytes_of(s));
}

bool query_take_bytes(struct query_run *q, const json_t *v, struct text *out)
{
    bool is = query_is_bytes(v, out);
    if (!text_ok(out))
        flow_memory(q->x);
    return is;
}

json_t *query_date_value(int64_t microseconds)
{
    time_t seconds = (time_t)(microseconds / 1000000 - (microseconds % 1000000 < 0));
    char text[48];
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999)
        return NULL;
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, sizeof text - len, ".%06dZ", (int)(microseconds - (int64_t)seconds * 1000000));
    return json_pack("{s:s}", "$date", text);
}

bool query_is_date(const json_t *v, int64_t *microseconds)
{
    const char *s = json_string_value(tagged(v, "$date"));
    struct tm tm = {0};
    const char *rest = s != NULL ? strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (rest == NULL || *rest != '.' || strlen(rest) != strlen(".000000Z"))
        return false;
    *microseconds = (int64_t)timegm(&tm) * 1000000 + strtol(rest + 1, NULL, 10);
    return true;
}

bool query_is_nodes(const json_t *v, size_t *count)
{
    const json_t *list = tagged(v, "$nodes");
    *count = json_array_size(list);
    return json_is_array(list);
}

bool query_equal(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_array(a) && json_is_array(b)) {
        bool equal = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; i < json_array_size(a) && equal; i++)
            equal = query_equal(json_array_get(a, i), json_array_get(b, i));
        return equal;
    }
    return json_equal(a, b) == 1;
}

bool query_render(const json_t *v, struct text *out)
{
    int64_t unused;
    if (query_is_date(v, &unused)) {
        text_puts(out, json_string_value(json_object_get(v, "$date")));
        return true;
    }
    if (v == NULL || json_is_object(v) || json_is_array(v))
        return false;
    value_text(v, out);
    return true;
}

void query_describe(const struct flow_context *x, const json_t *v, struct text *out)
{
    struct text bytes = TEXT_INIT;
    int64_t date;
    size_t count;
    if (v == NULL) {
        text_puts(out, "nothing");
    } else if (query_is_bytes(v, &bytes)) {
        text_printf(out, "%zu byte%s", bytes.len, bytes.len == 1 ? "" : "s");
        for (size_t i = 0; i < bytes.len && i < 32; i++)
            text_printf(out, "%s%02x", i == 0 ? " " : "", (unsigned)(unsigned char)bytes.data[i]);
        text_puts(out, bytes.len > 32 ? "..." : "");
    } else if (query_is_date(v, &date)) {
        text_printf(out, "date %s", json_string_value(json_object_get(v, "$date")));
    } else if (query_is_nodes(v, &count)) {
        text_printf(out, "%zu node%s", count, count == 1 ? "" : "s");
    } else {
        text_printf(out, "%s ", json_is_integer(v) ? "integer" : json_is_real(v) ? "float" : flow_value_type(v));
        show_value(x, v, out);
    }
    text_deinit(&bytes);
}
