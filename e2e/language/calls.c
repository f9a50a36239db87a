/* Which methods flows call, as far as their files tell. */
#include "e2e/kind.h"

#include <string.h>

struct calls {
    struct map *methods;
    bool more; /* something else is needed, or may be */
};

static bool needs_contracts(const struct step_kind *kind)
{
    static const struct step_kind *const without[] = {
        &kind_http, &kind_websocket, &kind_stream, &kind_browser, &kind_run, &kind_sql,
        &kind_wait, &kind_set,       &kind_flow,   &kind_for,     &kind_if,  &kind_parallel,
    };
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        if (kind == without[i])
            return false;
    return true;
}

/* Of a stream "package.Service/Method", where an HTTP answer is "GET /path". */
const struct node *step_method(const struct step_kind *kind, const struct node *step)
{
    const struct node *what = kind == &kind_call || kind == &kind_stream ? node_get(step, kind->name) : NULL;
    const char *text = what != NULL ? (const char *)what->text.data : "";
    bool path = strchr(text, ' ') != NULL, open = strchr(text, '/') == NULL && (what == NULL || !has_variable(what));
    return kind == &kind_stream && (path || open) ? NULL : what;
}

static int look_at(void *arg, const struct step_kind *kind, const struct node *step)
{
    struct calls *c = arg;
    const struct node *call = step_method(kind, step);
    /* How a stream ended is told where nothing can be read any more: its details may be of any type. */
    if (call == NULL || has_variable(call) || kind == &kind_stream)
        c->more = c->more || call != NULL || needs_contracts(kind);
    else if (!map_put(c->methods, (const char *)call->text.data, c->methods))
        return ERROR_MEMORY;
    return 0;
}

static int look_at_list(struct calls *c, const struct flow_list *l);

/* Each file's flows are loaded once for every step that includes some, so no flow is met twice here. */
static int look_at_file(struct calls *c, const struct flow_file *file)
{
    const struct node *const lists[] = {file->setup, file->before, file->after, file->teardown};
    int code = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && code == 0; i++)
        code = steps_walk(lists[i], look_at, c);
    for (size_t i = 0; i < file->includes.count && code == 0; i++)
        code = look_at_list(c, &file->includes.items[i].from);
    return code;
}

/* Flows of one file stand together; so do those of one folder, around which its fixtures are. */
static int look_at_list(struct calls *c, const struct flow_list *l)
{
    const struct flow_file *last = NULL;
    int code = 0;
    for (size_t i = 0; i < l->count && code == 0; i++) {
        const struct flow *f = l->items[i];
        c->more = c->more || f->doubles != NULL;
        if ((code = steps_walk(f->steps, look_at, c)) == 0)
            code = steps_walk(f->finally, look_at, c);
        for (const struct flow_file *file = f->file; file != last && file != NULL && code == 0;
             file = file->around != NULL ? file->around->file : NULL)
            code = look_at_file(c, file);
        last = f->file;
    }
    return code;
}

int flow_list_calls(const struct flow_list *l, struct map *out)
{
    struct calls c = {.methods = out};
    int code = look_at_list(&c, l);
    return code != 0 ? code : !c.more;
}
