/* All of micro as a fuzz target: every kept case runs without a finding, the same case gives the same trace however it
 * is run, trouble is made and healed, and what must hold is seen when it does not. */
#include "base/test.h"

#include "rpc/rpc.h"
#include "tests/whole/fresh.h"
#include "tests/whole/invariants.h"
#include "fuzz/live/leak.h"
#include "world/real.h"
#include "world/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGRESSIONS "fuzz/regressions"
#define FILE_MAX    ((size_t)1 << 20)
#define REPEATS     6 /* of each case; whole_replay --repeat 1000 does more */

/* On the heap: variables go back with the world. */
static struct kit {
    struct fresh *fresh;
    struct fuzz_trace trace;
    struct whole_verdict verdict;
} * kit;

static void parse(const char *name, struct bytes script, struct fuzz_case *out)
{
    struct error err = ERROR_INIT;
    if (fuzz_case_parse(script, name, fresh_pool(kit->fresh), out, &err) != 0)
        fail_msg("%s: %s", name, err.message ? err.message : "?");
}

static void run(const struct fuzz_case *c)
{
    assert_int_equal(fresh_run(kit->fresh, c, &kit->trace, &kit->verdict), 0);
}

/* ---- kept cases ---- */

struct listing {
    struct world *world;
    size_t count;
};

static void replay(void *arg, const char *name)
{
    struct listing *l = arg;
    char path[512];
    struct text script = TEXT_INIT;
    struct fuzz_case c = FUZZ_CASE_INIT;
    size_t len = strlen(name);
    if (len < 5 || strcmp(name + len - 5, ".case") != 0)
        return;
    snprintf(path, sizeof path, "%s/%s", REGRESSIONS, name);
    assert_int_equal(world_read_file(l->world, path, FILE_MAX, &script, NULL), 0);
    parse(path, text_bytes(&script), &c);
    run(&c);
    if (kit->verdict.oracle)
        fail_msg("%s: %s %s: %s", path, kit->verdict.oracle, kit->verdict.method, text_string(&kit->verdict.why));
    l->count++;
    fuzz_case_deinit(&c);
    text_deinit(&script);
}

static void kept_cases_stay_mended(void **state)
{
    struct listing l = {.count = 0};
    (void)state;
    assert_int_equal(world_real_new(1, &l.world, NULL), 0);
    assert_int_equal(world_list(l.world, REGRESSIONS, replay, &l), 0);
    assert_true(l.count > 0);
    world_real_free(l.world);
}

/* ---- the same again ---- */

static const char *const samples[] = {
    "call /store.Store/Write\nmessage 0 {\"record\": {\"key\": \"a\", \"value\": \"dg==\"}}\nhalf-close 0\nawait 0\n"
    "call /store.Store/Read\nmessage 1 {\"key\": \"a\"}\nhalf-close 1\nawait 1\n"
    "call /auth.Keys/Rotate\nmessage 2 {}\nhalf-close 2\nawait 2\n"
    "call /registry.Registry/ListServices\nmessage 3 {}\nhalf-close 3\nawait 3\n",

    "call /auth.Auth/Generate\nmessage 0 {\"id\": \"x\", \"type\": \"user\"}\nhalf-close 0\nawait 0\n"
    "environment schedule 4711\nenvironment chunks 3\n"
    "call /auth.Auth/Token\nlink 0.0 account.id -> id\nmessage 1 {}\nhalf-close 1\nawait 1\n"
    "call /events.Stream/Publish\nmessage 2 {\"topic\": \"t\"}\nhalf-close 2\nawait 2\n",

    "call /store.Store/Write\nmessage 0 {\"record\": {\"key\": \"b\", \"value\": \"dg==\"}}\nhalf-close 0\nawait 0\n"
    "fault store power-cut\n"
    "call /store.Store/Read\nmessage 1 {\"key\": \"b\"}\nhalf-close 1\nawait 1\n"
    "environment pass 2000000000\nfault auth partition\nenvironment events/write 3\n"
    "call /store.Store/Read\nmessage 2 {\"key\": \"b\"}\nhalf-close 2\nawait 2\n",
};

static void the_same_case_gives_the_same_trace(void **state)
{
    (void)state;
    struct fresh_figures before, after;
    fresh_figures(kit->fresh, &before);
    fresh_trace(kit->fresh, true);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        uint64_t first = 0;
        size_t middle = 0;
        parse("sample", bytes_of(samples[i]), &c);
        while (c.events.items[middle++].kind != EVENT_AWAIT)
            ;
        for (int n = 0; n < REPEATS; n++) {
            /* From its beginning, then with the beginning saved, then from there. */
            if (n == 1 || n == REPEATS - 1)
                fresh_prefix(kit->fresh, &c, n == 1 ? middle : 0);
            run(&c);
            if (kit->verdict.oracle)
                fail_msg("sample %zu: %s %s: %s", i, kit->verdict.oracle, kit->verdict.method,
                         text_string(&kit->verdict.why));
            if (n > 0)
                assert_int_equal(fresh_hash(kit->fresh), first);
            first = fresh_hash(kit->fresh);
        }
        /* By fork as well. */
        struct fresh *other = NULL;
        assert_int_equal(fresh_new(1, true, &other, NULL), 0);
        fresh_trace(other, true);
        assert_int_equal(fresh_run(other, &c, &kit->trace, &kit->verdict), 0);
        assert_int_equal(fresh_hash(other), first);
        fresh_free(other);
        fuzz_case_deinit(&c);
    }
    fresh_trace(kit->fresh, false);
    fresh_figures(kit->fresh, &after);
    if (saved_possible())
        assert_int_equal(after.resumed - before.resumed, (REPEATS - 3) * (sizeof samples / sizeof samples[0]));
}

static void another_schedule_gives_another_trace(void **state)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    char script[1024];
    uint64_t hashes[2];
    (void)state;
    fresh_trace(kit->fresh, true);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(script, sizeof script, "environment schedule %u\n%s", i + 1, samples[0]);
        parse("sample", bytes_of(script), &c);
        run(&c);
        hashes[i] = fresh_hash(kit->fresh);
    }
    fresh_trace(kit->fresh, false);
    assert_int_not_equal(hashes[0], hashes[1]);
    fuzz_case_deinit(&c);
}

/* ---- what must hold ---- */

/* The world loses what it acknowledged, behind the case's back. */
static void lost_writes_are_seen(void **state)
{
    static const char *const scripts[] = {
        "call /store.Store/Write\nmessage 0 {\"record\": {\"key\": \"c\", \"value\": \"dg==\"}}\nhalf-close 0\nawait "
        "0\n",
        "call /store.Store/Delete\nmessage 0 {\"key\": \"c\"}\nhalf-close 0\nawait 0\n"};
    struct fuzz_case c[2];
    struct fuzz_trace t[2];
    struct whole_verdict found = {.oracle = NULL};
    struct whole *w = NULL;
    (void)state;
    memset(c, 0, sizeof c);
    memset(t, 0, sizeof t);
    assert_int_equal(whole_new(&(struct whole_options){.pool = fresh_pool(kit->fresh), .seed = 2}, &w, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        parse("script", bytes_of(scripts[i]), &c[i]);
        whole_run(w, &c[i], &t[i], &found);
        assert_null(found.oracle);
        assert_int_equal(t[i].calls.items[0].status, GRPC_OK);
    }
    whole_invariants(w, &c[0], &t[0], &found);
    assert_non_null(found.oracle);
    assert_string_equal(found.oracle, "acknowledged-write");
    /* Nor does a component end by itself unseen. */
    found.oracle = NULL;
    assert_int_equal(sim_kill(w->sim, "config"), 0);
    whole_run(w, &c[1], &t[1], &found);
    assert_non_null(found.oracle);
    assert_string_equal(found.oracle, "exit");
    for (size_t i = 0; i < 2; i++) {
        fuzz_case_deinit(&c[i]);
        fuzz_trace_deinit(&t[i]);
    }
    text_deinit(&found.why);
    whole_free(w);
}

/* ---- what is left behind ---- */

/* Something that holds memory: for each run, or for the first ones. */
struct holder {
    int64_t held, each;
    uint64_t runs, until;
};

static void hold(void *arg)
{
    struct holder *h = arg;
    if (h->runs++ < h->until)
        h->held += h->each;
}

static void no_pause(void *arg)
{
    (void)arg;
}

static int64_t held(void *arg)
{
    return ((struct holder *)arg)->held;
}

static void growth_is_told_from_filling_up(void **state)
{
    static const struct {
        int64_t each;
        uint64_t until;
        bool leak;
        uint64_t runs; /* that it takes to say so */
    } holders[] = {{16, UINT64_MAX, true, LEAK_RUNS},
                   {100000, UINT64_MAX, true, LEAK_RUNS},
                   {8, UINT64_MAX, false, 2 * LEAK_FIRST}, /* less than any allocation for each run */
                   {0, 0, false, 2 * LEAK_FIRST},
                   {64, 20, false, 2 * LEAK_FIRST},
                   {64, 1000, false, 2048},
                   {64, LEAK_RUNS / 4 * 3, false, LEAK_RUNS},
                   {-64, UINT64_MAX, false, 2 * LEAK_FIRST}};
    (void)state;
    for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++) {
        struct holder h = {.each = holders[i].each, .until = holders[i].until};
        const struct leak_subject subject = {.run = hold, .pause = no_pause, .held = held, .arg = &h};
        struct text why = TEXT_INIT;
        bool leak = leak_watch(&subject, 0, &why);
        if (leak != holders[i].leak || h.runs != holders[i].runs)
            fail_msg("holder %zu: %d after %llu runs", i, leak, (unsigned long long)h.runs);
        assert_int_equal(why.len > 0, leak);
        text_deinit(&why);
    }
    struct holder h = {.each = 64, .until = UINT64_MAX};
    const struct leak_subject subject = {.run = hold, .pause = no_pause, .held = held, .arg = &h};
    struct text why = TEXT_INIT;
    assert_true(leak_watch(&subject, UINT64_MAX, &why));
    assert_int_equal(h.runs, LEAK_RUNS_MAX);
    assert_string_equal(text_string(&why), "the last 16384 of 32768 runs left 64 bytes each, files not counted");
    text_deinit(&why);
}

static void healthy_cases_leave_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < sizeof samples / sizeof samples[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        char script[1024];
        snprintf(script, sizeof script, "environment repeat 1\n%s", samples[i]);
        parse("sample", bytes_of(script), &c);
        run(&c);
        if (kit->verdict.oracle)
            fail_msg("sample %zu: %s", i, text_string(&kit->verdict.why));
        fuzz_case_deinit(&c);
    }
}

/* A component that keeps 24 bytes of each request: here of what the network brings to it. */
struct keeper {
    ARRAY(char *) kept;
};

static void keep(void *arg, const char *line, size_t len)
{
    struct keeper *k = arg;
    if (memmem(line, len, " helloworld net ", 16) && memmem(line, len, "deliver", 7))
        (void)array_push(&k->kept, malloc(24));
}

static void a_planted_leak_is_told(void **state)
{
    struct whole *w = NULL;
    struct keeper k = {.kept = {0}};
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct whole_verdict found = {.oracle = NULL};
    (void)state;
    assert_int_equal(whole_new(&(struct whole_options){.pool = fresh_pool(kit->fresh), .seed = 2}, &w, NULL), 0);
    parse("script", bytes_of("environment repeat 1\ncall /helloworld.Helloworld/Call\nmessage 0 {}\n"), &c);
    whole_run(w, &c, &t, &found);
    assert_null(found.oracle);
    sim_trace(w->sim, keep, &k);
    whole_run(w, &c, &t, &found);
    sim_trace(w->sim, NULL, NULL);
    if (k.kept.count < LEAK_RUNS || !found.oracle)
        fail_msg("%zu kept: %s", k.kept.count, found.oracle ? found.oracle : "nothing is told");
    assert_string_equal(found.oracle, "leak");
    assert_string_equal(found.method, "/helloworld.Helloworld/Call");
    for (size_t i = 0; i < k.kept.count; i++)
        free(k.kept.items[i]);
    array_deinit(&k.kept);
    fuzz_case_deinit(&c);
    fuzz_trace_deinit(&t);
    text_deinit(&found.why);
    whole_free(w);
}

/* A saved world is watched by a handler of signals, which cmocka exchanges around each test and fixture: so the world
 * lives within the test. */
static void with_world(void (*test)(void **state))
{
    struct error err = ERROR_INIT;
    kit = calloc(1, sizeof *kit);
    assert_non_null(kit);
    if (fresh_new(1, false, &kit->fresh, &err) != 0)
        fail_msg("micro does not boot: %s", err.message ? err.message : "?");
    test(NULL);
    fresh_free(kit->fresh);
    fuzz_trace_deinit(&kit->trace);
    text_deinit(&kit->verdict.why);
    free(kit);
}

static void all(void **state)
{
    (void)state;
    with_world(kept_cases_stay_mended);
    with_world(the_same_case_gives_the_same_trace);
    with_world(another_schedule_gives_another_trace);
    with_world(lost_writes_are_seen);
    with_world(healthy_cases_leave_nothing);
    with_world(a_planted_leak_is_told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(growth_is_told_from_filling_up), cmocka_unit_test(all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
