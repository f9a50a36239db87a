#include "fuzz/loop/loop.h"

#include "fuzz/case/shrink.h"
#include "fuzz/loop/corpus.h"
#include "fuzz/loop/place.h"
#include "fuzz/loop/watch.h"

#include <stdio.h>
#include <string.h>

#define LOOK_EVERY   ((uint64_t)10000000)   /* ns; between two looks at the worker */
#define SCAN_EVERY   ((uint64_t)2000000000) /* ns; between two looks for other processes' files */
#define CRASH_COST   1                      /* what a lost worker weighs against its case's parent */
#define HANG_COST    16
#define SHRINK_TIME  ((uint64_t)10000000000) /* ns of wall time to make the case of a crash smaller */
#define BROKEN_LIMIT 3                       /* workers in a row that died without running a case */

const char *fuzz_end_name(enum fuzz_end end)
{
    static const char *const names[] = {"crash", "hang", "memory", "verdict"};
    return names[end];
}

struct loop {
    const struct fuzz_loop_config *config;
    struct fuzz_loop_stats *stats;
    struct watch watch;
    struct fuzz_corpus corpus, import;
    struct fuzz_case lost; /* the case that killed a worker */
    struct text text;
    uint64_t started, cpu_started, progress_at, scan_at;
    uint64_t signatures[FUZZ_FINDINGS_MAX];
    unsigned broken;
    struct error *err;
};

static void count_up(struct loop *l)
{
    struct fuzz_loop_stats *s = l->stats;
    const struct worker_shared *shared = l->watch.worker.shared;
    const struct cover *cover = l->watch.worker.cover;
    s->executions = atomic_load(&shared->executions);
    s->wall = world_now(l->config->world) - l->started;
    s->cpu = watch_cpu(&l->watch) + world_worker_cpu() - l->cpu_started;
    s->edges = cover_edges_seen(cover);
    s->edges_all = cover_edges_all(cover);
    s->pairs = cover_pairs_seen(cover);
    s->features = cover_features_seen(cover);
    s->imported = shared->imported;
    s->duplicates = shared->duplicates;
    s->verdicts_same = shared->verdicts_same;
    s->trimmed = shared->trimmed;
    s->suffixes = shared->suffixes;
    s->asked = shared->solved;
    s->patched = shared->patched;
    if (l->config->checks) {
        s->checked = atomic_load(&l->config->checks->shared->taken);
        s->unchecked = atomic_load(&l->config->checks->shared->dropped);
        s->findings_checked = atomic_load(&l->config->checks->shared->findings);
        s->twin_lost |= atomic_load(&l->config->checks->shared->lost);
    }
    if (l->config->compares)
        s->twin_lost |= atomic_load(&l->config->compares->shared->lost);
    memcpy(s->lanes, shared->lanes, sizeof s->lanes);
    worker_lane_shares(shared, s->lane_shares);
    memcpy(s->operators, shared->operators, sizeof s->operators);
}

/* The parent's copy of what the worker learnt: the next worker is made of it. */
static int absorb(void *arg, const struct record *r)
{
    struct loop *l = arg;
    struct worker *k = &l->watch.worker;
    int rc = pool_add(&k->pool, r);
    cover_mark(k->cover, r->edges, r->classes, r->head.edge_count);
    cover_mark_features(k->cover, r->features, r->head.feature_count);
    if (rc == ERROR_EXISTS)
        return 0;
    if (rc)
        return error_set(l->err, rc, "the corpus in memory cannot grow: %s", error_code_name(rc));
    l->stats->cases++;
    l->stats->case_bytes += r->head.data_len;
    l->stats->last_find = r->head.time;
    return l->config->corpus ? fuzz_corpus_add(&l->corpus, r, l->err) : 0;
}

static int harvest(struct loop *l)
{
    return watch_harvest(&l->watch, absorb, l);
}

static int give(struct loop *l, const struct fuzz_case *c, const char *what)
{
    bool never;
    while (!watch_give(&l->watch, c, what, 0, &never)) {
        if (never)
            return 0; /* larger than what the loop handles: left where it is */
        if (l->watch.process) {
            int rc = harvest(l); /* the worker may be waiting for us */
            if (rc)
                return rc;
            world_worker_pause(LOOK_EVERY / 10);
            struct world_exit status;
            if (world_worker_ended(l->watch.process, &status))
                return ERROR_TIMEOUT; /* there is nobody who would make room: later */
        } else {
            return ERROR_TIMEOUT;
        }
    }
    return 0;
}

static int give_seed(void *arg, const struct fuzz_case *fresh, const char *name)
{
    (void)name;
    return give(arg, fresh, "seed");
}

static int give_import(void *arg, const struct fuzz_case *fresh, const char *name)
{
    (void)name;
    return give(arg, fresh, "import");
}

/* Others' new files. A scan that found no more room goes on at the next one. */
static int scan(struct loop *l)
{
    int rc = 0;
    l->scan_at = world_worker_now() + SCAN_EVERY;
    if (l->config->corpus)
        rc = fuzz_corpus_scan(&l->corpus, give_import, l, NULL);
    if ((rc == 0 || rc == ERROR_TIMEOUT) && l->config->import)
        rc = fuzz_corpus_scan(&l->import, give_import, l, NULL);
    return rc == ERROR_TIMEOUT ? 0 : rc;
}

static bool is_known(const struct loop *l, uint64_t signature)
{
    for (size_t i = 0; i < l->stats->findings; i++)
        if (l->signatures[i] == signature)
            return true;
    return false;
}

static void beat(struct loop *l)
{
    if (l->config->compares)
        atomic_fetch_add(&l->config->compares->shared->beat, 1);
    if (l->config->checks)
        atomic_fetch_add(&l->config->checks->shared->beat, 1);
}

static int run_alone(struct loop *l, const struct fuzz_case *c, struct watch_event *out)
{
    struct worker_shared *s = l->watch.worker.shared;
    uint64_t executions = atomic_load(&s->executions);
    worker_set_running(s, c);
    int rc = watch_start(&l->watch, WORKER_CONFIRM, l->err);
    if (rc)
        return rc;
    do
        *out = watch_look(&l->watch, LOOK_EVERY);
    while (out->news == WATCH_RUNS);
    atomic_store(&s->executions, executions);
    beat(l);
    return 0;
}

/* The case once more, alone, in a fresh worker: does it end the same way? */
static int confirm(struct loop *l, const struct watch_event *e, bool *same)
{
    struct watch_event again;
    int rc = run_alone(l, &l->lost, &again);
    if (rc)
        return rc;
    *same = again.news == WATCH_LOST && !again.between && again.end == e->end &&
            again.status.signalled == e->status.signalled && again.status.code == e->status.code;
    return 0;
}

static int tell(struct loop *l, struct fuzz_found *f)
{
    f->pool = l->watch.worker.contracts;
    f->text = text_string(&l->text);
    l->signatures[l->stats->findings++] = f->signature;
    if (l->config->follow)
        atomic_fetch_add(&l->config->follow->shared->findings, 1);
    if (l->config->found)
        l->config->found(l->config->arg, f);
    return 0;
}

struct shrinking {
    struct loop *l;
    uint64_t signature, until;
};

/* The same place again, in a worker of its own. */
static bool dies_there(void *arg, const struct fuzz_case *c)
{
    struct shrinking *s = arg;
    struct loop *l = s->l;
    struct watch_event e;
    if (world_worker_now() >= s->until || run_alone(l, c, &e))
        return false;
    text_clear(&l->text);
    return e.news == WATCH_LOST && !e.between && e.end == END_CRASH &&
           place_describe(e.end, e.status, l->watch.worker.shared, text_bytes(&l->watch.errors), &l->text) ==
               s->signature;
}

static int make_smaller(struct loop *l, struct fuzz_found *f)
{
    struct shrinking s = {.l = l, .signature = f->signature, .until = world_worker_now() + SHRINK_TIME};
    struct fuzz_shrunk did = {0};
    int rc = fuzz_shrink(&l->lost, l->watch.worker.contracts, dies_there, &s, l->config->shrink, &did);
    if (rc && rc != ERROR_NOT_FOUND)
        return error_set(l->err, rc, "no memory to make a finding smaller");
    f->tries = did.tries;
    f->steps = did.steps;
    return 0;
}

/* The verdict in the block, if there is one. */
static int take_verdict(struct loop *l)
{
    struct worker_verdict *v = &l->watch.worker.shared->verdict;
    if (!atomic_load_explicit(&v->full, memory_order_acquire))
        return 0;
    struct record r = {
        .head = {.event_count = v->event_count, .data_len = v->data_len}, .events = v->events, .data = v->data};
    struct fuzz_case view = record_case(&r);
    struct fuzz_found f = {.end = END_VERDICT,
                           .c = &l->lost,
                           .signature = v->signature,
                           .confirmed = v->confirmed,
                           .how = v->how,
                           .parent = v->parent,
                           .execution = v->execution,
                           .tries = v->tries,
                           .steps = v->steps};
    text_clear(&l->text);
    text_printf(&l->text, "%s: %s\n%s\n", v->oracle, v->blamed, v->why);
    int rc = fuzz_case_copy(&l->lost, &view);
    atomic_store_explicit(&v->full, false, memory_order_release);
    if (rc || !text_ok(&l->text))
        return error_set(l->err, ERROR_MEMORY, "no memory for a finding");
    return l->stats->findings < FUZZ_FINDINGS_MAX && !is_known(l, f.signature) ? tell(l, &f) : 0;
}

static int lost(struct loop *l, const struct watch_event *e)
{
    struct worker_shared *s = l->watch.worker.shared;
    struct fuzz_case running = worker_running(s);
    struct fuzz_found f = {.end = e->end,
                           .c = &l->lost,
                           .how = s->running_how,
                           .parent = s->running_parent,
                           .execution = atomic_load(&s->executions)};
    l->stats->workers_lost++;
    if (e->between) {
        if (++l->broken < BROKEN_LIMIT)
            return 0;
        return error_set(l->err, ERROR_CLOSED, "workers end without running a case: %s", text_string(&l->watch.errors));
    }
    l->broken = 0;
    /* The run that killed it counts, or the next worker would draw the same again. */
    atomic_store(&s->executions, f.execution + 1);
    pool_killed(&l->watch.worker.pool, f.parent, e->end == END_CRASH ? CRASH_COST : HANG_COST);
    text_clear(&l->text);
    f.signature = place_describe(e->end, e->status, s, text_bytes(&l->watch.errors), &l->text);
    if (is_known(l, f.signature)) {
        l->stats->findings_same++;
        return 0;
    }
    if (fuzz_case_copy(&l->lost, &running) || !text_ok(&l->text))
        return error_set(l->err, ERROR_MEMORY, "no memory for a finding");
    int rc = confirm(l, e, &f.confirmed);
    if (rc)
        return rc;
    if (f.confirmed && f.end == END_CRASH && l->config->shrink) {
        text_truncate(&l->text, 0);
        if ((rc = make_smaller(l, &f)))
            return rc;
        /* Its own words, whatever was tried last. */
        struct shrinking last = {.l = l, .signature = f.signature, .until = UINT64_MAX};
        dies_there(&last, &l->lost);
    }
    return tell(l, &f);
}

static bool is_over(struct loop *l, const bool *stop)
{
    const struct fuzz_loop_config *c = l->config;
    uint64_t wall = world_now(c->world) - l->started;
    return (stop && *stop) || (c->duration && wall >= c->duration) || l->stats->findings == FUZZ_FINDINGS_MAX ||
           (c->plateau && wall > l->stats->last_find && wall - l->stats->last_find >= c->plateau) ||
           (c->executions && atomic_load(&l->watch.worker.shared->executions) >= c->executions);
}

static void tell_progress(struct loop *l)
{
    uint64_t now = world_worker_now();
    if (!l->config->progress_every || now < l->progress_at)
        return;
    l->progress_at = now + l->config->progress_every;
    count_up(l);
    l->config->progress(l->config->arg, l->stats);
}

/* One worker after the other, until one ends by itself. */
static int supervise(struct loop *l, enum worker_work work, const bool *stop)
{
    int rc = 0;
    while (rc == 0) {
        struct watch_event e = {WATCH_RUNS, END_CRASH, {false, 0}, false};
        atomic_store(&l->watch.worker.shared->stop, false);
        rc = watch_start(&l->watch, work, l->err);
        while (rc == 0 && e.news == WATCH_RUNS) {
            e = watch_look(&l->watch, LOOK_EVERY);
            rc = harvest(l);
            if (e.news == WATCH_RUNS)
                world_run_until(l->config->world, NULL, NULL, 1); /* signals, and processes that ended */
            beat(l);
            if (rc == 0)
                rc = take_verdict(l);
            if (rc == 0 && e.news == WATCH_RUNS && is_over(l, stop))
                atomic_store(&l->watch.worker.shared->stop, true);
            else if (rc == 0 && e.news == WATCH_RUNS && world_worker_now() >= l->scan_at)
                rc = scan(l);
            tell_progress(l);
        }
        if (rc)
            break;
        if (e.news == WATCH_ENDED && e.status.code == WORKER_NOTHING)
            return error_set(l->err, ERROR_INVALID, "there is no case to begin with, or none the mutator could change");
        if (e.news == WATCH_ENDED && e.status.code == WORKER_NO_MEMORY)
            return error_set(l->err, ERROR_MEMORY, "the worker's memory ran out");
        if (e.news == WATCH_ENDED)
            return 0;
        rc = lost(l, &e);
        if (rc == 0 && work == WORKER_FUZZ && is_over(l, stop))
            return 0;
    }
    watch_kill(&l->watch);
    return rc;
}

/* The build with sanitizers: runs what it is given, for as long as somebody gives. */
static int follow(struct loop *l, const bool *stop)
{
    struct twin *t = l->config->follow;
    int rc = 0;
    atomic_store(&t->shared->ready, true);
    while (rc == 0 && !twin_is_over(t) && !(stop && *stop) && l->stats->findings < FUZZ_FINDINGS_MAX) {
        struct fuzz_case c;
        size_t count = 0;
        bool never = false;
        while (twin_waiting(t, &c) && (watch_give(&l->watch, &c, "check", 0, &never) || never)) {
            twin_took(t);
            count++;
        }
        if (count)
            rc = supervise(l, WORKER_IMPORT, stop);
        else
            world_sleep(l->config->world, LOOK_EVERY / 2);
        tell_progress(l);
    }
    return rc;
}

static int begin(struct loop *l)
{
    const struct fuzz_loop_config *c = l->config;
    int rc = watch_init(&l->watch, c, l->err);
    if (rc == 0 && c->corpus)
        rc = fuzz_corpus_open(&l->corpus, c->world, c->corpus, c->target, c->seed, l->err);
    if (rc == 0 && c->import)
        rc = fuzz_corpus_open(&l->import, c->world, c->import, c->target, c->seed, l->err);
    for (size_t i = 0; rc == 0 && i < c->seed_count; i++)
        rc = give(l, &c->seeds[i], "seed");
    if (rc == 0 && c->corpus)
        rc = fuzz_corpus_scan(&l->corpus, give_seed, l, NULL);
    if (rc == 0 && c->import)
        rc = fuzz_corpus_scan(&l->import, give_import, l, NULL);
    return rc == ERROR_TIMEOUT ? 0 : rc; /* more than the ring holds: the next scans bring the rest */
}

int fuzz_loop_run(const struct fuzz_loop_config *config, const bool *stop, struct fuzz_loop_stats *out,
                  struct error *err)
{
    struct loop *l = calloc(1, sizeof *l);
    *out = (struct fuzz_loop_stats){0};
    if (!l)
        return error_set(err, ERROR_MEMORY, "no memory for the loop");
    l->config = config;
    l->stats = out;
    l->err = err;
    l->started = world_now(config->world);
    l->cpu_started = world_worker_cpu();
    l->scan_at = world_worker_now() + SCAN_EVERY;
    int rc = begin(l);
    /* First what there is, so that fuzzing begins from all of it. */
    if (rc == 0)
        rc = config->follow ? follow(l, stop) : supervise(l, WORKER_IMPORT, stop);
    if (rc == 0 && !config->only_import && !config->follow && !is_over(l, stop))
        rc = supervise(l, WORKER_FUZZ, stop);
    if (l->watch.worker.shared)
        count_up(l);
    fuzz_corpus_close(&l->corpus);
    fuzz_corpus_close(&l->import);
    watch_deinit(&l->watch);
    fuzz_case_deinit(&l->lost);
    text_deinit(&l->text);
    free(l);
    return rc;
}
