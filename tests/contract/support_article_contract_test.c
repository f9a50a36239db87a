/* Articles are found by their words, the best first; whatever fails, by what they were or by what they are. */
#include "tests/contract/backend_kit.h"

#include "proto/support/support.pb-c.h"

#include <string.h>

static int setup(void **state)
{
    return kit_setup(state, &backend_support, "support.Support");
}

static int put_as(struct kit *k, enum kit_caller who, const char *slug, const char *title, const char *body,
                  const char *locale, bool published)
{
    Support__PutArticleRequest r = SUPPORT__PUT_ARTICLE_REQUEST__INIT;
    Support__Article a = SUPPORT__ARTICLE__INIT;
    a.slug = arena_string(&k->arena, slug);
    a.title = arena_string(&k->arena, title);
    a.body = arena_string(&k->arena, body);
    a.locale = arena_string(&k->arena, locale);
    a.published = published;
    r.article = &a;
    kit_call(k, who, "PutArticle", &r.base, &support__put_article_response__descriptor);
    return kit_code(k);
}

static int put(struct kit *k, const char *slug, const char *title, const char *body)
{
    return put_as(k, ADMIN, slug, title, body, "", true);
}

/* The slugs with blanks between; "" too when it failed. */
static const char *found_as(struct kit *k, enum kit_caller who, const char *query, const char *locale, uint32_t limit)
{
    Support__SearchArticlesRequest r = SUPPORT__SEARCH_ARTICLES_REQUEST__INIT;
    r.query = arena_string(&k->arena, query);
    r.locale = arena_string(&k->arena, locale);
    r.limit = limit;
    const Support__SearchArticlesResponse *reply =
        kit_call(k, who, "SearchArticles", &r.base, &support__search_articles_response__descriptor);
    const char *slugs = "";
    for (size_t i = 0; reply && i < reply->n_articles; i++)
        slugs = arena_printf(&k->arena, "%s%s%s", slugs, i ? " " : "", reply->articles[i]->slug);
    return slugs;
}

static const char *found(struct kit *k, const char *query)
{
    return found_as(k, JANE, query, "", 0);
}

static void the_best_comes_first(void **state)
{
    struct kit *k = *state;
    assert_int_equal(put(k, "no-sound", "No sound", "Is the radio on? Turn it up."), 0);
    assert_int_equal(put(k, "antenna", "The antenna", "The radio makes noise, and no music? Turn the antenna."), 0);
    assert_int_equal(put(k, "batteries", "Batteries", "How batteries of the radio are changed."), 0);
    assert_string_equal(found(k, "my radio has no SOUND"), "no-sound antenna batteries");
    assert_string_equal(found(k, "batteries?"), "batteries");
    assert_string_equal(found(k, "radio"), "antenna batteries no-sound");
    assert_string_equal(found_as(k, JANE, "radio", "", 2), "antenna batteries");
    assert_string_equal(found(k, "turn batteries"), "batteries antenna no-sound"); /* a title, and a rare word */
    assert_string_equal(found(k, "television"), "");
    assert_int_equal(kit_code(k), 0);
    assert_string_equal(found(k, "?!"), "");
    kit_expect(k, 0);
}

static void what_has_changed_is_found_by_what_it_is(void **state)
{
    struct kit *k = *state;
    assert_int_equal(put(k, "a", "Old", "words of before"), 0);
    size_t records = kit_records(k);
    assert_int_equal(put(k, "a", "New", "words of now and then"), 0);
    assert_int_equal(kit_records(k), records + 2); /* words of before are gone */
    assert_string_equal(found(k, "old before"), "");
    assert_string_equal(found(k, "then"), "a");
}

static void drafts_and_other_languages(void **state)
{
    struct kit *k = *state;
    assert_int_equal(put_as(k, ADMIN, "a", "Sound", "Hello", "en", false), 0);
    assert_int_equal(put_as(k, ADMIN, "a", "Ton", "Hallo", "de", true), 0);
    assert_string_equal(found(k, "sound"), "");
    assert_string_equal(found_as(k, ADMIN, "sound", "", 0), "a"); /* agents see drafts */
    assert_string_equal(found_as(k, JANE, "ton", "de", 0), "a");
    assert_string_equal(found_as(k, JANE, "ton", "", 0), "");
    assert_int_equal(put_as(k, ADMIN, "a", "Sound", "Hello", "en", true), 0);
    assert_string_equal(found(k, "sound"), "a");
}

/* Whichever of its writes fails, or is done and not heard of: it is found by what it was until it is found by what it
 * is, and never by both. */
static void whichever_write_fails(struct kit *k, bool lost)
{
    int64_t n = 0;
    assert_int_equal(put(k, "a", "Old", "before"), 0);
    for (;; n++) {
        (lost ? kit_loses_after : kit_fails_after)(k, n);
        int code = put(k, "a", "New", "after");
        kit_fails_after(k, -1);
        bool old = found(k, "before")[0] != '\0', new = found(k, "after")[0] != '\0';
        assert_true(old != new);
        if (code == 0) {
            assert_true(new);
            break;
        }
        assert_int_equal(code, 503);
        assert_int_equal(put(k, "a", "Old", "before"), 0);
        assert_string_equal(found(k, "old"), "a");
    }
    assert_int_equal(n, 3); /* two words and the article */
}

static void a_write_that_fails(void **state)
{
    whichever_write_fails(*state, false);
}

static void a_write_that_is_lost(void **state)
{
    whichever_write_fails(*state, true);
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    assert_int_equal(put_as(k, JANE, "a", "t", "b", "", true), 403);
    assert_int_equal(put_as(k, NOBODY, "a", "t", "b", "", true), 401);
    assert_int_equal(put(k, "", "t", "b"), 400);
    assert_int_equal(put(k, "a b", "t", "b"), 400);
    assert_int_equal(put(k, "a/b", "t", "b"), 400);
    assert_int_equal(put(k, "a", "", "b"), 400);
    assert_int_equal(put(k, "a", "t", ""), 400);
    assert_int_equal(put_as(k, ADMIN, "a", "t", "b", "e/n", true), 400);
    Support__PutArticleRequest none = SUPPORT__PUT_ARTICLE_REQUEST__INIT;
    kit_call(k, ADMIN, "PutArticle", &none.base, &support__put_article_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    found(k, "");
    assert_int_equal(kit_code(k), 400);
    found_as(k, JANE, "a", "", 51);
    assert_int_equal(kit_code(k), 400);
    found_as(k, NOBODY, "a", "", 0);
    assert_int_equal(kit_code(k), 401);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_best_comes_first),       TEST(what_has_changed_is_found_by_what_it_is),
        TEST(drafts_and_other_languages), TEST(a_write_that_fails),
        TEST(a_write_that_is_lost),       TEST(bad_requests_ask_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
