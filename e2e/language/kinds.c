/* The table of kinds, and walking steps by it. */
#include "e2e/kind.h"

const struct step_kind *const step_kinds[] = {
    &kind_call,    &kind_http,      &kind_run,      &kind_double,  &kind_verify, &kind_publish, &kind_sql,
    &kind_consume, &kind_websocket, &kind_stream,   &kind_fault,   &kind_wait,   &kind_set,     &kind_flow,
    &kind_for,     &kind_if,        &kind_parallel, &kind_browser, NULL,
};

const struct step_kind *step_kind_of(const struct node *step)
{
    for (size_t i = 0; step_kinds[i] != NULL; i++)
        if (node_get(step, step_kinds[i]->name) != NULL)
            return step_kinds[i];
    return NULL;
}

static int walk_inside(const struct node *value, enum shape shape,
                       int (*each)(void *arg, const struct step_kind *kind, const struct node *step), void *arg)
{
    int code = 0;
    if (shape == SHAPE_STEPS)
        return steps_walk(value, each, arg);
    for (size_t i = 0; shape == SHAPE_BRANCHES && i < value->map.count && code == 0; i++)
        code = steps_walk(&value->map.pairs[i].value, each, arg);
    return code;
}

/* Depth is bounded by the document's. */
int steps_walk(const struct node *steps, int (*each)(void *arg, const struct step_kind *kind, const struct node *step),
               void *arg)
{
    int code = 0;
    for (size_t i = 0; steps != NULL && i < steps->list.count && code == 0; i++) {
        const struct node *step = &steps->list.items[i];
        const struct step_kind *kind = step_kind_of(step);
        code = each(arg, kind, step);
        if (code == 0)
            code = walk_inside(node_get(step, kind->name), kind->shape, each, arg);
        for (const struct step_key *key = kind->keys; key->name != NULL && code == 0; key++)
            if (node_get(step, key->name) != NULL)
                code = walk_inside(node_get(step, key->name), key->shape, each, arg);
    }
    return code;
}
