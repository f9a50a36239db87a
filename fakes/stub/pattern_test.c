/* What a regular expression needs is found without it, and never hides a match. */
#include "base/test.h"

#include "base/random.h"
#include "base/text.h"
#include "fakes/stub/pattern.h"

#include <pthread.h>
#include <string.h>

static void needs(void **state)
{
    static const struct {
        const char *text, *needed;
        bool last;
    } ROWS[] = {
        {"0000123$", "0000123", true},
        {"^user/[0-9]+", "user/", false},
        {"a[0-9]+longer.b", "longer", false},
        {"ab*c", "a", false},
        {"a\\.b$", "a.b", true},
        {"abc{2,3}d$", "d", true},
        {"ab+?c", "a", false},
        {"x(y|z)+ww", "ww", false},
        {"a|b", "", false},
        {"(?i)abc", "", false},
        {"[]a]b[[:alpha:]]]cc", "cc", false},
        {"(a[)]b)cd", "cd", false},
        {"\\wab\\b", "ab", false},
        {"na\xc3\xafve\xc3\xa9?$", "na\xc3\xafve", false},
        {".*", "", false},
        {"", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct patterns all = {0};
        struct pattern *p;
        assert_int_equal(pattern_get(&all, ROWS[i].text, &p, NULL), 0);
        if (strcmp(p->needed, ROWS[i].needed) != 0 || p->needed_last != ROWS[i].last)
            fail_msg("%s needs '%s'%s", ROWS[i].text, p->needed, p->needed_last ? " at its end" : "");
        patterns_deinit(&all);
    }
}

/* Any expression of these letters says the same of any text as the C library alone. */
static void hides_nothing(void **state)
{
    static const char LETTERS[] = "aaabbbc.*+?|()[]{}1,^$\\";
    struct random random;
    size_t compiled = 0, matched = 0;
    (void)state;
    random_seed(&random, 7);
    for (size_t i = 0; i < 4000; i++) {
        char text[16] = "", subject[12] = "";
        struct patterns all = {0};
        struct pattern *p;
        size_t n = random_below(&random, sizeof text - 1);
        for (size_t k = 0; k < n; k++)
            text[k] = LETTERS[random_below(&random, sizeof LETTERS - 1)];
        if (pattern_get(&all, text, &p, NULL) == 0) {
            compiled++;
            for (size_t t = 0; t < 8; t++) {
                size_t len = random_below(&random, sizeof subject - 1);
                for (size_t k = 0; k < len; k++)
                    subject[k] = "abc1"[random_below(&random, 4)];
                subject[len] = '\0';
                bool fits = regexec(&p->regex, subject, 0, NULL, 0) == 0;
                matched += fits;
                if ((pattern_try(p, bytes_of(subject), NULL) == PATTERN_MATCHES) != fits)
                    fail_msg("'%s' of '%s': '%s'%s is needed", subject, text, p->needed, p->needed_last ? " last" : "");
            }
        }
        patterns_deinit(&all);
    }
    assert_true(compiled > 500 && matched > 500);
}

#define SEARCHES 2000

struct searcher {
    const struct pattern *pattern;
    size_t wrong;
};

static void *search_often(void *arg)
{
    struct searcher *s = arg;
    for (size_t i = 0; i < SEARCHES; i++) {
        s->wrong += pattern_try(s->pattern, bytes_of("abab12"), NULL) != PATTERN_MATCHES;
        s->wrong += pattern_try(s->pattern, bytes_of("abab"), NULL) != PATTERN_DIFFERS;
    }
    return NULL;
}

/* Of either kind of expression. */
static void threads_share_an_expression(void **state)
{
    static const char *const EXPRESSIONS[] = {"^(ab)+[0-9]+$", "(*UTF)^(ab)+\\d+$"};
    (void)state;
    for (size_t e = 0; e < sizeof EXPRESSIONS / sizeof EXPRESSIONS[0]; e++) {
        struct patterns all = {0};
        struct pattern *p;
        pthread_t threads[3];
        struct searcher searchers[3] = {{NULL, 0}};
        assert_int_equal(pattern_get(&all, EXPRESSIONS[e], &p, NULL), 0);
        for (size_t i = 0; i < 3; i++) {
            searchers[i].pattern = p;
            assert_int_equal(pthread_create(&threads[i], NULL, search_often, &searchers[i]), 0);
        }
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(searchers[i].wrong, 0);
        }
        patterns_deinit(&all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(needs), cmocka_unit_test(hides_nothing),
                                       cmocka_unit_test(threads_share_an_expression)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
