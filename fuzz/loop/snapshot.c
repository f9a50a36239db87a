/* Suffixes from a snapshot: the parent's events up to one of its calls are run once, then every mutant that begins with
 * the same events is run from there in a fork of this process, which has all that the target built up, copy-on-write.
 * At the end the parent's own remaining events are run here, so that the target is as it was.
 *
 * The fork has its counters to itself. What it reached it leaves in a ring both see; when it dies, this process dies
 * the same way, with the case in the block, for the parent that watches to judge. A verdict of the target ends the
 * batch: its case is run from the beginning and judged as any other. */
#include "fuzz/loop/worker_internal.h"
#include "fuzz/loop/verdict.h"
#include "world/worker.h"

#include <stdio.h>
#include <unistd.h>

#define LOOK ((uint64_t)20000000) /* ns between two looks at a fork's processor time */

struct suffix {
    struct worker *w;
    const struct fuzz_case *c;
    struct record seen;
    size_t from;
};

static bool is_same(const struct fuzz_case *a, const struct fuzz_case *b, size_t i)
{
    const struct fuzz_event *x = &a->events.items[i], *y = &b->events.items[i];
    return x->kind == y->kind && x->flags == y->flags && x->call == y->call && x->number == y->number &&
           bytes_equal(fuzz_case_bytes(a, x->name), fuzz_case_bytes(b, y->name)) &&
           bytes_equal(fuzz_case_bytes(a, x->value), fuzz_case_bytes(b, y->value));
}

static bool begins_with(const struct fuzz_case *c, const struct fuzz_case *prefix, size_t count)
{
    if (c->events.count < count)
        return false;
    for (size_t i = count; i-- > 0;)
        if (!is_same(c, prefix, i))
            return false;
    return true;
}

/* One of the calls but the first, as likely as any; 0: there are none. */
static size_t draw_point(struct random *r, const struct fuzz_case *c)
{
    size_t found = 0;
    uint64_t count = 0;
    bool first = true;
    for (size_t i = 0; i < c->events.count; i++) {
        if (c->events.items[i].kind != EVENT_CALL)
            continue;
        if (!first && random_below(r, ++count) == 0)
            found = i;
        first = false;
    }
    return found;
}

static int run_suffix(void *arg)
{
    struct suffix *s = arg;
    struct worker *w = s->w;
    cover_reset(w->cover);
    w->target->part(w->state, s->c, s->from, s->c->events.count, &w->trace);
    worker_add_features(w->cover, &w->trace);
    if (worker_look(w, &s->seen, false)) {
        record_set_case(&s->seen, s->c);
        size_t size = record_size(&s->seen);
        void *room = ring_reserve(w->suffix_found, size);
        if (room) {
            record_write(&s->seen, room);
            ring_commit(w->suffix_found);
        }
    }
    bool wrong = verdict_suspected(w);
    fflush(NULL);
    return wrong ? WORKER_FOUND_WRONG : WORKER_DONE;
}

/* Until it has ended, or takes too long. */
static struct world_exit wait_for(struct worker *w, struct world_worker *p)
{
    struct world_exit status;
    uint64_t cpu, resident, start = world_worker_now();
    while (!world_worker_wait(p, LOOK, &status)) {
        world_worker_usage(p, &cpu, &resident);
        if (cpu < w->hang && world_worker_now() - start < 20 * w->hang)
            continue;
        world_worker_kill(p);
        world_worker_wait(p, UINT64_MAX / 2, &status);
        _exit(WORKER_HUNG);
    }
    return status;
}

static void die_like(struct world_worker *p, struct world_exit status)
{
    struct text errors = TEXT_INIT;
    if (world_worker_errors(p, (size_t)64 << 10, &errors) == 0 && errors.len)
        fwrite(errors.data, 1, errors.len, stderr);
    text_deinit(&errors);
    fflush(NULL);
    if (status.signalled)
        worker_die(status.code);
    _exit(status.code);
}

/* `wrong`: the copy found something, which is to be judged. */
static int one(struct worker *w, const struct pool_entry *parent, size_t from, size_t at, const struct mutated *did,
               bool *wrong)
{
    struct worker_shared *s = w->shared;
    struct suffix suffix = {.w = w,
                            .c = &w->scratch[at],
                            .from = from,
                            .seen = {.head = {.what = did->what, .lane = did->lane, .parent = parent->hash}}};
    struct world_worker *p;
    worker_set_running(s, suffix.c);
    s->running_parent = parent->hash;
    s->running_how = *did;
    int rc = world_worker_start(run_suffix, &suffix, false, &p, NULL);
    if (rc)
        return rc == ERROR_MEMORY ? rc : 0;
    struct world_exit status = wait_for(w, p);
    *wrong = !status.signalled && status.code == WORKER_FOUND_WRONG;
    if (status.signalled || (status.code != WORKER_DONE && !*wrong))
        die_like(p, status);
    world_worker_close(p);
    atomic_fetch_add(&s->executions, 1);
    s->suffixes++;
    size_t len;
    const void *found = ring_peek(w->suffix_found, &len);
    struct record r;
    bool novel = found && record_read(found, len, &r);
    worker_credit(w, did, novel);
    if (novel)
        rc = worker_report(w, suffix.c, &r, true);
    if (found)
        ring_consume(w->suffix_found);
    return rc;
}

int snapshot_batch(struct worker *w, const struct pool_entry *parent, const struct fuzz_case *other)
{
    struct worker_shared *s = w->shared;
    size_t from = draw_point(&w->random, &parent->c);
    int rc = 0;
    size_t len;
    if (from == 0)
        return 0;
    while (ring_peek(w->suffix_found, &len)) /* of a worker that died */
        ring_consume(w->suffix_found);
    worker_set_running(s, &parent->c);
    s->running_parent = parent->hash;
    s->running_how = (struct mutated){.lane = LANE_VALID, .what = "snapshot"};
    fuzz_trace_clear(&w->trace);
    atomic_store(&s->phase, WORKER_RUNNING);
    w->target->part(w->state, &parent->c, 0, from, &w->trace);
    bool wrong = false;
    size_t at = 0;
    for (size_t i = 0; rc == 0 && !wrong && i < w->suffixes && !worker_is_over(s); i++) {
        struct mutated did = {.lane = LANE_VALID, .what = ""};
        rc = worker_mutate(w, &parent->c, other, &at, &did);
        if (rc == 0 && begins_with(&w->scratch[at], &parent->c, from))
            rc = one(w, parent, from, at, &did, &wrong);
        else if (rc == ERROR_NOT_FOUND)
            rc = 0;
    }
    worker_set_running(s, &parent->c);
    w->target->part(w->state, &parent->c, from, parent->c.events.count, &w->trace);
    atomic_store(&s->phase, WORKER_BETWEEN);
    return rc == 0 && wrong ? verdict_of_suspect(w, &w->scratch[at]) : rc;
}
