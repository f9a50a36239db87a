/* What is read of a server's contracts: of one with many services no more than is called, and everything where that is
 * not enough. In simulation; the server's contracts are as many files as it has services. */
#include "base/test.h"

#include "e2e/internal.h"
#include "fakes/serve/serve.h"
#include "fakes/stub/stub.h"
#include "harrow/fakes/protos.h"
#include "harrow/system/attach.h"
#include "harrow/system/system.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES 60                /* "s0.S" and so on, a file each */
#define SERVED   59                /* the server has the contracts of the last, and does not serve it */
#define CARRY    "carry.Carry/Get" /* its messages may hold any */

struct many {
    struct sim *sim;
    struct world *server_world;
    struct pb_pool *pool; /* the server's */
    struct fake_server *server;
    struct stub_set *stubs;
    struct map calls;
    struct run run;
    struct system *system;
    int64_t notes;
    struct text last_case;
};

static int keep_line(void *arg, const char *line, size_t len)
{
    struct many *m = arg;
    m->notes += strstr(line, "\"type\":\"note\"") != NULL;
    if (strstr(line, "\"type\":\"case\"") != NULL) {
        text_clear(&m->last_case);
        text_add(&m->last_case, line, len);
    }
    return 0;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void write_proto(struct many *m, const char *path, const char *text)
{
    assert_int_equal(world_write_file(m->server_world, path, bytes_of(text), false, NULL), 0);
}

static void make_pool(struct many *m)
{
    static char names[SERVICES][16];
    static const char *const paths[] = {".", NULL};
    const char *protos[SERVICES + 2] = {NULL};
    struct text set = TEXT_INIT, one = TEXT_INIT;
    struct error err = ERROR_INIT;
    for (int i = 0; i < SERVICES; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%d.proto", i);
        text_clear(&one);
        text_printf(
            &one,
            "syntax = \"proto3\"; package s%d; message Ask { string name = 1; } message Told { string says = 1; }\n"
            "service S { rpc Get(Ask) returns (Told); }\n",
            i);
        write_proto(m, names[i], text_string(&one));
        protos[i] = names[i];
    }
    write_proto(m, "carry.proto",
                "syntax = \"proto3\"; package carry; import \"google/protobuf/any.proto\";\n"
                "message Load { google.protobuf.Any any = 1; } service Carry { rpc Get(Load) returns (Load); }\n");
    protos[SERVICES] = "carry.proto";
    if (protos_compile(m->server_world, protos, paths, NULL, &set, &err) != 0 ||
        pb_pool_new(text_bytes(&set), "many", &m->pool, &err) != 0)
        fail_msg("%s", err.message);
    text_deinit(&set);
    text_deinit(&one);
}

static void serve(struct many *m)
{
    const struct fake_server_options options = {.pool = m->pool};
    assert_int_equal(fake_server_new(m->server_world, &options, &m->server, NULL), 0);
    for (size_t i = 0; i < pb_service_count(m->pool); i++) {
        const struct pb_service *s = pb_service_at(m->pool, i);
        if (strcmp(s->full_name, "s59.S") != 0)
            assert_int_equal(fake_server_add(m->server, s, NULL), 0);
    }
    assert_int_equal(stub_set_new(m->pool, 1, &m->stubs, NULL), 0);
    assert_int_equal(fake_server_set_stubs(m->server, m->stubs), 0);
    assert_int_equal(fake_server_listen(m->server, "0.0.0.0:7000", NULL), 0);
}

static int setup(void **state)
{
    struct many *m = calloc(1, sizeof *m);
    const struct sim_options options = {.seed = 3};
    if (m == NULL || (m->sim = sim_new(&options)) == NULL)
        return -1;
    m->server_world = sim_node(m->sim, "many");
    make_pool(m);
    serve(m);
    common = (struct common_options){.driver = "attach"};
    m->run = (struct run){.world = sim_node(m->sim, "client"),
                          .folder = "run",
                          .seed = 1,
                          .calls = &m->calls,
                          .results = {.write = keep_line, .arg = m, .now = no_time}};
    assert_int_equal(attach_manifest("many:7000", &m->run.manifest, NULL), 0);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct many *m = *state;
    system_stop(m->system);
    fake_server_free(m->server);
    stub_set_free(m->stubs);
    manifest_free(m->run.manifest);
    map_deinit(&m->calls);
    text_deinit(&m->last_case);
    pb_pool_free(m->pool);
    sim_free(m->sim);
    free(m);
    return 0;
}

static void calls(struct many *m, const char *method)
{
    assert_true(map_put(&m->calls, method, m));
}

static struct target *begin(struct many *m)
{
    struct error err = ERROR_INIT;
    if (system_start(&m->run, &m->system, &err) != 0)
        fail_msg("%s", err.message);
    return system_target(m->system);
}

static void expect_everything(struct many *m, struct target *t)
{
    /* Health is served as well. */
    assert_int_equal(pb_service_count(t->pool), SERVED + 2);
    assert_null(pb_find_service(t->pool, "s59.S"));
    assert_false(t->operations->more_contracts(t));
    assert_int_equal(m->notes, 0);
}

/* ---- tests ---- */

static void only_what_is_called_is_read(void **state)
{
    struct many *m = *state;
    calls(m, "s7.S/Get");
    calls(m, "s9.S/Get");
    struct target *t = begin(m);
    const struct pb_method *method = pb_find_method(t->pool, "/s7.S/Get", false);
    assert_int_equal(pb_service_count(t->pool), 2);
    assert_non_null(method);
    /* Who serves the others is known all the same. */
    assert_non_null(target_serving(t, "s58.S"));
    assert_non_null(target_serving(t, "grpc.health.v1.Health"));
    assert_null(target_serving(t, "s59.S"));
    assert_true(t->operations->more_contracts(t));
    expect_everything(m, t);
    assert_string_equal(method->service->full_name, "s7.S");
}

static void everything_is_read_when_it_may_be_needed(void **state)
{
    /* A method and a service nobody has, one that is described but not served, messages that hold any. */
    static const char *const needing[] = {"s7.S/Gat", "s777.S/Get", "s59.S/Get", CARRY,
                                          "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"};
    struct many *m = *state;
    for (size_t i = 0; i < sizeof needing / sizeof needing[0]; i++) {
        map_deinit(&m->calls);
        calls(m, "s7.S/Get");
        calls(m, needing[i]);
        expect_everything(m, begin(m));
        system_stop(m->system);
        m->system = NULL;
    }
    m->run.calls = NULL;
    expect_everything(m, begin(m));
}

static void a_run_without_calls_needs_nobody(void **state)
{
    struct many *m = *state;
    fake_server_free(m->server);
    m->server = NULL;
    struct target *t = begin(m);
    assert_int_equal(pb_service_count(t->pool), 0);
}

static void a_dead_door_is_told(void **state)
{
    struct many *m = *state;
    struct error err = ERROR_INIT;
    fake_server_free(m->server);
    m->server = NULL;
    calls(m, "s7.S/Get");
    assert_int_equal(system_start(&m->run, &m->system, &err), ERROR_REFUSED);
    assert_non_null(strstr(err.message, "cannot connect to many:7000"));
    error_clear(&err);
}

static void open_door(void *arg)
{
    serve(arg);
}

static void one_that_comes_up_is_waited_for(void **state)
{
    struct many *m = *state;
    struct world_timer later;
    fake_server_free(m->server);
    stub_set_free(m->stubs);
    calls(m, "s7.S/Get");
    world_timer_init(&later, m->server_world, open_door, m);
    assert_int_equal(world_timer_start(&later, (uint64_t)(2 * SECOND)), 0);
    assert_int_equal(pb_service_count(begin(m)->pool), 1);
}

/* For commands by hand: where the contracts came from. */
static void their_source_is_kept(void **state)
{
    struct many *m = *state;
    struct world *w = m->run.world;
    static const char plain[] =
        "syntax = \"proto3\"; package s7; message Ask {} service S { rpc Get(Ask) returns (Ask); }\n";
    static const char with_rule[] =
        "syntax = \"proto3\"; package s7; import \"google/api/annotations.proto\"; message Ask {}\n"
        "service S { rpc Get(Ask) returns (Ask) { option (google.api.http).get = \"/a\"; } }\n";
    const char *here[] = {"s7.proto"}, *below[] = {"p/s7.proto"}, *folders[] = {"p", "p/deep"}, *path[] = {"p"};
    const struct {
        struct option_list protos, paths;
        const char *expected[3];
    } ways[] = {
        {{here, 1}, {NULL, 0}, {"."}},
        {{below, 1}, {NULL, 0}, {"p"}},
        {{folders, 2}, {NULL, 0}, {"p", "p/deep"}},
        {{below, 1}, {path, 1}, {"p"}},
    };
    assert_int_equal(world_make_directory(w, "p/deep"), 0);
    assert_int_equal(world_write_file(w, "p/deep/other.proto", bytes_of("syntax = \"proto3\";\n"), false, NULL), 0);
    calls(m, "s7.S/Get");
    assert_null(begin(m)->proto_paths); /* they came by reflection */
    assert_null(system_target(m->system)->descriptors);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        system_stop(m->system);
        m->system = NULL;
        assert_int_equal(world_write_file(w, i == 0 ? "s7.proto" : "p/s7.proto", bytes_of(plain), false, NULL), 0);
        attach.protos = ways[i].protos;
        attach.proto_paths = ways[i].paths;
        const struct target *t = begin(m);
        assert_null(t->descriptors);
        size_t count = 0;
        for (; ways[i].expected[count] != NULL; count++)
            assert_string_equal(t->proto_paths[count], ways[i].expected[count]);
        assert_null(t->proto_paths[count]);
        assert_string_equal(pb_service_at(t->pool, 0)->file, "s7.proto");
    }
    /* Who else compiles it has no google/api: the set that was compiled here. */
    system_stop(m->system);
    m->system = NULL;
    assert_int_equal(world_write_file(w, "p/s7.proto", bytes_of(with_rule), false, NULL), 0);
    const struct target *t = begin(m);
    assert_null(t->proto_paths);
    assert_string_equal(t->descriptors, "run/descriptors.pb");
    system_stop(m->system);
    m->system = NULL;
    attach.descriptors = "run/descriptors.pb";
    assert_string_equal(begin(m)->descriptors, "run/descriptors.pb");
    memset(&attach, 0, sizeof attach);
}

/* Its type is in a file that was not read at the start. */
static void details_of_other_files_are_told(void **state)
{
    static const char stubs[] = "stubs:\n- call: s7.S/Get\n  status: NOT_FOUND\n"
                                "  details: [{'@type': type.googleapis.com/s8.Told, says: nothing}]\n";
    static const char yaml[] = "flow: details\nsteps:\n- call: s7.S/Get\n  expect:\n    status: NOT_FOUND\n"
                               "    details: [{'@type': s8.Told, says: nothing}]\n";
    struct many *m = *state;
    struct error err = ERROR_INIT;
    struct flow_list flows = {0};
    struct e2e_summary summary = {0};
    const struct e2e_options options = {.pillar = "e2e", .replay = "harrow e2e many:7000", .simulated = true};
    if (stub_set_add_yaml(m->stubs, bytes_of(stubs), "stubs.yaml", NULL, &err) < 0 ||
        flow_parse(bytes_of(yaml), "details.yaml", &flows, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(flow_list_calls(&flows, &m->calls), 1);
    struct target *t = begin(m);
    assert_int_equal(pb_service_count(t->pool), 1);
    assert_int_equal(e2e_run(t, &flows, &options, &summary, &err), 0);
    if (summary.passed != 1)
        fail_msg("%s", text_string(&m->last_case));
    expect_everything(m, t);
    flow_list_free(&flows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_what_is_called_is_read),
        TEST(everything_is_read_when_it_may_be_needed),
        TEST(a_run_without_calls_needs_nobody),
        TEST(a_dead_door_is_told),
        TEST(one_that_comes_up_is_waited_for),
        TEST(details_of_other_files_are_told),
        TEST(their_source_is_kept),
    };
    return cmocka_run_group_tests_name("harrow/attach_contracts", tests, NULL, NULL);
}
