#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/api/request.h"
#include "runtime/service/service.h"

#include <string.h>

/* Without anything known of the request's type. */
static void test_table(void **state)
{
    static const struct {
        const char *query, *type, *body, *want; /* want "": nothing is sent */
    } rows[] = {
        {"", NULL, "", ""},
        {"name=Jane", NULL, "", "{\"name\":\"Jane\"}"},
        {"name=Jane+Doe%21", NULL, "", "{\"name\":\"Jane Doe!\"}"},
        {"a=1&a=2&a=3", NULL, "", "{\"a\":[\"1\",\"2\",\"3\"]}"},
        {"a&b=", NULL, "", "{\"a\":\"\",\"b\":\"\"}"},
        {"&&a=1&", NULL, "", "{\"a\":\"1\"}"},
        {"options.limit=3&options.order=desc", NULL, "", "{\"options\":{\"limit\":\"3\",\"order\":\"desc\"}}"},
        {"", "application/json", "{\"name\":\"Jane\"}", "{\"name\":\"Jane\"}"},
        {"", NULL, "{\"name\":\"Jane\"}", "{\"name\":\"Jane\"}"},
        {"", "application/json; charset=utf-8", "{}", ""},
        {"", "application/vnd.x+json", "{\"a\":1}", "{\"a\":1}"},
        {"a=1&b=2", "application/json", "{\"a\":\"body\"}", "{\"a\":\"body\",\"b\":\"2\"}"},
        {"", "application/x-www-form-urlencoded", "name=Jane&age=3", "{\"name\":\"Jane\",\"age\":\"3\"}"},
        {"", "application/x-www-form-urlencoded", "{\"name\":\"=\"}", "{\"name\":\"=\"}"},
        {"", "application/json", "{\"n\":9007199254740993}", "{\"n\":9007199254740993}"},
        {"q=1", "multipart/form-data; boundary=x",
         "--x\r\nContent-Disposition: form-data; name=a\r\n\r\none\r\n--x\r\n"
         "Content-Disposition: form-data; name=f; filename=f.txt\r\n\r\nabc\r\n--x--",
         "{\"q\":\"1\",\"a\":\"one\",\"f\":\"YWJj\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct api_request request = {
            .query = rows[i].query, .content_type = rows[i].type, .body = bytes_of(rows[i].body)};
        struct text out = TEXT_INIT;
        struct error err = ERROR_INIT;
        int status = 0;
        if (api_request_json(&request, &out, &status, &err) < 0)
            fail_msg("row %zu: %s", i, err.message);
        assert_string_equal(text_string(&out), rows[i].want);
        text_deinit(&out);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *query, *type, *body, *words;
        int status;
    } rows[] = {
        {"", "multipart/form-data; boundary=x", "--x", "behind the boundary", 400},
        {"", "multipart/form-data", "--x", "no boundary", 400},
        {"", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--",
         "UTF-8", 400},
        {"", "text/plain", "hello", "not understood", 415},
        {"", "application/json", "{\"a\":", "1", 400},
        {"", "application/json", "[1]", "must be a JSON object", 400},
        {"", "application/json", "{\"a\":1,\"a\":2}", "duplicate", 400},
        {"a=%zz", NULL, "", "percent escape in the value that starts at byte 1", 400},
        {"a=1&b=%2", NULL, "", "byte 5", 400},
        {"a=%00", NULL, "", "NUL", 400},
        {"=1", NULL, "", "empty name", 400},
        {"a=%ff", NULL, "", "UTF-8", 400},
        {"a=1&a.b=2", NULL, "", "both as a value and as an object", 400},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r=1", NULL, "", "too deeply", 400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct api_request request = {
            .query = rows[i].query, .content_type = rows[i].type, .body = bytes_of(rows[i].body)};
        struct text out = TEXT_INIT, words = TEXT_INIT;
        struct error err = ERROR_INIT;
        int status = 0;
        assert_true(api_request_json(&request, &out, &status, &err) < 0);
        error_format(&err, &words);
        if (!strstr(text_string(&words), rows[i].words))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, text_string(&words), rows[i].words);
        assert_int_equal(status, rows[i].status);
        error_clear(&err);
        text_deinit(&out);
        text_deinit(&words);
    }
}

static void check_shapes(struct api_schema schema, const char *query, const char *want)
{
    const struct api_request request = {.query = query, .schema = schema};
    struct text out = TEXT_INIT;
    int status = 0;
    assert_int_equal(api_request_json(&request, &out, &status, NULL), 0);
    assert_string_equal(text_string(&out), want);
    text_deinit(&out);
}

/* The same from the compiled-in contract and from what a registry tells. */
static void test_schema(void **state)
{
    static const char query[] = "key=a&options.prefix=true&options.limit=5&options.suffix=0";
    static const char want[] = "{\"key\":\"a\",\"options\":{\"prefix\":true,\"limit\":\"5\",\"suffix\":false}}";
    (void)state;
    const struct pb_type *type = pb_find_type(micro_pool(), "store.ReadRequest");
    assert_non_null(type);
    check_shapes((struct api_schema){.type = type}, query, want);

    char name_key[] = "key", name_options[] = "options", name_prefix[] = "prefix", name_suffix[] = "suffix";
    char type_string[] = "string", type_bool[] = "bool", type_options[] = "ReadOptions", name_list[] = "list";
    char type_list[] = "[]string";
    Registry__Value values[5], root;
    for (size_t i = 0; i < 5; i++)
        registry__value__init(&values[i]);
    registry__value__init(&root);
    values[0].name = name_key, values[0].type = type_string;
    values[1].name = name_options, values[1].type = type_options;
    values[2].name = name_prefix, values[2].type = type_bool;
    values[3].name = name_suffix, values[3].type = type_bool;
    values[4].name = name_list, values[4].type = type_list;
    Registry__Value *inner[] = {&values[2], &values[3]}, *outer[] = {&values[0], &values[1], &values[4]};
    values[1].values = inner, values[1].n_values = 2;
    root.values = outer, root.n_values = 3;
    check_shapes((struct api_schema){.value = &root}, query, want);
    check_shapes((struct api_schema){.value = &root}, "list=one", "{\"list\":[\"one\"]}");
    check_shapes((struct api_schema){.value = &root}, "options.prefix=maybe", "{\"options\":{\"prefix\":\"maybe\"}}");
}

static int tear_down(void **state)
{
    (void)state;
    micro_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
