/* A run that is resumed, from its result stream: what counts as a verdict, what is cut short, what is no stream, and
 * memory that runs out. The stream lies on a simulated disk. */
#include "harrow/run/past.h"

#include "base/failing_walk.h"
#include "world/sim.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "{\"type\":\"run\",\"t\":0,\"id\":\"r-1\",\"seed\":\"77\"}\n"
#define STEP(of, name)                                                                                                 \
    "{\"type\":\"step\",\"t\":1,\"case\":\"" of "\",\"name\":\"" name "\",\"status\":\"passed\",\"duration\":1}\n"
#define CASE(name, status)                                                                                             \
    "{\"type\":\"case\",\"t\":2,\"pillar\":\"e2e\",\"suite\":\"s.yaml\",\"name\":\"" name "\",\"status\":\"" status    \
    "\",\"duration\":5}\n"
#define A_LONG_NAME "a name that is longer than any that is in the stream, and so is in none"

static struct sim *sim;
static struct world *disk;

static int open_disk(void **state)
{
    (void)state;
    sim = sim_new(&(struct sim_options){.seed = 3});
    disk = sim_node(sim, "disk");
    assert_int_equal(world_make_directory(disk, "run"), 0);
    return 0;
}

static int close_disk(void **state)
{
    (void)state;
    sim_free(sim);
    return 0;
}

static void put(const char *stream)
{
    assert_int_equal(world_write_file(disk, "run/results.jsonl", bytes_of(stream), false, NULL), 0);
}

static const char *status_of(const struct past *p, const char *name)
{
    const struct e2e_past *o = past_operations(p);
    json_t *lines = o->lines(o->arg, "s.yaml", name);
    const json_t *last = json_array_get(lines, json_array_size(lines) - (lines != NULL));
    const char *status = json_string_value(json_object_get(last, "status"));
    return status != NULL ? status : "none";
}

static size_t line_count(const struct past *p, const char *name)
{
    const struct e2e_past *o = past_operations(p);
    return json_array_size(o->lines(o->arg, "s.yaml", name));
}

/* "b" was tried twice, "c" had not ended when the run did, and the last line is torn. */
static const char stream[] = HEAD STEP("a", "1") CASE("a", "passed") STEP("b", "1") CASE("b", "failed") STEP("b", "2")
    STEP("b", "3") CASE("b", "flaky") STEP("c", "1") "{\"type\":\"case\",\"t\":9,\"pillar\":\"e2e\",\"sui";

static void what_was_done(void **state)
{
    struct past *p = past_new();
    (void)state;
    put(stream);
    assert_int_equal(past_resume(p, disk, "run", NULL), 0);
    assert_string_equal(past_id(p), "r-1");
    assert_int_equal(past_seed(p), 77);
    assert_int_equal(past_verdicts(p), 2);
    assert_string_equal(status_of(p, "a"), "passed");
    assert_string_equal(status_of(p, "b"), "flaky");
    assert_int_equal(line_count(p, "b"), 3);
    assert_string_equal(status_of(p, "c"), "none");
    assert_string_equal(status_of(p, A_LONG_NAME), "none");
    past_free(p);
}

/* What a service answered may stand in a line with its zero characters. */
static void zero_characters(void **state)
{
    struct past *p = past_new();
    (void)state;
    put(HEAD STEP("a", "x\\u0000y") CASE("a", "passed"));
    assert_int_equal(past_resume(p, disk, "run", NULL), 0);
    assert_string_equal(status_of(p, "a"), "passed");
    past_free(p);
}

static void no_stream(void **state)
{
    static const struct {
        const char *stream, *why;
        int code;
    } wrong[] = {
        {"", "run/results.jsonl is empty: there is nothing to resume", ERROR_INVALID},
        {HEAD "nonsense\n", "this is no line of a result stream", ERROR_SYNTAX},
        {CASE("a", "passed"), "run/results.jsonl does not begin with the line of a run: it cannot be resumed",
         ERROR_INVALID},
        {"{\"type\":\"ru", "run/results.jsonl is empty: there is nothing to resume", ERROR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct past *p = past_new();
        struct error err = ERROR_INIT;
        put(wrong[i].stream);
        assert_int_equal(past_resume(p, disk, "run", &err), wrong[i].code);
        assert_string_equal(err.message, wrong[i].why);
        error_clear(&err);
        past_free(p);
    }
}

static int resume(void)
{
    struct past *p = past_new();
    struct error err = ERROR_INIT;
    json_set_alloc_funcs(failing_malloc, failing_free);
    int code = p != NULL ? past_resume(p, disk, "run", &err) : ERROR_MEMORY;
    if (code == 0) { /* what is known is known, whether there is memory or not: shards have to agree */
        assert_int_equal(past_verdicts(p), 2);
        assert_string_equal(status_of(p, "a"), "passed");
        assert_string_equal(status_of(p, "b"), "flaky");
        assert_int_equal(line_count(p, "b"), 3);
        assert_string_equal(status_of(p, A_LONG_NAME), "none");
    }
    past_free(p);
    json_set_alloc_funcs(malloc, free);
    error_clear(&err);
    return code;
}

static void memory_runs_out(void **state)
{
    (void)state;
    put(stream);
    assert_true(failing_walk(resume, FAILING_IS_TOLD) > 50);
}

/* The nth reading of the disk fails: the error says which file. */
static void disk_fails(void **state)
{
    struct error err = ERROR_INIT;
    struct past *p = past_new();
    (void)state;
    put(stream);
    sim_disk(sim, "disk", &(struct sim_disk_faults){.read_error = 1000000});
    assert_int_equal(past_resume(p, disk, "run", &err), ERROR_IO);
    assert_non_null(strstr(err.message, "run/results.jsonl"));
    error_clear(&err);
    past_free(p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_disk, close_disk)
    const struct CMUnitTest tests[] = {TEST(what_was_done), TEST(zero_characters), TEST(no_stream),
                                       TEST(memory_runs_out), TEST(disk_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
