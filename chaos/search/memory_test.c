/* Every allocation of making, writing, reading and learning trials is made to fail once. The harness's disk and the toy
 * store are made before: what fails in them is theirs. */
#include "base/failing_walk.h"

#include "base/units.h"
#include "chaos/search/observe.h"
#include "chaos/search/search.h"
#include "chaos/workload/toy_store.h"

#include <string.h>

static struct toy toy;
static struct chaos_options base = {.seed = 1, .duration = (uint64_t)SECOND, .clients = 2, .keys = 2, .rate = 100};

static int search_scenario(void)
{
    struct search *s = NULL;
    const struct search_options options = {
        .seed = 1,
        .base = &base,
        .space = {
            .target = &toy.target, .duration_max = (uint64_t)SECOND, .clients_max = 2, .keys_max = 2, .rate_max = 100}};
    int code = search_new(&options, &s, NULL);
    for (uint64_t i = 0; code == 0 && i < 6; i++) {
        struct trial t;
        const uint64_t features[] = {i, i / 2, SEARCH_EDGE | i};
        struct search_seen seen = {.features = features, .count = 3, .failure = i == 4 ? "a / b" : ""};
        struct search_news news;
        if ((code = search_next(s, &t, NULL)) != 0)
            break;
        code = search_learn(s, &t, &seen, NULL, &news, NULL);
        trial_deinit(&t);
    }
    search_free(s);
    return code;
}

static int read_scenario(void)
{
    static const char file[] = "experiment: x\nworkloads: [store-register]\nclients: 2\nduration: 1s\n"
                               "schedule:\n  - {at: 1ms, fault: kill, component: store, hold: 50ms}\n";
    struct text out = TEXT_INIT, told = TEXT_INIT;
    struct trial t, copy;
    int code = trial_read(BYTES(file, sizeof file - 1), "x.yaml", &toy.target, &base, &t, &told, NULL);
    if (code == 0) {
        if ((code = trial_copy(&t, &copy)) == 0)
            trial_deinit(&copy);
        trial_write(&t, "why", &out);
        if (code == 0 && !text_ok(&out))
            code = ERROR_MEMORY;
        trial_deinit(&t);
    }
    text_deinit(&out);
    text_deinit(&told);
    return code;
}

static void test_search(void **state)
{
    (void)state;
    assert_true(failing_walk(search_scenario, FAILING_MAY_BE_BORNE) > 40);
}

static void test_read(void **state)
{
    (void)state;
    assert_true(failing_walk(read_scenario, FAILING_MAY_BE_BORNE) > 10);
}

static int begin(void **state)
{
    (void)state;
    toy_init(&toy, TOY_CORRECT, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    toy_deinit(&toy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_search), cmocka_unit_test(test_read)};
    return cmocka_run_group_tests(tests, begin, end);
}
