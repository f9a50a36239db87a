/* runn's books, Postman's collections and services' examples: what the page shows is what comes of them, what cannot be
 * said is told with its place, and what runs means what it says. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "base/units.h"
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

#define BOOK(steps)     "runners:\n  req: http://a.test\n  g: grpc://a.test:1\n  db: my://a\nsteps:\n" steps
#define DATABASE(query) "runners: {q: 'sqlite3://:memory:'}\nsteps: [{q: {query: " query "}}]\n"
#define REFUSED         " cannot be said in a flow: take it out of the book, or write this step as a flow"
#define GET             "  - req: {/a: {get: {}}}\n"
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
         "4:7: flows speak to SQLite and PostgreSQL, and this is my: take these steps out of the book"},
        {"a.runn.yml", "runners: {c: 'chrome://new'}\nsteps:\n  - c: {actions: []}\n",
         "1:14: c: this kind of runner cannot be said in a flow; http://, grpc://, sqlite:// and postgres:// can. "
         "Write "
         "the steps as a flow: \"browser\", \"run\" for a command"},
        {"a.runn.yml", DATABASE("'{{ file(''a'') }}'"),
         "2:21: a statement that is computed as a whole cannot be said in a flow: write it out; {{ }} can stand where "
         "a "
         "value stands"},
        {"a.runn.yml", DATABASE("'SELECT 1; SELECT {{ env.A }}'"),
         "2:21: several statements of which one has values: write a step for each"},
        {"a.runn.yml", DATABASE("'  ; '"), "2:21: there is no statement in this query"},
        {"a.runn.yml", DATABASE("SELECT, other: 1"), "2:36: \"other\" of runn" REFUSED},
        {"a.runn.yml", "runners: {q: 'sq://a.db'}\nsteps: [{q: 7}]",
         "2:13: a step of a database has a \"query\", and its runner an address"},
        {"a.runn.yml", "steps: [{a/b: {query: SELECT 1}}]", "1:15: a/b: this is no name for a member of a variable"},
        {"a.runn.yml", "steps: [{q: {a.B/C: {}}}]",
         "1:13: q: there is no such runner here; a book names those that it uses; of the book that includes it it can "
         "have those over HTTP and databases"},
        {"a.runn.yml", "steps: [{runner: 7}]", "1:18: runner: expected runners by their names"},
        {"a.runn.yml", "loop: {count: 2, until: 'true'}\n" BOOK(GET),
         "1:25: \"until\" of a whole book is about its outcome, and a flow has none until it ends: take it out, and "
         "have "
         "the flow tried again with --retries N"},
        {"a.runn.yml", BOOK("  - req: {/a: {post: {body: {multipart/form-data: {f: {x: y}}}}}}\n"),
         "6:55: a part is a text, a number or the name of a file, and this is a map"},
        {"a.runn.yml", BOOK("  - req: {/a: {post: {body: {multipart/form-data: text}}}}\n"),
         "6:51: the parts of multipart/form-data are a map of names and values, or a list of such maps: write them "
         "out"},
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
        {"a.runn.yml", BOOK(GET "    bind: {'a[][]': current.res.body}\n"),
         "7:21: bind: a[][]: what is collected is collected in NAME[] or NAME[KEY], one level deep"},
        {"a.runn.yml", BOOK(GET "    bind: {a: current.res}\n    test: a.cookies == ''\n"),
         "7:15: current.res: of an answer as a whole a flow has no cookies and no gRPC status as runn has them: name "
         "the "
         "member, as in current.res.body"},
        {"a.runn.yml", BOOK(GET "    test: vars / 2 == 1\n"), "7:11: vars: a variable has a name"},
        {"a.runn.yml", BOOK(GET "    loop: {count: 3, until: 'x'}\n"), "7:29: x: nothing is called so here"},
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
         "2:43: auth of the type \"hawk\" "
         "cannot be said in a flow; bearer, basic, digest, ntlm, awsv4, apikey and oauth2 with a token can"},
        {"a.postman_collection.json", COLLECTION("{\"request\": {\"url\": \"a\", \"auth\": {\"type\": \"oauth2\"}}}"),
         "2:43: oauth2 without an "
         "\"accessToken\": a flow fetches none; put {{token}} there, and give it with --variable"},
        {"a.postman_collection.json", COLLECTION("{\"request\": \"http://a/{{$randomBanana}}\"}"),
         "2:22: {{$randomBanana}} of Postman "
         "cannot be said in a flow"},
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

/* A database, what is collected, loops whose count is computed, names that come later. */
#define RUNN_SQL                                                                                                       \
    "runners: {db: 'sqlite3://:memory:'}\nvars: {who: 'it''s me', n: 2}\nsteps:\n"                                     \
    "  - db: {query: \"-- first\\nCREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t (name) VALUES "    \
    "('a;b')\"}\n"                                                                                                     \
    "    test: current.rows_affected == 1\n"                                                                           \
    "  - db: {query: \"INSERT INTO t (name) VALUES ('{{ vars.who }}')\"}\n"                                            \
    "    bind: {id: current.last_insert_id}\n"                                                                         \
    "  - db: {query: \"SELECT * FROM t WHERE id = {{ id }} OR name = 'x{{ vars.n }}'\"}\n"                             \
    "    test: len(current.rows) == 1 && current.rows[0].name == vars.who && round == nil\n"                           \
    "  - loop: vars.n\n    db: {query: 'SELECT {{ i }} AS i'}\n"                                                       \
    "    bind: {'list[]': 'current.rows[0].i', 'map[string(i)]': 'current.rows[0]'}\n"                                 \
    "  - loop: {count: '{{ len(list) }}'}\n    bind: {round: 'round == nil ? 1 : round + 1'}\n"                        \
    "  - test: list == [0, 1] && map['1'].i == 1 && round == 2\n"                                                      \
    "  - runner: {other: 'sqlite://o.db'}\n"                                                                           \
    "  - other: {query: SELECT 1 AS one}\n    test: current.rows[0].one == 1\n"

static void runn_asks_databases(void **state)
{
    struct test_system *s = *state;
    struct text report = TEXT_INIT, yaml = TEXT_INIT, told = TEXT_INIT;
    char folder[] = "/tmp/harrow-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    s->options.scratch = folder;
    s->options.step_timeout = (uint64_t)(600 * SECOND);
    struct error err = ERROR_INIT;
    if (import("a.runn.yml", bytes_of(RUNN_SQL), &yaml, &told, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    for (int i = 0; i < 2; i++)
        if (!run_as(s, i == 0 ? "a.runn.yml" : "a.yaml", i == 0 ? RUNN_SQL : text_string(&yaml))) {
            test_report(s, &report);
            fail_msg("%s\n%s", text_string(&report), text_string(&yaml));
        }
    assert_int_equal(world_remove_tree(s->world, folder), 0);
    text_deinit(&report);
    text_deinit(&yaml);
    text_deinit(&told);
}

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
    "\"  pm.expect(d.method).to.eql('POST');\", \"  "                                                                  \
    "pm.expect(d.asked).to.equal(pm.collectionVariables.get('who'));\","                                               \
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

/* Scripts as programs: names, conditions, loops over lists, what is computed, and what was written before pm. */
static const char POSTMAN_MORE[] =
    "\xEF\xBB\xBF{\"info\": {\"name\": \"more\", \"schema\": \"v2.0.0/collection.json\"}, \"item\": [\n"
    "{\"name\": \"f\", \"variable\": [{\"key\": \"folder\", \"value\": \"7\"}], \"item\": [{\"name\": \"a\",\n"
    "\"event\": [{\"listen\": \"prerequest\", \"script\": {\"exec\": \"const n = 4;\\npm.environment.set('m', `n${n}-`"
    " + pm.variables.get('folder'));\\nif (pm.environment.get('m') === 'n4-7') {\\n  pm.globals.set('on', true);\\n}"
    " else {\\n  pm.globals.set('on', false);\\n}\"}},\n"
    "{\"listen\": \"test\", \"script\": {\"exec\": [\n"
    "\"var data, {method} = pm.response.json(), sent\",\n"
    "\"try {\", \"  data = JSON.parse(responseBody)\", \"  sent = JSON.parse(data.body);\",\n"
    "\"  tests['read'] = true;\", \"} catch (e) { tests['read'] = false; }\",\n"
    "\"tests['code'] = responseCode.code === 200 && method === 'POST';\",\n"
    "\"tests[`has`] = responseBody.has('milk') && !data.nothing && _.has(data, 'path') && 'path' in data;\",\n"
    "\"tests['type'] = typeof sent.a === 'string' && Array.isArray(sent.list) && sent.list.every(x => x.id > 0);\",\n"
    "\"pm.test('chains', () => {\",\n"
    "\"  pm.response.to.have.status('OK').and.be.json; pm.response.to.not.have.header('x-not-there')\",\n"
    "\"  pm.expect(sent, 'why').to.be.an('object').that.has.property('a').and.to.match(/^MI/i);\",\n"
    "\"  pm.expect(sent.list).to.have.lengthOf(2); pm.expect(sent.list.length).to.be.within(1, 2)\",\n"
    "\"  pm.expect(sent.list).to.not.be.empty; pm.expect(sent.list[0]).to.have.all.keys('id', 'n')\",\n"
    "\"  pm.expect(data.method).to.be.oneOf(['PUT', 'POST']); pm.expect(sent).to.include({a: 'milk'})\",\n"
    "\"  pm.expect(pm.environment.get('on')).to.be.true; pm.expect(sent.list).to.have.length.above(1)\",\n"
    "\"  pm.expect(sent.a.toUpperCase() + '!').to.equal('MILK!'); pm.expect(sent.zero).to.not.be.ok\",\n"
    "\"  sent.list.forEach(function (one) { pm.expect(one.n).to.be.a('number').and.be.at.least(0); });\",\n"
    "\"});\",\n"
    "\"if (pm.response.code === 200 && sent.list.length) {\",\n"
    "\"  const first = sent.list[0];\",\n"
    "\"  pm.environment.set('id', first.id + 1);\", \"} else { pm.environment.set('id', 0); }\",\n"
    "\"pm.environment.set('q', 'x' + data.method.toLowerCase());\",\n"
    "\"for (const k of data) { data = 1; }\", \"tests['left'] = data.left == 1;\"]}}],\n"
    "\"request\": {\"method\": \"POST\", \"url\": {\"protocol\": \"http\", \"host\": \"{{HOST}}\", \"path\": "
    "[\"echo\", "
    "\"a b\"], \"query\": [{\"key\": \"m\", \"value\": \"{{m}}\"}, {\"key\": \"off\", \"disabled\": true}]},\n"
    "\"body\": {\"mode\": \"raw\", \"raw\": \"{\\\"a\\\": \\\"milk\\\", \\\"zero\\\": 0, \\\"list\\\": [{\\\"id\\\": "
    "5, "
    "\\\"n\\\": 0}, {\\\"id\\\": 6, \\\"n\\\": 2}]}\"}}}]},\n"
    "{\"name\": \"b\", \"event\": [{\"listen\": \"test\", \"script\": {\"exec\": [\"tests['set'] = "
    "JSON.parse(responseBody).query == 'id=6&q=xpost';\", \"if (pm.response.code === 200) { return; }\", "
    "\"tests['other'] = false; return 0;\", \"tests['never'] = false;\"]}}], \"protocolProfileBehavior\": "
    "{\"followRedirects\": "
    "false}, "
    "\"request\": {\"method\": \"GET\", \"body\": {\"mode\": \"raw\", \"raw\": \"gone\"}, \"url\": "
    "\"http://{{HOST}}/echo?id={{id}}&q={{q}}\"}},\n"
    "{\"name\": \"c\", \"request\": {\"method\": \"POST\", \"url\": \"http://{{HOST}}/echo\", \"body\": {\"mode\": "
    "\"formdata\", \"formdata\": [{\"key\": \"x\", \"value\": \"1\"}, {\"key\": \"x\", \"value\": \"2\"}, {\"key\": "
    "\"up\", \"type\": \"file\", \"src\": []}]}}},\n"
    "{\"name\": \"d\", \"request\": {\"method\": \"GET\", \"url\": \"http://{{HOST}}/\", \"auth\": {\"type\": "
    "\"hawk\"}}}]}";

static void postman_runs_more(void **state)
{
    static const char *const told[] = {"",
                                       "f / a: left out: { tests['read'] = false; }\n", /* the catch */
                                       "f / a: left out: for (const k of data) { data = 1; }\n",
                                       "f / a: left out: tests['left'] = data.left == 1;\n",
                                       "left out: none was chosen in Postman (\"src\")\n",
                                       ":30:26: d: left out: the whole request: auth of the type \"hawk\" cannot"};
    struct test_system *s = *state;
    struct text report = TEXT_INIT, yaml = TEXT_INIT, out = TEXT_INIT;
    setenv("HOST", s->gateway + strlen("http://"), 1);
    struct error err = ERROR_INIT;
    assert_int_equal(import("x.postman_collection.json", bytes_of(POSTMAN_MORE), &yaml, &out, &err), 0);
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (strstr(text_string(&out), told[i]) == NULL)
            fail_msg("no \"%s\" in\n%s", told[i], text_string(&out));
    if (!run_as(s, "x.yaml", text_string(&yaml))) {
        test_report(s, &report);
        fail_msg("%s\n%s", text_string(&report), text_string(&yaml));
    }
    text_deinit(&report);
    text_deinit(&yaml);
    text_deinit(&out);
    unsetenv("HOST");
}

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
    assert_non_null(strstr(text_string(&told), "a: left out: if (a) {\n"));
    assert_non_null(strstr(text_string(&told), "a: left out: pm.response.to.have.status(500);\n"));
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
                                           {"a.runn.yml", RUNN_SQL},
                                           {"a.postman_collection.json", POSTMAN},
                                           {"a.postman_collection.json", POSTMAN_MORE},
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
        cmocka_unit_test_setup_teardown(postman_runs_more, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(runn_asks_databases, test_system_setup_real, test_system_teardown),
        cmocka_unit_test_setup_teardown(examples_run, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test(walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
