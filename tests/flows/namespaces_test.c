/* Flows that use the same names, on micro in simulation: each in a namespace of its own they pass, whatever the order
 * and however many run at once, and one worker sees what sixteen see; without, they are in each other's way. */
#include "harrow/system/test_run.h"

#include "e2e/e2e.h"
#include "harrow/run/pillars.h"

#include <string.h>

struct kept {
    int (*write)(void *arg, const char *line, size_t len);
    void *arg;
    struct text lines; /* cases and steps with what was sent */
    int passed, failed;
};

static int keep(void *arg, const char *line, size_t len)
{
    struct kept *k = arg;
    json_t *o = json_loadb(line, len, 0, NULL);
    const char *type = json_string_value(json_object_get(o, "type"));
    const char *status = json_string_value(json_object_get(o, "status"));
    bool is_case = strcmp(type, "case") == 0;
    k->passed += is_case && strcmp(status, "passed") == 0;
    k->failed += is_case && strcmp(status, "failed") == 0;
    static const char *const members[] = {"type", "suite", "case", "name", "status", "message", "sent"};
    bool told = is_case || strcmp(type, "step") == 0;
    for (size_t i = 0; told && i < sizeof members / sizeof members[0]; i++) {
        const char *value = json_string_value(json_object_get(o, members[i]));
        text_printf(&k->lines, "%s%s", i > 0 ? " | " : "\n", value != NULL ? value : "");
    }
    json_decref(o);
    return k->write(k->arg, line, len);
}

static void run_flows(const char *isolate, uint64_t seed, int jobs, struct kept *k)
{
    struct run *r = test_run_begin(seed);
    struct e2e_request asked = {.isolate = isolate,
                                .path = "tests/flows/collide.yaml",
                                .options = {.jobs = jobs, .shuffle = true, .repeat = 2}};
    *k = (struct kept){.write = r->results.write, .arg = r->results.arg, .lines = TEXT_INIT};
    r->results.write = keep;
    r->results.arg = k;
    struct system *s = test_system_start(r);
    assert_int_equal(pillar_e2e(r, s, &asked), 0);
    system_stop(s);
    r->results.write = k->write;
    r->results.arg = k->arg;
    (void)test_run_end(r);
}

static void each_in_its_own(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct kept one, many;
        run_flows("namespace", seed, 1, &one);
        run_flows("namespace", seed, 16, &many);
        if (one.passed != 4 || one.failed != 0)
            fail_msg("%s", text_string(&one.lines));
        assert_string_equal(text_string(&one.lines), text_string(&many.lines));
        text_deinit(&one.lines);
        text_deinit(&many.lines);
    }
}

static void all_in_one(void **state)
{
    struct kept k;
    (void)state;
    run_flows("none", 1, 8, &k);
    assert_true(k.failed > 0);
    text_deinit(&k.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_in_its_own), cmocka_unit_test(all_in_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
