#include "fuzz/loop/worker_internal.h"

#include "fuzz/case/shrink.h"
#include "fuzz/loop/verdict.h"
#include "fuzz/sequence/check.h"
#include "world/worker.h"

#include <string.h>

#define LANE_HALVED       65536 /* runs after which what the lanes found of late counts half */
#define LOOP_WORK         300   /* what the loop itself does for a run, in the unit of cover_last_work(), about */
#define LANE_LEAST        0.1   /* share no lane falls below */
#define MUTATION_TRY      8     /* draws until a mutant differs; then the run is given up */
#define MUTATION_ONE_MORE 16    /* one mutant in so many is mutated once more */
#define BATCH             32    /* mutants of one parent, one after the other */
#define LANE_DRAWS        256   /* drawn by the same shares */
#define TRIM_RUNS         64    /* to make a new case smaller */
#define TRIM_PAIRS        512   /* (edge, class) pairs of a case that is made smaller */
#define CHECK_EVERY       2     /* batches between two looks at what is given */
#define SNAPSHOT_SHARE    2     /* one batch in so many is run from a snapshot, where there can be one */
#define SAMPLE_CHECKED    8192  /* one mutant in so many is given to the build with sanitizers, whatever it led to */
#define SLOW_FACTOR       16    /* so are those that take so many times what runs take */

struct fuzz_case worker_running(const struct worker_shared *s)
{
    struct record r = {.head = {.event_count = s->running_events, .data_len = s->running_bytes},
                       .events = s->events,
                       .data = s->bytes};
    return record_case(&r);
}

void worker_set_running(struct worker_shared *s, const struct fuzz_case *c)
{
    s->running_events = (uint32_t)c->events.count;
    s->running_bytes = (uint32_t)c->data.len;
    if (c->events.count)
        memcpy(s->events, c->events.items, c->events.count * sizeof *s->events);
    if (c->data.len)
        memcpy(s->bytes, c->data.data, c->data.len);
}

static bool fits(const struct fuzz_case *c)
{
    return c->events.count <= FUZZ_CASE_EVENTS_MAX && c->data.len <= FUZZ_CASE_BYTES_MAX;
}

bool worker_is_over(const struct worker_shared *s)
{
    return atomic_load_explicit(&s->stop, memory_order_relaxed) ||
           (s->limit && atomic_load_explicit(&s->executions, memory_order_relaxed) >= s->limit);
}

/* What came back is feedback like an edge: how each call ended and behind what, the shape of its replies, the states
 * they tell of; of methods that no contract knows, how the call ended. */
void worker_add_features(struct cover *cover, const struct fuzz_trace *t)
{
    for (size_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *call = &t->calls.items[i];
        unsigned replies = call->replies ? 32U - (unsigned)__builtin_clz(call->replies) : 0;
        if (!call->method)
            cover_feature(cover, (uint64_t)(call->status + 1) << 6 ^ replies);
    }
    sequence_features_to_cover(t, cover);
}

void worker_run(struct worker *w, const struct fuzz_case *c)
{
    struct worker_shared *s = w->shared;
    worker_set_running(s, c);
    fuzz_trace_clear(&w->trace);
    atomic_store_explicit(&s->phase, WORKER_RUNNING, memory_order_release);
    cover_reset(w->cover);
    w->target->run(w->state, c, &w->trace);
    worker_add_features(w->cover, &w->trace);
    atomic_store_explicit(&s->phase, WORKER_BETWEEN, memory_order_release);
    atomic_store_explicit(&s->executions, atomic_load_explicit(&s->executions, memory_order_relaxed) + 1,
                          memory_order_release);
}

/* Waits for the parent where it is behind. */
static bool hand_over(struct worker *w, const struct record *r)
{
    size_t size = record_size(r);
    void *room;
    if (!ring_fits(w->found, size))
        return false;
    while (!(room = ring_reserve(w->found, size)))
        world_worker_pause(1000000);
    record_write(r, room);
    ring_commit(w->found);
    return true;
}

/* What the run reached: every edge, or those it was the first to reach. At once after it: what the loop itself calls
 * (base/, world/) is counted too, and a counter that moved on would never be marked with the class it had. */
bool worker_look(struct worker *w, struct record *r, bool all)
{
    if (!all && cover_collect(w->cover, false) == 0)
        return false;
    r->head.edge_count = (uint32_t)(all ? cover_last(w->cover, &r->edges, &r->classes)
                                        : cover_last_new(w->cover, &r->edges, &r->classes));
    r->head.feature_count = (uint32_t)cover_last_features(w->cover, &r->features);
    return true;
}

/* Tells the parent of a case; `keep`: and takes it up. */
int worker_report(struct worker *w, const struct fuzz_case *c, struct record *r, bool keep)
{
    r->head.hash = fuzz_case_hash(c);
    r->head.execution = atomic_load_explicit(&w->shared->executions, memory_order_relaxed);
    r->head.time = world_worker_now() - w->shared->epoch;
    record_set_case(r, c);
    bool told = hand_over(w, r);
    if (!keep)
        return 0;
    if (w->checks)
        twin_give(w->checks, c);
    int rc = told ? pool_add(&w->pool, r) : 0;
    cover_mark(w->cover, r->edges, r->classes, r->head.edge_count);
    cover_mark_features(w->cover, r->features, r->head.feature_count);
    return rc == ERROR_MEMORY ? rc : 0;
}

static int take_in(struct worker *w)
{
    size_t len;
    const void *at;
    struct record r;
    while ((at = ring_peek(w->given, &len))) {
        int rc = 0;
        bool sound = record_read(at, len, &r);
        if (sound) {
            struct fuzz_case view = record_case(&r);
            rc = fuzz_case_copy(&w->scratch[0], &view);
        }
        ring_consume(w->given); /* before it is run: one that kills is not given to the next worker again */
        if (rc)
            return rc;
        if (!sound || !fits(&w->scratch[0]))
            continue;
        w->shared->running_parent = 0;
        w->shared->running_how = (struct mutated){.lane = (enum fuzz_lane)r.head.lane, .what = r.head.what};
        worker_run(w, &w->scratch[0]);
        bool all = w->work == WORKER_MEASURE;
        struct record seen = {.head = {.what = r.head.what, .lane = r.head.lane, .number = r.head.number}};
        if (worker_look(w, &seen, all))
            rc = worker_report(w, &w->scratch[0], &seen, !all);
        w->shared->imported++;
        if (rc == 0 && !all)
            rc = verdict_judge(w, &w->scratch[0]);
        if (rc)
            return rc;
    }
    return 0;
}

/* A lane's share follows what it found of late, by what its runs cost; none is given up, since what is fruitless now
 * may be the only way later. */
void worker_lane_shares(const struct worker_shared *s, double out[LANE_COUNT])
{
    double sum = 0;
    for (size_t i = 0; i < LANE_COUNT; i++)
        sum += out[i] = (s->lane_finds[i] + 1) / (s->lane_runs[i] + 1000);
    for (size_t i = 0; i < LANE_COUNT; i++)
        out[i] = LANE_LEAST + (1 - LANE_LEAST * LANE_COUNT) * out[i] / sum;
}

static enum fuzz_lane draw_lane(struct worker *w)
{
    double at = random_unit(&w->random);
    if (w->lane_draws++ % LANE_DRAWS == 0)
        worker_lane_shares(w->shared, w->lane_shares);
    for (size_t i = 0; i + 1 < LANE_COUNT; i++)
        if ((at -= w->lane_shares[i]) < 0)
            return (enum fuzz_lane)i;
    return (enum fuzz_lane)(LANE_COUNT - 1);
}

/* What the last run cost; what runs cost about follows it slowly. */
static float cost_of_run(struct worker *w)
{
    double work = (double)cover_last_work(w->cover), *about = &w->shared->work;
    double cost = (LOOP_WORK + work) / (LOOP_WORK + *about);
    *about += (work - *about) / 1024;
    return (float)cost;
}

static void tally_lane(struct worker_shared *s, enum fuzz_lane lane, bool found, double cost)
{
    s->lanes[lane].runs++;
    s->lanes[lane].found += found;
    s->lane_runs[lane] += cost;
    s->lane_finds[lane] += found;
    if (atomic_load_explicit(&s->executions, memory_order_relaxed) % LANE_HALVED == 0)
        for (size_t i = 0; i < LANE_COUNT; i++) {
            s->lane_runs[i] /= 2;
            s->lane_finds[i] /= 2;
        }
}

static void tally_operator(struct worker_shared *s, const char *what, bool found)
{
    size_t at = (size_t)((uintptr_t)what * 0x9e3779b97f4a7c15 >> 40) & (WORKER_OPERATORS - 1);
    for (size_t i = 0; i < WORKER_OPERATORS; i++, at = (at + 1) & (WORKER_OPERATORS - 1)) {
        struct worker_operator *o = &s->operators[at];
        if (o->what && o->what != what)
            continue;
        o->what = what;
        o->tally.runs++;
        o->tally.found += found;
        return;
    }
}

/* The mutant is in `scratch[*at]`. ERROR_NOT_FOUND: none was made. */
int worker_mutate(struct worker *w, const struct fuzz_case *parent, const struct fuzz_case *other, size_t *at,
                  struct mutated *did)
{
    struct fuzz_mutator *m = &w->mutator;
    const struct fuzz_case *from = parent;
    int rc = ERROR_NOT_FOUND;
    *at = 0;
    /* One change, and now and then another on top: near things are found by one, far ones need several. */
    for (unsigned tries = 0; tries < MUTATION_TRY; tries++) {
        struct fuzz_case *to = &w->scratch[from == &w->scratch[0]];
        struct mutated one = {.lane = LANE_VALID, .what = ""};
        fuzz_case_clear(to);
        int did_rc = m->mutate(m->arg, &w->random, from, other, draw_lane(w), w->max, to, &one);
        if (did_rc == ERROR_MEMORY)
            return did_rc;
        if (did_rc || !fits(to))
            continue;
        *did = one; /* the last change is what is learnt of */
        rc = 0;
        from = to;
        *at = (size_t)(to - w->scratch);
        if (random_below(&w->random, MUTATION_ONE_MORE))
            break;
    }
    return rc;
}

/* What a case has to keep while it is made smaller: all that it was the first to reach. */
struct trimming {
    struct worker *w;
    size_t payloads;
    size_t found, pairs, features; /* found: what was new, pairs and features */
    uint32_t edges[TRIM_PAIRS];
    uint8_t classes[TRIM_PAIRS];
    uint64_t all_features[COVER_RUN_FEATURES_MAX];
};

/* What mutators change. */
static size_t count_payloads(const struct fuzz_case *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->events.count; i++)
        count += c->events.items[i].kind == EVENT_MESSAGE || c->events.items[i].kind == EVENT_BYTES;
    return count;
}

static bool reaches(void *arg, const struct fuzz_case *c)
{
    struct trimming *t = arg;
    if (worker_is_over(t->w->shared) || (t->payloads && count_payloads(c) == 0))
        return false;
    worker_run(t->w, c);
    t->w->shared->trimmed++;
    return cover_last_has(t->w->cover, t->edges, t->classes, t->pairs) && cover_collect(t->w->cover, false) >= t->found;
}

/* What is cut may take the defect with it: of such messages nothing is known from now on. */
static void forget_defects(struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++) {
        struct fuzz_event *e = &c->events.items[i];
        if (e->kind != EVENT_MESSAGE || e->lane != LANE_NEAR_VALID)
            continue;
        e->lane = LANE_GARBAGE;
        e->name.len = 0;
    }
}

/* Takes up a case that is new, as small as a few runs make it: what is made of it runs faster for the rest of the
 * campaign. One that does not reach the same again stays as it is. */
static __attribute__((noinline)) int take_up(struct worker *w, const struct fuzz_case *c, struct record *seen)
{
    struct trimming t = {.w = w, .pairs = seen->head.edge_count, .features = seen->head.feature_count};
    struct fuzz_shrunk did;
    if (t.pairs > TRIM_PAIRS)
        return worker_report(w, c, seen, true);
    t.found = cover_collect(w->cover, false);
    if (t.pairs) {
        memcpy(t.edges, seen->edges, t.pairs * sizeof *t.edges);
        memcpy(t.classes, seen->classes, t.pairs * sizeof *t.classes);
    }
    if (t.features)
        memcpy(t.all_features, seen->features, t.features * sizeof *t.all_features);
    t.payloads = count_payloads(c);
    int rc = fuzz_case_copy(&w->judged, c);
    forget_defects(&w->judged);
    if (rc == 0)
        rc = fuzz_shrink(&w->judged, w->contracts, reaches, &t, TRIM_RUNS, &did);
    if (rc && rc != ERROR_NOT_FOUND)
        return rc;
    if (rc == 0 && did.steps > 0) {
        w->shared->trimmed++;
        worker_run(w, &w->judged);
        if (worker_look(w, seen, false))
            return worker_report(w, &w->judged, seen, true);
    }
    seen->edges = t.edges;
    seen->classes = t.classes;
    seen->features = t.all_features;
    seen->head.edge_count = (uint32_t)t.pairs;
    seen->head.feature_count = (uint32_t)t.features;
    return worker_report(w, c, seen, true);
}

/* What the build that records comparisons makes of cases that are new. In the order of the pool, each once, before
 * anything else is drawn: so the campaign goes the same way again. */
static int solve(struct worker *w)
{
    struct worker_shared *s = w->shared;
    while (w->compares && s->solved < w->pool.entries.count && !worker_is_over(s)) {
        const struct pool_entry *e = w->pool.entries.items[s->solved++];
        struct twin_answer a;
        if (!twin_ask(w->compares, &e->c))
            continue;
        while (twin_next(w->compares, &a)) {
            if (a.kind == TWIN_LEARNT && w->mutator.learn)
                w->mutator.learn(w->mutator.arg, &a.solved);
            int rc = a.kind == TWIN_MADE ? fuzz_case_copy(&w->scratch[0], &a.c) : 0;
            twin_taken(w->compares);
            if (rc)
                return rc;
            if (a.kind != TWIN_MADE || !fits(&w->scratch[0]) || worker_is_over(s))
                continue;
            s->running_parent = e->hash;
            s->running_how =
                (struct mutated){.lane = LANE_VALID, .what = "compared", .arm = MUTATE_NO_ARM, .source = MUTATE_NO_ARM};
            worker_run(w, &w->scratch[0]);
            s->patched++;
            struct record seen = {.head = {.what = "compared", .lane = LANE_VALID, .parent = e->hash}};
            if (worker_look(w, &seen, false) && (rc = worker_report(w, &w->scratch[0], &seen, true)))
                return rc;
            if ((rc = verdict_judge(w, &w->scratch[0])))
                return rc;
        }
    }
    return 0;
}

/* For the build with sanitizers, besides what is new: what takes long, and a sample of the rest. */
static void check(struct worker *w, const struct fuzz_case *c, uint64_t took)
{
    bool slow = took > SLOW_FACTOR * w->run_time && w->run_time > 0;
    w->run_time += (took > w->run_time ? took - w->run_time : 0) / 64;
    w->run_time -= (took < w->run_time ? w->run_time - took : 0) / 64;
    if (slow || atomic_load_explicit(&w->shared->executions, memory_order_relaxed) % SAMPLE_CHECKED == 0)
        twin_give(w->checks, c);
}

void worker_credit(struct worker *w, const struct mutated *did, bool found)
{
    tally_lane(w->shared, did->lane, found, did->cost > 0 ? (double)did->cost : 1);
    tally_operator(w->shared, did->what, found);
    if (w->mutator.credit)
        w->mutator.credit(w->mutator.arg, &w->random, did, found);
}

static int step(struct worker *w, const struct pool_entry *parent, const struct fuzz_case *other)
{
    struct worker_shared *s = w->shared;
    struct mutated did = {.lane = LANE_VALID, .what = ""};
    size_t at;
    int rc = worker_mutate(w, &parent->c, other, &at, &did);
    if (rc == ERROR_NOT_FOUND) {
        s->duplicates++;
        return 0;
    }
    if (rc)
        return rc;
    const struct fuzz_case *c = &w->scratch[at];
    s->running_parent = parent->hash;
    s->running_how = did;
    uint64_t start = w->checks ? world_worker_now() : 0;
    worker_run(w, c);
    struct record seen = {.head = {.what = did.what, .lane = did.lane, .parent = parent->hash}};
    bool found = worker_look(w, &seen, false);
    did.cost = cost_of_run(w);
    if (!found && atomic_load_explicit(&s->executions, memory_order_relaxed) % WORKER_SAMPLE == 0) {
        const uint32_t *edges;
        const uint8_t *classes;
        size_t count = cover_last(w->cover, &edges, &classes);
        pool_count(&w->pool, edges, count);
    }
    if (w->checks)
        check(w, c, world_worker_now() - start);
    worker_credit(w, &did, found);
    if (found && !w->trace.oracle)
        return take_up(w, c, &seen);
    rc = found ? worker_report(w, c, &seen, true) : 0;
    return rc ? rc : verdict_judge(w, c);
}

/* Mutants of one case, which is read once for all of them. */
static int batch(struct worker *w)
{
    const struct pool_entry *parent = pool_draw(&w->pool, &w->random, BATCH);
    const struct pool_entry *other = pool_any(&w->pool, &w->random);
    int rc = solve(w);
    if (w->mutator.hold)
        w->mutator.hold(w->mutator.arg, &parent->c);
    if (rc == 0 && w->suffixes && w->target->part && random_below(&w->random, SNAPSHOT_SHARE) == 0)
        return snapshot_batch(w, parent, &other->c);
    for (size_t i = 0; rc == 0 && i < BATCH && !worker_is_over(w->shared); i++)
        rc = step(w, parent, &other->c);
    return rc;
}

static int work(struct worker *w)
{
    int rc;
    if (w->work == WORKER_CONFIRM) {
        struct fuzz_case view = worker_running(w->shared);
        rc = fuzz_case_copy(&w->scratch[0], &view);
        if (rc == 0)
            worker_run(w, &w->scratch[0]);
        return rc;
    }
    rc = take_in(w);
    if (rc || w->work != WORKER_FUZZ)
        return rc;
    if (!w->pool.entries.count)
        return ERROR_NOT_FOUND;
    /* A case no mutator can change leaves the loop spinning without a run: bounded by what is refused in a row. */
    uint64_t refused = 0, before;
    while (rc == 0 && !worker_is_over(w->shared) && refused < 100000) {
        before = w->shared->duplicates;
        for (size_t i = 0; rc == 0 && i < CHECK_EVERY && !worker_is_over(w->shared); i++)
            rc = batch(w);
        refused = w->shared->duplicates - before >= CHECK_EVERY * BATCH ? refused + CHECK_EVERY * BATCH : 0;
        if (rc == 0)
            rc = take_in(w);
    }
    return rc ? rc : refused ? ERROR_NOT_FOUND : 0;
}

int worker_main(void *arg)
{
    struct worker *w = arg;
    worker_watch_faults(w->shared, __builtin_frame_address(0));
    /* The next worker after a crash must not draw what the last one drew. */
    random_seed(&w->random, w->seed ^ (atomic_load(&w->shared->executions) * 0x9e3779b97f4a7c15));
    int rc = work(w);
    return rc == 0 ? WORKER_DONE : rc == ERROR_NOT_FOUND ? WORKER_NOTHING : WORKER_NO_MEMORY;
}
