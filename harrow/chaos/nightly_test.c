/* A night's turns, what is learnt from a turn, and the file in which it is kept. */
#include "base/failing_walk.h"

#include "base/units.h"
#include "harrow/chaos/nightly.h"

#include <string.h>

#define HOURS ((uint64_t)(8 * HOUR))

static void add_arms(struct night *n)
{
    assert_int_equal(night_add_arm(n, "a (sim)", "a.yaml", "sim", false, NULL), 0);
    assert_int_equal(night_add_arm(n, "a (processes)", "a.yaml", "processes", false, NULL), 0);
    assert_int_equal(night_add_arm(n, "s (search)", "s.yaml", "sim", true, NULL), 0);
}

static void see(struct night *n, struct night_arm *a, const char *line)
{
    json_t *j = json_loads(line, 0, NULL);
    assert_non_null(j);
    assert_int_equal(night_line(n, a, j), 0);
    json_decref(j);
}

static void test_turns(void **state)
{
    (void)state;
    struct night n = {0};
    struct random r;
    size_t turns[3] = {0};
    random_seed(&r, 1);
    add_arms(&n);
    for (size_t i = 0; i < 3; i++) { /* each once, in order */
        struct night_arm *a = night_next(&n, &r, HOURS);
        assert_ptr_equal(a, &n.arms.items[i]);
        night_turn_ended(a, (uint64_t)(10 * SECOND), i == 2 ? 100 : 0);
    }
    for (size_t i = 0; i < 900; i++) { /* what brings something comes more often, the others still come */
        struct night_arm *a = night_next(&n, &r, HOURS);
        size_t which = (size_t)(a - n.arms.items);
        turns[which]++;
        night_turn_ended(a, (uint64_t)(10 * SECOND), which == 2 ? 100 : 0);
    }
    assert_true(turns[2] > 500 && turns[0] > 100 && turns[1] > 100);
    /* What would not fit does not begin; a search takes what is left. */
    for (size_t i = 0; i < 20; i++)
        assert_ptr_equal(night_next(&n, &r, (uint64_t)(9 * SECOND)), &n.arms.items[2]);
    night_deinit(&n);
}

static void see_turn(struct night *n)
{
    struct night_arm *a = &n->arms.items[0], *s = &n->arms.items[2];
    see(n, a,
        "{\"type\":\"case\",\"suite\":\"experiment\",\"name\":\"steady state before the "
        "storm\",\"status\":\"passed\"}");
    see(n, a,
        "{\"type\":\"fault\",\"name\":\"kill\",\"target\":\"store\",\"state\":\"inject\",\"verified\":true,\"hits\":"
        "0}");
    see(n, a,
        "{\"type\":\"fault\",\"name\":\"kill\",\"target\":\"store\",\"state\":\"heal\",\"verified\":true,\"hits\":1}");
    for (int i = 1; i <= 100; i++) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:I}", "type", "recovery", "fault", "kill", "target", "store",
                                 "duration", (json_int_t)(i * MILLISECOND));
        assert_int_equal(night_line(n, a, line), 0);
        json_decref(line);
    }
    see(n, a,
        "{\"type\":\"case\",\"suite\":\"x\",\"name\":\"model "
        "m\",\"status\":\"failed\",\"message\":\"why\",\"replay\":\"harrow 1\"}");
    see(n, a,
        "{\"type\":\"case\",\"suite\":\"x\",\"name\":\"model "
        "m\",\"status\":\"failed\",\"message\":\"why\",\"replay\":\"harrow 2\"}");
    see(n, a, "{\"type\":\"finding\",\"oracle\":\"smaller\",\"target\":\"\",\"title\":\"the same\"}");
    see(n, s, "{\"type\":\"search\",\"runs\":70,\"added\":12,\"faults\":90}");
    see(n, s, "{\"type\":\"case\",\"suite\":\"search\",\"name\":\"no experiment failed\",\"status\":\"failed\"}");
    see(n, s, "{\"type\":\"sample\",\"series\":\"x\"}");
    night_turn_ended(a, (uint64_t)(5 * SECOND), a->news);
    night_turn_ended(s, (uint64_t)(5 * SECOND), s->news);
}

static void test_lines(void **state)
{
    (void)state;
    struct night n = {0};
    add_arms(&n);
    see_turn(&n);
    const struct night_arm *a = &n.arms.items[0], *s = &n.arms.items[2];
    assert_int_equal(a->experiments, 1);
    assert_int_equal(a->faults, 1);
    assert_int_equal(a->findings, 2);
    assert_int_equal(n.findings.count, 1);
    assert_int_equal(n.findings.items[0].times, 2);
    assert_string_equal(n.findings.items[0].key, "x / model m");
    assert_string_equal(n.findings.items[0].replay, "harrow 1");
    assert_int_equal(night_recovery(a, 50), 50 * MILLISECOND);
    assert_int_equal(night_recovery(a, 99), 99 * MILLISECOND);
    assert_int_equal(night_recovery(s, 50), -1);
    assert_int_equal(s->experiments, 70);
    assert_int_equal(s->schedules, 12);
    assert_int_equal(s->findings, 0);
    int64_t news = a->news;
    see(&n, &n.arms.items[1],
        "{\"type\":\"fault\",\"name\":\"kill\",\"target\":\"store\",\"state\":\"heal\",\"verified\":true,\"hits\":1}");
    assert_int_equal(n.arms.items[1].news, 0); /* another arm saw it */
    assert_true(news >= 2 + 20);
    json_t *table = night_table(&n);
    assert_int_equal(json_array_size(json_object_get(table, "rows")), 2);
    assert_int_equal(json_array_size(json_array_get(json_object_get(table, "rows"), 0)),
                     json_array_size(json_object_get(table, "columns")));
    json_decref(table);
    night_deinit(&n);
}

/* What a search's finding came to on processes is told with it. */
static void test_confirmed(void **state)
{
    (void)state;
    struct night n = {0};
    add_arms(&n);
    see(&n, &n.arms.items[2],
        "{\"type\":\"finding\",\"oracle\":\"search\",\"target\":\"x / y\",\"title\":\"it fails\",\"detail\":"
        "\"1 fault\\nas processes it failed 1 time of 2: confirmed\\nschedule:\\n\"}");
    assert_int_equal(n.findings.count, 1);
    assert_string_equal(n.findings.items[0].title, "it fails; as processes it failed 1 time of 2: confirmed");
    night_deinit(&n);
}

/* Any number of recoveries is kept in bounded room. */
static void test_many_recoveries(void **state)
{
    (void)state;
    struct night n = {0};
    add_arms(&n);
    for (int i = 0; i < 40000; i++) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:I}", "type", "recovery", "fault", "kill", "target", "store",
                                 "duration", (json_int_t)(i * MICROSECOND));
        assert_int_equal(night_line(&n, &n.arms.items[0], line), 0);
        json_decref(line);
    }
    assert_true(n.arms.items[0].recoveries.count <= NIGHT_RECOVERIES_MAX);
    assert_in_range(night_recovery(&n.arms.items[0], 50), 19000 * MICROSECOND, 21000 * MICROSECOND);
    night_deinit(&n);
}

/* A night that was cut off goes on with its figures; after one that ended the shares and what is known stay. */
static void test_file(void **state)
{
    (void)state;
    struct night n = {0};
    struct text kept = TEXT_INIT, again = TEXT_INIT;
    add_arms(&n);
    see_turn(&n);
    n.spent = 77;
    for (int ended = 0; ended < 2; ended++) {
        struct night back = {0};
        add_arms(&back);
        n.ended = ended;
        text_clear(&kept);
        assert_int_equal(night_write(&n, &kept), 0);
        assert_int_equal(night_read(&back, text_bytes(&kept), "nightly.json", NULL), 0);
        assert_int_equal(back.facts.count, n.facts.count);
        assert_true(back.arms.items[2].score == n.arms.items[2].score && back.arms.items[2].score > 0);
        assert_int_equal(back.arms.items[0].turns, ended ? 0 : 1);
        assert_int_equal(back.spent, ended ? 0 : 77);
        assert_int_equal(night_recovery(&back.arms.items[0], 50), ended ? -1 : 50 * MILLISECOND);
        assert_int_equal(back.findings.items[0].times, ended ? 0 : 2);
        if (!ended) {
            text_clear(&again);
            assert_int_equal(night_write(&back, &again), 0);
            assert_string_equal(text_string(&again), text_string(&kept));
        } else {
            see(&back, &back.arms.items[0],
                "{\"type\":\"case\",\"suite\":\"x\",\"name\":\"model m\",\"status\":\"failed\"}");
            assert_int_equal(back.findings.count, 1);
            assert_false(back.findings.items[0].new); /* it was there before this night */
        }
        night_deinit(&back);
    }
    static const char *const wrong[] = {"", "[]", "{}", "{\"nightly\":2}", "{\"nightly\":1,\"nightly\":1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(night_read(&n, BYTES(wrong[i], strlen(wrong[i])), "nightly.json", NULL), ERROR_INVALID);
    text_deinit(&kept);
    text_deinit(&again);
    night_deinit(&n);
}

/* Strange but well-formed files take no more than they are given. */
static void test_strange_files(void **state)
{
    (void)state;
    static const char *const files[] = {
        "{\"nightly\":1}",
        "{\"nightly\":1,\"arms\":[],\"facts\":{},\"findings\":7}",
        "{\"nightly\":1,\"arms\":{\"a (sim)\":{\"score\":-1,\"turns\":-5,\"every\":-1,\"recoveries\":[null,\"x\"]}}}",
        "{\"nightly\":1,\"facts\":[1,null,\"zz\"],\"findings\":[{},null,[]]}",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct night n = {0};
        add_arms(&n);
        assert_int_equal(night_read(&n, BYTES(files[i], strlen(files[i])), "nightly.json", NULL), 0);
        assert_true(n.arms.items[0].score >= 0 && n.arms.items[0].every >= 1);
        night_deinit(&n);
    }
}

static int keep_and_read(void)
{
    struct night n = {0};
    struct text out = TEXT_INIT;
    json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "type", "finding", "oracle", "o", "target", "t", "title", "x");
    int code = line == NULL ? ERROR_MEMORY : night_add_arm(&n, "a", "a.yaml", "sim", false, NULL);
    if (code == 0)
        code = night_line(&n, &n.arms.items[0], line);
    if (code == 0)
        code = night_write(&n, &out);
    night_deinit(&n);
    if (code == 0 && (code = night_add_arm(&n, "a", "a.yaml", "sim", false, NULL)) == 0)
        code = night_read(&n, text_bytes(&out), "x", NULL);
    json_decref(line);
    text_deinit(&out);
    night_deinit(&n);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(keep_and_read, FAILING_IS_TOLD) > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),           cmocka_unit_test(test_lines), cmocka_unit_test(test_confirmed),
        cmocka_unit_test(test_many_recoveries), cmocka_unit_test(test_file),  cmocka_unit_test(test_strange_files),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
