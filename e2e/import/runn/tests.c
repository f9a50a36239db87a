/* `test:`, `until:` and `if:` as what flows check. A comparison goes to the step whose answer it is of: that answer
 * does not change any more, so that it holds there or nowhere. */
#include "e2e/import/runn/runn.h"

#include "wire/grpc.h"

#include <stdlib.h>
#include <string.h>

static void put_query_text(const char *text, bool variables, struct text *out)
{
    text_char(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            text_char(out, '\\');
        if (*p == '$' && p[1] == '{' && !variables)
            text_char(out, '$');
        if (*p == '\n' || *p == '\t' || *p == '\r')
            text_printf(out, "\\%c", *p == '\n' ? 'n' : *p == '\t' ? 't' : 'r');
        else
            text_char(out, *p);
    }
    text_char(out, '"');
}

static bool is_len(const struct expr *e)
{
    return e->kind == EXPR_CALL && strcmp(e->text, "len") == 0;
}

static bool is_status(const struct runn_ref *ref)
{
    return ref->step != NULL && ref->step->kind == RUNN_GRPC && strcmp(ref->path, "$.status") == 0;
}

static void put_source(struct runn *r, const struct node *n, const struct runn_ref *ref, struct text *out)
{
    const char *rest;
    struct text path = TEXT_INIT;
    (void)r;
    (void)n;
    if (ref->step == NULL) {
        size_t len = strcspn(ref->variable, ".[");
        char *name = arena_string_n(&r->arena, ref->variable, len);
        rest = ref->variable + len;
        text_puts(out, "variable ");
        put_query_text(name != NULL ? name : "", false, out);
        if (*rest != '\0')
            text_printf(&path, "$%s", rest);
    } else if (ref->raw) {
        text_puts(out, "body");
    } else if (strcmp(ref->path, "$.status") == 0) {
        text_puts(out, "status");
    } else if (ref->step->kind == RUNN_HTTP && strncmp(ref->path, "$.body", 6) == 0) {
        text_puts(out, "jsonpath ");
        text_puts(&path, "$");
        text_puts(&path, ref->path + 6);
        put_query_text(text_string(&path), false, out);
        text_clear(&path);
    } else {
        text_puts(out, "answer");
        text_puts(&path, ref->path);
    }
    if (path.len > 0) {
        text_puts(out, " jsonpath ");
        put_query_text(text_string(&path), false, out);
    }
    text_deinit(&path);
}

static void put_wanted(struct runn *r, const struct node *n, const struct expr *e, bool status, struct text *out)
{
    struct runn_ref ref;
    struct text name = TEXT_INIT;
    if (e->kind == EXPR_NUMBER && status) {
        int code = atoi(e->text);
        put_query_text(code >= 0 && code <= 16 ? grpc_status_name(code) : e->text, false, out);
    } else if (e->kind == EXPR_NUMBER) {
        text_puts(out, e->text);
    } else if (e->kind == EXPR_TEXT) {
        put_query_text(e->text, false, out);
    } else if (e->kind == EXPR_BOOL) {
        text_puts(out, e->boolean ? "true" : "false");
    } else if (e->kind == EXPR_NIL) {
        text_puts(out, "null");
    } else if (e->kind == EXPR_NAME && runn_resolve(r, n, e, &ref) && runn_variable(r, n, &ref, &name)) {
        put_query_text(text_string(&name), true, out);
    } else {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "what is compared with has to be a text, a number or a name");
    }
    text_deinit(&name);
}

static void add_line(struct runn *r, const struct node *n, struct runn_step *s, struct text *line)
{
    struct build *b = &r->tree.build;
    if (s == NULL || s->step == NULL || s->kind == RUNN_FLOW) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "this is no condition of what a call before it answered");
        text_deinit(line);
        return;
    }
    if (s->checks == NULL) {
        s->checks = build_list(b, tree_at(&r->tree, n));
        build_put(b, s->step, "check", s->checks);
    }
    build_add(b, s->checks, tree_text(&r->tree, n, line));
}

static struct runn_step *step_for(const struct runn_ref *ref, struct runn_step *here)
{
    return ref->step != NULL ? ref->step : here;
}

static void put_regex(struct runn *r, const struct node *n, const struct expr *e, struct text *out)
{
    if (e->kind != EXPR_TEXT) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "what stands behind \"matches\" has to be a text");
        return;
    }
    text_char(out, '/');
    for (const char *p = e->text; *p != '\0'; p++) {
        if (*p == '/')
            text_char(out, '\\');
        text_char(out, *p);
    }
    text_char(out, '/');
}

/* One comparison, `not` or not. */
static void compare(struct runn *r, const struct node *n, const struct expr *e, bool negated, struct runn_step *here)
{
    const struct expr *left = e->kind == EXPR_BOTH ? e->left : e, *right = e->kind == EXPR_BOTH ? e->right : NULL;
    const char *op = right != NULL ? e->op : NULL;
    struct runn_ref ref;
    struct text line = TEXT_INIT;
    bool equal = op != NULL && (strcmp(op, "==") == 0 || strcmp(op, "!=") == 0);
    bool swap = op != NULL && (strcmp(op, "in") == 0 || (equal && left->kind != EXPR_NAME));
    if (swap) {
        const struct expr *was = left;
        left = right;
        right = was;
    }
    if (left == NULL || left->kind != EXPR_NAME) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "a condition has to speak of an answer or a variable");
        return;
    }
    if (!runn_resolve(r, n, left, &ref))
        return;
    put_source(r, n, &ref, &line);
    text_char(&line, ' ');
    if (op != NULL && strcmp(op, "!=") == 0) {
        op = "==";
        negated = !negated;
    }
    bool nil = op != NULL && strcmp(op, "==") == 0 && right->kind == EXPR_NIL;
    text_puts(&line, negated != nil ? "not " : "");
    if (nil) {
        text_puts(&line, "exists");
    } else if (op == NULL) {
        text_puts(&line, "== true");
    } else if (strcmp(op, "matches") == 0) {
        text_puts(&line, "matches ");
        put_regex(r, n, right, &line);
    } else {
        text_printf(&line, "%s ", strcmp(op, "in") == 0 ? "includes" : op);
        put_wanted(r, n, right, is_status(&ref), &line);
    }
    if (r->tree.code == 0)
        add_line(r, n, step_for(&ref, here), &line);
    text_deinit(&line);
}

/* As an expression: beside the step's own answer, or in a step that only looks. */
static void look(struct runn *r, const struct node *n, const struct expr *e, bool negated, struct runn_step *here)
{
    struct build *b = &r->tree.build;
    struct text line = TEXT_INIT;
    bool beside = !r->looking && here != NULL && here == r->current && here->step != NULL && here->kind != RUNN_FLOW &&
                  build_count(r->behind) == 0;
    struct expr turned = {.kind = EXPR_NOT, .left = e};
    text_puts(&line, "= ");
    (void)runn_write(r, n, negated ? &turned : e, beside ? here : NULL, &line);
    if (beside) {
        add_line(r, n, here, &line);
        return;
    }
    struct build_node *step = build_map(b, tree_at(&r->tree, n)), *checks = build_list(b, tree_at(&r->tree, n));
    build_add(b, checks, tree_text(&r->tree, n, &line));
    build_put(b, step, "set", build_map(b, tree_at(&r->tree, n)));
    build_put(b, step, "check", checks);
    build_add(b, r->behind, step);
}

/* Of an answer that came, and that is looked at where it came? Of a step that is repeated only the last one is meant.
 */
static bool is_plain(struct runn *r, const struct node *n, const struct expr *e)
{
    const struct expr *left = e->kind == EXPR_BOTH ? e->left : e, *right = e->kind == EXPR_BOTH ? e->right : NULL;
    struct runn_ref ref;
    if (right != NULL && (strchr("+-*/%?", e->op[0]) != NULL))
        return false;
    if (right != NULL && left->kind != EXPR_NAME)
        left = e->right;
    bool plain = left->kind == EXPR_NAME && runn_resolve(r, n, left, &ref) && ref.step != NULL && ref.take == 0 &&
                 (ref.step->kind == RUNN_HTTP || ref.step->kind == RUNN_GRPC);
    plain = plain && (ref.step == r->current || !ref.step->rounds);
    return runn_try_other(r) && plain;
}

static void test(struct runn *r, const struct node *n, const struct expr *e, bool negated, struct runn_step *here)
{
    if (r->tree.code != 0)
        return;
    if (e->kind == EXPR_NOT) {
        test(r, n, e->left, !negated, here);
    } else if (e->kind == EXPR_BOTH && strcmp(e->op, negated ? "||" : "&&") == 0) {
        test(r, n, e->left, negated, here);
        test(r, n, e->right, negated, here);
    } else {
        bool plain = !r->looking && is_plain(r, n, e);
        if (plain)
            compare(r, n, e, negated, here);
        if (!plain || (r->tree.code == ERROR_UNSUPPORTED && runn_try_other(r)))
            look(r, n, e, negated, here);
    }
}

void runn_test(struct runn *r, const struct node *n, struct runn_step *here)
{
    if (n->kind == NODE_BOOL) {
        const struct expr never = {.kind = EXPR_BOOL};
        if (!n->boolean)
            look(r, n, &never, false, here);
        return;
    }
    if (n->kind != NODE_TEXT) {
        tree_error(&r->tree, n, ERROR_INVALID, "a condition is a text, and this is %s", node_kind_name(n->kind));
        return;
    }
    const struct expr *e = runn_expr(r, n, n->text);
    if (e != NULL && !(e->kind == EXPR_BOOL && e->boolean))
        test(r, n, e, false, here);
}

/* ---- if ---- */

static struct build_node *literal(struct runn *r, const struct node *n, const struct expr *e)
{
    struct build *b = &r->tree.build;
    size_t at = tree_at(&r->tree, n);
    struct text out = TEXT_INIT;
    struct runn_ref ref;
    if (e->kind == EXPR_NUMBER && strchr(e->text, '.') == NULL)
        return build_integer(b, at, strtoll(e->text, NULL, 10));
    if (e->kind == EXPR_NUMBER)
        return build_real(b, at, strtod(e->text, NULL));
    if (e->kind == EXPR_BOOL)
        return build_bool(b, at, e->boolean);
    if (e->kind == EXPR_TEXT)
        tree_plain(bytes_of(e->text), &out);
    else if (e->kind == EXPR_NAME && runn_resolve(r, n, e, &ref))
        (void)runn_variable(r, n, &ref, &out);
    else
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "what is compared with has to be a text, a number or a name");
    return tree_text(&r->tree, n, &out);
}

static struct build_node *with_key(struct runn *r, const struct node *n, const char *key, struct build_node *value)
{
    struct build_node *map = build_map(&r->tree.build, tree_at(&r->tree, n));
    build_put(&r->tree.build, map, key, value);
    return map;
}

static void add_condition(struct runn *r, const struct node *n, const struct expr *e, struct build_node *map)
{
    struct build *b = &r->tree.build;
    struct runn_ref ref;
    struct text name = TEXT_INIT;
    if (e->kind == EXPR_BOTH && strcmp(e->op, "&&") == 0) {
        add_condition(r, n, e->left, map);
        add_condition(r, n, e->right, map);
        return;
    }
    bool negated = e->kind == EXPR_NOT;
    const struct expr *c = negated ? e->left : e, *left = c->kind == EXPR_BOTH ? c->left : c;
    const char *op = c->kind == EXPR_BOTH ? c->op : "==";
    bool count = is_len(left);
    if (count)
        left = left->items[0];
    bool equal = strcmp(op, "==") == 0 || strcmp(op, "!=") == 0, min = strcmp(op, ">=") == 0,
         max = strcmp(op, "<=") == 0;
    bool contains = strcmp(op, "contains") == 0;
    if (left->kind != EXPR_NAME || !(equal || min || max || contains)) {
        tree_error(
            &r->tree, n, ERROR_UNSUPPORTED,
            "of conditions here only NAME ==, !=, >=, <= and contains VALUE, joined by &&, can be said in a flow");
        return;
    }
    if (!runn_resolve(r, n, left, &ref) || !runn_variable(r, n, &ref, &name)) {
        text_deinit(&name);
        return;
    }
    text_consume(&name, 2);
    text_truncate(&name, name.len > 0 ? name.len - 1 : 0);
    struct build_node *wanted;
    if (c->kind != EXPR_BOTH)
        wanted = build_bool(b, tree_at(&r->tree, n), true);
    else if (c->right->kind == EXPR_NIL)
        wanted = with_key(r, n, "$absent", build_bool(b, tree_at(&r->tree, n), true));
    else
        wanted = literal(r, n, c->right);
    if (min || max || contains)
        wanted = with_key(r, n, min ? "$min" : max ? "$max" : "$contains", wanted);
    if (count)
        wanted = with_key(r, n, "$size", wanted);
    if (negated != (strcmp(op, "!=") == 0))
        wanted = with_key(r, n, "$not", wanted);
    if (strpbrk(text_string(&name), ".[") != NULL || build_has(map, text_string(&name)))
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "a condition here has to be of a whole variable, and one for each");
    build_put(b, map, text_string(&name), wanted);
    text_deinit(&name);
}

struct build_node *runn_condition(struct runn *r, const struct node *n, struct build_node *before)
{
    struct expr given = {.kind = EXPR_BOOL, .boolean = n->kind == NODE_BOOL && n->boolean};
    const struct expr *e = n->kind == NODE_BOOL ? &given : n->kind == NODE_TEXT ? runn_expr(r, n, n->text) : NULL;
    struct build_node *map = build_map(&r->tree.build, tree_at(&r->tree, n));
    if (e == NULL) {
        tree_error(&r->tree, n, ERROR_INVALID, "if: expected a condition as text");
        return map;
    }
    add_condition(r, n, e, map);
    if (r->tree.code != ERROR_UNSUPPORTED || !runn_try_other(r))
        return map;
    map = build_map(&r->tree.build, tree_at(&r->tree, n));
    const char *name = runn_name(r, "condition");
    if (name != NULL) {
        build_add(&r->tree.build, before, runn_set(r, n, name, e));
        build_put(&r->tree.build, map, name, build_bool(&r->tree.build, tree_at(&r->tree, n), true));
    }
    return map;
}
