/* Every allocation of every operation fails once: the code says so, nothing leaks, and what was there is still there.
 */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/case/links.h"
#include "fuzz/case/mutate_case.h"
#include "fuzz/case/shrink.h"
#include "fuzz/case/test_kit.h"

#define WALKS_MAX 20000 /* allocations of a scenario */

static struct fuzz_case sample;
static struct text sample_file, sample_script;

static const char script[] = "call /store.Store/List deadline=1s\nmetadata x-id \"abc\"\nmessage 0 {}\nawait 0\n"
                             "call /store.Store/Read\nlink 0.0 keys[0] -> options.table\n"
                             "link 0.0 keys[1] -> key\nmessage 1 {\"key\":\"k\"}\n"
                             "message 1 near-valid defect=utf8-bad x\"0a02c328\"\nhalf-close 1\n";

static int load(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    json_set_alloc_funcs(failing_malloc, failing_free);
    return kit_init(&kit) && fuzz_case_parse(bytes_of(script), "case", kit.pool, &sample, &err) == 0 &&
                   fuzz_case_write(&sample, &sample_file) == 0 &&
                   fuzz_case_print(&sample, kit.pool, &sample_script) == 0
               ? 0
               : -1;
}

static int unload(void **state)
{
    (void)state;
    fuzz_case_deinit(&sample);
    text_deinit(&sample_file);
    text_deinit(&sample_script);
    kit_deinit(&kit);
    return 0;
}

/* Runs the scenario with its first allocation failing, its second, and so on, until none is left to fail. */
static void walk(int (*scenario)(struct error *err))
{
    for (size_t n = 1; n < WALKS_MAX; n++) {
        struct error err = ERROR_INIT;
        failing_arm(n);
        int rc = scenario(&err);
        bool hit = failing_hit();
        failing_disarm();
        error_clear(&err);
        if (!hit) {
            assert_int_equal(rc, 0);
            assert_true(n > 1);
            return;
        }
        assert_true(rc == ERROR_MEMORY || rc == 0);
    }
    fail_msg("too many allocations");
}

static int building(struct error *err)
{
    (void)err;
    struct fuzz_case c = FUZZ_CASE_INIT, copy = FUZZ_CASE_INIT;
    const struct fuzz_event e = {.kind = EVENT_MESSAGE};
    int rc = fuzz_case_add(&c, &e, bytes_of("name"), bytes_of("a value that is longer than the first allocation"));
    size_t count = c.events.count;
    assert_int_equal(count, rc < 0 ? 0 : 1);
    if (rc >= 0)
        rc = fuzz_case_copy(&copy, &c);
    if (rc >= 0 && (rc = fuzz_case_set_value(&c, 0, text_bytes(&sample_file))) < 0)
        assert_true(fuzz_case_equal(&c, &copy));
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&copy);
    return rc < 0 ? rc : 0;
}

static int reading(struct error *err)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text file = TEXT_INIT;
    int rc = fuzz_case_read(text_bytes(&sample_file), &c, err);
    assert_true(rc || fuzz_case_equal(&c, &sample));
    if (rc == 0)
        rc = fuzz_case_write(&c, &file);
    if (rc == 0)
        rc = fuzz_case_from_bytes(bytes_of("bytes"), "/store.Store/Read", &c);
    fuzz_case_deinit(&c);
    text_deinit(&file);
    return rc;
}

static int printing(struct error *err)
{
    struct text text = TEXT_INIT;
    (void)err;
    int rc = fuzz_case_print(&sample, kit.pool, &text);
    /* Where an inner failure was got round the bytes are there all the same, and the text still means the case. */
    if (rc == 0) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        failing_disarm();
        assert_int_equal(fuzz_case_parse(text_bytes(&text), "case", kit.pool, &c, NULL), 0);
        assert_true(fuzz_case_equal(&c, &sample));
        fuzz_case_deinit(&c);
    }
    text_deinit(&text);
    return rc;
}

static int parsing(struct error *err)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    int rc = fuzz_case_parse(text_bytes(&sample_script), "case", kit.pool, &c, err);
    assert_true(rc || fuzz_case_equal(&c, &sample));
    fuzz_case_deinit(&c);
    return rc;
}

static int parsing_errors(struct error *err)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    static const char *const bad[] = {"call /store.Store/Read\nmessage 0 {\"no\":1}\n", "jump", "link 0.0 #1 -> x\n"};
    int codes[3];
    for (size_t i = 0; i < 3; i++) {
        codes[i] = fuzz_case_parse(bytes_of(bad[i]), "case", kit.pool, &c, err);
        assert_true(codes[i] < 0);
    }
    fuzz_case_deinit(&c);
    return 0;
}

static int mutating(struct error *err)
{
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text one = TEXT_INIT, two = TEXT_INIT;
    struct case_source source = kit.source;
    struct case_mutated did;
    int rc = 0;
    (void)err;
    source.scratch = &one;
    source.scratch_wire = &two;
    random_seed(&r, 7);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = fuzz_generate_case(&r, &source, &c);
    for (int i = 0; i < 60 && rc == 0; i++) {
        const struct case_mutation m = {.source = &source, .other = &sample, .lane = (enum fuzz_lane)(i % 3)};
        rc = fuzz_mutate_case(&r, &c, &m, &did);
        assert_true(c.events.count <= FUZZ_CASE_EVENTS_MAX && c.data.len <= FUZZ_CASE_BYTES_MAX);
    }
    fuzz_case_deinit(&c);
    text_deinit(&one);
    text_deinit(&two);
    return rc;
}

static bool has_key(void *arg, const struct fuzz_case *c)
{
    (void)arg;
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].value.len >= 3)
            return true;
    return false;
}

static int shrinking(struct error *err)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    (void)err;
    int rc = fuzz_case_copy(&c, &sample);
    if (rc == 0)
        rc = fuzz_shrink(&c, kit.pool, has_key, NULL, 500, NULL);
    assert_true(c.events.count == 0 || has_key(NULL, &c));
    fuzz_case_deinit(&c);
    return rc;
}

static int linking(struct error *err)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct text out = TEXT_INIT;
    int rc = ERROR_MEMORY;
    (void)err;
    struct trace_call call = {.method = fuzz_case_method(&sample, 0, kit.pool), .replies = 1};
    struct trace_call read = {.method = fuzz_case_method(&sample, 1, kit.pool)};
    struct trace_reply reply = {.body = fuzz_trace_keep(&t, bytes_of("\x12\x01"
                                                                     "a\x12\x01"
                                                                     "b"))};
    if (text_ok(&t.data) && array_push(&t.calls, call) && array_push(&t.calls, read) && array_push(&t.replies, reply)) {
        rc = fuzz_links_apply(&sample, 7, &t, &out);
        assert_true(rc == 2 || rc == ERROR_MEMORY);
        rc = rc == 2 ? 0 : rc;
    }
    text_deinit(&out);
    fuzz_trace_deinit(&t);
    return rc;
}

#define WALK(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        walk(name);                                                                                                    \
    }
WALK(building)
WALK(reading)
WALK(printing)
WALK(parsing)
WALK(parsing_errors)
WALK(mutating)
WALK(shrinking)
WALK(linking)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_building),  cmocka_unit_test(test_reading),        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_parsing),   cmocka_unit_test(test_parsing_errors), cmocka_unit_test(test_mutating),
        cmocka_unit_test(test_shrinking), cmocka_unit_test(test_linking),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
