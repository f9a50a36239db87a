/* cmocka's queues. */
#include "base/test.h"

#include "bench/fakes/double_rivals.h"

#define BATCH 100 /* expectations queued at a time */

static void run(void **state)
{
    void (**body)(void) = *state;
    (*body)();
}

int rival_cmocka_run(void (*body)(void))
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(run, &body)};
    return cmocka_run_group_tests_name("double_bench", tests, NULL, NULL);
}

static int mocked(int a, int b)
{
    (void)a;
    (void)b;
    return (int)mock();
}

static int checked(int a, int b)
{
    check_expected(a);
    check_expected(b);
    return (int)mock();
}

void rival_cmocka_mock(long calls)
{
    will_return_count(mocked, 1, (int)calls);
    for (long i = 0; i < calls; i++)
        mocked(1, 2);
}

void rival_cmocka_expect(long calls)
{
    for (long i = 0; i < calls; i += BATCH) {
        for (int k = 0; k < BATCH; k++) {
            expect_value(checked, a, 1);
            expect_value(checked, b, 2);
            will_return(checked, 3);
        }
        for (int k = 0; k < BATCH; k++)
            checked(1, 2);
    }
}
