/* Bodies of several parts (multipart/form-data, multipart/mixed and their kin), as the reference implementation of Pact
 * matches them: a part is found by its name, or by its place when it has none, and is "$.name" or "$[0]" for the rules.
 * A plain value is text; a file, and what has no Content-Disposition, is a body of its own type with rules below that
 * place. Headers of a part are "$.name.content-type". Boundaries differ from run to run and are not compared. */
#include "fakes/pact/match.h"

#include "base/base64.h"
#include "wire/multipart.h"

#include <strings.h>

struct part {
    const char *name; /* NULL: none */
    bool file;
    struct bytes head;
    struct pact_content content;
};

struct parts {
    struct arena *arena;
    ARRAY(struct part) items;
};

static bool is(struct bytes a, const char *name)
{
    return a.len == strlen(name) && strncasecmp((const char *)a.data, name, a.len) == 0;
}

/* The value of a part's header; false: it is not there. */
static bool header_of(const struct part *p, struct bytes wanted, struct bytes *value)
{
    struct bytes head = p->head, name;
    while (multipart_header(&head, &name, value))
        if (name.len == wanted.len && strncasecmp((const char *)name.data, (const char *)wanted.data, name.len) == 0)
            return true;
    return false;
}

static int undo_encoding(const struct parts *all, struct part *p)
{
    struct text out = TEXT_INIT;
    struct bytes how;
    int rc = 0;
    if (header_of(p, bytes_of("content-transfer-encoding"), &how) && is(how, "base64") &&
        base64_read(&out, p->content.bytes, BASE64_BLANKS)) {
        p->content.bytes = BYTES(arena_copy(all->arena, text_string(&out), out.len), out.len);
        rc = out.len > 0 && p->content.bytes.data == NULL ? ERROR_MEMORY : 0;
    }
    rc = out.failed ? ERROR_MEMORY : rc;
    text_deinit(&out);
    return rc;
}

static int add_part(void *arg, const struct multipart_part *from, struct error *err)
{
    struct parts *all = arg;
    struct part p = {.name = from->name,
                     .file = from->filename != NULL || !from->disposed,
                     .head = from->head,
                     .content = {.presence = from->content.len > 0 ? PACT_THERE : PACT_EMPTY,
                                 .type = from->content_type,
                                 .bytes = from->content}};
    if (undo_encoding(all, &p) != 0 || !array_push(&all->items, p))
        return error_set(err, ERROR_MEMORY, "out of memory while reading parts");
    return 0;
}

/* The type's; else what the body begins with: a type may stand in a pact without it. */
static int boundary_of(const struct pact_content *c, char out[MULTIPART_BOUNDARY_MAX + 1], struct error *err)
{
    int rc = multipart_boundary(c->type, out, err);
    const uint8_t *begin = c->bytes.data, *end = c->bytes.len > 2 ? memchr(begin, '\r', c->bytes.len) : NULL;
    if (rc == 0 || rc == ERROR_MEMORY || end == NULL || end - begin < 3 || memcmp(begin, "--", 2) != 0 ||
        end - begin - 2 > MULTIPART_BOUNDARY_MAX)
        return rc;
    error_clear(err);
    memcpy(out, begin + 2, (size_t)(end - begin) - 2);
    out[end - begin - 2] = '\0';
    return 0;
}

/* False: it is none, which was reported, or m->rc. */
static bool read_parts(struct match *m, const struct pact_content *c, bool expected, struct parts *out)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    struct error why = ERROR_INIT;
    struct text text = TEXT_INIT;
    out->arena = &m->scratch;
    int rc = boundary_of(c, boundary, &why);
    if (rc == 0)
        rc = multipart_parse(MULTIPART_ANY, c->bytes, boundary, &m->scratch, add_part, out, &why);
    if (rc == ERROR_MEMORY) {
        (void)match_out_of_memory(m);
    } else if (rc != 0) {
        text_printf(&text, "%s is none (%s)", expected ? "the pact's" : "it", why.message);
        if (!text_ok(&text))
            (void)match_out_of_memory(m);
        match_report(m, NULL, HELP_TYPE, "a body of several parts", text_string(&text));
    }
    text_deinit(&text);
    error_clear(&why);
    return rc == 0;
}

static void report(struct match *m, enum match_help help, const char *expected, const char *what, const char *actual,
                   size_t len)
{
    struct text text = TEXT_INIT;
    text_puts(&text, what);
    if (actual != NULL) {
        text_char(&text, '"');
        text_printable(&text, actual, len, PACT_BRIEF_MAX);
        text_char(&text, '"');
    }
    if (!text_ok(&text))
        (void)match_out_of_memory(m);
    match_report(m, NULL, help, expected, text_string(&text));
    text_deinit(&text);
}

/* ---- headers ---- */

/* A header's name as a rule at this place spells it, or in lower case. */
static const char *spelled(struct match *m, struct bytes name)
{
    for (size_t i = 0; i < m->rule_count; i++) {
        const struct pact_path *p = &m->rules[i].path;
        const struct path_token *last = p->count > 0 ? &p->tokens[p->count - 1] : NULL;
        if (p->count == m->depth + 1 && last->kind == PATH_FIELD && is(name, last->name))
            return last->name;
    }
    char *lower = arena_string_n(&m->scratch, (const char *)name.data, name.len);
    for (char *c = lower; c != NULL && *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    return lower;
}

static void match_part_header(struct match *m, struct bytes name, struct bytes e, const struct bytes *a)
{
    bool cascaded;
    char *expected = arena_string_n(&m->scratch, (const char *)e.data, e.len), *actual = NULL;
    if (a != NULL)
        actual = arena_string_n(&m->scratch, (const char *)a->data, a->len);
    if (expected == NULL || (a != NULL && actual == NULL)) {
        (void)match_out_of_memory(m);
        return;
    }
    bool ruled = match_select(m, &cascaded) != NULL && !cascaded;
    if (actual == NULL) {
        if (!is(name, "content-type") && !is(name, "content-disposition") && !is(name, "content-transfer-encoding"))
            report(m, HELP_MISSING, expected, "the part's header was missing", NULL, 0);
    } else if (ruled) {
        match_bytes(m, e, *a);
    } else if (!is(name, "content-disposition") && !match_parameters(expected, actual)) {
        report(m, HELP_VALUE, expected, "was ", actual, a->len);
    }
}

static void match_part_headers(struct match *m, const struct part *e, const struct part *a)
{
    struct bytes head = e->head, name, value, other;
    while (m->rc == 0 && multipart_header(&head, &name, &value)) {
        const char *key = spelled(m, name);
        if (key == NULL) {
            (void)match_out_of_memory(m);
        } else if (match_down(m, key, 0)) {
            match_part_header(m, name, value, header_of(a, name, &other) ? &other : NULL);
            match_up(m);
        }
    }
}

/* ---- parts ---- */

static void match_content(struct match *m, const struct part *e, const struct part *a)
{
    const char *type = e->content.type;
    bool formed = type != NULL && (e->file || pact_type_is_json(type) || pact_type_is_xml(type));
    if (!formed || e->content.bytes.len == 0 || a->content.bytes.len == 0) {
        match_bytes(m, e->content.bytes, a->content.bytes);
    } else {
        const struct match_rule *rules = m->rules;
        size_t rule_count = m->rule_count;
        bool textual = m->textual;
        match_by_type(m, type, &e->content, &a->content);
        m->rules = rules;
        m->rule_count = rule_count;
        m->textual = textual;
    }
}

static void match_part(struct match *m, const struct part *e, const struct part *a)
{
    if (e->file != a->file) {
        match_report(m, NULL, HELP_TYPE, e->file ? "a file" : "a plain value",
                     a->file ? "it was a file" : "it was a plain value");
        return;
    }
    size_t before = m->failures;
    match_part_headers(m, e, a);
    /* Of another type, and no rule on the header lets that pass: told already. */
    if (m->failures == before || e->content.type == NULL || a->content.type == NULL ||
        match_same_type(e->content.type, a->content.type))
        match_content(m, e, a);
}

static const struct part *find(const struct parts *in, const struct part *wanted, size_t place)
{
    if (wanted->name == NULL)
        return place < in->items.count && in->items.items[place].name == NULL ? &in->items.items[place] : NULL;
    size_t before = 0;
    for (const struct part *p = wanted; place > 0; place--)
        before += (--p)->name != NULL && strcmp(p->name, wanted->name) == 0;
    for (size_t i = 0; i < in->items.count; i++)
        if (in->items.items[i].name != NULL && strcmp(in->items.items[i].name, wanted->name) == 0 && before-- == 0)
            return &in->items.items[i];
    return NULL;
}

static void match_parts(struct match *m, const struct parts *e, const struct parts *a)
{
    for (size_t i = 0; i < e->items.count; i++) {
        const struct part *p = &e->items.items[i], *other = find(a, p, i);
        if (!match_down(m, p->name, i))
            return;
        if (other != NULL)
            match_part(m, p, other);
        else
            match_report(m, NULL, HELP_MISSING, "a part", "was missing");
        match_up(m);
    }
    for (size_t i = 0; m->request && i < a->items.count; i++) {
        const struct part *p = &a->items.items[i];
        if (find(e, p, i) != NULL || !match_down(m, p->name, i))
            continue;
        match_report(m, NULL, HELP_UNEXPECTED, "no such part", "there was one");
        match_up(m);
    }
}

void match_multipart(struct match *m, const struct pact_content *expected, const struct pact_content *actual)
{
    struct parts e = {0}, a = {0};
    if (read_parts(m, expected, true, &e) && read_parts(m, actual, false, &a))
        match_parts(m, &e, &a);
    array_deinit(&e.items);
    array_deinit(&a.items);
}
