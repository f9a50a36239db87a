/* Sequences against the whole of micro in simulation, from descriptors alone: how many methods are reached, what is
 * learnt, and that no checker blames it for what is right. */
#include "base/test.h"

#include "base/units.h"
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/sequence.h"
#include "proto/set.h"
#include "tests/whole/whole.h"
#include "wire/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES             1200
#define CASES_OF_A_SYSTEM 40
#define REACHED_AT_LEAST  60 /* per cent of the methods */

static struct whole *micro;
static struct pb_pool *pool; /* outlives each system, as what is learnt does */

static int findings;

static void on_finding(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    const struct fuzz_case *c = arg;
    struct text view = TEXT_INIT;
    (void)fuzz_case_print(c, pool, &view);
    printf("%s: %s\n%s\n", checker->name, text_string(&f->why), text_string(&view));
    text_deinit(&view);
    findings++;
}

static void report(const struct sequence_graph *g, const struct sequence *s)
{
    struct sequence_figures f;
    struct text lines = TEXT_INIT;
    sequence_figures(s, &f);
    printf("%zu cases, %zu calls: %zu of %zu methods OK, %zu sequences kept, the longest of %zu calls\n", f.cases,
           f.calls, f.reached, f.methods, f.kept, f.longest);
    sequence_graph_print(g, &lines);
    printf("%s", text_string(&lines));
    text_deinit(&lines);
}

/* A component that is gone took a case with it. */
static void all_run(const struct fuzz_case *c)
{
    for (size_t i = 0; i < sim_micro_count(micro->micro); i++) {
        struct text view = TEXT_INIT;
        if (sim_running(micro->sim, sim_micro_name(micro->micro, i)))
            continue;
        (void)fuzz_case_print(c, pool, &view);
        printf("%s is gone after\n%s\n", sim_micro_name(micro->micro, i), text_string(&view));
        text_deinit(&view);
        fail_msg("%s is gone", sim_micro_name(micro->micro, i));
    }
}

/* FUZZ_SEQUENCE_SHOW: what the methods whose path holds it are asked and say, for people. */
static void tell(const struct fuzz_case *c, const struct fuzz_trace *t)
{
    const char *wanted = getenv("FUZZ_SEQUENCE_SHOW");
    for (size_t i = 0; wanted && i < t->calls.count; i++) {
        const struct trace_call *call = &t->calls.items[i];
        struct text view = TEXT_INIT;
        struct bytes words = fuzz_trace_bytes(t, call->text);
        if (!call->method || !strstr(call->method->path, wanted))
            continue;
        (void)fuzz_case_print(c, pool, &view);
        printf("%s: %d %.*s\n%s\n", call->method->path, call->status, (int)words.len, (const char *)words.data,
               text_string(&view));
        text_deinit(&view);
    }
}

static void boot(uint64_t seed)
{
    struct error err = ERROR_INIT;
    if (whole_new(&(struct whole_options){.pool = pool, .seed = seed}, &micro, &err) != 0)
        fail_msg("micro does not boot: %s", err.message ? err.message : "?");
}

static void sequences(void **state)
{
    struct sequence_graph *g = NULL;
    struct sequence *s = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct sequence_plan plan;
    struct sequence_figures f;
    size_t probes = 0;
    const char *cases = getenv("FUZZ_SEQUENCE_CASES");
    long count = cases ? strtol(cases, NULL, 10) : CASES;
    (void)state;
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    boot(1);
    assert_int_equal(whole_graph(pool, &g, NULL), 0);
    assert_int_equal(sequence_new(g, &(struct sequence_options){.seed = 1, .context = WHOLE_CONTEXT}, &s, NULL), 0);
    findings = 0;
    for (long i = 0; i < count; i++) {
        assert_int_equal(sequence_next(s, &c, &plan), 0);
        /* Sequences may lock everybody out by a rule, as they should be able to: now and then all begins anew. */
        if (i > 0 && i % CASES_OF_A_SYSTEM == 0) {
            whole_free(micro);
            boot((uint64_t)i);
        }
        simulated_run(micro->door, &c, &t);
        all_run(&c);
        tell(&c, &t);
        sequence_learn(s, &c, &t, &plan);
        probes += plan.probe != NULL;
        assert_true(sequence_check(g, &c, &t, on_finding, &c) >= 0);
    }
    report(g, s);
    sequence_figures(s, &f);
    printf("%zu probes of checkers, %d findings\n", probes, findings);
    assert_int_equal(findings, 0);
    assert_true(f.reached * 100 >= f.methods * REACHED_AT_LEAST);
    assert_true(f.longest >= 4);
    /* Each of these needs values of calls before it. */
    static const char *const fed[] = {"/store.Store/Read",   "/store.Store/Delete",
                                      "/auth.Auth/Token",    "/auth.Accounts/ChangeSecret",
                                      "/notes.Notes/Update", "/registry.Registry/GetService"};
    for (size_t i = 0; i < sizeof fed / sizeof fed[0]; i++)
        if (g->methods[sequence_graph_find(g, fed[i])].worked == 0)
            fail_msg("%s was never OK", fed[i]);
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    sequence_free(s);
    sequence_graph_free(g);
    whole_free(micro);
    pb_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sequences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
