/* The path is read and followed in one go: each segment makes the next list of nodes from the last. A filter's text is
 * read again for each item it looks at, and once for none, so that it is checked in any case. */
#include "e2e/value/jsonpath.h"

#include "base/array.h"
#include "base/json_copy.h"
#include "base/text.h"
#include "base/utf8.h"
#include "e2e/internal.h"
#include "e2e/value/regex.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX    1000000 /* of a list between two segments */
#define NESTED_MAX   32      /* filters and brackets within each other */
#define DESCENT_MAX  500     /* levels of a value that ".." goes down */
#define NAME_LEN_MAX 1024

typedef ARRAY(const json_t *) nodes;

struct path {
    const char *start, *p;
    const json_t *root;
    struct error *err;
    int code, nested;
    json_t *made; /* list: what literals and functions made */
};

/* Of an operand in a filter. */
struct operand {
    enum { OPERAND_NODES, OPERAND_VALUE, OPERAND_TRUTH } kind;
    nodes nodes;
    const json_t *value; /* NULL: nothing */
    bool truth;
};

static int wrong(struct path *j, const char *at, const char *what)
{
    if (j->code == 0)
        j->code = error_set(j->err, ERROR_SYNTAX, "not a JSONPath: column %d: %s", (int)(at - j->start) + 1, what);
    return j->code;
}

static bool no_memory(struct path *j)
{
    if (j->code == 0)
        j->code = error_set(j->err, ERROR_MEMORY, "out of memory");
    return false;
}

static bool add(struct path *j, nodes *to, const json_t *n)
{
    if (n == NULL)
        return true;
    if (to->count >= NODES_MAX) {
        if (j->code == 0)
            j->code = error_set(j->err, ERROR_LIMIT, "the path has more than %d values", NODES_MAX);
        return false;
    }
    return array_push(to, n) || no_memory(j);
}

static const json_t *keep(struct path *j, json_t *made)
{
    if (made == NULL || json_array_append_new(j->made, made) != 0) {
        no_memory(j);
        return NULL;
    }
    return made;
}

static void blanks(struct path *j)
{
    j->p += strspn(j->p, " \t\r\n");
}

static bool take(struct path *j, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(j->p, text, len) != 0)
        return false;
    j->p += len;
    return true;
}

/* ---- names and literals ---- */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

/* 'it''s' in either quotes, escapes as in JSON. */
static json_t *quoted(struct path *j)
{
    struct text out = TEXT_INIT;
    const char *open = j->p;
    char quote = *j->p++;
    while (*j->p != '\0' && *j->p != quote && j->code == 0) {
        if (*j->p != '\\') {
            text_char(&out, *j->p++);
            continue;
        }
        static const char from[] = "bfnrt/\\'\"", to[] = "\b\f\n\r\t/\\'\"";
        const char *which = j->p[1] != '\0' ? strchr(from, j->p[1]) : NULL;
        if (which == NULL)
            wrong(j, j->p, "the escapes are \\b \\f \\n \\r \\t \\/ \\\\ \\' and \\\"");
        else
            text_char(&out, to[which - from]);
        j->p += which != NULL ? 2 : 0;
    }
    if (*j->p != quote)
        wrong(j, open, "this quote has no end");
    else
        j->p++;
    json_t *made = j->code == 0 && text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    bool utf8 = !text_ok(&out) || utf8_valid(text_bytes(&out));
    text_deinit(&out);
    if (made == NULL && !utf8)
        wrong(j, open, "this is not UTF-8");
    else if (made == NULL && j->code == 0)
        no_memory(j);
    return made;
}

static bool integer(struct path *j, long *out)
{
    const char *p = j->p + (*j->p == '-');
    if (!isdigit((unsigned char)*p))
        return false;
    size_t digits = strspn(p, "0123456789");
    *out = digits <= 15 ? strtol(j->p, NULL, 10) : (*j->p == '-' ? LONG_MIN / 2 : LONG_MAX / 2);
    j->p = p + digits;
    return true;
}

/* ---- selectors: from one node into the next list ---- */

static void children(struct path *j, const json_t *n, nodes *to)
{
    const char *key;
    json_t *item, *walked; /* jansson's iterators take an object that may be changed; this one is not */
    size_t i;
    memcpy(&walked, &n, sizeof walked);
    json_array_foreach(walked, i, item)
    {
        if (!add(j, to, item))
            return;
    }
    json_object_foreach(walked, key, item)
    {
        if (!add(j, to, item))
            return;
    }
}

static void slice(struct path *j, const json_t *n, const long *bounds, const bool *there, nodes *to)
{
    long len = (long)json_array_size(n), step = there[2] ? bounds[2] : 1;
    if (step == 0 || !json_is_array(n))
        return;
    long first = there[0] ? bounds[0] : step > 0 ? 0 : len - 1;
    long end = there[1] ? bounds[1] : step > 0 ? len : -len - 1;
    first = first < 0 ? first + len : first;
    end = end < 0 ? end + len : end;
    if (step > 0) {
        for (long i = first > 0 ? first : 0; i < end && i < len; i += step)
            if (!add(j, to, json_array_get(n, (size_t)i)))
                return;
    } else {
        for (long i = first < len ? first : len - 1; i > end && i >= 0; i += step)
            if (!add(j, to, json_array_get(n, (size_t)i)))
                return;
    }
}

static bool condition(struct path *j, const json_t *current);

static void filter(struct path *j, const json_t *n, nodes *to)
{
    nodes items = {0};
    const char *start = j->p;
    condition(j, NULL);
    const char *end = j->p;
    children(j, n, &items);
    for (size_t i = 0; i < items.count && j->code == 0; i++) {
        j->p = start;
        if (condition(j, items.items[i]))
            add(j, to, items.items[i]);
    }
    if (j->code == 0)
        j->p = end;
    array_deinit(&items);
}

/* One selector between brackets, for one node (NULL: it is only read). `one` stays true when it has one value at most.
 */
static void selector(struct path *j, const json_t *n, nodes *to, bool *one)
{
    long bounds[3] = {0};
    bool there[3] = {false};
    blanks(j);
    if (*j->p == '\'' || *j->p == '"') {
        json_t *name = quoted(j);
        add(j, to, name != NULL ? json_object_get(n, json_string_value(name)) : NULL);
        json_decref(name);
    } else if (take(j, "*")) {
        *one = false;
        children(j, n, to);
    } else if (take(j, "?")) {
        *one = false;
        filter(j, n, to);
    } else {
        const char *start = j->p;
        int part = 0;
        there[0] = integer(j, &bounds[0]);
        for (blanks(j); part < 2 && take(j, ":"); blanks(j)) {
            blanks(j);
            part++;
            there[part] = integer(j, &bounds[part]);
        }
        if (part > 0) {
            *one = false;
            slice(j, n, bounds, there, to);
        } else if (there[0]) {
            long at = bounds[0] < 0 ? bounds[0] + (long)json_array_size(n) : bounds[0];
            const json_t *item = at >= 0 ? json_array_get(n, (size_t)at) : NULL;
            *one = *one && (item != NULL || n == NULL); /* what is not there is no item: an empty list */
            add(j, to, item);
        } else {
            wrong(j, start, "expected a name in quotes, an index, a slice, \"*\" or \"?\"");
        }
    }
    blanks(j);
}

/* Behind "[": selectors with commas. */
static void brackets(struct path *j, const nodes *from, nodes *to, bool *one)
{
    const char *start = j->p;
    for (size_t i = 0; i <= from->count && j->code == 0; i++) {
        const json_t *n = i < from->count ? from->items[i] : NULL;
        if (n == NULL && from->count > 0)
            break;
        j->p = start;
        selector(j, n, to, one);
        while (j->code == 0 && take(j, ",")) {
            *one = false;
            selector(j, n, to, one);
        }
        if (j->code == 0 && !take(j, "]"))
            wrong(j, j->p, "expected \"]\"");
    }
}

static void descend(struct path *j, const json_t *n, nodes *to, int deep)
{
    nodes below = {0};
    if (deep > DESCENT_MAX || !add(j, to, n))
        return;
    children(j, n, &below);
    for (size_t i = 0; i < below.count && j->code == 0; i++)
        if (json_is_object(below.items[i]) || json_is_array(below.items[i]))
            descend(j, below.items[i], to, deep + 1);
    array_deinit(&below);
}

/* ".name", ".*" behind the dot. */
static void dotted(struct path *j, const nodes *from, nodes *to, bool *one)
{
    char name[NAME_LEN_MAX];
    size_t len = 0;
    if (take(j, "*")) {
        *one = false;
        for (size_t i = 0; i < from->count && j->code == 0; i++)
            children(j, from->items[i], to);
        return;
    }
    while (name_char(j->p[len]))
        len++;
    if (len == 0 || len >= sizeof name) {
        wrong(j, j->p, "expected a name");
        return;
    }
    memcpy(name, j->p, len);
    name[len] = '\0';
    j->p += len;
    for (size_t i = 0; i < from->count && j->code == 0; i++)
        add(j, to, json_object_get(from->items[i], name));
}

/* All segments from here on; `list` is what they begin with and what they end with. */
static void segments(struct path *j, nodes *list, bool *one)
{
    *one = true;
    while (j->code == 0 && (*j->p == '.' || *j->p == '[')) {
        nodes next = {0}, all = {0};
        const nodes *from = list;
        if (take(j, "..")) {
            *one = false;
            for (size_t i = 0; i < list->count && j->code == 0; i++)
                descend(j, list->items[i], &all, 0);
            from = &all;
            if (take(j, "["))
                brackets(j, from, &next, one);
            else
                dotted(j, from, &next, one);
        } else if (take(j, "[") || take(j, ".[")) {
            brackets(j, from, &next, one);
        } else {
            j->p++;
            dotted(j, from, &next, one);
        }
        array_deinit(&all);
        array_deinit(list);
        *list = next;
    }
}

/* ---- conditions ---- */

static const json_t *single(const struct operand *o)
{
    return o->kind == OPERAND_NODES ? (o->nodes.count == 1 ? o->nodes.items[0] : NULL) : o->value;
}

static bool less(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) < json_number_value(b);
    return json_is_string(a) && json_is_string(b) && value_text_order(a, b) < 0;
}

static bool same(const json_t *a, const json_t *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) == 1;
}

static void operand(struct path *j, const json_t *current, struct operand *out);

static void length_of(struct path *j, const json_t *v, struct operand *out)
{
    size_t count = json_is_array(v) ? json_array_size(v) : json_object_size(v);
    const char *s = json_string_value(v);
    for (size_t i = 0; i < json_string_length(v); i++)
        count += ((unsigned char)s[i] & 0xC0) != 0x80;
    if (json_is_array(v) || json_is_object(v) || json_is_string(v))
        out->value = keep(j, json_integer((json_int_t)count));
}

static void matches(const json_t *text, const json_t *pattern, bool whole, struct operand *out)
{
    struct error why = ERROR_INIT;
    struct text wrapped = TEXT_INIT;
    out->kind = OPERAND_TRUTH;
    if (!json_is_string(text) || !json_is_string(pattern) || value_has_zero(pattern))
        return;
    text_printf(&wrapped, whole ? "^(?:%s)$" : "%s", json_string_value(pattern));
    struct query_regex *r = text_ok(&wrapped) ? query_regex_new(text_string(&wrapped), &why) : NULL;
    size_t span[2];
    out->truth =
        r != NULL && query_regex_find(r, BYTES(json_string_value(text), json_string_length(text)), 0, span, 1) > 0;
    query_regex_free(r);
    text_deinit(&wrapped);
    error_clear(&why);
}

/* RFC 9535, 2.4. */
static bool function(struct path *j, const json_t *current, struct operand *out)
{
    static const struct {
        const char *name;
        int arguments;
    } functions[] = {{"length(", 1}, {"count(", 1}, {"value(", 1}, {"match(", 2}, {"search(", 2}};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        struct operand args[2] = {{0}, {0}};
        if (!take(j, functions[i].name))
            continue;
        operand(j, current, &args[0]);
        blanks(j);
        if (functions[i].arguments == 2 && j->code == 0) {
            if (!take(j, ","))
                wrong(j, j->p, "expected \",\" and a pattern");
            else
                operand(j, current, &args[1]);
            blanks(j);
        }
        if (j->code == 0 && !take(j, ")"))
            wrong(j, j->p, "expected \")\"");
        out->kind = OPERAND_VALUE;
        if (i == 0)
            length_of(j, single(&args[0]), out);
        else if (i == 1)
            out->value = keep(j, json_integer((json_int_t)args[0].nodes.count));
        else if (i == 2)
            out->value = single(&args[0]);
        else
            matches(single(&args[0]), single(&args[1]), i == 3, out);
        array_deinit(&args[0].nodes);
        array_deinit(&args[1].nodes);
        return true;
    }
    return false;
}

static void number(struct path *j, struct operand *out)
{
    char *end;
    const char *start = j->p;
    size_t len = strspn(start, "+-0123456789.eE");
    double value = strtod(start, &end);
    if (len == 0 || end == start || (size_t)(end - start) > len) {
        wrong(j, start, "expected @, $, a value or a function");
        return;
    }
    out->value = keep(j, json_real(value));
    j->p = end;
}

static void operand(struct path *j, const json_t *current, struct operand *out)
{
    static const char *const words[] = {"true", "false", "null"};
    bool one;
    blanks(j);
    out->kind = OPERAND_VALUE;
    if (*j->p == '@' || *j->p == '$') {
        const json_t *from = *j->p++ == '@' ? current : current != NULL ? j->root : NULL;
        out->kind = OPERAND_NODES;
        add(j, &out->nodes, from);
        segments(j, &out->nodes, &one);
        return;
    }
    if (*j->p == '\'' || *j->p == '"') {
        json_t *made = quoted(j);
        out->value = made != NULL ? keep(j, made) : NULL;
        return;
    }
    if (function(j, current, out))
        return;
    for (size_t i = 0; i < 3; i++)
        if (take(j, words[i])) {
            out->value = keep(j, i == 2 ? json_null() : json_boolean(i == 0));
            return;
        }
    number(j, out);
}

static bool compare(struct path *j, const json_t *current)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">"};
    struct operand a = {0}, b = {0};
    operand(j, current, &a);
    blanks(j);
    bool truth = a.kind == OPERAND_NODES ? a.nodes.count > 0 : a.kind == OPERAND_TRUTH && a.truth;
    for (size_t i = 0; i < 6 && j->code == 0; i++) {
        if (!take(j, signs[i]))
            continue;
        operand(j, current, &b);
        const json_t *l = single(&a), *r = single(&b);
        truth = i == 0   ? same(l, r)
                : i == 1 ? !same(l, r)
                : i == 2 ? less(l, r) || (same(l, r) && l != NULL)
                : i == 3 ? less(r, l) || (same(l, r) && l != NULL)
                : i == 4 ? less(l, r)
                         : less(r, l);
        break;
    }
    array_deinit(&a.nodes);
    array_deinit(&b.nodes);
    return truth;
}

static bool basic(struct path *j, const json_t *current)
{
    bool truth;
    blanks(j);
    if (++j->nested > NESTED_MAX) {
        wrong(j, j->p, "too many brackets");
        truth = false;
    } else if (*j->p == '!' && j->p[1] != '=') {
        j->p++;
        truth = !basic(j, current);
    } else if (take(j, "(")) {
        truth = condition(j, current);
        blanks(j);
        if (j->code == 0 && !take(j, ")"))
            wrong(j, j->p, "expected \")\"");
    } else {
        truth = compare(j, current);
    }
    j->nested--;
    return truth && j->code == 0;
}

static bool all_of(struct path *j, const json_t *current)
{
    bool truth = basic(j, current);
    for (blanks(j); j->code == 0 && take(j, "&&"); blanks(j))
        truth = basic(j, current) && truth;
    return truth;
}

static bool condition(struct path *j, const json_t *current)
{
    bool truth;
    if (++j->nested > NESTED_MAX) {
        wrong(j, j->p, "too many brackets");
        truth = false;
    } else {
        truth = all_of(j, current);
        for (blanks(j); j->code == 0 && take(j, "||"); blanks(j))
            truth = all_of(j, current) || truth;
    }
    j->nested--;
    return truth;
}

/* ---- the path ---- */

static json_t *result(struct path *j, const nodes *list, bool one)
{
    if (one)
        return list->count > 0 ? json_copy_whole(list->items[0]) : NULL;
    json_t *out = json_array();
    bool ok = out != NULL;
    for (size_t i = 0; i < list->count && ok; i++)
        ok = json_array_append_new(out, json_copy_whole(list->items[i])) == 0;
    if (!ok)
        no_memory(j);
    return out;
}

int jsonpath_find(const json_t *root, const char *path, json_t **out, struct error *err)
{
    struct path j = {.start = path, .p = path, .root = root, .err = err, .made = json_array()};
    nodes list = {0};
    bool one = true;
    *out = NULL;
    if (j.made == NULL)
        no_memory(&j);
    else if (!take(&j, "$"))
        wrong(&j, j.p, "a path begins with $");
    add(&j, &list, root);
    segments(&j, &list, &one);
    if (j.code == 0 && *j.p != '\0')
        wrong(&j, j.p, "expected \".name\", \"..name\" or \"[\"");
    if (j.code == 0)
        *out = result(&j, &list, one);
    if (j.code == 0 && one && list.count > 0 && *out == NULL)
        no_memory(&j);
    if (j.code != 0) {
        json_decref(*out);
        *out = NULL;
    }
    array_deinit(&list);
    json_decref(j.made);
    return j.code;
}
