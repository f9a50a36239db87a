/* What almost matched.
 *
 * Every stub of the method that is looked at is weighed without a word being written: a condition that does not hold
 * weighs 1, a text that differs the less the more of it is the same, a stub that matches but is used up or in another
 * state next to nothing. Only the three lightest are then explained.
 *
 * Weighing all of 500,000 stubs at every miss would make misses the slowest answers, so a set has a purse: NEAR_RATE
 * stubs a second of the calls' own time, at most STUB_NEAR_EXAMINED of them saved up, and NEAR_LEAST for every call
 * whatever the purse holds, of which the nearest alone is told. A person at a keyboard sees all stubs compared; a flood
 * of misses gets the newest few. */
#include "fakes/stub/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_RATE     ((uint64_t)200000) /* stubs a second */
#define NEAR_LEAST    ((size_t)8)
#define NEAR_SKIP_MAX 8 /* stubs of other methods passed over for each that is weighed */
#define NEAR_SOON     0.1

struct candidate {
    const struct stub *stub;
    double weight;
};

/* ---- weighing ---- */

/* 0: equal; 1: nothing in common. */
static double apart(const struct pb_field *f, struct value a, struct value b)
{
    size_t shorter = a.bytes.len < b.bytes.len ? a.bytes.len : b.bytes.len;
    size_t longer = a.bytes.len > b.bytes.len ? a.bytes.len : b.bytes.len, same = 0;
    if (!value_is_text(f) || longer == 0)
        return 1;
    while (same < shorter && a.bytes.data[same] == b.bytes.data[same])
        same++;
    size_t front = same;
    while (same - front < shorter - front &&
           a.bytes.data[a.bytes.len - 1 - (same - front)] == b.bytes.data[b.bytes.len - 1 - (same - front)])
        same++;
    return 1 - (double)same / (double)(longer + 1);
}

/* How much the request's value differs from the stub's key; a text's beginning has a test of its own. */
static double weigh_key(const struct asking *x, const struct stub *stub, size_t i)
{
    const struct index_part *p = &stub->group->parts[i];
    const struct slot *slot = &x->set->scan.slots.items[x->subject.base + (size_t)p->slot];
    bool there = slot->present || !value_has_presence(p->field);
    if (p->cut != 0 || (there && value_equal(p->field, stub->keys[i], slot->value)))
        return 0;
    return 0.25 + 0.75 * (there ? apart(p->field, stub->keys[i], slot->value) : 1);
}

static double weigh(struct asking *x, const struct stub *stub)
{
    double sum = 0;
    for (size_t i = 0; i < stub->group->part_count; i++)
        sum += weigh_key(x, stub, i);
    for (size_t i = 0; i < stub->test_count; i++)
        sum += !test_holds(&x->subject, stub->tests[i]);
    if (sum > 0)
        return sum;
    struct stub_use use = asking_use(x, stub);
    const char *machine, *current;
    bool state =
        asking_machine(x, stub, &machine, &current) && (machine == NULL || state_is(stub->extra->state, current));
    return use.removed || stub_is_used_up(stub, use) || !state ? NEAR_SOON : 0;
}

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if (a->weight != b->weight)
        return a->weight < b->weight;
    return a->stub->rank != b->stub->rank ? a->stub->rank > b->stub->rank : a->stub->id > b->stub->id;
}

static void offer(struct candidate best[STUB_NEAR_MAX], size_t *count, struct candidate c)
{
    size_t at = *count;
    while (at > 0 && is_better(&c, &best[at - 1]))
        at--;
    if (at == STUB_NEAR_MAX)
        return;
    size_t moved = (*count < STUB_NEAR_MAX ? *count : STUB_NEAR_MAX - 1) - at;
    memmove(&best[at + 1], &best[at], moved * sizeof *best);
    best[at] = c;
    *count += *count < STUB_NEAR_MAX;
}

/* ---- explaining ---- */

struct collecting {
    struct stub_near *near;
    bool failed;
};

static void differ(void *arg, const char *path, const char *expected, const char *actual, double near)
{
    struct collecting *c = arg;
    struct stub_difference d = {.path = strdup(path), .expected = strdup(expected), .actual = strdup(actual)};
    (void)near;
    if (d.path == NULL || d.expected == NULL || d.actual == NULL || !array_push(&c->near->differences, d)) {
        free(d.path);
        free(d.expected);
        free(d.actual);
        c->failed = true;
    }
}

static void explain_counts(struct asking *x, const struct stub *stub, struct collecting *c)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    struct stub_use use = asking_use(x, stub);
    const char *machine, *current;
    if (use.removed)
        differ(c, "stub", "it to be there", "removed by an effect in this session", 0);
    if (stub_is_used_up(stub, use)) {
        bool times = stub->times > 0 && use.count >= stub->times;
        text_printf(&expected, "at most %" PRIu64, times ? stub->times : (uint64_t)stub->sequence);
        text_printf(&actual, "call %" PRIu64, use.count + 1);
        differ(c, times ? "times" : "sequence", text_string(&expected), text_string(&actual), 0);
    }
    text_clear(&expected);
    text_clear(&actual);
    if (asking_machine(x, stub, &machine, &current) && machine != NULL && !state_is(stub->extra->state, current)) {
        struct text path = TEXT_INIT;
        for (size_t i = 0; i < stub->extra->state->is_count; i++)
            text_printf(&expected, "%s%s", i > 0 ? " or " : "", stub->extra->state->is[i]);
        text_printf(&path, "state of \"%s\"", machine);
        differ(c, text_string(&path), text_string(&expected), current, 0);
        text_deinit(&path);
    }
    error_clear(&x->why);
    text_deinit(&expected);
    text_deinit(&actual);
}

static bool explain(struct asking *x, const struct candidate *from, struct stub_near *out)
{
    const struct stub *stub = from->stub;
    const struct plan *plan = &x->method->plan;
    struct collecting c = {.near = out};
    struct text label = TEXT_INIT;
    text_printf(&label, "%s:%d", stub->file, stub->line);
    if (stub->extra != NULL && stub->extra->name != NULL)
        text_printf(&label, " %s", stub->extra->name);
    out->id = stub->id;
    out->distance = from->weight;
    out->label = text_ok(&label) ? text_take(&label) : NULL;
    text_deinit(&label);
    for (size_t i = 0; i < stub->group->part_count; i++) {
        const struct index_part *p = &stub->group->parts[i];
        struct demand d = {.slot = p->slot, .value = stub->keys[i]};
        if (p->cut == 0)
            test_explain_demand(&x->subject, plan, &d, differ, &c);
    }
    for (size_t i = 0; i < stub->test_count; i++)
        test_explain(&x->subject, plan, stub->tests[i], differ, &c);
    if (out->differences.count == 0)
        explain_counts(x, stub, &c);
    return out->label != NULL && !c.failed && !x->set->scan.failed;
}

/* ---- the purse ---- */

static size_t take_from_purse(struct stub_set *s, uint64_t now)
{
    if (now == 0) /* a call without a clock, in process */
        return STUB_NEAR_EXAMINED;
    uint64_t gone = now > s->near_at ? now - s->near_at : 0;
    uint64_t earned = gone > 1000000000U ? NEAR_RATE : gone * NEAR_RATE / 1000000000U;
    if (s->near_at == 0 || earned > 0)
        s->near_at = now;
    if (earned > STUB_NEAR_EXAMINED - s->near_left)
        earned = STUB_NEAR_EXAMINED - s->near_left;
    s->near_left += earned;
    return s->near_left > NEAR_LEAST ? s->near_left : NEAR_LEAST;
}

static void look_through(struct asking *x, size_t most, struct stub_nearest *out, struct candidate *best)
{
    struct stub_set *s = x->set;
    size_t skipped = 0;
    for (size_t i = s->rows.count; i-- > 0 && out->examined < most && skipped < most * NEAR_SKIP_MAX;) {
        const struct stub *stub = s->rows.items[i].stub;
        if (stub == NULL || stub->method != x->method) {
            skipped++;
            continue;
        }
        /* Another session's stubs are not shown. */
        const char *own = stub->extra != NULL && stub->extra->session != NULL ? stub->extra->session : "";
        if (stub->added && strcmp(own, x->asked->session) != 0)
            continue;
        offer(best, &out->count, (struct candidate){stub, weigh(x, stub)});
        out->examined++;
    }
}

int stub_set_nearest(struct stub_set *s, const struct fake_asked *asked, size_t most, struct stub_nearest *out)
{
    struct candidate best[STUB_NEAR_MAX + 1];
    struct asking x;
    int code = 0;
    *out = (struct stub_nearest){0};
    pthread_mutex_lock(&s->lock);
    struct stub_method *m = map_get(&s->methods, asked->method->path);
    if (m != NULL) {
        bool purse = most == 0;
        if (purse)
            most = take_from_purse(s, asked->now);
        out->total = m->stubs;
        /* Of a malformed request what was found before its fault is compared. */
        asking_look(&x, s, m, asked);
        if (!s->scan.failed)
            look_through(&x, most, out, best);
        if (purse && most <= NEAR_LEAST && out->count > 1)
            out->count = 1;
        for (size_t i = 0; i < out->count && code == 0; i++)
            code = explain(&x, &best[i], &out->near[i]) ? 0 : ERROR_MEMORY;
        if (purse)
            s->near_left -= out->examined < s->near_left ? out->examined : s->near_left;
        if (s->scan.failed)
            code = ERROR_MEMORY;
        asking_end(&x);
    }
    pthread_mutex_unlock(&s->lock);
    if (code != 0)
        stub_nearest_deinit(out);
    return code;
}

void stub_nearest_deinit(struct stub_nearest *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct stub_near *near = &n->near[i];
        for (size_t d = 0; d < near->differences.count; d++) {
            free(near->differences.items[d].path);
            free(near->differences.items[d].expected);
            free(near->differences.items[d].actual);
        }
        array_deinit(&near->differences);
        free(near->label);
    }
    *n = (struct stub_nearest){0};
}

/* ---- telling ---- */

void stub_nearest_text(const struct stub_nearest *n, const struct pb_method *method, struct text *out)
{
    text_printf(out, "no stub of %s/%s matches", method->service->full_name, method->name);
    if (n->count == 0) {
        text_puts(out, ": there is none");
        return;
    }
    text_printf(out, "; nearest of %zu", n->total);
    if (n->examined < n->total)
        text_printf(out, " (the newest %zu were compared)", n->examined);
    text_char(out, ':');
    for (size_t i = 0; i < n->count; i++) {
        const struct stub_near *near = &n->near[i];
        for (size_t d = 0; d < near->differences.count; d++)
            text_printf(out, "\n  %s: %s: expected %s, got %s", near->label, near->differences.items[d].path,
                        near->differences.items[d].expected, near->differences.items[d].actual);
        if (near->differences.count == 0)
            text_printf(out, "\n  %s: it matches", near->label);
    }
}

static void json_text(struct text *out, const char *key, const char *value)
{
    text_printf(out, "\"%s\": \"", key);
    text_json(out, value, strlen(value));
    text_char(out, '"');
}

void stub_nearest_json(const struct stub_nearest *n, const struct pb_method *method, struct text *out)
{
    text_char(out, '{');
    json_text(out, "method", method->path);
    text_printf(out, ", \"stubs\": %zu, \"examined\": %zu, \"nearest\": [", n->total, n->examined);
    for (size_t i = 0; i < n->count; i++) {
        const struct stub_near *near = &n->near[i];
        text_printf(out, "%s{\"id\": %" PRIu64 ", ", i > 0 ? ", " : "", near->id);
        json_text(out, "stub", near->label);
        text_printf(out, ", \"distance\": %.3f, \"differences\": [", near->distance);
        for (size_t d = 0; d < near->differences.count; d++) {
            text_puts(out, d > 0 ? ", {" : "{");
            json_text(out, "path", near->differences.items[d].path);
            text_puts(out, ", ");
            json_text(out, "expected", near->differences.items[d].expected);
            text_puts(out, ", ");
            json_text(out, "actual", near->differences.items[d].actual);
            text_char(out, '}');
        }
        text_puts(out, "]}");
    }
    text_puts(out, "]}");
}
