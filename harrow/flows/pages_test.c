/* Flows that need the whole runtime, in simulation: the examples of pages, doubles in the place of third parties, and
 * what is told when they are not met. */
#include "harrow/system/test_run.h"

#include "e2e/e2e.h"
#include "harrow/flows/stand_ins.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST "systems/product.yaml"

struct stage {
    struct run *run;
    struct system *system;
    struct stand_ins *stand_ins;
    struct result_stream results;
    char folder[32];
    json_t *lines;
};

static int keep_line(void *arg, const char *line, size_t len)
{
    struct stage *g = arg;
    return json_array_append_new(g->lines, json_loadb(line, len, 0, NULL));
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static int open_stage(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    struct error err = ERROR_INIT;
    int exit_code = 0;
    strcpy(g->folder, "/tmp/harrow-test-XXXXXX");
    if (mkdtemp(g->folder) == NULL)
        return -1;
    common = (struct common_options){.seed = 11, .driver = "sim", .out = g->folder, .log_level = "warn", .quiet = true};
    if ((g->run = run_begin(MANIFEST, "harrow test", &exit_code)) == NULL)
        return -1;
    if (system_start(g->run, &g->system, &err) != 0)
        fail_msg("the system did not start: %s", err.message);
    g->stand_ins = stand_ins_new(true);
    g->lines = json_array();
    g->results = (struct result_stream){.write = keep_line, .arg = g, .now = no_time};
    *state = g;
    return g->stand_ins != NULL ? 0 : -1;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    struct world *w = NULL;
    stand_ins_free(g->stand_ins);
    system_stop(g->system);
    (void)run_finish(g->run, 0);
    json_decref(g->lines);
    int code = world_real_new(1, &w, NULL);
    if (code == 0) {
        code = world_remove_tree(w, g->folder);
        world_real_free(w);
    }
    free(g);
    return code;
}

/* How many flows of the file failed. */
static int64_t run_flows(struct stage *g, const char *yaml, const char *name, int jobs)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    struct target *t = system_target(g->system);
    struct result_stream *outer = t->results;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", g->folder, name);
    assert_int_equal(world_write_file(g->run->world, path, bytes_of(yaml), false, NULL), 0);
    if (flow_load(g->run->world, path, &flows, &err) != 0)
        fail_msg("%s", err.message);
    const struct e2e_options options = {.pillar = "e2e",
                                        .simulated = true,
                                        .jobs = jobs,
                                        .stand_ins = stand_ins_operations(g->stand_ins),
                                        .relay = STAND_INS_RELAY,
                                        .files = g->run->world,
                                        .variables = system_variables(g->system)};
    t->results = &g->results;
    json_array_clear(g->lines);
    int code = e2e_run(t, &flows, &options, &summary, &err);
    t->results = outer;
    assert_int_equal(code, 0);
    flow_list_free(&flows);
    return summary.failed;
}

static const json_t *last(const struct stage *g, const char *type)
{
    const json_t *found = NULL, *line;
    for (size_t i = 0; i < json_array_size(g->lines); i++) {
        line = json_array_get(g->lines, i);
        if (strcmp(json_string_value(json_object_get(line, "type")), type) == 0)
            found = line;
    }
    return found;
}

static const char *text_of(const json_t *line, const char *member)
{
    const char *text = json_string_value(json_object_get(line, member));
    return text != NULL ? text : "";
}

static void fails(struct stage *g, const char *yaml, const char *message)
{
    assert_int_equal(run_flows(g, yaml, "fails.yaml", 1), 1);
    const char *got = text_of(last(g, "case"), "message");
    if (strstr(got, message) == NULL)
        fail_msg("expected: %s\ngot: %s", message, got);
}

static void pages(void **state)
{
    struct stage *g = *state;
    static const char *const names[] = {"docs/flows-doubles.md", "docs/flows-events.md"};
    struct world *files;
    size_t found = 0;
    assert_int_equal(world_real_new(1, &files, NULL), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct text page = TEXT_INIT;
        assert_int_equal(world_read_file(files, names[i], (size_t)1 << 20, &page, NULL), 0);
        for (char *p = page.data; (p = strstr(p, "```yaml\n")) != NULL; found++) {
            char *end = strstr(p += strlen("```yaml\n"), "```");
            *end = '\0';
            if (run_flows(g, p, "page.yaml", 1) != 0)
                fail_msg("%s: %s\n%s\nin:\n%s", names[i], text_of(last(g, "case"), "message"),
                         text_of(last(g, "case"), "detail"), p);
            p = end + 1;
        }
        text_deinit(&page);
    }
    assert_true(found >= 5);
    world_real_free(files);
}

/* Both play the same service, in flows that run beside each other: each sees its own calls only. */
static void places_are_waited_for(void **state)
{
    struct stage *g = *state;
    static const char yaml[] = "flows:\n"
                               "  - flow: one\n"
                               "    doubles: {mail: emails.Emails}\n"
                               "    steps:\n"
                               "      - {call: emails.Emails/Send, request: {to: a@b.cd, template_id: one}}\n"
                               "      - {wait: 1s}\n"
                               "      - {verify: mail, method: Send, count: 1, requests: [{template_id: one}]}\n"
                               "  - flow: two\n"
                               "    doubles: {post: emails.Emails, pay: payment.Payment}\n"
                               "    steps:\n"
                               "      - {call: emails.Emails/Send, request: {to: a@b.cd, template_id: two}}\n"
                               "      - {wait: 1s}\n"
                               "      - {verify: post, method: Send, count: 1, requests: [{template_id: two}]}\n"
                               "  - flow: three\n"
                               "    doubles: {pay: payment.Payment}\n"
                               "    steps: [{verify: pay, method: List, count: 0}, {flow: '#inside'}]\n"
                               "  - flow: inside\n"
                               "    doubles: {pay: payment.Payment, mail: emails.Emails}\n"
                               "    steps: [{call: payment.Payment/List, request: {customer_id: x}},"
                               " {verify: pay, method: List, count: {$min: 1}}]\n";
    for (int jobs = 1; jobs <= 4; jobs += 3)
        if (run_flows(g, yaml, "places.yaml", jobs) != 0)
            fail_msg("with %d jobs: %s", jobs, text_of(last(g, "case"), "message"));
}

static void doubles_that_cannot_be(void **state)
{
    struct stage *g = *state;
    fails(g, "flow: f\ndoubles: {notes: notes.Notes}\nsteps: [{wait: 1ms}]\n",
          "component notes of product serves notes.Notes itself");
    fails(g, "flow: f\ndoubles: {mail: emails.Nothing}\nsteps: [{wait: 1ms}]\n",
          "there is no service emails.Nothing among the contracts of product");
    fails(g, "flow: f\ndoubles: {a: emails.Emails, b: emails.Emails}\nsteps: [{wait: 1ms}]\n",
          "another double of this flow plays that service");
    fails(g, "flow: f\ndoubles: {a: emails.Emails}\nsteps: [{verify: '${namespace}', method: Send, count: 0}]\n",
          "there is no double \"micro\"");
}

static void unmatched_calls_are_told(void **state)
{
    struct stage *g = *state;
    static const char yaml[] = "flow: f\n"
                               "doubles: {mail: emails.Emails}\n"
                               "steps:\n"
                               "  - double: mail\n"
                               "    stubs: [{call: emails.Emails/Send, when: {template_id: welcome}, answer: {}}]\n"
                               "  - {call: emails.Emails/Send, request: {to: a@b.cd, template_id: wellcome}}\n";
    char failing[sizeof yaml + 64];
    assert_int_equal(run_flows(g, yaml, "told.yaml", 1), 0);
    assert_non_null(strstr(text_of(last(g, "note"), "text"), "f: 1 call of the double mail matched no stub"));
    (void)snprintf(failing, sizeof failing, "%s  - {verify: mail, unmatched: 0, within: 1h}\n", yaml);
    fails(g, failing, "unmatched: expected 0, got 1");
    assert_null(strstr(text_of(last(g, "case"), "message"), "attempts")); /* it becomes no better by waiting */
    assert_non_null(strstr(text_of(last(g, "case"), "detail"), "unmatched calls of mail\n"));
}

static void events_that_do_not_come(void **state)
{
    struct stage *g = *state;
#define OPEN "flow: f\nsteps:\n  - {consume: orders, open: true}\n"
#define PAID "  - {publish: orders, payload: {type: EventTypePaid, order: {id: o}}}\n"
    struct world *w = system_target(g->system)->world;
    uint64_t start = world_now(w);
    fails(g, OPEN PAID "  - {consume: orders, count: 0, during: 1h}\n", "1 event came within");
    fails(g,
          OPEN PAID "  - {consume: orders, count: 2, within: 1h, expect: {payloads: [{type: EventTypePlaced}, {type: "
                    "EventTypePaid}]}}\n",
          "payloads[0].type: expected \"EventTypePlaced\", got \"EventTypePaid\"");
    fails(g, OPEN "  - {publish: orders, payload: '{\"no\": 1}'}\n  - {consume: orders, count: 2, within: 1h}\n",
          "the payload of event 1 is not of the topic's type");
    assert_true(world_now(w) - start < UINT64_C(600000000000)); /* none of them waited for its hour */
    fails(g, OPEN PAID "  - {consume: orders, where: {payload: {order: {id: p}}}, within: 5s}\n",
          "0 events came within 5 s, expected 1; 1 other did not match \"where\"");
    fails(g, OPEN "  - {publish: orders, payload: {type: EventTypePaid, ordr: {}}}\n",
          "unknown key \"ordr\"; did you mean \"order\"?");
    fails(g, OPEN "  - {consume: orders, open: true}\n", "\"orders\" is open already");
    fails(g, OPEN PAID "  - {consume: orders, ack: true}\n", "these are acknowledged as they come");
    fails(g,
          "flow: f\nsteps:\n  - {consume: orders, open: true, ack: manual, ack_wait: 1s, retry_limit: 1}\n" PAID
          "  - {consume: orders, count: 3, within: 30s}\n",
          "2 events came within 30 s, expected 3"); /* once, and once more */
    fails(g, "flow: f\nsteps: [{consume: orders}]\n", "nothing called \"orders\" was opened");
    fails(g, "flow: f\nsteps: [{consume: orders, from: tomorrow}]\n", "\"from\" is now, start, unix seconds");
    fails(g, "flow: f\nsteps: [{consume: orders, from: {after: nothing}}]\n",
          "\"orders\" cannot be consumed: it ended with");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(places_are_waited_for),
        cmocka_unit_test(doubles_that_cannot_be),
        cmocka_unit_test(unmatched_calls_are_told),
        cmocka_unit_test(events_that_do_not_come),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
