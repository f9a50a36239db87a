/* What a person reads when a flow fails: testdata/NAME.yaml is run, testdata/NAME.golden is what must be said. After a
 * change that is meant, `e2e_failure_test --update` writes the goldens anew, to be read before they are committed. */
#include "e2e/test_system.h"

#include "world/real.h"

#include <stdio.h>
#include <string.h>

#define LINES_MAX 40 /* of a failure: more is not read */
#define FILE_MAX  ((size_t)1 << 20)

static struct world *files; /* the real one */
static bool update;

static void read_golden(const char *name, const char *ending, struct text *out)
{
    char path[128];
    struct error err = ERROR_INIT;
    snprintf(path, sizeof path, "e2e/testdata/%s.%s", name, ending);
    if (world_read_file(files, path, FILE_MAX, out, &err) != 0)
        fail_msg("%s", err.message);
}

static void shows(struct test_system *s, const char *name)
{
    struct text yaml = TEXT_INIT, report = TEXT_INIT, golden = TEXT_INIT;
    char path[128];
    struct flow_list flows = {0};
    struct e2e_summary summary;
    read_golden(name, "yaml", &yaml);
    snprintf(path, sizeof path, "flows/%s.yaml", name);
    assert_int_equal(flow_parse(text_bytes(&yaml), path, &flows, NULL), 0);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, NULL), 0);
    assert_int_equal(summary.failed, 1);
    test_report(s, &report);
    size_t lines = 0;
    for (const char *p = text_string(&report); *p != '\0'; p++)
        lines += *p == '\n';
    assert_in_range(lines, 3, LINES_MAX);
    snprintf(path, sizeof path, "e2e/testdata/%s.golden", name);
    if (update)
        assert_int_equal(world_write_file(files, path, text_bytes(&report), false, NULL), 0);
    read_golden(name, "golden", &golden);
    assert_string_equal(text_string(&report), text_string(&golden));
    flow_list_free(&flows);
    text_deinit(&yaml);
    text_deinit(&report);
    text_deinit(&golden);
}

#define GOLDEN(name)                                                                                                   \
    static void golden_##name(void **state)                                                                            \
    {                                                                                                                  \
        shows(*state, #name);                                                                                          \
    }
GOLDEN(mismatch)
GOLDEN(many)
GOLDEN(status)
GOLDEN(variable)
GOLDEN(field)
GOLDEN(http)
GOLDEN(refused)
GOLDEN(retried)
GOLDEN(inside)
GOLDEN(long)
GOLDEN(far)

static void golden_verify(void **state)
{
    struct test_system *s = *state;
    s->options.doubles = &s->doubles;
    s->options.pillar = "contract";
    s->options.replay = "harrow contract shop.yaml";
    s->requests[0] = "{\"record\":{\"key\":\"a\"}}";
    s->requests[1] = "{\"record\":{\"key\":\"b\"}}";
    shows(s, "verify");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(golden_mismatch), TEST(golden_many), TEST(golden_status),  TEST(golden_variable),
        TEST(golden_field),    TEST(golden_http), TEST(golden_refused), TEST(golden_retried),
        TEST(golden_inside),   TEST(golden_long), TEST(golden_far),     TEST(golden_verify),
    };
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    if (world_real_new(1, &files, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_real_free(files);
    return failed;
}
