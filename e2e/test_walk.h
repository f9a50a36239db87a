/* Flows whose allocations fail, one a run. For tests that link `failing`. */
#ifndef E2E_TEST_WALK_H
#define E2E_TEST_WALK_H

#include "e2e/test_system.h"

#include "base/failing.h"
#include "base/units.h"
#include "e2e/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last case of a run, as its line says it; without an allocation, which could fail. */
struct test_walk_case {
    char line[8192];
    size_t len;
};

static inline int test_keep_case(void *arg, const char *line, size_t len)
{
    struct test_walk_case *c = arg;
    static const char type[] = "\"type\":\"case\"";
    if (memmem(line, len, type, sizeof type - 1) != NULL && len <= sizeof c->line) {
        memcpy(c->line, line, len);
        c->len = len;
    }
    return 0;
}

/* One run with the n-th allocation failing: fine or ERROR_MEMORY, and no flow passes, for its last step fails in any
 * case; each is told with a reason, or the stream is known to be incomplete. False: nothing failed. HARROW_WALK in the
 * environment: what each run said, for people. */
static inline bool test_walk_once(struct test_system *s, const struct flow_list *flows, size_t n)
{
    struct test_walk_case last = {.len = 0};
    struct result_stream *results = s->target.results,
                         silent = {
                             .write = test_keep_case, .arg = &last, .now = results->now, .now_arg = results->now_arg};
    struct e2e_summary summary;
    struct error err = ERROR_INIT;
    s->target.results = &silent;
    failing_arm(n);
    int code = e2e_run(&s->target, flows, &s->options, &summary, &err);
    bool hit = failing_hit();
    failing_disarm();
    s->target.results = results;
    if (getenv("HARROW_WALK") != NULL)
        printf("%zu %s %.*s\n", n, error_code_name(code), (int)last.len, last.line);
    error_clear(&err);
    assert_true(code == 0 || code == ERROR_MEMORY);
    assert_int_equal(summary.passed, 0);
    if (!silent.broken) {
        assert_int_equal(silent.failed + silent.skipped, summary.failed + summary.skipped);
        assert_true(last.len == 0 || memmem(last.line, last.len, "\"message\":\"", 11) != NULL);
    }
    return hit;
}

static inline void test_walk_load(const char *yaml, struct flow_list *flows)
{
    struct error wrong = ERROR_INIT;
    if (flow_parse(bytes_of(yaml), "flows/x.yaml", flows, &wrong) != 0)
        fail_msg("%s", wrong.message);
}

/* Runs the flows of a YAML text again and again, each time with another allocation failing, until none is left. Returns
 * how many runs. In the real world: a simulation that once had no memory goes no further. */
static inline size_t test_walk(struct test_system *s, const char *yaml)
{
    struct flow_list flows = {0};
    size_t n = 1;
    test_walk_load(yaml, &flows);
    json_set_alloc_funcs(failing_malloc, failing_free);
    while (test_walk_once(s, &flows, n))
        n++;
    json_set_alloc_funcs(malloc, free);
    flow_list_free(&flows);
    return n;
}

/* The same in simulation, on stages whose first member is the system: a simulation that once had no memory goes no
 * further, and a new one is opened then. `prepare` may be NULL. */
static inline size_t test_walk_stages(int (*set_up)(void **stage), int (*take_down)(void **stage),
                                      void (*prepare)(void *stage), const char *yaml)
{
    struct flow_list flows = {0};
    size_t n = 1;
    void *stage = NULL;
    test_walk_load(yaml, &flows);
    for (bool hit = true; hit; n++) {
        if (stage == NULL) {
            assert_int_equal(set_up(&stage), 0);
            if (prepare != NULL)
                prepare(stage);
        }
        struct test_system *s = *(struct test_system **)stage;
        json_set_alloc_funcs(failing_malloc, failing_free);
        hit = test_walk_once(s, &flows, n);
        json_set_alloc_funcs(malloc, free);
        target_close_channels(&s->target); /* what could not connect would not try again at once */
        if (!hit || world_sleep(s->world, (uint64_t)(10 * SECOND)) != 0) {
            assert_int_equal(take_down(&stage), 0);
            stage = NULL;
        }
    }
    flow_list_free(&flows);
    return n;
}

#endif
