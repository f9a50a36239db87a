/* Dividing work: against the best there is where that can be tried out, against what no division can be below where it
 * cannot; and as flows, shard by shard. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "base/random.h"
#include "base/units.h"
#include "e2e/runner/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX  3000
#define SHARDS_MAX 16

static uint64_t heaviest_of(const uint64_t *weights, size_t count, size_t shards, const size_t *parts)
{
    uint64_t loads[SHARDS_MAX] = {0}, most = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(parts[i] < shards);
        loads[parts[i]] += weights[i];
    }
    for (size_t s = 0; s < shards; s++)
        most = loads[s] > most ? loads[s] : most;
    return most;
}

/* The best division, by trying all. */
static uint64_t best_of(const uint64_t *weights, size_t count, size_t shards, uint64_t *loads, size_t n, uint64_t best)
{
    uint64_t most = 0;
    for (size_t s = 0; s < shards; s++)
        most = loads[s] > most ? loads[s] : most;
    if (most >= best || n == count)
        return most < best ? most : best;
    for (size_t s = 0; s < shards; s++) {
        loads[s] += weights[n];
        best = best_of(weights, count, shards, loads, n + 1, best);
        loads[s] -= weights[n];
        if (loads[s] == 0)
            break; /* the empty ones are all alike */
    }
    return best;
}

/* Histories: nanoseconds of flows that take from a millisecond up. */
static void draw(struct random *r, int shape, uint64_t *weights, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weights[i] = (uint64_t)MILLISECOND + random_below(r, (uint64_t)SECOND);
        if (shape == 1) /* heavy-tailed: a few take most of the time */
            weights[i] = (uint64_t)((double)(10 * MILLISECOND) / (random_unit(r) + 0.001));
        if (shape == 3) /* equal ones */
            weights[i] = (uint64_t)SECOND;
    }
    if (shape == 2) /* one giant */
        weights[random_below(r, count)] = (uint64_t)(20 * SECOND);
}

/* The slowest is at most 1.05 times the mean, or what the longest one takes: nothing can be better than that. */
static void many_items(void **state)
{
    static uint64_t weights[ITEMS_MAX];
    static size_t parts[ITEMS_MAX];
    struct random r;
    (void)state;
    random_seed(&r, 7);
    for (int round = 0; round < 120; round++) {
        size_t shards = 2 + random_below(&r, SHARDS_MAX - 1), count = shards * (8 + random_below(&r, 100));
        uint64_t sum = 0, longest = 0;
        draw(&r, round % 3, weights, count);
        assert_true(shard_divide(weights, count, shards, parts));
        for (size_t i = 0; i < count; i++) {
            sum += weights[i];
            longest = weights[i] > longest ? weights[i] : longest;
        }
        uint64_t mean = sum / shards, allowed = mean + mean / 20;
        uint64_t most = heaviest_of(weights, count, shards, parts);
        if (most > (longest > allowed ? longest : allowed))
            fail_msg("round %d: %zu items, %zu shards: %llu, mean %llu, longest %llu", round, count, shards,
                     (unsigned long long)most, (unsigned long long)mean, (unsigned long long)longest);
    }
}

static void few_items(void **state)
{
    uint64_t weights[12], loads[4] = {0};
    size_t parts[12];
    struct random r;
    (void)state;
    random_seed(&r, 11);
    for (int round = 0; round < 300; round++) {
        size_t shards = 2 + random_below(&r, 3), count = shards + random_below(&r, 12 - shards);
        uint64_t sum = 0;
        draw(&r, round % 4, weights, count);
        for (size_t i = 0; i < count; i++)
            sum += weights[i];
        assert_true(shard_divide(weights, count, shards, parts));
        uint64_t most = heaviest_of(weights, count, shards, parts), mean = sum / shards;
        uint64_t best = best_of(weights, count, shards, loads, 0, UINT64_MAX);
        uint64_t allowed = best > mean + mean / 20 ? best : mean + mean / 20; /* 1.05 where that can be had */
        if (most > allowed)
            fail_msg("round %d: %zu items, %zu shards: %llu, the best is %llu, mean %llu", round, count, shards,
                     (unsigned long long)most, (unsigned long long)best, (unsigned long long)mean);
    }
}

/* ---- as flows ---- */

static uint64_t duration(void *arg, const char *suite, const char *name)
{
    (void)suite;
    const char *at = strstr(arg, name); /* "name 12 " */
    return at != NULL ? strtoull(at + strlen(name), NULL, 10) * (uint64_t)SECOND : 0;
}

static const char flows_text[] = "flows:\n"
                                 "  - {flow: aa, steps: [{wait: 1s}]}\n"
                                 "  - {flow: bb, steps: [{wait: 1s}]}\n"
                                 "  - {flow: rows, cases: [{case: one}, {case: two}], steps: [{wait: 1s}]}\n"
                                 "  - {flow: cc, steps: [{wait: 1s}]}\n"
                                 "  - {flow: dd, steps: [{wait: 1s}]}\n";
static const char with_setup[] = "setup: [{wait: 1s}]\nteardown: [{wait: 1s}]\n"
                                 "flows: [{flow: s1, steps: [{wait: 1s}]}, {flow: s2, steps: [{wait: 1s}]}]\n";

/* "name name; " of the cases of a shard, and its note. */
static void shard(struct test_system *s, size_t k, size_t n, struct text *cases, struct text *note)
{
    struct flow_list flows = {0}, more = {0};
    struct e2e_summary summary;
    struct error err = ERROR_INIT;
    size_t from = json_array_size(s->lines);
    s->options.shard = k;
    s->options.shards = n;
    assert_int_equal(flow_parse(bytes_of(flows_text), "flows/a.yaml", &flows, &err), 0);
    assert_int_equal(flow_parse(bytes_of(with_setup), "flows/b.yaml", &more, &err), 0);
    assert_true(flow_list_append(&flows, &more));
    if (e2e_run(&s->target, &flows, &s->options, &summary, &err) != 0)
        fail_msg("%s", err.message);
    flow_list_free(&flows);
    for (; from < json_array_size(s->lines); from++) {
        const json_t *line = json_array_get(s->lines, from);
        const char *type = json_string_value(json_object_get(line, "type"));
        if (strcmp(type, "case") == 0)
            text_printf(cases, "%s; ", json_string_value(json_object_get(line, "name")));
        if (strcmp(type, "note") == 0)
            text_printf(note, "%s", json_string_value(json_object_get(line, "text")));
    }
}

static void shards(struct test_system *s, size_t n, const char *expected, const char *note)
{
    struct text all = TEXT_INIT, said = TEXT_INIT;
    for (size_t k = 1; k <= n; k++) {
        shard(s, k, n, &all, &said);
        text_puts(k < n ? &all : &said, k < n ? "| " : "");
        text_puts(&said, "\n");
    }
    assert_string_equal(text_string(&all), expected);
    if (note != NULL)
        assert_string_equal(text_string(&said), note);
    text_deinit(&all);
    text_deinit(&said);
}

/* Without a history by count; a file with a setup stays together; the order they run in changes nothing. */
static void of_flows(void **state)
{
    struct test_system *s = *state;
    static char times[] = "aa 10 bb 1 rows [one] 2 rows [two] 2 cc 1 dd 4 s1 1 s2 2 setup 1 ";
    struct e2e_past past = {.arg = times, .duration = duration};
    shards(s, 4, "setup; s1; s2; teardown; | aa; rows [two]; | bb; cc; | rows [one]; dd; ",
           "shard 1/4: 2 of 8 flows\nshard 2/4: 2 of 8 flows\nshard 3/4: 2 of 8 flows\nshard 4/4: 2 of 8 flows\n");
    s->options.shuffle = true;
    shards(s, 8, "setup; s2; s1; teardown; | aa; | bb; | rows [one]; | rows [two]; | cc; | dd; | ", NULL);
    s->options.shuffle = false;
    s->options.past = &past;
    shards(s, 2, "aa; rows [two]; | bb; rows [one]; cc; dd; setup; s1; s2; teardown; ",
           "shard 1/2: 2 of 8 flows, 12 s of 24 s by the history\n"
           "shard 2/2: 6 of 8 flows, 12 s of 24 s by the history\n");
}

/* ---- memory that runs out ---- */

static struct test_system *walked;
static struct flow_list walked_flows;

static int list_and_show(void)
{
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = e2e_list(&walked->target, &walked_flows, &walked->options, &out, &err);
    if (code == 0)
        code = e2e_show(&walked->target, &walked_flows, &walked->options, true, &out, &err);
    if (code == 0)
        code = e2e_show(&walked->target, &walked_flows, &walked->options, false, &out, &err);
    if (code == 0 && !text_ok(&out))
        code = ERROR_MEMORY;
    text_deinit(&out);
    error_clear(&err);
    return code;
}

static int load_folder(void)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    int code = flow_load_tree(walked->disk, "t", &flows, &err);
    flow_list_free(&flows);
    error_clear(&err);
    return code;
}

static void memory_runs_out(void **state)
{
    static const char fixtures[] = "setup: [{wait: 1s}]\nbefore: [{wait: 1s}]\nteardown: [{wait: 1s}]\n";
    struct error err = ERROR_INIT;
    walked = *state;
    assert_int_equal(world_make_directory(walked->disk, "t/u"), 0);
    assert_int_equal(world_write_file(walked->disk, "t/fixtures.yaml", bytes_of(fixtures), false, NULL), 0);
    assert_int_equal(world_write_file(walked->disk, "t/u/fixtures.yaml", bytes_of(fixtures), false, NULL), 0);
    assert_int_equal(world_write_file(walked->disk, "t/u/a.yaml", bytes_of(flows_text), false, NULL), 0);
    assert_int_equal(world_write_file(walked->disk, "t/u/b.yaml", bytes_of(with_setup), false, NULL), 0);
    assert_true(failing_walk(load_folder, FAILING_MAY_BE_BORNE) > 100);
    if (flow_load_tree(walked->disk, "t", &walked_flows, &err) != 0)
        fail_msg("%s", err.message);
    walked->options.shard = 1;
    walked->options.shards = 2;
    walked->options.shuffle = true;
    assert_true(failing_walk(list_and_show, FAILING_MAY_BE_BORNE) > 50);
    flow_list_free(&walked_flows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_items), cmocka_unit_test(few_items), TEST(of_flows),
                                       TEST(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
