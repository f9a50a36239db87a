/* Greedy set cover over what each case reaches. The gain of a case only falls as others are taken, so a case whose gain
 * was counted before and is still the best after counting again is the best of all (lazy evaluation, Minoux 1978). */
#include "fuzz/loop/corpus.h"
#include "fuzz/loop/watch.h"

#include <stdio.h>

struct candidate {
    struct fuzz_case c;
    uint64_t hash;
    ARRAY(uint64_t) reached; /* edge << 8 | class bit, and features' hashes above */
    double worth;            /* gain per byte when last counted */
};

struct distil {
    struct watch watch;
    struct fuzz_corpus from, to;
    ARRAY(struct candidate *) all;
    ARRAY(uint64_t) taken; /* what the chosen ones reach: open addressing, 0 is free; a power of two */
    struct error *err;
};

static int keep(void *arg, const struct fuzz_case *fresh, const char *name)
{
    struct distil *d = arg;
    (void)name;
    if (!array_grow(&d->all))
        return ERROR_MEMORY;
    struct candidate *k = calloc(1, sizeof *k);
    if (!k || fuzz_case_copy(&k->c, fresh)) {
        free(k);
        return ERROR_MEMORY;
    }
    k->hash = fuzz_case_hash(fresh);
    array_push(&d->all, k);
    return 0;
}

static int measured(void *arg, const struct record *r)
{
    struct distil *d = arg;
    if (r->head.number >= d->all.count)
        return 0;
    struct candidate *k = d->all.items[r->head.number];
    if (!array_reserve(&k->reached, r->head.edge_count + r->head.feature_count))
        return ERROR_MEMORY;
    array_clear(&k->reached);
    for (size_t i = 0; i < r->head.edge_count; i++)
        array_push(&k->reached, (uint64_t)r->edges[i] << 8 | r->classes[i]);
    for (size_t i = 0; i < r->head.feature_count; i++)
        array_push(&k->reached, r->features[i] | (uint64_t)1 << 63);
    return 0;
}

static void wait_a_little(struct distil *d, struct watch_event *e, struct fuzz_loop_stats *stats)
{
    if (!d->watch.process)
        return;
    *e = watch_look(&d->watch, 10000000);
    stats->workers_lost += e->news == WATCH_LOST;
}

/* Each case once, in workers: what each reaches comes back. */
static int measure(struct distil *d, struct fuzz_loop_stats *stats)
{
    int rc = 0;
    for (size_t next = 0; rc == 0;) {
        struct watch_event e = {WATCH_RUNS, END_CRASH, {false, 0}, false};
        bool never = false;
        while (next < d->all.count &&
               (watch_give(&d->watch, &d->all.items[next]->c, "distil", (uint32_t)next, &never) || never))
            next++;
        size_t len;
        if (!d->watch.process && !ring_peek(d->watch.worker.given, &len) && next == d->all.count)
            break;
        if (!d->watch.process)
            rc = watch_start(&d->watch, WORKER_MEASURE, d->err);
        if (rc == 0)
            wait_a_little(d, &e, stats);
        if (rc == 0)
            rc = watch_harvest(&d->watch, measured, d);
        if (rc == 0 && e.news == WATCH_ENDED && e.status.code != WORKER_DONE)
            rc = ERROR_MEMORY;
    }
    return rc;
}

/* Twice what all cases name, so that there is always a free place. */
static int make_set(struct distil *d)
{
    size_t all = 0, size = 64;
    for (size_t i = 0; i < d->all.count; i++)
        all += d->all.items[i]->reached.count;
    while (size < 2 * all)
        size *= 2;
    d->taken.items = calloc(size, sizeof *d->taken.items);
    d->taken.count = d->taken.capacity = d->taken.items ? size : 0;
    return d->taken.items ? 0 : ERROR_MEMORY;
}

static size_t gain(struct distil *d, const struct candidate *k, bool take)
{
    size_t count = 0, mask = d->taken.count - 1;
    for (size_t i = 0; i < k->reached.count; i++) {
        uint64_t what = k->reached.items[i], *items = d->taken.items;
        size_t at = (size_t)(what * 0x9e3779b97f4a7c15 >> 20) & mask;
        while (items[at] && items[at] != what)
            at = (at + 1) & mask;
        count += items[at] == 0;
        if (take)
            items[at] = what;
    }
    return count;
}

static double worth(struct distil *d, const struct candidate *k)
{
    return (double)gain(d, k, false) / (double)(16 + k->c.data.len);
}

static int choose(struct distil *d, struct fuzz_loop_stats *stats)
{
    int rc = make_set(d);
    for (size_t i = 0; rc == 0 && i < d->all.count; i++)
        d->all.items[i]->worth = worth(d, d->all.items[i]);
    while (rc == 0) {
        size_t best = 0;
        struct candidate *k = NULL;
        for (;;) {
            best = d->all.count;
            for (size_t i = 0; i < d->all.count; i++)
                if (d->all.items[i]->worth > 0 &&
                    (best == d->all.count || d->all.items[i]->worth > d->all.items[best]->worth))
                    best = i;
            if (best == d->all.count)
                return 0;
            k = d->all.items[best];
            double now = worth(d, k);
            if (now >= k->worth)
                break;
            k->worth = now;
        }
        gain(d, k, true);
        k->worth = 0;
        struct record r = {.head = {.hash = k->hash, .what = "distil", .lane = LANE_VALID}};
        record_set_case(&r, &k->c);
        rc = fuzz_corpus_add(&d->to, &r, d->err);
        stats->cases++;
        stats->case_bytes += k->c.data.len;
    }
    return rc;
}

int fuzz_loop_distil(const struct fuzz_loop_config *config, const char *from, const char *to,
                     struct fuzz_loop_stats *stats, struct error *err)
{
    struct distil d = {.err = err};
    *stats = (struct fuzz_loop_stats){0};
    int rc = watch_init(&d.watch, config, err);
    if (rc)
        return rc;
    rc = fuzz_corpus_open(&d.from, config->world, from, config->target, config->seed, err);
    if (rc == 0)
        rc = fuzz_corpus_open(&d.to, config->world, to, config->target, config->seed, err);
    if (rc == 0)
        rc = fuzz_corpus_scan(&d.from, keep, &d, err);
    if (rc == 0) {
        rc = measure(&d, stats);
        stats->imported = d.all.count;
        if (rc == 0)
            rc = choose(&d, stats);
        if (rc)
            error_set(err, rc, "the corpus %s cannot be distilled: %s", from, error_code_name(rc));
    }
    for (size_t i = 0; i < d.all.count; i++) {
        fuzz_case_deinit(&d.all.items[i]->c);
        array_deinit(&d.all.items[i]->reached);
        free(d.all.items[i]);
    }
    array_deinit(&d.all);
    fuzz_corpus_close(&d.from);
    fuzz_corpus_close(&d.to);
    array_deinit(&d.taken);
    watch_deinit(&d.watch);
    return rc;
}
