/* `bind`: names for what came back, for what is computed, and for what is collected. */
#include "e2e/import/runn/runn.h"

#include "e2e/internal.h"

#include <string.h>

/* A value that is computed, or a variable whose value is kept: a step of its own. */
static void bind_value(struct runn *r, const struct node *n, const char *name, const struct expr *e)
{
    static char there;
    struct runn_ref *ref = ARENA_NEW(&r->arena, struct runn_ref);
    if (!variable_name_valid(name)) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "bind: \"%s\" is no name for a variable of a flow", name);
        return;
    }
    build_add(&r->tree.build, r->behind, runn_set(r, n, name, e));
    if (ref == NULL || !map_put(&r->names, name, &there) || !map_put(&r->bound, name, ref)) {
        tree_no_memory(&r->tree);
        return;
    }
    ref->variable = name;
}

/* Expressions in lists and maps are one of them. */
static const struct expr *bound_expr(struct runn *r, const struct node *n, int depth)
{
    struct expr *e = ARENA_NEW(&r->arena, struct expr);
    size_t count = n->kind == NODE_LIST ? n->list.count : n->kind == NODE_MAP ? n->map.count * 2 : 0;
    if (n->kind == NODE_TEXT)
        return runn_expr(r, n, n->text);
    if ((n->kind != NODE_LIST && n->kind != NODE_MAP) || depth == EXPR_DEPTH_MAX)
        return NULL;
    const struct expr **items = ARENA_NEW_N(&r->arena, const struct expr *, count + 1);
    if (e == NULL || items == NULL) {
        tree_no_memory(&r->tree);
        return NULL;
    }
    *e = (struct expr){.kind = n->kind == NODE_LIST ? EXPR_LIST : EXPR_MAP, .items = items, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (n->kind == NODE_MAP && i % 2 == 0) {
            struct expr *key = ARENA_NEW(&r->arena, struct expr);
            if (key == NULL) {
                tree_no_memory(&r->tree);
                return NULL;
            }
            *key = (struct expr){.kind = EXPR_TEXT, .text = n->map.pairs[i / 2].key};
            items[i] = key;
            continue;
        }
        items[i] = bound_expr(r, n->kind == NODE_MAP ? &n->map.pairs[i / 2].value : &n->list.items[i], depth + 1);
        if (items[i] == NULL)
            return NULL;
    }
    return e;
}

/* "list[]" gets one item more, "map[KEY]" a member: in a variable that is empty when the book begins. */
static void bind_into(struct runn *r, const struct node *n, const char *name, const struct expr *e)
{
    struct build *b = &r->tree.build;
    size_t len = strcspn(name, "["), whole = strlen(name), at = tree_at(&r->tree, n);
    const char *var = arena_string_n(&r->arena, name, len);
    bool list = whole == len + 2;
    const struct expr *key = NULL;
    struct text value = TEXT_INIT;
    if (var == NULL || name[whole - 1] != ']' || !variable_name_valid(var) || strchr(name + len + 1, '[') != NULL) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "bind: %s: what is collected is collected in NAME[] or NAME[KEY], one level deep", name);
        return;
    }
    if (!list)
        key = runn_expr(r, n, BYTES(name + len + 1, whole - len - 2));
    struct runn_ref *ref = ARENA_NEW(&r->arena, struct runn_ref);
    struct build_node *set = build_map(b, at), *names = build_map(b, at);
    static char there;
    if (ref == NULL || (map_get(&r->bound, var) == NULL && (!map_put(&r->names, var, &there))))
        tree_no_memory(&r->tree);
    if (r->tree.code != 0)
        return;
    if (!build_has(r->empty, var))
        build_put(b, r->empty, var, list ? build_list(b, at) : build_map(b, at));
    text_printf(&value, list ? "${= concat(%s, [" : "${= merge(%s, {(", var);
    if (!list) {
        (void)runn_write(r, n, key, NULL, &value);
        text_puts(&value, "): ");
    }
    (void)runn_write(r, n, e, NULL, &value);
    text_puts(&value, list ? "])}" : "})}");
    build_put(b, names, var, tree_text(&r->tree, n, &value));
    build_put(b, set, "set", names);
    build_add(b, r->behind, set);
    ref->variable = var;
    if (!map_put(&r->bound, var, ref))
        tree_no_memory(&r->tree);
}

/* `bind`: another name for something that came back, or for a variable. */
void runn_bind(struct runn *r, const struct node *n, const char *name)
{
    struct runn_ref *ref = ARENA_NEW(&r->arena, struct runn_ref);
    const struct expr *e = bound_expr(r, n, 0);
    if (ref == NULL)
        tree_no_memory(&r->tree);
    if (r->tree.code != 0)
        return;
    if (e == NULL) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "bind: %s: expected an expression, as in current.res.body.id", name);
        return;
    }
    if (strpbrk(name, "[]") != NULL) {
        bind_into(r, n, name, e);
        return;
    }
    if (e->kind != EXPR_NAME || !runn_resolve(r, n, e, ref) || ref->step == NULL || ref->whole || ref->take > 0 ||
        ref->step->kind == RUNN_EXEC || ref->step->kind == RUNN_SQL) {
        if (e->kind != EXPR_NAME || r->tree.code == 0)
            bind_value(r, n, name, e);
        return;
    }
    if (!map_put(&r->bound, name, ref))
        tree_no_memory(&r->tree);
    /* Books that include this one know it by its name. */
    if (r->tree.code == 0 && variable_name_valid(name) && map_get(&r->names, name) == NULL) {
        static char there;
        runn_capture(r, ref->step, n, name, ref->path);
        struct text key = TEXT_INIT;
        text_printf(&key, "%zu%s", (size_t)(ref->step - r->steps), ref->path);
        union {
            const char *in;
            void *out;
        } kept = {.in = arena_string(&r->arena, name)};
        if (!text_ok(&key) || kept.in == NULL || !map_put(&r->names, name, &there) ||
            (map_get(&r->captured, text_string(&key)) == NULL && !map_put(&r->captured, text_string(&key), kept.out)))
            tree_no_memory(&r->tree);
        text_deinit(&key);
    }
}
