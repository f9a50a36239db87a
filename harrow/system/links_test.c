/* The links of a system: the real runtime in simulation behind them, and how manifests name them. */
#include "harrow/system/links.h"
#include "harrow/system/test_run.h"

#include "chaos/fault/faults.h"
#include "chaos/proxy/proxy.h"
#include "world/sim.h"

#include <string.h>

#define COMPONENTS 12

static const struct proxy_link *link_of(const struct target *t, const char *from, const char *to)
{
    for (size_t i = 0; i < proxy_count(t->proxy); i++) {
        const struct proxy_link *l = proxy_link(t->proxy, i);
        if (strcmp(proxy_link_from(l), from) == 0 && strcmp(proxy_link_to(l), to) == 0)
            return l;
    }
    fail_msg("no link from %s to %s", from, to);
    return NULL;
}

/* Every part reaches every other through a link of its own, and the harness reaches them all through its own. */
static void the_whole_runtime_stands_behind_links(void **state)
{
    (void)state;
    struct run *r = test_run_begin(1);
    common.links = true;
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    assert_non_null(t->proxy);
    assert_int_equal(t->component_count, COMPONENTS);
    assert_int_equal(proxy_count(t->proxy), COMPONENTS * (COMPONENTS - 1) + COMPONENTS + 1); /* api has two doors */
    assert_non_null(strstr(target_find(t, "store")->address, "harrow:"));
    assert_non_null(strstr(t->gateway, "http://harrow:"));
    const char *peers = links_peers(s, "api");
    assert_non_null(strstr(peers, "store=harrow:"));
    assert_null(strstr(peers, "api="));
    assert_int_equal(test_call(s, "store.Store", "Databases", "{}"), GRPC_OK);
    assert_true(proxy_link_bytes(link_of(t, PROXY_CLIENT, "store"), PROXY_UP) > 0);
    /* Components talk to each other over theirs: whoever checks rules of access asks auth. */
    assert_true(proxy_link_bytes(link_of(t, "store", "auth"), PROXY_UP) > 0);
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
    common.links = false;
}

/* A fault on what one part says to another leaves all others alone. */
static void one_pair_is_cut(void **state)
{
    (void)state;
    struct run *r = test_run_begin(2);
    common.links = true;
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    struct fault_injection i = {.fault = fault_find("isolate-pair"), .target = t, .component = "api", .peer = "store"};
    assert_int_equal(fault_possible(i.fault, t, NULL), 0);
    random_seed(&i.random, 1);
    assert_int_equal(i.fault->inject(&i, NULL), 0);
    uint64_t before = proxy_link_bytes(link_of(t, "api", "store"), PROXY_UP);
    assert_int_equal(test_call(s, "store.Store", "Databases", "{}"), GRPC_OK); /* the harness still gets there */
    assert_int_equal(proxy_link_bytes(link_of(t, "api", "store"), PROXY_UP), before);
    assert_int_equal(i.fault->heal(&i, NULL), 0);
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
    common.links = false;
}

static struct manifest *parse(const char *text)
{
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    if (manifest_parse(bytes_of(text), "test.yaml", &m, &err) != 0)
        fail_msg("%s", err.message);
    return m;
}

static void manifests_name_links(void **state)
{
    static const struct {
        const char *text;
        enum manifest_links kind;
    } cases[] = {
        {"system: a\nstart: [x, --folder, \"${peers}\"]\ncomponents: [{name: b}]\n", MANIFEST_LINKS_ALL},
        {"system: a\ncomponents: [{name: b, start: [x, \"${via.c}\"]}, {name: c}]\n", MANIFEST_LINKS_VIA},
        {"system: a\ncomponents: [{name: b, start: [x, \"${peers}/b\"]}]\n", MANIFEST_LINKS_ALL},
        {"system: a\ncomponents: [{name: b, start: [x]}]\n", MANIFEST_LINKS_NONE},
        {"system: a\nstart: [x]\ncomponents: [{name: b, start: [x, \"${via.b}\"]}]\n", MANIFEST_LINKS_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct manifest *m = parse(cases[i].text);
        assert_int_equal(manifest_links(m), cases[i].kind);
        manifest_free(m);
    }
    struct manifest *m = parse(cases[1].text);
    assert_true(manifest_names_via(&m->components[0], "c"));
    assert_false(manifest_names_via(&m->components[0], "b"));
    manifest_free(m);
}

/* Without links ${via.NAME} is the part's own address; of a component run alone, that of what stands in for it. */
static void via_without_links(void **state)
{
    (void)state;
    struct manifest *m =
        parse("system: a\ncomponents:\n  - {name: b}\n  - {name: c, address: \"127.0.0.1:${port+2}\"}\n");
    struct system s = {.manifest = m, .values = {.bin = "", .here = ".", .port = 9000}};
    struct links_self self = {&s, "b", NULL};
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct manifest_values values = s.values;
    const char *out = NULL;
    values.via = links_via;
    values.via_arg = &self;
    assert_int_equal(manifest_expand("--to=${via.c}", &values, &arena, &out, &err), 0);
    assert_string_equal(out, "--to=127.0.0.1:9002");
    self.peers = "bc=1:1,c=harrow:77,d=2:2";
    assert_int_equal(manifest_expand("${via.c}", &values, &arena, &out, &err), 0);
    assert_string_equal(out, "harrow:77");
    assert_int_equal(manifest_expand("${via.b}", &values, &arena, &out, &err), ERROR_INVALID);
    assert_string_equal(err.message, "${via.b}: there is no component \"b\" with an \"address\"");
    error_clear(&err);
    assert_int_equal(manifest_expand("${peers}", &values, &arena, &out, NULL), ERROR_INVALID);
    arena_deinit(&arena);
    manifest_free(m);
}

/* Each part finds the others' sockets by the same names, in a folder of its own: what listens there is its link. */
static void sockets_are_links(void **state)
{
    (void)state;
    struct manifest *m = parse("system: a\ncomponents:\n  - {name: b, socket: \"b:1\", address: \"b:7\"}\n"
                               "  - {name: c, socket: \"c:1\", address: \"c:7\"}\n  - {name: d}\n");
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct run r = {.folder = "run"};
    const struct target_component components[] = {{.name = "b", .address = "b:7"}, {.name = "c", .address = "c:7"}};
    struct system s = {
        .manifest = m, .run = &r, .folder = "run", .components = (struct target_component *)(uintptr_t)components};
    s.target = (struct target){.world = sim_node(sim, "harrow"), .components = components, .component_count = 2};
    assert_true(manifest_has_sockets(m));
    assert_int_equal(links_start_sockets(&s, NULL), 0);
    assert_int_equal(proxy_count(s.target.proxy), 4);
    assert_string_equal(proxy_link_address(link_of(&s.target, "c", "b")), "unix:run/peers/c/b:1");
    assert_string_equal(proxy_link_address(link_of(&s.target, "d", "c")), "unix:run/peers/d/c:1");
    assert_string_equal(links_folder(&s, "c"), "run/peers/c");
    assert_string_equal(links_peers(&s, "c"), ""); /* nobody has to be told */
    proxy_free(s.target.proxy);
    arena_deinit(&s.arena);
    manifest_free(m);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_runtime_stands_behind_links),
        cmocka_unit_test(one_pair_is_cut),
        cmocka_unit_test(manifests_name_links),
        cmocka_unit_test(via_without_links),
        cmocka_unit_test(sockets_are_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
