/* Templates read: texts with holes, and whole values of a file with such texts in them. */
#include "base/json_text.h"
#include "fakes/stub/template_tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TO_END(depth) (SIZE_MAX - (depth)) /* of the block that is so deep, until it is known where that is */

struct block {
    bool loop, other; /* its else was there */
    size_t names;     /* before it */
    size_t begin;     /* its first piece */
    size_t test;      /* the piece that goes on at its else */
};

struct builder {
    struct template_compiler *c;
    struct template *t;
    struct names names;
    struct block blocks[TEMPLATE_DEPTH_MAX];
    size_t depth;
};

bool template_has_holes(struct bytes text)
{
    return text.len >= 3 && memmem(text.data, text.len, "${", 2) != NULL;
}

/* The } of the hole whose ${ stands before `at`, quotes passed over. */
static const char *hole_end(const char *at, const char *end)
{
    char quote = '\0';
    for (; at < end; at++) {
        if (quote != '\0')
            quote = *at == quote ? '\0' : quote;
        else if (*at == '\'' || *at == '"')
            quote = *at;
        else if (*at == '}')
            return at;
    }
    return NULL;
}

/* ---- pieces ---- */

static int add_piece(struct builder *b, struct piece piece)
{
    struct template *t = b->t;
    if (t->count == t->capacity) {
        size_t capacity = t->capacity > 0 ? t->capacity * 2 : 2;
        struct piece *larger = arena_alloc_n(b->c->arena, capacity, sizeof *larger);
        if (larger == NULL)
            return error_set(&b->c->why, ERROR_MEMORY, "out of memory");
        if (t->count > 0)
            memcpy(larger, t->pieces, t->count * sizeof *larger);
        t->pieces = larger;
        t->capacity = capacity;
    }
    t->pieces[t->count++] = piece;
    return 0;
}

static int add_text(struct builder *b, struct bytes text)
{
    if (text.len == 0)
        return 0;
    const char *copy = arena_string_n(b->c->arena, (const char *)text.data, text.len);
    if (copy == NULL)
        return error_set(&b->c->why, ERROR_MEMORY, "out of memory");
    return add_piece(b, (struct piece){.kind = PIECE_TEXT, .text = BYTES(copy, text.len)});
}

/* With a value of `kind` that stands in the hole from here on. */
static int add_expression(struct builder *b, struct reader *r, struct piece piece)
{
    struct expression *e = NULL;
    int code = read_expression(r, &e);
    piece.expression = e;
    return code != 0 ? code : add_piece(b, piece);
}

/* ---- ${if}, ${each} and their kin ---- */

static int new_name(struct builder *b, struct reader *r, const char *name, size_t *variable)
{
    if (b->t->variables == TEMPLATE_NAMES_MAX)
        return read_wrong(r, ERROR_LIMIT, "too many names are made in one text", "");
    *variable = b->t->variables++;
    if (name != NULL) {
        b->names.items[b->names.count].name = name;
        b->names.items[b->names.count++].variable = *variable;
    }
    return 0;
}

static int open_block(struct builder *b, struct reader *r, bool loop)
{
    if (b->depth == TEMPLATE_DEPTH_MAX)
        return read_wrong(r, ERROR_LIMIT, "${if} and ${each} nest too deep", "");
    size_t at = b->t->count;
    b->blocks[b->depth++] = (struct block){.loop = loop, .names = b->names.count, .begin = at, .test = at};
    return 0;
}

static int condition(struct builder *b, struct reader *r)
{
    b->blocks[b->depth - 1].test = b->t->count;
    return add_expression(b, r, (struct piece){.kind = PIECE_IF, .to = TO_END(b->depth)});
}

/* The key, or number, is kept beside the item, whether it has a name or not. */
static int each(struct builder *b, struct reader *r)
{
    const char *first = NULL, *second = NULL;
    size_t key = 0, item = 0;
    int code = open_block(b, r, true);
    if (code == 0)
        code = read_identifier(r, &first);
    if (code == 0 && read_char(r, ','))
        code = read_identifier(r, &second);
    if (code == 0 && !read_word(r, "in"))
        code = read_wrong(r, ERROR_SYNTAX, "\"in\" is missing in ${each NAME in LIST}", "");
    if (code == 0)
        code = add_expression(b, r, (struct piece){.kind = PIECE_EACH, .to = TO_END(b->depth), .loop = b->t->loops});
    if (code == 0)
        code = new_name(b, r, second != NULL ? first : NULL, &key);
    if (code == 0)
        code = new_name(b, r, second != NULL ? second : first, &item);
    if (code != 0)
        return code;
    return add_piece(
        b, (struct piece){.kind = PIECE_NEXT, .to = TO_END(b->depth), .loop = b->t->loops++, .variable = item});
}

static int otherwise(struct builder *b, struct reader *r)
{
    struct block *block = b->depth > 0 ? &b->blocks[b->depth - 1] : NULL;
    bool more = read_word(r, "if");
    if (block == NULL || block->other || (more && block->loop))
        return read_wrong(r, ERROR_SYNTAX, "this ${else} belongs to nothing", "");
    int code = add_piece(b, (struct piece){.kind = PIECE_GO, .to = block->loop ? block->begin + 1 : TO_END(b->depth)});
    if (code != 0)
        return code;
    b->t->pieces[block->test].to = b->t->count;
    b->names.count = block->names;
    block->other = !more;
    return more ? condition(b, r) : 0;
}

static int end(struct builder *b, struct reader *r)
{
    if (b->depth == 0)
        return read_wrong(r, ERROR_SYNTAX, "this ${end} belongs to nothing", "");
    const struct block *block = &b->blocks[b->depth - 1];
    int code = 0;
    if (block->loop && !block->other)
        code = add_piece(b, (struct piece){.kind = PIECE_GO, .to = block->begin + 1});
    for (size_t i = block->begin; i < b->t->count && code == 0; i++)
        if (b->t->pieces[i].to == TO_END(b->depth))
            b->t->pieces[i].to = b->t->count;
    b->names.count = block->names;
    b->depth--;
    return code;
}

static int leave(struct builder *b, struct reader *r, bool goes_on)
{
    size_t depth = b->depth;
    while (depth > 0 && (!b->blocks[depth - 1].loop || b->blocks[depth - 1].other))
        depth--;
    if (depth == 0)
        return read_wrong(r, ERROR_SYNTAX, "${break} and ${continue} stand in an ${each}", "");
    size_t to = goes_on ? b->blocks[depth - 1].begin + 1 : TO_END(depth);
    return add_piece(b, (struct piece){.kind = PIECE_GO, .to = to});
}

static int let(struct builder *b, struct reader *r, bool new)
{
    struct piece piece = {.kind = PIECE_LET};
    struct expression *e = NULL;
    const char *name;
    size_t i = b->names.count;
    int code = read_identifier(r, &name);
    if (code == 0 && !read_char(r, '='))
        code = read_wrong(r, ERROR_SYNTAX, "a = is missing behind", name);
    if (code == 0)
        code = read_expression(r, &e);
    piece.expression = e;
    if (code == 0 && new)
        code = new_name(b, r, name, &piece.variable);
    else if (code == 0) {
        while (i > 0 && strcmp(b->names.items[i - 1].name, name) != 0)
            i--;
        code = i > 0 ? 0 : read_wrong(r, ERROR_NOT_FOUND, "no ${let} made the name", name);
        piece.variable = i > 0 ? b->names.items[i - 1].variable : 0;
    }
    return code != 0 ? code : add_piece(b, piece);
}

/* ---- texts ---- */

static int hole(struct builder *b, const char *at, const char *close)
{
    struct reader r = {.c = b->c, .at = at, .end = close, .names = &b->names};
    int code;
    if (read_word(&r, "if")) {
        code = open_block(b, &r, false);
        code = code != 0 ? code : condition(b, &r);
    } else if (read_word(&r, "each")) {
        code = each(b, &r);
    } else if (read_word(&r, "else")) {
        code = otherwise(b, &r);
    } else if (read_word(&r, "end")) {
        code = end(b, &r);
    } else if (read_word(&r, "let")) {
        code = let(b, &r, true);
    } else if (read_word(&r, "set")) {
        code = let(b, &r, false);
    } else if (read_word(&r, "break")) {
        code = leave(b, &r, false);
    } else if (read_word(&r, "continue")) {
        code = leave(b, &r, true);
    } else {
        code = add_expression(b, &r, (struct piece){.kind = PIECE_VALUE});
    }
    while (r.at < r.end && isspace((unsigned char)*r.at))
        r.at++;
    if (code == 0 && r.at < r.end) {
        char found[2] = {isprint((unsigned char)*r.at) ? *r.at : '?', '\0'};
        code = read_wrong(&r, ERROR_SYNTAX, "${...} should end before", found);
    }
    return code;
}

static int read_text(struct builder *b, struct bytes text)
{
    const char *at = (const char *)text.data, *behind = at + text.len, *plain = at;
    int code = 0;
    while (at < behind && code == 0) {
        bool escaped = behind - at >= 3 && memcmp(at, "$${", 3) == 0;
        if (!escaped && (behind - at < 2 || memcmp(at, "${", 2) != 0)) {
            at++;
            continue;
        }
        code = add_text(b, BYTES(plain, (size_t)(at - plain)));
        if (code == 0 && escaped) {
            plain = at + 1; /* the second dollar and the brace are text */
            at += 3;
            continue;
        }
        const char *close = hole_end(at + 2, behind);
        if (code == 0 && close == NULL)
            code = error_set(&b->c->why, ERROR_SYNTAX, "a ${ has no }");
        if (code == 0)
            code = hole(b, at + 2, close);
        if (code == 0)
            plain = at = close + 1;
    }
    if (code == 0)
        code = add_text(b, BYTES(plain, (size_t)(behind - plain)));
    if (code == 0 && b->depth > 0)
        code =
            error_set(&b->c->why, ERROR_SYNTAX, "an ${%s} has no ${end}", b->blocks[b->depth - 1].loop ? "each" : "if");
    return code;
}

int template_compile_text(struct template_compiler *c, const struct node *at, struct bytes text,
                          const struct template **out)
{
    struct template *t = ARENA_NEW(c->arena, struct template);
    if (t == NULL)
        return error_set(c->err, ERROR_MEMORY, "out of memory");
    struct builder b = {.c = c, .t = t};
    error_clear(&c->why);
    int code = read_text(&b, text);
    if (code != 0)
        code = node_error(at, c->err, code, "%s", c->why.message != NULL ? c->why.message : "out of memory");
    error_clear(&c->why);
    *out = t;
    return code;
}

int template_compile(struct template_compiler *c, const struct node *n, const struct template **out)
{
    return template_compile_text(c, n, n->text, out);
}

const struct pb_field *template_field(const struct template *t, bool *list)
{
    const struct expression *e = t->count == 1 && t->pieces[0].kind == PIECE_VALUE ? t->pieces[0].expression : NULL;
    *list = false;
    if (e == NULL || e->kind != EXPRESSION_FIELD)
        return NULL;
    const struct reference *ref = &e->ref;
    while (ref->next != NULL)
        ref = ref->next;
    *list = !ref->indexed && ref->slot != MATCH_SLOT_ROOT && ref->item->repeated;
    return ref->item;
}

/* ---- whole values ---- */

bool node_has_holes(const struct node *n)
{
    if (n->kind == NODE_TEXT)
        return template_has_holes(n->text);
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count; i++)
        if (node_has_holes(&n->list.items[i]))
            return true;
    for (size_t i = 0; n->kind == NODE_MAP && i < n->map.count; i++)
        if (template_has_holes(bytes_of(n->map.pairs[i].key)) || node_has_holes(&n->map.pairs[i].value))
            return true;
    return false;
}

static int tree_flush(struct template_compiler *c, struct tree_builder *b)
{
    struct tree_piece piece = {0};
    if (b->json.len == 0 && text_ok(&b->json))
        return 0;
    const char *copy = text_ok(&b->json) ? arena_string_n(c->arena, text_string(&b->json), b->json.len) : NULL;
    piece.json = BYTES(copy, b->json.len);
    text_clear(&b->json);
    return copy != NULL && array_push(&b->pieces, piece) ? 0 : error_set(c->err, ERROR_MEMORY, "out of memory");
}

static int tree_text(struct template_compiler *c, struct tree_builder *b, const struct node *at, struct bytes text,
                     bool key)
{
    struct tree_piece piece = {.key = key};
    if (!template_has_holes(text)) {
        text_char(&b->json, '"');
        text_json(&b->json, (const char *)text.data, text.len);
        text_char(&b->json, '"');
        return 0;
    }
    int code = tree_flush(c, b);
    if (code == 0)
        code = template_compile_text(c, at, text, &piece.template);
    if (code == 0 && !array_push(&b->pieces, piece))
        code = error_set(c->err, ERROR_MEMORY, "out of memory");
    return code;
}

/* Depth is bounded by the document's. */
static int tree_node(struct template_compiler *c, struct tree_builder *b, const struct node *n)
{
    int code = 0;
    if (n->kind == NODE_TEXT)
        return tree_text(c, b, n, n->text, false);
    if (n->kind == NODE_LIST) {
        text_char(&b->json, '[');
        for (size_t i = 0; i < n->list.count && code == 0; i++) {
            text_puts(&b->json, i > 0 ? "," : "");
            code = tree_node(c, b, &n->list.items[i]);
        }
        text_char(&b->json, ']');
        return code;
    }
    if (n->kind == NODE_MAP) {
        text_char(&b->json, '{');
        for (size_t i = 0; i < n->map.count && code == 0; i++) {
            text_puts(&b->json, i > 0 ? "," : "");
            code = tree_text(c, b, &n->map.pairs[i].value, bytes_of(n->map.pairs[i].key), true);
            text_char(&b->json, ':');
            if (code == 0)
                code = tree_node(c, b, &n->map.pairs[i].value);
        }
        text_char(&b->json, '}');
        return code;
    }
    json_t *json = node_to_json(n);
    json_text_add(&b->json, json, 0, 17);
    json_decref(json);
    return text_ok(&b->json) ? 0 : error_set(c->err, ERROR_MEMORY, "out of memory");
}

int tree_compile(struct template_compiler *c, const struct node *n, const struct tree **out)
{
    struct tree_builder b = {0};
    struct tree *t = ARENA_NEW(c->arena, struct tree);
    int code = t != NULL ? tree_node(c, &b, n) : error_set(c->err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = tree_flush(c, &b);
    if (code == 0) {
        t->pieces = arena_copy(c->arena, b.pieces.items, b.pieces.count * sizeof *t->pieces);
        t->count = b.pieces.count;
        if (t->pieces == NULL)
            code = error_set(c->err, ERROR_MEMORY, "out of memory");
    }
    array_deinit(&b.pieces);
    text_deinit(&b.json);
    *out = t;
    return code;
}
