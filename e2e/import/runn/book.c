/* runn's runbooks (github.com/k1LoW/runn): steps over HTTP and gRPC. */
#include "base/document_build.h"
#include "e2e/import/formats.h"
#include "e2e/import/runn/runn.h"
#include "e2e/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_OF_BOOK_MAX 2000

static void refuse_keys(struct runn *r)
{
    static const char *const known[] = {"desc",     "labels", "runners",     "vars",  "secrets", "interval",
                                        "skipTest", "loop",   "concurrency", "needs", "steps",   "debug",
                                        "if",       "force",  "hostRules",   "trace", NULL};
    for (size_t i = 0; i < r->root->map.count; i++) {
        const struct node_pair *p = &r->root->map.pairs[i];
        size_t k = 0;
        while (known[k] != NULL && strcmp(known[k], p->key) != 0)
            k++;
        bool off = p->value.kind == NODE_BOOL && !p->value.boolean;
        if (known[k] == NULL && !off)
            tree_tell(&r->tree, &p->value,
                      "\"%s\" is left out: it is no key of a runbook, and runn does not look at it", p->key);
        else if (strcmp(p->key, "trace") == 0 && !off)
            runn_leave_out(r, &p->value, "\"trace\": runn's header X-Runn-Trace is not sent");
    }
}

struct build_node *runn_vars(struct runn *r, const struct node *map)
{
    struct build_node *out = build_map(&r->tree.build, tree_at(&r->tree, map));
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node *v = &map->map.pairs[i].value;
        r->in_vars = v->kind == NODE_TEXT;
        build_put(&r->tree.build, out, map->map.pairs[i].key, tree_copy(&r->tree, v));
    }
    r->in_vars = false;
    return out;
}

static bool asks_parent(struct runn *r)
{
    struct bytes all = r->tree.build.document->input;
    return memmem(all.data, all.len, "parent.vars.", 12) != NULL;
}

static void put_vars(struct runn *r, struct build_node *flow)
{
    static char there;
    const struct node *vars = tree_member(&r->tree, r->root, "vars", NODE_MAP);
    for (size_t i = 0; vars != NULL && i < vars->map.count; i++) {
        if (!map_put(&r->names, vars->map.pairs[i].key, &there))
            tree_no_memory(&r->tree);
    }
    struct build_node *own = build_map(&r->tree.build, tree_at(&r->tree, r->root));
    const struct node *list = node_get(r->root, "steps");
    bool unnamed = list != NULL && runn_unnamed(r, list) != NULL, asks = asks_parent(r) || unnamed;
    if (asks && vars != NULL && node_get(vars, "parent") != NULL)
        tree_error(&r->tree, node_get(vars, "parent"), ERROR_UNSUPPORTED,
                   "a variable \"parent\" beside parent.vars: give the variable another name");
    else if (asks) {
        struct build_node *parent = build_map(&r->tree.build, 0);
        build_put(&r->tree.build, parent, "vars", build_map(&r->tree.build, 0));
        if (unnamed)
            build_put(&r->tree.build, parent, "runners", build_map(&r->tree.build, 0));
        build_put(&r->tree.build, own, "parent", parent); /* first, since values may ask for it */
    }
    if (vars != NULL)
        build_splice(own, runn_vars(r, vars));
    if (r->only_included)
        build_put(&r->tree.build, own, "included", build_bool(&r->tree.build, 0, false));
    if (build_count(own) > 0)
        build_put(&r->tree.build, flow, "vars", own);
}

static void put_secrets(struct runn *r, struct build_node *flow)
{
    struct build *b = &r->tree.build;
    const struct node *list = tree_member(&r->tree, r->root, "secrets", NODE_LIST);
    struct build_node *out = list != NULL ? build_list(b, tree_at(&r->tree, list)) : NULL;
    for (size_t i = 0; list != NULL && i < list->list.count; i++) {
        const struct node *n = &list->list.items[i];
        const char *name = n->kind == NODE_TEXT ? (const char *)n->text.data : "";
        name += strncmp(name, "vars.", 5) == 0 ? 5 : 0;
        if (!variable_name_valid(name))
            tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                       "of secrets only variables can be said in a flow, as in vars.password");
        build_add(b, out, tree_string(&r->tree, n, name));
    }
    if (out != NULL && build_count(out) > 0)
        build_put(b, flow, "secrets", out);
}

static void put_labels(struct runn *r, struct build_node *flow)
{
    const struct node *list = tree_member(&r->tree, r->root, "labels", NODE_LIST);
    if (list != NULL && list->list.count > 0)
        build_put(&r->tree.build, flow, "tags", tree_copy(&r->tree, list));
}

void runn_put_book(struct runn *r, const struct node *path, struct build_node *step)
{
    const char *file = path->kind == NODE_TEXT ? (const char *)path->text.data : "";
    size_t len = strlen(file);
    bool yaml = (len > 4 && strcmp(file + len - 4, ".yml") == 0) || (len > 5 && strcmp(file + len - 5, ".yaml") == 0);
    file += strncmp(file, "file://", 7) == 0 ? 7 : 0;
    if (!yaml || strstr(file, "://") != NULL || strpbrk(file, "*{") != NULL)
        tree_error(&r->tree, path, ERROR_UNSUPPORTED, "a book that another one names is a file NAME.yml beside it");
    build_put(&r->tree.build, step, "flow", tree_string(&r->tree, path, file));
    if (import_format_of(file) == NULL)
        tree_tell(&r->tree, path, "%s: the book that it names has to be imported as well, to a file of that name",
                  file);
}

/* Books that run before: flows that are included first. */
static void add_needs(struct runn *r, struct build_node *steps)
{
    struct build *b = &r->tree.build;
    const struct node *needs = tree_member(&r->tree, r->root, "needs", NODE_MAP);
    for (size_t i = 0; needs != NULL && i < needs->map.count && r->tree.code == 0; i++) {
        const struct node *n = &needs->map.pairs[i].value;
        struct runn_step *s = &r->steps[r->count++];
        *s = (struct runn_step){.name = needs->map.pairs[i].key, .node = n, .needed = true};
        s->step = build_map(b, tree_at(&r->tree, n));
        runn_put_book(r, n, s->step);
        build_add(b, steps, s->step);
    }
    r->first = 0;
}

static void add_wait(struct runn *r, const struct node *interval, struct build_node *steps)
{
    char text[32];
    double seconds;
    if (interval == NULL || build_count(steps) == 0 || !runn_duration(r, interval, &seconds))
        return;
    struct build_node *wait = build_map(&r->tree.build, tree_at(&r->tree, interval));
    snprintf(text, sizeof text, "%.0fms", seconds < 1e9 ? seconds * 1000 : 1e12);
    build_put(&r->tree.build, wait, "wait", tree_string(&r->tree, interval, text));
    build_add(&r->tree.build, steps, wait);
}

void runn_add_steps(struct runn *r, const struct node *list, struct build_node *out, struct build_node *last)
{
    struct build *b = &r->tree.build;
    const struct node *interval = node_get(r->root, "interval");
    bool map = list->kind == NODE_MAP;
    size_t list_count = r->list_count;
    size_t count = map ? list->map.count : list->kind == NODE_LIST ? list->list.count : 0, deferred_count = 0;
    if (!map && list->kind != NODE_LIST)
        tree_error(&r->tree, list, ERROR_INVALID, "steps are a list or a map");
    r->list_count = count;
    struct build_node **deferred = ARENA_NEW_N(&r->arena, struct build_node *, count + 1);
    for (size_t i = 0; i < count && deferred != NULL && r->tree.code == 0; i++) {
        if (r->count == STEPS_OF_BOOK_MAX) {
            tree_error(&r->tree, list, ERROR_LIMIT, "more than %d steps", STEPS_OF_BOOK_MAX);
            return;
        }
        bool later = false;
        struct runn_step *s = &r->steps[r->count++];
        struct build_node *made = build_list(b, tree_at(&r->tree, list));
        *s = (struct runn_step){.name = map ? list->map.pairs[i].key : NULL};
        runn_make_step(r, map ? &list->map.pairs[i].value : &list->list.items[i], s, made, &later);
        if (build_count(made) == 0)
            continue;
        if (later && r->forced)
            tree_error(&r->tree, list, ERROR_UNSUPPORTED, "\"defer\" beside \"force\" cannot be said in a flow");
        if (later) {
            deferred[deferred_count++] = made;
        } else if (r->forced && last != NULL) { /* what stands in `finally` is done in any case */
            add_wait(r, interval, last);
            build_splice(last, made);
        } else {
            add_wait(r, interval, out);
            build_splice(out, made);
        }
    }
    if (deferred == NULL)
        tree_no_memory(&r->tree);
    while (deferred_count > 0 && deferred != NULL) /* the last one first */
        build_splice(last, deferred[--deferred_count]);
    r->list_count = list_count;
}

/* The whole book several times. */
static struct build_node *put_loop(struct runn *r, struct build_node *steps)
{
    const struct node *loop = node_get(r->root, "loop");
    struct runn_step whole = {0};
    if (loop == NULL)
        return steps;
    if (loop->kind == NODE_MAP && node_get(loop, "until") != NULL)
        tree_error(
            &r->tree, node_get(loop, "until"), ERROR_UNSUPPORTED,
            "\"until\" of a whole book is about its outcome, and a flow has none until it ends: take it out, and "
            "have the flow tried again with --retries N");
    struct build_node *out = runn_put_loop(r, loop, &whole, steps, false);
    return out != NULL ? out : steps;
}

static struct build_node *make_flow(struct runn *r)
{
    struct build *b = &r->tree.build;
    struct build_node *flow = build_map(b, 0), *steps = build_list(b, 0);
    const char *desc = tree_member_text(&r->tree, r->root, "desc");
    const struct node *list = node_get(r->root, "steps"), *skip = tree_member(&r->tree, r->root, "skipTest", NODE_BOOL);
    const struct node *needs = node_get(r->root, "needs");
    struct text name = TEXT_INIT;
    refuse_keys(r);
    if (desc == NULL)
        import_flow_name(document_name(r->tree.source), &name);
    else
        text_puts(&name, desc);
    struct map names = MAP_INIT;
    tree_name(&r->tree, desc != NULL ? node_get(r->root, "desc") : r->root, flow, &names, text_string(&name));
    map_deinit(&names);
    text_deinit(&name);
    const struct node *condition = node_get(r->root, "if");
    r->only_included = condition != NULL;
    put_labels(r, flow);
    if (node_get(r->root, "concurrency") != NULL)
        build_put(b, flow, "alone", build_bool(b, tree_at(&r->tree, node_get(r->root, "concurrency")), true));
    put_secrets(r, flow);
    r->runners = tree_member(&r->tree, r->root, "runners", NODE_MAP);
    put_vars(r, flow);
    r->skip_test = skip != NULL && skip->boolean;
    for (size_t i = 0; r->runners != NULL && i < r->runners->map.count; i++) {
        const struct node *runner = &r->runners->map.pairs[i].value;
        if (runner->kind == NODE_MAP && node_get(runner, "localForward") != NULL)
            tree_error(&r->tree, runner, ERROR_UNSUPPORTED,
                       "a connection forwarded over ssh cannot be said in a flow: name the server itself");
    }
    if (list == NULL || (list->kind != NODE_MAP && list->kind != NODE_LIST)) {
        tree_error(&r->tree, r->root, ERROR_INVALID, "a runbook has \"steps\", a list or a map");
        return flow;
    }
    if ((list->kind == NODE_MAP ? list->map.count : list->list.count) == 0)
        tree_error(&r->tree, list, ERROR_INVALID, "there is no step in this book");
    if (needs != NULL && needs->kind == NODE_MAP && needs->map.count > STEPS_OF_BOOK_MAX)
        tree_error(&r->tree, needs, ERROR_LIMIT, "more than %d steps", STEPS_OF_BOOK_MAX);
    r->steps = r->tree.code == 0 ? ARENA_NEW_N(&r->arena, struct runn_step, STEPS_OF_BOOK_MAX + 1) : NULL;
    if (r->steps == NULL) {
        tree_no_memory(&r->tree);
        return flow;
    }
    struct build_node *last = build_list(b, tree_at(&r->tree, list)), *before = build_list(b, 0);
    struct build_node *wanted = NULL;
    const struct node *force = tree_member(&r->tree, r->root, "force", NODE_BOOL);
    r->all_forced = force != NULL && force->boolean;
    if (condition != NULL)
        wanted = runn_condition(r, condition, before);
    add_needs(r, steps);
    r->empty = build_map(b, tree_at(&r->tree, list));
    runn_add_steps(r, list, steps, last);
    if (build_count(last) > 0)
        build_put(b, flow, "finally", last);
    if (r->tree.code == 0 && build_count(steps) == 0) { /* nothing that could go wrong */
        struct build_node *nothing = build_map(b, tree_at(&r->tree, list));
        build_put(b, nothing, "set", build_map(b, tree_at(&r->tree, list)));
        build_add(b, steps, nothing);
    }
    if (wanted != NULL) {
        struct build_node *choice = build_map(b, tree_at(&r->tree, condition));
        if (build_count(last) > 0)
            tree_error(&r->tree, condition, ERROR_UNSUPPORTED, "\"if\" of a book whose steps are put off (defer)");
        build_put(b, choice, "if", wanted);
        build_put(b, choice, "then", steps);
        build_add(b, before, choice);
        steps = before;
    }
    if (r->left_out.len > 0)
        build_put(b, flow, "about", build_text(b, 0, text_string(&r->left_out), r->left_out.len));
    steps = put_loop(r, steps);
    if (build_count(r->empty) > 0) {
        struct build_node *set = build_map(b, tree_at(&r->tree, list)), *all = build_list(b, tree_at(&r->tree, list));
        build_put(b, set, "set", r->empty);
        build_add(b, all, set);
        build_splice(all, steps);
        steps = all;
    }
    build_put(b, flow, "steps", steps);
    return flow;
}

static int read_book(struct bytes input, const char *name, bool included, struct text *told, struct document **out,
                     struct error *err)
{
    struct runn r = {.tree = {.told = told, .say = runn_say, .value = runn_value}, .included = included};
    r.tree.arg = &r;
    if (tree_begin(&r.tree, input, name, false, err) != 0)
        return r.tree.code;
    r.root = document_root(r.tree.source);
    struct build_node *flow = NULL;
    if (r.root->kind != NODE_MAP)
        tree_error(&r.tree, r.root, ERROR_INVALID, "a runbook is a map with \"steps\", and this is %s",
                   node_kind_name(r.root->kind));
    else
        flow = make_flow(&r);
    map_deinit(&r.bound);
    map_deinit(&r.captured);
    map_deinit(&r.names);
    text_deinit(&r.left_out);
    arena_deinit(&r.arena);
    return tree_end(&r.tree, flow, out);
}

static int runn_parse(struct bytes input, const char *name, struct document **out, struct error *err)
{
    return read_book(input, name, false, NULL, out, err);
}

static int runn_told(struct bytes input, const char *name, struct text *told, struct document **out, struct error *err)
{
    return read_book(input, name, false, told, out, err);
}

static int runn_parse_with(struct bytes input, const char *name, const struct import_settings *settings,
                           struct document **out, struct error *err)
{
    return read_book(input, name, settings != NULL && settings->included, NULL, out, err);
}

const struct import_format import_runn = {
    .name = "runn",
    .about = "runbooks of runn: steps over HTTP and gRPC, and commands",
    .endings = ".runn.yml .runn.yaml",
    .names_its_own = true,
    .parse = runn_parse,
    .parse_with = runn_parse_with,
    .parse_told = runn_told,
};
