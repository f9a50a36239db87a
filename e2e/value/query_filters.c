/* Filters of queries: each makes another value of the one before it. Here are those of lists, numbers, paths and dates,
 * and the table of all. */
#include "base/json_copy.h"
#include "base/utf8.h"
#include "e2e/value/jsonpath.h"
#include "e2e/value/query_date.h"
#include "e2e/value/query_filter.h"
#include "e2e/value/xpath.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_MAX 1000000 /* parts */

int filter_wrong_input(struct query_run *q, const json_t *in, const char *filter, const char *wanted)
{
    struct text what = TEXT_INIT;
    query_describe(q->x, in, &what);
    int code = query_error(q, ERROR_INVALID, "%s takes %s, and got %s", filter, wanted, text_string(&what));
    text_deinit(&what);
    return code;
}

int filter_give_text(struct query_run *q, struct text *t, json_t **out)
{
    *out = text_ok(t) ? json_stringn(text_string(t), t->len) : NULL;
    bool broken = text_ok(t) && *out == NULL && !utf8_valid(text_bytes(t));
    text_deinit(t);
    if (broken)
        return query_error(q, ERROR_INVALID, "the result is not UTF-8");
    return *out != NULL ? 0 : flow_memory(q->x);
}

int filter_give(struct query_run *q, json_t *v, json_t **out)
{
    *out = v;
    return v != NULL ? 0 : flow_memory(q->x);
}

struct bytes filter_string_bytes(const json_t *v)
{
    return BYTES(json_string_value(v), json_string_length(v));
}

/* ---- lists ---- */

static FILTER(count)
{
    struct text bytes = TEXT_INIT;
    size_t size = 0;
    UNUSED;
    bool is = json_is_array(in) || query_is_nodes(in, &size);
    if (json_is_array(in)) {
        size = json_array_size(in);
    } else if (!is && query_take_bytes(q, in, &bytes)) {
        is = true;
        size = bytes.len;
    }
    text_deinit(&bytes);
    return is ? filter_give(q, json_integer((json_int_t)size), out)
              : filter_wrong_input(q, in, "count", "a list, nodes or bytes");
}

/* As a reader counts: a text's characters, the items of a list, the members of a map, nodes, bytes. */
static FILTER(length)
{
    UNUSED;
    struct text bytes = TEXT_INIT;
    size_t size = 0;
    bool is = query_is_nodes(in, &size);
    if (!is && query_is_bytes(in, &bytes)) {
        is = true;
        size = bytes.len;
    }
    bool enough = text_ok(&bytes);
    text_deinit(&bytes);
    if (!enough)
        return flow_memory(q->x);
    if (!is)
        size = json_is_object(in) ? json_object_size(in) : json_array_size(in);
    const char *text = json_string_value(in);
    for (size_t i = 0; i < json_string_length(in); i++)
        size += ((unsigned char)text[i] & 0xC0) != 0x80;
    if (!json_is_string(in) && !json_is_array(in) && !json_is_object(in))
        return filter_wrong_input(q, in, "length", "a text, a list, a map or bytes");
    return filter_give(q, json_integer((json_int_t)size), out);
}

static int item(struct query_run *q, const char *filter, const json_t *in, int64_t at, json_t **out)
{
    size_t nodes;
    const json_t *list = query_is_nodes(in, &nodes) ? json_object_get(in, "$nodes") : in;
    int64_t size = (int64_t)json_array_size(list);
    if (!json_is_array(list))
        return filter_wrong_input(q, in, filter, "a list");
    at = at < 0 ? at + size : at;
    if (at < 0 || at >= size)
        return query_error(q, ERROR_NOT_FOUND, "%s: the list has %d", filter, (int)size);
    *out = json_incref(json_array_get(list, (size_t)at));
    return 0;
}

static FILTER(nth)
{
    return json_is_integer(args[0]) ? item(q, "nth", in, json_integer_value(args[0]), out)
                                    : filter_wrong_input(q, args[0], "nth", "a whole number behind it");
}

static FILTER(first)
{
    UNUSED;
    return item(q, "first", in, 0, out);
}

static FILTER(last)
{
    UNUSED;
    return item(q, "last", in, -1, out);
}

static FILTER(split)
{
    const char *by = json_string_value(args[0]), *p = json_string_value(in);
    size_t len = json_string_length(args[0]);
    if (p == NULL)
        return filter_wrong_input(q, in, "split", "a text");
    if (len == 0)
        return query_error(q, ERROR_INVALID, "split needs something to split by");
    json_t *list = json_array();
    bool ok = list != NULL;
    for (const char *next; ok && p != NULL; p = next) {
        const char *end = strstr(p, by);
        next = end != NULL ? end + len : NULL;
        ok = json_array_size(list) < SPLIT_MAX &&
             json_array_append_new(list, json_stringn(p, end != NULL ? (size_t)(end - p) : strlen(p))) == 0;
    }
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    return filter_give(q, list, out);
}

static FILTER(location)
{
    UNUSED;
    const json_t *url = json_object_get(in, "url");
    return json_is_string(url) ? filter_give(q, json_copy_whole(url), out)
                               : filter_wrong_input(q, in, "location", "a redirect");
}

/* ---- numbers and texts ---- */

static FILTER(to_int)
{
    char *end;
    UNUSED;
    if (json_is_integer(in))
        return filter_give(q, json_integer(json_integer_value(in)), out);
    if (json_is_real(in) && fabs(json_real_value(in)) < 9.2e18)
        return filter_give(q, json_integer((json_int_t)json_real_value(in)), out);
    const char *s = json_string_value(in);
    errno = 0;
    long long value = s != NULL && *s != '\0' && !isspace((unsigned char)*s) ? strtoll(s, &end, 10) : 0;
    if (s == NULL || *s == '\0' || isspace((unsigned char)*s) || *end != '\0' || errno != 0)
        return filter_wrong_input(q, in, "toInt", "a number, or a text of one");
    return filter_give(q, json_integer(value), out);
}

static FILTER(to_float)
{
    char *end;
    UNUSED;
    if (json_is_number(in))
        return filter_give(q, json_real(json_number_value(in)), out);
    const char *s = json_string_value(in);
    double value = s != NULL && s[0] != '\0' && s[strspn(s, "+-0123456789.eE")] == '\0' ? strtod(s, &end) : (double)NAN;
    return isfinite(value) && *end == '\0' ? filter_give(q, json_real(value), out)
                                           : filter_wrong_input(q, in, "toFloat", "a number, or a text of one");
}

static FILTER(to_string)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (query_render(in, &text))
        return filter_give_text(q, &text, out);
    text_deinit(&text);
    return filter_wrong_input(q, in, "toString", "a text, a number, a date, true, false or null");
}

/* ---- paths ---- */

static FILTER(jsonpath)
{
    struct error why = ERROR_INIT;
    struct text bytes = TEXT_INIT;
    json_t *own = NULL;
    bool memory;
    if (query_take_bytes(q, in, &bytes)) {
        text_deinit(&bytes);
        return filter_wrong_input(q, in, "jsonpath", "a text of JSON, a list or a map");
    }
    if (json_is_string(in)) {
        own = value_read_json(filter_string_bytes(in), &memory);
        if (own == NULL)
            return memory ? flow_memory(q->x)
                          : filter_wrong_input(q, in, "jsonpath", "a text of JSON, a list or a map");
        in = own;
    }
    int code = jsonpath_find(in, json_string_value(args[0]), out, &why);
    if (code != 0)
        query_error(q, code, "%s", why.message);
    error_clear(&why);
    json_decref(own);
    return code;
}

static FILTER(xpath)
{
    struct error why = ERROR_INIT;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "xpath", "a text of HTML or XML");
    int code = xpath_find(filter_string_bytes(in), true, json_string_value(args[0]), out, &why);
    if (code != 0)
        query_error(q, code, "%s", why.message);
    error_clear(&why);
    return code;
}

/* ---- dates ---- */

static FILTER(to_date)
{
    int64_t at;
    if (!json_is_string(in) || !query_date_parse(json_string_value(in), json_string_value(args[0]), &at))
        return filter_wrong_input(q, in, "toDate", "a text in the form behind it");
    return filter_give(q, query_date_value(at), out);
}

static FILTER(format)
{
    struct text text = TEXT_INIT;
    int64_t at;
    if (!query_is_date(in, &at))
        return filter_wrong_input(q, in, "format", "a date");
    if (query_date_format(at, json_string_value(args[0]), &text))
        return filter_give_text(q, &text, out);
    text_deinit(&text);
    return query_error(q, ERROR_INVALID, "\"%s\" is no form for a date", json_string_value(args[0]));
}

static int days(struct query_run *q, const char *filter, const json_t *in, int sign, json_t **out)
{
    int64_t at, now = world_wall(q->x->target->world) / 1000;
    if (!query_is_date(in, &at))
        return filter_wrong_input(q, in, filter, "a date");
    return filter_give(q, json_integer(sign * (at - now) / (INT64_C(86400) * 1000000)), out);
}

static FILTER(days_after_now)
{
    UNUSED;
    return days(q, "daysAfterNow", in, 1, out);
}

static FILTER(days_before_now)
{
    UNUSED;
    return days(q, "daysBeforeNow", in, -1, out);
}

const struct query_word query_filters[] = {
    {"base64Decode", "", filter_base64_decoded},
    {"base64Encode", "", filter_base64_encoded},
    {"base64UrlSafeDecode", "", filter_base64_url_decoded},
    {"base64UrlSafeEncode", "", filter_base64_url_encoded},
    {"charsetDecode", "t", filter_decode},
    {"count", "", filter_count},
    {"dateFormat", "t", filter_format},
    {"daysAfterNow", "", filter_days_after_now},
    {"daysBeforeNow", "", filter_days_before_now},
    {"decode", "t", filter_decode},
    {"first", "", filter_first},
    {"format", "t", filter_format},
    {"htmlEscape", "", filter_html_escape},
    {"htmlUnescape", "", filter_html_unescape},
    {"jsonEscape", "", filter_json_escape},
    {"jsonpath", "t", filter_jsonpath},
    {"last", "", filter_last},
    {"length", "", filter_length},
    {"location", "", filter_location},
    {"md5", "", filter_md5},
    {"nth", "i", filter_nth},
    {"regex", "r", filter_regex},
    {"replace", "tt", filter_replace},
    {"replaceRegex", "rt", filter_replace_regex},
    {"sha256", "", filter_sha256},
    {"split", "t", filter_split},
    {"toDate", "t", filter_to_date},
    {"toFloat", "", filter_to_float},
    {"toHex", "", filter_to_hex},
    {"toInt", "", filter_to_int},
    {"toString", "", filter_to_string},
    {"urlDecode", "", filter_url_decode},
    {"urlEncode", "", filter_url_encode},
    {"urlQueryParam", "t", filter_url_query_param},
    {"utf8Decode", "", filter_utf8_decode},
    {"utf8Encode", "", filter_utf8_encoded},
    {"xpath", "t", filter_xpath},
    {0},
};
