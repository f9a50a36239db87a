/* Templates read: texts with holes, and the expressions in them. */
#include "fakes/stub/template_tree.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LENGTH_MAX 128

struct reader {
    struct template_compiler *c;
    const char *at, *end;
    int depth, parts;
};

static const char *const names[] = {
    "request", "messages", "metadata", "session", "caller", "service", "method", "now",  "uuid",    "stub",
    "call",    "counter",  "captured", "random",  "hex",    "upper",   "lower",  "size", "default", NULL,
};

static int wrong(struct reader *r, int code, const char *what, const char *word)
{
    return error_set(&r->c->why, code, "%s%s%s%s", what, word[0] != '\0' ? " \"" : "", word,
                     word[0] != '\0' ? "\"" : "");
}

static int memory(struct reader *r)
{
    return error_set(&r->c->why, ERROR_MEMORY, "out of memory");
}

static void skip(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n'))
        r->at++;
}

static bool take_char(struct reader *r, char c)
{
    skip(r);
    if (r->at >= r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static struct expression *expression_new(struct reader *r, enum expression_kind kind)
{
    struct expression *e = NULL;
    if (r->parts++ == TEMPLATE_PARTS_MAX)
        wrong(r, ERROR_LIMIT, "too much stands in one ${...}", "");
    else if ((e = ARENA_NEW(r->c->arena, struct expression)) == NULL)
        memory(r);
    else
        e->kind = kind;
    return e;
}

static int sum(struct reader *r, struct expression **out);

/* ---- words ---- */

static int identifier(struct reader *r, char out[NAME_LENGTH_MAX], bool dashes)
{
    size_t len = 0;
    while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '_' || (dashes && strchr("-.", *r->at)))) {
        if (len + 1 >= NAME_LENGTH_MAX)
            return wrong(r, ERROR_LIMIT, "a name is too long", "");
        out[len++] = *r->at++;
    }
    out[len] = '\0';
    return len > 0 ? 0 : wrong(r, ERROR_SYNTAX, "a name is missing in ${...}", "");
}

static int quoted(struct reader *r, char quote, struct bytes *out)
{
    const char *close = memchr(r->at, quote, (size_t)(r->end - r->at));
    if (close == NULL)
        return wrong(r, ERROR_SYNTAX, "a quote in ${...} is not closed", "");
    const char *copy = arena_string_n(r->c->arena, r->at, (size_t)(close - r->at));
    *out = BYTES(copy, (size_t)(close - r->at));
    r->at = close + 1;
    return copy != NULL ? 0 : memory(r);
}

static int after_dot(struct reader *r, const char *of, char out[NAME_LENGTH_MAX], bool dashes)
{
    if (r->at >= r->end || *r->at != '.')
        return wrong(r, ERROR_SYNTAX, "a .name is missing behind", of);
    r->at++;
    return identifier(r, out, dashes);
}

static int number(struct reader *r, struct expression **out)
{
    char digits[40];
    size_t len = 0;
    bool real = false;
    struct expression *e = *out = expression_new(r, EXPRESSION_CONSTANT);
    if (e == NULL)
        return r->c->why.code;
    for (; r->at < r->end && (isdigit((unsigned char)*r->at) || (*r->at == '.' && !real)); r->at++) {
        real = real || *r->at == '.';
        if (len + 1 < sizeof digits)
            digits[len++] = *r->at;
    }
    digits[len] = '\0';
    if (len > 18)
        return wrong(r, ERROR_LIMIT, "a number has at most 18 digits, unlike", digits);
    e->constant = real ? (struct made){.kind = MADE_REAL, .real = strtod(digits, NULL)}
                       : (struct made){.kind = MADE_INTEGER, .integer = strtoll(digits, NULL, 10)};
    return 0;
}

/* ---- paths of fields ---- */

static int field_named(struct reader *r, const struct pb_type *type, const char *name, const struct pb_field **out)
{
    /* The place of the message is put in front later, so a node without a document does here. */
    const char *fields[64 + 1];
    size_t count = type->field_count < 64 ? type->field_count : 64;
    *out = pb_field_by_name(type, name);
    if (*out != NULL)
        return 0;
    for (size_t i = 0; i < count; i++)
        fields[i] = type->fields[i].name;
    fields[count] = NULL;
    const char *near = nearest_word(name, fields);
    return error_set(&r->c->why, ERROR_NOT_FOUND, "%s has no field \"%s\"%s%s%s", type->full_name, name,
                     near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static int path(struct reader *r, struct plan *plan, struct shape *shape, struct reference *ref);

/* [3] or ["key"] behind a list or map, and what follows in its item. */
static int bracket(struct reader *r, struct reference *ref)
{
    const struct pb_field *f = ref->field, *held = f->map ? &f->message->fields[1] : f;
    skip(r);
    ref->indexed = true;
    if (f->map) {
        struct bytes text = BYTES_NONE;
        int code = r->at < r->end && (*r->at == '"' || *r->at == '\'') ? quoted(r, *r->at++, &text) : 0;
        if (code == 0 && text.data == NULL) {
            const char *start = r->at;
            while (r->at < r->end && *r->at != ']')
                r->at++;
            text = BYTES(arena_string_n(r->c->arena, start, (size_t)(r->at - start)), (size_t)(r->at - start));
            code = text.data != NULL ? 0 : memory(r);
        }
        if (code != 0)
            return code;
        if (!value_of_text(&f->message->fields[0], text, &ref->key))
            return wrong(r, ERROR_INVALID, "this is no key of the map", f->name);
    } else {
        struct expression *e = NULL;
        bool back = take_char(r, '-');
        if (r->at >= r->end || !isdigit((unsigned char)*r->at))
            return wrong(r, ERROR_SYNTAX, "a number is missing in the [] of", f->name);
        int code = number(r, &e);
        if (code != 0 || e->constant.kind != MADE_INTEGER)
            return code != 0 ? code : wrong(r, ERROR_SYNTAX, "a whole number is missing in the [] of", f->name);
        ref->index = back ? -e->constant.integer : e->constant.integer;
    }
    if (!take_char(r, ']'))
        return wrong(r, ERROR_SYNTAX, "a ] is missing behind", f->name);
    ref->item = held;
    if (r->at >= r->end || *r->at != '.')
        return 0;
    if (held->kind != PB_MESSAGE)
        return wrong(r, ERROR_INVALID, "there are no fields in the items of", f->name);
    if (++r->depth > TEMPLATE_DEPTH_MAX)
        return wrong(r, ERROR_LIMIT, "${...} nests too deep", "");
    r->at++;
    ref->plan = ARENA_NEW(r->c->arena, struct plan);
    ref->next = ARENA_NEW(r->c->arena, struct reference);
    if (ref->plan == NULL || ref->next == NULL || !plan_init(ref->plan, r->c->arena, held->message, ""))
        return memory(r);
    return path(r, ref->plan, ref->plan->root, ref->next);
}

/* Fields one below the other, from the shape on. */
static int path(struct reader *r, struct plan *plan, struct shape *shape, struct reference *ref)
{
    char name[NAME_LENGTH_MAX];
    const struct pb_field *f = NULL;
    for (;;) {
        int code = identifier(r, name, false);
        if (code == 0)
            code = field_named(r, shape->type, name, &f);
        if (code != 0)
            return code;
        bool deeper = r->at < r->end && *r->at == '.';
        if (!deeper)
            break;
        if (f->kind != PB_MESSAGE || f->repeated)
            return wrong(r, ERROR_INVALID, f->repeated ? "an [index] is missing behind" : "there are no fields in",
                         f->name);
        r->at++;
        shape = plan_enter(plan, shape, f);
        if (shape == NULL)
            return memory(r);
    }
    ref->field = ref->item = f;
    ref->slot = plan_watch(plan, shape, f);
    if (ref->slot < 0)
        return ref->slot == -1 ? memory(r) : wrong(r, ERROR_LIMIT, "too many fields are looked at", "");
    if (r->at < r->end && *r->at == '[') {
        if (!f->repeated)
            return wrong(r, ERROR_INVALID, "this is no list and no map:", f->name);
        r->at++;
        return bracket(r, ref);
    }
    return 0;
}

static int request(struct reader *r, struct expression *e)
{
    struct stub_method *m = r->c->method;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        return path(r, method_plan(m), method_plan(m)->root, &e->ref);
    }
    e->ref.slot = MATCH_SLOT_ROOT;
    e->ref.field = e->ref.item = method_messages(m);
    return 0;
}

static int messages(struct reader *r, struct expression *e)
{
    char name[NAME_LENGTH_MAX];
    struct stub_method *m = r->c->method;
    if (take_char(r, '[')) {
        method_look_at_messages(m);
        e->ref.field = method_messages(m);
        e->ref.slot = method_messages_slot();
        return bracket(r, &e->ref);
    }
    int code = after_dot(r, "messages", name, false);
    if (code == 0 && strcmp(name, "count") != 0)
        code = wrong(r, ERROR_SYNTAX, "messages have [index] or .count, not", name);
    e->kind = EXPRESSION_MESSAGE_COUNT;
    return code;
}

static int metadata(struct reader *r, struct expression *e)
{
    char name[NAME_LENGTH_MAX];
    int code = after_dot(r, "metadata", name, true);
    if (code != 0)
        return code;
    e->ref.slot = method_metadata(r->c->method, name, &e->ref.field);
    e->ref.item = e->ref.field;
    return e->ref.slot >= 0 ? 0 : memory(r);
}

static int captured(struct reader *r, struct expression *e)
{
    char name[NAME_LENGTH_MAX], group[NAME_LENGTH_MAX];
    int code = after_dot(r, "captured", name, false);
    if (code != 0)
        return code;
    for (size_t i = 0; i < r->c->capture_count && e->capture == NULL; i++)
        if (strcmp(r->c->captures[i].name, name) == 0) {
            e->capture = arena_copy(r->c->arena, &r->c->captures[i], sizeof *e->capture);
            if (e->capture == NULL)
                return memory(r);
        }
    if (e->capture == NULL)
        return wrong(r, ERROR_NOT_FOUND, "no $capture has the name", name);
    size_t groups = e->capture->pattern->regex.re_nsub;
    e->group = groups > 0 ? 1 : 0;
    if (r->at >= r->end || *r->at != '.')
        return 0;
    r->at++;
    code = identifier(r, group, false);
    e->group = code == 0 && strspn(group, "0123456789") == strlen(group) ? strtoul(group, NULL, 10) : SIZE_MAX;
    if (code == 0 && (e->group > groups || e->group > PATTERN_GROUPS_MAX))
        code = wrong(r, ERROR_NOT_FOUND, "its expression has no such group:", group);
    return code;
}

/* name.part, of the parts that it has; the first is the one without .part, when it may stand alone. */
static int parted(struct reader *r, const char *of, const char *const *parts, size_t *which, bool alone)
{
    char name[NAME_LENGTH_MAX];
    *which = 0;
    if (alone && (r->at >= r->end || *r->at != '.'))
        return 0;
    int code = after_dot(r, of, name, false);
    if (code != 0)
        return code;
    for (*which = alone; parts[*which] != NULL; ++*which)
        if (strcmp(parts[*which], name) == 0)
            return 0;
    return wrong(r, ERROR_NOT_FOUND, "there is nothing of the name", name);
}

static int arguments(struct reader *r, struct expression *e, size_t count)
{
    int code = 0;
    if (!take_char(r, '('))
        return wrong(r, ERROR_SYNTAX, "a function's ( is missing", "");
    for (size_t i = 0; i < count && code == 0; i++) {
        if (i > 0 && !take_char(r, ','))
            return wrong(r, ERROR_SYNTAX, "a function's argument is missing", "");
        code = sum(r, &e->parts[i]);
    }
    if (code == 0 && !take_char(r, ')'))
        code = wrong(r, ERROR_SYNTAX, "a function's ) is missing", "");
    return code;
}

static int word(struct reader *r, struct expression **out)
{
    static const char *const times[] = {"", "seconds", "millis", "nanos", NULL};
    static const char *const stubs[] = {"count", NULL};
    static const char *const calls[] = {"number", "index", NULL};
    static const struct {
        const char *name;
        enum expression_kind kind;
        size_t arguments;
    } functions[] = {{"random", EXPRESSION_RANDOM, 2}, {"hex", EXPRESSION_HEX, 1},
                     {"upper", EXPRESSION_UPPER, 1},   {"lower", EXPRESSION_LOWER, 1},
                     {"size", EXPRESSION_SIZE, 1},     {"default", EXPRESSION_DEFAULT, 2}};
    char name[NAME_LENGTH_MAX], counter[NAME_LENGTH_MAX];
    struct expression *e;
    size_t which = 0;
    int code = identifier(r, name, false);
    if (code != 0)
        return code;
    e = *out = expression_new(r, EXPRESSION_FIELD);
    if (e == NULL)
        return r->c->why.code;
    if (strcmp(name, "request") == 0)
        return request(r, e);
    if (strcmp(name, "messages") == 0)
        return messages(r, e);
    if (strcmp(name, "metadata") == 0)
        return metadata(r, e);
    if (strcmp(name, "captured") == 0) {
        e->kind = EXPRESSION_CAPTURED;
        return captured(r, e);
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i].name, name) == 0) {
            e->kind = functions[i].kind;
            return arguments(r, e, functions[i].arguments);
        }
    if (strcmp(name, "session") == 0 || strcmp(name, "caller") == 0) {
        e->ref.slot = method_text_slot(name[0] == 's', &e->ref.field);
        e->ref.item = e->ref.field;
        return 0;
    }
    if (strcmp(name, "service") == 0 || strcmp(name, "method") == 0) {
        e->kind = EXPRESSION_CONSTANT;
        e->constant = (struct made){.kind = MADE_TEXT, .bytes = bytes_of(method_name(r->c->method, name[0] == 's'))};
        return 0;
    }
    if (strcmp(name, "uuid") == 0) {
        e->kind = EXPRESSION_UUID;
        return 0;
    }
    if (strcmp(name, "now") == 0) {
        code = parted(r, "now", times, &which, true);
        e->kind = which == 0   ? EXPRESSION_NOW
                  : which == 1 ? EXPRESSION_SECONDS
                  : which == 2 ? EXPRESSION_MILLIS
                               : EXPRESSION_NANOS;
        return code;
    }
    if (strcmp(name, "stub") == 0) {
        e->kind = EXPRESSION_STUB_COUNT;
        return parted(r, "stub", stubs, &which, false);
    }
    if (strcmp(name, "call") == 0) {
        code = parted(r, "call", calls, &which, false);
        e->kind = which == 0 ? EXPRESSION_CALL_NUMBER : EXPRESSION_CALL_INDEX;
        return code;
    }
    if (strcmp(name, "counter") == 0) {
        e->kind = EXPRESSION_COUNTER;
        code = after_dot(r, "counter", counter, false);
        if (code == 0) {
            const char *copy = arena_string(r->c->arena, counter);
            e->constant.bytes = copy != NULL ? bytes_of(copy) : BYTES_NONE;
            code = copy != NULL ? 0 : memory(r);
        }
        return code;
    }
    const char *near = nearest_word(name, names);
    return error_set(&r->c->why, ERROR_NOT_FOUND, "there is no ${%s}%s%s%s", name,
                     near != NULL ? ": did you mean ${" : "", near != NULL ? near : "", near != NULL ? "}?" : "");
}

/* ---- expressions ---- */

static int atom(struct reader *r, struct expression **out)
{
    int code;
    skip(r);
    if (r->at >= r->end)
        return wrong(r, ERROR_SYNTAX, "something is missing in ${...}", "");
    if (isdigit((unsigned char)*r->at))
        return number(r, out);
    if (*r->at == '\'' || *r->at == '"') {
        char quote = *r->at++;
        *out = expression_new(r, EXPRESSION_CONSTANT);
        if (*out == NULL)
            return r->c->why.code;
        (*out)->constant.kind = MADE_TEXT;
        return quoted(r, quote, &(*out)->constant.bytes);
    }
    if (r->depth == TEMPLATE_DEPTH_MAX)
        return wrong(r, ERROR_LIMIT, "${...} nests too deep", "");
    r->depth++;
    if (take_char(r, '(')) {
        code = sum(r, out);
        if (code == 0 && !take_char(r, ')'))
            code = wrong(r, ERROR_SYNTAX, "a ) is missing in ${...}", "");
    } else if (take_char(r, '-')) {
        struct expression *e = *out = expression_new(r, EXPRESSION_BINARY), *zero;
        zero = e != NULL ? expression_new(r, EXPRESSION_CONSTANT) : NULL;
        if (zero == NULL)
            return r->c->why.code;
        zero->constant.kind = MADE_INTEGER;
        e->operator= '-';
        e->parts[0] = zero;
        code = atom(r, &e->parts[1]);
    } else if (isalpha((unsigned char)*r->at) || *r->at == '_') {
        code = word(r, out);
    } else {
        char found[2] = {isprint((unsigned char)*r->at) ? *r->at : '?', '\0'};
        code = wrong(r, ERROR_SYNTAX, "${...} does not go on with", found);
    }
    r->depth--;
    return code;
}

static int chain(struct reader *r, const char *operators, int (*below)(struct reader *r, struct expression **out),
                 struct expression **out)
{
    int code = below(r, out);
    for (;;) {
        skip(r);
        if (code != 0 || r->at >= r->end || strchr(operators, *r->at) == NULL)
            return code;
        struct expression *e = expression_new(r, EXPRESSION_BINARY);
        if (e == NULL)
            return r->c->why.code;
        e->operator= * r->at++;
        e->parts[0] = *out;
        *out = e;
        code = below(r, &e->parts[1]);
    }
}

static int product(struct reader *r, struct expression **out)
{
    return chain(r, "*/%", atom, out);
}

static int sum(struct reader *r, struct expression **out)
{
    return chain(r, "+-", product, out);
}

/* ---- texts ---- */

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

static int hole(struct template_compiler *c, const char *at, const char *close, struct expression **out)
{
    struct reader r = {.c = c, .at = at, .end = close};
    int code = sum(&r, out);
    skip(&r);
    if (code == 0 && r.at < r.end) {
        char found[2] = {isprint((unsigned char)*r.at) ? *r.at : '?', '\0'};
        code = wrong(&r, ERROR_SYNTAX, "${...} should end before", found);
    }
    return code;
}

static int add_piece(struct template_compiler *c, struct template *t, struct bytes text, struct expression *e)
{
    struct piece *larger = NULL;
    const char *copy = NULL;
    if (e == NULL && text.len == 0)
        return 0;
    if (t->count == t->capacity) {
        t->capacity = t->capacity > 0 ? t->capacity * 2 : 2;
        larger = arena_alloc_n(c->arena, t->capacity, sizeof *larger);
        if (larger == NULL)
            return error_set(&c->why, ERROR_MEMORY, "out of memory");
        if (t->count > 0)
            memcpy(larger, t->pieces, t->count * sizeof *larger);
        t->pieces = larger;
    }
    if (e == NULL) {
        copy = arena_string_n(c->arena, (const char *)text.data, text.len);
        if (copy == NULL)
            return error_set(&c->why, ERROR_MEMORY, "out of memory");
    }
    t->pieces[t->count++] = (struct piece){.text = BYTES(copy, text.len), .expression = e};
    return 0;
}

static int read_text(struct template_compiler *c, struct bytes text, struct template *t)
{
    const char *at = (const char *)text.data, *end = at + text.len, *plain = at;
    int code = 0;
    while (at < end && code == 0) {
        bool escaped = end - at >= 3 && memcmp(at, "$${", 3) == 0;
        if (!escaped && (end - at < 2 || memcmp(at, "${", 2) != 0)) {
            at++;
            continue;
        }
        code = add_piece(c, t, BYTES(plain, (size_t)(at - plain)), NULL);
        if (code == 0 && escaped) {
            plain = at + 1; /* the second dollar and the brace are text */
            at += 3;
            continue;
        }
        struct expression *e = NULL;
        const char *close = hole_end(at + 2, end);
        if (code == 0 && close == NULL)
            code = error_set(&c->why, ERROR_SYNTAX, "a ${ has no }");
        if (code == 0)
            code = hole(c, at + 2, close, &e);
        if (code == 0)
            code = add_piece(c, t, BYTES_NONE, e);
        if (code == 0)
            plain = at = close + 1;
    }
    return code == 0 ? add_piece(c, t, BYTES(plain, (size_t)(end - plain)), NULL) : code;
}

int template_compile_text(struct template_compiler *c, const struct node *at, struct bytes text,
                          const struct template **out)
{
    struct template *t = ARENA_NEW(c->arena, struct template);
    if (t == NULL)
        return error_set(c->err, ERROR_MEMORY, "out of memory");
    error_clear(&c->why);
    int code = read_text(c, text, t);
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
    const struct expression *e = t->count == 1 ? t->pieces[0].expression : NULL;
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
    char *dumped = json != NULL ? json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    if (dumped == NULL)
        return error_set(c->err, ERROR_MEMORY, "out of memory");
    text_puts(&b->json, dumped);
    free(dumped);
    return 0;
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
