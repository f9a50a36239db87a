/* Sequences of five calls against all of micro in one simulation, per second of processor time: calls through channels,
 * simulated streams, servers, the guard and the components' own code.
 *
 *     sequence_bench [SECONDS [MIX]]
 *
 * Two mixes: reads (one of them of a long list), and the round of a record (Write, Read, List, Delete, Read). Each in
 * one world that goes on; in the same world for every sequence, which is then judged (tests/whole/fresh.h); and with
 * the first four calls run once and only the fifth each time. */
#include "proto/set.h"
#include "tests/whole/fresh.h"
#include "world/saved.h"
#include "world/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_EVERY 64 /* runs between two looks at the clock */

static void call(struct fuzz_case *c, const char *path, struct bytes message)
{
    uint32_t number = (uint32_t)fuzz_case_calls(c);
    (void)fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_CALL}, bytes_of(path), BYTES_NONE);
    (void)fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_MESSAGE, .call = number}, BYTES_NONE, message);
    (void)fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE, .call = number}, BYTES_NONE, BYTES_NONE);
    (void)fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_AWAIT, .call = number}, BYTES_NONE, BYTES_NONE);
}

static void reads(struct fuzz_case *c)
{
    call(c, "/registry.Registry/ListServices", BYTES_NONE);
    call(c, "/store.Store/Databases", BYTES_NONE);
    call(c, "/auth.Rules/List", BYTES_NONE);
    call(c, "/store.Store/Tables", BYTES_NONE);
    call(c, "/auth.Auth/Inspect", BYTES_NONE);
}

static void record(struct fuzz_case *c)
{
    const struct bytes write = bytes_of("\x0a\x08\x0a\x03key\x12\x01v"), read = bytes_of("\x0a\x03key");
    call(c, "/store.Store/Write", write);
    call(c, "/store.Store/Read", read);
    call(c, "/store.Store/List", BYTES_NONE);
    call(c, "/store.Store/Delete", read);
    call(c, "/store.Store/Read", read);
}

struct tally {
    size_t runs, calls, ok;
};

static void print(const char *what, const char *how, const struct tally *y, uint64_t cpu, uint64_t steps)
{
    double seconds = (double)cpu / 1e9;
    printf("%-8s %-13s %8.0f sequences/cpu-s  %8.0f calls/cpu-s  %5.1f us a call  %4.0f%% OK  %5.1f events a call\n",
           what, how, (double)y->runs / seconds, (double)y->calls / seconds, seconds * 1e6 / (double)y->calls,
           100.0 * (double)y->ok / (double)y->calls, (double)steps / (double)y->calls);
}

static void count(struct tally *y, const struct fuzz_trace *t)
{
    y->runs++;
    y->calls += t->calls.count;
    for (size_t i = 0; i < t->calls.count; i++)
        y->ok += t->calls.items[i].status == GRPC_OK;
}

/* One world that goes on from sequence to sequence. */
static int persistent(const char *name, const struct fuzz_case *c, uint64_t limit)
{
    struct pb_pool *pool = NULL;
    struct whole *w = NULL;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct error err = ERROR_INIT;
    saved_enter();
    if (pb_pool_new(proto_set(), "set", &pool, &err) != 0 ||
        whole_new(&(struct whole_options){.pool = pool, .seed = 1}, &w, &err) != 0) {
        fprintf(stderr, "sequence_bench: %s\n", err.message ? err.message : "no memory");
        return 3;
    }
    struct tally y = {0};
    uint64_t begin = world_worker_cpu(), steps = sim_events(w->sim);
    while (y.runs % CHECK_EVERY != 0 || world_worker_cpu() - begin < limit) {
        simulated_run(w->door, c, &t);
        count(&y, &t);
    }
    uint64_t used = world_worker_cpu() - begin;
    steps = sim_events(w->sim) - steps;
    fuzz_trace_deinit(&t);
    whole_free(w);
    pb_pool_free(pool);
    saved_leave();
    print(name, "one world", &y, used, steps); /* what stdio keeps must not stand in the zone */
    return 0;
}

/* The same world for every sequence, and judged; or its last call in the same world for every one. */
static int fresh(const char *name, const struct fuzz_case *c, size_t prefix, uint64_t limit)
{
    struct fresh *f = NULL;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct whole_verdict verdict = {.oracle = NULL};
    struct error err = ERROR_INIT;
    struct tally y = {0};
    struct fresh_figures figures;
    if (fresh_new(1, false, &f, &err) != 0 || fresh_run(f, c, &t, &verdict) != 0) {
        fprintf(stderr, "sequence_bench: %s\n", err.message ? err.message : "no memory");
        return 3;
    }
    fresh_prefix(f, c, prefix);
    uint64_t begin = world_worker_cpu(), steps = 0;
    while (y.runs % CHECK_EVERY != 0 || world_worker_cpu() - begin < limit) {
        if (fresh_run(f, c, &t, &verdict) != 0)
            return 3;
        fresh_figures(f, &figures);
        steps += figures.steps;
        count(&y, &t);
    }
    print(name, prefix ? "mid-sequence" : "same world", &y, world_worker_cpu() - begin, steps);
    printf("           %zu pages go back; found: %s\n", figures.pages, verdict.oracle ? verdict.oracle : "nothing");
    fuzz_trace_deinit(&t);
    text_deinit(&verdict.why);
    fresh_free(f);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"reads", "record"};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    uint64_t limit = (uint64_t)(seconds * 1e9);
    struct fuzz_case cases[2];
    int rc = 0;
    if (!(seconds > 0) || (argc > 2 && strcmp(argv[2], names[0]) != 0 && strcmp(argv[2], names[1]) != 0)) {
        fputs("usage: sequence_bench [SECONDS [reads|record]]\n", stderr);
        return 2;
    }
    memset(cases, 0, sizeof cases);
    reads(&cases[0]);
    record(&cases[1]);
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        if (argc > 2 && strcmp(argv[2], names[i]) != 0)
            continue;
        rc = persistent(names[i], &cases[i], limit);
        if (rc == 0)
            rc = fresh(names[i], &cases[i], 0, limit);
        if (rc == 0 && saved_possible())
            rc = fresh(names[i], &cases[i], 16, limit); /* events of four calls */
    }
    fuzz_case_deinit(&cases[0]);
    fuzz_case_deinit(&cases[1]);
    return rc;
}
