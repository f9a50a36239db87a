/* Documents made node by node: children hang in lists until the end, when they are laid out as documents have them. */
#include "base/document_build.h"
#include "e2e/import/import.h"

#include <string.h>

struct build_node {
    enum node_kind kind;
    size_t at, count;
    const char *key; /* in a map */
    struct build_node *first, *last, *next;
    bool boolean;
    int64_t integer;
    double real;
    struct bytes text;
};

static struct build_node *make(struct build *b, enum node_kind kind, size_t at)
{
    struct build_node *n = b->failed ? NULL : ARENA_NEW(&b->document->arena, struct build_node);
    b->failed = b->failed || n == NULL;
    if (n != NULL)
        *n = (struct build_node){.kind = kind, .at = b->elsewhere ? b->place : at};
    return n;
}

struct build_node *build_map(struct build *b, size_t at)
{
    return make(b, NODE_MAP, at);
}

struct build_node *build_list(struct build *b, size_t at)
{
    return make(b, NODE_LIST, at);
}

struct build_node *build_text(struct build *b, size_t at, const char *text, size_t len)
{
    struct build_node *n = make(b, NODE_TEXT, at);
    char *copy = n != NULL ? arena_string_n(&b->document->arena, text, len) : NULL;
    if (n != NULL && copy == NULL)
        b->failed = true;
    if (copy == NULL)
        return NULL;
    n->text = BYTES(copy, len);
    return n;
}

struct build_node *build_string(struct build *b, size_t at, const char *text)
{
    return build_text(b, at, text, strlen(text));
}

struct build_node *build_integer(struct build *b, size_t at, int64_t value)
{
    struct build_node *n = make(b, NODE_INTEGER, at);
    if (n != NULL)
        n->integer = value;
    return n;
}

struct build_node *build_real(struct build *b, size_t at, double value)
{
    struct build_node *n = make(b, NODE_REAL, at);
    if (n != NULL)
        n->real = value;
    return n;
}

struct build_node *build_bool(struct build *b, size_t at, bool value)
{
    struct build_node *n = make(b, NODE_BOOL, at);
    if (n != NULL)
        n->boolean = value;
    return n;
}

struct build_node *build_null(struct build *b, size_t at)
{
    return make(b, NODE_NULL, at);
}

static void append(struct build_node *to, struct build_node *n)
{
    if (to->last != NULL)
        to->last->next = n;
    else
        to->first = n;
    to->last = n;
    to->count++;
}

void build_put(struct build *b, struct build_node *map, const char *key, struct build_node *value)
{
    if (map == NULL || value == NULL)
        return;
    value->key = arena_string(&b->document->arena, key);
    b->failed = b->failed || value->key == NULL;
    if (value->key != NULL)
        append(map, value);
}

void build_add(struct build *b, struct build_node *list, struct build_node *item)
{
    (void)b;
    if (list != NULL && item != NULL)
        append(list, item);
}

void build_splice(struct build_node *to, struct build_node *from)
{
    if (to == NULL || from == NULL || from->first == NULL)
        return;
    if (to->last != NULL)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->count += from->count;
}

struct build_node *build_get(const struct build_node *map, const char *key)
{
    struct build_node *n = map != NULL ? map->first : NULL;
    while (n != NULL && (n->key == NULL || strcmp(n->key, key) != 0))
        n = n->next;
    return n;
}

void build_replace(struct build *b, struct build_node *map, const char *key, struct build_node *value)
{
    struct build_node *was = build_get(map, key);
    if (was == NULL) {
        build_put(b, map, key, value);
    } else if (value != NULL) {
        struct build_node *next = was->next;
        const char *kept = was->key;
        *was = *value;
        was->next = next;
        was->key = kept;
    }
}

bool build_has(const struct build_node *map, const char *key)
{
    return build_get(map, key) != NULL;
}

size_t build_count(const struct build_node *of)
{
    return of != NULL ? of->count : 0;
}

/* Depth is bounded by jansson's. */
struct build_node *build_json(struct build *b, size_t at, const json_t *value)
{
    struct build_node *out = NULL;
    const char *key;
    json_t *item, *walked; /* jansson's iterators take an object that may be changed; this one is not */
    size_t i;
    memcpy(&walked, &value, sizeof walked);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        out = build_map(b, at);
        json_object_foreach(walked, key, item)
        {
            build_put(b, out, key, build_json(b, at, item));
        }
        return out;
    case JSON_ARRAY:
        out = build_list(b, at);
        json_array_foreach(walked, i, item)
        {
            build_add(b, out, build_json(b, at, item));
        }
        return out;
    case JSON_STRING:
        return build_text(b, at, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return build_integer(b, at, json_integer_value(value));
    case JSON_REAL:
        return build_real(b, at, json_real_value(value));
    case JSON_TRUE:
    case JSON_FALSE:
        return build_bool(b, at, json_is_true(value));
    case JSON_NULL:
        break;
    }
    return build_null(b, at);
}

/* ---- laying out ---- */

static int lay_out(struct build *b, const struct build_node *from, struct node *to, int depth)
{
    struct document *d = b->document;
    int code = 0;
    if (depth > DOCUMENT_DEPTH_MAX)
        return ERROR_LIMIT;
    *to = (struct node){.kind = from->kind, .document = d};
    document_place(d, from->at, &to->line, &to->column);
    if (from->kind == NODE_BOOL) {
        to->boolean = from->boolean;
    } else if (from->kind == NODE_INTEGER) {
        to->integer = from->integer;
    } else if (from->kind == NODE_REAL) {
        to->real = from->real;
    } else if (from->kind == NODE_TEXT) {
        to->text = from->text;
    } else if (from->kind == NODE_LIST) {
        to->list.items = ARENA_NEW_N(&d->arena, struct node, from->count + 1);
        for (const struct build_node *n = from->first; n != NULL && to->list.items != NULL && code == 0; n = n->next)
            code = lay_out(b, n, &to->list.items[to->list.count++], depth + 1);
        return to->list.items != NULL ? code : ERROR_MEMORY;
    } else if (from->kind == NODE_MAP) {
        to->map.pairs = ARENA_NEW_N(&d->arena, struct node_pair, from->count + 1);
        for (const struct build_node *n = from->first; n != NULL && to->map.pairs != NULL && code == 0; n = n->next) {
            struct node_pair *p = &to->map.pairs[to->map.count++];
            p->key = n->key;
            code = lay_out(b, n, &p->value, depth + 1);
            p->key_line = p->value.line;
            p->key_column = p->value.column;
        }
        return to->map.pairs != NULL ? code : ERROR_MEMORY;
    }
    return 0;
}

int build_finish(struct build *b, const struct build_node *root, struct error *err)
{
    struct node laid;
    if (b->failed || root == NULL)
        return document_no_memory(b->document, err);
    int code = lay_out(b, root, &laid, 1);
    if (code == ERROR_MEMORY)
        return document_no_memory(b->document, err);
    if (code != 0)
        return document_error(b->document, root->at, err, code, "more than %d levels", DOCUMENT_DEPTH_MAX);
    b->document->root = laid;
    return 0;
}
