/* Runs while memory runs out: rows of data, workers, shards, runs that are resumed, traces, doubles of flows, snapshots
 * that are written anew. No step needs the network, so that what fails is the harness alone: every failure says that
 * there was no memory, or is the one that the flow's last step has in any case. */
#include "e2e/test_walk.h"

#include "base/failing_walk.h"

/* ---- what the runs are told ---- */

/* The last cases, as they are told. */
struct told {
    struct test_walk_case cases[4];
    size_t count;
};

static int keep_cases(void *arg, const char *line, size_t len)
{
    struct told *told = arg;
    struct test_walk_case one = {.len = 0};
    (void)test_keep_case(&one, line, len);
    if (one.len > 0 && told->count < sizeof told->cases / sizeof told->cases[0])
        told->cases[told->count++] = one;
    return 0;
}

static bool contains(const struct test_walk_case *c, const char *words)
{
    return memmem(c->line, c->len, words, strlen(words)) != NULL;
}

#define FAILS "{set: {x: '${nowhere}'}}" /* a step that fails in any case */

/* One run of `cases` cases in the n-th allocation of which memory fails. False: it was not reached. */
static bool run_once(struct test_system *s, const struct flow_list *flows, int64_t cases, size_t n)
{
    static struct told told;
    told.count = 0;
    struct result_stream *results = s->target.results,
                         own = {.write = keep_cases, .arg = &told, .now = results->now, .now_arg = results->now_arg};
    struct e2e_summary summary;
    struct error err = ERROR_INIT;
    s->target.results = &own;
    failing_arm(n);
    int code = e2e_run(&s->target, flows, &s->options, &summary, &err);
    bool hit = failing_hit();
    failing_disarm();
    s->target.results = results;
    error_clear(&err);
    assert_true(code == 0 || (hit && code == ERROR_MEMORY));
    assert_int_equal(summary.passed, 0);
    if (code == 0) /* none got lost on the way, unless that is known */
        assert_int_equal(summary.failed, cases);
    if (code == 0 && !own.broken)
        assert_int_equal(own.failed, cases);
    for (size_t i = 0; i < told.count && !own.broken; i++)
        if (contains(&told.cases[i], "\"failed\"") && !contains(&told.cases[i], "out of memory") &&
            !contains(&told.cases[i], "${nowhere}"))
            fail_msg("allocation %zu: %.*s", n, (int)told.cases[i].len, told.cases[i].line);
    return hit;
}

static size_t walk_flows(struct test_system *s, const struct flow_list *flows, int64_t cases,
                         void (*before)(struct test_system *s))
{
    size_t n = 1;
    json_set_alloc_funcs(failing_malloc, failing_free);
    do {
        if (before != NULL)
            before(s);
    } while (run_once(s, flows, cases, n) && n++ < FAILING_WALK_MAX);
    json_set_alloc_funcs(malloc, free);
    return n;
}

static size_t walk(struct test_system *s, const char *yaml, int64_t cases)
{
    struct flow_list flows = {0};
    test_walk_load(yaml, &flows);
    size_t n = walk_flows(s, &flows, cases, NULL);
    flow_list_free(&flows);
    return n;
}

/* ---- rows of data ---- */

static struct world *disk; /* of the test that runs */

static void put(struct test_system *s, const char *path, const char *content)
{
    assert_int_equal(world_make_directory(s->disk, "flows"), 0);
    assert_int_equal(world_write_file(s->disk, path, bytes_of(content), false, NULL), 0);
    disk = s->disk;
    s->options.files = disk;
}

static int load_rows(void)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    json_set_alloc_funcs(failing_malloc, failing_free);
    int code = flow_load(disk, "flows/rows.yaml", &flows, &err);
    if (code == 0) {
        assert_int_equal(flows.count, 1);
        assert_int_equal(json_array_size(flows.items[0]->rows), 3);
        assert_string_equal(json_string_value(json_object_get(json_array_get(flows.items[0]->rows, 2), "word")), "c");
    } else if (code == ERROR_MEMORY && (err.message == NULL || strstr(err.message, "memory") == NULL)) {
        fail_msg("%s", err.message != NULL ? err.message : "nothing is said");
    }
    flow_list_free(&flows);
    json_set_alloc_funcs(malloc, free);
    error_clear(&err);
    return code;
}

static void rows_of(struct test_system *s, const char *yaml)
{
    struct flow_list flows = {0};
    put(s, "flows/rows.yaml", yaml);
    assert_true(failing_walk(load_rows, FAILING_IS_TOLD) > 20);
    assert_int_equal(flow_load(disk, "flows/rows.yaml", &flows, NULL), 0);
    assert_true(walk_flows(s, &flows, 3, NULL) > 100);
    flow_list_free(&flows);
}

static void rows_in_files(void **state)
{
    struct test_system *s = *state;
    put(s, "flows/rows.csv", "case,word\none,a\n\"two, too\",b\nthree,c\n");
    put(s, "flows/rows.json",
        "[{\"case\": \"one\", \"word\": \"a\"}, {\"word\": \"b\", \"more\": [1]}, {\"word\": \"c\"}]");
    rows_of(s, "flow: f\ncases: rows.csv\nvars: {w: '${word}'}\nsteps: [{set: {y: '${w}'}}, " FAILS "]\n");
    rows_of(s, "flow: f\ncases: rows.json\nsteps: [{set: {y: '${word}'}}, " FAILS "]\n");
}

static void rows_inline(void **state)
{
    assert_true(walk(*state,
                     "flow: f\nsecrets: [b]\n"
                     "cases: [{case: one, a: 1, b: 'x${a}'}, {a: 2, b: '${unique}'}, {a: [1, {c: 3}], b: 4}]\n"
                     "steps: [{set: {y: '${a} ${b}'}}, " FAILS "]\n",
                     3) > 100);
}

/* ---- workers, shards, earlier runs ---- */

#define FOUR                                                                                                           \
    "flows:\n  - {flow: a, steps: [" FAILS "]}\n  - {flow: b, steps: [" FAILS                                          \
    "]}\n  - {flow: c, steps: [{wait: 1s}, " FAILS "]}\n  - {flow: d, steps: [" FAILS "]}\n"

/* Lines of those that end early wait for others: none may be lost, or the runner waits for it for ever. */
static void workers(void **state)
{
    struct test_system *s = *state;
    s->options.jobs = 3;
    assert_true(walk(s, FOUR, 4) > 100);
    s->options.retries = 1;
    s->options.shuffle = true;
    assert_true(walk(s, FOUR, 4) > 100);
}

static void around(void **state)
{
    struct test_system *s = *state;
    s->options.jobs = 2;
    assert_true(walk(s,
                     "setup: [{set: {a: 1}}, " FAILS "]\nbefore: [{set: {b: 1}}]\nafter: [{set: {b: 2}}]\n"
                     "teardown: [" FAILS "]\nflows: [{flow: f, steps: [" FAILS "]}]\n",
                     2) > 100);
}

static uint64_t past_duration(void *arg, const char *suite, const char *name)
{
    (void)arg;
    (void)suite;
    return name[0] == 'a' ? 7000000000U : 1000000000U;
}

static json_t *past_lines(void *arg, const char *suite, const char *name)
{
    (void)suite;
    return name[0] == 'b' ? arg : NULL;
}

/* What was run before is told again, or the run says that it could not. */
static void earlier(void **state)
{
    struct test_system *s = *state;
    json_t *lines =
        json_pack("[{s:s, s:s, s:s, s:I}, {s:s, s:I, s:s, s:s, s:s, s:s, s:s}]", "type", "step", "case", "b", "name",
                  "1 set", "t", (json_int_t)5, "type", "case", "t", (json_int_t)7, "pillar", "e2e", "suite",
                  "flows/x.yaml", "name", "b", "status", "failed", "message", "it was ${nowhere}");
    const struct e2e_past past = {.arg = lines, .duration = past_duration, .lines = past_lines};
    assert_non_null(lines);
    s->options.past = &past;
    assert_true(walk(s, FOUR, 4) > 100);
    s->options.jobs = 2;
    assert_true(walk(s, FOUR, 4) > 100);
    s->options.jobs = 1;
    s->options.shards = 2;
    s->options.shard = 2; /* the first has "a" alone */
    assert_true(walk(s, FOUR, 3) > 100);
    json_decref(lines);
}

/* What would run, for people and for programs: whole, or an error. */
static struct test_system *shown;
static struct flow_list shown_flows;
static struct text shown_before[3];

static int show_all(void)
{
    struct text out[3] = {TEXT_INIT, TEXT_INIT, TEXT_INIT};
    struct error err = ERROR_INIT;
    json_set_alloc_funcs(failing_malloc, failing_free);
    int code = e2e_list(&shown->target, &shown_flows, &shown->options, &out[0], &err);
    for (int i = 1; i < 3 && code == 0; i++)
        code = e2e_show(&shown->target, &shown_flows, &shown->options, i == 2, &out[i], &err);
    for (int i = 0; i < 3; i++) {
        if (shown_before[i].len == 0) /* the first time nothing fails */
            text_add(&shown_before[i], text_string(&out[i]), out[i].len);
        else if (code == 0 && strcmp(text_string(&out[i]), text_string(&shown_before[i])) != 0)
            fail_msg("%d: %s", i, text_string(&out[i]));
        text_deinit(&out[i]);
    }
    json_set_alloc_funcs(malloc, free);
    error_clear(&err);
    return code;
}

static void listed(void **state)
{
    shown = *state;
    test_walk_load("flows:\n  - {flow: a, tags: [x, y], cases: [{case: one, n: 1}, {n: 2}], steps: [{name: z, set: {x: "
                   "1}}, {run: [sh, -c, 'a b']}]}\n  - {flow: b, steps: [{call: helloworld.Helloworld/Call}, {if: {a: "
                   "1}, then: [{wait: 1s}]}]}\n",
                   &shown_flows);
    assert_int_equal(show_all(), 0);
    assert_true(failing_walk(show_all, FAILING_MAY_BE_BORNE) > 100);
    flow_list_free(&shown_flows);
    for (int i = 0; i < 3; i++)
        text_deinit(&shown_before[i]);
}

/* ---- traces ---- */

struct e2e_asked {
    json_t *kept;
};

static struct e2e_asked *ask(void *arg, struct target *t, const char *id, int64_t began)
{
    (void)arg;
    (void)t;
    (void)began;
    struct e2e_asked *a = malloc(sizeof *a);
    if (a != NULL)
        a->kept = json_pack("{s:[{s:s, s:s}], s:i}", "spans", "component", "store", "id", id, "left_out", 3);
    return a;
}

static bool answered(void *asked)
{
    return asked != NULL;
}

static json_t *take(struct e2e_asked *a)
{
    json_t *kept = a->kept;
    free(a);
    return kept;
}

static const char *spans_of;
static struct told spans_told;

/* Of a failed case's trace a line is told, or the stream is known to be incomplete. */
static int keep_spans(void *arg, const char *line, size_t len)
{
    bool *seen = arg;
    *seen = *seen || (memmem(line, len, "\"type\":\"spans\"", 14) != NULL &&
                      memmem(line, len, spans_of, strlen(spans_of)) != NULL);
    return keep_cases(&spans_told, line, len);
}

static void traces(void **state)
{
    struct test_system *s = *state;
    static const struct e2e_traces kept = {.key = "x-trace", .ask = ask, .answered = answered, .take = take};
    struct flow_list flows = {0};
    struct result_stream *results = s->target.results;
    bool hit = true;
    s->options.traces = &kept;
    s->options.trace_all = true;
    spans_of = "\"left_out\":3";
    test_walk_load("flow: f\nvars: {id: 1}\nsecrets: [id]\nsteps: [{http: 'GET ${gateway}/text', timeout: 1s}]\n",
                   &flows);
    s->target.gateway = "http://nowhere:1";
    json_set_alloc_funcs(failing_malloc, failing_free);
    for (size_t n = 1; hit; n++) {
        bool seen = false;
        struct result_stream own = {
            .write = keep_spans, .arg = &seen, .now = results->now, .now_arg = results->now_arg};
        struct e2e_summary summary;
        spans_told.count = 0;
        s->target.results = &own;
        failing_arm(n);
        int code = e2e_run(&s->target, &flows, &s->options, &summary, NULL);
        hit = failing_hit();
        failing_disarm();
        assert_true(code == 0 || (hit && code == ERROR_MEMORY));
        assert_int_equal(summary.passed, 0);
        bool traced = spans_told.count > 0 && contains(&spans_told.cases[0], "\"trace\":\"");
        if (traced && !seen && !own.broken)
            fail_msg("allocation %zu: the case is traced, and its spans are not told", n);
        if (!hit)
            assert_true(seen && traced);
        if (world_sleep(s->world, (uint64_t)SECOND) != 0)
            break; /* the simulation itself had no memory */
    }
    json_set_alloc_funcs(malloc, free);
    s->target.results = results;
    flow_list_free(&flows);
}

/* ---- doubles of flows ---- */

static struct e2e_doubles standing;
static int up;

static bool busy(void *arg, struct target *t, const struct e2e_stand_in *wanted)
{
    (void)arg;
    (void)t;
    return wanted->name == NULL;
}

static int open_doubles(void *arg, struct target *t, const struct e2e_stand_in *wanted, size_t count,
                        const struct e2e_doubles **out, struct error *err)
{
    (void)t;
    char *memory = count == 2 && wanted[0].listen != NULL ? malloc(1) : NULL;
    if (memory == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    free(memory);
    standing = ((struct test_system *)arg)->doubles;
    *out = &standing;
    up++;
    return 0;
}

static void address_of(void *arg, const struct e2e_doubles *d, const char *name, struct text *out)
{
    (void)arg;
    assert_ptr_equal(d, &standing);
    text_printf(out, "127.0.0.1:%zu", strlen(name));
}

static void close_doubles(void *arg, const struct e2e_doubles *d)
{
    (void)arg;
    assert_ptr_equal(d, &standing);
    up--;
}

static int64_t unmatched(void *arg, const char *name, struct text *out)
{
    (void)arg;
    (void)name;
    text_puts(out, "store.Store/Write {}\nstore.Store/Read {}\n");
    return 2;
}

/* What was put up is taken away, whatever failed. */
static void all_down(struct test_system *s)
{
    (void)s;
    assert_int_equal(up, 0);
}

static void doubles_of_flows(void **state)
{
    struct test_system *s = *state;
    const struct e2e_stand_ins stand_ins = {
        .arg = s, .busy = busy, .open = open_doubles, .address = address_of, .close = close_doubles};
    struct flow_list flows = {0};
    s->options.stand_ins = &stand_ins;
    s->doubles.unmatched = unmatched;
    test_walk_load("flows:\n"
                   "  - {flow: f, doubles: {a: {service: store.Store, listen: '127.0.0.1:${port}'}}, vars: {at: "
                   "'${doubles.a}'}, steps: [{set: {x: '${at}'}}, {flow: '#g'}, " FAILS "]}\n"
                   "  - {flow: g, params: [], doubles: {b: store.Other}, steps: [{set: {y: '${doubles.b}'}}]}\n",
                   &flows);
    static const char *const variables[] = {"port=7", NULL};
    s->options.variables = variables;
    assert_true(walk_flows(s, &flows, 1, all_down) > 100);
    all_down(s);
    flow_list_free(&flows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {TEST(rows_in_files), TEST(rows_inline), TEST(workers), TEST(around),
                                       TEST(earlier),       TEST(listed),      TEST(traces),  TEST(doubles_of_flows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
