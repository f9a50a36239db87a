/* Every allocation fails once: of building, mutating, running in memory. No crash, no leak, and ERROR_MEMORY said. */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/frames/memory.h"
#include "fuzz/frames/mutate.h"
#include "fuzz/frames/oracle.h"

#include <stdlib.h>

static const struct frames_plan plan = {.path = FRAMES_ECHO_PATH,
                                        .hold_path = FRAMES_HOLD_PATH,
                                        .message = {(const uint8_t *)"hello", 5},
                                        .repeat = 3,
                                        .window = 1};

static size_t walk(int (*scenario)(const char *name), const char *name)
{
    for (size_t n = 1;; n++) {
        failing_arm(n);
        int rc = scenario(name);
        bool hit = failing_hit();
        failing_disarm();
        if (!hit) {
            assert_int_equal(rc, 0);
            return n - 1;
        }
    }
}

static int build(const char *name)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    int rc = frame_operator_build(frame_operator_find(bytes_of(name)), &plan, &c);
    assert_true(rc == 0 || rc == ERROR_MEMORY);
    fuzz_case_deinit(&c);
    return rc;
}

static void building(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_operator_count; i++)
        assert_true(walk(build, frame_operators[i].name) > 1);
}

static struct fuzz_case run_case; /* made before memory fails */

/* The server may lose the connection for want of memory, and we may run out ourselves; neither may do harm. */
static int run(const char *name)
{
    struct frames_memory *m = NULL;
    (void)name;
    int rc = frames_memory_new(NULL, &m);
    if (rc == 0)
        rc = frames_memory_run(m, &run_case);
    assert_true(rc == 0 || rc == ERROR_MEMORY);
    struct text out = TEXT_INIT;
    struct frames_verdict v;
    const struct frames_allowance allow = {0};
    if (rc == 0) {
        frames_judge(&run_case, frames_memory_exchange(m), frames_memory_cost(m), &allow, &v);
        frames_verdict_print(&v, frames_memory_exchange(m), &out);
        if (v.finding == FRAMES_RULE)
            fail_msg("%s", text_string(&out));
        exchange_print(frames_memory_exchange(m), &out);
    }
    text_deinit(&out);
    frames_memory_free(m);
    return rc;
}

static void running(void **state)
{
    (void)state;
    static const char *const names[] = {"settings-unknown",   "hpack-every-form", "rst-storm",
                                        "window-zero-stream", "preface-wrong",    "te-gzip",
                                        "hpack-index-zero",   "path-unknown"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(frame_operator_build(frame_operator_find(bytes_of(names[i])), &plan, &run_case), 0);
        assert_true(walk(run, names[i]) > 10);
    }
    fuzz_case_deinit(&run_case);
}

static int change(const char *name)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct random r;
    random_seed(&r, (uint64_t)name[0] * 7 + (uint64_t)name[1]);
    int rc = fuzz_case_copy(&c, &run_case);
    for (int i = 0; i < 30 && rc == 0; i++)
        rc = frames_mutate(&r, &c, &run_case, &plan) ? 0 : ERROR_MEMORY;
    fuzz_case_deinit(&c);
    return rc;
}

static void mutating(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_operator_count; i += 9) {
        assert_int_equal(frame_operator_build(&frame_operators[i], &plan, &run_case), 0);
        assert_true(walk(change, frame_operators[i].name) > 5);
    }
    fuzz_case_deinit(&run_case);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(building),
        cmocka_unit_test(running),
        cmocka_unit_test(mutating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
