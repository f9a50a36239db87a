/* Flows that include flows: "flow: login.yaml", or "flow: accounts.yaml#log in" where a file holds several, or
 * "flow: '#log in'" for one of the same file. Files are loaded with the one that names them; circles are errors. */
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define INCLUDES_DEEP_MAX 16 /* files that load each other, one inside the other */

void path_beside(const char *from, const char *name, struct text *out)
{
    const char *slash = name[0] != '/' ? strrchr(from, '/') : NULL;
    if (slash != NULL)
        text_add(out, from, (size_t)(slash - from) + 1);
    text_puts(out, name);
}

int flow_read_file(struct flow_context *x, const struct node *place, const char *name, size_t limit, struct text *out)
{
    struct error own = ERROR_INIT;
    struct text path = TEXT_INIT, why = TEXT_INIT;
    struct world *w = x->options->files != NULL ? x->options->files : x->target->world;
    path_beside(document_name(place->document), name, &path);
    int code = text_ok(&path) ? world_read_file(w, text_string(&path), limit, out, &own) : flow_memory(x);
    error_format(&own, &why);
    if (own.code != 0)
        flow_wrong(x, place, code, "%s", why.len > 0 ? text_string(&why) : error_code_name(code));
    error_clear(&own);
    text_deinit(&path);
    text_deinit(&why);
    return code;
}

struct flow *flow_included(const struct flow *f, const struct node *step)
{
    for (size_t i = 0; i < f->file->includes.count; i++)
        if (f->file->includes.items[i].step == step)
            return f->file->includes.items[i].flow;
    return NULL;
}

/* ---- finding ---- */

static struct flow *pick(const struct flow_list *flows, const char *name, const struct node *place, struct error *err)
{
    const char *near = NULL;
    ARRAY(const char *) names = {0};
    for (size_t i = 0; i < flows->count; i++)
        if (name == NULL ? flows->count == 1 : strcmp(flows->items[i]->name, name) == 0)
            return flows->items[i];
    for (size_t i = 0; i < flows->count; i++)
        (void)array_push(&names, flows->items[i]->name);
    if (name != NULL && array_push(&names, NULL))
        near = nearest_word(name, names.items);
    if (name == NULL)
        node_error(place, err, ERROR_INVALID, "there are several flows in that file: say which, as FILE#NAME");
    else if (near != NULL)
        node_error(place, err, ERROR_NOT_FOUND, "there is no flow \"%s\" in that file: did you mean \"%s\"?", name,
                   near);
    else
        node_error(place, err, ERROR_NOT_FOUND, "there is no flow \"%s\" in that file", name);
    array_deinit(&names);
    return NULL;
}

static int check_circle(const struct flow_loading *l, const char *path, const struct node *place, struct error *err)
{
    int deep = 0;
    for (const struct flow_loading *by = l; by != NULL && by->path != NULL; by = by->by, deep++)
        if (strcmp(by->path, path) == 0)
            return node_error(place, err, ERROR_INVALID,
                              "files include each other in a circle: %s is being loaded already", path);
    return deep < INCLUDES_DEEP_MAX
               ? 0
               : node_error(place, err, ERROR_LIMIT, "more than %d files include each other", INCLUDES_DEEP_MAX);
}

static int load_other(const struct flow_loading *l, const struct node *place, const char *path,
                      struct flow_include *out, const char *name, struct error *err)
{
    struct error own = ERROR_INIT;
    int code = check_circle(l, path, place, err);
    if (code != 0)
        return code;
    if (l->world == NULL)
        return node_error(place, err, ERROR_UNSUPPORTED, "no files can be included here");
    if ((code = flow_load_by(l, path, &out->from, &own)) != 0 && own.line > 0)
        return error_move(err, &own); /* it has a place of its own, in that file */
    if (code != 0) {
        struct text why = TEXT_INIT;
        error_format(&own, &why);
        node_error(place, err, code, "%s", why.len > 0 ? text_string(&why) : error_code_name(code));
        text_deinit(&why);
        error_clear(&own);
        return code;
    }
    out->flow = pick(&out->from, name, place, err);
    return out->flow != NULL ? 0 : ERROR_NOT_FOUND;
}

/* ---- what is given must be taken, and the other way round ---- */

static bool in_list(const struct node *list, const char *name)
{
    for (size_t i = 0; list != NULL && i < list->list.count; i++)
        if (bytes_is(list->list.items[i].text, name))
            return true;
    return false;
}

static int check_with(const struct flow *f, const struct node *step, struct error *err)
{
    const struct node *with = f->file->takes_all ? NULL : node_get(step, "with");
    for (size_t i = 0; with != NULL && i < with->map.count; i++) {
        const char *name = with->map.pairs[i].key;
        if (!in_list(f->params, name) && (f->variables == NULL || node_get(f->variables, name) == NULL))
            return node_error(&with->map.pairs[i].value, err, ERROR_INVALID,
                              "flow \"%s\" takes no \"%s\": it names what it takes in \"params\" and \"vars\"", f->name,
                              name);
    }
    for (size_t i = 0; f->params != NULL && i < f->params->list.count; i++) {
        const char *name = (const char *)f->params->list.items[i].text.data;
        if (with == NULL || node_get(with, name) == NULL)
            return node_error(step, err, ERROR_INVALID, "flow \"%s\" wants \"%s\": with: {%s: ...}", f->name, name,
                              name);
    }
    if (f->contract)
        return node_error(step, err, ERROR_INVALID, "\"%s\" is a contract, which runs by itself only", f->name);
    return 0;
}

/* ---- loading ---- */

struct including {
    const struct flow_loading *loading;
    struct flow_file *file;
    const struct flow_list *flows; /* of the file */
    struct error *err;
};

static int include_one(void *arg, const struct step_kind *kind, const struct node *step)
{
    struct including *g = arg;
    const struct node *what = node_get(step, kind->name);
    struct flow_include found = {.step = step};
    struct text path = TEXT_INIT;
    if (kind != &kind_flow)
        return 0;
    const char *name = (const char *)what->text.data, *hash = strchr(name, '#');
    int code = 0;
    if (hash == name) {
        found.flow = pick(g->flows, hash + 1, what, g->err);
        code = found.flow != NULL ? 0 : ERROR_NOT_FOUND;
    } else {
        path_beside(document_name(g->file->document), name, &path);
        if (hash != NULL)
            text_truncate(&path, path.len - strlen(hash));
        code = text_ok(&path)
                   ? load_other(g->loading, what, text_string(&path), &found, hash != NULL ? hash + 1 : NULL, g->err)
                   : error_set(g->err, ERROR_MEMORY, "out of memory");
    }
    if (code == 0)
        code = check_with(found.flow, step, g->err);
    if (code == 0 && !array_push(&g->file->includes, found))
        code = error_set(g->err, ERROR_MEMORY, "out of memory");
    if (code != 0)
        flow_list_free(&found.from);
    text_deinit(&path);
    return code;
}

/* ---- circles within one file ---- */

struct chain {
    const struct flow *flow;
    const struct chain *by;
    struct error *err;
};

static int walk_flow(struct chain *c);

static int follow(void *arg, const struct step_kind *kind, const struct node *step)
{
    struct chain *c = arg;
    if (kind != &kind_flow)
        return 0;
    const struct flow *to = flow_included(c->flow, step);
    if (to == NULL || to->file != c->flow->file)
        return 0;
    for (const struct chain *by = c; by != NULL; by = by->by)
        if (by->flow == to)
            return node_error(node_get(step, "flow"), c->err, ERROR_INVALID,
                              "flows include each other in a circle: this one is inside \"%s\" already", to->name);
    struct chain next = {.flow = to, .by = c, .err = c->err};
    return walk_flow(&next);
}

static int walk_flow(struct chain *c)
{
    int deep = 0;
    for (const struct chain *by = c; by != NULL; by = by->by)
        deep++;
    if (deep > INCLUDES_DEEP_MAX)
        return node_error(c->flow->steps, c->err, ERROR_LIMIT, "more than %d flows include each other",
                          INCLUDES_DEEP_MAX);
    int code = steps_walk(c->flow->steps, follow, c);
    return code != 0 ? code : steps_walk(c->flow->finally, follow, c);
}

int flow_load_includes(const struct flow_loading *l, struct flow_file *file, const struct flow_list *flows,
                       struct error *err)
{
    struct including g = {.loading = l, .file = file, .flows = flows, .err = err};
    const struct node *root = document_root(file->document);
    int code = 0;
    for (const struct step_key *key = file_keys; key->name != NULL && code == 0; key++)
        if (key->shape == SHAPE_STEPS)
            code = steps_walk(node_get(root, key->name), include_one, &g);
    for (size_t i = 0; i < flows->count && code == 0; i++) {
        code = steps_walk(flows->items[i]->steps, include_one, &g);
        if (code == 0)
            code = steps_walk(flows->items[i]->finally, include_one, &g);
    }
    for (size_t i = 0; i < flows->count && code == 0; i++) {
        struct chain c = {.flow = flows->items[i], .err = err};
        code = walk_flow(&c);
    }
    return code;
}

/* ---- the step ---- */

static int check(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    const char *hash = strchr((const char *)what->text.data, '#');
    (void)f;
    (void)step;
    if (what->text.len == 0 || (hash != NULL && hash[1] == '\0') || has_variable(what))
        return node_error(what, err, ERROR_INVALID, "\"flow\" is a file, FILE#NAME, or \"#NAME\" for one of this file");
    return 0;
}

/* What came back: the variables the included flow ended with, without those that every flow begins with. */
static int keep_answer(struct flow_context *x)
{
    const char *name;
    json_t *value;
    x->answer = json_object();
    bool ok = x->answer != NULL;
    json_object_foreach(x->variables, name, value)
    {
        if (json_object_get(x->run->given, name) != value)
            ok = ok && json_object_set(x->answer, name, value) == 0;
    }
    return ok ? 0 : flow_memory(x);
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *with = node_get(step, "with");
    const struct flow *outer = x->flow, *inner = flow_included(outer, step);
    json_t *own = with != NULL ? expand_node(x, with) : json_object(), *outside = x->variables;
    if (own == NULL || inner == NULL) {
        json_decref(own);
        return x->error.code != 0 ? x->error.code : flow_memory(x);
    }
    const struct flow_frame frame = {.step = step, .what = inner->name, .around = x->frame};
    x->flow = inner;
    x->variables = json_object();
    int code = x->variables != NULL ? start_variables(x, inner, own) : flow_memory(x);
    struct flow_time time = deadline_inside(x, inner);
    int result = code != 0 ? code : run_inside(x, inner->steps, ".", &frame);
    deadline_restore(x, time);
    if (x->variables != NULL && code == 0 && inner->finally != NULL) {
        time = deadline_again(x);
        int cleaned = run_inside(x, inner->finally, ".finally ", &frame);
        result = result != 0 ? result : cleaned;
        if (!x->hasty)
            deadline_restore(x, time);
    }
    json_decref(x->answer);
    x->answer = NULL;
    if (result == 0)
        result = keep_answer(x);
    json_decref(x->variables);
    x->variables = outside;
    x->flow = outer;
    json_decref(own);
    return result;
}

static const struct step_key keys[] = {
    {"with", SHAPE_NAMES, "what the included flow is given"},
    {"expect", SHAPE_TRUTHS, "what its variables must be at its end"},
    {"capture", SHAPE_CAPTURES, "what is kept of its variables"},
    {0},
};
const struct step_kind kind_flow = {
    .name = "flow",
    .about = "Runs another flow: FILE, FILE#NAME or \"#NAME\"",
    .shape = SHAPE_TEXT,
    .keys = keys,
    .check = check,
    .run = run,
};
