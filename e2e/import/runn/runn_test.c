/* Books of runn: which files are books, loops that end when something holds, what stands among the messages of a
 * stream, what is asked of an included book's steps, and whole answers. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run_flows(struct test_system *s, struct flow_list *flows, bool passes, const char *said)
{
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    struct text report = TEXT_INIT;
    if (e2e_run(&s->target, flows, &s->options, &summary, &err) != 0)
        fail_msg("%s", err.message);
    test_report(s, &report);
    if ((summary.failed == 0) != passes || (said != NULL && strstr(text_string(&report), said) == NULL))
        fail_msg("%s", text_string(&report));
    text_deinit(&report);
    flow_list_free(flows);
}

static void run_book(struct test_system *s, const char *book, bool passes, const char *said)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    if (flow_parse(bytes_of(book), "a.yml", &flows, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    run_flows(s, &flows, passes, said);
}

static void write_book(struct test_system *s, const char *folder, const char *name, const char *text)
{
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/%s", folder, name);
    assert_int_equal(world_write_file(s->world, text_string(&path), bytes_of(text), false, NULL), 0);
    text_deinit(&path);
}

/* ---- which files are books ---- */

static void known(void **state)
{
    static const struct {
        const char *text;
        bool book;
    } table[] = {
        {"runners: {req: 'http://a.test'}\nsteps: [{req: {/a: {get: {}}}}]", true},
        {"runners: {http: 'http://a.test'}\nsteps: [{http: {/a: {get: {}}}}]", true},
        {"steps: {one: {test: 'true'}}", true},
        {"steps: [{if: included, test: 'true'}]", true},
        {"desc: a\nsteps: [{set: {a: 1}}, {include: a.yml}]", true},
        {"steps: [{req: {/a: {get: {}}}}]", true},
        {"steps: [{http: GET /}]", false}, /* a flow without its name */
        {"flow: a\nsteps: [{run: [ls], name: test}]", false},
        {"flow: a\nrunners: 1\nsteps: [{test: 1}]", false},
        {"flows: []\nsteps: {}", false},
        {"steps: 7", false},
        {"- 1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct document *d = NULL;
        assert_int_equal(document_parse_yaml(bytes_of(table[i].text), "a.yml", &d, NULL), 0);
        const struct import_format *format = import_format_in(document_root(d));
        if ((format != NULL) != table[i].book || (format != NULL && strcmp(format->name, "runn") != 0))
            fail_msg("%s", table[i].text);
        document_free(d);
    }
}

/* ---- what they mean ---- */

/* Each loop is as runn does it: the last round counts. */
#define LOOPS                                                                                                          \
    "runners: {req: '${SHOP}'}\nvars: {want: 3}\nsteps:\n"                                                             \
    "  - loop: {count: 9, until: 'n >= vars.want && i == 2'}\n    bind: {n: 'n == nil ? 1 : n + 1'}\n"                 \
    "    test: n == 3\n"                                                                                               \
    "  - loop: {count: 9, interval: 10msec, until: 'current.res.body.path endsWith \"2\" && i != nil'}\n"              \
    "    req: {'/echo/{{ i }}': {get: {}}}\n    test: steps[1].res.body.path endsWith '2'\n"                           \
    "    bind: {whole: current.res, 'all[]': current.res, 'by[string(i)]': current.res}\n"                             \
    "  - test: |\n      whole.rawBody contains 'echo/2' && all[0].rawBody contains 'echo/0' && len(all) == 3\n"        \
    "      && by['1'].rawBody contains 'echo/1' && whole.body.path == '/echo/2' && whole.status == 200\n"              \
    "      && steps[0] != nil && steps[1] != null\n"                                                                   \
    "  - loop: 2\n    req: {'/echo/{{ i }}': {get: {}}}\n"                                                             \
    "  - test: steps[3].res.body.path == '/echo/1' && steps[3].res.rawBody contains '/echo/1'\n"                       \
    "  - req: {/login: {get: {}}}\n"                                                                                   \
    "  - req: {/cookies: {get: {useCookie: false}}}\n    test: current.res.rawBody == 'none'\n"                        \
    "  - test: |\n      jwt.Parse(jwt.Sign({secret: 'k', subject: 'me', expires_in: '1h'}), {secret: 'k'}).sub == "    \
    "'me'\n"                                                                                                           \
    "      && time('2026-01-31') == time('2026-01-31T00:00:00Z')\n"

#define TALK                                                                                                           \
    "runners: {g: 'grpc://a.test:1'}\nsteps:\n"                                                                        \
    "  talk:\n    g:\n      helloworld.Helloworld/PingPong:\n"                                                         \
    "        messages: [{stroke: 1}, receive, {stroke: 2}, {stroke: 3}, receive, close]\n"                             \
    "    test: |\n      current.res.status == 0 && len(current.res.messages) == 2 && current.res.message.stroke == "   \
    "'2'\n"                                                                                                            \
    "      && current.res.messages[0].stroke == '1'\n    bind: {all: current.res.messages}\n"                          \
    "  open:\n    g: {helloworld.Helloworld/PingPong: {messages: [{stroke: 1}, receive, {stroke: 5}]}}\n"              \
    "    test: current.res.message.stroke == '5' && len(current.res.messages) == 2 && len(all) == 2\n"

static void runs(void **state)
{
    struct test_system *s = *state;
    setenv("SHOP", s->gateway, 1);
    run_book(s, LOOPS, true, NULL);
    run_book(s, TALK, true, NULL);
    run_book(s, "steps:\n  - loop: {count: 2, until: 'n > 5'}\n    bind: {n: 'n == nil ? 1 : n + 1'}\n", false,
             "a.yml:2:29: failed: step 2 for i: \"until\" does not hold after 2 rounds");
    run_book(s,
             "steps:\n  - loop: {count: 2, until: 'n == 2'}\n    bind: {n: 'n == nil ? 1 : n + 1'}\n    test: n == 3\n",
             false, "a.yml:4:11");
    unsetenv("SHOP");
}

#define INNER                                                                                                          \
    "runners: {req: '${SHOP}'}\nsteps:\n  say:\n    exec: {command: echo hello}\n"                                     \
    "  ask:\n    req: {/echo/7: {get: {}}}\n  all:\n    include: {path: list.yml}\n"
#define LIST "steps:\n  - test: true\n  - exec: {command: 'echo one >&2; exit 3'}\n"
#define OUTER                                                                                                          \
    "steps:\n  a:\n    include: {path: inner.yml}\n    test: |\n      steps.a.steps.say.stdout == \"hello\\n\"\n"      \
    "      && steps.a.steps.ask.res.status == 200 && current.steps.ask.res.body.path == '/echo/7'\n"                   \
    "      && steps.a.steps.all.steps[1].stderr == \"one\\n\" && steps.a.steps.all.steps[1].exit_code == 3\n"          \
    "  b:\n    exec: {command: sleep 3600, background: true}\n    test: current.stdout == nil\n"

static void includes(void **state)
{
    struct test_system *s = *state;
    char folder[] = "/tmp/harrow-test-XXXXXX", path[64];
    struct text yaml = TEXT_INIT, told = TEXT_INIT;
    struct document *d = NULL;
    struct flow_list flows = {0};
    assert_non_null(mkdtemp(folder));
    setenv("SHOP", s->gateway, 1);
    write_book(s, folder, "inner.yml", INNER);
    write_book(s, folder, "list.yml", LIST);
    write_book(s, folder, "outer.yml", OUTER);
    snprintf(path, sizeof path, "%s/outer.yml", folder);
    assert_int_equal(flow_load(s->world, path, &flows, NULL), 0);
    run_flows(s, &flows, true, NULL);
    assert_ptr_equal(import_format_of_file(s->world, path), import_format_named("runn"));
    snprintf(path, sizeof path, "%s/none.yml", folder);
    assert_null(import_format_of_file(s->world, path));
    /* As a flow it says what the other one has to keep. */
    assert_int_equal(import_format_named("runn")->parse_told(bytes_of(OUTER), "o.yml", &told, &d, NULL), 0);
    assert_non_null(strstr(text_string(&told), "has to capture the answer of this step, by \"steps_say: $\""));
    document_free(d);
    unsetenv("SHOP");
    assert_int_equal(world_remove_tree(s->world, folder), 0);
    text_deinit(&yaml);
    text_deinit(&told);
}

/* ---- what cannot be said ---- */

static void errors(void **state)
{
    static const char *const table[][2] = {
        {"runners: {g: 'grpc://a'}\nsteps: [{g: {a.B/C: {messages: [close, {}]}}}]",
         "2:40: nothing can be sent or received behind \"close\""},
        {"runners: {g: 'grpc://a'}\nsteps: [{g: {a.B/C: {messages: [recieve]}}}]",
         "2:33: a message is a map, or \"receive\" or \"close\""},
        {"steps: [{test: 'runn.kv.a == 1'}]", "1:16: runn.kv.a: runn.kv is filled by the Go program that runn is part "
                                              "of: ask for a variable, vars.NAME, and "
                                              "give it with --variable NAME=VALUE"},
        {"steps: {a: {include: b.yml, test: 'steps.a.steps.b == 1'}}",
         "1:35: steps.a.steps.b: of an included book's step only what it answered can be had, as in "
         "steps.a.steps.b.res"},
        {"steps: {a: {include: b.yml, test: 'steps.a.steps.b.res.rawBody == 1'}}",
         "1:35: steps.a.steps.b.res.rawBody: a body as it came is not kept of an included book's step"},
        {"loop: {count: 2, until: \"outcome == 'success'\"}\nsteps: [{test: 'true'}]",
         "1:25: \"until\" of a whole book is about its outcome, and a flow has none until it ends: take it out, and "
         "have "
         "the flow tried again with --retries N"},
        {"steps: [{loop: {until: 7}}]", "1:24: a condition is a text, and this is an integer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct document *d = NULL;
        struct error err = ERROR_INIT;
        struct text got = TEXT_INIT;
        if (import_format_named("runn")->parse(bytes_of(table[i][0]), "a.yml", &d, &err) == 0)
            fail_msg("taken: %s", table[i][0]);
        text_printf(&got, "%d:%d: %s", err.line, err.column, err.message);
        assert_string_equal(text_string(&got), table[i][1]);
        text_deinit(&got);
        error_clear(&err);
    }
}

/* ---- memory ---- */

static const char *walked_text;

static int scenario(void)
{
    const struct import_settings settings = {.included = true};
    struct error err = ERROR_INIT;
    struct document *d = NULL;
    int code = import_format_named("runn")->parse_with(bytes_of(walked_text), "a.yml", &settings, &d, &err);
    document_free(d);
    if (code != 0 && code != ERROR_MEMORY)
        print_error("%d:%d: %s\n", err.line, err.column, err.message);
    error_clear(&err);
    return code;
}

static void walks(void **state)
{
    static const char *const texts[] = {LOOPS, TALK, INNER, OUTER};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        walked_text = texts[i];
        assert_int_equal(scenario(), 0);
        assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known),
        cmocka_unit_test_setup_teardown(runs, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(includes, test_system_setup_real, test_system_teardown),
        cmocka_unit_test(errors),
        cmocka_unit_test(walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
