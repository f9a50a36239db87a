/* Bodies: JSON and XML as they stand, texts between backticks, bytes. */
#include "base/base64.h"
#include "e2e/import/hurl/hurl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NESTED_MAX 100 /* levels of JSON */

struct body {
    enum { BODY_TEXT, BODY_BYTES, BODY_FILE } kind;
    struct text text;
    const char *type; /* content type it implies; "": none */
};

/* ---- JSON, in the letters it was written in, with variables in it ---- */

static int json_value(struct hurl *h, struct text *out, int nested);

static void json_blanks(struct hurl *h, struct text *out)
{
    for (; scan_char(&h->s) > 0 && strchr(" \t\r\n", scan_char(&h->s)) != NULL; h->s.at++)
        if (!h->compact)
            text_char(out, (char)scan_char(&h->s));
}

/* "\uXXXX" at `at`: its number, -1 when it is none. */
static int json_unit(const struct scan *s, size_t at)
{
    int value = 0;
    if (at + 6 > s->in.len || s->in.data[at] != '\\' || s->in.data[at + 1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        int digit = bytes_hex_value(s->in.data[at + i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* At a backslash: is that an escape of JSON? Nothing is taken. */
static int json_escape(struct scan *s)
{
    char c = (char)s->in.data[s->at + 1];
    if (c != 'u')
        return strchr("\"\\/bfnrt", c) != NULL && c != '\0' ? 0 : scan_fail(s, s->at, "JSON: no such escape");
    int unit = json_unit(s, s->at), before = s->at >= 6 ? json_unit(s, s->at - 6) : -1;
    bool high = unit >= 0xD800 && unit < 0xDC00, low = unit >= 0xDC00 && unit < 0xE000;
    int next = high ? json_unit(s, s->at + 6) : 0;
    if (unit < 0)
        return scan_fail(s, s->at, "JSON: expected four hexadecimal digits behind \\u");
    if ((high && (next < 0xDC00 || next >= 0xE000)) || (low && (before < 0xD800 || before >= 0xDC00)))
        return scan_fail(s, s->at, "JSON: this is half of a character");
    return 0;
}

static int json_text(struct hurl *h, struct text *out)
{
    struct scan *s = &h->s;
    size_t start = s->at++;
    text_char(out, '"');
    while (s->code == 0 && scan_char(s) != '"') {
        if (scan_char(s) < 0 || scan_char(s) == '\n')
            return scan_fail(s, start, "this \" has no end");
        if (scan_is(s, "{{")) {
            scan_placeholder(s, " | jsonEscape", out);
            continue;
        }
        if (scan_char(s) == '\\' && s->at + 1 < s->in.len) {
            if (json_escape(s) != 0)
                return s->code;
            text_char(out, (char)s->in.data[s->at++]);
        }
        scan_put(out, (char)s->in.data[s->at++]);
    }
    text_char(out, '"');
    s->at++;
    return s->code;
}

/* Behind "[" or "{". */
static int json_items(struct hurl *h, struct text *out, char close, int nested)
{
    struct scan *s = &h->s;
    char end[2] = {close, '\0'};
    json_blanks(h, out);
    if (scan_take(s, end)) {
        text_char(out, close);
        return 0;
    }
    for (;;) {
        if (close == '}') {
            if (scan_char(s) != '"')
                return scan_fail(s, s->at, "JSON: expected a name in quotes");
            json_text(h, out);
            json_blanks(h, out);
            if (s->code == 0 && !scan_take(s, ":"))
                return scan_fail(s, s->at, "JSON: expected \":\"");
            text_char(out, ':');
            json_blanks(h, out);
        }
        if (s->code != 0 || json_value(h, out, nested + 1) != 0)
            return s->code;
        json_blanks(h, out);
        if (scan_take(s, end)) {
            text_char(out, close);
            return 0;
        }
        if (!scan_take(s, ","))
            return scan_fail(s, s->at, "JSON: expected \",\" or \"%c\"", close);
        text_char(out, ',');
        json_blanks(h, out);
    }
}

static int json_value(struct hurl *h, struct text *out, int nested)
{
    static const char *const words[] = {"true", "false", "null"};
    struct scan *s = &h->s;
    size_t start = s->at;
    if (nested > NESTED_MAX)
        return scan_fail(s, s->at, "JSON: more than %d levels", NESTED_MAX);
    if (scan_is(s, "{{")) /* {{name}}, and no map in a map: those are {"... */
        return scan_placeholder(s, "", out);
    if (scan_char(s) == '"')
        return json_text(h, out);
    if (scan_take(s, "{") || scan_take(s, "[")) {
        bool map = s->in.data[start] == '{';
        scan_put(out, map ? '{' : '[');
        return json_items(h, out, map ? '}' : ']', nested);
    }
    for (size_t i = 0; i < 3; i++)
        if (scan_take_word(s, words[i])) {
            text_puts(out, words[i]);
            return 0;
        }
    while (scan_char(s) > 0 && (isdigit(scan_char(s)) || strchr("+-.eE", scan_char(s)) != NULL))
        s->at++;
    char *number = strndup((const char *)s->in.data + start, s->at - start);
    json_error_t why;
    json_t *read = number != NULL ? json_loads(number, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &why) : NULL;
    bool memory = number == NULL || (read == NULL && json_error_code(&why) == json_error_out_of_memory);
    free(number);
    if (memory)
        return s->code = ERROR_MEMORY;
    if (read == NULL)
        return scan_fail(s, start, "JSON: expected a value");
    json_decref(read);
    text_add(out, s->in.data + start, s->at - start);
    return 0;
}

/* ---- XML: up to the end of its root ---- */

static int xml(struct hurl *h, struct text *out)
{
    struct scan *s = &h->s;
    size_t start = s->at;
    int depth = 0;
    bool root = false;
    do {
        if (scan_char(s) < 0)
            return scan_fail(s, start, "XML: the root element has no end");
        if (scan_char(s) != '<') {
            s->at++;
            continue;
        }
        const char *until = scan_is(s, "<!--")        ? "-->"
                            : scan_is(s, "<![CDATA[") ? "]]>"
                            : scan_is(s, "<?")        ? "?>"
                                                      : ">";
        bool closes = scan_is(s, "</"), opens = !closes && until[1] == '\0' && !scan_is(s, "<!");
        char quote = '\0';
        for (s->at++; scan_char(s) >= 0 && (quote != '\0' || !scan_is(s, until)); s->at++) {
            char c = (char)s->in.data[s->at];
            if (opens && (c == '"' || c == '\''))
                quote = quote == '\0' ? c : quote == c ? '\0' : quote;
        }
        bool itself = opens && s->at > 0 && s->in.data[s->at - 1] == '/';
        if (!scan_take(s, until))
            return scan_fail(s, start, "XML: a \"<\" has no \"%s\"", until);
        depth += opens && !itself ? 1 : closes ? -1 : 0;
        root = root || opens;
    } while (depth > 0 || !root);
    for (size_t i = start; i < s->at; i++)
        scan_put(out, (char)s->in.data[i]);
    return 0;
}

/* ---- ``` ---- */

static bool block_word(struct hurl *h, const char *word)
{
    if (!scan_take_word(&h->s, word))
        return false;
    scan_take(&h->s, ",");
    return true;
}

/* `variables` of GraphQL, a JSON object. */
static int graphql(struct hurl *h, struct text *out)
{
    struct scan *s = &h->s;
    struct text query = TEXT_INIT, variables = TEXT_INIT;
    size_t start = s->at;
    while (s->code == 0 && !scan_is(s, "```")) {
        bool line = s->at == start || s->in.data[s->at - 1] == '\n';
        if (scan_char(s) < 0) {
            scan_fail(s, start, "this ``` has no end");
        } else if (line && scan_is(s, "variables")) {
            s->at += strlen("variables");
            h->compact = true;
            json_blanks(h, &query);
            if (scan_char(s) != '{')
                scan_fail(s, s->at, "GraphQL's variables are a JSON object");
            else
                json_value(h, &variables, 0);
            json_blanks(h, &variables);
            h->compact = false;
            if (s->code == 0 && !scan_is(s, "```"))
                scan_fail(s, s->at, "GraphQL's variables are followed by ```");
        } else if (scan_is(s, "{{")) {
            scan_placeholder(s, " | jsonEscape", &query);
        } else {
            scan_put(&query, (char)s->in.data[s->at++]);
        }
    }
    scan_take(s, "```");
    size_t from = 0;
    while (from < query.len && isspace((unsigned char)query.data[from]))
        from++;
    while (query.len > from && isspace((unsigned char)query.data[query.len - 1]))
        text_truncate(&query, query.len - 1);
    text_puts(out, "{\"query\":\"");
    text_json(out, text_string(&query) + from, query.len - from);
    text_puts(out, "\"");
    if (variables.len > 0)
        text_printf(out, ",\"variables\":%s", text_string(&variables));
    text_char(out, '}');
    out->failed = out->failed || !text_ok(&query) || !text_ok(&variables);
    text_deinit(&query);
    text_deinit(&variables);
    return s->code;
}

/* Behind ```. */
static int block(struct hurl *h, struct body *out)
{
    struct scan *s = &h->s;
    size_t start = s->at - 3;
    bool escaped = false, plain = false, query = block_word(h, "graphql");
    out->type = query                   ? "application/json"
                : block_word(h, "json") ? "application/json"
                : block_word(h, "xml")  ? "application/xml"
                                        : "";
    for (scan_blanks(s); scan_char(s) >= 0 && strchr("\r\n", scan_char(s)) == NULL; scan_blanks(s)) {
        size_t at = s->at;
        if (block_word(h, "escape"))
            escaped = true;
        else if (block_word(h, "novariable"))
            plain = true;
        else if (scan_is(s, "```"))
            break;
        else
            return scan_fail(s, at, "behind ``` stand json, xml or graphql, and escape or novariable");
    }
    scan_take(s, "\r");
    if (!scan_take(s, "\n"))
        return scan_fail(s, s->at, "expected the end of the line behind ```");
    if (query)
        return graphql(h, &out->text);
    while (s->code == 0 && !scan_is(s, "```")) {
        if (scan_char(s) < 0)
            scan_fail(s, start, "this ``` has no end");
        else if (escaped && scan_char(s) == '\\')
            scan_escape(s, "", &out->text);
        else if (!plain && scan_is(s, "{{"))
            scan_placeholder(s, "", &out->text);
        else
            scan_put(&out->text, (char)s->in.data[s->at++]);
    }
    scan_take(s, "```");
    return s->code;
}

/* ---- */

bool hurl_at_body(const struct hurl *h)
{
    static const char *const begins[] = {"{", "\"", "```", "`", "<", "base64,", "hex,", "file,"};
    const struct scan *s = &h->s;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (scan_is(s, begins[i]))
            return true;
    int c = scan_char(s);
    if (c == '[') { /* a list, and no section: those are [Name] */
        size_t at = s->at + 1;
        while (at < s->in.len && isalpha(s->in.data[at]))
            at++;
        bool section = at > s->at + 1 && isupper(s->in.data[s->at + 1]) && at < s->in.len && s->in.data[at] == ']';
        return !section;
    }
    if (c == '-' || (c >= 0 && isdigit(c)))
        return true;
    struct scan ahead = *s;
    return scan_take_word(&ahead, "true") || scan_take_word(&ahead, "false") || scan_take_word(&ahead, "null");
}

static int read_body(struct hurl *h, struct body *out)
{
    struct scan *s = &h->s;
    *out = (struct body){.type = ""};
    if (scan_take(s, "```")) {
        block(h, out);
    } else if (scan_take(s, "`")) {
        scan_quoted(s, '`', &out->text);
    } else if (scan_char(s) == '<') {
        out->type = "application/xml";
        xml(h, &out->text);
    } else if (scan_take(s, "base64,")) {
        out->kind = BODY_BYTES;
        scan_base64(s, &out->text);
    } else if (scan_take(s, "hex,")) {
        out->kind = BODY_BYTES;
        scan_hex(s, &out->text);
    } else if (scan_take(s, "file,")) {
        out->kind = BODY_FILE;
        scan_blanks(s);
        scan_filename(s, &out->text);
        hurl_from_root(h, &out->text);
    } else {
        out->type = "application/json";
        json_value(h, &out->text, 0);
    }
    return s->code != 0 ? s->code : hurl_line_end(h);
}

static struct build_node *base64_node(struct hurl *h, size_t at, struct text *bytes)
{
    struct text coded = TEXT_INIT;
    base64_encode(&coded, text_bytes(bytes));
    coded.failed = coded.failed || !text_ok(bytes);
    text_deinit(bytes);
    return hurl_node(h, at, &coded);
}

int hurl_request_body(struct hurl *h, struct build_node *step, const char **type)
{
    struct body body;
    size_t at = h->s.at;
    if (read_body(h, &body) == 0) {
        *type = body.type;
        if (body.kind == BODY_FILE) {
            build_put(&h->b, step, "file", hurl_node(h, at, &body.text));
        } else if (body.kind == BODY_BYTES) {
            build_put(&h->b, step, "base64", base64_node(h, at, &body.text));
        } else {
            build_put(&h->b, step, "body", hurl_node(h, at, &body.text));
        }
    }
    text_deinit(&body.text);
    return h->s.code;
}

int hurl_response_body(struct hurl *h, struct build_node *checks)
{
    struct body body;
    struct text line = TEXT_INIT;
    size_t at = h->s.at;
    if (read_body(h, &body) == 0) {
        struct query q = {.count = 1};
        for (const struct query_word *w = query_sources; w->name != NULL; w++)
            if (strcmp(w->name, body.kind == BODY_TEXT ? "body" : "bytes") == 0)
                q.words[0].word = w;
        q.predicate = &query_predicates[0];
        q.wanted.kind = body.kind == BODY_TEXT ? QUERY_TEXT : body.kind == BODY_FILE ? QUERY_FILE : QUERY_VALUE;
        q.wanted.text = (char *)(uintptr_t)text_string(&body.text);
        q.wanted.value = body.kind == BODY_BYTES ? query_bytes_value(text_bytes(&body.text)) : NULL;
        query_print(&q, &line);
        json_decref(q.wanted.value);
        line.failed = line.failed || !text_ok(&body.text);
        build_add(&h->b, checks, hurl_node(h, at, &line));
    }
    text_deinit(&body.text);
    return h->s.code;
}

const char *hurl_file_type(const char *name)
{
    static const char *const types[][2] = {
        {".gif", "image/gif"},       {".jpg", "image/jpeg"},        {".jpeg", "image/jpeg"},
        {".png", "image/png"},       {".svg", "image/svg+xml"},     {".txt", "text/plain"},
        {".htm", "text/html"},       {".html", "text/html"},        {".pdf", "application/pdf"},
        {".xml", "application/xml"}, {".json", "application/json"}, {".css", "text/css"},
        {".csv", "text/csv"},        {".js", "text/javascript"},    {".zip", "application/zip"},
        {".webp", "image/webp"},     {".mp4", "video/mp4"},
    };
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t end = strlen(types[i][0]);
        if (len > end && strcasecmp(name + len - end, types[i][0]) == 0)
            return types[i][1];
    }
    return "application/octet-stream";
}
