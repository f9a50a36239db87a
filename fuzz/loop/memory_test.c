/* Every allocation of the parts that grow fails once: the answer is ERROR_MEMORY, nothing leaks, and what was there
 * before still is. */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/loop/corpus.h"
#include "fuzz/loop/grpc_target.h"
#include "fuzz/loop/mutator.h"
#include "fuzz/loop/pool.h"
#include "fuzz/loop/replay.h"
#include "fuzz/loop/verdict.h"
#include "fuzz/loop/worker_internal.h"
#include "proto/set.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct world *world;
static struct pb_pool *pool;
static char folder[64];

static void make_case(struct fuzz_case *c, int number)
{
    char text[32];
    snprintf(text, sizeof text, "case %d", number);
    assert_true(fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_BYTES}, BYTES_NONE, bytes_of(text)) >= 0);
}

static void test_pool(void **state)
{
    (void)state;
    struct fuzz_case cases[200] = {0};
    uint32_t hits[4] = {0}, edge = 1;
    uint8_t class = 1;
    for (int i = 0; i < 200; i++)
        make_case(&cases[i], i);
    for (size_t n = 1;; n++) {
        struct pool p = {.hits = hits, .edge_count = 4};
        struct random r;
        int rc = 0, added = 0;
        random_seed(&r, n);
        failing_arm(n);
        for (int i = 0; rc == 0 && i < 200; i++) {
            struct record record = {
                .head = {.hash = (uint64_t)i + 1, .edge_count = 1}, .edges = &edge, .classes = &class};
            record_set_case(&record, &cases[i]);
            rc = pool_add(&p, &record);
            added += rc == 0;
        }
        bool hit = failing_hit();
        failing_disarm();
        assert_int_equal(rc, hit ? ERROR_MEMORY : 0);
        assert_int_equal(p.entries.count, added);
        for (int i = 0; i < added; i++)
            assert_true(fuzz_case_equal(&pool_find(&p, (uint64_t)i + 1)->c, &cases[i]));
        assert_null(pool_find(&p, (uint64_t)added + 1));
        assert_true((pool_draw(&p, &r, 1) != NULL) == (added > 0));
        pool_deinit(&p);
        if (!hit)
            break;
    }
    for (int i = 0; i < 200; i++)
        fuzz_case_deinit(&cases[i]);
}

static int nothing(void *arg, const struct fuzz_case *c, const char *name)
{
    (void)name;
    ++*(size_t *)arg;
    return c->events.count ? 0 : ERROR_INVALID;
}

static void test_corpus(void **state)
{
    (void)state;
    static const struct fuzz_target target = {.name = "none"};
    struct fuzz_case c = FUZZ_CASE_INIT;
    make_case(&c, 1);
    for (size_t n = 1;; n++) {
        struct fuzz_corpus corpus;
        size_t seen = 0;
        struct record r = {.head = {.hash = n, .what = "test"}};
        record_set_case(&r, &c);
        world_remove_tree(world, folder); /* or each round would have more to read than the one before */
        failing_arm(n);
        int rc = fuzz_corpus_open(&corpus, world, folder, &target, 1, NULL);
        bool open = rc == 0;
        if (rc == 0)
            rc = fuzz_corpus_add(&corpus, &r, NULL);
        if (rc == 0)
            rc = fuzz_corpus_scan(&corpus, nothing, &seen, NULL);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY));
        if (open)
            fuzz_corpus_close(&corpus);
        if (!hit)
            break;
    }
    fuzz_case_deinit(&c);
}

static void test_mutator(void **state)
{
    (void)state;
    struct fuzz_case parent = FUZZ_CASE_INIT;
    assert_int_equal(fuzz_case_from_bytes(bytes_of("\x0a\x03key"), "/store.Store/Delete", &parent), 0);
    for (size_t n = 1;; n++) {
        struct message_mutator m;
        struct fuzz_case out = FUZZ_CASE_INIT;
        struct mutated did;
        struct random r;
        int rc = 0;
        random_seed(&r, 1);
        failing_arm(n);
        rc = message_mutator_init(&m, pool, true);
        struct fuzz_mutator mutator = message_mutator(&m);
        for (int i = 0; rc == 0 && i < 30; i++) {
            fuzz_case_clear(&out);
            rc = mutator.mutate(mutator.arg, &r, &parent, &parent, (enum fuzz_lane)(i % LANE_COUNT), 4096, &out, &did);
        }
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY));
        message_mutator_deinit(&m);
        fuzz_case_deinit(&out);
        if (!hit)
            break;
    }
    fuzz_case_deinit(&parent);
}

static int answer(void *arg, const struct pb_method *method, struct bytes message, struct text *reply)
{
    (void)arg, (void)method;
    text_add(reply, message.data, message.len);
    return 0;
}

static void test_grpc(void **state)
{
    (void)state;
    struct fuzz_grpc_service service = {.pool = pool, .message = answer};
    struct fuzz_case c = FUZZ_CASE_INIT;
    assert_int_equal(fuzz_case_from_bytes(bytes_of("\x0a\x03key"), "/store.Store/Delete", &c), 0);
    for (size_t n = 1;; n++) {
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct fuzz_grpc *g;
        failing_arm(n);
        int rc = fuzz_grpc_new(&service, &g);
        if (rc == 0)
            fuzz_grpc_run(g, &c, &t);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY));
        /* A call that memory broke has no good answer, or its own right one. */
        if (!hit)
            assert_true(t.calls.count == 1 && t.calls.items[0].status == 0);
        fuzz_trace_deinit(&t);
        fuzz_grpc_free(g);
        if (!hit)
            break;
    }
    fuzz_case_deinit(&c);
}

/* ---- verdicts, and findings once more --------------------------------------------------------------------------- */

static int setup_judge(void **state, const struct pb_pool **out, struct error *err)
{
    *state = malloc(1);
    *out = pool;
    return *state ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static bool shows(const struct fuzz_case *c)
{
    struct bytes all = c->events.count ? fuzz_case_bytes(c, c->events.items[0].value) : BYTES_NONE;
    return all.len > 0 && memmem(all.data, all.len, "se 3", 4) != NULL;
}

static void run_judge(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    (void)state;
    if (!shows(c))
        return;
    t->blamed = fuzz_trace_keep(t, bytes_of("first"));
    t->why = fuzz_trace_keep(t, bytes_of("because"));
    t->oracle = "order";
}

static const struct fuzz_target judge = {.name = "judge", .setup = setup_judge, .teardown = free, .run = run_judge};

static struct fuzz_case told_case(const struct worker_verdict *v)
{
    return (struct fuzz_case){.events = {.items = (struct fuzz_event *)(uintptr_t)v->events, .count = v->event_count},
                              .data = {.data = (char *)(uintptr_t)v->data, .len = v->data_len}};
}

/* What is told has the case that shows it, whatever became of making it smaller; what is not is told of as memory. */
static void judge_all(const struct fuzz_case *c, bool suspect)
{
    struct worker_shared *shared = calloc(1, sizeof *shared);
    struct cover *cover = cover_new();
    assert_true(shared && cover);
    for (size_t n = 1;; n++) {
        struct worker w = {.target = &judge, .cover = cover, .shared = shared, .contracts = pool, .shrink = 50};
        const struct worker_verdict *v = &shared->verdict;
        memset(shared, 0, sizeof *shared);
        failing_arm(n);
        worker_run(&w, c);
        int rc = !suspect ? verdict_judge(&w, c) : verdict_suspected(&w) ? verdict_of_suspect(&w, c) : ERROR_MEMORY;
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY));
        assert_true((rc == 0) == v->full);
        if (v->full) {
            struct fuzz_case told = told_case(v);
            assert_true(shows(&told));
            assert_string_equal(v->oracle, "order");
            assert_int_equal(shared->verdict_count, 1);
        }
        if (!hit) {
            assert_true(v->confirmed && v->steps > 0 && v->data_len < c->data.len);
            assert_string_equal(v->blamed, "first");
            assert_string_equal(v->why, "because");
        }
        fuzz_trace_deinit(&w.trace);
        fuzz_case_deinit(&w.judged);
        if (!hit)
            break;
    }
    cover_free(cover);
    free(shared);
}

static void test_verdict(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    make_case(&c, 33);
    make_case(&c, 4);
    judge_all(&c, false);
    judge_all(&c, true);
    fuzz_case_deinit(&c);
}

static void test_replay(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text forms[2] = {0}, whole = TEXT_INIT;
    make_case(&c, 3);
    assert_int_equal(fuzz_case_write(&c, &forms[0]), 0);
    assert_int_equal(fuzz_case_print(&c, pool, &forms[1]), 0);
    for (size_t n = 1, form = 0; form < 2; n++) {
        struct text why = TEXT_INIT;
        struct error err = ERROR_INIT;
        failing_arm(n);
        int rc = replay_run(&judge, text_bytes(&forms[form]), &why, &err);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 1 || (hit && rc == ERROR_MEMORY && err.code == ERROR_MEMORY));
        if (!hit)
            assert_string_equal(text_string(&why), "OracleSanitizer: order\n    #0 0x0 in first\n\nbecause\n");
        text_deinit(&why);
        error_clear(&err);
        if (!hit) {
            form++;
            n = 0;
        }
    }
    replay_test_source(&judge, "a title", text_bytes(&forms[1]), &whole);
    for (size_t n = 1;; n++) {
        struct text source = TEXT_INIT;
        failing_arm(n);
        replay_test_source(&judge, "a title", text_bytes(&forms[1]), &source);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(text_ok(&source) != hit);
        if (!hit)
            assert_string_equal(text_string(&source), text_string(&whole));
        text_deinit(&source);
        if (!hit)
            break;
    }
    text_deinit(&forms[0]);
    text_deinit(&forms[1]);
    text_deinit(&whole);
    fuzz_case_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pool),    cmocka_unit_test(test_corpus),
                                       cmocka_unit_test(test_mutator), cmocka_unit_test(test_grpc),
                                       cmocka_unit_test(test_verdict), cmocka_unit_test(test_replay)};
    char base[] = "/tmp/harrow-loop-memory-XXXXXX";
    if (world_real_new(1, &world, NULL) || pb_pool_new(proto_set(), "set", &pool, NULL) || !mkdtemp(base))
        return 1;
    snprintf(folder, sizeof folder, "%s/corpus", base);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_remove_tree(world, base);
    pb_pool_free(pool);
    world_real_free(world);
    return failed;
}
