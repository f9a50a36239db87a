#include "chaos/check/frontier.h"
#include "chaos/check/frontier_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH          ((size_t)24) /* of the first pass */
#define WIDTH_WIDER    ((size_t)256)
#define TOKENS         ((size_t)8)
#define TOKENS_MAX     ((size_t)64)
#define TRAILS         ((size_t)256)
#define WINDOW         ((size_t)16) /* events of the first look back */
#define SAVED          ((size_t)32) /* frontiers kept to go back to */
#define SLOTS_MAX      ((size_t)UINT16_MAX - 1)
#define MINIMISE_RUNS  400
#define MINIMISE_STEPS ((size_t)20000000) /* events looked at to prove that a witness is minimal */

/* ---- the course ---- */

static bool is_task(const struct operation *o)
{
    switch (o->function) {
    case OPERATION_READ:
        return o->end == END_OK;
    case OPERATION_WRITE:
        return o->end != END_FAIL;
    case OPERATION_CAS: /* one of unknown end that would change nothing says nothing */
        return o->end == END_OK || o->end == END_FAIL || o->value != o->other;
    default:
        return false;
    }
}

static struct task task_of(const struct operation *o, uint32_t number, struct table *values)
{
    struct task t = {.operation = number, .end = TASK_NONE, .must = o->end == END_OK || o->end == END_FAIL};
    if (o->function == OPERATION_READ) {
        t.kind = TASK_READ;
        t.from = t.to = table_add(values, 0, o->value);
    } else if (o->function == OPERATION_WRITE) {
        t.kind = TASK_WRITE;
        t.from = t.to = table_add(values, 0, o->value);
    } else if (o->end == END_FAIL || o->value == o->other) {
        t.kind = o->end == END_FAIL ? TASK_OTHER : TASK_READ;
        t.from = t.to = table_add(values, 0, o->other);
    } else {
        t.kind = TASK_CAS;
        t.from = table_add(values, 0, o->other);
        t.to = table_add(values, 0, o->value);
    }
    return t;
}

/* Takes out what may have happened and makes a value nobody looks at: it never has to have happened. */
static bool drop_unseen(struct course *c, size_t values)
{
    bool *looked = calloc(values + 1, sizeof *looked), any = false;
    if (looked == NULL)
        return false;
    for (size_t i = 0; i < c->task_count; i++) {
        looked[c->tasks[i].from] |= c->tasks[i].kind == TASK_READ || c->tasks[i].kind == TASK_CAS;
        any |= c->tasks[i].kind == TASK_OTHER;
    }
    size_t at = 0;
    for (size_t i = 0; i < c->task_count; i++)
        if (c->tasks[i].must || any || looked[c->tasks[i].to])
            c->tasks[at++] = c->tasks[i];
    c->task_count = at;
    free(looked);
    return true;
}

/* Events in the order of time, invocations before ends at one instant; slots; the first event that can make a value. */
static bool lay_out(struct course *c, size_t values)
{
    uint32_t *by_end = malloc((c->task_count + 1) * sizeof *by_end),
             *spare = malloc((c->task_count + 1) * sizeof *spare);
    uint32_t *task_of_operation = malloc((c->h->count + 1) * sizeof *task_of_operation);
    uint16_t *freed = malloc((c->task_count + 1) * sizeof *freed);
    c->events = malloc((2 * c->task_count + 1) * sizeof *c->events);
    c->first = malloc((values + 1) * sizeof *c->first);
    bool ok = by_end != NULL && spare != NULL && task_of_operation != NULL && freed != NULL && c->events != NULL &&
              c->first != NULL;
    size_t ends = 0, end_count = 0, free_count = 0;
    for (size_t i = 0; ok && i < c->task_count; i++) {
        task_of_operation[c->tasks[i].operation] = (uint32_t)i;
        if (c->tasks[i].must)
            by_end[end_count++] = c->tasks[i].operation;
    }
    if (ok) {
        sort_by_end(c->h, by_end, end_count, spare);
        memset(c->first, 0xFF, (values + 1) * sizeof *c->first);
    }
    for (size_t calls = 0; ok && (calls < c->task_count || ends < end_count);) {
        uint32_t event = (uint32_t)c->event_count;
        if (calls < c->task_count && (ends == end_count || c->h->operations[c->tasks[calls].operation].invoked <=
                                                               c->h->operations[by_end[ends]].ended)) {
            struct task *t = &c->tasks[calls];
            t->call = event;
            if (free_count == 0 && c->slots >= SLOTS_MAX)
                ok = false;
            else
                t->slot = free_count > 0 ? freed[--free_count] : (uint16_t)c->slots++;
            if ((t->kind == TASK_WRITE || t->kind == TASK_CAS) && event < c->first[t->to])
                c->first[t->to] = event;
            c->events[c->event_count++] = (uint32_t)calls++ * 2;
        } else {
            struct task *t = &c->tasks[task_of_operation[by_end[ends++]]];
            t->end = event;
            freed[free_count++] = t->slot;
            c->events[c->event_count++] = (uint32_t)(t - c->tasks) * 2 + 1;
        }
    }
    free(by_end);
    free(spare);
    free(task_of_operation);
    free(freed);
    return ok;
}

static bool prepare(struct course *c, const uint32_t *operations, size_t count, int64_t initial, struct table *values)
{
    c->tasks = malloc((count + 1) * sizeof *c->tasks);
    if (c->tasks == NULL || (c->initial = table_add(values, 0, initial)) == TABLE_NONE)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &c->h->operations[operations[i]];
        if (!is_task(o))
            continue;
        struct task t = task_of(o, operations[i], values);
        if (t.from == TABLE_NONE || t.to == TABLE_NONE)
            return false;
        c->tasks[c->task_count++] = t;
    }
    c->value_count = values->count;
    if (!drop_unseen(c, values->count) || !lay_out(c, values->count))
        return false;
    c->words = c->slots > 0 ? (c->slots + 63) / 64 : 1;
    return true;
}

/* ---- the search ---- */

struct solving {
    const struct course *course;
    struct budget *budget;
    struct saved_frontier saved[SAVED]; /* a ring */
    bool exact[SAVED];                  /* nothing had been left out up to there */
    size_t saved_count;
    size_t furthest;      /* event */
    size_t window;        /* the first event of the run that proved "invalid" */
    struct course narrow; /* the course as one value sees it, once it was asked for */
    size_t narrow_value;
};

/* A run from `begin` up to and with event `last` that knows nothing of what was before. */
static int look_back(struct solving *s, size_t begin, size_t last, size_t width, size_t tokens, const bool *keep,
                     enum pass_end *end, bool *proof)
{
    struct pass p;
    struct pass_options options = {.width = width,
                                   .tokens = tokens,
                                   .trails = width > TRAILS ? width : TRAILS,
                                   .begin = begin,
                                   .stop = last + 1,
                                   .keep = keep};
    int code = pass_init(&p, s->course, s->budget, &options, NULL);
    if (code == 0) {
        *end = pass_run(&p, SIZE_MAX);
        *proof = *end == PASS_DIED && !p.overflowed;
        code = *end == PASS_BUDGET ? ERROR_CANCELLED : *end == PASS_NO_MEMORY ? ERROR_MEMORY : 0;
    }
    pass_deinit(&p);
    return code;
}

/* The same course, of which only one value is told from all others: a register of two values, which every order of the
 * true one explains as well. What neither makes nor looks at that value becomes a look at the others. It has so few
 * configurations that it often proves by itself that the value cannot be there. */
static int make_narrow(struct solving *s, uint32_t value)
{
    const struct course *c = s->course;
    struct course *n = &s->narrow;
    if (n->tasks == NULL) {
        *n = *c;
        n->tasks = NULL;
        n->first = NULL;
        if (!budget_take(s->budget, c->task_count * sizeof *n->tasks))
            return ERROR_CANCELLED;
        n->tasks = malloc((c->task_count + 1) * sizeof *n->tasks);
        n->first = malloc(2 * sizeof *n->first);
        if (n->tasks == NULL || n->first == NULL)
            return ERROR_MEMORY;
    } else if (s->narrow_value == value) {
        return 0;
    }
    s->narrow_value = value;
    n->value_count = 2;
    n->initial = c->initial == value;
    n->first[0] = n->first[1] = TASK_NONE;
    for (size_t i = 0; i < c->task_count; i++) {
        struct task *t = &n->tasks[i];
        *t = c->tasks[i];
        bool from = t->from == value, to = t->to == value;
        if (t->kind == TASK_OTHER) { /* not this one; or not another one, which says nothing */
            t->kind = TASK_READ;
            t->must = t->must && from;
            from = to = false;
        } else if (t->kind == TASK_CAS && from == to) {
            t->kind = TASK_READ;
        }
        t->from = from;
        t->to = to;
        if ((t->kind == TASK_WRITE || t->kind == TASK_CAS) && t->call < n->first[to])
            n->first[to] = t->call;
    }
    return 0;
}

/* Whether the value that was asked for at `last` cannot have been there, whatever the others were. */
static int look_narrowly(struct solving *s, size_t window, size_t last, bool *proof)
{
    const struct task *t = &s->course->tasks[s->course->events[last] / 2];
    enum pass_end end;
    size_t begin = last > window ? last - window : 0;
    int code = make_narrow(s, t->from);
    if (code != 0)
        return code;
    struct solving narrow = {.course = &s->narrow, .budget = s->budget};
    code = look_back(&narrow, begin, last, WIDTH_WIDER, TOKENS_MAX, NULL, &end, proof);
    if (code == 0 && *proof) {
        s->window = begin;
        s->course = &s->narrow;
    }
    return code;
}

static int save(struct solving *s, const struct pass *p, bool exact)
{
    size_t at = s->saved_count % SAVED;
    if (!pass_save(p, &s->saved[at]))
        return ERROR_MEMORY;
    s->exact[at] = exact;
    s->saved_count++;
    return 0;
}

/* Goes on from `from` (NULL: the beginning) to `stop`. When it dies, *died is where. `exact` says whether nothing has
 * been left out so far. */
static int go(struct solving *s, const struct saved_frontier *from, size_t width, size_t tokens, size_t stop,
              bool *exact, bool *died, size_t *where)
{
    struct pass p;
    struct pass_options options = {
        .width = width, .tokens = tokens, .trails = width > TRAILS ? width : TRAILS, .stop = s->course->event_count};
    size_t every = s->course->slots > 32 ? 4 * s->course->slots : 128;
    int code = pass_init(&p, s->course, s->budget, &options, from);
    enum pass_end end = PASS_THROUGH;
    *died = false;
    while (code == 0 && end == PASS_THROUGH && p.event < stop) {
        size_t pause = p.event + every;
        code = save(s, &p, *exact && !p.overflowed);
        if (code == 0)
            end = pass_run(&p, pause < stop ? pause : stop);
        if (p.event > s->furthest)
            s->furthest = p.event;
    }
    *exact = *exact && !p.overflowed;
    if (code == 0 && end == PASS_BUDGET)
        code = ERROR_CANCELLED;
    else if (code == 0 && end == PASS_NO_MEMORY)
        code = ERROR_MEMORY;
    else if (code == 0 && end == PASS_DIED)
        *died = true;
    *where = p.event;
    if (code == 0 && !*died && p.event < s->course->event_count)
        code = save(s, &p, *exact);
    pass_deinit(&p);
    return code;
}

/* The newest saved frontier at or before an event; later ones are forgotten. */
static struct saved_frontier *go_back(struct solving *s, size_t event, bool *exact)
{
    size_t oldest = s->saved_count > SAVED ? s->saved_count - SAVED : 0;
    while (s->saved_count > oldest + 1 && s->saved[(s->saved_count - 1) % SAVED].event > event)
        s->saved_count--;
    struct saved_frontier *f = &s->saved[(s->saved_count - 1) % SAVED];
    if (f->event > event) { /* the ring does not go back that far */
        s->saved_count = 0;
        *exact = true;
        return NULL;
    }
    *exact = s->exact[(s->saved_count - 1) % SAVED];
    s->saved_count--; /* go() saves it again; it is copied before */
    return f;
}

/* 0 with *valid; else the last event is *last and s->window the first of a run that proves it. */
static int solve(struct solving *s, bool *valid, size_t *last)
{
    const struct course *c = s->course;
    struct saved_frontier start = {0};
    bool exact = true, died;
    size_t where;
    int code = go(s, NULL, WIDTH, TOKENS, c->event_count, &exact, &died, &where);
    while (code == 0 && died) {
        size_t width = WIDTH_WIDER, window = WINDOW, tokens = TOKENS;
        bool known = exact; /* that it is invalid; then only a witness is wanted */
        bool proof = false, passed = false;
        for (; !proof && !passed; window *= 2) {
            size_t begin = where + 1 > window ? where + 1 - window : 0;
            enum pass_end end = PASS_THROUGH;
            code = look_narrowly(s, (c->slots + 4) * window, where, &proof);
            if (code != 0 || proof)
                break;
            code = look_back(s, begin, where, width, tokens, NULL, &end, &proof);
            if (code != 0)
                break;
            if (proof) {
                s->window = begin;
                break;
            }
            if (!known) {
                const struct saved_frontier *f = go_back(s, where > 2 * window ? where - 2 * window : 0, &exact);
                size_t stop = where + window < c->event_count ? where + window : c->event_count, at;
                start = (struct saved_frontier){0};
                if (f != NULL) {
                    size_t size = f->count * f->stride * sizeof *f->configurations;
                    start = *f;
                    start.configurations = malloc(size > 0 ? size : 1);
                    if (start.configurations == NULL) {
                        code = ERROR_MEMORY;
                        break;
                    }
                    memcpy(start.configurations, f->configurations, size);
                }
                code = go(s, f != NULL ? &start : NULL, width, tokens, stop, &exact, &died, &at);
                free(start.configurations);
                if (code != 0)
                    break;
                passed = !died;
                if (died && at > where)
                    where = at;
                known = died && exact;
            }
            if (end != PASS_THROUGH || window > 4 * c->slots) {
                width *= 4;
                tokens = tokens * 2 < TOKENS_MAX ? tokens * 2 : TOKENS_MAX;
            }
        }
        if (code != 0)
            break;
        if (proof) {
            *valid = false;
            *last = where;
            return 0;
        }
        /* It went by what it died of: on, as narrow as before. */
        struct saved_frontier *f = go_back(s, SIZE_MAX, &exact);
        if (f == NULL || s->furthest >= c->event_count)
            break;
        size_t size = f->count * f->stride * sizeof *f->configurations;
        start = *f;
        start.configurations = malloc(size > 0 ? size : 1);
        if (start.configurations == NULL)
            return ERROR_MEMORY;
        memcpy(start.configurations, f->configurations, size);
        code = go(s, &start, WIDTH, TOKENS, c->event_count, &exact, &died, &where);
        free(start.configurations);
    }
    *valid = true;
    return code;
}

/* ---- the witness ---- */

struct minimising {
    struct solving *solving;
    size_t last;
    uint32_t *tasks; /* that have to be placed; the others are free to have happened or not */
    size_t count;
    bool *keep; /* the same, for each task */
    int runs;
    size_t events;
};

/* Tries to leave out `chunk` tasks at a time, in runs that begin at `begin`. *dropped: some could be; *sure: the others
 * could not. ERROR_LIMIT: it has cost enough. */
static int leave_out(struct minimising *m, size_t begin, size_t chunk, bool *dropped, bool *sure)
{
    *dropped = false;
    *sure = true;
    for (size_t at = 0; at < m->count;) {
        size_t n = m->count - at < chunk ? m->count - at : chunk;
        enum pass_end end;
        bool proof;
        m->events += m->last - begin;
        if (++m->runs > MINIMISE_RUNS || m->events > MINIMISE_STEPS)
            return ERROR_LIMIT;
        for (size_t i = at; i < at + n; i++)
            m->keep[m->tasks[i]] = false;
        int code = look_back(m->solving, begin, m->last, WIDTH_WIDER * 4, TOKENS_MAX, m->keep, &end, &proof);
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
 * later may allow too much. True in *minimal: that is proven. */
static int minimise(struct minimising *m, bool *minimal)
{
    bool dropped = false, sure = false;
    int code = 0;
    for (size_t chunk = (m->count + 1) / 2; code == 0 && chunk > 1; chunk = (chunk + 1) / 2)
        code = leave_out(m, m->solving->window, chunk, &dropped, &sure);
    do {
        if (code == 0)
            code = leave_out(m, m->solving->window, 1, &dropped, &sure);
    } while (code == 0 && dropped);
    do {
        if (code == 0)
            code = leave_out(m, 0, 1, &dropped, &sure);
    } while (code == 0 && dropped);
    *minimal = code == 0 && sure;
    return code == ERROR_MEMORY ? code : 0;
}

static void describe(const struct solving *s, size_t last, size_t count, bool minimal, struct check_result *out)
{
    const struct course *c = s->course;
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

static int make_witness(struct solving *s, size_t last, struct check_result *out)
{
    const struct course *c = s->course;
    uint32_t *tasks = malloc((c->task_count + 1) * sizeof *tasks);
    bool *keep = calloc(c->task_count + 1, sizeof *keep);
    size_t count = 0;
    int code = tasks != NULL && keep != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < c->task_count; i++) {
        const struct task *t = &c->tasks[i];
        if (!t->must || t->call < s->window || t->end == TASK_NONE || t->end > last)
            continue;
        tasks[count++] = (uint32_t)i;
        keep[i] = true;
    }
    bool minimal = false;
    if (code == 0)
        code = minimise(&(struct minimising){.solving = s, .last = last, .tasks = tasks, .count = count, .keep = keep},
                        &minimal);
    for (size_t i = 0; code == 0 && i < c->task_count; i++)
        if (keep[i] && !check_result_add(out, c->tasks[i].operation))
            code = ERROR_MEMORY;
    if (code == 0) {
        out->verdict = VERDICT_INVALID;
        out->minimal = minimal;
        describe(s, last, out->witness.count, minimal, out);
    }
    free(tasks);
    free(keep);
    return code;
}

/* What reads or replaces a value that nothing could have made by then. */
static bool find_unmade(const struct course *c, struct check_result *out)
{
    for (size_t i = 0; i < c->task_count; i++) {
        const struct task *t = &c->tasks[i];
        if (!t->must || (t->kind != TASK_READ && t->kind != TASK_CAS) || t->from == c->initial ||
            c->first[t->from] < t->end)
            continue;
        const struct operation *o = &c->h->operations[t->operation];
        word key, value;
        say_invalid(
            out, o->key, (size_t[]){t->operation}, 1, "process %d %s %s %s %s, which nobody had begun to write",
            o->process, t->kind == TASK_READ ? "read" : "replaced",
            value_word(c->h, t->kind == TASK_READ && o->function == OPERATION_READ ? o->value : o->other, value),
            t->kind == TASK_READ ? "from" : "in", key_word(c->h, o->key, key));
        out->minimal = true;
        return true;
    }
    return false;
}

int frontier_key(const struct history *h, const uint32_t *operations, size_t count, struct budget *b,
                 struct check_result *out)
{
    struct table values = {0};
    struct course c = {.h = h};
    struct solving s = {.course = &c, .budget = b};
    uint32_t key = count > 0 ? h->operations[operations[0]].key : 0;
    size_t fixed = (count + 1) * (sizeof *c.tasks + 2 * sizeof *c.events + 12 + sizeof *values.entries * 4) +
                   h->count * sizeof(uint32_t);
    if (!budget_take(b, fixed)) {
        budget_unknown(b, out, key, 0);
        return 0;
    }
    int code = prepare(&c, operations, count, b->limits->initial, &values) ? 0 : ERROR_MEMORY;
    if (code != 0 && c.slots >= SLOTS_MAX) {
        out->verdict = VERDICT_UNKNOWN;
        out->key = key;
        out->checked = 0;
        snprintf(out->reason, sizeof out->reason, "more than %zu operations are open at a time", SLOTS_MAX);
        code = 0;
    } else if (code == 0 && !find_unmade(&c, out)) {
        bool valid = true;
        size_t last = 0, ended = 0;
        code = solve(&s, &valid, &last);
        if (code == ERROR_CANCELLED) {
            for (size_t i = 0; i < s.furthest && i < c.event_count; i++)
                ended += c.events[i] & 1;
            budget_unknown(b, out, key, ended);
            code = 0;
        } else if (code == 0 && !valid) {
            out->key = key;
            code = make_witness(&s, last, out);
        }
    }
    for (size_t i = 0; i < SAVED; i++)
        free(s.saved[i].configurations);
    if (s.narrow.tasks != NULL)
        budget_give(b, c.task_count * sizeof *c.tasks);
    free(s.narrow.tasks);
    free(s.narrow.first);
    free(c.tasks);
    free(c.events);
    free(c.first);
    table_deinit(&values);
    budget_give(b, fixed);
    return code;
}
