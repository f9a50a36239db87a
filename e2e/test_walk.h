/* Flows whose allocations fail, one a run. For tests that link `failing`. */
#ifndef E2E_TEST_WALK_H
#define E2E_TEST_WALK_H

#include "e2e/test_system.h"

#include "base/failing.h"
#include "e2e/internal.h"

#include <stdlib.h>

static inline int test_forget_line(void *arg, const char *line, size_t len)
{
    (void)arg;
    (void)line;
    (void)len;
    return 0;
}

/* Runs the flows of a YAML text again and again, each time with another allocation failing, until none is left: a run
 * is fine or ends with ERROR_MEMORY, and no flow passes, for its last step fails in any case. Returns how many runs. */
static inline size_t test_walk(struct test_system *s, const char *yaml)
{
    struct flow_list flows = {0};
    size_t n = 1;
    assert_int_equal(flow_parse(bytes_of(yaml), "flows/x.yaml", &flows, NULL), 0);
    struct result_stream *results = s->target.results;
    json_set_alloc_funcs(failing_malloc, failing_free);
    for (bool hit = true; hit; n++) {
        struct result_stream silent = {.write = test_forget_line, .now = results->now, .now_arg = results->now_arg};
        struct e2e_summary summary;
        struct error err = ERROR_INIT;
        s->target.results = &silent;
        failing_arm(n);
        int code = e2e_run(&s->target, &flows, &s->options, &summary, &err);
        hit = failing_hit();
        failing_disarm();
        assert_true(code == 0 || code == ERROR_MEMORY);
        assert_int_equal(summary.passed, 0);
        error_clear(&err);
    }
    json_set_alloc_funcs(malloc, free);
    s->target.results = results;
    flow_list_free(&flows);
    return n;
}

#endif
