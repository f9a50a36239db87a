/* runn's books, Postman's collections and services' examples: what the page shows is what comes of them, what cannot be
 * said is told with its place, and what runs means what it says. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/import/import.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "docs/flows-import.md"

static int import(const char *name, struct bytes input, struct text *yaml, struct text *told, struct error *err)
{
    const struct import_format *format = import_format_of(name);
    struct document *d = NULL;
    assert_non_null(format);
    int code = format->parse_told(input, name, told, &d, err);
    if (code == 0 && !import_yaml(document_root(d), yaml))
        code = ERROR_MEMORY;
    document_free(d);
    return code;
}

/* ---- the page ---- */

/* The next block behind `at` that begins with ```WORD NAME; NULL: none. */
static const char *next_block(const char *at, const char *word, char *name, size_t room, struct bytes *block)
{
    const char *found = strstr(at, word);
    if (found == NULL)
        return NULL;
    found += strlen(word);
    size_t len = strcspn(found, "\n");
    assert_true(len < room);
    memcpy(name, found, len);
    name[len] = '\0';
    const char *end = strstr(found + len + 1, "\n```\n");
    assert_non_null(end);
    *block = BYTES(found + len + 1, (size_t)(end + 1 - (found + len + 1)));
    return end + 5;
}

static void page(void **state)
{
    struct world *w = NULL;
    struct text content = TEXT_INIT, yaml = TEXT_INIT, told = TEXT_INIT;
    size_t count = 0;
    char name[100], none[100];
    struct bytes block, wanted;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, PAGE, 1 << 20, &content, NULL), 0);
    for (const char *at = text_string(&content);
         (at = next_block(at, "\n```import ", name, sizeof name, &block)) != NULL;) {
        struct error err = ERROR_INIT;
        struct flow_list flows = {0};
        text_clear(&yaml);
        if (import(name, block, &yaml, NULL, &err) != 0)
            fail_msg("%s:%d:%d: %s", name, err.line, err.column, err.message);
        at = next_block(at, "\n```yaml", none, sizeof none, &wanted);
        assert_non_null(at);
        if (!bytes_equal(text_bytes(&yaml), wanted)) {
            fprintf(stderr, "ERROR: %s is\n%s\n[  ERROR\n", name, text_string(&yaml)); /* cmocka cuts long texts */
            fail_msg("%s has another block for %s", PAGE, name);
        }
        assert_int_equal(flow_parse(block, name, &flows, &err), 0); /* as it is, and as YAML */
        if (flow_parse(text_bytes(&yaml), "x.yaml", &flows, &err) != 0)
            fail_msg("x.yaml:%d:%d: %s", err.line, err.column, err.message);
        flow_list_free(&flows);
        count++;
    }
    assert_int_equal(count, 3);
    text_deinit(&content);
    text_deinit(&yaml);
    text_deinit(&told);
    world_real_free(w);
}

/* ---- errors ---- */

#define BOOK(steps) "runners:\n  req: http://a.test\n  g: grpc://a.test:1\n  db: my://a\nsteps:\n" steps
#define REFUSED     " cannot be said in a flow: take it out of the book, or write this step as a flow"
#define GET         "  - req: {/a: {get: {}}}\n"
#define COLLECTION(rest)                                                                                               \
    "{\"info\": {\"name\": \"c\", \"schema\": \".../v2.1.0/collection.json\"},\n\"item\": [" rest "]}"

static void errors(void **state)
{
    static const char *const table[][3] = {
        {"a.runn.yml", "- a", "1:1: a runbook is a map with \"steps\", and this is a list"},
        {"a.runn.yml", "desc: x", "1:1: a runbook has \"steps\", a list or a map"},
        {"a.runn.yml", "steps: []", "1:8: there is no step in this book"},
        {"a.runn.yml", "hostRules: {'*.test': b}\nrunners: {req: '${HOST}'}\nsteps:\n" GET,
         "1:23: hostRules: *.test: which host it is has to be known: write the runner's address out, or the host"},
        {"a.runn.yml", "vars: {parent: 1, a: '{{ parent.vars.b }}'}\n" BOOK(GET),
         "1:16: a variable \"parent\" beside parent.vars: give the variable another name"},
        {"a.runn.yml", "hostRules: {a: [b]}\n" BOOK(GET),
         "1:16: hostRules: a: expected an address as text, HOST or HOST:PORT"},
        {"a.runn.yml", "needs: {a: b.json}\nsteps: [{test: true}]",
         "1:12: a book that another one names is a file NAME.yml beside it"},
        {"a.runn.yml", BOOK("  - db: {query: SELECT}\n"),
         "4:7: db: this kind of runner cannot be said in a flow; http:// and grpc:// can. Write the steps as a flow: "
         "\"sql\" for a database, \"browser\", \"run\" for a command"},
        {"a.runn.yml", BOOK("  - exec: {command: ls, background: true}\n"), "6:37: \"background\" of runn" REFUSED},
        {"a.runn.yml", BOOK("  - req: {/a: {post: {body: {multipart/form-data: {f: {x: y}}}}}}\n"),
         "6:55: a part is a text, a number or the name of a file, and this is a map"},
        {"a.runn.yml", BOOK("  - req: {/a: {post: {body: {multipart/form-data: text}}}}\n"),
         "6:51: the parts of multipart/form-data are a map of names and values, or a list of such maps: write them "
         "out"},
        {"a.runn.yml", BOOK("  - g: {a.B/C: {messages: [{}, receive]}}\n"), "6:32: \"receive\" of runn" REFUSED},
        {"a.runn.yml", BOOK(GET "    force: true\n" GET),
         "8:5: \"a step without \"force\" behind one with it\" of runn" REFUSED},
        {"a.runn.yml", BOOK(GET "    test: upcase(current.res.body) == 1\n"),
         "7:11: the expression \"upcase(current.res.body) == 1\" calls upcase() with 1 argument: there is no such "
         "function here"},
        {"a.runn.yml", BOOK(GET "    test: current.res.status[1:2]\n"),
         "7:11: the expression \"current.res.status[1:2]\" lacks a closing bracket, or has a slice"},
        {"a.runn.yml", BOOK(GET "    test: previous.res.status == 1\n"),
         "7:11: previous.res.status: there is no such step with an answer"},
        {"a.runn.yml", BOOK("  - req: {'/{{ steps[3].res.body.id }}': {get: {}}}\n"),
         "6:10: steps[3].res.body.id: no step before this one is called so and has an answer"},
        {"a.runn.yml", BOOK("  - req: {'/{{ x': {get: {}}}\n"), "6:10: {{ has no }}"},
        {"a.runn.yml", "vars: {a: 'yaml://x.yml'}\n" BOOK(GET),
         "1:11: of variables from files json://FILE can be said in a flow, without {{ }}, * and templates"},
        {"a.runn.yml", "vars: {b: 1, a: '[{{ vars.b }}]'}\n" BOOK(GET),
         "1:17: runn reads this text as YAML once {{ }} have values: write the list or the map out"},
        {"a.runn.yml", BOOK(GET "    bind: {'a[]': current.res.body}\n"),
         "7:19: bind: a[]: what is collected in a list or map cannot be said in a flow"},
        {"a.runn.yml", BOOK(GET "    loop: {count: 3, until: 'x'}\n"), "7:29: x: nothing is called so here"},
        {"a.runn.yml", BOOK("  - test: 'true'\n    loop: {count: 3, until: 'true'}\n"),
         "7:11: \"until of a step that calls nothing, or binds what is computed\" of runn" REFUSED},
        {"s/examples.json", "[]", "1:1: examples are a map of endpoints, and this is a list"},
        {"s/examples.json", "{}", "1:1: no example here has \"run_check\": true: there is nothing to run"},
        {"s/examples.json", "{\"a\": 1}", "1:7: a: expected a list of examples, found an integer"},
        {"s/examples.json", "{\"a\": [{\"request\": 1, \"run_check\": true}]}",
         "1:20: request: expected a map, found an integer"},
        {"s/examples.json", "{\"a\": [{\"run\": true}]}", "1:9: unknown key \"run\"; did you mean \"run_check\"?"},
        {"s/examples.json", "{\"a/b\": []}", "1:9: \"a/b\" is no endpoint's name"},
        {"/examples.json", "{}",
         "1:1: the service is not known: it is the folder's name, as in address/config/examples.json, or stands in the "
         "file's, as in address.examples.json"},
        {"a.postman_collection.json", "{}", "1:1: expected a Postman collection, whose info.schema says v2.0 or v2.1"},
        {"a.postman_collection.json", COLLECTION(""),
         "1:1: there are no requests in this collection: \"item\" is missing or empty"},
        {"a.postman_collection.json", COLLECTION("{\"name\": \"a\"}"),
         "2:10: expected a request, or a folder with \"item\""},
        {"a.postman_collection.json", COLLECTION("{\"request\": {\"method\": \"GET\"}}"),
         "2:22: a request has a \"url\""},
        {"a.postman_collection.json", COLLECTION("{\"request\": {\"url\": \"a\", \"auth\": {\"type\": \"hawk\"}}}"),
         "2:43: auth of the type \"hawk\" cannot be said in a flow; bearer, basic, digest, apikey and oauth2 with a "
         "token can"},
        {"a.postman_collection.json", COLLECTION("{\"request\": {\"url\": \"a\", \"auth\": {\"type\": \"oauth2\"}}}"),
         "2:43: oauth2 without an \"accessToken\": a flow fetches none; put {{token}} there, and give it with "
         "--variable"},
        {"a.postman_collection.json", COLLECTION("{\"request\": \"http://a/{{$randomBanana}}\"}"),
         "2:22: {{$randomBanana}} of Postman cannot be said in a flow"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text yaml = TEXT_INIT, got = TEXT_INIT;
        struct error err = ERROR_INIT;
        if (import(table[i][0], bytes_of(table[i][1]), &yaml, NULL, &err) == 0)
            fail_msg("taken: %s\n%s", table[i][1], text_string(&yaml));
        text_printf(&got, "%d:%d: %s", err.line, err.column, err.message);
        assert_string_equal(text_string(&got), table[i][2]);
        error_clear(&err);
        text_deinit(&got);
        text_deinit(&yaml);
    }
}

/* ---- what they mean ---- */

static bool run_as(struct test_system *s, const char *name, const char *text)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    if (flow_parse(bytes_of(text), name, &flows, &err) != 0)
        fail_msg("%s:%d:%d: %s", name, err.line, err.column, err.message);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    flow_list_free(&flows);
    return summary.failed == 0;
}

#define RUNN                                                                                                           \
    "desc: a book\nrunners:\n  req: ${SHOP}\n  greq: grpc://shop:1\nvars: {who: Mary, list: [a, b]}\nsteps:\n"         \
    "  first:\n    req: {/echo: {post: {body: {application/json: {name: '{{ vars.who }}'}}}}}\n"                       \
    "    test: |\n      current.res.status == 200 && current.res.body.method == \"POST\"\n"                            \
    "      && current.res.body.body contains 'Mary' && !(current.res.body.path == '/other')\n"                         \
    "      && current.res.body.nothing == nil && 'POST' == current.res.body.method && vars.who != 'Bob'\n"             \
    "    bind: {way: current.res.body.path}\n"                                                                         \
    "  second:\n    if: vars.who == 'Mary' && len(vars.list) == 2\n"                                                   \
    "    req: {'{{ way }}?m={{ steps.first.res.body.method }}': {get: {headers: {x-asked: '{{ vars.list[1] }}'}}}}\n"  \
    "    test: current.res.body.query == 'm=POST' && current.res.body.asked == 'b'\n"                                  \
    "  third:\n    greq: {helloworld.Helloworld/Call: {message: {name: '{{ vars.who }}'}}}\n"                          \
    "    test: current.res.status == 0 && current.res.message.msg == 'Hello Mary'\n"                                   \
    "  fourth:\n    loop: 2\n    greq: {helloworld.Helloworld/Call: {message: {name: 'n{{ i }}'}}}\n"                  \
    "    test: current.res.message.msg startsWith 'Hello n'\n"                                                         \
    "  fifth:\n    greq: {helloworld.Helloworld/Call: {message: {name: nobody}}}\n"                                    \
    "  sixth:\n    test: steps.fifth.res.status == 5 && steps.third.res.message.msg matches '^Hello \\\\w+$'\n"

/* What is known before it runs, parts of a body, anchors; the book looks at each of them itself. */
#define RUNN_MORE                                                                                                      \
    "anchors:\n  m: &m {x: 1}\nrunners: {req: '${SHOP}'}\nvars:\n  m:\n    <<: *m\n    y: 2\nsteps:\n"                 \
    "  one:\n    test: len(steps) == 0 && vars.m.x == 1 && vars.m.y == 2 && len(hash.Sha512('a')) == 128\n"            \
    "  off:\n    if: vars.m.x == 2\n    test: 'false'\n"                                                               \
    "  sent:\n    if: steps.off.run == false && steps.one.run\n"                                                       \
    "    req: {/echo: {post: {body: {multipart/form-data: {note: milk, more: [7, tea]}}}}}\n"                          \
    "    test: |\n      current.res.body.type startsWith 'multipart/form-data' && len(steps) == 3\n"                   \
    "      && current.res.body.body contains 'milk' && current.res.body.body contains 'tea'\n"                         \
    "  last:\n    test: steps.sent.run && !steps.off.run && runn.i == 0 && len(steps) == 3\n"                          \
    "  later:\n    defer: true\n    test: len(steps) == 5\n"

static void runn_runs(void **state)
{
    struct test_system *s = *state;
    struct text report = TEXT_INIT;
    setenv("SHOP", s->gateway, 1);
    if (!run_as(s, "a.runn.yml", RUNN)) {
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
    if (!run_as(s, "a.runn.yml", RUNN_MORE)) {
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
    /* and what does not hold is told at its place in the book */
    assert_false(run_as(s, "a.runn.yml",
                        "runners: {req: '${SHOP}'}\nsteps:\n  - req: {/echo: {get: {}}}\n    test: "
                        "current.res.body.method == 'PUT'\n"));
    test_report(s, &report);
    if (strstr(text_string(&report), "a.runn.yml:4:11") == NULL)
        fail_msg("%s", text_string(&report));
    text_deinit(&report);
    unsetenv("SHOP");
}

#define POSTMAN                                                                                                        \
    "{\"info\": {\"name\": \"c\", \"schema\": "                                                                        \
    "\"https://schema.getpostman.com/json/collection/v2.1.0/collection.json\"},"                                       \
    "\"auth\": {\"type\": \"apikey\", \"apikey\": [{\"key\": \"key\", \"value\": \"x-asked\"}, {\"key\": \"value\", "  \
    "\"value\": "                                                                                                      \
    "\"{{who}}\"}]}, \"variable\": [{\"key\": \"who\", \"value\": \"me\"}],\n\"item\": ["                              \
    "{\"name\": \"a\", \"event\": [{\"listen\": \"test\", \"script\": {\"exec\": ["                                    \
    "\"pm.test('ok', () => {\", \"  pm.response.to.have.status(200);\", \"  let d = pm.response.json();\","            \
    "\"  pm.expect(d.method).to.eql('POST');\", \"  pm.expect(d.asked).to.equal('{{who}}');\","                        \
    "\"  pm.expect(d.body).to.include('milk');\", \"  pm.expect(d).to.have.property('path', '/echo/7');\","            \
    "\"  pm.expect(d.nothing).to.not.exist;\", \"  pm.environment.set('way', d.path);\","                              \
    "\"  pm.globals.set('fixed', 3);\", \"});\", \"if (a) {\", \"  pm.response.to.have.status(500);\", \"}\"]}}],"     \
    "\"request\": {\"method\": \"POST\", \"url\": {\"raw\": \"{{SHOP}}/echo/:n\", \"variable\": [{\"key\": \"n\", "    \
    "\"value\": "                                                                                                      \
    "\"7\"}]}, \"body\": {\"mode\": \"raw\", \"raw\": \"{\\\"a\\\": \\\"milk\\\"}\", \"options\": {\"raw\": "          \
    "{\"language\": "                                                                                                  \
    "\"json\"}}}}},"                                                                                                   \
    "{\"name\": \"f\", \"item\": [{\"name\": \"b\", \"event\": [{\"listen\": \"test\", \"script\": {\"exec\": "        \
    "[\"pm.expect(pm.response.json().query).to.eql('q=3');\", \"pm.expect(pm.response.code).to.be.below(300);\"]}}],"  \
    "\"request\": \"{{SHOP}}{{way}}?q={{fixed}}\"}]}]}"

static void postman_runs(void **state)
{
    struct test_system *s = *state;
    struct text report = TEXT_INIT, yaml = TEXT_INIT, told = TEXT_INIT;
    setenv("SHOP", s->gateway, 1);
    if (!run_as(s, "a.postman_collection.json", POSTMAN)) {
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
    assert_int_equal(import("a.postman_collection.json", bytes_of(POSTMAN), &yaml, &told, NULL), 0);
    assert_non_null(strstr(text_string(&told), "a: left out of its script: if (a) {\n"));
    assert_non_null(strstr(text_string(&told), "a: left out of its script: pm.response.to.have.status(500);\n"));
    assert_non_null(strstr(text_string(&yaml), "not imported, line 2, a: if (a) {"));
    text_deinit(&report);
    text_deinit(&yaml);
    text_deinit(&told);
    unsetenv("SHOP");
}

#define EXAMPLES                                                                                                       \
    "{\"say\": [{\"title\": \"hello\", \"run_check\": true, \"request\": {\"a\": \"${b}\"}, \"response\": {}},\n"      \
    "{\"title\": \"hello\", \"run_check\": true},\n{\"title\": \"not\", \"run_check\": false}]}"

static void examples_run(void **state)
{
    struct test_system *s = *state;
    struct text yaml = TEXT_INIT, told = TEXT_INIT;
    assert_true(run_as(s, "echo/config/examples.json", EXAMPLES));
    assert_int_equal(test_count(s, "case"), 2);
    assert_int_equal(import("echo/config/examples.json", bytes_of(EXAMPLES), &yaml, &told, NULL), 0);
    assert_string_equal(text_string(&told),
                        "echo/config/examples.json:3:1: say: left out: it has no \"run_check\": true\n");
    assert_non_null(strstr(text_string(&yaml), "flow: 'say: hello (2)'"));
    assert_non_null(strstr(text_string(&yaml), "POST /echo/say"));
    text_deinit(&yaml);
    text_deinit(&told);
}

/* ---- memory ---- */

static const char *walked_name, *walked_text;

static int scenario(void)
{
    struct text yaml = TEXT_INIT, told = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = import(walked_name, bytes_of(walked_text), &yaml, &told, &err);
    text_deinit(&yaml);
    text_deinit(&told);
    error_clear(&err);
    return code;
}

static void walks(void **state)
{
    static const char *const table[][2] = {{"a.runn.yml", RUNN},
                                           {"a.runn.yml", RUNN_MORE},
                                           {"a.postman_collection.json", POSTMAN},
                                           {"s/examples.json", EXAMPLES}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        walked_name = table[i][0];
        walked_text = table[i][1];
        assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page),
        cmocka_unit_test(errors),
        cmocka_unit_test_setup_teardown(runn_runs, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(postman_runs, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(examples_run, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test(walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
