/* Every reader and writer of histories, with every allocation failing once. Not those of the JSON library:
 * it tells some of them as errors of syntax. */
#include "base/failing_walk.h"
#include "chaos/history/file.h"
#include "chaos/history/picture.h"

#include <string.h>

static int parse(const char *text)
{
    struct history h;
    struct error err = ERROR_INIT;
    int code = history_parse((struct bytes){(const uint8_t *)text, strlen(text)}, "h", NULL, &h, NULL, &err);
    error_clear(&err);
    if (code == 0)
        history_deinit(&h);
    return code;
}

static int json_lines(void)
{
    return parse("{\"type\":\"invoke\",\"process\":0,\"f\":\"poll\",\"key\":\"a\",\"time\":1}\n"
                 "{\"type\":\"ok\",\"process\":0,\"f\":\"poll\",\"key\":\"a\",\"value\":[[1,\"x\"],[2,\"y\"]],"
                 "\"subscription\":\"s\",\"revision\":4,\"time\":2}\n");
}

static int edn(void)
{
    return parse("[{:type :invoke :process 0 :f :cas :value [:k [1 \"a\\n\"]]} {:type :fail :process 0 :f :cas}"
                 " {:type :invoke :process 1 :f :read :value [:k nil]} #_[1 2]"
                 " {:type :ok :process 1 :f :read :value [:k #{1 2 :three}]}]");
}

static int event_log(void)
{
    return parse("INFO  jepsen.util - 0\t:invoke\t:cas\t[1 :x]\nINFO  jepsen.util - 0\t:ok\t:cas\t[1 :x]\n");
}

static int appends(void)
{
    return parse(
        "{:process 0 :type :invoke :f :put :key \"a\" :value \"p\"}"
        "{:process 1 :type :invoke :f :append :key \"a\" :value \"x\"}"
        "{:process 1 :type :ok :f :append :key \"a\" :value \"x\"}"
        "{:process 1 :type :invoke :f :append :key \"a\" :value \"x\"}"
        "{:process 3 :type :invoke :f :append :key \"a\" :value \"y\"}"
        "{:process 4 :type :invoke :f :put :key \"b\" :value \"\"}"
        "{:process 2 :type :invoke :f :get :key \"a\"}{:process 2 :type :ok :f :get :key \"a\" :value \"pxx\"}");
}

static int make(struct history *h)
{
    int64_t text, i;
    history_init(h);
    int code = history_text_value(h, "x", 1, &text);
    if (code == 0 && history_key(h, "k", 1) < 0)
        code = ERROR_MEMORY;
    if (code == 0 && (i = history_invoke(h, 0, OPERATION_READ, 0, VALUE_NIL, 5)) < 0)
        code = (int)i;
    if (code == 0)
        code = history_set_list(h, 0, (const int64_t[]){1, text}, 2);
    if (code == 0)
        code = history_set_revision(h, 0, 3);
    if (code == 0 && (i = history_invoke(h, 1, OPERATION_WRITE, 0, text, 6)) < 0)
        code = (int)i;
    return code;
}

static int binary(void)
{
    struct history h, again;
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = make(&h);
    if (code == 0)
        code = history_write_binary(&h, &out);
    if (code == 0 && (code = history_parse(text_bytes(&out), "h", NULL, &again, NULL, &err)) == 0)
        history_deinit(&again);
    error_clear(&err);
    text_deinit(&out);
    history_deinit(&h);
    return code;
}

static int pictures(void)
{
    struct history h;
    struct check_result r;
    struct text out = TEXT_INIT;
    check_result_init(&r);
    int code = make(&h);
    if (code == 0)
        code = history_write(&h, &out);
    if (code == 0 && !check_result_add(&r, 1))
        code = ERROR_MEMORY;
    if (code == 0)
        code = picture_html(&h, &r, "h", &out);
    if (code == 0)
        code = picture_terminal(&h, &r, 80, true, &out);
    check_result_deinit(&r);
    text_deinit(&out);
    history_deinit(&h);
    return code;
}

static void test_readers(void **state)
{
    (void)state;
    assert_true(failing_walk(json_lines, FAILING_IS_TOLD) > 10);
    assert_true(failing_walk(edn, FAILING_IS_TOLD) > 10);
    assert_true(failing_walk(event_log, FAILING_IS_TOLD) > 5);
    assert_true(failing_walk(appends, FAILING_IS_TOLD) > 20);
}

static void test_writers(void **state)
{
    (void)state;
    assert_true(failing_walk(binary, FAILING_IS_TOLD) > 10);
    assert_true(failing_walk(pictures, FAILING_IS_TOLD) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers), cmocka_unit_test(test_writers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
