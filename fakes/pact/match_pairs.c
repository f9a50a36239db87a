/* Names with values: queries and forms, headers, metadata. */
#include "fakes/pact/match.h"

#include <strings.h>

static bool same_name(const char *a, const char *b, bool lower)
{
    return lower ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

/* All values of a name, as a list of texts; NULL: no memory, then m->rc. */
static json_t *values_of(struct match *m, const struct pact_headers *pairs, const char *name, bool lower)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < pairs->count; i++)
        if (same_name(pairs->items[i].name, name, lower))
            ok = json_array_append_new(
                     list, json_string_nocheck(pairs->items[i].value != NULL ? pairs->items[i].value : "")) == 0;
    if (ok)
        return list;
    json_decref(list);
    (void)match_out_of_memory(m);
    return NULL;
}

static bool is_first(const struct pact_headers *pairs, size_t i, bool lower)
{
    for (size_t k = 0; k < i; k++)
        if (same_name(pairs->items[k].name, pairs->items[i].name, lower))
            return false;
    return true;
}

/* `list` holds texts. One is shown by itself. */
static void report_list(struct match *m, enum match_help help, const json_t *list, bool missing)
{
    struct text text = TEXT_INIT;
    text_puts(&text, missing ? "" : "there was ");
    match_describe(json_array_size(list) == 1 ? json_array_get(list, 0) : list, &text);
    if (!text_ok(&text))
        (void)match_out_of_memory(m);
    match_report(m, NULL, help, missing ? text_string(&text) : "nothing of that name",
                 missing ? "was missing" : text_string(&text));
    text_deinit(&text);
}

static void match_pair(struct match *m, const char *name, const struct pact_headers *expected,
                       const struct pact_headers *actual)
{
    json_t *e = values_of(m, expected, name, false), *a = e != NULL ? values_of(m, actual, name, false) : NULL;
    if (a != NULL && match_down(m, name, 0)) {
        if (json_array_size(a) == 0)
            report_list(m, HELP_MISSING, e, true);
        else
            match_json(m, e, a);
        match_up(m);
    }
    json_decref(e);
    json_decref(a);
}

void match_pairs(struct match *m, const struct pact_headers *expected, const struct pact_headers *actual)
{
    for (size_t i = 0; i < expected->count && m->rc == 0; i++)
        if (is_first(expected, i, false))
            match_pair(m, expected->items[i].name, expected, actual);
    for (size_t i = 0; i < actual->count && m->rc == 0; i++) {
        bool known = !is_first(actual, i, false);
        for (size_t k = 0; k < expected->count && !known; k++)
            known = strcmp(expected->items[k].name, actual->items[i].name) == 0;
        json_t *a = known ? NULL : values_of(m, actual, actual->items[i].name, false);
        if (a != NULL && match_down(m, actual->items[i].name, 0)) {
            report_list(m, HELP_UNEXPECTED, a, false);
            match_up(m);
        }
        json_decref(a);
    }
}

/* ---- headers
 * ------------------------------------------------------------------------------------------------------------ */

struct part {
    const char *text;
    size_t len;
};

/* Line ends too: a folded header has them. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next part up to `stop`, trimmed; false: none is left. */
static bool next_part(const char **at, char stop, struct part *out)
{
    if (*at == NULL)
        return false;
    const char *start = *at, *end = strchr(start, stop);
    size_t len = end != NULL ? (size_t)(end - start) : strlen(start);
    *at = end != NULL ? end + 1 : NULL;
    while (len > 0 && is_blank(*start))
        start++, len--;
    while (len > 0 && is_blank(start[len - 1]))
        len--;
    *out = (struct part){start, len};
    return true;
}

static bool equal_part(struct part a, struct part b)
{
    return a.len == b.len && strncmp(a.text, b.text, a.len) == 0;
}

static bool same_part(struct part a, struct part b)
{
    return a.len == b.len && strncasecmp(a.text, b.text, a.len) == 0;
}

/* A parameter as "name=value" without blanks around the sign, compared without case. */
static bool same_parameter(struct part a, struct part b)
{
    const char *x = memchr(a.text, '=', a.len), *y = memchr(b.text, '=', b.len);
    if (x == NULL || y == NULL)
        return same_part(a, b);
    char text_a[256], text_b[256];
    if (a.len >= sizeof text_a || b.len >= sizeof text_b)
        return same_part(a, b);
    memcpy(text_a, a.text, a.len);
    memcpy(text_b, b.text, b.len);
    text_a[a.len] = text_b[b.len] = '\0';
    const char *p = text_a, *q = text_b;
    struct part m, n;
    while (next_part(&p, '=', &m))
        if (!next_part(&q, '=', &n) || !same_part(m, n))
            return false;
    return q == NULL;
}

bool match_parameters(const char *expected, const char *actual)
{
    const char *e = expected, *a = actual, *all;
    struct part x, y;
    if (!next_part(&e, ';', &x) || !next_part(&a, ';', &y) || !equal_part(x, y))
        return false;
    all = a;
    while (next_part(&e, ';', &x)) {
        bool found = x.len == 0;
        for (a = all; !found && next_part(&a, ';', &y);)
            found = same_parameter(x, y);
        if (!found)
            return false;
    }
    return true;
}

/* Blanks around commas do not count (RFC 9110, 5.6.1). */
static bool same_list(const char *expected, const char *actual)
{
    struct part x, y;
    while (next_part(&expected, ',', &x))
        if (!next_part(&actual, ',', &y) || !equal_part(x, y))
            return false;
    return actual == NULL;
}

/* Accept: a list of types, each with its parameters. */
static bool same_types(const char *expected, const char *actual)
{
    struct part x, y;
    while (next_part(&expected, ',', &x)) {
        char one[512], other[512];
        if (!next_part(&actual, ',', &y))
            return false;
        if (x.len >= sizeof one || y.len >= sizeof other) {
            if (!equal_part(x, y))
                return false;
            continue;
        }
        memcpy(one, x.text, x.len);
        memcpy(other, y.text, y.len);
        one[x.len] = other[y.len] = '\0';
        if (!match_parameters(one, other))
            return false;
    }
    return actual == NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static void match_header_value(struct match *m, const char *name, const char *expected, const char *actual)
{
    bool cascaded;
    bool fits = strcmp(name, "content-type") == 0 ? match_parameters(expected, actual)
                : strcmp(name, "accept") == 0     ? same_types(expected, actual)
                                                  : same_list(expected, actual);
    if (match_select(m, &cascaded) != NULL || !fits)
        match_texts(m, expected, actual);
}

/* Each value of a list in one header as a value of its own. */
static json_t *split(struct match *m, const json_t *list)
{
    json_t *out = json_array();
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const char *at = json_string_value(json_array_get(list, i));
        struct part p;
        while (ok && next_part(&at, ',', &p))
            ok = json_array_append_new(out, json_stringn_nocheck(p.text, p.len)) == 0;
    }
    if (!ok)
        (void)match_out_of_memory(m);
    return ok ? out : (json_decref(out), NULL);
}

static void match_header_lists(struct match *m, const char *name, json_t *e, json_t *a)
{
    bool cascaded;
    if (json_array_size(e) == 1 && json_array_size(a) == 1) {
        match_header_value(m, name, json_string_value(json_array_get(e, 0)), json_string_value(json_array_get(a, 0)));
        return;
    }
    if (match_select(m, &cascaded) != NULL || json_array_size(e) != json_array_size(a)) {
        match_json(m, e, a);
        return;
    }
    for (size_t i = 0; i < json_array_size(e); i++)
        if (match_down(m, NULL, i)) {
            match_header_value(m, name, json_string_value(json_array_get(e, i)),
                               json_string_value(json_array_get(a, i)));
            match_up(m);
        }
}

/* A server may send a list in one header or in several (RFC 9110, 5.3), but for these, which have commas in them. */
static void match_header(struct match *m, const char *name, json_t *e, json_t *a)
{
    static const char *const SINGLE[] = {"date",    "accept-datetime", "if-modified-since", "if-unmodified-since",
                                         "expires", "retry-after",     "last-modified",     "set-cookie",
                                         NULL};
    json_t *x = NULL, *y = NULL;
    if (json_array_size(a) == 0) {
        report_list(m, HELP_MISSING, e, true);
    } else if (json_array_size(e) != json_array_size(a) && !is_among(name, SINGLE)) {
        x = split(m, e);
        y = x != NULL ? split(m, a) : NULL;
        if (y != NULL)
            match_header_lists(m, name, x, y);
    } else {
        match_header_lists(m, name, e, a);
    }
    json_decref(x);
    json_decref(y);
}

void match_headers(struct match *m, const struct pact_headers *expected, const struct pact_headers *actual)
{
    for (size_t i = 0; i < expected->count && m->rc == 0; i++) {
        if (!is_first(expected, i, true))
            continue;
        char *name = arena_string(&m->scratch, expected->items[i].name);
        for (char *c = name; c != NULL && *c != '\0'; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c | 0x20);
        json_t *e = name != NULL ? values_of(m, expected, name, true) : NULL;
        json_t *a = e != NULL ? values_of(m, actual, name, true) : NULL;
        if (name == NULL)
            (void)match_out_of_memory(m);
        if (a != NULL && match_down(m, name, 0)) {
            match_header(m, name, e, a);
            match_up(m);
        }
        json_decref(e);
        json_decref(a);
    }
}

/* ---- metadata
 * ----------------------------------------------------------------------------------------------------------- */

static bool is_content_type(const char *name)
{
    return strcasecmp(name, "contenttype") == 0 || strcasecmp(name, "content-type") == 0;
}

/* A reference of the caller's, or NULL: it is not there, or no memory (then m->rc). */
static json_t *metadata_value(struct match *m, const struct pact_part *part, const char *name)
{
    json_t *value = json_object_get(part->metadata, name);
    const char *key, *text = NULL;
    json_t *other;
    if (value != NULL)
        return json_incref(value);
    json_object_foreach(part->metadata, key, other)
    {
        if (strcasecmp(key, name) == 0)
            return json_incref(other);
    }
    for (size_t i = 0; text == NULL && i < part->headers.count; i++)
        if (strcasecmp(part->headers.items[i].name, name) == 0)
            text = part->headers.items[i].value;
    if (text == NULL && is_content_type(name))
        text = part->content.type;
    if (text == NULL)
        return NULL;
    value = json_string_nocheck(text);
    if (value == NULL)
        (void)match_out_of_memory(m);
    return value;
}

/* What is sent as text is the value it says: "7" for 7. */
static bool same_as_text(struct match *m, const json_t *e, const json_t *a)
{
    struct text text = TEXT_INIT;
    if (json_is_string(e) || !json_is_string(a))
        return false;
    pact_json_text(e, 0, &text);
    bool same = bytes_is(text_bytes(&text), json_string_value(a));
    if (!text_ok(&text))
        (void)match_out_of_memory(m);
    text_deinit(&text);
    return same;
}

static void match_entry(struct match *m, const char *key, json_t *e, json_t *a)
{
    bool cascaded;
    const struct pact_rule *rule = match_select(m, &cascaded);
    bool type = is_content_type(key) && json_is_string(e) && json_is_string(a);
    m->textual = json_is_string(a);
    if (rule != NULL ||
        !((type && match_parameters(json_string_value(e), json_string_value(a))) || same_as_text(m, e, a)))
        match_json(m, e, a);
}

void match_metadata(struct match *m, const struct pact_part *expected, const struct pact_part *actual)
{
    const char *key;
    json_t *value;
    if (match_use(m, PACT_METADATA, &expected->rules, false) != 0)
        return;
    json_object_foreach(expected->metadata, key, value)
    {
        json_t *a = metadata_value(m, actual, key);
        if (m->rc == 0 && match_down(m, key, 0)) {
            if (a != NULL) {
                match_entry(m, key, value, a);
            } else {
                struct text text = TEXT_INIT;
                match_describe(value, &text);
                match_report(m, NULL, HELP_MISSING, text_string(&text), "was missing");
                text_deinit(&text);
            }
            match_up(m);
        }
        json_decref(a);
    }
}
