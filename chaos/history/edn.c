#include "chaos/history/edn.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *edn_kind_name(enum edn_kind kind)
{
    static const char *const names[] = {"nil",      "a boolean", "a number", "a number", "a string", "a character",
                                        "a symbol", "a keyword", "a list",   "a vector", "a set",    "a map"};
    return names[kind];
}

static int wrong_here(const struct edn *e, struct error *err, const char *what)
{
    return error_set_at(err, ERROR_SYNTAX, e->name, e->line, (int)(e->at - e->line_start) + 1, "%s", what);
}

int edn_wrong(const struct edn *e, const struct edn_node *n, int code, struct error *err, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_set_at(err, code, e->name, n->line, n->column, "%s", message);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- tokens ---- */

static bool is_space(char c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool ends_token(char c)
{
    return is_space(c) || c == '\0' || strchr("()[]{}\";", c) != NULL;
}

static void skip_space(struct edn *e)
{
    for (; e->at < e->end; e->at++) {
        if (*e->at == ';') {
            const char *newline = memchr(e->at, '\n', (size_t)(e->end - e->at));
            e->at = newline != NULL ? newline : e->end;
            if (e->at == e->end)
                return;
        }
        if (*e->at == '\n') {
            e->line++;
            e->line_start = e->at + 1;
        } else if (!is_space(*e->at)) {
            return;
        }
    }
}

static size_t token_length(const struct edn *e)
{
    const char *p = e->at;
    while (p < e->end && !ends_token(*p))
        p++;
    return (size_t)(p - e->at);
}

static int unescape(struct edn *e, const char **p, struct error *err)
{
    static const char from[] = "tnrbf\\\"", to[] = "\t\n\r\b\f\\\"";
    const char *known = **p != '\0' ? strchr(from, **p) : NULL;
    unsigned code = 0;
    if (known != NULL) {
        text_char(&e->strings, to[known - from]);
        ++*p;
        return 0;
    }
    if (**p != 'u' || e->end - *p < 5)
        return wrong_here(e, err, "this string has an escape that is none of \\t \\n \\r \\b \\f \\\\ \\\" \\uXXXX");
    for (int i = 1; i <= 4; i++) {
        char c = (*p)[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return wrong_here(e, err, "\\u in this string is not followed by four hexadecimal digits");
        code = code * 16 + (unsigned)digit;
    }
    char out[UTF8_MAX];
    text_add(&e->strings, out, utf8_write(code, out));
    *p += 5;
    return 0;
}

static int read_string(struct edn *e, struct edn_node *n, struct error *err)
{
    const char *start = e->at + 1, *p = start, *line_start = e->line_start;
    int lines = 0;
    n->kind = EDN_STRING;
    n->text = start;
    n->start = e->strings.len;
    for (; p < e->end && *p != '"';) {
        if (*p == '\n') {
            lines++;
            line_start = p + 1;
        }
        if (*p == '\\' && n->text != NULL) {
            text_add(&e->strings, start, (size_t)(p - start));
            n->text = NULL;
        }
        if (*p == '\\') {
            p++;
            int code = p < e->end ? unescape(e, &p, err) : 0;
            if (code != 0)
                return code;
        } else {
            if (n->text == NULL)
                text_char(&e->strings, *p);
            p++;
        }
    }
    if (p >= e->end)
        return wrong_here(e, err, "this string has no closing \"");
    n->len = n->text != NULL ? (size_t)(p - start) : e->strings.len - n->start;
    e->at = p + 1;
    e->line += lines;
    e->line_start = line_start;
    return text_ok(&e->strings) ? 0 : no_memory(err);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -?digits, perhaps with N behind; everything else that begins like a number is EDN_NUMBER. */
static void read_number(struct edn_node *n)
{
    const char *p = n->text, *end = n->text + n->len;
    bool negative = *p == '-';
    uint64_t value = 0, limit = negative ? (uint64_t)1 << 63 : INT64_MAX;
    n->kind = EDN_NUMBER;
    p += *p == '-' || *p == '+';
    if (end - p > 1 && end[-1] == 'N')
        end--;
    for (; p < end; p++) {
        if (!is_digit(*p) || value > (limit - (uint64_t)(*p - '0')) / 10)
            return;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    n->kind = EDN_INTEGER;
    n->number = negative ? (int64_t)(0 - value) : (int64_t)value;
}

static int read_token(struct edn *e, struct edn_node *n, struct error *err)
{
    n->text = e->at;
    n->len = token_length(e);
    if (n->len == 0)
        return wrong_here(e, err, "this is not EDN");
    bool sign = n->len > 1 && (*e->at == '-' || *e->at == '+');
    if (*e->at == '\\') {
        n->kind = EDN_CHARACTER;
        if (n->len == 1 && e->end - e->at > 1) /* a character that would end a token */
            n->len = 2;
    } else if (*e->at == ':') {
        n->kind = EDN_KEYWORD;
    } else if (is_digit(e->at[sign ? 1 : 0])) {
        read_number(n);
    } else if (n->len == 3 && memcmp(n->text, "nil", 3) == 0) {
        n->kind = EDN_NIL;
    } else if ((n->len == 4 && memcmp(n->text, "true", 4) == 0) || (n->len == 5 && memcmp(n->text, "false", 5) == 0)) {
        n->kind = EDN_BOOLEAN;
        n->number = n->len == 4;
    } else {
        n->kind = EDN_SYMBOL;
    }
    e->at += n->len;
    return 0;
}

/* ---- elements ---- */

static int read_element(struct edn *e, int depth, struct error *err);

/* Up to the closing bracket. */
static int read_children(struct edn *e, uint32_t parent, char closing, int depth, struct error *err)
{
    uint32_t count = 0;
    for (;;) {
        skip_space(e);
        if (e->at >= e->end)
            return edn_wrong(e, &e->nodes.items[parent], ERROR_SYNTAX, err,
                             "%s begins here that is not closed with '%c'", edn_kind_name(e->nodes.items[parent].kind),
                             closing);
        if (*e->at == closing)
            break;
        size_t before = e->nodes.count;
        int code = read_element(e, depth, err);
        if (code < 0)
            return code;
        count += e->nodes.count > before;
    }
    e->at++;
    struct edn_node *n = &e->nodes.items[parent];
    n->count = count;
    if (n->kind == EDN_MAP && count % 2 != 0)
        return edn_wrong(e, n, ERROR_SYNTAX, err, "this map has a key without a value");
    return 0;
}

static char closing_of(char c)
{
    return c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : '\0';
}

/* #{...}, #_..., #tag ...: what stands behind the #. True in *done: the element is read, or there is none. */
static int read_dispatch(struct edn *e, struct edn_node *n, bool *done, int depth, struct error *err)
{
    e->at++;
    if (e->at < e->end && *e->at == '{') {
        n->kind = EDN_SET;
        return 0;
    }
    if (e->at < e->end && *e->at == '_') {
        size_t keep = e->nodes.count;
        e->at++;
        *done = true;
        int code = read_element(e, depth + 1, err);
        e->nodes.count = keep;
        return code;
    }
    n->tag = e->at;
    n->tag_len = (uint32_t)(token_length(e) < UINT32_MAX ? token_length(e) : UINT32_MAX);
    if (n->tag_len == 0)
        return wrong_here(e, err, "# is followed by a tag, a set or _");
    e->at += n->tag_len;
    skip_space(e);
    return 0;
}

/* Adds an element's nodes; none for what is discarded. */
static int read_element(struct edn *e, int depth, struct error *err)
{
    struct edn_node n = {0};
    skip_space(e);
    if (depth >= EDN_DEPTH_MAX)
        return wrong_here(e, err, "nested deeper than the limit of 64");
    if (e->at >= e->end)
        return wrong_here(e, err, "the file ends where an element is missing");
    n.line = e->line;
    n.column = (int)(e->at - e->line_start) + 1;
    for (int tags = 0; *e->at == '#' && n.kind != EDN_SET; tags++) {
        bool done = false;
        if (tags >= EDN_DEPTH_MAX)
            return wrong_here(e, err, "more tags than the limit of 64 before an element");
        int code = read_dispatch(e, &n, &done, depth, err);
        if (code != 0 || done)
            return code;
        if (e->at >= e->end)
            return wrong_here(e, err, "the file ends behind a tag");
    }
    if (e->nodes.count >= EDN_NODES_MAX)
        return wrong_here(e, err, "an element of more parts than the limit of 33554432");
    uint32_t index = (uint32_t)e->nodes.count;
    char closing = closing_of(*e->at);
    int code = 0;
    if (closing != '\0') {
        n.kind = n.kind == EDN_SET ? EDN_SET : closing == ')' ? EDN_LIST : closing == ']' ? EDN_VECTOR : EDN_MAP;
        e->at++;
    } else if (strchr(")]}", *e->at) != NULL && *e->at != '\0') {
        return wrong_here(e, err, "a closing bracket without its opening one");
    } else {
        code = *e->at == '"' ? read_string(e, &n, err) : read_token(e, &n, err);
    }
    if (code == 0 && !array_push(&e->nodes, n))
        code = no_memory(err);
    if (code == 0 && closing != '\0')
        code = read_children(e, index, closing, depth + 1, err);
    if (code == 0)
        e->nodes.items[index].next = (uint32_t)e->nodes.count;
    return code;
}

/* ---- a file ---- */

int edn_open(struct edn *e, const char *data, size_t len, const char *name, bool unwrap, struct error *err)
{
    *e = (struct edn){.name = name, .at = data, .end = data + len, .line_start = data, .line = 1};
    size_t bad = utf8_bad_offset((struct bytes){(const uint8_t *)data, len});
    if (bad < len) {
        e->at = data + bad;
        for (const char *p = data; p < e->at; p++) {
            if (*p == '\n') {
                e->line++;
                e->line_start = p + 1;
            }
        }
        return wrong_here(e, err, "this is not UTF-8");
    }
    skip_space(e);
    if (unwrap && e->at < e->end && (*e->at == '[' || *e->at == '(')) {
        e->closing = closing_of(*e->at);
        e->at++;
    }
    return 0;
}

void edn_close(struct edn *e)
{
    array_deinit(&e->nodes);
    text_deinit(&e->strings);
}

int edn_next(struct edn *e, struct error *err)
{
    for (;;) {
        array_clear(&e->nodes);
        text_clear(&e->strings);
        skip_space(e);
        if (e->at >= e->end)
            return e->closing != '\0' && !e->ended
                       ? wrong_here(e, err, "the file ends before the history does: the closing bracket is missing")
                       : 0;
        if (e->ended)
            return wrong_here(e, err, "something stands behind the end of the history");
        if (e->closing != '\0' && *e->at == e->closing) {
            e->ended = true;
            e->at++;
            continue;
        }
        int code = read_element(e, 0, err);
        if (code != 0)
            return code;
        if (e->nodes.count > 0)
            return 1;
    }
}

int edn_line(struct edn *e, const char *line, size_t len, int number, struct error *err)
{
    int count = 0;
    array_clear(&e->nodes);
    text_clear(&e->strings);
    e->at = e->line_start = line;
    e->end = line + len;
    e->line = number;
    for (skip_space(e); e->at < e->end; skip_space(e)) {
        size_t before = e->nodes.count;
        int code = read_element(e, 0, err);
        if (code != 0)
            return code;
        count += e->nodes.count > before;
    }
    return count;
}

const char *edn_text(const struct edn *e, const struct edn_node *n, size_t *len)
{
    *len = n->len;
    return n->text != NULL ? n->text : text_string(&e->strings) + n->start;
}

bool edn_is(const struct edn *e, const struct edn_node *n, enum edn_kind kind, const char *text)
{
    size_t len;
    const char *own = edn_text(e, n, &len);
    return n->kind == kind && len == strlen(text) && memcmp(own, text, len) == 0;
}
