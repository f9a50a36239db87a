#include "fakes/stub/internal.h"

#include <stdlib.h>
#include <string.h>

struct writer {
    struct template_compiler *c;
    ARRAY(struct reply_op) ops;
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- constants, and where they are wrong ---- */

static int locate(const struct pb_type *type, const struct node *n, struct error *err);

static struct node one_pair(struct node_pair *pair, const struct node *at)
{
    struct node map = {.kind = NODE_MAP, .line = at->line, .column = at->column, .document = at->document};
    map.map.pairs = pair;
    map.map.count = 1;
    return map;
}

static int transcode(const struct pb_type *type, const struct node *n, struct text *wire, struct error *err)
{
    json_t *tree = node_to_json(n);
    int code = tree != NULL ? pb_tree_to_wire(type, tree, 0, wire, err) : no_memory(err);
    json_decref(tree);
    return code;
}

static bool is_refused(const struct pb_type *type, const struct node *n, struct error *why)
{
    struct text wire = TEXT_INIT;
    error_clear(why);
    int code = transcode(type, n, &wire, why);
    text_deinit(&wire);
    return code != 0;
}

/* One value of the field is refused: why, or which part of it. */
static int locate_item(const struct pb_field *f, const struct node *n, struct error *err)
{
    struct error why = ERROR_INIT;
    struct arena scratch = ARENA_INIT;
    struct value unused;
    int code = 0;
    if (f->kind == PB_MESSAGE && n->kind == NODE_MAP && f->message->known == PB_ORDINARY)
        return locate(f->message, n, err);
    if (f->kind == PB_MESSAGE && is_refused(f->message, n, &why) && why.message != NULL)
        code = node_error(n, err, ERROR_INVALID, "this is no %s: %s", f->message->full_name, why.message);
    else if (f->kind != PB_MESSAGE)
        code = value_of_node(f, n, &scratch, &unused, err);
    if (code == 0)
        code = node_error(n, err, ERROR_INVALID, "%s takes %s, and this is %s", f->name, value_kind_words(f),
                          node_kind_name(n->kind));
    error_clear(&why);
    arena_deinit(&scratch);
    return code;
}

/* Does the message type refuse its field `key` with this value alone? */
static bool refuses(const struct pb_field *f, const char *key, const struct node *n)
{
    struct error why = ERROR_INIT;
    struct node_pair pair = {.key = key, .value = *n};
    struct node map = one_pair(&pair, n);
    bool refused = is_refused(f->owner, &map, &why);
    error_clear(&why);
    return refused;
}

static struct node one_item(struct node *item)
{
    struct node list = {.kind = NODE_LIST, .line = item->line, .column = item->column, .document = item->document};
    list.list.items = item;
    list.list.count = 1;
    return list;
}

static int locate_entry(const struct pb_field *f, const struct node_pair *entry, const struct node *map,
                        struct error *err)
{
    struct node at = {.line = entry->key_line, .column = entry->key_column, .document = map->document};
    struct value unused;
    if (!value_of_text(&f->message->fields[0], bytes_of(entry->key), &unused))
        return node_error(&at, err, ERROR_INVALID, "a key of %s is %s", f->name,
                          value_kind_words(&f->message->fields[0]));
    return locate_item(&f->message->fields[1], &entry->value, err);
}

static int locate_value(const struct pb_field *f, const struct node_pair *pair, struct error *err)
{
    const struct node *n = &pair->value;
    if (!f->repeated)
        return locate_item(f, n, err);
    if (n->kind != (f->map ? NODE_MAP : NODE_LIST))
        return node_error(n, err, ERROR_INVALID, "%s is a %s, and this is %s", f->name, f->map ? "map" : "list",
                          node_kind_name(n->kind));
    for (size_t i = 0; !f->map && i < n->list.count; i++) {
        struct node item = n->list.items[i], list = one_item(&item);
        if (refuses(f, pair->key, &list))
            return locate_item(f, &n->list.items[i], err);
    }
    for (size_t i = 0; f->map && i < n->map.count; i++) {
        struct node_pair entry = n->map.pairs[i];
        struct node map = one_pair(&entry, n);
        if (refuses(f, pair->key, &map))
            return locate_entry(f, &n->map.pairs[i], n, err);
    }
    return node_error(n, err, ERROR_INVALID, "%s is not valid here", f->name);
}

/* The error of the smallest part of the map that is refused. Depth is bounded by the document's. */
static int locate(const struct pb_type *type, const struct node *n, struct error *err)
{
    struct error why = ERROR_INIT;
    for (size_t i = 0; i < n->map.count; i++) {
        const struct node_pair *pair = &n->map.pairs[i];
        struct node at = {.line = pair->key_line, .column = pair->key_column, .document = n->document};
        const struct pb_field *f;
        int code = match_field(type, pair->key, &at, &f, err);
        if (code != 0)
            return code;
        if (refuses(f, pair->key, &pair->value))
            return locate_value(f, pair, err);
    }
    /* Each alone is taken, but not together: a field said twice, or two of a oneof. */
    is_refused(type, n, &why);
    int code = node_error(n, err, ERROR_INVALID, "%s", why.message != NULL ? why.message : "not valid");
    error_clear(&why);
    return code;
}

static int encode(const struct pb_type *type, const struct node *n, struct text *wire, struct error *err)
{
    struct error why = ERROR_INIT;
    int code = transcode(type, n, wire, &why);
    if (code == ERROR_MEMORY)
        no_memory(err);
    else if (code != 0 && n->kind == NODE_MAP && type->known == PB_ORDINARY)
        code = locate(type, n, err);
    else if (code != 0)
        code = node_error(n, err, ERROR_INVALID, "this is no %s: %s", type->full_name,
                          why.message != NULL ? why.message : error_code_name(code));
    error_clear(&why);
    return code;
}

int reply_constant(struct arena *arena, const struct pb_type *type, const struct node *n, struct bytes *out,
                   struct error *err)
{
    struct text wire = TEXT_INIT;
    int code = encode(type, n, &wire, err);
    if (code == 0) {
        out->data = arena_copy(arena, text_string(&wire), wire.len);
        out->len = wire.len;
        if (out->data == NULL)
            code = no_memory(err);
    }
    text_deinit(&wire);
    return code;
}

/* ---- replies with holes ---- */

static int add(struct writer *w, struct reply_op op)
{
    return array_push(&w->ops, op) ? 0 : no_memory(w->c->err);
}

static int message(struct writer *w, const struct pb_type *type, const struct node *n);

/* One value of the field: a scalar, a sub-message, an item of a list. */
static int single(struct writer *w, const struct pb_field *f, const struct node_pair *pair)
{
    const struct node *n = &pair->value;
    struct reply_op op = {.field = f};
    bool list = false;
    int code;
    if (!node_has_holes(n)) {
        struct node item = *n;
        struct node_pair alone = {.key = pair->key,
                                  .value = f->repeated ? one_item(&item) : item,
                                  .key_line = pair->key_line,
                                  .key_column = pair->key_column};
        struct node map = one_pair(&alone, n);
        op.kind = REPLY_BYTES;
        code = reply_constant(w->c->arena, f->owner, &map, &op.bytes, w->c->err);
        return code != 0 ? code : add(w, op);
    }
    if (f->kind == PB_MESSAGE && n->kind == NODE_MAP && f->message->known == PB_ORDINARY) {
        op.kind = REPLY_OPEN;
        code = add(w, op);
        if (code == 0)
            code = message(w, f->message, n);
        op.kind = REPLY_CLOSE;
        return code != 0 ? code : add(w, op);
    }
    if (f->kind != PB_MESSAGE && n->kind != NODE_TEXT)
        return node_error(n, w->c->err, ERROR_INVALID, "%s takes %s, and this is %s", f->name, value_kind_words(f),
                          node_kind_name(n->kind));
    if (f->kind != PB_MESSAGE) {
        op.kind = REPLY_FIELD;
        code = template_compile(w->c, n, &op.template);
        const struct pb_field *from = code == 0 ? template_field(op.template, &list) : NULL;
        if (from != NULL && (list || (from->kind == PB_MESSAGE && !value_is_text(f))))
            return node_error(n, w->c->err, ERROR_INVALID, "%s takes %s, and %s is a %s", f->name, value_kind_words(f),
                              from->name, list ? "list" : "message");
        return code != 0 ? code : add(w, op);
    }
    if (n->kind == NODE_TEXT) {
        op.kind = REPLY_COPY;
        code = template_compile(w->c, n, &op.template);
        const struct pb_field *from = code == 0 ? template_field(op.template, &list) : NULL;
        if (code != 0 || (from != NULL && !list && from->kind == PB_MESSAGE && from->message == f->message))
            return code != 0 ? code : add(w, op);
        if (f->message->known == PB_ORDINARY)
            return node_error(n, w->c->err, ERROR_INVALID, "%s takes a %s, which this ${...} is not", f->name,
                              f->message->full_name);
    }
    op.kind = REPLY_JSON;
    op.type = f->message;
    code = tree_compile(w->c, n, &op.tree);
    return code != 0 ? code : add(w, op);
}

static int entries(struct writer *w, const struct pb_field *f, const struct node *n)
{
    int code = 0;
    for (size_t i = 0; i < n->map.count && code == 0; i++) {
        struct node_pair pair = n->map.pairs[i];
        struct node key = {.kind = NODE_TEXT,
                           .line = pair.key_line,
                           .column = pair.key_column,
                           .document = n->document,
                           .text = bytes_of(pair.key)};
        struct reply_op op = {.kind = REPLY_FIELD, .field = &f->message->fields[0]};
        struct node_pair value = {
            .key = "value", .value = pair.value, .key_line = pair.key_line, .key_column = pair.key_column};
        code = add(w, (struct reply_op){.kind = REPLY_OPEN, .field = f});
        if (code == 0)
            code = template_compile(w->c, &key, &op.template);
        if (code == 0)
            code = add(w, op);
        if (code == 0)
            code = single(w, &f->message->fields[1], &value);
        if (code == 0)
            code = add(w, (struct reply_op){.kind = REPLY_CLOSE, .field = f});
    }
    return code;
}

static int repeated(struct writer *w, const struct pb_field *f, const struct node_pair *pair)
{
    const struct node *n = &pair->value;
    struct reply_op op = {.kind = REPLY_COPY, .field = f};
    bool list = false;
    int code = 0;
    if (n->kind == NODE_TEXT) {
        code = template_compile(w->c, n, &op.template);
        const struct pb_field *from = code == 0 ? template_field(op.template, &list) : NULL;
        if (code == 0 && (from == NULL || !list || from->kind != f->kind || from->message != f->message ||
                          from->enumeration != f->enumeration))
            code = node_error(n, w->c->err, ERROR_INVALID, "%s is a list of its own type, which this ${...} is not",
                              f->name);
        return code != 0 ? code : add(w, op);
    }
    if (f->map && n->kind == NODE_MAP)
        return entries(w, f, n);
    if (f->map || n->kind != NODE_LIST)
        return node_error(n, w->c->err, ERROR_INVALID, "%s is a %s, and this is %s", f->name, f->map ? "map" : "list",
                          node_kind_name(n->kind));
    for (size_t i = 0; i < n->list.count && code == 0; i++) {
        struct node_pair one = {
            .key = pair->key, .value = n->list.items[i], .key_line = pair->key_line, .key_column = pair->key_column};
        code = single(w, f, &one);
    }
    return code;
}

/* Depth is bounded by the document's. */
static int message(struct writer *w, const struct pb_type *type, const struct node *n)
{
    int code = 0;
    for (size_t i = 0; i < n->map.count && code == 0; i++) {
        const struct node_pair *pair = &n->map.pairs[i];
        struct node at = {.line = pair->key_line, .column = pair->key_column, .document = n->document};
        const struct pb_field *f;
        code = match_field(type, pair->key, &at, &f, w->c->err);
        if (code != 0)
            break;
        if (node_has_holes(&pair->value)) {
            code = f->repeated ? repeated(w, f, pair) : single(w, f, pair);
        } else {
            struct node_pair alone = *pair;
            struct node map = one_pair(&alone, n);
            struct reply_op op = {.kind = REPLY_BYTES};
            code = reply_constant(w->c->arena, type, &map, &op.bytes, w->c->err);
            if (code == 0 && op.bytes.len > 0)
                code = add(w, op);
        }
    }
    return code;
}

int reply_compile(struct template_compiler *c, const struct pb_type *type, const struct node *n, struct reply *out)
{
    struct writer w = {.c = c};
    bool list = false;
    int code = 0;
    if (!node_has_holes(n))
        return reply_constant(c->arena, type, n, &out->constant, c->err);
    if (n->kind == NODE_TEXT) {
        struct reply_op op = {.kind = REPLY_COPY};
        code = template_compile(c, n, &op.template);
        const struct pb_field *from = code == 0 ? template_field(op.template, &list) : NULL;
        bool same = from != NULL && !list && from->kind == PB_MESSAGE && from->message == type;
        if (code == 0 && !same && type->known == PB_ORDINARY)
            code =
                node_error(n, c->err, ERROR_INVALID, "the answer is a %s, which this ${...} is not", type->full_name);
        if (code == 0 && !same) {
            op = (struct reply_op){.kind = REPLY_JSON, .type = type};
            code = tree_compile(c, n, &op.tree);
        }
        if (code == 0)
            code = add(&w, op);
    } else if (n->kind == NODE_MAP && type->known == PB_ORDINARY) {
        code = message(&w, type, n);
    } else if (type->known != PB_ORDINARY) {
        struct reply_op op = {.kind = REPLY_JSON, .type = type};
        code = tree_compile(c, n, &op.tree);
        if (code == 0)
            code = add(&w, op);
    } else {
        code = node_error(n, c->err, ERROR_INVALID, "the answer is a %s, which a map stands for, and this is %s",
                          type->full_name, node_kind_name(n->kind));
    }
    if (code == 0) {
        out->ops = arena_copy(c->arena, w.ops.items, w.ops.count * sizeof *out->ops);
        out->op_count = w.ops.count;
        if (out->ops == NULL)
            code = no_memory(c->err);
    }
    array_deinit(&w.ops);
    return code;
}

/* ---- filling in ---- */

static bool copy(struct asking *x, const struct reply_op *op, struct text *out)
{
    struct made m;
    if (!template_make(x, op->template, &m))
        return false;
    if (m.kind == MADE_MESSAGE && op->field == NULL)
        text_add(out, m.bytes.data, m.bytes.len);
    else if (m.kind == MADE_MESSAGE)
        pb_put_bytes(out, op->field->number, m.bytes);
    for (size_t i = 0; m.kind == MADE_LIST && i < m.count; i++)
        value_write(out, op->field, m.items[i], true);
    return true;
}

static bool from_json(struct asking *x, const struct reply_op *op, struct text *out)
{
    struct text json = TEXT_INIT, wire = TEXT_INIT;
    struct error why = ERROR_INIT;
    bool ok = tree_make(x, op->tree, &json);
    int code = ok ? pb_json_to_wire(op->type, text_bytes(&json), 0, &wire, &why) : 0;
    if (code == ERROR_MEMORY)
        error_set(&x->why, code, "out of memory");
    else if (code != 0)
        error_set(&x->why, code, "%.200s is no %s: %s", text_string(&json), op->type->full_name,
                  why.message != NULL ? why.message : error_code_name(code));
    ok = ok && code == 0;
    if (ok && op->field != NULL)
        pb_put_bytes(out, op->field->number, text_bytes(&wire));
    else if (ok)
        text_add(out, text_string(&wire), wire.len);
    error_clear(&why);
    text_deinit(&json);
    text_deinit(&wire);
    return ok;
}

bool reply_make(struct asking *x, const struct reply *r, struct text *out)
{
    size_t open[DOCUMENT_DEPTH_MAX + 1], depth = 0;
    if (r->ops == NULL) {
        pb_put(out, r->constant.data, r->constant.len);
        return true;
    }
    for (size_t i = 0; i < r->op_count; i++) {
        const struct reply_op *op = &r->ops[i];
        struct made m;
        struct value v;
        switch (op->kind) {
        case REPLY_BYTES:
            pb_put(out, op->bytes.data, op->bytes.len);
            break;
        case REPLY_OPEN:
            open[depth++] = pb_open(out, op->field->number);
            break;
        case REPLY_CLOSE:
            pb_close(out, open[--depth]);
            break;
        case REPLY_FIELD:
            if (!template_make(x, op->template, &m) || !made_value(x, &m, op->field, &v))
                return false;
            value_write(out, op->field, v, true);
            break;
        case REPLY_COPY:
            if (!copy(x, op, out))
                return false;
            break;
        case REPLY_JSON:
            if (!from_json(x, op, out))
                return false;
            break;
        }
    }
    return true;
}
