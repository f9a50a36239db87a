/* .mu files, and how a folder's way to be built and started is found. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "runtime/runtime/entry.h"
#include "world/sim.h"

#include <stdio.h>
#include <string.h>

static void parse(const char *content, struct arena *arena, struct mu *out)
{
    struct error err = ERROR_INIT;
    if (mu_parse(bytes_of(content), "x.mu", arena, out, &err) < 0)
        fail_msg("%s: %s", content, err.message);
}

static void mu_files(void **state)
{
    (void)state;
    static const char *const marks[] = {"", "\n# nothing\n  \n", "service helloworld", "service helloworld\n"};
    struct arena arena = ARENA_INIT;
    struct mu mu;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        parse(marks[i], &arena, &mu);
        assert_null(mu.command);
        assert_null(mu.build);
        if (i >= 2)
            assert_string_equal(mu.service, "helloworld");
    }
    parse("service: one\ncommand: ./one --name \"a b\"\nargs: [x, 7, true]\nbuild: make all\n"
          "environment:\n  LEVEL: info\n  PORT: 8080\n",
          &arena, &mu);
    assert_string_equal(mu.service, "one");
    static const char *const words[] = {"./one", "--name", "a b", "x", "7", "true", NULL};
    for (size_t i = 0; words[i]; i++)
        assert_string_equal(mu.command[i], words[i]);
    assert_null(mu.command[6]);
    assert_string_equal(mu.build[0], "make all");
    assert_null(mu.build[1]);
    assert_int_equal(mu.environment_count, 2);
    assert_string_equal(mu.environment[1].value, "8080");
    parse("command: [a b, c]\nbuild:\n  - one\n  - two\n", &arena, &mu);
    assert_string_equal(mu.command[0], "a b");
    assert_string_equal(mu.build[1], "two");
    static const struct {
        const char *content, *words;
        int line;
    } bad[] = {
        {"comand: x", "command", 1},
        {"service: a\ncommand: \"a", NULL, 0},
        {"args: [x]", "args without a command", 1},
        {"command: ''", "blank", 1},
        {"command: []", "blank", 1},
        {"command: a\nargs: x", "args is a list", 2},
        {"command:\n  a: b", "expected text", 2},
        {"environment:\n  1x: b", "cannot be a variable", 2},
        {"environment: [a]", NULL, 1},
        {"- a\n- b", "expected keys", 1},
        {"service a b", "service NAME", 1},
        {"hello", "expected keys", 1},
        {"build:\n - [a]", "expected text", 2},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = ERROR_INIT;
        if (mu_parse(bytes_of(bad[i].content), "x.mu", &arena, &mu, &err) >= 0)
            fail_msg("%s was taken", bad[i].content);
        if (bad[i].words && !strstr(err.message, bad[i].words))
            fail_msg("%s: %s; wanted %s", bad[i].content, err.message, bad[i].words);
        if (bad[i].line) {
            assert_string_equal(err.file, "x.mu");
            assert_int_equal(err.line, bad[i].line);
        }
        error_clear(&err);
    }
    arena_deinit(&arena);
}

static struct sim *sim;
static struct world *w;

static void put(const char *path, const char *content, bool executable)
{
    char full[256];
    struct world_file *f = NULL;
    snprintf(full, sizeof full, "src/%s", path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    assert_int_equal(world_make_directory(w, full), 0);
    *slash = '/';
    assert_int_equal(
        world_file_open(w, full, WORLD_WRITE | WORLD_CREATE | (executable ? WORLD_EXECUTABLE : 0), &f, NULL), 0);
    assert_true(world_file_append(f, content, strlen(content)) >= 0);
    world_file_close(f);
}

static void fresh(void)
{
    (void)world_remove_tree(w, "src");
    assert_int_equal(world_make_directory(w, "src"), 0);
}

/* "directory: build; build: argv", or the error. */
static void expect(const char *entrypoint, const char *const *command, const char *want)
{
    static const char *const none[] = {NULL};
    struct runner_spec *spec = runner_spec_new();
    struct arena arena = ARENA_INIT;
    struct runner_entry e;
    struct error err = ERROR_INIT;
    struct text got = TEXT_INIT;
    assert_non_null(spec);
    const char **words = ARENA_NEW_N(&arena, const char *, 8);
    for (size_t i = 0; command && command[i]; i++)
        words[i] = command[i];
    spec->command = words;
    spec->args = ARENA_NEW_N(&arena, const char *, 1);
    spec->entrypoint = entrypoint;
    (void)none;
    int rc = runner_entry_find(w, "src", "one", spec, &arena, &e, &err);
    if (rc == 0) {
        text_printf(&got, "%s:", e.directory);
        for (size_t i = 0; e.build && e.build[i]; i++)
            text_printf(&got, " %s;", strcmp(e.build[i][0], "/bin/sh") == 0 ? e.build[i][2] : e.build[i][0]);
        if (!e.build)
            rc = runner_entry_program(w, spec, &arena, &e, &err);
    }
    for (size_t i = 0; rc == 0 && e.argv && e.argv[i]; i++)
        text_printf(&got, " %s", e.argv[i]);
    if (rc < 0)
        text_puts(&got, err.message);
    if (!strstr(text_string(&got), want))
        fail_msg("got \"%s\", wanted \"%s\"", text_string(&got), want);
    error_clear(&err);
    text_deinit(&got);
    arena_deinit(&arena);
    runner_spec_free(spec);
}

static void entries(void **state)
{
    (void)state;
    static const char *const command[] = {"one", "--x", NULL}, *const python[] = {"python3", "x.py", NULL};
    const struct sim_options options = {.seed = 1};
    sim = sim_new(&options);
    assert_non_null(sim);
    w = sim_node(sim, "n");
    fresh();
    expect("", NULL, "nothing tells how to start it");
    put("Makefile", "", false);
    expect("", NULL, "src: make;");
    put("CMakeLists.txt", "", false);
    expect("", NULL, "src: cmake; cmake;");
    put("one", "", true);
    expect("", NULL, "src: ./one");
    expect("", command, "src: ./one --x");
    expect("", python, "src: python3 x.py");
    put("tools/other", "", true);
    expect("tools/other", NULL, "src: ./tools/other");
    expect("../x", NULL, "inside the source");
    put("one.mu", "service one", false);
    expect("", NULL, "src: ./one");
    put("sub/two.mu", "command: ./two\nbuild: [make two, strip two]", false);
    expect("", NULL, "2 .mu files (one.mu, sub/two.mu)");
    expect("sub/two.mu", NULL, "src/sub: make two; strip two; ./two");
    expect("sub/none.mu", NULL, "no entrypoint sub/none.mu");
    fresh();
    put(".hidden/x.mu", "command: x", false);
    put("svc/x.mu", "command: [serve, now]", false);
    put("svc/serve", "", true);
    expect("", NULL, "src/svc: ./serve now");
    sim_free(sim);
}

/* Every allocation that fails is said, and nothing is lost by it. */
static void no_memory(void **state)
{
    static const char content[] = "service: one\ncommand: ./one --name \"a b\"\nargs: [x, 7]\nbuild: [a, b]\n"
                                  "environment:\n  LEVEL: info\n";
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct arena arena = ARENA_INIT;
        struct mu mu;
        failing_arm(n);
        int rc = mu_parse(bytes_of(content), "x.mu", &arena, &mu, NULL);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(rc, hit ? ERROR_MEMORY : 0);
        arena_deinit(&arena);
        assert_true(n < 1000);
    }
    char name[] = "one", source[] = "source://one:1", variable[] = "A=b", word[] = "run", key[] = "S", value[] = "s";
    char *words[] = {word, word}, *env[] = {variable};
    Runtime__CreateOptions__SecretsEntry secret = RUNTIME__CREATE_OPTIONS__SECRETS_ENTRY__INIT;
    secret.key = key;
    secret.value = value;
    Runtime__CreateOptions__SecretsEntry *secrets[] = {&secret};
    Runtime__Service service = RUNTIME__SERVICE__INIT;
    Runtime__CreateOptions options = RUNTIME__CREATE_OPTIONS__INIT;
    service.name = name;
    service.source = source;
    options.command = options.args = words;
    options.n_command = options.n_args = 2;
    options.env = env;
    options.n_env = 1;
    options.secrets = secrets;
    options.n_secrets = 1;
    for (size_t n = 1, done = 0; !done; n++) {
        struct runner_spec *made = NULL, *copy = NULL;
        failing_arm(n);
        int rc = runner_spec_create(&service, &options, &made, NULL);
        json_t *json = rc == 0 ? runner_spec_json(made, NULL, "") : NULL;
        if (json)
            rc = runner_spec_parse(json, NULL, "", &copy, NULL);
        done = !failing_hit();
        failing_disarm();
        assert_true(done ? rc == 0 && copy : rc == ERROR_MEMORY || rc == ERROR_LIMIT);
        if (copy) {
            assert_string_equal(copy->command[1], "run");
            assert_string_equal(copy->env[0], "A=b");
            assert_string_equal(copy->secrets[0].value, "s");
        }
        json_decref(json);
        runner_spec_free(made);
        runner_spec_free(copy);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mu_files), cmocka_unit_test(entries),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
