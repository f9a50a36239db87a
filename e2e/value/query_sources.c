/* Where the values of queries come from: the answer of the step, and its HTTP answer as it came (x->reply). */
#include "base/json_copy.h"
#include "e2e/value/jsonpath.h"
#include "e2e/value/query.h"
#include "e2e/value/xpath.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SOURCE(name) static int name(struct query_run *q, json_t *const *args, const json_t *in, json_t **out)
#define UNUSED                                                                                                         \
    (void)args;                                                                                                        \
    (void)in

static int copy_of(struct query_run *q, const json_t *v, json_t **out)
{
    *out = v != NULL ? json_copy_whole(v) : NULL;
    return v != NULL && *out == NULL ? flow_memory(q->x) : 0;
}

static int member(struct query_run *q, const char *name, json_t **out)
{
    return copy_of(q, json_object_get(q->x->answer, name), out);
}

SOURCE(from_status)
{
    UNUSED;
    return member(q, "status", out);
}

SOURCE(from_url)
{
    UNUSED;
    return member(q, "url", out);
}

SOURCE(from_redirects)
{
    UNUSED;
    return member(q, "redirects", out);
}

SOURCE(from_answer)
{
    UNUSED;
    return copy_of(q, q->x->answer, out);
}

SOURCE(from_version)
{
    UNUSED;
    return copy_of(q, json_object_get(q->x->reply.facts, "version"), out);
}

SOURCE(from_ip)
{
    UNUSED;
    return copy_of(q, json_object_get(q->x->reply.facts, "ip"), out);
}

SOURCE(from_certificate)
{
    (void)in;
    return copy_of(q, json_object_get(json_object_get(q->x->reply.facts, "certificate"), json_string_value(args[0])),
                   out);
}

/* Milliseconds. */
SOURCE(from_duration)
{
    UNUSED;
    *out = json_integer((json_int_t)(json_number_value(json_object_get(q->x->answer, "duration")) * 1000));
    return *out != NULL ? 0 : flow_memory(q->x);
}

SOURCE(from_variable)
{
    (void)in;
    return copy_of(q, json_object_get(q->x->variables, json_string_value(args[0])), out);
}

/* ---- headers and cookies ---- */

/* The one there is, or the list of several. */
static int one_or_all(struct query_run *q, json_t *all, json_t **out)
{
    size_t count = json_array_size(all);
    *out = count == 0 ? NULL : count == 1 ? json_incref(json_array_get(all, 0)) : json_incref(all);
    int code = all != NULL ? 0 : flow_memory(q->x);
    json_decref(all);
    return code;
}

static int by_lower_name(struct query_run *q, const char *member_name, const json_t *name, json_t **out)
{
    struct text lower = TEXT_INIT;
    for (const char *p = json_string_value(name); *p != '\0'; p++)
        text_char(&lower, (char)tolower((unsigned char)*p));
    int code = text_ok(&lower)
                   ? copy_of(q, json_object_get(json_object_get(q->x->answer, member_name), text_string(&lower)), out)
                   : flow_memory(q->x);
    text_deinit(&lower);
    return code;
}

SOURCE(from_header)
{
    json_t *lines = q->x->reply.headers, *line, *all;
    bool kept = true;
    size_t i;
    (void)in;
    if (lines == NULL)
        return by_lower_name(q, "headers", args[0], out);
    all = json_array();
    json_array_foreach(lines, i, line)
    {
        if (strcasecmp(json_string_value(json_array_get(line, 0)), json_string_value(args[0])) == 0)
            kept = json_array_append(all, json_array_get(line, 1)) == 0 && kept;
    }
    if (!kept) {
        json_decref(all);
        all = NULL;
    }
    return one_or_all(q, all, out);
}

SOURCE(from_trailer)
{
    (void)in;
    return by_lower_name(q, "trailers", args[0], out);
}

static bool trimmed_is(const char *s, size_t len, const char *word)
{
    while (len > 0 && isspace((unsigned char)s[len - 1]))
        len--;
    return len == strlen(word) && strncasecmp(s, word, len) == 0;
}

/* The attribute of a Set-Cookie line: NULL when it has none, "" for one without a value. */
static const char *attribute_of(const char *line, const char *name, size_t *len)
{
    for (const char *p = strchr(line, ';'); p != NULL; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " ");
        size_t whole = strcspn(p, ";"), key = strcspn(p, ";=");
        if (!trimmed_is(p, key, name))
            continue;
        *len = key < whole ? whole - key - 1 : 0;
        return key < whole ? p + key + 1 : p + whole;
    }
    return NULL;
}

static int cookie_value(struct query_run *q, const char *line, const char *attribute, json_t **out)
{
    static const char *const flags[] = {"Secure", "HttpOnly"};
    const char *equals = strchr(line, '=');
    size_t len = strcspn(equals + 1, ";");
    const char *value = equals + 1;
    if (strcasecmp(attribute, "Value") != 0)
        value = attribute_of(line, attribute, &len);
    if (value == NULL)
        return 0;
    if (strcasecmp(attribute, flags[0]) == 0 || strcasecmp(attribute, flags[1]) == 0) {
        *out = json_true();
    } else if (strcasecmp(attribute, "Max-Age") == 0) {
        *out = json_integer(strtoll(value, NULL, 10));
    } else if (strcasecmp(attribute, "Expires") == 0) {
        struct tm tm = {0};
        char text[64] = "";
        memcpy(text, value, len < sizeof text ? len : sizeof text - 1);
        bool is = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm) != NULL ||
                  (memset(&tm, 0, sizeof tm), strptime(text, "%a, %d-%b-%Y %H:%M:%S", &tm) != NULL);
        if (!is)
            return query_error(q, ERROR_INVALID, "the cookie's %s is not one", attribute);
        *out = query_date_value((int64_t)timegm(&tm) * 1000000);
    } else {
        *out = value_of_bytes(BYTES(value, len));
    }
    return *out != NULL ? 0 : flow_memory(q->x);
}

/* "name" or "name[Attribute]". */
SOURCE(from_cookie)
{
    char name[256], attribute[32] = "Value";
    const char *asked = json_string_value(args[0]), *open = strchr(asked, '[');
    size_t len = open != NULL ? (size_t)(open - asked) : strlen(asked);
    size_t inside = open != NULL ? strcspn(open + 1, "]") : 0;
    (void)in;
    if (len >= sizeof name || inside >= sizeof attribute)
        return query_error(q, ERROR_INVALID, "a cookie is \"name\" or \"name[Attribute]\"");
    memcpy(name, asked, len);
    name[len] = '\0';
    if (open != NULL) {
        memcpy(attribute, open + 1, inside);
        attribute[inside] = '\0';
    }
    const char *lines = json_string_value(json_object_get(json_object_get(q->x->answer, "headers"), "set-cookie"));
    int code = 0;
    for (const char *p = lines; p != NULL && *p != '\0' && code == 0 && *out == NULL;) {
        size_t line = strcspn(p, "\n");
        char *copy = strndup(p, line);
        if (copy == NULL)
            return flow_memory(q->x);
        size_t key = strcspn(copy, "=;");
        if (copy[key] == '=' && key == len && strncmp(copy, name, len) == 0)
            code = cookie_value(q, copy, attribute, out);
        free(copy);
        p += line + (p[line] == '\n');
    }
    return code;
}

/* ---- the body ---- */

static const char *content_type(const struct query_run *q)
{
    const char *type = json_string_value(json_object_get(json_object_get(q->x->answer, "headers"), "content-type"));
    return type != NULL ? type : "";
}

/* Of what is no HTTP answer: the member "body" as text. */
static int body_bytes(struct query_run *q, struct text *own, struct bytes *out)
{
    const json_t *body = json_object_get(q->x->answer, "body");
    if (q->x->reply.headers != NULL) {
        *out = text_bytes(&q->x->reply.body);
        return 0;
    }
    if (body != NULL)
        value_text(body, own);
    *out = text_bytes(own);
    return text_ok(own) ? 0 : flow_memory(q->x);
}

/* In UTF-8, whatever the answer says it is written in. */
static int body_text(struct query_run *q, json_t **out)
{
    struct text own = TEXT_INIT;
    struct bytes body;
    char charset[40] = "utf-8";
    const char *said = strcasestr(content_type(q), "charset=");
    if (said != NULL) {
        said += strlen("charset=");
        said += *said == '"';
        size_t len = strcspn(said, "\"; ");
        if (len > 0 && len < sizeof charset) {
            memcpy(charset, said, len);
            charset[len] = '\0';
        }
    }
    int code = body_bytes(q, &own, &body);
    if (code == 0)
        code = query_decode(q, body, charset, out);
    text_deinit(&own);
    return code;
}

SOURCE(from_body)
{
    UNUSED;
    return body_text(q, out);
}

SOURCE(from_bytes)
{
    struct text own = TEXT_INIT;
    struct bytes body;
    UNUSED;
    int code = body_bytes(q, &own, &body);
    if (code == 0 && (*out = query_bytes_value(body)) == NULL)
        code = flow_memory(q->x);
    text_deinit(&own);
    return code;
}

static int hash_of_body(struct query_run *q, const char *name, json_t **out)
{
    struct text own = TEXT_INIT;
    struct bytes body;
    int code = body_bytes(q, &own, &body);
    if (code == 0)
        code = query_run_hash(q, name, body, out);
    text_deinit(&own);
    return code;
}

SOURCE(from_sha256)
{
    UNUSED;
    return hash_of_body(q, "SHA256", out);
}

SOURCE(from_md5)
{
    UNUSED;
    return hash_of_body(q, "MD5", out);
}

SOURCE(from_jsonpath)
{
    const json_t *body = json_object_get(q->x->answer, "body");
    struct error why = ERROR_INIT;
    json_t *own = NULL;
    (void)in;
    if (json_object_get(q->x->answer, "rows") != NULL) /* of a database, which has no body */
        body = q->x->answer;
    if (body == NULL || json_is_string(body)) { /* a text: JSON that is one, or a number too great, or no JSON at all */
        json_t *text = NULL;
        bool memory;
        int code = body_text(q, &text);
        if (code != 0)
            return code;
        own = value_read_json(BYTES(json_string_value(text), json_string_length(text)), &memory);
        json_decref(text);
        if (own == NULL)
            return memory ? flow_memory(q->x) : query_error(q, ERROR_INVALID, "the body is no JSON");
        body = own;
    }
    int code = jsonpath_find(body, json_string_value(args[0]), out, &why);
    if (code != 0)
        query_error(q, code, "%s", why.message);
    error_clear(&why);
    json_decref(own);
    return code;
}

/* It is read once for all queries of an answer. */
static int open_document(struct query_run *q)
{
    struct error why = ERROR_INIT;
    json_t *text = NULL;
    int code = body_text(q, &text);
    bool html = strcasestr(content_type(q), "html") != NULL && strcasestr(content_type(q), "xhtml") == NULL;
    if (code == 0) {
        code = xpath_open(BYTES(json_string_value(text), json_string_length(text)), html, &q->x->reply.document, &why);
        if (code != 0)
            query_error(q, code, "%s", why.message);
    }
    error_clear(&why);
    json_decref(text);
    return code;
}

SOURCE(from_xpath)
{
    struct error why = ERROR_INIT;
    (void)in;
    int code = q->x->reply.document != NULL ? 0 : open_document(q);
    if (code != 0)
        return code;
    code = xpath_ask(q->x->reply.document, json_string_value(args[0]), out, &why);
    if (code != 0)
        query_error(q, code, "%s", why.message);
    error_clear(&why);
    return code;
}

SOURCE(from_regex)
{
    json_t *text = NULL;
    (void)in;
    int code = body_text(q, &text);
    if (code == 0)
        code = query_run_regex(q, args[0], text, out);
    json_decref(text);
    return code;
}

const struct query_word query_sources[] = {
    {"status", "", from_status},
    {"version", "", from_version},
    {"url", "", from_url},
    {"ip", "", from_ip},
    {"header", "t", from_header},
    {"trailer", "t", from_trailer},
    {"cookie", "t", from_cookie},
    {"body", "", from_body},
    {"bytes", "", from_bytes},
    {"sha256", "", from_sha256},
    {"md5", "", from_md5},
    {"jsonpath", "t", from_jsonpath},
    {"xpath", "t", from_xpath},
    {"regex", "r", from_regex},
    {"variable", "t", from_variable},
    {"duration", "", from_duration},
    {"certificate", "t", from_certificate},
    {"redirects", "", from_redirects},
    {"answer", "", from_answer},
    {0},
};
