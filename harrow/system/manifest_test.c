#include "base/test.h"

#include "base/failing.h"
#include "base/units.h"
#include "harrow/system/manifest.h"
#include "world/sim.h"

#include <string.h>

#define NAME "m.yaml"

static struct manifest *parse_ok(const char *text)
{
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    if (manifest_parse(bytes_of(text), NAME, &m, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    return m;
}

static void refuse(const char *text, const char *message)
{
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    struct text line = TEXT_INIT;
    assert_true(manifest_parse(bytes_of(text), NAME, &m, &err) < 0);
    assert_null(m);
    error_format(&err, &line);
    assert_string_equal(text_string(&line), message);
    text_deinit(&line);
    error_clear(&err);
}

static void the_smallest_manifest(void **state)
{
    (void)state;
    struct manifest *m = parse_ok("system: s\ncomponents:\n  - name: a\n");
    assert_string_equal(m->path, NAME);
    assert_string_equal(m->name, "s");
    assert_null(m->about);
    assert_null(m->namespace);
    assert_null(m->gateway);
    assert_null(m->start);
    assert_null(m->descriptors);
    assert_null(m->login_call);
    assert_int_equal(m->port_count, 0);
    assert_int_equal(m->ready_within, 20 * SECOND);
    assert_null(m->flows[0]);
    assert_null(m->contracts[0]);
    assert_int_equal(m->component_count, 1);
    const struct manifest_component *c = manifest_find(m, "a");
    assert_ptr_equal(c, m->components);
    assert_int_equal(c->line, 3);
    assert_int_equal(c->column, 5);
    assert_null(c->services[0]);
    assert_null(c->arguments[0]);
    assert_null(c->start);
    assert_false(c->stateful);
    assert_null(manifest_find(m, "b"));
    manifest_free(m);
}

static const char full[] = "system: shop\n"
                           "about: a shop\n"
                           "namespace: eu\n"
                           "gateway: http://127.0.0.1:${port+80}\n"
                           "start: [run, \"${data}\"]\n"
                           "ports: [0, 80, 1000]\n"
                           "ready_within: 1500ms\n"
                           "descriptors: shop.pb\n"
                           "login:\n"
                           "  call: auth.Auth/Token\n"
                           "  request: {id: admin, secret: \"${secret}\", n: 1}\n"
                           "  token: $.token\n"
                           "flows: [flows, /abs/flows]\n"
                           "contracts: [contracts]\n"
                           "components:\n"
                           "  - name: store\n"
                           "    address: 127.0.0.1:${port}\n"
                           "    http: http://127.0.0.1:${port+80}\n"
                           "    services: [store.Store, store.Admin]\n"
                           "    pid_file: ${data}/store.pid\n"
                           "    start: [store, --port, \"${port}\"]\n"
                           "    program: store\n"
                           "    arguments: [--fast]\n"
                           "    stateful: true\n"
                           "  - name: cart\n"
                           "    tcp: {address: \"127.0.0.1:${port+1}\", send: \"PING\\r\\n\", expect: \"+PONG\"}\n"
                           "    socket: \"cart:1\"\n"
                           "    package: cart-server\n";

static void every_member_is_read(void **state)
{
    (void)state;
    struct manifest *m = parse_ok(full);
    assert_string_equal(m->about, "a shop");
    assert_string_equal(m->namespace, "eu");
    assert_string_equal(m->gateway, "http://127.0.0.1:${port+80}");
    assert_string_equal(m->start[1], "${data}");
    assert_null(m->start[2]);
    assert_int_equal(m->port_count, 3);
    assert_int_equal(m->ports[2], 1000);
    assert_int_equal(m->ready_within, 1500 * MILLISECOND);
    assert_string_equal(m->descriptors, "shop.pb");
    assert_string_equal(m->login_call, "auth.Auth/Token");
    assert_string_equal(m->login_request, "{\"id\":\"admin\",\"secret\":\"${secret}\",\"n\":1}");
    assert_string_equal(m->login_token, "$.token");
    assert_string_equal(m->flows[1], "/abs/flows");
    assert_null(m->flows[2]);
    assert_string_equal(m->contracts[0], "contracts");
    assert_int_equal(m->component_count, 2);
    const struct manifest_component *c = manifest_find(m, "store");
    assert_string_equal(c->address, "127.0.0.1:${port}");
    assert_string_equal(c->http, "http://127.0.0.1:${port+80}");
    assert_string_equal(c->services[1], "store.Admin");
    assert_null(c->services[2]);
    assert_string_equal(c->pid_file, "${data}/store.pid");
    assert_string_equal(c->start[2], "${port}");
    assert_string_equal(c->program, "store");
    assert_string_equal(c->arguments[0], "--fast");
    assert_true(c->stateful);
    assert_null(c->tcp.address);
    assert_true(c->socket == NULL && c->package == NULL);
    c = manifest_find(m, "cart");
    assert_string_equal(c->tcp.address, "127.0.0.1:${port+1}");
    assert_string_equal(c->tcp.send, "PING\r\n");
    assert_string_equal(c->tcp.expect, "+PONG");
    assert_string_equal(c->socket, "cart:1");
    assert_string_equal(c->package, "cart-server");
    assert_true(manifest_has_sockets(m));
    manifest_free(m);
}

static void errors_say_where(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"- system\n", "m.yaml:1:1: a manifest is a map that begins with \"system: NAME\""},
        {"system: x\nsystem: y\n", "m.yaml:2:1: key \"system\" again; it is on line 1 already"},
        {"system: [x\n", "m.yaml:2:1: flow sequence without a closing bracket"},
        {"components: [{name: a}]\n", "m.yaml:1:1: \"system\" is missing"},
        {"system: 5\ncomponents: [{name: a}]\n",
         "m.yaml:1:9: system: expected text, found an integer (write it in quotes if text is meant)"},
        {"system: x\nsytem: y\n", "m.yaml:2:1: unknown key \"sytem\"; did you mean \"system\"?"},
        {"system: x\n", "m.yaml:1:1: a manifest needs \"components\": a list with at least one entry"},
        {"system: x\ncomponents: []\n", "m.yaml:2:13: a manifest needs \"components\": a list with at least one entry"},
        {"system: x\ncomponents: {name: a}\n", "m.yaml:2:13: components: expected a list, found a map"},
        {"system: x\ncomponents:\n  - a\n",
         "m.yaml:3:5: a component is a map with at least \"name\", and this is text"},
        {"system: x\ncomponents:\n  - address: b\n", "m.yaml:3:5: \"name\" is missing"},
        {"system: x\ncomponents:\n  - {name: a, adress: b}\n",
         "m.yaml:3:15: unknown key \"adress\"; did you mean \"address\"?"},
        {"system: x\ncomponents:\n  - name: a\n  - name: b\n  - name: a\n",
         "m.yaml:5:11: two components are called \"a\""},
        {"system: x\ncomponents:\n  - name: \"\"\n",
         "m.yaml:3:11: a component's name is made of letters, digits, \"-\", \"_\" and \".\""},
        {"system: x\ncomponents:\n  - name: \"a=b\"\n",
         "m.yaml:3:11: a component's name is made of letters, digits, \"-\", \"_\" and \".\""},
        {"system: x\ncomponents:\n  - name: a\n    start: []\n", "m.yaml:4:12: \"start\" names no program"},
        {"system: x\ncomponents:\n  - name: a\n    start: [run, 5]\n",
         "m.yaml:4:18: \"start\" is a list of texts, and this is an integer"},
        {"system: x\ncomponents:\n  - name: a\n    start: run\n", "m.yaml:4:12: start: expected a list, found text"},
        {"system: x\ncomponents:\n  - name: a\n    services: [\"s\\0t\"]\n",
         "m.yaml:4:16: a text of \"services\" holds a zero character"},
        {"system: x\ncomponents:\n  - name: a\n    stateful: 1\n",
         "m.yaml:4:15: stateful: expected true or false, found an integer"},
        {"system: x\ncomponents:\n  - name: a\n    tcp: {address: b, send: c}\n", "m.yaml:4:10: \"expect\" is missing"},
        {"system: x\ncomponents:\n  - name: a\n    tcp: {address: b, send: c, expect: \"\"}\n",
         "m.yaml:4:40: \"expect\" is how the answer to \"send\" begins: 1 to 256 bytes"},
        {"system: x\ncomponents:\n  - name: a\n    socket: b/c\n",
         "m.yaml:4:13: \"socket\" is the name of a unix socket in the component's own folder: no \"/\" in it"},
        {"system: x\nstart: []\ncomponents: [{name: a}]\n", "m.yaml:2:8: \"start\" names no program"},
        {"system: x\nports: [0, 1001]\ncomponents: [{name: a}]\n",
         "m.yaml:2:12: a port offset is a number from 0 to 1000"},
        {"system: x\nports: [-1]\ncomponents: [{name: a}]\n", "m.yaml:2:9: a port offset is a number from 0 to 1000"},
        {"system: x\nports: [a]\ncomponents: [{name: a}]\n", "m.yaml:2:9: a port offset is a number from 0 to 1000"},
        {"system: x\nports: 1\ncomponents: [{name: a}]\n", "m.yaml:2:8: ports: expected a list, found an integer"},
        {"system: x\nready_within: soon\ncomponents: [{name: a}]\n",
         "m.yaml:2:15: ready_within: \"soon\": expected a number at character 1"},
        {"system: x\nready_within: 5x\ncomponents: [{name: a}]\n",
         "m.yaml:2:15: ready_within: \"5x\": expected a unit (ns, us, ms, s, m, h or d) at character 2"},
        {"system: x\nready_within: -5s\ncomponents: [{name: a}]\n",
         "m.yaml:2:15: ready_within: \"-5s\": expected a number at character 1"},
        {"system: x\nlogin: {call: a.B/C}\ncomponents: [{name: a}]\n", "m.yaml:2:8: \"request\" is missing"},
        {"system: x\nlogin: {call: a.B/C, request: {}}\ncomponents: [{name: a}]\n", "m.yaml:2:8: \"token\" is missing"},
        {"system: x\nlogin: {call: a.B/C, request: 1, token: $.t}\ncomponents: [{name: a}]\n",
         "m.yaml:2:31: request: expected a map, found an integer"},
        {"system: x\nlogin: {cal: a.B/C, request: {}, token: $.t}\ncomponents: [{name: a}]\n",
         "m.yaml:2:9: unknown key \"cal\"; did you mean \"call\"?"},
        {"system: x\nlogin: yes\ncomponents: [{name: a}]\n", "m.yaml:2:8: login: expected a map, found text"},
        {"system: x\nflows: flows\ncomponents: [{name: a}]\n", "m.yaml:2:8: flows: expected a list, found text"},
        {"", "m.yaml:1:1: a manifest is a map that begins with \"system: NAME\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse(cases[i].text, cases[i].message);
}

static void too_many_components(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    text_puts(&t, "system: x\ncomponents:\n");
    for (int i = 0; i < MANIFEST_COMPONENTS_MAX; i++)
        text_printf(&t, "  - name: c%d\n", i);
    manifest_free(parse_ok(text_string(&t)));
    text_puts(&t, "  - name: one_more\n");
    refuse(text_string(&t), "m.yaml:3:3: more than 256 components");
    text_deinit(&t);
}

#define WORDS "peers, enter, env.NAME or, in a component's \"start\", via.NAME"

static void names_are_expanded(void **state)
{
    static const struct manifest_values values = {
        .bin = "/usr/bin", .here = "systems", .data = "out/data", .secret = "s3", .port = 20000};
    static const struct {
        const char *text, *expanded, *message;
    } cases[] = {
        {"", "", NULL},
        {"plain $ {text} $x", "plain $ {text} $x", NULL},
        {"${bin}/micro", "/usr/bin/micro", NULL},
        {"${here}:${data}:${secret}", "systems:out/data:s3", NULL},
        {"127.0.0.1:${port}", "127.0.0.1:20000", NULL},
        {"${port+0},${port+80},${port+1000}", "20000,20080,21000", NULL},
        {"$${port}", "$20000", NULL},
        {"[${enter}]", "[]", NULL},
        {"${prt}", NULL, "${prt} is not known here: expected bin, here, data, secret, port, port+N, " WORDS},
        {"a${}b", NULL, "${} is not known here: expected bin, here, data, secret, port, port+N, " WORDS},
        {"${port+}", NULL, "${port+} is not known here: expected bin, here, data, secret, port, port+N, " WORDS},
        {"${env.HARROW_NONE}", NULL, "${env.HARROW_NONE}: the environment has no variable of that name"},
        {"${port+x}", NULL, "${port+x}: after \"port+\" comes a number from 0 to 1000"},
        {"${port+1001}", NULL, "${port+1001}: after \"port+\" comes a number from 0 to 1000"},
        {"${port+-1}", NULL, "${port+-1}: after \"port+\" comes a number from 0 to 1000"},
        {"${port+00000000000000000001}", NULL,
         "${port+00000000000000000001}: after \"port+\" comes a number from 0 to 1000"},
        {"x ${port", NULL, "\"x ${port\" has a \"${\" without its \"}\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct error err = ERROR_INIT;
        const char *out = NULL;
        int code = manifest_expand(cases[i].text, &values, &arena, &out, &err);
        if (cases[i].expanded != NULL) {
            assert_int_equal(code, 0);
            assert_string_equal(out, cases[i].expanded);
        } else {
            assert_int_equal(code, ERROR_INVALID);
            assert_string_equal(err.message, cases[i].message);
        }
        error_clear(&err);
        arena_deinit(&arena);
    }
}

static void lists_and_paths(void **state)
{
    (void)state;
    struct manifest_values values = {.bin = "b", .here = "h", .data = "d", .secret = "s", .port = 1};
    struct arena arena = {0};
    const char *const list[] = {"${bin}", "x", "${port+1}", NULL}, *const wrong[] = {"x", "${y}", NULL};
    const char *const *out = NULL;
    assert_int_equal(manifest_expand_list(list, &values, &arena, &out, NULL), 0);
    assert_string_equal(out[0], "b");
    assert_string_equal(out[2], "2");
    assert_null(out[3]);
    assert_int_equal(manifest_expand_list(wrong, &values, &arena, &out, NULL), ERROR_INVALID);
    struct manifest m = {.path = "systems/m.yaml"}, bare = {.path = "m.yaml"};
    assert_string_equal(manifest_path(&m, "../flows", &arena), "systems/../flows");
    assert_string_equal(manifest_path(&m, "/flows", &arena), "/flows");
    assert_string_equal(manifest_path(&bare, "flows", &arena), "flows");
    arena_deinit(&arena);
}

static void files_are_loaded(void **state)
{
    (void)state;
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(sim, "disk");
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(manifest_load(w, "/none.yaml", &m, &err), ERROR_NOT_FOUND);
    assert_int_equal(world_write_file(w, "/m.yaml", bytes_of(full), false, NULL), 0);
    assert_int_equal(manifest_load(w, "/m.yaml", &m, &err), 0);
    assert_string_equal(m->name, "shop");
    manifest_free(m);
    struct text big = TEXT_INIT;
    for (size_t i = 0; i <= MANIFEST_SIZE_MAX; i += 64)
        text_printf(&big, "#%062d\n", 0);
    assert_int_equal(world_write_file(w, "/big.yaml", text_bytes(&big), false, NULL), 0);
    assert_int_equal(manifest_load(w, "/big.yaml", &m, &err), ERROR_LIMIT);
    text_deinit(&big);
    error_clear(&err);
    sim_free(sim);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct manifest *m = NULL;
        struct error err = ERROR_INIT;
        failing_arm(n);
        int code = manifest_parse(bytes_of(full), NAME, &m, &err);
        hit = failing_hit();
        failing_disarm();
        assert_true(n < 10000);
        if (!hit)
            assert_int_equal(code, 0);
        else if (code != 0)
            assert_int_equal(code, ERROR_MEMORY);
        assert_true((code == 0) == (m != NULL));
        error_clear(&err);
        manifest_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_manifest), cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(errors_say_where),      cmocka_unit_test(too_many_components),
        cmocka_unit_test(names_are_expanded),    cmocka_unit_test(lists_and_paths),
        cmocka_unit_test(files_are_loaded),      cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
