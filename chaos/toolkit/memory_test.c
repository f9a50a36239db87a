/* An experiment of the Chaos Toolkit read, put together and judged with every allocation failing once; not those of the
 * libraries that read JSON and YAML, which tell some of them as mistakes in the file. */
#include "base/failing_walk.h"
#include "chaos/toolkit/inside.h"

#define EXPERIMENT                                                                                                     \
    "{\"title\": \"t\", \"description\": \"d\", \"configuration\": {\"a\": \"b\", \"c\": {\"type\": \"env\", "         \
    "\"key\": \"K\", "                                                                                                 \
    "\"default\": 1}}, \"secrets\": {\"g\": {\"s\": \"x\"}}, \"controls\": [{\"name\": \"c\"}], "                      \
    "\"steady-state-hypothesis\": {\"title\": \"h\", \"probes\": [{\"type\": \"probe\", \"name\": \"p\", "             \
    "\"tolerance\": {\"type\": \"jsonpath\", \"path\": \"$..b[*]\", \"expect\": [1]}, \"provider\": {\"type\": "       \
    "\"process\", \"path\": \"${a}\"}}]}, \"method\": [{\"ref\": \"p\"}, {\"type\": \"action\", \"name\": \"k\", "     \
    "\"provider\": {\"type\": \"python\", \"module\": \"harrow\", \"func\": \"kill\", \"arguments\": {\"component\": " \
    "\"x${a}${c}\", \"hold\": \"1s\"}}}], \"runtime\": {\"rollbacks\": {\"strategy\": \"always\"}}}"

static int scenario(void)
{
    struct toolkit *k = NULL;
    struct text why = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct document *own = NULL;
    int code = document_parse_json(bytes_of(EXPERIMENT), "x.json", &own, &err);
    if (code == 0)
        code = toolkit_read(own, NULL, NULL, &k, &err);
    if (code == 0) {
        json_t *value = json_pack("{s:[i]}", "b", 1), *put = toolkit_substitute(k, k->method.items[1].provider);
        bool holds = value != NULL && tolerance_holds(k->probes.items[0].tolerance, value, k, &why);
        code = holds && put != NULL ? 0 : ERROR_MEMORY;
        json_decref(value);
        json_decref(put);
    }
    toolkit_free(k);
    text_deinit(&why);
    error_clear(&err);
    return code;
}

static void test_everything(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_everything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
