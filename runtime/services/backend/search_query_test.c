/* What queries mean, what is wrong with those that mean nothing, and that reading one needs no luck with memory. */
#include "runtime/services/backend/search_query.h"

#include "base/test.h"

#include "base/failing_walk.h"

#include <string.h>

static const char person[] =
    "{\"name\":\"J\xC3\xB6rg\",\"age\":31,\"tags\":[\"old friend\",\"Warsaw\"],\"vip\":true,\"left\":null,"
    "\"home\":{\"town\":\"Krak\xC3\xB3w\",\"floor\":2.5},\"about\":\"A friend of friends, a FRIEND\"}";

/* 1 or 0; -1: the query is wrong. */
static int is(const char *query)
{
    struct arena a = ARENA_INIT;
    struct search_query *q;
    struct search_words words = {0};
    json_t *record = json_loads(person, 0, NULL);
    double score = 0;
    assert_true(search_words_of(&a, &words, record));
    int matches = search_parse(&a, query, &q, NULL) == 0 ? search_matches(q, record, &words, &score) : -1;
    json_decref(record);
    arena_deinit(&a);
    return matches;
}

static void queries(void **state)
{
    static const struct {
        const char *query;
        int is;
    } cases[] = {
        {"friend", 1},
        {"FRIEND", 1},
        {"frien", 0},
        {"frien*", 1},
        {"j\xC3\x96rg", 1}, /* upper case of a letter that has one */
        {"krak\xC3\xB3w", 1},
        {"friend warsaw", 1},
        {"friend and berlin", 0},
        {"friend or berlin", 1},
        {"not berlin", 1},
        {"not not berlin", 0},
        {"friend not warsaw", 0},
        {"berlin or friend warsaw", 1},
        {"(berlin or friend) and paris", 0},
        {"'old friend'", 1},
        {"'old enemy'", 0},
        {"name == 'J\xC3\xB6rg' and age >= 30", 1},
        {"name == 'j\xC3\xB6rg'", 0}, /* a value is compared as it is */
        {"age == 31", 1},
        {"age != 31", 0},
        {"age > 31", 0},
        {"age < 3.15e1", 1},
        {"age <= 31 and age >= 31", 1},
        {"age == '31'", 0},
        {"age != '31'", 1},
        {"nobody == 1", 0},
        {"nobody != 1", 1},
        {"nobody < 1", 0},
        {"nobody == null", 1},
        {"left == null", 1},
        {"vip == true", 1},
        {"vip == false", 0},
        {"vip != false", 1},
        {"vip > true", 0},
        {"tags == 'Warsaw'", 1},
        {"tags != 'Warsaw'", 0},
        {"tags == 'Krak\xC3\xB3w'", 0},
        {"home.town >= 'K'", 1},
        {"home.floor == 2.5", 1},
        {"home.town.street == 'x'", 0},
        {"AND", 0}, /* a word like any other where a word is expected */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (is(cases[i].query) != cases[i].is)
            fail_msg("%s: %d, expected %d", cases[i].query, is(cases[i].query), cases[i].is);
}

static void wrong_queries(void **state)
{
    static const struct {
        const char *query, *error;
    } cases[] = {
        {"", "column 1 of the query: expected a word"},
        {"   ", "column 4 of the query: expected a word"},
        {"(friend", "column 8 of the query: expected \")\""},
        {"friend)", "column 7 of the query: expected the end of the query"},
        {"name == 'J", "column 9 of the query: expected the quote that ends the text"},
        {"age >=", "column 7 of the query: expected a value"},
        {"age == 3x", "column 8 of the query: expected a value"},
        {"age == 1e999", "column 8 of the query: expected a value"},
        {"age == nan", "column 8 of the query: expected a value"},
        {"a or", "column 5 of the query: expected a word"},
        {"'...'", "column 6 of the query: expected a text with a word in it"},
        {"x ; y", "column 3 of the query: expected a word"},
        {"((((((((((((((((((((((((((((((((((((x", "column 33 of the query: expected less brackets"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = ARENA_INIT;
        struct error err = ERROR_INIT;
        struct search_query *q;
        assert_int_equal(search_parse(&a, cases[i].query, &q, &err), ERROR_SYNTAX);
        assert_null(q);
        if (strncmp(err.message, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("\"%s\": %s", cases[i].query, err.message);
        error_clear(&err);
        arena_deinit(&a);
    }
}

static double score(const char *query, const char *json, size_t found)
{
    struct arena a = ARENA_INIT;
    struct search_query *q;
    struct search_words words = {0};
    json_t *record = json_loads(json, 0, NULL);
    double out = 0;
    assert_int_equal(search_parse(&a, query, &q, NULL), 0);
    assert_true(search_words_of(&a, &words, record));
    q->found = found;
    assert_true(search_matches(q, record, &words, &out));
    json_decref(record);
    arena_deinit(&a);
    return out;
}

static void scores(void **state)
{
    (void)state;
    assert_true(score("dog", "{\"a\":\"dog dog dog\"}", 10) > score("dog", "{\"a\":\"dog\"}", 10));
    assert_true(score("dog", "{\"a\":\"dog\"}", 1) > score("dog", "{\"a\":\"dog\"}", 10)); /* a rarer word */
    assert_true(score("dog or cat", "{\"a\":\"dog cat\"}", 0) > score("dog or cat", "{\"a\":\"dog\"}", 0));
    assert_true(score("a == 'x'", "{\"a\":\"x\"}", 0) < 1e-9);
}

static void long_words_and_many(void **state)
{
    struct arena a = ARENA_INIT;
    struct search_words words = {0};
    char text[4 * SEARCH_WORD_MAX], *many = arena_alloc(&a, 8 * (SEARCH_WORDS_MAX + 10));
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    assert_true(search_words_add(&a, &words, text));
    assert_int_equal(words.count, 1);
    assert_int_equal(strlen(words.items[0].word), SEARCH_WORD_MAX);
    assert_false(words.too_many);
    size_t at = 0;
    for (int i = 0; i < SEARCH_WORDS_MAX; i++)
        at += (size_t)sprintf(many + at, "w%d ", i);
    assert_true(search_words_add(&a, &words, many));
    assert_true(words.too_many);
    assert_int_equal(words.count, SEARCH_WORDS_MAX);
    arena_deinit(&a);
}

static int scenario(void)
{
    struct arena a = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct search_query *q;
    struct search_words words = {0};
    bool ok = search_words_add(&a, &words,
                               "a friend of friends is a friend of mine and yours and his and hers and ours "
                               "one two three four five six seven eight nine ten eleven twelve");
    int rc = search_parse(&a, "(friend or not 'old \xC3\x96nemy') and home.town == \"x\" age >= 30 x*", &q, &err);
    error_clear(&err);
    arena_deinit(&a);
    return ok ? rc : ERROR_MEMORY;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_IS_TOLD) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),        cmocka_unit_test(wrong_queries),
        cmocka_unit_test(scores),         cmocka_unit_test(long_words_and_many),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
