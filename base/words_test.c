#include "base/test.h"

#include "base/words.h"

#include <string.h>

static void words_are_quoted_where_they_must_be(void **state)
{
    static const struct {
        const char *word, *written;
    } cases[] = {
        {"--seed=42", "--seed=42"},
        {"systems/micro.yaml", "systems/micro.yaml"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"a\\b", "\"a\\\\b\""},
        {"$HOME", "\"\\$HOME\""},
        {"it's", "\"it's\""},
        {"`id`;", "\"\\`id\\`;\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text line = TEXT_INIT;
        words_add(&line, "harrow");
        words_add(&line, cases[i].word);
        assert_memory_equal(text_string(&line), "harrow ", 7);
        assert_string_equal(text_string(&line) + 7, cases[i].written);
        /* And it reads back as what it was. */
        struct arena arena = {0};
        char **words = NULL;
        size_t count = 0;
        assert_int_equal(words_split(text_string(&line), &arena, &words, &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_string_equal(words[1], cases[i].word);
        assert_null(words[2]);
        arena_deinit(&arena);
        text_deinit(&line);
    }
}

static void lines_are_split_as_a_shell_would(void **state)
{
    static const struct {
        const char *line, *words; /* with | between them */
    } cases[] = {
        {"", ""},
        {"   ", ""},
        {"harrow  e2e   m.yaml ", "harrow|e2e|m.yaml"},
        {"a --only \"create, edit, read\" b", "a|--only|create, edit, read|b"},
        {"a 'b \"c\" \\d' e", "a|b \"c\" \\d|e"},
        {"a b\"c d\"'e f'g", "a|bc de fg"},
        {"a \"\" b", "a||b"},
        {"a\\ b c", "a b|c"},
        {"\"\\n\"", "\\n"},
        {"end\\", "end\\"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct text joined = TEXT_INIT;
        char **words = NULL;
        size_t count = 0;
        assert_int_equal(words_split(cases[i].line, &arena, &words, &count, NULL), 0);
        for (size_t w = 0; w < count; w++)
            text_printf(&joined, "%s%s", w > 0 ? "|" : "", words[w]);
        assert_string_equal(text_string(&joined), cases[i].words);
        text_deinit(&joined);
        arena_deinit(&arena);
    }
}

static void an_open_quote_and_too_many_words_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct error err = ERROR_INIT;
    char **words = NULL;
    size_t count = 0;
    assert_int_equal(words_split("harrow --only \"open", &arena, &words, &count, &err), ERROR_SYNTAX);
    assert_string_equal(err.message, "a \" without its end in a command");
    char line[2 * WORDS_MAX + 3] = "";
    for (size_t i = 0; i < WORDS_MAX; i++)
        memcpy(line + 2 * i, "x ", 3);
    assert_int_equal(words_split(line, &arena, &words, &count, &err), 0);
    assert_int_equal(count, WORDS_MAX);
    memcpy(line + 2 * (size_t)WORDS_MAX, "x", 2);
    assert_int_equal(words_split(line, &arena, &words, &count, &err), ERROR_LIMIT);
    error_clear(&err);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_where_they_must_be),
        cmocka_unit_test(lines_are_split_as_a_shell_would),
        cmocka_unit_test(an_open_quote_and_too_many_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
