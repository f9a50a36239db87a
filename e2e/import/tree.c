/* JSON and YAML of others, made into flow documents node by node. */
#include "e2e/import/tree.h"

#include "base/document_build.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <string.h>

int tree_begin(struct tree *t, struct bytes input, const char *name, bool json, struct error *err)
{
    t->err = err;
    t->code = json ? document_parse_json(input, name, &t->source, err)
                   : document_parse_yaml_with(input, name, DOCUMENT_ALIASES, &t->source, err);
    if (t->code == 0)
        t->code = document_new(input, name, !json, &t->build.document, err);
    if (t->code != 0) {
        document_free(t->source);
        t->source = NULL;
    }
    return t->code;
}

int tree_end(struct tree *t, const struct build_node *root, struct document **out)
{
    if (t->code == 0)
        t->code = build_finish(&t->build, root, t->err);
    if (t->code == 0)
        *out = t->build.document;
    else
        document_free(t->build.document);
    document_free(t->source);
    return t->code;
}

/* ---- errors ---- */

void tree_error(struct tree *t, const struct node *n, int code, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    if (t->code != 0)
        return;
    if (t->build.failed) { /* what is wrong follows from that */
        tree_no_memory(t);
        return;
    }
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    t->code = text_ok(&message) ? node_error(n, t->err, code, "%s", text_string(&message))
                                : error_set(t->err, ERROR_MEMORY, "out of memory");
    text_deinit(&message);
}

void tree_no_memory(struct tree *t)
{
    if (t->code == 0)
        t->code = document_no_memory(t->build.document, t->err);
}

void tree_tell(struct tree *t, const struct node *n, const char *format, ...)
{
    va_list args;
    if (t->told == NULL)
        return;
    text_printf(t->told, "%s:%d:%d: ", document_name(t->source), n->line, n->column);
    va_start(args, format);
    text_vprintf(t->told, format, args);
    va_end(args);
    text_char(t->told, '\n');
}

/* ---- places ---- */

size_t tree_at(struct tree *t, const struct node *n)
{
    const struct document *d = t->build.document;
    uint32_t c;
    size_t line = (size_t)n->line, column = (size_t)n->column;
    if (line == 0 || line > d->line_count)
        return 0;
    if (t->line != line || t->column > column) {
        t->line = line;
        t->column = 1;
        t->offset = d->lines[line - 1];
    }
    for (; t->column < column && t->offset < d->input.len; t->column++)
        (void)utf8_next(d->input, &t->offset, &c);
    return t->offset;
}

/* ---- texts ---- */

void tree_plain(struct bytes text, struct text *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '$' && i + 1 < text.len && text.data[i + 1] == '{')
            text_char(out, '$');
        text_char(out, (char)text.data[i]);
    }
}

void tree_say(struct tree *t, const struct node *n, struct text *out)
{
    if (t->say != NULL)
        t->say(t, n, n->text, out);
    else
        tree_plain(n->text, out);
}

struct build_node *tree_string(struct tree *t, const struct node *n, const char *text)
{
    return build_string(&t->build, tree_at(t, n), text);
}

struct build_node *tree_text(struct tree *t, const struct node *n, struct text *text)
{
    struct build_node *out = NULL;
    if (!text_ok(text))
        tree_no_memory(t);
    else
        out = build_text(&t->build, tree_at(t, n), text_string(text), text->len);
    text_deinit(text);
    return out;
}

struct build_node *tree_said(struct tree *t, const struct node *n)
{
    struct text out = TEXT_INIT;
    if (t->value != NULL)
        return t->value(t, n);
    tree_say(t, n, &out);
    return tree_text(t, n, &out);
}

struct build_node *tree_copy(struct tree *t, const struct node *n)
{
    size_t at = tree_at(t, n);
    struct build_node *out = NULL;
    switch (n->kind) {
    case NODE_NULL:
        return build_null(&t->build, at);
    case NODE_BOOL:
        return build_bool(&t->build, at, n->boolean);
    case NODE_INTEGER:
        return build_integer(&t->build, at, n->integer);
    case NODE_REAL:
        return build_real(&t->build, at, n->real);
    case NODE_TEXT:
        return tree_said(t, n);
    case NODE_LIST:
        out = build_list(&t->build, at);
        for (size_t i = 0; i < n->list.count; i++)
            build_add(&t->build, out, tree_copy(t, &n->list.items[i]));
        return out;
    case NODE_MAP:
        out = build_map(&t->build, at);
        for (size_t i = 0; i < n->map.count; i++)
            build_put(&t->build, out, n->map.pairs[i].key, tree_copy(t, &n->map.pairs[i].value));
        break;
    }
    return out;
}

/* ---- names ---- */

void tree_name(struct tree *t, const struct node *n, struct build_node *flow, struct map *names, const char *text)
{
    struct text name = TEXT_INIT;
    static char taken;
    for (const char *p = text; *p != '\0'; p++)
        text_char(&name, (unsigned char)*p < 0x20 ? ' ' : *p == '"' ? '\'' : *p);
    if (name.len == 0)
        text_puts(&name, "unnamed");
    size_t len = name.len;
    for (int i = 2; text_ok(&name) && map_get(names, text_string(&name)) != NULL; i++) {
        text_truncate(&name, len);
        text_printf(&name, " (%d)", i);
    }
    if (!text_ok(&name) || !map_put(names, text_string(&name), &taken))
        tree_no_memory(t);
    build_put(&t->build, flow, "flow", tree_text(t, n, &name));
}

/* ---- members ---- */

const struct node *tree_member(struct tree *t, const struct node *map, const char *key, enum node_kind kind)
{
    const struct node *n = node_get(map, key);
    if (n == NULL || n->kind == NODE_NULL)
        return NULL;
    if (n->kind != kind) {
        tree_error(t, n, ERROR_INVALID, "%s: expected %s, found %s", key, node_kind_name(kind),
                   node_kind_name(n->kind));
        return NULL;
    }
    return n;
}

const char *tree_member_text(struct tree *t, const struct node *map, const char *key)
{
    const struct node *n = tree_member(t, map, key, NODE_TEXT);
    return n != NULL ? (const char *)n->text.data : NULL;
}
