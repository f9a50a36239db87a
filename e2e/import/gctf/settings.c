/* Sections of names and values: META, HEADERS, OPTIONS, DATASET, and those that are the system's matter. */
#include "e2e/import/gctf/gctf.h"

#include "base/document_build.h"
#include "base/json_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- YAML inside a section ---- */

/* The section's YAML as a document; NULL: the error is set. */
static struct document *yaml(struct gctf *g, const struct gctf_section *section)
{
    struct document *d = NULL;
    struct error err = ERROR_INIT;
    int line, column;
    document_place(g->b.document, section->begin, &line, &column);
    struct text own = TEXT_INIT;
    text_add(&own, g->s.in.data + section->begin, section->end - section->begin);
    for (size_t i = 0; text_ok(&own) && i < own.len; i++) { /* lines of comments, which YAML writes otherwise */
        size_t blanks = strspn(own.data + i, " \t");
        if (strncmp(own.data + i + blanks, "//", 2) == 0)
            own.data[i + blanks] = '#';
        i += strcspn(own.data + i, "\n");
    }
    int code =
        text_ok(&own) ? document_parse_yaml(text_bytes(&own), document_name(g->b.document), &d, &err) : ERROR_MEMORY;
    text_deinit(&own);
    if (code == ERROR_MEMORY) {
        g->b.failed = true;
    } else if (code != 0) {
        error_set_at(&g->inside, code, document_name(g->b.document), line + (err.line > 0 ? err.line - 1 : 0),
                     err.column > 0 ? err.column : 1, "%s", err.message != NULL ? err.message : "");
        scan_fail(&g->s, section->begin, "not YAML");
    }
    error_clear(&err);
    return d;
}

/* Where a node of that document is in the file, to the line. */
static size_t place(const struct gctf *g, const struct gctf_section *section, const struct node *n)
{
    size_t at = section->begin;
    for (int line = 1; line < n->line && at < section->end; at++)
        line += g->s.in.data[at] == '\n';
    at += (size_t)(n->column > 0 ? n->column - 1 : 0);
    return at < section->end ? at : section->begin;
}

static struct build_node *copy(struct gctf *g, const struct gctf_section *section, const struct node *n)
{
    struct build *b = &g->b;
    size_t at = place(g, section, n);
    struct build_node *out = NULL;
    struct text said = TEXT_INIT;
    switch (n->kind) {
    case NODE_MAP:
        out = build_map(b, at);
        for (size_t i = 0; i < n->map.count; i++)
            build_put(b, out, n->map.pairs[i].key, copy(g, section, &n->map.pairs[i].value));
        break;
    case NODE_LIST:
        out = build_list(b, at);
        for (size_t i = 0; i < n->list.count; i++)
            build_add(b, out, copy(g, section, &n->list.items[i]));
        break;
    case NODE_TEXT:
        gctf_say(n->text, &said);
        out = gctf_node(g, at, &said);
        break;
    case NODE_INTEGER:
        out = build_integer(b, at, n->integer);
        break;
    case NODE_REAL:
        out = build_real(b, at, n->real);
        break;
    case NODE_BOOL:
        out = build_bool(b, at, n->boolean);
        break;
    case NODE_NULL:
        out = build_null(b, at);
        break;
    }
    return out;
}

static void about(struct text *out, const char *name, const struct node *n)
{
    json_t *v = n != NULL ? node_to_json(n) : NULL;
    char *dumped = v != NULL && !json_is_string(v) ? json_text_by(v, 0) : NULL;
    if (n != NULL && (v == NULL || (!json_is_string(v) && dumped == NULL)))
        out->failed = true;
    else if (v != NULL)
        text_printf(out, "%s%s%s", out->len > 0 ? "\n" : "", name, dumped != NULL ? dumped : json_string_value(v));
    free(dumped);
    json_decref(v);
}

void gctf_meta(struct gctf *g, const struct gctf_section *section)
{
    static const char *const keys[] = {"name", "summary", "tags", "owner", "links", NULL};
    struct document *d = yaml(g, section);
    struct text text = TEXT_INIT;
    if (d == NULL)
        return;
    const struct node *root = document_root(d), *name = node_get(root, "name"), *tags = node_get(root, "tags");
    for (size_t i = 0; root->kind == NODE_MAP && i < root->map.count; i++) {
        size_t k = 0;
        while (keys[k] != NULL && strcmp(keys[k], root->map.pairs[i].key) != 0)
            k++;
        if (keys[k] == NULL)
            scan_fail(&g->s, place(g, section, &root->map.pairs[i].value), "META has no \"%.80s\"",
                      root->map.pairs[i].key);
    }
    if (root->kind != NODE_MAP && root->kind != NODE_NULL)
        scan_fail(&g->s, section->begin, "META is names and values");
    else if (build_has(g->root, "about") || build_has(g->root, "tags") || g->named)
        scan_fail(&g->s, section->at, "section META stands here a second time");
    if (tags != NULL && (tags->kind == NODE_LIST || tags->kind == NODE_TEXT)) {
        struct build_node *list = copy(g, section, tags), *one = list;
        if (tags->kind == NODE_TEXT)
            build_add(&g->b, list = build_list(&g->b, place(g, section, tags)), one);
        build_put(&g->b, g->root, "tags", list);
    }
    if (name != NULL && name->kind == NODE_TEXT) {
        text_puts(&text, (const char *)name->text.data);
        for (size_t i = 0; i < text.len; i++)
            if (strchr("\"\n\r\t", text.data[i]) != NULL)
                text.data[i] = '_';
        build_put(&g->b, g->root, "flow", gctf_node(g, place(g, section, name), &text));
        g->named = true;
    }
    about(&text, "", node_get(root, "summary"));
    about(&text, "owner: ", node_get(root, "owner"));
    about(&text, "links: ", node_get(root, "links"));
    if (text.len > 0)
        build_put(&g->b, g->root, "about", gctf_node(g, section->begin, &text));
    g->b.failed = g->b.failed || !text_ok(&text);
    text_deinit(&text);
    document_free(d);
}

void gctf_dataset(struct gctf *g, const struct gctf_section *section)
{
    struct document *d = yaml(g, section);
    if (d == NULL)
        return;
    const struct node *root = document_root(d);
    struct build_node *rows = build_list(&g->b, section->begin);
    if (root->kind != NODE_LIST || root->list.count == 0)
        scan_fail(&g->s, section->begin, "DATASET is a list of maps");
    else if (build_has(g->root, "cases"))
        scan_fail(&g->s, section->at, "section DATASET stands here a second time");
    for (size_t i = 0; root->kind == NODE_LIST && i < root->list.count; i++) {
        struct build_node *row = build_map(&g->b, place(g, section, &root->list.items[i]));
        if (root->list.items[i].kind != NODE_MAP)
            scan_fail(&g->s, place(g, section, &root->list.items[i]), "DATASET is a list of maps");
        build_put(&g->b, row, "dataset", copy(g, section, &root->list.items[i]));
        build_add(&g->b, rows, row);
    }
    if (g->s.code == 0)
        build_put(&g->b, g->root, "cases", rows);
    document_free(d);
}

/* ---- "name: value" ---- */

/* The next pair; the value is a piece of the file. */
static bool next_pair(struct gctf *g, const struct gctf_section *section, struct text *name, struct bytes *value,
                      size_t *at, size_t *value_at)
{
    struct bytes line;
    text_clear(name);
    if (g->b.failed || !gctf_line(&g->s, section->end, &line, at))
        return false;
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL || colon == line.data) {
        scan_fail(&g->s, *at, "expected \"name: value\"");
        return false;
    }
    size_t n = (size_t)(colon - line.data), from = n + 1;
    while (from < line.len && (line.data[from] == ' ' || line.data[from] == '\t'))
        from++;
    text_add(name, line.data, n);
    *value = BYTES(line.data + from, line.len - from);
    *value_at = *at + from;
    g->b.failed = g->b.failed || !text_ok(name);
    return !g->b.failed;
}

void gctf_headers(struct gctf *g, const struct gctf_section *section, struct gctf_call *call)
{
    struct text name = TEXT_INIT;
    struct bytes value;
    size_t at, from;
    g->s.at = section->begin;
    while (next_pair(g, section, &name, &value, &at, &from)) {
        struct text said = TEXT_INIT;
        if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
            value = BYTES(value.data + 1, value.len - 2);
        gctf_say(value, &said);
        if (build_has(call->metadata, text_string(&name)))
            scan_fail(&g->s, at, "\"%.80s\" stands here a second time", text_string(&name));
        build_put(&g->b, call->metadata, text_string(&name), gctf_node(g, from, &said));
    }
    text_deinit(&name);
}

static double number(struct gctf *g, size_t at, const char *value)
{
    char *end = NULL;
    double n = strtod(value, &end);
    if (end == value || *end != '\0' || !(n >= 0 && n <= 1e6))
        scan_fail(&g->s, at, "expected a number, found \"%.40s\"", value);
    return n;
}

void gctf_settings(struct gctf *g, const struct gctf_section *section, struct gctf_call *call)
{
    struct text name = TEXT_INIT, text = TEXT_INIT;
    struct bytes value;
    size_t at, from;
    g->s.at = section->begin;
    while (next_pair(g, section, &name, &value, &at, &from)) {
        const char *key = text_string(&name);
        text_clear(&text);
        text_add(&text, value.data, value.len);
        const char *v = text_string(&text);
        if (strcmp(key, "timeout") == 0)
            call->effort.timeout = number(g, from, v);
        else if (strcmp(key, "retry") == 0)
            call->effort.retry = number(g, from, v);
        else if (strcmp(key, "retry_delay") == 0)
            call->effort.retry_delay = number(g, from, v);
        else if (strcmp(key, "no_retry") == 0)
            call->effort.no_retry = strcmp(v, "true") == 0;
        else if (strcmp(key, "partial") == 0 && strcmp(v, "true") == 0) /* of files for versions before 1.0 */
            call->partial = true;
        else if (strcmp(key, "partial") == 0 && strcmp(v, "false") == 0)
            call->partial = false;
        else if (strcmp(key, "compression") != 0 || strcmp(v, "none") != 0)
            scan_fail(&g->s, at, "the option \"%.40s: %.40s\" cannot be said in a flow", key, v);
    }
    g->b.failed = g->b.failed || !text_ok(&text);
    text_deinit(&name);
    text_deinit(&text);
}

void gctf_others(struct gctf *g, const struct gctf_section *section)
{
    gctf_leave(g, section->at,
               section->kind == GCTF_ADDRESS
                   ? "ADDRESS is left out: the system's component that has the service is called"
               : section->kind == GCTF_TLS   ? "TLS is left out: the system knows how it is reached"
               : section->kind == GCTF_PROTO ? "PROTO is left out: contracts are the system's"
                                             : "BENCH is left out: a flow measures nothing");
}
