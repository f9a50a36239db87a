/* Words, marks and literals of scripts. */
#include "e2e/import/postman/js_reader.h"

#include <ctype.h>
#include <string.h>

struct js *js_make(struct js_reader *r, enum js_kind kind, size_t at)
{
    struct js *n = ARENA_NEW(r->arena, struct js);
    r->memory = r->memory || n == NULL;
    if (n != NULL)
        *n = (struct js){.kind = kind, .at = at, .end = r->at, .text = ""};
    return n;
}

const struct js *js_fail(struct js_reader *r)
{
    r->failed = true;
    return NULL;
}

static const char *keep(struct js_reader *r, const char *text, size_t len)
{
    const char *out = arena_string_n(r->arena, text, len);
    r->memory = r->memory || out == NULL;
    return out != NULL ? out : "";
}

void js_add(struct js_reader *r, struct js_items *items, const struct js *one)
{
    if (items->count == items->room) {
        size_t room = items->room * 2 + 4;
        const struct js **list = ARENA_NEW_N(r->arena, const struct js *, room);
        if (list == NULL) {
            r->memory = true;
            return;
        }
        if (items->count > 0)
            memcpy(list, items->list, items->count * sizeof *list);
        items->list = list;
        items->room = room;
    }
    if (one != NULL)
        items->list[items->count++] = one;
}

void js_set_items(struct js_reader *r, struct js *n, const struct js_items *from)
{
    (void)r;
    if (n == NULL)
        return;
    n->items = from->list;
    n->count = from->count;
}

bool js_skip(struct js_reader *r)
{
    bool line = false;
    for (; r->at < r->len;) {
        const char *p = r->s + r->at;
        if (isspace((unsigned char)*p)) {
            line = line || *p == '\n';
            r->at++;
        } else if (strncmp(p, "//", 2) == 0) {
            r->at += strcspn(p, "\n");
        } else if (strncmp(p, "/*", 2) == 0) {
            const char *end = strstr(p + 2, "*/");
            size_t to = end != NULL ? (size_t)(end + 2 - r->s) : r->len;
            line = line || memchr(p, '\n', to - r->at) != NULL;
            r->at = to;
        } else {
            break;
        }
    }
    return line;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

bool js_take(struct js_reader *r, const char *what)
{
    size_t before = r->at, len = strlen(what);
    js_skip(r);
    bool is = strncmp(r->s + r->at, what, len) == 0 && !(is_word(what[len - 1]) && is_word(r->s[r->at + len]));
    r->at = is ? r->at + len : before; /* the end of a line in front may end a statement */
    return is;
}

bool js_sees(struct js_reader *r, const char *what)
{
    size_t at = r->at;
    bool is = js_take(r, what);
    r->at = at;
    return is;
}

const char *js_read_word(struct js_reader *r)
{
    js_skip(r);
    size_t len = 0;
    while (is_word(r->s[r->at + len]))
        len++;
    if (len == 0 || isdigit((unsigned char)r->s[r->at])) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    return keep(r, r->s + r->at - len, len);
}

/* ---- literals ---- */

static void put_escape(struct js_reader *r, char *out, size_t *len)
{
    static const char *const known = "n\nt\tr\rb\bf\fv\v0\0";
    char c = r->s[r->at];
    for (size_t i = 0; i < 14; i += 2)
        if (known[i] == c)
            c = known[i + 1];
    if (r->s[r->at] == 'u' || r->s[r->at] == 'x')
        r->failed = true; /* seldom, and then it is left out */
    if (r->s[r->at] != '\n')
        out[(*len)++] = c;
    r->at += r->at < r->len;
}

const struct js *js_read_text(struct js_reader *r, char quote)
{
    size_t at = r->at - 1, len = 0;
    char *out = arena_alloc(r->arena, r->len - r->at + 1);
    struct js *n = js_make(r, JS_TEXT, at);
    if (out == NULL || n == NULL) {
        r->memory = true;
        return NULL;
    }
    while (r->at < r->len && r->s[r->at] != quote && r->s[r->at] != '\n') {
        char c = r->s[r->at++];
        if (c == '\\')
            put_escape(r, out, &len);
        else
            out[len++] = c;
    }
    if (r->s[r->at] != quote)
        return js_fail(r);
    n->text = keep(r, out, len);
    n->end = ++r->at;
    return n;
}

const struct js *js_read_parts(struct js_reader *r)
{
    struct js_items items = {0};
    struct js *n = js_make(r, JS_PARTS, r->at - 1);
    char *out = arena_alloc(r->arena, r->len - r->at + 1);
    size_t len = 0;
    if (out == NULL || n == NULL) {
        r->memory = true;
        return NULL;
    }
    for (bool more = true; more && !r->failed && !r->memory;) {
        size_t at = r->at;
        char c = r->at < r->len ? r->s[r->at++] : '\0';
        bool value = c == '$' && r->s[r->at] == '{';
        more = c != '`';
        if (c == '\0')
            return js_fail(r);
        if (c == '\\') {
            put_escape(r, out, &len);
        } else if (!more || value) {
            struct js *text = js_make(r, JS_TEXT, at);
            if (text != NULL)
                text->text = keep(r, out, len);
            js_add(r, &items, text);
            len = 0;
        } else {
            out[len++] = c;
        }
        if (value) {
            r->at++;
            js_add(r, &items, js_read_value(r));
            if (!r->failed && !js_take(r, "}"))
                return js_fail(r);
        }
    }
    js_set_items(r, n, &items);
    if (n != NULL)
        n->end = r->at;
    return r->failed ? NULL : n;
}

const struct js *js_read_regex(struct js_reader *r)
{
    struct js *n = js_make(r, JS_REGEX, r->at), *flags = js_make(r, JS_TEXT, r->at);
    size_t from = ++r->at;
    for (bool set = false; r->at < r->len && (r->s[r->at] != '/' || set) && r->s[r->at] != '\n'; r->at++) {
        set = r->s[r->at] == '[' || (set && r->s[r->at] != ']');
        r->at += r->s[r->at] == '\\' && r->at + 1 < r->len;
    }
    if (r->s[r->at] != '/' || n == NULL || flags == NULL)
        return js_fail(r);
    n->text = keep(r, r->s + from, r->at - from);
    from = ++r->at;
    while (isalpha((unsigned char)r->s[r->at]))
        r->at++;
    flags->text = keep(r, r->s + from, r->at - from);
    n->b = flags;
    n->end = r->at;
    return n;
}

const struct js *js_read_number(struct js_reader *r)
{
    size_t from = r->at;
    while (isalnum((unsigned char)r->s[r->at]) || r->s[r->at] == '.')
        r->at++;
    size_t len = strspn(r->s + from, "0123456789.");
    struct js *n = js_make(r, JS_NUMBER, from);
    if (len != r->at - from || (len > 1 && r->s[from] == '0' && r->s[from + 1] != '.'))
        return js_fail(r); /* 1e3, 0xff, 10n */
    if (n != NULL)
        n->text = keep(r, r->s + from, len);
    return n;
}
