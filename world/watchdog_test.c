/* A process that stands still becomes another program; one that shows signs of life does not. */
#include "base/test.h"

#include "world/watchdog.h"
#include "world/worker.h"

#include <string.h>

#define LONG  ((uint64_t)100000000000)
#define LIMIT ((uint64_t)100000000)
#define BIT   "--bitten"
#define SAID  "stands still\n"

static int stand_still(void *arg)
{
    static const char *const argv[] = {"watchdog_test", BIT, NULL};
    const bool *alive = arg;
    if (world_watchdog_start(argv, SAID, LIMIT, NULL) != 0)
        return 2;
    while (world_worker_cpu() < 4 * LIMIT)
        if (*alive)
            world_watchdog_alive();
    world_watchdog_stop();
    while (world_worker_cpu() < 6 * LIMIT)
        ;
    return 3;
}

static void test_bites(void **state)
{
    (void)state;
    for (int alive = 0; alive < 2; alive++) {
        bool is_alive = alive;
        struct world_worker *p;
        struct world_exit how;
        struct text errors = TEXT_INIT;
        assert_int_equal(world_worker_start(stand_still, &is_alive, true, &p, NULL), 0);
        assert_true(world_worker_wait(p, LONG, &how));
        assert_int_equal(world_worker_errors(p, 100, &errors), 0);
        assert_false(how.signalled);
        assert_int_equal(how.code, alive ? 3 : 42);
        assert_string_equal(text_string(&errors), alive ? "" : SAID);
        text_deinit(&errors);
        world_worker_close(p);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bites)};
    if (argc == 2 && strcmp(argv[1], BIT) == 0)
        return 42;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
