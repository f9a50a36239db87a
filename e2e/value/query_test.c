/* JSONPath, XPath and queries over values. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "e2e/value/jsonpath.h"
#include "e2e/value/query.h"
#include "e2e/value/xpath.h"

#include <stdlib.h>
#include <string.h>

static const char store[] =
    "{\"books\":[{\"t\":\"A\",\"p\":8.5,\"tags\":[\"x\"]},{\"t\":\"B\",\"p\":12},{\"t\":\"C\",\"p\":9,\"isbn\":\"1\"}],"
    "\"bike\":{\"p\":20,\"a-b\":true}}";

static void jsonpath(void **state)
{
    static const struct {
        const char *path, *found; /* NULL: nothing there */
    } cases[] = {
        {"$.bike.p", "20"},
        {"$['bike'][\"a-b\"]", "true"},
        {"$.bike.a-b", "true"},
        {"$.nothing", NULL},
        {"$.books[0].t", "\"A\""},
        {"$.books[-1].t", "\"C\""},
        {"$.books[9]", "[]"},
        {"$.books[*].t", "[\"A\",\"B\",\"C\"]"},
        {"$.books[0,2].t", "[\"A\",\"C\"]"},
        {"$.books[1:].t", "[\"B\",\"C\"]"},
        {"$.books[:-1].t", "[\"A\",\"B\"]"},
        {"$.books[::-1].t", "[\"C\",\"B\",\"A\"]"},
        {"$.books[?(@.p < 10)].t", "[\"A\",\"C\"]"},
        {"$.books[?@.isbn].t", "[\"C\"]"},
        {"$.books[?!@.isbn && @.p>=12].t", "[\"B\"]"},
        {"$.books[?(@.t=='A' || @.t=='B')].p", "[8.5,12]"},
        {"$.books[?@.p == $.books[1].p].t", "[\"B\"]"},
        {"$.books[?length(@.tags) == 1].t", "[\"A\"]"},
        {"$.books[?match(@.t, '[AB]')].t", "[\"A\",\"B\"]"},
        {"$.books[?count(@.*) == 2].t", "[\"B\"]"},
        {"$..p", "[8.5,12,9,20]"},
        {"$..[?@.a-b].p", "[20]"},
        {"$.books.[1].t", "\"B\""},
        {"$.none[*]", "[]"},
    };
    json_t *root = json_loads(store, 0, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *found = NULL;
        struct error err = ERROR_INIT;
        if (jsonpath_find(root, cases[i].path, &found, &err) != 0)
            fail_msg("%s: %s", cases[i].path, err.message);
        char *dumped = found != NULL ? json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        if ((dumped == NULL) != (cases[i].found == NULL) || (dumped != NULL && strcmp(dumped, cases[i].found) != 0))
            fail_msg("%s: expected %s, got %s", cases[i].path, cases[i].found ? cases[i].found : "nothing",
                     dumped ? dumped : "nothing");
        free(dumped);
        json_decref(found);
    }
    json_decref(root);
}

static void jsonpath_errors(void **state)
{
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"a", "not a JSONPath: column 1: a path begins with $"},
        {"$.", "not a JSONPath: column 3: expected a name"},
        {"$[", "not a JSONPath: column 3: expected a name in quotes, an index, a slice, \"*\" or \"?\""},
        {"$[0", "not a JSONPath: column 4: expected \"]\""},
        {"$['a", "not a JSONPath: column 3: this quote has no end"},
        {"$[?(@.a == )]", "not a JSONPath: column 12: expected @, $, a value or a function"},
        {"$a", "not a JSONPath: column 2: expected \".name\", \"..name\" or \"[\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *found = NULL;
        struct error err = ERROR_INIT;
        assert_int_equal(jsonpath_find(NULL, cases[i].path, &found, &err), ERROR_SYNTAX);
        assert_string_equal(err.message, cases[i].error);
        assert_null(found);
        error_clear(&err);
    }
}

static void asks(const char *text, bool html, const char *expression, const char *expected)
{
    json_t *found = NULL;
    struct error err = ERROR_INIT;
    if (xpath_find(bytes_of(text), html, expression, &found, &err) != 0)
        fail_msg("%s: %s", expression, err.message);
    char *dumped = json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(dumped, expected);
    free(dumped);
    json_decref(found);
}

static void xpath(void **state)
{
    static const char page[] = "<html><h1>Hello <b>you</b></h1><p class=a>1<p class=b>2</html>";
    static const char feed[] = "<f xmlns='urn:f' xmlns:x='urn:x'><e><x:n>7</x:n></e></f>";
    json_t *none = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    asks(page, true, "string(//h1)", "\"Hello you\"");
    asks(page, true, "//p", "{\"$nodes\":[\"1\",\"2\"]}");
    asks(page, true, "count(//p)", "2");
    asks(page, true, "boolean(//p[@class='b'])", "true");
    asks(feed, false, "string(//x:n)", "\"7\"");
    asks(feed, false, "count(/_:f/_:e)", "1");
    assert_int_equal(xpath_find(bytes_of(""), false, "/", &none, &err), ERROR_INVALID);
    error_clear(&err);
    assert_int_equal(xpath_find(bytes_of(page), true, "//[", &none, &err), ERROR_SYNTAX);
    error_clear(&err);
    assert_int_equal(xpath_check("count(//a)", &err), 0);
    /* nothing outside the text is read */
    asks("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><a>&e;</a>", false, "string(/a)", "\"\"");
}

/* What is read and written again says the same. */
static void printed(void **state)
{
    static const char *const lines[] = {
        "status == 200",
        "header \"Location\" split \"/\" last matches /^[0-9]+\\/$/",
        "jsonpath \"$.a['b']\" nth 0 toInt >= 3",
        "bytes startsWith hex,00ff;",
        "body contains \"a \\\"quote\\\"\\n\"",
        "variable \"x\" == ${other}",
        "xpath \"//p\" not exists",
        "duration < 1.5",
        "body == file,${name}/$${a}\\;b.bin;",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct scan s = {.in = bytes_of(lines[i])};
        struct query q;
        struct text out = TEXT_INIT;
        if (query_scan(&s, QUERY_ASSERT, &q) != 0)
            fail_msg("%s: %s", lines[i], s.why);
        query_print(&q, &out);
        assert_string_equal(text_string(&out), lines[i]);
        text_deinit(&out);
        query_deinit(&q);
    }
}

static int scenario(void)
{
    json_t *root = json_loads(store, 0, NULL), *found = NULL;
    if (root == NULL)
        return ERROR_MEMORY;
    int code = jsonpath_find(root, "$..[?(@.p < 10 && @.t != 'C')]['t', \"p\"]", &found, NULL);
    json_decref(found);
    json_decref(root);
    return code;
}

static void memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonpath), cmocka_unit_test(jsonpath_errors), cmocka_unit_test(xpath),
        cmocka_unit_test(printed),  cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
