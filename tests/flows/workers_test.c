/* One worker and sixteen: the product's flows on micro in simulation, in another order each time. Every case has the
 * same verdict and message, and the same steps with the same verdicts.
 *
 * flows_workers_test [ROUNDS [SEED]] */
#include "harrow/system/test_run.h"

#include "e2e/e2e.h"
#include "harrow/run/pillars.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t rounds = 3, seed = 1;

struct kept {
    int (*write)(void *arg, const char *line, size_t len);
    void *arg;
    struct text lines;
    int cases, steps;
};

/* What must be the same: not how long it took, nor what a shared clock or a shared source of names decides. */
static int keep(void *arg, const char *line, size_t len)
{
    struct kept *k = arg;
    json_t *o = json_loadb(line, len, 0, NULL);
    const char *type = json_string_value(json_object_get(o, "type"));
    bool is_case = strcmp(type, "case") == 0, is_step = strcmp(type, "step") == 0;
    k->cases += is_case;
    k->steps += is_step;
    static const char *const members[] = {"type", "suite", "case", "name", "status", "message", "why", "file"};
    for (size_t i = 0; (is_case || is_step) && i < sizeof members / sizeof members[0]; i++) {
        const char *value = json_string_value(json_object_get(o, members[i]));
        text_printf(&k->lines, "%s%s", i > 0 ? " | " : "", value != NULL ? value : "");
    }
    if (is_case || is_step)
        text_char(&k->lines, '\n');
    json_decref(o);
    return k->write(k->arg, line, len);
}

static void run_flows(uint64_t of, int jobs, struct kept *k)
{
    struct run *r = test_run_begin(of);
    struct e2e_request asked = {.isolate = "none", .options = {.jobs = jobs, .shuffle = true}};
    k->write = r->results.write;
    k->arg = r->results.arg;
    r->results.write = keep;
    r->results.arg = k;
    struct system *s = test_system_start(r);
    assert_int_equal(pillar_e2e(r, s, &asked), 0);
    system_stop(s);
    r->results.write = k->write;
    r->results.arg = k->arg;
    (void)test_run_end(r);
}

static void one_and_sixteen_workers(void **state)
{
    int cases = 0, steps = 0;
    (void)state;
    for (uint64_t i = 0; i < rounds; i++) {
        struct kept one = {.lines = TEXT_INIT}, many = {.lines = TEXT_INIT};
        run_flows(seed + i, 1, &one);
        run_flows(seed + i, 16, &many);
        assert_true(one.cases > 5 && one.steps > one.cases);
        if (strcmp(text_string(&one.lines), text_string(&many.lines)) != 0) {
            const char *a = text_string(&one.lines), *b = text_string(&many.lines);
            while (*a != '\0' && strcspn(a, "\n") == strcspn(b, "\n") && memcmp(a, b, strcspn(a, "\n")) == 0) {
                a += strcspn(a, "\n") + 1;
                b += strcspn(b, "\n") + 1;
            }
            fail_msg("seed %llu: one worker\n%.*s\n16 workers\n%.*s", (unsigned long long)(seed + i),
                     (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
        }
        cases += one.cases;
        steps += one.steps;
        text_deinit(&one.lines);
        text_deinit(&many.lines);
    }
    printf("%llu orders, %d cases, %d steps: the same with 1 and 16 workers\n", (unsigned long long)rounds, cases,
           steps);
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : rounds;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_and_sixteen_workers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
