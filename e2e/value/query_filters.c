/* Filters of queries: each makes another value of the one before it. */
#include "base/base64.h"
#include "base/json_copy.h"
#include "base/utf8.h"
#include "e2e/value/jsonpath.h"
#include "e2e/value/query.h"
#include "e2e/value/query_date.h"
#include "e2e/value/regex.h"
#include "e2e/value/xpath.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <libxml/HTMLparser.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_MAX  1000000 /* parts */
#define GROUPS_MAX 32

#define FILTER(name) static int name(struct query_run *q, json_t *const *args, const json_t *in, json_t **out)
#define UNUSED       (void)args

static int wrong_input(struct query_run *q, const json_t *in, const char *filter, const char *wanted)
{
    struct text what = TEXT_INIT;
    query_describe(q->x, in, &what);
    int code = query_error(q, ERROR_INVALID, "%s takes %s, and got %s", filter, wanted, text_string(&what));
    text_deinit(&what);
    return code;
}

/* The text as the value; it is emptied. */
static int give_text(struct query_run *q, struct text *t, json_t **out)
{
    *out = text_ok(t) ? json_stringn(text_string(t), t->len) : NULL;
    bool broken = text_ok(t) && *out == NULL && !utf8_valid(text_bytes(t));
    text_deinit(t);
    if (broken)
        return query_error(q, ERROR_INVALID, "the result is not UTF-8");
    return *out != NULL ? 0 : flow_memory(q->x);
}

static int give(struct query_run *q, json_t *v, json_t **out)
{
    *out = v;
    return v != NULL ? 0 : flow_memory(q->x);
}

static struct bytes string_bytes(const json_t *v)
{
    return BYTES(json_string_value(v), json_string_length(v));
}

/* ---- bytes ---- */

int query_run_hash(struct query_run *q, const char *name, struct bytes in, json_t **out)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md = strcmp(name, "MD5") == 0 ? EVP_md5() : strcmp(name, "SHA512") == 0 ? EVP_sha512() : EVP_sha256();
    if (EVP_Digest(in.len > 0 ? (const void *)in.data : "", in.len, sum, &len, md, NULL) != 1)
        return query_error(q, ERROR_UNSUPPORTED, "the sum cannot be made");
    return give(q, query_bytes_value(BYTES(sum, len)), out);
}

static int hash(struct query_run *q, const char *name, const json_t *in, json_t **out)
{
    struct text bytes = TEXT_INIT;
    int code;
    if (query_take_bytes(q, in, &bytes))
        code = query_run_hash(q, name, text_bytes(&bytes), out);
    else if (json_is_string(in))
        code = query_run_hash(q, name, string_bytes(in), out);
    else
        code = wrong_input(q, in, name, "bytes or a text");
    text_deinit(&bytes);
    return code;
}

FILTER(sha256)
{
    UNUSED;
    return hash(q, "SHA256", in, out);
}

FILTER(md5)
{
    UNUSED;
    return hash(q, "MD5", in, out);
}

int query_decode(struct query_run *q, struct bytes in, const char *encoding, json_t **out)
{
    struct text text = TEXT_INIT;
    char buffer[4096], *from = (char *)(in.len > 0 ? (uintptr_t)in.data : (uintptr_t) "");
    size_t left = in.len;
    if (strcasecmp(encoding, "utf-8") == 0 || strcasecmp(encoding, "utf8") == 0) {
        if (!utf8_valid(in))
            return query_error(q, ERROR_INVALID, "this is not UTF-8 text");
        text_add(&text, in.data, in.len);
        return give_text(q, &text, out);
    }
    iconv_t cd = iconv_open("UTF-8", encoding);
    if (cd == (iconv_t)-1)
        return errno == ENOMEM ? flow_memory(q->x)
                               : query_error(q, ERROR_UNSUPPORTED, "there is no encoding \"%s\" here", encoding);
    bool ok = true;
    while (ok && left > 0) {
        char *to = buffer;
        size_t room = sizeof buffer;
        ok = iconv(cd, &from, &left, &to, &room) != (size_t)-1 || errno == E2BIG;
        text_add(&text, buffer, sizeof buffer - room);
    }
    iconv_close(cd);
    if (ok)
        return give_text(q, &text, out);
    text_deinit(&text);
    return query_error(q, ERROR_INVALID, "this is no text in %s", encoding);
}

FILTER(decode)
{
    struct text bytes = TEXT_INIT;
    int code = query_take_bytes(q, in, &bytes) ? query_decode(q, text_bytes(&bytes), json_string_value(args[0]), out)
                                               : wrong_input(q, in, "decode", "bytes");
    text_deinit(&bytes);
    return code;
}

FILTER(utf8_decode)
{
    struct text bytes = TEXT_INIT;
    UNUSED;
    int code = query_take_bytes(q, in, &bytes) ? query_decode(q, text_bytes(&bytes), "utf-8", out)
                                               : wrong_input(q, in, "utf8Decode", "bytes");
    text_deinit(&bytes);
    return code;
}

FILTER(utf8_encoded)
{
    UNUSED;
    return json_is_string(in) ? give(q, query_bytes_value(string_bytes(in)), out)
                              : wrong_input(q, in, "utf8Encode", "a text");
}

FILTER(to_hex)
{
    struct text bytes = TEXT_INIT, hex = TEXT_INIT;
    UNUSED;
    if (!query_take_bytes(q, in, &bytes))
        return wrong_input(q, in, "toHex", "bytes");
    for (size_t i = 0; i < bytes.len; i++)
        text_printf(&hex, "%02x", (unsigned)(unsigned char)bytes.data[i]);
    text_deinit(&bytes);
    return give_text(q, &hex, out);
}

static int from_base64(struct query_run *q, const json_t *in, bool url, json_t **out)
{
    struct text bytes = TEXT_INIT;
    if (!json_is_string(in))
        return wrong_input(q, in, url ? "base64UrlSafeDecode" : "base64Decode", "a text");
    int code = base64_read(&bytes, string_bytes(in), url ? BASE64_URL : 0)
                   ? give(q, text_ok(&bytes) ? query_bytes_value(text_bytes(&bytes)) : NULL, out)
                   : wrong_input(q, in, "it", "base64");
    text_deinit(&bytes);
    return code;
}

FILTER(base64_decoded)
{
    UNUSED;
    return from_base64(q, in, false, out);
}

FILTER(base64_url_decoded)
{
    UNUSED;
    return from_base64(q, in, true, out);
}

static int to_base64(struct query_run *q, const json_t *in, bool url, json_t **out)
{
    struct text bytes = TEXT_INIT, coded = TEXT_INIT;
    bool is = query_take_bytes(q, in, &bytes);
    if (json_is_string(in))
        text_add(&bytes, json_string_value(in), json_string_length(in));
    else if (!is)
        return wrong_input(q, in, url ? "base64UrlSafeEncode" : "base64Encode", "bytes");
    if (url)
        base64_encode_url(&coded, text_bytes(&bytes));
    else
        base64_encode(&coded, text_bytes(&bytes));
    text_deinit(&bytes);
    return give_text(q, &coded, out);
}

FILTER(base64_encoded)
{
    UNUSED;
    return to_base64(q, in, false, out);
}

FILTER(base64_url_encoded)
{
    UNUSED;
    return to_base64(q, in, true, out);
}

/* ---- lists ---- */

FILTER(count)
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
    return is ? give(q, json_integer((json_int_t)size), out) : wrong_input(q, in, "count", "a list, nodes or bytes");
}

/* As a reader counts: a text's characters, the items of a list, the members of a map. */
FILTER(length)
{
    UNUSED;
    size_t size = json_is_object(in) ? json_object_size(in) : json_array_size(in);
    for (const char *c = json_string_value(in); c != NULL && *c != '\0'; c++)
        size += ((unsigned char)*c & 0xC0) != 0x80;
    if (!json_is_string(in) && !json_is_array(in) && !json_is_object(in))
        return wrong_input(q, in, "length", "a text, a list or a map");
    return give(q, json_integer((json_int_t)size), out);
}

static int item(struct query_run *q, const char *filter, const json_t *in, int64_t at, json_t **out)
{
    size_t nodes;
    const json_t *list = query_is_nodes(in, &nodes) ? json_object_get(in, "$nodes") : in;
    int64_t size = (int64_t)json_array_size(list);
    if (!json_is_array(list))
        return wrong_input(q, in, filter, "a list");
    at = at < 0 ? at + size : at;
    if (at < 0 || at >= size)
        return query_error(q, ERROR_NOT_FOUND, "%s: the list has %d", filter, (int)size);
    *out = json_incref(json_array_get(list, (size_t)at));
    return 0;
}

FILTER(nth)
{
    return json_is_integer(args[0]) ? item(q, "nth", in, json_integer_value(args[0]), out)
                                    : wrong_input(q, args[0], "nth", "a whole number behind it");
}

FILTER(first)
{
    UNUSED;
    return item(q, "first", in, 0, out);
}

FILTER(last)
{
    UNUSED;
    return item(q, "last", in, -1, out);
}

FILTER(split)
{
    const char *by = json_string_value(args[0]), *p = json_string_value(in);
    size_t len = json_string_length(args[0]);
    if (p == NULL)
        return wrong_input(q, in, "split", "a text");
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
    return give(q, list, out);
}

FILTER(location)
{
    UNUSED;
    const json_t *url = json_object_get(in, "url");
    return json_is_string(url) ? give(q, json_copy_whole(url), out) : wrong_input(q, in, "location", "a redirect");
}

/* ---- numbers and texts ---- */

FILTER(to_int)
{
    char *end;
    UNUSED;
    if (json_is_integer(in))
        return give(q, json_integer(json_integer_value(in)), out);
    if (json_is_real(in) && fabs(json_real_value(in)) < 9.2e18)
        return give(q, json_integer((json_int_t)json_real_value(in)), out);
    const char *s = json_string_value(in);
    errno = 0;
    long long value = s != NULL && *s != '\0' && !isspace((unsigned char)*s) ? strtoll(s, &end, 10) : 0;
    if (s == NULL || *s == '\0' || isspace((unsigned char)*s) || *end != '\0' || errno != 0)
        return wrong_input(q, in, "toInt", "a number, or a text of one");
    return give(q, json_integer(value), out);
}

FILTER(to_float)
{
    char *end;
    UNUSED;
    if (json_is_number(in))
        return give(q, json_real(json_number_value(in)), out);
    const char *s = json_string_value(in);
    double value = s != NULL && s[0] != '\0' && s[strspn(s, "+-0123456789.eE")] == '\0' ? strtod(s, &end) : (double)NAN;
    return isfinite(value) && *end == '\0' ? give(q, json_real(value), out)
                                           : wrong_input(q, in, "toFloat", "a number, or a text of one");
}

FILTER(to_string)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (query_render(in, &text))
        return give_text(q, &text, out);
    text_deinit(&text);
    return wrong_input(q, in, "toString", "a text, a number, a date, true, false or null");
}

FILTER(url_encode)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return wrong_input(q, in, "urlEncode", "a text");
    for (const char *p = json_string_value(in); *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) || strchr("-._~/", *p) != NULL)
            text_char(&text, *p);
        else
            text_printf(&text, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return give_text(q, &text, out);
}

static void url_decoded(const char *s, size_t len, bool form, struct text *out)
{
    for (size_t i = 0; i < len; i++) {
        int high = s[i] == '%' && i + 2 < len ? bytes_hex_value((uint8_t)s[i + 1]) : -1;
        int low = high >= 0 ? bytes_hex_value((uint8_t)s[i + 2]) : -1;
        if (low >= 0) {
            text_char(out, (char)(high * 16 + low));
            i += 2;
        } else {
            text_char(out, form && s[i] == '+' ? ' ' : s[i]);
        }
    }
}

FILTER(url_decode)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return wrong_input(q, in, "urlDecode", "a text");
    /* "%2" at the very end stands for itself */
    url_decoded(json_string_value(in), json_string_length(in) + 1, false, &text);
    text_truncate(&text, text.len > 0 ? text.len - 1 : 0);
    return give_text(q, &text, out);
}

FILTER(url_query_param)
{
    const char *s = json_string_value(in), *p = s != NULL ? strchr(s, '?') : NULL;
    if (s == NULL || strstr(s, "://") == NULL)
        return wrong_input(q, in, "urlQueryParam", "a URL");
    while (p != NULL && *out == NULL) {
        p++;
        size_t len = strcspn(p, "&#"), key = strcspn(p, "=&#");
        struct text name = TEXT_INIT, value = TEXT_INIT;
        url_decoded(p, key, true, &name);
        if (key < len)
            url_decoded(p + key + 1, len - key - 1, true, &value);
        bool is = !text_ok(&name) || strcmp(text_string(&name), json_string_value(args[0])) == 0;
        value.failed = value.failed || !text_ok(&name);
        text_deinit(&name);
        if (is && give_text(q, &value, out) != 0)
            return q->x->error.code;
        text_deinit(&value);
        p = p[len] == '&' ? p + len : NULL;
    }
    return 0;
}

FILTER(html_escape)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return wrong_input(q, in, "htmlEscape", "a text");
    for (const char *p = json_string_value(in); *p != '\0'; p++) {
        static const char from[] = "&<>\"'";
        static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#x27;"};
        const char *which = strchr(from, *p);
        if (which != NULL)
            text_puts(&text, to[which - from]);
        else
            text_char(&text, *p);
    }
    return give_text(q, &text, out);
}

/* Behind "&": the length of what it stands for, put; 0: it is none. */
static size_t entity(const char *p, struct text *out)
{
    char name[16], bytes[UTF8_MAX];
    unsigned long code = 0;
    size_t len;
    if (p[0] == '#') {
        char *end;
        bool hex = p[1] == 'x' || p[1] == 'X';
        const char *digits = p + (hex ? 2 : 1);
        if (!isxdigit((unsigned char)*digits))
            return 0;
        code = strtoul(digits, &end, hex ? 16 : 10);
        len = (size_t)(end - p);
    } else {
        len = strcspn(p, "; \t\n&<");
        if (len == 0 || len >= sizeof name || p[len] != ';')
            return 0;
        memcpy(name, p, len);
        name[len] = '\0';
        const htmlEntityDesc *known = htmlEntityLookup((const xmlChar *)name);
        code = known != NULL ? known->value : strcmp(name, "apos") == 0 ? '\'' : 0;
    }
    if (code == 0 || code > 0x10FFFF)
        return 0;
    text_add(out, bytes, utf8_write((uint32_t)code, bytes));
    return len + (p[len] == ';');
}

FILTER(html_unescape)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return wrong_input(q, in, "htmlUnescape", "a text");
    for (const char *p = json_string_value(in); *p != '\0';) {
        size_t len = *p == '&' ? entity(p + 1, &text) : 0;
        if (len == 0)
            text_char(&text, *p);
        p += 1 + len;
    }
    return give_text(q, &text, out);
}

/* As it stands inside the quotes of a JSON text. */
FILTER(json_escape)
{
    struct text text = TEXT_INIT, escaped = TEXT_INIT;
    UNUSED;
    if (!query_render(in, &text)) {
        text_deinit(&text);
        return wrong_input(q, in, "jsonEscape", "a text, a number, true, false or null");
    }
    text_json(&escaped, text_string(&text), text.len);
    escaped.failed = escaped.failed || !text_ok(&text);
    text_deinit(&text);
    return give_text(q, &escaped, out);
}

FILTER(replace)
{
    struct text text = TEXT_INIT;
    const char *old = json_string_value(args[0]), *p = json_string_value(in);
    size_t len = json_string_length(args[0]);
    if (p == NULL)
        return wrong_input(q, in, "replace", "a text");
    while (*p != '\0' && len > 0) {
        const char *at = strstr(p, old);
        size_t keep = at != NULL ? (size_t)(at - p) : strlen(p);
        text_add(&text, p, keep);
        if (at != NULL)
            text_puts(&text, json_string_value(args[1]));
        p += keep + (at != NULL ? len : 0);
        if (text.len > REPLY_MAX) {
            text_deinit(&text);
            return query_error(q, ERROR_LIMIT, "the text becomes longer than %zu MiB", REPLY_MAX >> 20);
        }
    }
    text_puts(&text, p);
    return give_text(q, &text, out);
}

/* ---- expressions ---- */

static struct query_regex *compile(struct query_run *q, const json_t *pattern)
{
    struct error why = ERROR_INIT;
    struct query_regex *r = query_regex_new(json_string_value(pattern), &why);
    if (r == NULL)
        query_error(q, why.code, "%s", why.message);
    error_clear(&why);
    return r;
}

/* What the first group matches; nothing when it has no part in the match. */
int query_run_regex(struct query_run *q, const json_t *pattern, const json_t *in, json_t **out)
{
    size_t spans[4] = {0, 0, SIZE_MAX, SIZE_MAX};
    if (!json_is_string(in))
        return wrong_input(q, in, "regex", "a text");
    struct query_regex *r = compile(q, pattern);
    if (r == NULL)
        return q->x->error.code;
    int code = 0, found = query_regex_find(r, string_bytes(in), 0, spans, 2);
    if (found < 0)
        code = query_error(q, found, "the search was given up");
    else if (found > 1 && spans[2] != SIZE_MAX)
        code = give(q, json_stringn(json_string_value(in) + spans[2], spans[3] - spans[2]), out);
    query_regex_free(r);
    return code;
}

FILTER(regex)
{
    return query_run_regex(q, args[0], in, out);
}

/* "$1", "${1}" and "$$" in what stands instead. */
static void put_replacement(const char *p, const char *text, const size_t *spans, int groups, struct text *out)
{
    while (*p != '\0') {
        char *end = NULL;
        bool brace = p[0] == '$' && p[1] == '{';
        const char *digits = p + 1 + brace;
        if (p[0] == '$' && p[1] == '$') {
            text_char(out, '$');
            p += 2;
            continue;
        }
        long group = p[0] == '$' && isdigit((unsigned char)*digits) ? strtol(digits, &end, 10) : -1;
        if (group < 0 || (brace && *end != '}')) {
            text_char(out, *p++);
            continue;
        }
        if (group < groups && spans[2 * group] != SIZE_MAX)
            text_add(out, text + spans[2 * group], spans[2 * group + 1] - spans[2 * group]);
        p = end + brace;
    }
}

FILTER(replace_regex)
{
    struct text text = TEXT_INIT;
    size_t spans[2 * GROUPS_MAX], at = 0;
    if (!json_is_string(in))
        return wrong_input(q, in, "replaceRegex", "a text");
    struct query_regex *r = compile(q, args[0]);
    if (r == NULL)
        return q->x->error.code;
    const char *s = json_string_value(in);
    struct bytes whole = string_bytes(in);
    int groups = 0;
    while (at <= whole.len && text.len <= REPLY_MAX &&
           (groups = query_regex_find(r, whole, at, spans, GROUPS_MAX)) > 0) {
        text_add(&text, s + at, spans[0] - at);
        put_replacement(json_string_value(args[1]), s, spans, groups, &text);
        at = spans[1];
        if (spans[1] == spans[0]) { /* an empty match: past the next character */
            uint32_t c;
            size_t next = at;
            if (at < whole.len)
                utf8_next(whole, &next, &c);
            text_add(&text, s + at, next - at);
            at = at < whole.len ? next : whole.len + 1;
        }
    }
    query_regex_free(r);
    if (groups < 0 || text.len > REPLY_MAX) {
        text_deinit(&text);
        return query_error(q, ERROR_LIMIT, "the search was given up");
    }
    if (at < whole.len)
        text_add(&text, s + at, whole.len - at);
    return give_text(q, &text, out);
}

FILTER(jsonpath)
{
    struct error why = ERROR_INIT;
    struct text bytes = TEXT_INIT;
    json_t *own = NULL;
    bool memory;
    if (query_take_bytes(q, in, &bytes)) {
        text_deinit(&bytes);
        return wrong_input(q, in, "jsonpath", "a text of JSON, a list or a map");
    }
    if (json_is_string(in)) {
        own = query_read_json(string_bytes(in), 0, &memory);
        if (own == NULL)
            return memory ? flow_memory(q->x) : wrong_input(q, in, "jsonpath", "a text of JSON, a list or a map");
        in = own;
    }
    int code = jsonpath_find(in, json_string_value(args[0]), out, &why);
    if (code != 0)
        query_error(q, code, "%s", why.message);
    error_clear(&why);
    json_decref(own);
    return code;
}

FILTER(xpath)
{
    struct error why = ERROR_INIT;
    if (!json_is_string(in))
        return wrong_input(q, in, "xpath", "a text of HTML or XML");
    int code = xpath_find(string_bytes(in), true, json_string_value(args[0]), out, &why);
    if (code != 0)
        query_error(q, code, "%s", why.message);
    error_clear(&why);
    return code;
}

/* ---- dates ---- */

FILTER(to_date)
{
    int64_t at;
    if (!json_is_string(in) || !query_date_parse(json_string_value(in), json_string_value(args[0]), &at))
        return wrong_input(q, in, "toDate", "a text in the form behind it");
    return give(q, query_date_value(at), out);
}

FILTER(format)
{
    struct text text = TEXT_INIT;
    int64_t at;
    if (!query_is_date(in, &at))
        return wrong_input(q, in, "format", "a date");
    if (query_date_format(at, json_string_value(args[0]), &text))
        return give_text(q, &text, out);
    text_deinit(&text);
    return query_error(q, ERROR_INVALID, "\"%s\" is no form for a date", json_string_value(args[0]));
}

static int days(struct query_run *q, const char *filter, const json_t *in, int sign, json_t **out)
{
    int64_t at, now = world_wall(q->x->target->world) / 1000;
    if (!query_is_date(in, &at))
        return wrong_input(q, in, filter, "a date");
    return give(q, json_integer(sign * (at - now) / (INT64_C(86400) * 1000000)), out);
}

FILTER(days_after_now)
{
    UNUSED;
    return days(q, "daysAfterNow", in, 1, out);
}

FILTER(days_before_now)
{
    UNUSED;
    return days(q, "daysBeforeNow", in, -1, out);
}

const struct query_word query_filters[] = {
    {"base64Decode", "", base64_decoded},
    {"base64Encode", "", base64_encoded},
    {"base64UrlSafeDecode", "", base64_url_decoded},
    {"base64UrlSafeEncode", "", base64_url_encoded},
    {"charsetDecode", "t", decode},
    {"count", "", count},
    {"dateFormat", "t", format},
    {"daysAfterNow", "", days_after_now},
    {"daysBeforeNow", "", days_before_now},
    {"decode", "t", decode},
    {"first", "", first},
    {"format", "t", format},
    {"htmlEscape", "", html_escape},
    {"htmlUnescape", "", html_unescape},
    {"jsonEscape", "", json_escape},
    {"jsonpath", "t", jsonpath},
    {"last", "", last},
    {"length", "", length},
    {"location", "", location},
    {"md5", "", md5},
    {"nth", "i", nth},
    {"regex", "r", regex},
    {"replace", "tt", replace},
    {"replaceRegex", "rt", replace_regex},
    {"sha256", "", sha256},
    {"split", "t", split},
    {"toDate", "t", to_date},
    {"toFloat", "", to_float},
    {"toHex", "", to_hex},
    {"toInt", "", to_int},
    {"toString", "", to_string},
    {"urlDecode", "", url_decode},
    {"urlEncode", "", url_encode},
    {"urlQueryParam", "t", url_query_param},
    {"utf8Decode", "", utf8_decode},
    {"utf8Encode", "", utf8_encoded},
    {"xpath", "t", xpath},
    {0},
};
