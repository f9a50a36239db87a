#include "tests/whole/fresh.h"

#include "base/hash.h"
#include "base/late.h"
#include "fuzz/cover/cover_hooks.h"
#include "proto/set.h"
#include "tests/whole/stable.h"
#include "world/mapping.h"
#include "world/saved.h"
#include "world/worker.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORK_LIMIT ((uint64_t)(60 * SECOND)) /* of real time for one case */
#define FORK_CALLS SIMULATED_CALLS_MAX
#define FORK_WHY   ((size_t)4096)
#define WORDS_SEED 1 /* of hash tables that draw one from the system otherwise */

#define PAGE ((uintptr_t)4096)

/* What a fork leaves behind. */
struct left {
    uint8_t edges[2][PAGE]; /* counters of the first and last page, which it does not share */
    uint32_t calls;
    struct trace_call call[FORK_CALLS];
    bool hung, finished;
    uint64_t hash, steps;
    const char *oracle;
    char method[128];
    char why[FORK_WHY];
};

/* Stands in the zone, with all the world, and goes back with it. */
struct inside {
    struct pb_pool *pool;
    struct sequence_graph *graph; /* for the checkers: nothing is learnt in it */
    struct whole *whole;
    struct fuzz_trace trace;
    struct whole_verdict verdict;
    struct fuzz_case c; /* the case that runs: in mid-sequence another one takes its place */
    uint64_t hash, steps_before;
    bool tracing;
};

struct fresh {
    struct inside *inside;
    bool fork;
    struct fuzz_case prefix;
    size_t prefix_events;
    bool prefix_saved;
    struct fresh_figures figures;
    uint64_t hash;
    struct world_mapping left;
    const struct fuzz_case *running; /* of the fork */
    bool tracing;
};

static void on_line(void *arg, const char *text, size_t len)
{
    struct inside *in = arg;
    in->hash = hash_add(in->hash, BYTES(text, len));
}

/* Counters of coverage by libFuzzer's rules, where there are any: a fork counts in its parent's. */
extern uint8_t __start___sancov_cntrs[] __attribute__((weak));
extern uint8_t __stop___sancov_cntrs[] __attribute__((weak));

/* Counters that stand in a page with other data cannot be shared: they are carried over when the fork is through. */
STABLE_RAW static void carry_edges(struct left *left, bool back)
{
    if (!__start___sancov_cntrs)
        return;
    uint8_t *start = __start___sancov_cntrs, *end = __stop___sancov_cntrs;
    uint8_t *first = start + (0 - (uintptr_t)start) % PAGE, *last = end - (uintptr_t)end % PAGE;
    if (first > end)
        first = last = end;
    for (uint8_t *at = start, *to = left->edges[0]; at < first; at++, to++)
        *(back ? at : to) = *(back ? to : at);
    for (uint8_t *at = last, *to = left->edges[1]; at < end; at++, to++)
        *(back ? at : to) = *(back ? to : at);
}

/* ---- booting ---- */

static void fail_allocation(void *arg, uint64_t n)
{
    (void)arg;
    saved_fail(n);
}

/* What libraries keep for a thread stands outside of what goes back: it must be there before. */
static bool settle_libraries(void)
{
    uint8_t drawn[16];
    json_object_seed(WORDS_SEED);
    ERR_clear_error();
    return RAND_bytes(drawn, sizeof drawn) == 1 && RAND_priv_bytes(drawn, sizeof drawn) == 1;
}

static int boot(struct fresh *f, uint64_t seed, struct error *err)
{
    struct inside *in = calloc(1, sizeof *in);
    f->inside = in;
    if (!in || !settle_libraries())
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = pb_pool_new(proto_set(), "set", &in->pool, err);
    if (rc == 0)
        rc = whole_graph(in->pool, &in->graph, err);
    const struct whole_options options = {.pool = in->pool,
                                          .seed = seed,
                                          .graph = in->graph,
                                          .allocation = saved_possible() && !f->fork ? fail_allocation : NULL};
    return rc ? rc : whole_new(&options, &in->whole, err);
}

int fresh_new(uint64_t seed, bool fork, struct fresh **out, struct error *err)
{
    struct fresh *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return error_set(err, ERROR_MEMORY, "out of memory");
    f->fork = fork || !saved_possible();
    int rc = late_open_all(err);
    if (f->fork && rc == 0)
        rc = world_mapping_anonymous(sizeof(struct left), &f->left);
    if (f->fork && rc == 0 && __start___sancov_cntrs)
        rc = world_mapping_share(__start___sancov_cntrs, __stop___sancov_cntrs);
    if (!f->fork)
        saved_enter();
    if (rc == 0)
        rc = boot(f, seed, err);
    if (!f->fork)
        saved_leave();
    if (rc)
        fresh_free(f);
    else
        *out = f;
    return rc;
}

void fresh_free(struct fresh *f)
{
    if (!f)
        return;
    struct inside *in = f->inside;
    if (!f->fork)
        saved_end();
    if (in) {
        if (!f->fork)
            saved_enter();
        fuzz_trace_deinit(&in->trace);
        fuzz_case_deinit(&in->c);
        text_deinit(&in->verdict.why);
        whole_free(in->whole);
        sequence_graph_free(in->graph);
        pb_pool_free(in->pool);
        free(in);
        if (!f->fork)
            saved_leave();
    }
    fuzz_case_deinit(&f->prefix);
    world_mapping_close(&f->left);
    free(f);
}

const struct pb_pool *fresh_pool(const struct fresh *f)
{
    return f->inside->pool;
}

/* ---- a case ---- */

/* Up to its end, and the judgement. */
static void go_on(struct inside *in)
{
    simulated_end(in->whole->door);
    whole_judge(in->whole, &in->c, &in->trace, &in->verdict);
}

static void start(struct inside *in, bool tracing)
{
    in->hash = HASH_START;
    in->steps_before = sim_events(in->whole->sim);
    sim_trace(in->whole->sim, tracing ? on_line : NULL, in);
    simulated_begin(in->whole->door, &in->c, &in->trace);
}

static bool same_event(const struct fuzz_case *a, const struct fuzz_case *b, size_t i)
{
    const struct fuzz_event *x = &a->events.items[i], *y = &b->events.items[i];
    return x->kind == y->kind && x->lane == y->lane && x->flags == y->flags && x->call == y->call &&
           x->number == y->number && bytes_equal(fuzz_case_bytes(a, x->name), fuzz_case_bytes(b, y->name)) &&
           bytes_equal(fuzz_case_bytes(a, x->value), fuzz_case_bytes(b, y->value));
}

/* What a call looks like when it is opened depends on what follows: its metadata, and whether any message of it is
 * compressed. So a prefix ends behind an AWAIT, and what is behind it opens its own calls. */
static bool has_prefix(const struct fresh *f, const struct fuzz_case *c)
{
    uint32_t calls = 0;
    if (f->prefix_events == 0 || c->events.count < f->prefix_events)
        return false;
    for (size_t i = 0; i < f->prefix_events; i++) {
        calls += c->events.items[i].kind == EVENT_CALL;
        if (!same_event(&f->prefix, c, i))
            return false;
    }
    for (size_t i = f->prefix_events; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].call < calls)
            return false;
    return true;
}

void fresh_prefix(struct fresh *f, const struct fuzz_case *c, size_t events)
{
    f->prefix_saved = false;
    f->prefix_events = 0;
    if (f->fork || events == 0 || events > c->events.count || events > FRESH_PREFIX_EVENTS ||
        c->events.items[events - 1].kind != EVENT_AWAIT || fuzz_case_copy(&f->prefix, c) != 0)
        return;
    f->prefix_events = events;
}

static int first_take(void)
{
    const struct cover_module *modules;
    if (saved_has(0))
        return 0;
    size_t count = cover_modules(&modules);
    for (size_t i = 0; i < count; i++)
        saved_except(modules[i].start, modules[i].end);
    return saved_take(0);
}

static int copy_trace(const struct fuzz_trace *from, struct fuzz_trace *to)
{
    fuzz_trace_clear(to);
    if (!array_reserve(&to->calls, from->calls.count) || !array_reserve(&to->replies, from->replies.count) ||
        !text_reserve(&to->data, from->data.len + 1))
        return ERROR_MEMORY;
    /* The rest are plain numbers. */
    struct fuzz_trace own = *to;
    *to = *from;
    to->calls = own.calls;
    to->replies = own.replies;
    to->data = own.data;
    if (from->calls.count)
        memcpy(to->calls.items, from->calls.items, from->calls.count * sizeof *to->calls.items);
    if (from->replies.count)
        memcpy(to->replies.items, from->replies.items, from->replies.count * sizeof *to->replies.items);
    to->calls.count = from->calls.count;
    to->replies.count = from->replies.count;
    text_add(&to->data, from->data.data, from->data.len);
    return text_ok(&to->data) ? 0 : ERROR_MEMORY;
}

static void tell(struct whole_verdict *out, const char *oracle, const char *method, struct bytes why)
{
    out->oracle = oracle;
    snprintf(out->method, sizeof out->method, "%s", method);
    text_clear(&out->why);
    text_add(&out->why, why.data, why.len);
}

static int run_saved(struct fresh *f, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out)
{
    struct inside *in = f->inside;
    int rc = first_take();
    if (rc)
        return rc;
    bool known = has_prefix(f, c), resumed = known && f->prefix_saved && saved_has(1);
    saved_back(resumed ? 1 : 0);
    saved_enter();
    size_t before = saved_in_use();
    rc = fuzz_case_copy(&in->c, c);
    if (rc == 0 && !resumed) {
        start(in, f->tracing);
        if (known) {
            simulated_go(in->whole->door, f->prefix_events);
            /* The world remembers the case it began with by its address alone, so another may lie there next time. */
            f->prefix_saved = saved_take(1) == 0;
        }
    }
    if (rc == 0)
        go_on(in);
    saved_leave();
    size_t after = saved_in_use();
    f->figures.growth = after > before ? after - before : 0;
    f->figures.pages = saved_pages();
    f->figures.resumed += resumed;
    f->figures.steps = sim_events(in->whole->sim) - in->steps_before;
    f->hash = in->hash;
    if (rc == 0)
        rc = copy_trace(&in->trace, t);
    t->memory = f->figures.growth;
    tell(out, in->verdict.oracle, in->verdict.method, text_bytes(&in->verdict.why));
    return rc;
}

static int run_in_fork(void *arg)
{
    struct fresh *f = arg;
    struct inside *in = f->inside;
    struct left *left = f->left.data;
    if (fuzz_case_copy(&in->c, f->running) != 0)
        return 1;
    start(in, f->tracing);
    go_on(in);
    left->calls = (uint32_t)in->trace.calls.count;
    if (left->calls > 0)
        memcpy(left->call, in->trace.calls.items, left->calls * sizeof left->call[0]);
    left->hung = in->trace.hung;
    left->hash = in->hash;
    left->steps = sim_events(in->whole->sim) - in->steps_before;
    left->oracle = in->verdict.oracle;
    memcpy(left->method, in->verdict.method, sizeof left->method);
    snprintf(left->why, sizeof left->why, "%s", text_string(&in->verdict.why));
    carry_edges(left, false);
    left->finished = true;
    return 0;
}

static int run_forked(struct fresh *f, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out)
{
    struct world_worker *worker;
    struct world_exit status;
    struct left *left = f->left.data;
    left->finished = false;
    left->calls = 0;
    f->running = c;
    int rc = world_worker_start(run_in_fork, f, false, &worker, NULL);
    if (rc)
        return rc;
    bool ended = world_worker_wait(worker, FORK_LIMIT, &status);
    if (left->finished)
        carry_edges(left, true);
    if (!ended)
        world_worker_kill(worker);
    fuzz_trace_clear(t);
    for (uint32_t i = 0; i < left->calls; i++) {
        struct trace_call call = left->call[i];
        call.text = call.detail = (struct fuzz_span){0, 0};
        call.replies = call.first_reply = 0; /* their bodies went with the fork */
        if (!array_push(&t->calls, call))
            rc = ERROR_MEMORY;
    }
    f->hash = left->hash;
    f->figures.steps = left->steps;
    tell(out, left->finished ? left->oracle : NULL, left->method, bytes_of(left->why));
    if (!left->finished) {
        t->crashed = ended;
        t->hung = !ended;
        tell(out, ended ? "crash" : "hang", "", BYTES_NONE);
        (void)world_worker_errors(worker, (size_t)64 << 10, &out->why);
    }
    world_worker_close(worker);
    return rc;
}

int fresh_run(struct fresh *f, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out)
{
    f->figures.runs++;
    return f->fork ? run_forked(f, c, t, out) : run_saved(f, c, t, out);
}

void fresh_figures(const struct fresh *f, struct fresh_figures *out)
{
    *out = f->figures;
}

void fresh_trace(struct fresh *f, bool on)
{
    f->tracing = on;
}

uint64_t fresh_hash(const struct fresh *f)
{
    return f->hash;
}
