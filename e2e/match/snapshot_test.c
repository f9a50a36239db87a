/* Snapshots: written, compared, written anew with what a person put into them, and told when nobody needs them. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/match/snapshot.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)
#define GREET    "call: helloworld.Helloworld/Call, request: "

static struct test_system *begin(void **state, bool update)
{
    struct test_system *s = *state;
    s->options.files = s->disk;
    s->options.update_snapshots = update;
    return s;
}

static void file_is(struct test_system *s, const char *path, const char *expected)
{
    struct text content = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (world_read_file(s->disk, path, FILE_MAX, &content, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(text_string(&content), expected);
    text_deinit(&content);
}

static void put(struct test_system *s, const char *path, const char *content)
{
    assert_int_equal(world_make_directory(s->disk, "flows/x.snapshots"), 0);
    assert_int_equal(world_write_file(s->disk, path, bytes_of(content), false, NULL), 0);
}

static bool note_says(struct test_system *s, const char *words)
{
    for (size_t i = 0; i < json_array_size(s->lines); i++) {
        const char *text = json_string_value(json_object_get(json_array_get(s->lines, i), "text"));
        if (text != NULL && strstr(text, words) != NULL)
            return true;
    }
    return false;
}

static const char *message(struct test_system *s)
{
    return json_string_value(json_object_get(test_last(s, "case"), "message"));
}

static const char greeting[] = "flow: f\nsteps: [{" GREET "{name: Ann}, snapshot: hello}]\n";

/* Nothing there: told, also where others would just write it. Then written, and from then on compared. */
static void compared(void **state)
{
    struct test_system *s = begin(state, false);
    assert_false(test_run(s, greeting));
    assert_string_equal(message(s), "step 1 call helloworld.Helloworld/Call: there is no snapshot flows/x.snapshots/"
                                    "hello.json yet: look at what was received, then run with --update-snapshots");
    s->options.update_snapshots = true;
    assert_true(test_run(s, greeting));
    assert_true(note_says(s, "snapshots: 1 written, 0 changed, 0 as they were"));
    file_is(s, "flows/x.snapshots/hello.json", "{\n  \"msg\": \"Hello Ann\"\n}\n");
    assert_true(test_run(s, greeting));
    assert_true(note_says(s, "snapshots: 0 written, 0 changed, 1 as they were"));
    s->options.update_snapshots = false;
    assert_true(test_run(s, greeting));
    put(s, "flows/x.snapshots/hello.json", "{\n  \"msg\": \"Hello Bob\",\n  \"more\": 1\n}\n");
    assert_false(test_run(s, greeting));
    assert_string_equal(message(s), "step 1 call helloworld.Helloworld/Call: body.msg: expected \"Hello Bob\", got "
                                    "\"Hello Ann\"");
    const char *detail = json_string_value(json_object_get(test_last(s, "case"), "detail"));
    assert_non_null(strstr(detail, "this is not what flows/x.snapshots/hello.json has:"));
    assert_non_null(strstr(detail, "    2 |   \"msg\": \"Hello Bob\",\n"));
    assert_non_null(strstr(detail, "body.more: expected 1, got nothing"));
}

static void zero_characters(void **state)
{
    static const char odd[] = "flow: f\nsteps: [{http: GET /odd, snapshot: {name: odd, of: $.body.zero}}]\n";
    struct test_system *s = begin(state, true);
    assert_true(test_run(s, odd));
    file_is(s, "flows/x.snapshots/odd.json", "\"ab\\u0000cd\"\n");
    s->options.update_snapshots = false;
    assert_true(test_run(s, odd));
    put(s, "flows/x.snapshots/odd.json", "\"ab\\u0000ce\"\n");
    assert_false(test_run(s, odd));
}

/* What a person wrote into it and still holds stays. */
static void matchers_stay(void **state)
{
    struct test_system *s = begin(state, false);
    put(s, "flows/x.snapshots/hello.json", "{\"msg\": {\"$regex\": \"^Hello\"}}\n");
    assert_true(test_run(s, greeting));
    s->options.update_snapshots = true;
    assert_true(test_run(s, greeting));
    file_is(s, "flows/x.snapshots/hello.json", "{\"msg\": {\"$regex\": \"^Hello\"}}\n");
    put(s, "flows/x.snapshots/hello.json", "{\"msg\": {\"$regex\": \"^Bye\"}}\n");
    assert_true(test_run(s, greeting));
    file_is(s, "flows/x.snapshots/hello.json", "{\n  \"msg\": \"Hello Ann\"\n}\n");
    put(s, "flows/x.snapshots/hello.json", "{\"msg\": {\"$nonsense\": 1}}\n");
    s->options.update_snapshots = false;
    assert_false(test_run(s, greeting));
    assert_non_null(strstr(message(s), "flows/x.snapshots/hello.json:1:"));
}

/* A part of the answer; members that are left out; names with variables; what would be read as a variable; secrets. */
static void parts(void **state)
{
    struct test_system *s = begin(state, true);
    static const char yaml[] = "flow: f\nsecrets: [hidden]\nvars: {hidden: sesame}\nsteps:\n"
                               "  - for: who\n    in: [Ann, Bob]\n    steps:\n"
                               "      - {" GREET "{name: '${who}'}, snapshot: 'of ${who}'}\n"
                               "  - {call: store.Store/Read, request: {key: k}, snapshot: {name: record, of: '$.body', "
                               "except: [expiry, '$.body.records[0].value']}}\n"
                               "  - {" GREET "{name: '$${x}'}, snapshot: {name: odd, of: $.body.msg}}\n"
                               "  - {" GREET "{name: sesame}, snapshot: secret}\n";
    assert_true(test_run(s, yaml));
    s->options.update_snapshots = false;
    assert_true(test_run(s, yaml));
    file_is(s, "flows/x.snapshots/of Bob.json", "{\n  \"msg\": \"Hello Bob\"\n}\n");
    file_is(s, "flows/x.snapshots/odd.json", "\"Hello $${x}\"\n");
    file_is(s, "flows/x.snapshots/secret.json", "{\n  \"msg\": {\n    \"$any\": true\n  }\n}\n");
    struct text content = TEXT_INIT;
    assert_int_equal(world_read_file(s->disk, "flows/x.snapshots/record.json", FILE_MAX, &content, NULL), 0);
    assert_non_null(strstr(text_string(&content), "\"key\": \"k\""));
    assert_non_null(strstr(text_string(&content), "\"expiry\": {\n        \"$any\": true"));
    assert_null(strstr(text_string(&content), "AQI="));
    text_deinit(&content);
    /* Left out when it is compared as well, whatever the file says. */
    put(s, "flows/x.snapshots/hello.json", "{\"msg\": \"another\"}\n");
    assert_true(test_run(s, "flow: f\nsteps: [{" GREET "{name: Ann}, snapshot: {name: hello, except: [msg]}}]\n"));
}

static void unused(void **state)
{
    struct test_system *s = begin(state, true);
    put(s, "flows/x.snapshots/old.json", "1\n");
    assert_true(test_run(s, greeting));
    assert_true(note_says(s, "snapshots that no step uses any more: flows/x.snapshots/old.json"));
    json_object_set_new(json_array_get(s->lines, json_array_size(s->lines) - 2), "text", json_string("seen"));
    assert_false(note_says(s, "snapshots that no step uses"));
    s->options.filter = "f"; /* what was not run may use it */
    assert_true(test_run(s, greeting));
    assert_false(note_says(s, "snapshots that no step uses"));
}

/* Wrong ones are found when the file is loaded, those with variables when they run. */
static void wrong(void **state)
{
    struct test_system *s = begin(state, true);
    static const struct {
        const char *snapshot, *says;
    } wrongs[] = {
        {"[a]", "\"snapshot\" is a name, or"},
        {"{of: $.body}", "\"snapshot\" is a name, or"},
        {"{name: a, of: body}", "\"of\" is a path"},
        {"{name: a, except: id}", "\"except\" is a list"},
        {"{name: a, except: ['$$']}", "left out is a member by its name"},
        {"{name: a, only: 1}", "\"only\""},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        char yaml[200];
        snprintf(yaml, sizeof yaml, "flow: f\nsteps: [{" GREET "{name: Ann}, snapshot: %s}]\n", wrongs[i].snapshot);
        assert_int_not_equal(flow_parse(bytes_of(yaml), "x.yaml", &flows, &err), 0);
        if (strstr(err.message, wrongs[i].says) == NULL || err.line != 2)
            fail_msg("%s: line %d: %s", wrongs[i].snapshot, err.line, err.message);
        error_clear(&err);
        flow_list_free(&flows);
    }
    assert_false(test_run(s, "flow: f\nvars: {x: ../up}\nsteps: [{" GREET "{name: Ann}, snapshot: '${x}'}]\n"));
    assert_non_null(strstr(message(s), "\"../up\" is no name for a snapshot"));
    assert_false(test_run(s, "flow: f\nsteps: [{" GREET "{name: Ann}, snapshot: {name: a, of: $.body.nothing}}]\n"));
    assert_non_null(strstr(message(s), "there is nothing at $.body.nothing to compare"));
}

/* ---- memory that runs out ---- */

static struct test_system *walked;
static struct flow_list walked_flows;

static int judge(void)
{
    struct flow *f = walked_flows.items[0];
    struct snapshots *s = snapshots_new(walked->options.update_snapshots);
    struct flow_case run = {.name = "f", .given = json_object(), .secrets = json_array(), .cookies = json_array()};
    struct e2e_options o = walked->options;
    struct flow_context x = {.target = &walked->target, .flow = f, .options = &o, .run = &run, .number = "1"};
    int code = s != NULL ? 0 : ERROR_MEMORY;
    o.snapshots = s;
    x.variables = json_object();
    x.answer = json_pack("{s:{s:s, s:[i, {s:s}], s:s}}", "body", "msg", "Hello", "list", 1, "key", "${x}", "id", "7");
    if (code == 0)
        snapshot_judge(&x, node_get(&f->steps->list.items[0], "snapshot"));
    if (code == 0)
        code = x.error.code != 0 ? x.error.code : x.mismatches.count == 0 ? 0 : ERROR_INVALID;
    struct text unused_ones = TEXT_INIT;
    if (code == 0)
        snapshots_unused(s, walked->disk, "flows/x.yaml", &unused_ones);
    if (code == 0 && unused_ones.failed)
        code = ERROR_MEMORY;
    text_deinit(&unused_ones);
    context_deinit(&x);
    json_decref(run.given);
    json_decref(run.secrets);
    json_decref(run.cookies);
    snapshots_free(s);
    return code;
}

static void memory_runs_out(void **state)
{
    walked = begin(state, true);
    assert_int_equal(flow_parse(bytes_of("flow: f\nsteps: [{" GREET "{name: x}, snapshot: {name: a, except: [id]}}]\n"),
                                "flows/x.yaml", &walked_flows, NULL),
                     0);
    assert_true(failing_walk(judge, FAILING_MAY_BE_BORNE) > 20);
    walked->options.update_snapshots = false;
    assert_true(failing_walk(judge, FAILING_MAY_BE_BORNE) > 20);
    flow_list_free(&walked_flows);
}

/* ---- a disk that fails ---- */

struct listing {
    size_t files;
};

static void count_file(void *arg, const char *path, uint64_t size)
{
    struct listing *l = arg;
    (void)size;
    l->files += strstr(path, "/x.snapshots/") != NULL;
}

/* Whole, the one before or the one after, and nothing beside it. */
static bool is_whole(struct test_system *s, const char *before, const char *after)
{
    struct text content = TEXT_INIT;
    struct listing l = {0};
    bool there = world_read_file(s->disk, "flows/x.snapshots/hello.json", FILE_MAX, &content, NULL) == 0;
    bool whole = there ? strcmp(text_string(&content), after) == 0 ||
                             (before != NULL && strcmp(text_string(&content), before) == 0)
                       : before == NULL;
    if (!whole)
        print_error("the snapshot is \"%s\"\n", text_string(&content));
    assert_int_equal(sim_disk_files(s->disk_sim, "disk", count_file, &l), 0);
    text_deinit(&content);
    return whole && l.files == (there ? 1 : 0);
}

/* Every write, sync and rename fails once, and every amount of room is too little: the step says which file, and what
 * is there afterwards is whole. */
static void written_to(struct test_system *s, const char *before, bool no_room)
{
    static const char after[] = "{\n  \"msg\": \"Hello Ann\"\n}\n";
    for (uint64_t n = 1, passed = 0; passed == 0; n++) {
        struct sim_disk_faults faults = {.fail_nth = no_room ? 0 : n};
        (void)world_remove_tree(s->disk, "flows");
        if (before != NULL)
            put(s, "flows/x.snapshots/hello.json", before);
        if (no_room)
            faults.space = sim_disk_used(s->disk_sim, "disk") + n;
        sim_disk(s->disk_sim, "disk", &faults);
        passed = test_run(s, greeting);
        sim_disk(s->disk_sim, "disk", &(struct sim_disk_faults){0});
        if (passed == 0 && strstr(message(s), "flows/x.snapshots") == NULL)
            fail_msg("fault %d: %s", (int)n, message(s));
        if (!is_whole(s, before, after))
            fail_msg("fault %d, %s", (int)n, passed != 0 ? "passed" : message(s));
        assert_true(n < 200);
        assert_true(passed == 0 || n > 2); /* something had to fail */
    }
    file_is(s, "flows/x.snapshots/hello.json", after);
}

static void disk_fails(void **state)
{
    struct test_system *s = begin(state, true);
    for (int i = 0; i < 2; i++) {
        written_to(s, NULL, i == 1);
        written_to(s, "{\"msg\": \"Hello Bob\"}\n", i == 1);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {TEST(compared), TEST(matchers_stay),   TEST(parts),      TEST(unused),
                                       TEST(wrong),    TEST(memory_runs_out), TEST(disk_fails), TEST(zero_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
