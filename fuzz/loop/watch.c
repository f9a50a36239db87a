#include "fuzz/loop/watch.h"

#include <string.h>

int watch_init(struct watch *w, const struct fuzz_loop_config *config, struct error *err)
{
    struct worker *k = &w->worker;
    *w = (struct watch){.config = config};
    k->target = config->target;
    k->mutator = config->mutator;
    k->seed = config->seed;
    k->max = config->max ? config->max : FUZZ_MAX_DEFAULT;
    k->pool.schedule = config->schedule;
    k->suffixes = config->snapshots;
    k->shrink = config->shrink;
    k->hang = config->hang ? config->hang : FUZZ_HANG_DEFAULT;
    k->compares = config->compares;
    k->checks = config->checks;
    k->cover = config->cover;
    if (!k->cover) {
        w->own_cover = true;
        k->cover = cover_new();
        /* What only checks has no use for what is reached. */
        int rc = !k->cover ? ERROR_MEMORY : config->follow ? 0 : cover_add_own(k->cover);
        if (rc) {
            watch_deinit(w);
            return rc == ERROR_NOT_FOUND
                       ? error_set(err, rc, "this program has no edge counters: build it with HARROW_COVER")
                       : error_set(err, rc, "no memory for the coverage map");
        }
    }
    size_t edges = cover_edges_all(k->cover);
    if (world_mapping_anonymous(sizeof *k->shared, &w->shared) || world_mapping_anonymous(WORKER_FOUND, &w->found) ||
        world_mapping_anonymous(WORKER_GIVEN, &w->given) ||
        world_mapping_anonymous(edges ? edges * sizeof(uint32_t) : 1, &w->hits) ||
        world_mapping_anonymous(WORKER_SUFFIX, &w->suffixes)) {
        watch_deinit(w);
        return error_set(err, ERROR_MEMORY, "no shared memory for a worker");
    }
    k->shared = w->shared.data;
    k->found = w->found.data;
    k->given = w->given.data;
    k->suffix_found = w->suffixes.data;
    ring_init(k->suffix_found, WORKER_SUFFIX);
    ring_init(k->found, WORKER_FOUND);
    ring_init(k->given, WORKER_GIVEN);
    k->pool.hits = w->hits.data;
    k->pool.edge_count = edges;
    k->shared->limit = config->executions;
    k->shared->epoch = world_now(config->world);
    int rc = config->target->setup ? config->target->setup(&k->state, &k->contracts, err) : 0;
    w->setup = rc == 0;
    if (rc)
        watch_deinit(w);
    return rc;
}

void watch_deinit(struct watch *w)
{
    struct worker *k = &w->worker;
    world_worker_close(w->process);
    if (w->setup && k->target->teardown)
        k->target->teardown(k->state);
    pool_deinit(&k->pool);
    if (w->own_cover)
        cover_free(k->cover);
    fuzz_case_deinit(&k->scratch[0]);
    fuzz_case_deinit(&k->scratch[1]);
    fuzz_case_deinit(&k->judged);
    fuzz_trace_deinit(&k->trace);
    world_mapping_close(&w->shared);
    world_mapping_close(&w->found);
    world_mapping_close(&w->given);
    world_mapping_close(&w->hits);
    world_mapping_close(&w->suffixes);
    text_deinit(&w->errors);
    text_deinit(&w->text);
    *w = (struct watch){0};
}

int watch_start(struct watch *w, enum worker_work work, struct error *err)
{
    w->worker.work = work;
    atomic_store(&w->worker.shared->phase, WORKER_BETWEEN);
    w->moved_at = world_worker_now();
    w->moved_cpu = 0;
    w->moved_count = atomic_load(&w->worker.shared->executions);
    return world_worker_start(worker_main, &w->worker, w->config->quiet, &w->process, err);
}

static void end_worker(struct watch *w, struct world_exit *status)
{
    uint64_t cpu, resident;
    while (!world_worker_wait(w->process, 1000000000, status))
        world_worker_kill(w->process);
    world_worker_usage(w->process, &cpu, &resident);
    w->cpu_before += cpu;
    text_clear(&w->errors);
    world_worker_errors(w->process, FUZZ_DETAIL_MAX, &w->errors);
    world_worker_close(w->process);
    w->process = NULL;
}

void watch_kill(struct watch *w)
{
    struct world_exit status;
    if (!w->process)
        return;
    world_worker_kill(w->process);
    end_worker(w, &status);
}

/* Does it run one case for too long, or hold too much? */
static bool is_stuck(struct watch *w, enum fuzz_end *end)
{
    uint64_t cpu, resident, now = world_worker_now();
    uint64_t count = atomic_load_explicit(&w->worker.shared->executions, memory_order_acquire);
    uint64_t limit = w->config->hang ? w->config->hang : FUZZ_HANG_DEFAULT;
    if (world_worker_usage(w->process, &cpu, &resident))
        return false;
    if (resident > (w->config->memory ? w->config->memory : FUZZ_MEMORY_DEFAULT)) {
        *end = END_MEMORY;
        return true;
    }
    if (count != w->moved_count || atomic_load(&w->worker.shared->phase) != WORKER_RUNNING) {
        w->moved_count = count;
        w->moved_at = now;
        w->moved_cpu = cpu;
        return false;
    }
    *end = END_HANG;
    return cpu - w->moved_cpu >= limit || (now - w->moved_at >= FUZZ_BLOCKED_LIMIT && cpu - w->moved_cpu < limit / 10);
}

struct watch_event watch_look(struct watch *w, uint64_t wait)
{
    struct watch_event e = {WATCH_RUNS, END_CRASH, {false, 0}, false};
    struct worker_shared *s = w->worker.shared;
    if (!world_worker_wait(w->process, wait, &e.status)) {
        if (!is_stuck(w, &e.end))
            return e;
        world_worker_kill(w->process);
        e.news = WATCH_LOST;
        end_worker(w, &e.status);
    } else {
        end_worker(w, &e.status);
        bool by_itself = !e.status.signalled && (e.status.code == WORKER_DONE || e.status.code == WORKER_NO_MEMORY ||
                                                 e.status.code == WORKER_NOTHING);
        /* A target may call exit(): that ends the worker in the middle of a run. */
        if (!e.status.signalled && e.status.code == WORKER_HUNG && atomic_load(&s->phase) == WORKER_RUNNING) {
            e.end = END_HANG;
            e.status = (struct world_exit){true, 9}; /* as when it is stopped from here */
        }
        e.news = by_itself && atomic_load(&s->phase) == WORKER_BETWEEN ? WATCH_ENDED : WATCH_LOST;
    }
    e.between = e.news == WATCH_LOST && atomic_load(&s->phase) != WORKER_RUNNING;
    if (s->running_events > FUZZ_CASE_EVENTS_MAX || s->running_bytes > FUZZ_CASE_BYTES_MAX)
        s->running_events = s->running_bytes = 0; /* overwritten by what broke */
    return e;
}

int watch_harvest(struct watch *w, int (*each)(void *arg, const struct record *r), void *arg)
{
    size_t len;
    const void *at;
    int rc = 0;
    while (rc == 0 && (at = ring_peek(w->worker.found, &len))) {
        struct record r;
        if (record_read(at, len, &r))
            rc = each(arg, &r);
        ring_consume(w->worker.found);
    }
    return rc;
}

bool watch_give(struct watch *w, const struct fuzz_case *c, const char *what, uint32_t number, bool *never)
{
    struct record r = {.head = {.what = what, .number = number, .lane = LANE_VALID}};
    record_set_case(&r, c);
    size_t size = record_size(&r);
    *never = !ring_fits(w->worker.given, size) || c->events.count > FUZZ_CASE_EVENTS_MAX ||
             c->data.len > FUZZ_CASE_BYTES_MAX;
    void *room = *never ? NULL : ring_reserve(w->worker.given, size);
    if (!room)
        return false;
    record_write(&r, room);
    ring_commit(w->worker.given);
    return true;
}

uint64_t watch_cpu(struct watch *w)
{
    uint64_t cpu = 0, resident;
    if (w->process)
        world_worker_usage(w->process, &cpu, &resident);
    return w->cpu_before + cpu;
}
