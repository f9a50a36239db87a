/* Memory that runs out at every allocation in turn: nothing crashes or leaks, and what fails says so. */
#include "base/failing_walk.h"
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/sequence.h"
#include "proto/set.h"

#include <string.h>

static struct pb_pool *pool;

static bool is_small(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strcmp(m->service->full_name, "store.Store") == 0;
}

static void no_finding(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    (void)arg;
    (void)checker;
    (void)f;
}

static int scenario(void)
{
    struct sequence_graph *g = NULL;
    struct sequence *s = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct sequence_plan plan;
    int rc = sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_small}, &g, NULL);
    if (rc == 0)
        rc = sequence_new(g, NULL, &s, NULL);
    for (int i = 0; rc == 0 && i < 40; i++) {
        rc = sequence_next(s, &c, &plan);
        if (rc == 0 && i % 8 == 0)
            rc = sequence_check(g, &c, &t, no_finding, NULL);
    }
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    sequence_free(s);
    sequence_graph_free(g);
    return rc;
}

static void every_allocation(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_IS_TOLD) > 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    if (pb_pool_new(proto_set(), "set", &pool, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pb_pool_free(pool);
    return failed;
}
