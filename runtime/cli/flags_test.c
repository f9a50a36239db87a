/* Flags of endpoints into requests, by table; and with every allocation failing in turn. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "runtime/cli/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

static const char schema_text[] =
    "{\"name\":\"Request\",\"type\":\"Request\",\"values\":["
    "{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"age\",\"type\":\"int32\"},"
    "{\"name\":\"big\",\"type\":\"int64\"},"
    "{\"name\":\"size\",\"type\":\"uint64\"},"
    "{\"name\":\"ratio\",\"type\":\"float64\"},"
    "{\"name\":\"really\",\"type\":\"bool\"},"
    "{\"name\":\"data\",\"type\":\"[]byte\"},"
    "{\"name\":\"tags\",\"type\":\"[]string\"},"
    "{\"name\":\"numbers\",\"type\":\"[]int64\"},"
    "{\"name\":\"labels\",\"type\":\"map[string]string\"},"
    "{\"name\":\"counts\",\"type\":\"map[string]int64\"},"
    "{\"name\":\"notes\",\"type\":\"[]Note\",\"values\":[{\"name\":\"text\",\"type\":\"string\"}]},"
    "{\"name\":\"user\",\"type\":\"User\",\"values\":["
    "{\"name\":\"first_name\",\"type\":\"string\"},"
    "{\"name\":\"address\",\"type\":\"Address\",\"values\":[{\"name\":\"city\",\"type\":\"string\"}]}]},"
    "{\"name\":\"user_id\",\"type\":\"string\"}]}";

static json_t *schema(void)
{
    json_t *value = json_loads(schema_text, 0, NULL);
    assert_non_null(value);
    return value;
}

static void test_requests(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *json;  /* the request; NULL: refused */
        const char *error; /* a piece of the message */
    } rows[] = {
        {{NULL}, "{}", NULL},
        {{"--name=Joe"}, "{\"name\":\"Joe\"}", NULL},
        {{"--name", "Joe"}, "{\"name\":\"Joe\"}", NULL},
        {{"--name="}, "{\"name\":\"\"}", NULL},
        {{"--name=a=b"}, "{\"name\":\"a=b\"}", NULL},
        {{"--name=5"}, "{\"name\":\"5\"}", NULL},
        {{"--name", "-5"}, "{\"name\":\"-5\"}", NULL},
        {{"--name=a", "--name=b"}, "{\"name\":\"b\"}", NULL},
        {{"--age=30"}, "{\"age\":30}", NULL},
        {{"--age=-1"}, "{\"age\":-1}", NULL},
        {{"--age=GRANTED"}, "{\"age\":\"GRANTED\"}", NULL}, /* an enum's value */
        {{"--age=2147483648"}, NULL, "--age: \"2147483648\" is not a whole number"},
        {{"--age=3x"}, NULL, "is not a whole number"},
        {{"--big=9223372036854775807"}, "{\"big\":9223372036854775807}", NULL},
        {{"--big=9223372036854775808"}, NULL, "is not a whole number"},
        {{"--big="}, NULL, "is not a whole number"},
        {{"--big= 1"}, NULL, "is not a whole number"},
        {{"--size=18446744073709551615"}, "{\"size\":\"18446744073709551615\"}", NULL},
        {{"--size=-1"}, NULL, "not negative"},
        {{"--ratio=1.5"}, "{\"ratio\":1.5}", NULL},
        {{"--ratio=inf"}, "{\"ratio\":\"Infinity\"}", NULL},
        {{"--ratio=x"}, NULL, "is not a number"},
        {{"--really"}, "{\"really\":true}", NULL},
        {{"--really=false"}, "{\"really\":false}", NULL},
        {{"--really", "false", "--name=x"}, "{\"really\":false,\"name\":\"x\"}", NULL},
        {{"--really", "--name=x"}, "{\"really\":true,\"name\":\"x\"}", NULL},
        {{"--really=yes"}, NULL, "is not true or false"},
        {{"--data=hi"}, "{\"data\":\"aGk=\"}", NULL},
        {{"--tags=a,b"}, "{\"tags\":[\"a\",\"b\"]}", NULL},
        {{"--tags=a", "--tags=b"}, "{\"tags\":[\"a\",\"b\"]}", NULL},
        {{"--tags=[\"a,b\"]"}, "{\"tags\":[\"a,b\"]}", NULL},
        {{"--numbers=1,2"}, "{\"numbers\":[1,2]}", NULL},
        {{"--numbers=1,b"}, NULL, "\"b\" is not a whole number"},
        {{"--labels=a=1,b=2"}, "{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}", NULL},
        {{"--labels={\"a\":\"x,y\"}"}, "{\"labels\":{\"a\":\"x,y\"}}", NULL},
        {{"--labels=a"}, NULL, "key=value"},
        {{"--counts=a=1"}, "{\"counts\":{\"a\":1}}", NULL},
        {{"--counts=a=x"}, NULL, "is not a whole number"},
        {{"--notes={\"text\":\"a\"}", "--notes={\"text\":\"b\"}"},
         "{\"notes\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
         NULL},
        {{"--user-first-name=Jo"}, "{\"user\":{\"first_name\":\"Jo\"}}", NULL},
        {{"--user_first_name=Jo"}, "{\"user\":{\"first_name\":\"Jo\"}}", NULL},
        {{"--user.address.city=Rome", "--user-first-name=Jo"},
         "{\"user\":{\"address\":{\"city\":\"Rome\"},\"first_name\":\"Jo\"}}",
         NULL},
        {{"--user={\"first_name\":\"Jo\"}"}, "{\"user\":{\"first_name\":\"Jo\"}}", NULL},
        {{"--user=Jo"}, NULL, "is not JSON"},
        {{"--user-id=7"}, "{\"user_id\":\"7\"}", NULL}, /* not a member of `user` */
        {{"--nam=Joe"}, NULL, "unknown flag --nam; did you mean --name?"},
        {{"--user-first-nam=Jo"}, NULL, "did you mean --user-first-name?"},
        {{"--xyzzyplugh=1"}, NULL, "unknown flag --xyzzyplugh"},
        {{"--name"}, NULL, "--name needs a value"},
        {{"--name", "--age=1"}, NULL, "--name needs a value"},
        {{"Joe"}, NULL, "unexpected \"Joe\""},
        {{"--"}, NULL, "unexpected"},
        {{"--name=\xff"}, NULL, "is not UTF-8"},
    };
    json_t *s = schema();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        json_t *got = NULL, *wanted = rows[i].json ? json_loads(rows[i].json, 0, NULL) : NULL;
        int argc = 0;
        while (rows[i].words[argc])
            argc++;
        int rc = flags_request(s, argc, rows[i].words, &got, &err);
        if (rows[i].json) {
            char *text = json_dumps(got, JSON_COMPACT);
            if (rc != 0 || !json_equal(got, wanted))
                fail_msg("row %zu: %s", i, err.message ? err.message : text ? text : "nothing");
            free(text);
        } else if (rc == 0 || got || !err.message || !strstr(err.message, rows[i].error)) {
            fail_msg("row %zu: %s", i, err.message ? err.message : "not refused");
        }
        json_decref(got);
        json_decref(wanted);
        error_clear(&err);
    }
    json_decref(s);
}

static void count_flag(void *arg, const char *name, const char *type)
{
    char *all = arg;
    snprintf(all + strlen(all), 1024 - strlen(all), "%s:%s ", name, type);
}

static void test_listing(void **state)
{
    char all[1024] = "";
    json_t *s = schema();
    (void)state;
    flags_each(s, count_flag, all);
    assert_non_null(strstr(all, "name:string "));
    assert_non_null(strstr(all, "user-first-name:string user-address-city:string user-id:string "));
    assert_null(strstr(all, "notes-text"));
    json_decref(s);
}

/* A schema may lie about anything. */
static void test_odd_schemas(void **state)
{
    static const char *const schemas[] = {"{}",
                                          "{\"values\":1}",
                                          "{\"values\":[1,null,{}]}",
                                          "{\"values\":[{\"name\":\"name\"}]}",
                                          "{\"values\":[{\"name\":1,\"type\":[]}]}",
                                          "{\"values\":[{\"name\":\"name\",\"type\":\"map[\"}]}",
                                          "{\"values\":[{\"name\":\"name\",\"type\":\"[]\"}]}"};
    (void)state;
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        static const char *const words[] = {"--name=a=b"};
        struct error err = ERROR_INIT;
        json_t *s = json_loads(schemas[i], 0, NULL), *got = NULL;
        char all[1024] = "";
        assert_non_null(s);
        int rc = flags_request(s, 1, words, &got, &err);
        assert_true((rc == 0) == (got != NULL));
        assert_true(rc == 0 || err.message);
        flags_each(s, count_flag, all);
        json_decref(got);
        json_decref(s);
        error_clear(&err);
    }
}

static void test_no_memory(void **state)
{
    static const char *const words[] = {"--user-address-city=Rome", "--tags=a,b", "--labels=a=1", "--data=x",
                                        "--age=7"};
    json_set_alloc_funcs(failing_malloc, failing_free);
    json_t *s = schema(), *wanted = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(flags_request(s, 5, words, &wanted, &err), 0);
    for (size_t nth = 1;; nth++) {
        json_t *got = NULL;
        failing_arm(nth);
        int rc = flags_request(s, 5, words, &got, &err);
        bool reached = failing_hit();
        failing_disarm();
        if (rc == 0)
            assert_true(json_equal(got, wanted));
        else
            assert_null(got);
        json_decref(got);
        error_clear(&err);
        if (!reached)
            break;
        assert_true(nth < 1000);
    }
    json_decref(wanted);
    json_decref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_odd_schemas),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
