/* A workload's history before each of its models. */
#include "chaos/workload/inside.h"

#include <stdlib.h>
#include <string.h>

/* The operations a model knows: a history of their own that borrows lists and names, and where each came from. */
struct view {
    struct history history;
    size_t *from;
};

static int make_view(const struct history *h, uint32_t functions, struct view *v)
{
    *v = (struct view){.history = *h};
    v->history.operations = malloc((h->count + 1) * sizeof *h->operations);
    v->from = malloc((h->count + 1) * sizeof *v->from);
    v->history.revisions = h->revisions != NULL ? malloc((h->count + 1) * sizeof *h->revisions) : NULL;
    v->history.count = 0;
    if (v->history.operations == NULL || v->from == NULL || (h->revisions != NULL && v->history.revisions == NULL))
        return ERROR_MEMORY;
    for (size_t i = 0; i < h->count; i++) {
        if ((functions >> h->operations[i].function & 1) == 0)
            continue;
        size_t n = v->history.count++;
        v->history.operations[n] = h->operations[i];
        v->from[n] = i;
        if (h->revisions != NULL)
            v->history.revisions[n] = history_revision(h, i);
    }
    v->history.capacity = h->count + 1;
    v->history.revision_capacity = h->revisions != NULL ? h->count + 1 : 0;
    return 0;
}

/* When the last change of the final reads, or before them, had ended: from then on readers have to agree. */
static uint64_t settled_at(const struct workload *w)
{
    if (w->final_from >= w->history.count)
        return TIME_NEVER;
    uint64_t at = w->history.operations[w->final_from].invoked;
    for (size_t i = 0; i < w->history.count; i++) {
        const struct operation *o = &w->history.operations[i];
        if (o->function != OPERATION_READ && o->ended != TIME_NEVER && o->ended >= at && o->end == END_OK &&
            o->function != OPERATION_POLL && o->function != OPERATION_WATCH)
            at = o->ended + 1;
    }
    return at;
}

int workload_judge(struct workload *w, const struct check_model *m, const struct check_limits *limits,
                   struct check_result *out, struct error *err)
{
    struct check_limits own = limits != NULL ? *limits : CHECK_LIMITS_DEFAULT;
    struct view v;
    own.converged = settled_at(w);
    own.redelivery = w->kind->redelivery != 0 ? w->kind->redelivery : TIME_NEVER;
    int code = make_view(&w->history, m->functions, &v);
    if (code == 0)
        code = check_run(m, &v.history, &own, out, err);
    else
        error_set(err, code, "no memory for the check");
    for (size_t i = 0; code == 0 && i < out->witness.count; i++)
        out->witness.items[i] = v.from[out->witness.items[i]];
    free(v.history.operations);
    free(v.history.revisions);
    free(v.from);
    return code;
}
