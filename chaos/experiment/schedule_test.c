/* Schedules: drawn, written, read back the same; what is wrong in a file is said with its place. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/experiment/schedule.h"
#include "chaos/workload/toy_store.h"

#include <string.h>

static struct schedule_options options_of(uint64_t seed)
{
    return (struct schedule_options){.seed = seed, .duration = (uint64_t)(60 * SECOND)};
}

static void draw(struct toy *t, const struct schedule_options *o, struct chaos_schedule *s, struct text *written)
{
    struct text swarm = TEXT_INIT;
    assert_int_equal(schedule_draw(&t->target, o, s, &swarm, NULL), 0);
    assert_non_null(strstr(text_string(&swarm), "faults: "));
    text_deinit(&swarm);
    text_clear(written);
    schedule_write(s, written);
}

static int read_text(struct toy *t, const char *yaml, struct chaos_schedule *out, struct error *err)
{
    struct document *d = NULL;
    assert_int_equal(document_parse_yaml(BYTES(yaml, strlen(yaml)), "s.yaml", &d, err), 0);
    const struct node *list = node_get(document_root(d), "schedule");
    assert_non_null(list);
    int code = schedule_read(list, &t->target, 1, out, err);
    document_free(d);
    return code;
}

static void test_same_seed_same_schedule(void **state)
{
    (void)state;
    struct toy t;
    toy_init(&t, TOY_CORRECT, 1);
    size_t different = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct schedule_options o = options_of(seed);
        struct chaos_schedule a, b, again;
        struct text first = TEXT_INIT, second = TEXT_INIT;
        draw(&t, &o, &a, &first);
        draw(&t, &o, &b, &second);
        assert_string_equal(text_string(&first), text_string(&second));
        assert_true(a.steps.count > 3);
        for (size_t i = 0; i < a.steps.count; i++) {
            assert_true(a.steps.items[i].at < o.duration);
            assert_true(i == 0 || a.steps.items[i].at >= a.steps.items[i - 1].at);
            different += a.steps.items[i].fault != a.steps.items[0].fault;
        }
        assert_int_equal(read_text(&t, text_string(&first), &again, NULL), 0);
        text_clear(&second);
        schedule_write(&again, &second);
        assert_string_equal(text_string(&first), text_string(&second));
        schedule_deinit(&a);
        schedule_deinit(&b);
        schedule_deinit(&again);
        text_deinit(&first);
        text_deinit(&second);
    }
    assert_true(different > 100);
    toy_deinit(&t);
}

/* With one component nothing may be in force twice at a time. */
static void test_nothing_collides(void **state)
{
    (void)state;
    struct toy t;
    toy_init(&t, TOY_CORRECT, 1);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct schedule_options o = options_of(seed);
        struct chaos_schedule s;
        struct text written = TEXT_INIT;
        draw(&t, &o, &s, &written);
        for (size_t i = 1; i < s.steps.count; i++)
            assert_true(s.steps.items[i].at > s.steps.items[i - 1].at + s.steps.items[i - 1].hold);
        schedule_deinit(&s);
        text_deinit(&written);
    }
    toy_deinit(&t);
}

static void test_keep(void **state)
{
    (void)state;
    struct toy t;
    struct schedule_options o = options_of(3);
    struct chaos_schedule s, kept;
    struct text written = TEXT_INIT;
    bool keep[SCHEDULE_STEPS_MAX] = {[1] = true, [2] = true};
    toy_init(&t, TOY_CORRECT, 1);
    draw(&t, &o, &s, &written);
    assert_int_equal(schedule_keep(&s, keep, &kept), 0);
    assert_int_equal(kept.steps.count, 2);
    assert_int_equal(kept.steps.items[0].at, s.steps.items[1].at);
    assert_int_equal(kept.steps.items[1].seed, s.steps.items[2].seed);
    schedule_deinit(&s);
    schedule_deinit(&kept);
    text_deinit(&written);
    toy_deinit(&t);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"schedule: 3\n", "s.yaml:1:11: a schedule is a list of steps, not an integer"},
        {"schedule: [kill]\n", "s.yaml:1:12: a step is a map: {at: 2s, fault: kill, component: store}"},
        {"schedule: [{at: 1s, fault: boil, component: store}]\n",
         "s.yaml:1:28: there is no fault \"boil\": harrow chaos faults shows all"},
        {"schedule: [{at: 1s, fault: kill}]\n", "s.yaml:1:12: fault kill needs a \"component\""},
        {"schedule: [{at: 1s, fault: kill, component: stroe}]\n",
         "s.yaml:1:45: toy has no component \"stroe\": did you mean \"store\"?"},
        {"schedule:\n  - {at: 2s, fault: kill, component: store}\n  - {at: 1s, fault: kill, component: store}\n",
         "s.yaml:3:5: steps stand in order of time: this one is before the one above"},
    };
    struct toy t;
    toy_init(&t, TOY_CORRECT, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chaos_schedule s;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_true(read_text(&t, cases[i].yaml, &s, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
    }
    toy_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_schedule),
        cmocka_unit_test(test_nothing_collides),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
