/* Calls are recorded before a real server (a double with behaviour: what is created can be read), in the simulated
 * world; the flow that comes of it is run against that server, which still has what the recorded calls left there. */
#include "harrow/flows/record_session.h"

#include "base/failing.h"
#include "base/test.h"
#include "base/units.h"

#include "e2e/internal.h"
#include "fakes/serve/behaviours.h"
#include "fakes/serve/serve.h"
#include "proto/set.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct pb_pool *pool;
    struct fake_server *real;
    struct record_session *session;
    struct result_stream results;
    struct target_component component;
    struct text failures;
    struct text refused;
};

static struct pb_pool *pool; /* of all stages: nothing changes it */
static size_t fails_at;      /* the allocation of a play that fails; 0: none */
static bool failed;          /* it was reached */

static int keep_line(void *arg, const char *line, size_t len)
{
    struct stage *g = arg;
    static const char type[] = "\"type\":\"case\"", passed[] = "\"status\":\"passed\"";
    if (memmem(line, len, type, sizeof type - 1) != NULL && memmem(line, len, passed, sizeof passed - 1) == NULL)
        text_add(&g->failures, line, len);
    return 0;
}

static uint64_t now(void *arg)
{
    return world_now(arg);
}

static const struct pb_service *notes(const struct stage *g)
{
    return pb_find_service(g->pool, "notes.Notes");
}

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 11});
    if (pool == NULL)
        assert_int_equal(pb_pool_new(proto_set(), "proto", &pool, NULL), 0);
    g->pool = pool;
    struct world *w = sim_node(g->sim, "real");
    assert_int_equal(fake_server_new(w, &(struct fake_server_options){.pool = g->pool}, &g->real, NULL), 0);
    assert_int_equal(fake_server_add(g->real, notes(g), NULL), 0);
    struct behaviours *b = behaviours_new(&(struct behave_options){.seed = 11});
    struct fake_responder r = behaviours_responder(b);
    assert_int_equal(fake_server_respond(g->real, &r), 0);
    assert_int_equal(fake_server_listen(g->real, "0.0.0.0:9000", NULL), 0);
    assert_int_equal(fake_server_listen_http(g->real, "0.0.0.0:9001", NULL), 0);
    g->results =
        (struct result_stream){.write = keep_line, .arg = g, .now = now, .now_arg = sim_node(g->sim, "client")};
    return 0;
}

static int teardown(void **state)
{
    struct stage *g = *state;
    record_session_free(g->session);
    fake_server_free(g->real);
    sim_free(g->sim);
    text_deinit(&g->failures);
    text_deinit(&g->refused);
    free(g);
    return 0;
}

static void told(void *arg, const char *what, const char *why)
{
    struct stage *g = arg;
    if (why != NULL)
        text_printf(&g->refused, "%s: %s\n", what, why);
}

static void record_at(struct stage *g, bool http)
{
    const struct pb_service *services[] = {notes(g)};
    struct record_session_options o = {.upstream = http ? "http://real:9001" : "real:9000", .told = told, .arg = g};
    if (!http) {
        o.pool = g->pool;
        o.services = services;
        o.service_count = 1;
    }
    assert_int_equal(record_session_new(sim_node(g->sim, "double"), &o, &g->session, NULL), 0);
    assert_int_equal(record_session_listen(g->session, "0.0.0.0:9000", NULL), 0);
}

/* Runs flows at gRPC and HTTP addresses; whether all passed. */
static bool play(struct stage *g, const char *yaml, const char *address, const char *gateway)
{
    static const char *const served[] = {"notes.Notes", NULL};
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    g->component = (struct target_component){.name = "notes", .address = address, .services = served};
    struct target t = {.world = sim_node(g->sim, "client"),
                       .system = "shop",
                       .driver = "sim",
                       .manifest = "shop.yaml",
                       .pool = g->pool,
                       .components = &g->component,
                       .component_count = 1,
                       .gateway = gateway,
                       .seed = 5,
                       .results = &g->results};
    struct e2e_options o = {.pillar = "e2e", .replay = "harrow e2e shop.yaml", .simulated = true};
    if (flow_parse(bytes_of(yaml), "recorded.yaml", &flows, &err) != 0) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        fail_msg("%s\n%s", text_string(&why), yaml);
    }
    if (fails_at > 0)
        failing_arm(fails_at);
    int code = e2e_run(&t, &flows, &o, &summary, &err);
    failed = failing_hit();
    failing_disarm();
    assert_true(code == 0 || (failed && code == ERROR_MEMORY));
    error_clear(&err);
    flow_list_free(&flows);
    target_close_channels(&t);
    return summary.failed == 0 && summary.passed > 0;
}

static void write_flow(struct stage *g, struct text *yaml, struct text *needs)
{
    assert_int_equal(recording_write(record_session_record(g->session), "recorded", yaml, needs, NULL), 0);
}

static void has(const struct text *yaml, const char *part)
{
    if (strstr(text_string(yaml), part) == NULL)
        fail_msg("no \"%s\" in\n%s", part, text_string(yaml));
}

static void has_not(const struct text *yaml, const char *part)
{
    if (strstr(text_string(yaml), part) != NULL)
        fail_msg("\"%s\" is in\n%s", part, text_string(yaml));
}

static void by_grpc(void **state)
{
    struct stage *g = *state;
    struct text yaml = TEXT_INIT, needs = TEXT_INIT;
    record_at(g, false);
    bool ok = play(g,
                   "flow: a note's life\n"
                   "steps:\n"
                   "  - call: notes.Notes/Create\n"
                   "    metadata: {authorization: Bearer s3cret-of-mine, x-team: blue}\n"
                   "    request: {title: milk, text: two pints}\n"
                   "    capture: {id: $.body.note.id}\n"
                   "  - call: notes.Notes/Read\n"
                   "    metadata: {authorization: Bearer s3cret-of-mine}\n"
                   "    request: {id: '${id}'}\n"
                   "  - call: notes.Notes/List\n"
                   "  - call: notes.Notes/Read\n"
                   "    request: {id: nobody}\n"
                   "    expect: {status: NOT_FOUND}\n",
                   "double:9000", NULL);
    if (!ok)
        fail_msg("%s", text_string(&g->failures));
    assert_int_equal(recording_count(record_session_record(g->session)), 4);
    write_flow(g, &yaml, &needs);
    has(&yaml, "capture: {note_id: $.body.note.id}");
    has(&yaml, "request: {id: '${note_id}'}");
    has(&yaml, "x-team: blue");
    has(&yaml, "Bearer ${env.RECORDED_AUTHORIZATION}");
    has(&yaml, "$contains");
    has(&yaml, "NOT_FOUND");
    has_not(&yaml, "s3cret");
    assert_string_equal(text_string(&needs), "RECORDED_AUTHORIZATION: what the client sent as authorization\n");
    setenv("RECORDED_AUTHORIZATION", "s3cret-of-mine", 1);
    for (int i = 0; i < 3; i++)
        if (!play(g, text_string(&yaml), "real:9000", NULL))
            fail_msg("%s\n%s", text_string(&yaml), text_string(&g->failures));
    unsetenv("RECORDED_AUTHORIZATION");
    text_deinit(&yaml);
    text_deinit(&needs);
}

static void by_http(void **state)
{
    struct stage *g = *state;
    struct text yaml = TEXT_INIT, needs = TEXT_INIT;
    record_at(g, true);
    bool ok = play(g,
                   "flow: a note's life\n"
                   "steps:\n"
                   "  - http: POST /notes/create\n"
                   "    json: {title: milk, text: two pints}\n"
                   "    capture: {id: $.body.note.id}\n"
                   "  - http: GET /notes/read?id=${id}\n"
                   "  - http: POST /notes/read\n"
                   "    json: {id: '${id}'}\n"
                   "  - http: GET /notes/nothing\n"
                   "    expect: {status: 404}\n",
                   "real:9000", "http://double:9000");
    if (!ok)
        fail_msg("%s", text_string(&g->failures));
    assert_int_equal(recording_count(record_session_record(g->session)), 4);
    write_flow(g, &yaml, &needs);
    has(&yaml, "capture: {note_id: $.body.note.id}");
    has(&yaml, "http: 'GET /notes/read?id=${note_id}'");
    has(&yaml, "json: {id: '${note_id}'}");
    assert_int_equal(needs.len, 0);
    for (int i = 0; i < 3; i++)
        if (!play(g, text_string(&yaml), "real:9000", "http://real:9001"))
            fail_msg("%s\n%s", text_string(&yaml), text_string(&g->failures));
    text_deinit(&yaml);
    text_deinit(&needs);
}

/* A server that is away: its client hears of it, and the flow does not. */
static void away(void **state)
{
    struct stage *g = *state;
    record_at(g, true);
    fake_server_free(g->real);
    g->real = NULL;
    assert_true(
        play(g, "flow: f\nsteps: [{http: GET /a, expect: {status: 502}}]\n", "real:9000", "http://double:9000"));
    assert_int_equal(recording_count(record_session_record(g->session)), 0);
}

/* What a client was answered is in the recording, or is told to be left out: nothing gets lost in silence. */
static size_t walk(const char *yaml, bool http, size_t calls)
{
    void *state = NULL;
    struct stage *g = NULL;
    failed = true;
    for (fails_at = 1; failed; fails_at++) {
        if (state == NULL)
            assert_int_equal(setup(&state), 0);
        g = state;
        if (g->session == NULL)
            record_at(g, http);
        size_t before = recording_count(record_session_record(g->session)) + record_session_left_out(g->session);
        json_set_alloc_funcs(failing_malloc, failing_free);
        bool passed = play(g, yaml, "double:9000", "http://double:9000");
        json_set_alloc_funcs(malloc, free);
        bool goes_on = world_sleep(sim_node(g->sim, "client"), (uint64_t)(10 * SECOND)) == 0;
        size_t kept = recording_count(record_session_record(g->session)) + record_session_left_out(g->session) - before;
        if (passed && goes_on && kept < calls)
            fail_msg("allocation %zu: %zu of %zu calls are recorded, and none is told to be left out", fails_at, kept,
                     calls);
        if (!failed && (!passed || kept != calls))
            fail_msg("untouched: %zu calls are recorded: %s", kept, text_string(&g->failures));
        text_clear(&g->failures);
        if (!goes_on || !failed) { /* a simulation that once had no memory goes no further */
            assert_int_equal(teardown(&state), 0);
            state = NULL;
        }
    }
    size_t walked = fails_at;
    fails_at = 0;
    return walked;
}

static void memory_runs_out(void **state)
{
    (void)state;
    assert_true(walk("flow: a\nsteps:\n"
                     "  - {call: notes.Notes/Create, metadata: {x-team: blue}, request: {title: milk}}\n"
                     "  - {call: notes.Notes/Read, request: {id: nobody}, expect: {status: NOT_FOUND}}\n",
                     false, 2) > 300);
    assert_true(walk("flow: a\nsteps:\n"
                     "  - {http: POST /notes/create, json: {title: milk}, expect: {status: 200}}\n"
                     "  - {http: GET /notes/nothing, expect: {status: 404}}\n",
                     true, 2) > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_grpc, setup, teardown),
        cmocka_unit_test_setup_teardown(by_http, setup, teardown),
        cmocka_unit_test_setup_teardown(away, setup, teardown),
        cmocka_unit_test(memory_runs_out),
    };
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    pb_pool_free(pool);
    return code;
}
