#include "chaos/check/frontier.h"
#include "chaos/check/frontier_witness.h"
#include "chaos/check/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_FIRST ((size_t)8)  /* of a pass that only proves "valid": crashed operations make wide ones dear */
#define WIDTH       ((size_t)24) /* of the first pass that is gone on with */
#define WIDTH_WIDER ((size_t)256)
#define TOKENS      ((size_t)8)
#define TOKENS_MAX  ((size_t)64)
#define TRAILS      ((size_t)256)
#define WINDOW      ((size_t)16) /* events of the first look back */
#define SAVED       ((size_t)32) /* frontiers kept to go back to */

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
    bool narrowly;        /* that was the one which proved it */
};

/* A run from `begin` up to and with event `last` that knows nothing of what was before. */
static int look_back(struct solving *s, const struct course *c, size_t begin, size_t last, size_t width, size_t tokens,
                     enum pass_end *end, bool *proof)
{
    const struct pass_options options = {
        .width = width, .tokens = tokens, .trails = width > TRAILS ? width : TRAILS, .begin = begin, .stop = last + 1};
    int code = pass_proves(c, s->budget, &options, end, proof);
    if (code == 0 && *proof) {
        s->window = begin;
        s->narrowly = c == &s->narrow;
    }
    return code;
}

/* Whether the value that was asked for at `last` cannot have been there, whatever the others were. */
static int look_narrowly(struct solving *s, size_t window, size_t last, bool *proof)
{
    const struct task *t = &s->course->tasks[s->course->events[last] / 2];
    enum pass_end end;
    int code = course_narrow(s->course, t->from, s->budget, &s->narrow);
    return code != 0 ? code
                     : look_back(s, &s->narrow, last > window ? last - window : 0, last, WIDTH_WIDER, TOKENS_MAX, &end,
                                 proof);
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
    int code = go(s, NULL, WIDTH_FIRST, TOKENS, c->event_count, &exact, &died, &where);
    if (code == 0 && died && !exact) {
        s->saved_count = s->furthest = 0;
        exact = true;
        code = go(s, NULL, WIDTH, TOKENS, c->event_count, &exact, &died, &where);
    }
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
            code = look_back(s, s->course, begin, where, width, tokens, &end, &proof);
            if (code != 0 || proof)
                break;
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

int frontier_key(const struct history *h, const uint32_t *operations, size_t count, const void *with, struct budget *b,
                 struct check_result *out, struct error *err)
{
    (void)with;
    (void)err;
    struct course c = {.h = h};
    struct solving s = {.course = &c, .budget = b};
    uint32_t key = count > 0 ? h->operations[operations[0]].key : 0;
    size_t fixed =
        (count + 1) * (sizeof *c.tasks + 2 * sizeof *c.events + sizeof(struct table_entry) * 4 + TIMELINE_BYTES);
    if (!budget_take(b, fixed)) {
        budget_unknown(b, out, key, 0);
        return 0;
    }
    int code = course_prepare(&c, operations, count, b->limits->initial);
    if (code == ERROR_LIMIT) {
        timeline_too_many(out, key);
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
            code = frontier_witness(
                &(struct refutation){
                    .course = s.narrowly ? &s.narrow : &c, .full = &c, .budget = b, .begin = s.window, .last = last},
                out);
        }
    }
    for (size_t i = 0; i < SAVED; i++)
        free(s.saved[i].configurations);
    if (s.narrow.tasks != NULL)
        budget_give(b, c.task_count * sizeof *c.tasks);
    free(s.narrow.tasks);
    free(s.narrow.first);
    course_deinit(&c);
    budget_give(b, fixed);
    return code;
}
