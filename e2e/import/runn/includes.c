/* Books within books, and what the one that includes another gives it. */
#include "e2e/import/runn/runn.h"

#include <string.h>

/* {steps: ...} without a file: its steps stand here. Names in it are its own. */
void runn_make_inline(struct runn *r, const struct node *n, struct build_node *out)
{
    static const char *const keys[] = {"steps", "vars", NULL};
    const struct node *list = node_get(n, "steps");
    struct build_node *last = build_list(&r->tree.build, tree_at(&r->tree, n));
    struct map bound = r->bound;
    size_t first = r->first;
    struct runn_step *current = r->current;
    struct build_node *behind = r->behind;
    const struct node *vars = tree_member(&r->tree, n, "vars", NODE_MAP);
    runn_only(r, n, keys);
    for (size_t i = 0; vars != NULL && i < vars->map.count; i++) {
        static char there;
        if (map_get(&r->names, vars->map.pairs[i].key) != NULL)
            runn_refuse(r, &vars->map.pairs[i].value,
                        "a variable of an include without a path that the book has as well");
        else if (!map_put(&r->names, vars->map.pairs[i].key, &there))
            tree_no_memory(&r->tree);
    }
    if (vars != NULL) {
        struct build_node *set = build_map(&r->tree.build, tree_at(&r->tree, vars));
        build_put(&r->tree.build, set, "set", runn_vars(r, vars));
        build_add(&r->tree.build, out, set);
    }
    r->bound = (struct map){0};
    r->first = r->count;
    runn_add_steps(r, list, out, last);
    if (build_count(last) > 0)
        runn_refuse(r, list, "defer or force inside an include");
    for (size_t i = r->first; i < r->count; i++)
        r->steps[i].hidden = true;
    map_deinit(&r->bound);
    r->bound = bound;
    r->first = first;
    r->current = current;
    r->behind = behind;
}

static const struct node *address_of(const struct node *runner)
{
    static const char *const keys[] = {"endpoint", "dsn", NULL};
    const struct node *found = runner;
    for (size_t i = 0; runner->kind == NODE_MAP && keys[i] != NULL; i++)
        found = node_get(runner, keys[i]) != NULL ? node_get(runner, keys[i]) : found;
    return found->kind == NODE_TEXT && !runn_starts(found, "grpc://") ? found : NULL;
}

/* The addresses of this book's runners, for one that calls them without naming them itself. */
static struct build_node *own_runners(struct runn *r, const struct node *n)
{
    struct build *b = &r->tree.build;
    struct build_node *out = build_map(b, tree_at(&r->tree, n));
    for (size_t k = 0; k <= r->added_count; k++) {
        const struct node *list = k > 0 ? r->added[k - 1] : r->runners;
        for (size_t i = 0; list != NULL && i < list->map.count; i++) {
            const struct node *address = address_of(&list->map.pairs[i].value);
            if (address != NULL && variable_name_valid(list->map.pairs[i].key))
                build_replace(b, out, list->map.pairs[i].key, tree_said(&r->tree, address));
        }
    }
    return out;
}

/* The book's variables and runners, for one that asks for parent.vars.NAME, or calls what it does not name. */
static void put_parent(struct runn *r, const struct node *n, struct build_node *with)
{
    struct build *b = &r->tree.build;
    size_t at = tree_at(&r->tree, n);
    const struct node *vars = node_get(r->root, "vars");
    struct build_node *parent = build_map(b, at), *own = build_map(b, at), *runners = own_runners(r, n);
    for (size_t i = 0; vars != NULL && vars->kind == NODE_MAP && i < vars->map.count; i++) {
        struct text value = TEXT_INIT;
        if (!variable_name_valid(vars->map.pairs[i].key))
            continue;
        text_printf(&value, "${%s}", vars->map.pairs[i].key);
        build_put(b, own, vars->map.pairs[i].key, tree_text(&r->tree, n, &value));
    }
    if (build_count(own) + build_count(runners) == 0 || build_has(with, "parent"))
        return;
    build_put(b, parent, "vars", own);
    if (build_count(runners) > 0)
        build_put(b, parent, "runners", runners);
    build_put(b, with, "parent", parent);
}

/* Of the first step that calls a runner nobody names here; NULL: none. */
const char *runn_unnamed(const struct runn *r, const struct node *list)
{
    size_t count = list->kind == NODE_MAP ? list->map.count : list->kind == NODE_LIST ? list->list.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct node *step = list->kind == NODE_MAP ? &list->map.pairs[i].value : &list->list.items[i];
        for (size_t k = 0; step->kind == NODE_MAP && k < step->map.count; k++) {
            const char *key = step->map.pairs[k].key;
            if (!runn_is_own(key) && strcmp(key, "exec") != 0 && strcmp(key, "runner") != 0 &&
                runn_find_runner(r, key) == NULL)
                return key;
        }
    }
    return NULL;
}

void runn_make_include(struct runn *r, const struct node *n, struct build_node *step)
{
    static const char *const keys[] = {"path", "vars", NULL};
    struct build *b = &r->tree.build;
    const struct node *path = n->kind == NODE_MAP ? tree_member(&r->tree, n, "path", NODE_TEXT) : n;
    if (path == NULL || path->kind != NODE_TEXT) {
        runn_refuse(r, n, "include in this form");
        return;
    }
    runn_only(r, n, keys);
    runn_put_book(r, path, step);
    const struct node *vars = n->kind == NODE_MAP ? tree_member(&r->tree, n, "vars", NODE_MAP) : NULL;
    struct build_node *with = vars != NULL ? runn_vars(r, vars) : build_map(b, tree_at(&r->tree, n));
    put_parent(r, n, with);
    build_put(b, with, "included", build_bool(b, tree_at(&r->tree, n), true));
    build_put(b, step, "with", with);
}
