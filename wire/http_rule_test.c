/* Templates and rules of google.api.http: what they match, what they take, what is refused and where. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "wire/http_rule.h"
#include "wire/proto/proto.h"

#include <stdio.h>
#include <string.h>

/* ---- templates ---- */

/* The variables as "name=value name=value"; NULL: no match. */
static const char *match(const char *template, const char *path)
{
    static char shown[1000];
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct http_template t;
    struct bytes parts[HTTP_TEMPLATE_SEGMENTS_MAX];
    struct text out = TEXT_INIT;
    if (http_template_parse(template, &arena, &t, &err) != 0)
        fail_msg("%s", err.message);
    bool matches = http_template_match(&t, bytes_of(path), parts);
    for (size_t i = 0; matches && i < t.variable_count; i++) {
        text_printf(&out, "%s%s=", i > 0 ? " " : "", t.variables[i].field);
        assert_true(http_template_value(&t, &t.variables[i], parts[i], &out));
    }
    (void)snprintf(shown, sizeof shown, "%s", text_string(&out));
    text_deinit(&out);
    arena_deinit(&arena);
    return matches ? shown : NULL;
}

static void paths_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *template, *path, *values; /* NULL: no match */
    } cases[] = {
        {"/v1/messages/{message_id}", "/v1/messages/123456", "message_id=123456"},
        {"/v1/messages/{message_id}/{sub.subfield}", "/v1/messages/1/foo", "message_id=1 sub.subfield=foo"},
        {"/v1/{name=messages/*}", "/v1/messages/123456", "name=messages/123456"},
        {"/v1/{name=messages/*}", "/v1/messages", NULL},
        {"/v1/{name=messages/*}", "/v1/messages/", NULL},
        {"/v1/{name=messages/*}", "/v1/messages/1/2", NULL},
        {"/v1/{name=shelves/*/books/*}:publish", "/v1/shelves/a/books/b:publish", "name=shelves/a/books/b"},
        {"/v1/{name=shelves/*/books/*}:publish", "/v1/shelves/a/books/b", NULL},
        {"/v1/{name=shelves/*/books/*}:publish", "/v1/shelves/a/books/b:Publish", NULL},
        {"/v1/{name=shelves/*}/books", "/v1/shelves/a/books", "name=shelves/a"},
        {"/v1/{name=**}", "/v1/a/b/c", "name=a/b/c"},
        {"/v1/{name=**}", "/v1/", "name="},
        {"/v1/{name=**}", "/v1", "name="},
        {"/v1/{name=**}", "/v2", NULL},
        {"/v1/{name=a/**}", "/v1/a", "name=a"},
        {"/v1/{name=a/**}:undelete", "/v1/a/b/c:undelete", "name=a/b/c"},
        {"/v1/{parent=**}/books", "/v1/a/b/books", "parent=a/b"},
        {"/v1/{parent=**}/books", "/v1/books", "parent="},
        {"/v1/{parent=**}/books", "/v1/a/b", NULL},
        {"/v1/{parent=**}/books", "/v1", NULL},
        {"/v1/{name=**/books/*}", "/v1/books/c", "name=books/c"},
        {"/v1/{name=**/books/*}:x", "/v1/a/books/c:x", "name=a/books/c"},
        {"/v1/{p=docs/*/**}/{collection}", "/v1/docs/a/b/c", "p=docs/a/b collection=c"},
        {"/v1/*/b", "/v1/x/b", ""},
        {"/v1/*/b", "/v1//b", NULL},
        {"/v1/**", "/v1/a:b", ""},
        {"/v1/{a}/{b}", "/v1/x%2Fy/z%20", "a=x/y b=z "},
        {"/v1/{a=**}", "/v1/x%2fy/z%20%2F", "a=x%2fy/z %2F"},
        {"/v1/{a=b/*}", "/v1/b/x%2Fy%3A", "a=b/x%2Fy:"},
        {"/v1/{a=b}", "/v1/b", "a=b"},
        {"/v1/a%20b", "/v1/a%20b", ""},
        {"/v1/a@b", "/v1/a%40b", ""},
        {"/v1/{a}:x", "/v1/:x", NULL},
        {"/v1/{a}:x", "/v1/b:y:x", "a=b:y"},
        {"/v1/{a}", "/v1/b:x", "a=b:x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *values = match(cases[i].template, cases[i].path);
        if ((values == NULL) != (cases[i].values == NULL) || (values != NULL && strcmp(values, cases[i].values) != 0))
            fail_msg("%s of %s: %s, expected %s", cases[i].template, cases[i].path, values != NULL ? values : "nothing",
                     cases[i].values != NULL ? cases[i].values : "nothing");
    }
}

static void bad_templates_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *template, *why;
    } cases[] = {
        {"", "ends too early: expected \"/\""},
        {"/", "ends too early: expected a literal"},
        {"v1", "has 'v' as character 1: expected \"/\""},
        {"/v1/", "ends too early: expected a literal"},
        {"/v1//a", "has '/' as character 5: expected a literal"},
        {"/v1/{a", "ends too early: expected \"=\", \".\" or \"}\""},
        {"/v1/{a=", "ends too early: expected a literal"},
        {"/v1/{a=b", "ends too early: expected \"/\" or \"}\""},
        {"/v1/{=b}", "has '=' as character 6: expected a field's name"},
        {"/v1/{a.}", "has '}' as character 8: expected a field's name"},
        {"/v1/{1}", "has '1' as character 6: expected a field's name"},
        {"/v1/{a={b}}", "has '{' as character 8: expected no variable inside a variable"},
        {"/v1/{a}/{a}", "binds a twice"},
        {"/v1/{a=**}/**", "has '*' as character 12: expected no second \"**\""},
        {"/**/{b=**/c}", "has '*' as character 8: expected no second \"**\""},
        {"/v1/a:b/c", "has '/' as character 8: expected the end, behind the verb"},
        {"/v1/a:", "ends too early: expected a literal"},
        {"/v1/a*", "has '*' as character 6: expected \"/\", \":\" and a verb, or the end"},
        {"/v1/a b", "has ' ' as character 6: expected"},
        {"/v1/a?b=c", "has '?' as character 6: expected"},
        {"/v1/%4", "expected two hexadecimal digits after a percent sign"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = ARENA_INIT;
        struct error err = ERROR_INIT;
        struct http_template t;
        assert_int_equal(http_template_parse(cases[i].template, &arena, &t, &err), ERROR_SYNTAX);
        if (strstr(err.message, cases[i].why) == NULL)
            fail_msg("\"%s\": %s; expected %s", cases[i].template, err.message, cases[i].why);
        error_clear(&err);
        arena_deinit(&arena);
    }
}

static void the_nearer_template_comes_first(void **state)
{
    (void)state;
    static const char *const order[] = {"/v1/{a=b/**}:x", "/v1/a/b", "/v1/a/{b}",        "/v1/a/{c}/d",
                                        "/v1/a/**",       "/v1/{x}", "/v1/{x}/y/{z=**}", "/{all=**}"};
    size_t n = sizeof order / sizeof *order;
    struct http_template t[sizeof order / sizeof *order];
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(http_template_parse(order[i], &arena, &t[i], NULL), 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            int o = http_template_order(&t[i], &t[k]);
            if ((i < k && o >= 0) || (i > k && o <= 0) || (i == k && o != 0))
                fail_msg("%s and %s: %d", order[i], order[k], o);
        }
    arena_deinit(&arena);
}

/* ---- rules ---- */

static const char head[] = "syntax = \"proto3\";\npackage t;\nimport \"google/api/annotations.proto\";\n"
                           "message Part { string name = 1; int32 size = 2; repeated string tags = 3; }\n"
                           "message Request { string id = 1; Part part = 2; repeated Part parts = 3;\n"
                           "  map<string, string> labels = 4; }\n"
                           "service S {\n  rpc Do(Request) returns (Part) {\n    option (google.api.http) ";

static int compile(const char *rule, struct pb_pool **pool, struct error *err)
{
    struct text source = TEXT_INIT, set = TEXT_INIT;
    text_printf(&source, "%s%s;\n  }\n}\n", head, rule);
    int code = proto_compile_text("t.proto", text_bytes(&source), &set, err);
    if (code == 0)
        code = pb_pool_new(text_bytes(&set), "t", pool, err);
    text_deinit(&source);
    text_deinit(&set);
    return code;
}

static int read_rule(const char *rule, struct arena *arena, const struct http_binding **bindings, size_t *count,
                     struct pb_pool **pool, struct error *err)
{
    if (compile(rule, pool, err) != 0)
        fail_msg("%s", err->message);
    const struct pb_method *m = pb_find_method(*pool, "/t.S/Do", false);
    assert_true(http_rule_has(m));
    return http_rule_read(m, arena, bindings, count, err);
}

static void rules_are_read(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct pb_pool *pool;
    const struct http_binding *b;
    size_t count;
    assert_int_equal(read_rule("= { put: \"/v1/{id}/{part.name=*}\" body: \"part\" response_body: \"tags\"\n"
                               "additional_bindings { custom { kind: \"HEAD\" path: \"/v1/{id}:look\" } }\n"
                               "additional_bindings { patch: \"/v2/{id}\" body: \"*\" } }",
                               &arena, &b, &count, &pool, &err),
                     0);
    assert_int_equal(count, 3);
    assert_string_equal(b[0].verb, "PUT");
    assert_int_equal(b[0].body, HTTP_BODY_FIELD);
    assert_string_equal(b[0].body_field->name, "part");
    assert_string_equal(b[0].response_field->name, "tags");
    assert_int_equal(b[0].path.variable_count, 2);
    assert_string_equal(b[1].verb, "HEAD");
    assert_int_equal(b[1].body, HTTP_BODY_NONE);
    assert_true(bytes_is(b[1].path.verb, "look"));
    assert_null(b[1].response_field);
    assert_string_equal(b[2].verb, "PATCH");
    assert_int_equal(b[2].body, HTTP_BODY_ALL);
    arena_deinit(&arena);
    pb_pool_free(pool);
    /* said piece by piece */
    assert_int_equal(
        read_rule(".post = \"/v1/{id}\"; option (google.api.http).body = \"*\"", &arena, &b, &count, &pool, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(b[0].body, HTTP_BODY_ALL);
    arena_deinit(&arena);
    pb_pool_free(pool);
}

static void bad_rules_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *why;
    } cases[] = {
        {"= {}", "no get, put, post, delete, patch or custom"},
        {"= { get: \"/v1/{id\" }", "the path template \"/v1/{id\" ends too early"},
        {"= { get: \"/v1/{ids}\" }", "{ids}: t.Request has no field \"ids\""},
        {"= { get: \"/v1/{part.nam}\" }", "{part.nam}: t.Part has no field \"nam\""},
        {"= { get: \"/v1/{id.name}\" }", "{id.name}: id is no message"},
        {"= { get: \"/v1/{part}\" }", "{part}: part is a message"},
        {"= { get: \"/v1/{part.tags}\" }", "{part.tags}: tags is repeated"},
        {"= { get: \"/v1/{parts.name}\" }", "{parts.name}: parts is repeated"},
        {"= { get: \"/v1/{labels}\" }", "{labels}: labels is a map"},
        {"= { post: \"/v1\" body: \"part.name\" }", "body: t.Request has no field \"part.name\""},
        {"= { get: \"/v1\" response_body: \"id\" }", "response_body: t.Part has no field \"id\""},
        {"= { custom { kind: \"A B\" path: \"/v1\" } }", "custom: \"A B\" is no HTTP method"},
        {"= { get: \"/v1\" additional_bindings { get: \"/v2\" additional_bindings { get: \"/v3\" } } }",
         "an additional binding cannot have additional bindings"},
        {"= { get: \"/v1\" additional_bindings { } }", "no get, put, post"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = ARENA_INIT;
        struct error err = ERROR_INIT;
        struct text shown = TEXT_INIT;
        struct pb_pool *pool;
        const struct http_binding *b;
        size_t count;
        assert_true(read_rule(cases[i].rule, &arena, &b, &count, &pool, &err) != 0);
        error_format(&err, &shown);
        if (strstr(text_string(&shown), "t.proto:9:5: google.api.http of t.S.Do: ") == NULL ||
            strstr(text_string(&shown), cases[i].why) == NULL)
            fail_msg("%s: %s; expected %s", cases[i].rule, text_string(&shown), cases[i].why);
        text_deinit(&shown);
        error_clear(&err);
        pb_pool_free(pool);
        arena_deinit(&arena);
    }
}

static struct pb_pool *walked;

static int walk_reading(void)
{
    struct error err = ERROR_INIT;
    struct arena arena = ARENA_INIT;
    const struct http_binding *b;
    size_t count;
    int code = http_rule_read(pb_find_method(walked, "/t.S/Do", false), &arena, &b, &count, &err);
    error_clear(&err);
    arena_deinit(&arena);
    return code;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    assert_int_equal(compile("= { put: \"/v1/{id}/x%20y/{part.name=a/**}\" body: \"part\" response_body: \"tags\"\n"
                             "additional_bindings { get: \"/v1/{id}:look\" } }",
                             &walked, &err),
                     0);
    failing_walk(walk_reading, FAILING_IS_TOLD);
    pb_pool_free(walked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_taken_apart),
        cmocka_unit_test(bad_templates_are_refused),
        cmocka_unit_test(the_nearer_template_comes_first),
        cmocka_unit_test(rules_are_read),
        cmocka_unit_test(bad_rules_are_refused_with_their_place),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
