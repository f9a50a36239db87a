#include "base/test.h"

#include "base/failing.h"

#include "base/arena.h"
#include "base/array.h"
#include "base/document.h"
#include "base/log.h"
#include "base/map.h"
#include "base/options_test_tree.h"
#include "base/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALK_MAX 100000 /* allocations of one scenario */

/* Runs the scenario once for each of its allocations, with that one failing, and then with it and all after it
 * failing; the sanitizer sees leaks and bad accesses. A scenario returns 0 when it had all it needed. */
static size_t walk(int (*scenario)(void))
{
    size_t walked = 0;
    for (int onwards = 0; onwards < 2; onwards++) {
        for (size_t n = 1; n < WALK_MAX; n++) {
            if (onwards)
                failing_arm_from(n);
            else
                failing_arm(n);
            int code = scenario();
            bool hit = failing_hit();
            failing_disarm();
            if (!hit) {
                assert_int_equal(code, 0);
                walked = n - 1;
                break;
            }
            if (code != 0 && code != ERROR_MEMORY)
                print_error("allocation %zu: code %d\n", n, code);
            assert_true(code == 0 || code == ERROR_MEMORY);
        }
    }
    assert_true(walked > 0);
    return walked;
}

static void test_the_allocator_itself(void **state)
{
    (void)state;
    failing_arm(2);
    char *first = malloc(1), *second = calloc(1, 1), *third = strdup("x");
    assert_int_equal(failing_count(), 3);
    assert_true(failing_hit());
    failing_disarm();
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    free(first);
    free(second);
    free(third);
    failing_arm_from(1);
    first = strndup("abc", 2);
    second = realloc(NULL, 4);
    failing_disarm();
    assert_null(first);
    assert_null(second);
    free(first);
    free(second);
    first = strndup("abc", 2);
    assert_string_equal(first, "ab");
    free(first);
}

static int text_scenario(void)
{
    struct text t = TEXT_INIT;
    for (int i = 0; i < 100; i++)
        text_printf(&t, "%d and some words; ", i);
    text_json(&t, "\"\n\xFF", 3);
    text_xml(&t, "<&>", 3);
    text_printable(&t, "\x01", 1, 1);
    int code = text_ok(&t) ? 0 : ERROR_MEMORY;
    char *taken = text_take(&t);
    assert_true((taken == NULL) == (code != 0));
    free(taken);
    return code;
}

static int error_scenario(void)
{
    struct error e = ERROR_INIT, other = ERROR_INIT;
    struct text t = TEXT_INIT;
    assert_int_equal(error_set_at(&e, ERROR_SYNTAX, "file", 1, 2, "%s", "message"), ERROR_SYNTAX);
    assert_int_equal(error_wrap(&e, "outer"), ERROR_SYNTAX);
    assert_int_equal(error_move(&other, &e), ERROR_SYNTAX);
    error_format(&other, &t);
    int code = text_ok(&t) && strcmp(text_string(&t), "outer: file:1:2: message") == 0 ? 0 : ERROR_MEMORY;
    text_deinit(&t);
    error_clear(&other);
    return code;
}

static int map_scenario(void)
{
    struct map m = MAP_INIT;
    char key[16];
    size_t count = 0;
    int code = 0;
    static int value;
    for (int i = 0; i < 400; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        bool put = map_put(&m, key, &value);
        if (!put)
            code = ERROR_MEMORY;
        count += put;
        assert_int_equal(map_count(&m), count); /* a failed put changed nothing */
        assert_true((map_get(&m, key) != NULL) == put);
    }
    map_deinit(&m);
    return code;
}

static int arena_scenario(void)
{
    struct arena a = ARENA_INIT;
    int code = 0;
    for (size_t i = 0; i < 200; i++) {
        char *data = arena_alloc(&a, i * 20);
        if (data)
            memset(data, 1, i * 20);
        else
            code = ERROR_MEMORY;
        if (!arena_printf(&a, "%zu", i))
            code = ERROR_MEMORY;
    }
    arena_reset(&a);
    arena_deinit(&a);
    ARRAY(int) array = {0};
    for (int i = 0; i < 100; i++)
        if (!array_push(&array, i))
            code = ERROR_MEMORY;
    array_deinit(&array);
    return code;
}

static int read_document(int (*parse)(struct bytes, const char *, struct document **, struct error *), const char *text)
{
    struct document *d = NULL;
    struct error e = ERROR_INIT;
    static const char *const keys[] = {"a", NULL};
    int code = parse(bytes_of(text), "name", &d, &e);
    assert_true((d == NULL) == (code != 0));
    assert_true(code == e.code);
    if (d) {
        const char *out;
        json_t *json = node_to_json(document_root(d));
        if (!json)
            code = ERROR_MEMORY;
        json_decref(json);
        /* Errors about nodes keep their code even when there is no memory to say more. */
        assert_int_equal(node_need_text(document_root(d), "a", &out, &e), ERROR_INVALID);
        assert_int_equal(node_only_keys(document_root(d), keys, &e), ERROR_INVALID);
    }
    document_free(d);
    error_clear(&e);
    return code;
}

/* The long text makes jansson's token buffer grow: without memory it loses a character there. */
static int json_scenario(void)
{
    return read_document(document_parse_json,
                         "{\"a\": [1, 2.5, \"text\", {\"b\": null}], \"zebra\": {\"d\": [[[true]]]}, "
                         "\"e\": \"\\u00e9 and a text that is longer than what a token has room for\"}");
}

static int yaml_scenario(void)
{
    return read_document(document_parse_yaml, "a: [1, 2.5, text]\nzebra:\n  d:\n  - - - x: !!str 7\n  e: |\n    block\n"
                                              "f: {g: 1, h: 2, i: 3, j: 4, k: 5, l: 6, m: 7, n: 8, o: 9}\n");
}

/* What is refused is refused for its own reason, or for want of memory. */
static int refused_scenario(void)
{
    static const char *const texts[] = {"a: 1\na: 2\n", "a: &x 1", "a: [", "a: !x 1", "\xFF"};
    int result = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct document *d = NULL;
        struct error e = ERROR_INIT;
        int code = document_parse_yaml(bytes_of(texts[i]), "name", &d, &e);
        assert_true(code == ERROR_SYNTAX || code == ERROR_INVALID || code == ERROR_MEMORY);
        if (code == ERROR_MEMORY)
            result = code;
        error_clear(&e);
    }
    return result;
}

static int options_scenario(void)
{
    char *argv[] = {(char[]){"prog"},        (char[]){"run"}, (char[]){"a"},
                    (char[]){"-tx"},         (char[]){"-ty"}, (char[]){"--seed=5"},
                    (char[]){"--budget=5s"}, (char[]){"b"},   NULL};
    char *wrong[] = {(char[]){"prog"}, (char[]){"run"}, (char[]){"a"}, (char[]){"--count=77"}, NULL};
    const struct command *found;
    struct arguments args;
    struct error e = ERROR_INIT;
    struct text t = TEXT_INIT;
    bool help;
    int code = command_parse(&tree_root, 8, argv, &found, &args, &help, &e);
    assert_true(code == e.code);
    error_clear(&e);
    int refused = command_parse(&tree_root, 4, wrong, &found, &args, &help, &e);
    assert_true(refused == ERROR_INVALID || refused == ERROR_MEMORY);
    if (refused == ERROR_MEMORY)
        code = refused;
    error_clear(&e);
    command_cleanup();
    command_help(&tree_root, &tree_children[0], &t);
    command_completion(&tree_root, "bash", &t);
    command_completion(&tree_root, "zsh", &t);
    command_completion(&tree_root, "fish", &t);
    if (!text_ok(&t))
        code = ERROR_MEMORY;
    text_deinit(&t);
    return code;
}

static int write_nowhere(void *arg, const char *line, size_t len)
{
    (void)arg;
    (void)line;
    (void)len;
    return 0;
}

static int result_scenario(void)
{
    struct result_stream r = {.write = write_nowhere};
    result_case(
        &r,
        &(struct result_case){
            .pillar = "e2e", .name = "n", .status = "passed", .message = "\xFF", .file = "f", .line = 1, .column = 1});
    result_finding(&r, &(struct result_finding){.title = "t", .detail = "d"});
    result_sample(&r, "s", 1.5);
    return r.broken ? ERROR_MEMORY : 0;
}

static void count_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)level;
    assert_int_equal(strlen(line), len);
    ++*(int *)arg;
}

static int log_scenario(void)
{
    int lines = 0;
    log_set_sink(count_line, &lines);
    log_info("component", "%0100d", 7);
    log_set_sink(NULL, NULL);
    assert_int_equal(lines, 1); /* with or without memory there is a line */
    return 0;
}

static void test_text(void **state)
{
    (void)state;
    (void)walk(text_scenario);
}

static void test_error(void **state)
{
    (void)state;
    (void)walk(error_scenario);
}

static void test_map(void **state)
{
    (void)state;
    assert_true(walk(map_scenario) >= 400);
}

static void test_arena_and_array(void **state)
{
    (void)state;
    (void)walk(arena_scenario);
}

static void test_document(void **state)
{
    (void)state;
    /* jansson is a shared library: its allocations are walked through its own hook. */
    json_set_alloc_funcs(failing_malloc, failing_free);
    assert_true(walk(json_scenario) > 30);
    (void)walk(yaml_scenario);
    (void)walk(refused_scenario);
    json_set_alloc_funcs(malloc, free);
}

static void test_options(void **state)
{
    (void)state;
    (void)walk(options_scenario);
}

static void test_result(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_malloc, failing_free);
    (void)walk(result_scenario);
    json_set_alloc_funcs(malloc, free);
}

static void test_log(void **state)
{
    (void)state;
    (void)walk(log_scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_allocator_itself),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_arena_and_array),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
