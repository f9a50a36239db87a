/* Queries, read and written. */
#include "e2e/value/query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 100 /* of words that may be meant */

/* ---- arguments ---- */

static void put_variable(struct scan *s, struct text *out)
{
    if (s->braces) {
        scan_placeholder(s, "", out);
        return;
    }
    size_t start = s->at;
    while (scan_char(s) >= 0 && scan_char(s) != '}')
        text_char(out, (char)s->in.data[s->at++]);
    if (scan_take(s, "}"))
        text_char(out, '}');
    else
        scan_fail(s, start, "this ${ has no }");
}

static int take_text(struct scan *s, struct query_arg *a, enum query_arg_kind kind, struct text *text)
{
    if (s->code == 0 && text_ok(text)) {
        a->kind = kind;
        a->text = text_take(text);
        if (a->text == NULL && text->len == 0)
            a->text = calloc(1, 1);
    }
    if (s->code == 0 && a->text == NULL)
        s->code = ERROR_MEMORY;
    text_deinit(text);
    return s->code;
}

static int regex_arg(struct scan *s, struct query_arg *a)
{
    struct text out = TEXT_INIT;
    size_t start = s->at - 1;
    while (scan_char(s) >= 0 && scan_char(s) != '\n' && scan_char(s) != '/') {
        if (scan_is(s, "\\/"))
            s->at++;
        else if (scan_char(s) == '\\' && s->at + 1 < s->in.len)
            text_char(&out, (char)s->in.data[s->at++]);
        text_char(&out, (char)s->in.data[s->at++]);
    }
    if (!scan_take(s, "/"))
        scan_fail(s, start, "this / has no end");
    return take_text(s, a, QUERY_REGEX, &out);
}

static int bytes_arg(struct scan *s, struct query_arg *a, struct text *bytes)
{
    if (s->code == 0) {
        a->kind = QUERY_VALUE;
        a->value = text_ok(bytes) ? query_bytes_value(text_bytes(bytes)) : NULL;
        if (a->value == NULL)
            s->code = ERROR_MEMORY;
    }
    text_deinit(bytes);
    return s->code;
}

/* A GraphQL query is compared as it is sent: in JSON. */
static void graphql_text(struct scan *s, size_t start, struct text *query)
{
    struct text out = TEXT_INIT;
    const char *text = text_string(query);
    size_t from = strspn(text, " \t\r\n"), len = query->len;
    while (len > from && strchr(" \t\r\n", text[len - 1]) != NULL)
        len--;
    if (strstr(text, "\nvariables") != NULL)
        scan_fail(s, start, "a GraphQL query with variables is not compared here: compare it as JSON");
    text_puts(&out, "{\"query\":\"");
    text_json(&out, text + from, len - from);
    text_puts(&out, "\"}");
    out.failed = out.failed || !text_ok(query);
    text_deinit(query);
    *query = out;
}

/* Text of several lines between ``` and ```. */
static int block_arg(struct scan *s, struct query_arg *a)
{
    struct text out = TEXT_INIT;
    size_t start = s->at - 3;
    bool graphql = s->braces && scan_is(s, "graphql");
    while (scan_char(s) >= 0 && scan_char(s) != '\n')
        s->at++;
    scan_take(s, "\n");
    while (s->code == 0 && !scan_is(s, "```")) {
        if (scan_char(s) < 0)
            scan_fail(s, start, "this ``` has no end");
        else if (s->braces && scan_is(s, "{{"))
            scan_placeholder(s, "", &out);
        else
            scan_put(&out, (char)s->in.data[s->at++]);
    }
    scan_take(s, "```");
    if (graphql && s->code == 0)
        graphql_text(s, start, &out);
    return take_text(s, a, QUERY_TEXT, &out);
}

static bool number_arg(struct scan *s, struct query_arg *a)
{
    char digits[64];
    size_t len = 0, at = s->at;
    while (at < s->in.len && len < sizeof digits &&
           (isdigit(s->in.data[at]) || memchr("+-.eE", s->in.data[at], 5) != NULL))
        digits[len++] = (char)s->in.data[at++];
    if (len == 0 || (digits[0] != '-' && !isdigit((unsigned char)digits[0])))
        return false;
    bool memory;
    a->value = value_read_json(BYTES(digits, len), &memory);
    if (memory)
        s->code = ERROR_MEMORY;
    if (a->value == NULL)
        return false;
    a->kind = QUERY_VALUE;
    s->at = at;
    return true;
}

/* Anything a predicate may be followed by. */
static int value_arg(struct scan *s, struct query_arg *a)
{
    static const struct {
        const char *word;
        json_t *(*make)(void);
    } words[] = {{"true", json_true}, {"false", json_false}, {"null", json_null}};
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < 3; i++)
        if (scan_take_word(s, words[i].word)) {
            a->kind = QUERY_VALUE;
            a->value = words[i].make();
            return 0;
        }
    if (scan_take(s, "```"))
        return block_arg(s, a);
    if (scan_is(s, "\"") || scan_is(s, "`")) {
        char quote = (char)s->in.data[s->at++];
        scan_quoted(s, quote, &out);
        return take_text(s, a, QUERY_TEXT, &out);
    }
    if (scan_is(s, s->braces ? "{{" : "${")) {
        put_variable(s, &out);
        return take_text(s, a, QUERY_VARIABLE, &out);
    }
    if (scan_take(s, "/"))
        return regex_arg(s, a);
    if (scan_take(s, "hex,")) {
        scan_hex(s, &out);
        return bytes_arg(s, a, &out);
    }
    if (scan_take(s, "base64,")) {
        scan_base64(s, &out);
        return bytes_arg(s, a, &out);
    }
    if (scan_take(s, "file,")) {
        scan_filename(s, &out);
        return take_text(s, a, QUERY_FILE, &out);
    }
    if (number_arg(s, a))
        return 0;
    return scan_fail(s, s->at, "expected a value: \"text\", a number, true, false, null, %s, hex,...; or base64,...;",
                     s->braces ? "{{name}}" : "${name}");
}

static int word_arg(struct scan *s, char wanted, const char *word, struct query_arg *a)
{
    size_t before = s->at;
    scan_blanks(s);
    if (s->at == before)
        return scan_fail(s, s->at, "expected a blank, and then what %s takes", word);
    size_t at = s->at;
    bool fits = value_arg(s, a) == 0;
    if (fits && wanted == 't')
        fits = a->kind == QUERY_TEXT;
    else if (fits && wanted == 'r')
        fits = a->kind == QUERY_TEXT || a->kind == QUERY_REGEX;
    else if (fits)
        fits = a->kind == QUERY_VARIABLE || (a->kind == QUERY_VALUE && json_is_integer(a->value));
    if (!fits && (s->code == 0 || s->bad == at)) {
        int code = s->code == ERROR_MEMORY ? s->code : 0;
        s->code = 0;
        scan_fail(s, at, "%s takes %s", word,
                  wanted == 't'   ? "a text in quotes"
                  : wanted == 'r' ? "an expression between slashes, or a text in quotes"
                                  : "a whole number");
        s->code = code != 0 ? code : s->code;
    }
    return s->code;
}

/* ---- words ---- */

static void unknown(struct scan *s, bool source)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    char word[40];
    size_t len = 0, count = 0;
    while (s->at + len < s->in.len && len + 1 < sizeof word && (isalnum(s->in.data[s->at + len]))) {
        word[len] = (char)s->in.data[s->at + len];
        len++;
    }
    word[len] = '\0';
    for (const struct query_word *w = source ? query_sources : query_filters; w->name != NULL && count < NAMES_MAX; w++)
        names[count++] = w->name;
    for (const struct query_predicate *p = query_predicates; !source && p->name != NULL && count < NAMES_MAX; p++)
        names[count++] = p->name;
    const char *near = len > 0 ? nearest_word(word, names) : NULL;
    if (near != NULL)
        scan_fail(s, s->at, "there is no %s %s: did you mean %s?", source ? "query" : "filter or predicate", word,
                  near);
    else if (source)
        scan_fail(s, s->at, "expected a query: status, header, cookie, body, jsonpath, xpath, regex, ...");
    else
        scan_fail(s, s->at, "expected a filter (count, nth, split, ...) or a predicate (==, contains, exists, ...)");
}

static const struct query_word *find_word(struct scan *s, bool source)
{
    for (const struct query_word *w = source ? query_sources : query_filters; w->name != NULL; w++)
        if (scan_take_word(s, w->name))
            return w;
    return NULL;
}

static int add_word(struct scan *s, const struct query_word *w, struct query *out)
{
    if (out->count == QUERY_WORDS_MAX)
        return scan_fail(s, s->at, "more than %d filters", QUERY_WORDS_MAX - 1);
    out->words[out->count].word = w;
    struct query_arg *args = out->words[out->count++].args;
    for (size_t i = 0; w->args[i] != '\0' && s->code == 0; i++)
        word_arg(s, w->args[i], w->name, &args[i]);
    return s->code;
}

static bool is_sign(const char *name)
{
    return !isalpha((unsigned char)name[0]);
}

static int read_predicate(struct scan *s, struct query *out)
{
    size_t at = s->at;
    out->negated = scan_take_word(s, "not");
    scan_blanks(s);
    for (const struct query_predicate *p = query_predicates; p->name != NULL && out->predicate == NULL; p++)
        if (is_sign(p->name) ? scan_take(s, p->name) : scan_take_word(s, p->name))
            out->predicate = p;
    if (out->predicate == NULL) {
        if (!out->negated)
            s->at = at;
        unknown(s, false);
        return s->code;
    }
    if (out->predicate->takes == WANTS_NOTHING)
        return 0;
    scan_blanks(s);
    at = s->at;
    value_arg(s, &out->wanted);
    if (s->code == 0 && out->predicate->takes == WANTS_A_REGEX && out->wanted.kind != QUERY_TEXT &&
        out->wanted.kind != QUERY_REGEX)
        scan_fail(s, at, "matches takes an expression between slashes, or a text in quotes");
    bool number = out->wanted.kind == QUERY_VALUE && !json_is_object(out->wanted.value);
    if (s->code == 0 && out->predicate->takes == WANTS_A_RUN && number)
        scan_fail(s, at, "%s takes a text in quotes, or bytes", out->predicate->name);
    if (s->code == 0 && out->predicate->takes != WANTS_A_REGEX && out->wanted.kind == QUERY_REGEX)
        scan_fail(s, at, "an expression between slashes stands behind matches only");
    return s->code;
}

static bool at_end(const struct scan *s)
{
    int c = scan_char(s);
    return c < 0 || c == '\n' || c == '#';
}

int query_scan(struct scan *s, enum query_form form, struct query *out)
{
    *out = (struct query){0};
    const struct query_word *w = form != QUERY_FILTERS ? find_word(s, true) : NULL;
    if (w == NULL && form != QUERY_FILTERS)
        unknown(s, true);
    if (w != NULL)
        add_word(s, w, out);
    while (s->code == 0) {
        scan_blanks(s);
        if (at_end(s) || (form == QUERY_CAPTURE && s->braces && scan_is(s, "redact")))
            break;
        if (form == QUERY_FILTERS)
            scan_take(s, "|");
        scan_blanks(s);
        if ((w = find_word(s, false)) != NULL)
            add_word(s, w, out);
        else if (form == QUERY_ASSERT)
            break;
        else
            unknown(s, false);
    }
    if (s->code == 0 && form == QUERY_ASSERT) {
        if (at_end(s))
            scan_fail(s, s->at, "expected a predicate: ==, contains, exists, ...");
        else
            read_predicate(s, out);
    }
    if (s->code != 0)
        query_deinit(out);
    return s->code;
}

static void arg_deinit(struct query_arg *a)
{
    free(a->text);
    json_decref(a->value);
    *a = (struct query_arg){0};
}

void query_deinit(struct query *q)
{
    for (size_t i = 0; i < q->count; i++)
        for (size_t k = 0; k < QUERY_ARGS_MAX; k++)
            arg_deinit(&q->words[i].args[k]);
    arg_deinit(&q->wanted);
    *q = (struct query){0};
}

/* ---- written ---- */

/* `end` ends it, and is escaped inside it. */
static void print_escaped(const char *text, char end, struct text *out)
{
    for (; *text != '\0'; text++) {
        static const char from[] = "\\\n\r\t\b\f", to[] = "\\nrtbf";
        const char *which = strchr(from, *text);
        if (which != NULL)
            text_printf(out, "\\%c", to[which - from]);
        else
            text_printf(out, *text == end ? "\\%c" : "%c", *text);
    }
}

static void print_quoted(const char *text, struct text *out)
{
    text_char(out, '"');
    print_escaped(text, '"', out);
    text_char(out, '"');
}

static void print_value(const json_t *v, struct text *out)
{
    struct text bytes = TEXT_INIT;
    if (query_is_bytes(v, &bytes)) {
        text_puts(out, "hex,");
        for (size_t i = 0; i < bytes.len; i++)
            text_printf(out, "%02x", (unsigned)(unsigned char)bytes.data[i]);
        text_char(out, ';');
    } else {
        value_text(v, out);
    }
    text_deinit(&bytes);
}

static void print_arg(const struct query_arg *a, struct text *out)
{
    text_char(out, ' ');
    if (a->kind == QUERY_TEXT) {
        print_quoted(a->text, out);
    } else if (a->kind == QUERY_REGEX) {
        text_char(out, '/');
        for (const char *p = a->text; *p != '\0'; p++) {
            if (*p == '\\' && p[1] != '\0')
                text_char(out, *p++);
            else if (*p == '/')
                text_char(out, '\\');
            text_char(out, *p);
        }
        text_char(out, '/');
    } else if (a->kind == QUERY_FILE) {
        text_puts(out, "file,");
        print_escaped(a->text, ';', out);
        text_char(out, ';');
    } else if (a->kind == QUERY_VARIABLE) {
        text_puts(out, a->text);
    } else {
        print_value(a->value, out);
    }
}

void query_print(const struct query *q, struct text *out)
{
    for (size_t i = 0; i < q->count; i++) {
        text_printf(out, "%s%s", i > 0 ? " " : "", q->words[i].word->name);
        for (size_t k = 0; k < QUERY_ARGS_MAX && q->words[i].args[k].kind != QUERY_NO_ARG; k++)
            print_arg(&q->words[i].args[k], out);
    }
    if (q->predicate == NULL)
        return;
    text_printf(out, " %s%s", q->negated ? "not " : "", q->predicate->name);
    if (q->predicate->takes != WANTS_NOTHING)
        print_arg(&q->wanted, out);
}
