#include "chaos/check/frontier_witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH         ((size_t)1024)
#define TOKENS        ((size_t)64)
#define MINIMISE_RUNS 400
#define MINIMISE_LOOKS                                                                                                 \
    ((size_t)3) /* at the clock, one in BUDGET_STEPS steps, each of which may compare many configurations */
#define MINIMISE_STEPS ((size_t)20000000) /* events looked at to prove that a witness is minimal */

struct minimising {
    const struct refutation *refutation;
    uint32_t *tasks; /* that have to be placed; the others are free to have happened or not */
    size_t count;
    bool *keep; /* the same, for each task */
    int runs;
    size_t events;
};

/* Tries to leave out `chunk` tasks at a time, in runs that begin at `begin`. *dropped: some could be; *sure: the others
 * could not. ERROR_LIMIT: it has cost enough. */
static int leave_out(struct minimising *m, const struct course *c, size_t begin, size_t chunk, bool *dropped,
                     bool *sure)
{
    const struct refutation *r = m->refutation;
    const struct pass_options options = {
        .width = WIDTH, .tokens = TOKENS, .trails = WIDTH, .begin = begin, .stop = r->last + 1, .keep = m->keep};
    *dropped = false;
    *sure = true;
    for (size_t at = 0; at < m->count;) {
        size_t n = m->count - at < chunk ? m->count - at : chunk;
        enum pass_end end;
        bool proof;
        m->events += r->last - begin;
        if (++m->runs > MINIMISE_RUNS || m->events > MINIMISE_STEPS)
            return ERROR_LIMIT;
        for (size_t i = at; i < at + n; i++)
            m->keep[m->tasks[i]] = false;
        int code = pass_proves(c, r->budget, &options, &end, &proof);
        if (code == 0 && proof) {
            memmove(&m->tasks[at], &m->tasks[at + n], (m->count - at - n) * sizeof *m->tasks);
            m->count -= n;
            *dropped = true;
            continue;
        }
        for (size_t i = at; i < at + n; i++)
            m->keep[m->tasks[i]] = true;
        if (code != 0)
            return code;
        *sure = *sure && end == PASS_THROUGH;
        at += n;
    }
    return 0;
}

/* Halves first, then one by one until none can be left out; in the end in runs of the whole prefix, for one that begins
 * later may allow too much, and of the full course, for a narrow one does as well. True in *minimal: that is proven. */
static int minimise(struct minimising *m, bool *minimal)
{
    const struct refutation *r = m->refutation;
    bool dropped = false, sure = false;
    int code = 0;
    for (size_t chunk = (m->count + 1) / 2; code == 0 && chunk > 1; chunk = (chunk + 1) / 2)
        code = leave_out(m, r->course, r->begin, chunk, &dropped, &sure);
    do {
        if (code == 0)
            code = leave_out(m, r->course, r->begin, 1, &dropped, &sure);
    } while (code == 0 && dropped);
    do {
        if (code == 0)
            code = leave_out(m, r->full, 0, 1, &dropped, &sure);
    } while (code == 0 && dropped);
    *minimal = code == 0 && sure;
    return code == ERROR_MEMORY ? code : 0;
}

static void describe(const struct course *c, size_t last, size_t count, bool minimal, struct check_result *out)
{
    const struct operation *o = &c->h->operations[c->tasks[c->events[last] / 2].operation];
    word key, a, b;
    int n;
    key_word(c->h, o->key, key);
    if (o->function == OPERATION_READ)
        n = snprintf(out->reason, sizeof out->reason, "process %d read %s from %s", o->process,
                     value_word(c->h, o->value, a), key);
    else if (o->function == OPERATION_WRITE)
        n = snprintf(out->reason, sizeof out->reason, "process %d wrote %s to %s", o->process,
                     value_word(c->h, o->value, a), key);
    else
        n = snprintf(out->reason, sizeof out->reason, "process %d's cas from %s to %s on %s %s", o->process,
                     value_word(c->h, o->other, a), value_word(c->h, o->value, b), key,
                     o->end == END_OK ? "succeeded" : "failed");
    size_t at = n < 0 ? 0 : (size_t)n < sizeof out->reason ? (size_t)n : sizeof out->reason - 1;
    snprintf(&out->reason[at], sizeof out->reason - at, ", which no order allows together with %s%zu operation%s",
             minimal ? "these " : "", count - 1, count == 2 ? "" : "s");
}

struct meter {
    const struct check_limits *limits;
    size_t left;
};

static bool used_up(void *arg)
{
    struct meter *m = arg;
    if (m->left > 0)
        m->left--;
    return m->left == 0 || (m->limits->stop != NULL && m->limits->stop(m->limits->stop_arg));
}

int frontier_witness(const struct refutation *found, struct check_result *out)
{
    /* The verdict stands: a smaller witness may cost a little, and no more. */
    struct meter meter = {.limits = found->budget->limits, .left = MINIMISE_LOOKS};
    struct check_limits limits = *found->budget->limits;
    limits.memory -= found->budget->memory;
    limits.stop = used_up;
    limits.stop_arg = &meter;
    struct budget budget = budget_of(&limits);
    const struct refutation own = {found->course, found->full, &budget, found->begin, found->last}, *r = &own;
    const struct course *c = r->course;
    uint32_t *tasks = malloc((c->task_count + 1) * sizeof *tasks);
    bool *keep = calloc(c->task_count + 1, sizeof *keep);
    size_t count = 0;
    int code = tasks != NULL && keep != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < c->task_count; i++) {
        const struct task *t = &c->tasks[i];
        if (!t->must || t->call < r->begin || t->end == TASK_NONE || t->end > r->last)
            continue;
        tasks[count++] = (uint32_t)i;
        keep[i] = true;
    }
    bool minimal = false;
    if (code == 0)
        code = minimise(&(struct minimising){.refutation = r, .tasks = tasks, .count = count, .keep = keep}, &minimal);
    for (size_t i = 0; code == 0 && i < c->task_count; i++)
        if (keep[i] && !check_result_add(out, c->tasks[i].operation))
            code = ERROR_MEMORY;
    if (code == 0) {
        out->verdict = VERDICT_INVALID;
        out->minimal = minimal;
        describe(r->full, r->last, out->witness.count, minimal, out);
    }
    free(tasks);
    free(keep);
    return code;
}
