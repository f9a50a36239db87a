/* What is computed from a history afterwards, with every allocation failing once. */
#include "base/failing_walk.h"
#include "chaos/experiment/converge.h"

static int convergence(void)
{
    struct history h;
    struct converge *c = NULL;
    const int64_t list[] = {1, 9, 2, 10};
    history_init(&h);
    for (uint64_t i = 0; i < 40; i++) {
        static const enum operation_function functions[] = {OPERATION_WRITE, OPERATION_READ, OPERATION_ADD,
                                                            OPERATION_POLL, OPERATION_REMOVE};
        enum operation_function f = functions[i % 5];
        int64_t at = history_invoke(&h, (int32_t)i, f, (uint32_t)(i % 5), (int64_t)i, 100 * i);
        if (at >= 0)
            history_end(&h, at, END_OK, (int64_t)i, 100 * i + 50);
        if (at < 0 || (f == OPERATION_POLL && history_set_list(&h, at, list, 4) != 0)) {
            history_deinit(&h);
            return ERROR_MEMORY;
        }
    }
    struct error err = ERROR_INIT;
    int code = converge_new(&h, &c, &err);
    if (code == 0)
        (void)converge_at(c, 1000, 1000, 4000, NULL);
    converge_free(c);
    error_clear(&err);
    history_deinit(&h);
    return code;
}

static void test_convergence(void **state)
{
    (void)state;
    assert_true(failing_walk(convergence, FAILING_IS_TOLD) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_convergence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
