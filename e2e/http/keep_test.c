/* What steps keep: cookies in files and back, answers in files, answers packed by Brotli. */
#include "e2e/test_walk.h"

#include "base/failing_walk.h"
#include "e2e/http/http.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "flow: test\nsteps:\n"
#define FORM "# Netscape HTTP Cookie File\n"

/* ---- the form ---- */

static void form(void **state)
{
    json_t *jar = json_array(), *again = json_array();
    struct text out = TEXT_INIT, twice = TEXT_INIT;
    size_t line;
    (void)state;
    const char *text = "# a comment\n\n"
                       "#HttpOnly_.shop.test\tTRUE\t/\tFALSE\t0\tsession\ts-1\r\n"
                       "api.shop.test\tFALSE\t/v1\tTRUE\t2000\tempty\t\n"
                       "api.shop.test\tFALSE\t/v1\tTRUE\t999\tgone\tx\n"
                       "localhost FALSE  /  FALSE 0 blank v";
    assert_int_equal(http_jar_read(jar, bytes_of(text), (int64_t)1000 * 1000000000, &line), 0);
    http_jar_print(jar, &out);
    assert_string_equal(text_string(&out), FORM ".shop.test\tTRUE\t/\tFALSE\t0\tsession\ts-1\n"
                                                "api.shop.test\tFALSE\t/v1\tTRUE\t2000\tempty\t\n"
                                                "localhost\tFALSE\t/\tFALSE\t0\tblank\tv\n");
    assert_int_equal(http_jar_read(again, text_bytes(&out), 0, &line), 0);
    http_jar_print(again, &twice);
    assert_string_equal(text_string(&twice), text_string(&out));
    static const char *const wrong[] = {"localhost", "a\tTRUE\t/\tFALSE\tnever\tn\tv", "a\tTRUE\t/\tFALSE\t0\t\tv",
                                        "\tTRUE\t/\tFALSE\t0\tn\tv", ".\tTRUE\t/\tFALSE\t0\tn\tv"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct text lines = TEXT_INIT;
        text_printf(&lines, FORM "%s\n", wrong[i]);
        assert_int_equal(http_jar_read(jar, text_bytes(&lines), 0, &line), ERROR_SYNTAX);
        assert_int_equal(line, 2);
        text_deinit(&lines);
    }
    text_deinit(&out);
    text_deinit(&twice);
    json_decref(jar);
    json_decref(again);
}

/* ---- steps ---- */

static void file_is(struct test_system *s, const char *path, const char *expected)
{
    struct text content = TEXT_INIT;
    assert_int_equal(world_read_file(s->disk, path, 10000, &content, NULL), 0);
    assert_string_equal(text_string(&content), expected);
    text_deinit(&content);
}

static void give_disk(struct test_system *s)
{
    assert_int_equal(world_make_directory(s->disk, "flows"), 0);
    s->options.files = s->disk;
}

static void jars(void **state)
{
    struct test_system *s = *state;
    give_disk(s);
    test_passes(s, "flows:\n"
                   "  - flow: a\n    steps:\n"
                   "      - {http: GET /login, jar: {write: out.txt}, expect: {status: 204}}\n"
                   "  - flow: b\n    steps:\n"
                   "      - {http: GET /cookies, expect: {body: none}}\n"
                   "      - {http: GET /cookies, jar: {read: out.txt}, expect: {body: session=s-1; short=x}}\n"
                   "      - {http: GET /cookies, jar: {clear: true}, expect: {body: none}}\n"
                   "  - flow: c\n    vars: {v: '7', token: hush-hush}\n    steps:\n"
                   "      - set: {host: '${= split(split(gateway, ''//'')[1], '':'')[0]}'}\n"
                   "      - {http: GET /cookies, jar: {set: '${host} FALSE / FALSE 0 n ${v}'}, expect: {body: n=7}}\n"
                   "      - {http: GET /cookies, jar: {set: '${host} FALSE / FALSE 0 n ${token}', write: hidden.txt}, "
                   "expect: {body: n=hush-hush}}\n");
    struct text content = TEXT_INIT;
    assert_int_equal(world_read_file(s->disk, "flows/out.txt", 10000, &content, NULL), 0);
    assert_non_null(strstr(text_string(&content), "\tFALSE\t/\tFALSE\t4096250880\tsession\ts-1\n"));
    text_clear(&content);
    assert_int_equal(world_read_file(s->disk, "flows/hidden.txt", 10000, &content, NULL), 0);
    assert_null(strstr(text_string(&content), "hush-hush"));
    text_deinit(&content);
    test_fails(s, FLOW "  - {http: GET /cookies, jar: {read: nowhere.txt}}\n",
               "step 1 http GET /cookies: flows/nowhere.txt: there is no such file");
    test_fails(
        s, FLOW "  - {http: GET /cookies, jar: {set: localhost}}\n",
        "step 1 http GET /cookies: set:1: this is no cookie: expected domain, TRUE or FALSE, path, TRUE or FALSE, "
        "seconds, name and value, with tabs between");
}

static void saves(void **state)
{
    struct test_system *s = *state;
    give_disk(s);
    test_passes(s, FLOW "  - {http: GET /text, save: 'a${= 1 + 1}.txt', expect: {status: 200}}\n"
                        "  - {http: GET /missing, save: b.json, expect: {status: 404}}\n");
    file_is(s, "flows/a2.txt", "plain words");
    file_is(s, "flows/b.json", "{\"code\":404}");
    assert_false(test_run(s, FLOW "  - {http: GET /text, save: no/such/folder.txt}\n"));
    const char *message = json_string_value(json_object_get(test_last(s, "case"), "message"));
    if (strstr(message, "cannot write flows/no/such/folder.txt: ") == NULL)
        fail_msg("%s", message);
}

static void wrong(void **state)
{
    static const char *const all[][2] = {
        {"  - {http: GET /a, jar: {reed: x}}\n", "unknown key \"reed\""},
        {"  - {http: GET /a, jar: {clear: 1}}\n", "\"clear\" is true or false"},
        {"  - {http: GET /a, jar: x}\n", "jar: expected a map, found text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        struct text yaml = TEXT_INIT;
        text_printf(&yaml, FLOW "%s", all[i][0]);
        assert_int_not_equal(flow_parse(text_bytes(&yaml), "x.yaml", &flows, &err), 0);
        if (strstr(err.message, all[i][1]) == NULL)
            fail_msg("%s", err.message);
        error_clear(&err);
        text_deinit(&yaml);
        flow_list_free(&flows);
    }
}

static void memory(void **state)
{
    struct test_system *s = *state;
    give_disk(s);
    assert_int_equal(
        world_write_file(s->disk, "flows/in.txt", bytes_of("localhost\tFALSE\t/\tFALSE\t0\tn\tv\n"), false, NULL), 0);
    assert_true(test_walk(s,
                          FLOW "  - {http: GET /login, save: s.bin, jar: {read: in.txt, set: 'a FALSE / FALSE 0 b c', "
                               "write: o.txt}, expect: {status: 204}}\n"
                               "  - {name: last, http: GET /text, expect: {status: 599}}\n") > 200);
}

/* ---- Brotli ---- */

static const char words[] = "plain words, plain words, plain words";
static const char packed[] = "\x1b\x24\x00\xf8\xa5\x40\x58\x6a\x10\x6a\xb2\x81\x20\xb0\xb1\xaa\x0a";

static int unpack(struct flow_context *x, size_t len, struct text *body)
{
    struct http_result r = {.headers = json_pack("{s:s}", "content-encoding", "br")};
    assert_non_null(r.headers);
    text_add(&r.body, packed, len);
    int code = http_unpack(x, &r);
    *body = r.body;
    json_decref(r.headers);
    return code;
}

static void brotli(void **state)
{
    struct flow_context x = {.error = ERROR_INIT};
    struct text body = TEXT_INIT;
    void *library = dlopen("libbrotlidec.so.1", RTLD_NOW);
    (void)state;
    if (library == NULL) {
        print_message("skipped: libbrotli1 is not installed\n");
        skip();
    }
    dlclose(library);
    assert_int_equal(unpack(&x, sizeof packed - 1, &body), 0);
    assert_string_equal(text_string(&body), words);
    text_deinit(&body);
    assert_int_equal(unpack(&x, sizeof packed - 3, &body), ERROR_PROTOCOL);
    assert_string_equal(x.error.message, "the answer says it is packed as br, and cannot be unpacked");
    text_deinit(&body);
    error_clear(&x.error);
}

static int brotli_scenario(void)
{
    struct flow_context x = {.error = ERROR_INIT};
    struct http_result r = {.headers = json_object()};
    bool ready = r.headers != NULL && json_object_set_new(r.headers, "content-encoding", json_string("br")) == 0;
    text_add(&r.body, packed, sizeof packed - 1);
    int code = ready && text_ok(&r.body) ? http_unpack(&x, &r) : ERROR_MEMORY;
    json_decref(r.headers);
    text_deinit(&r.body);
    error_clear(&x.error);
    return code;
}

static void brotli_memory(void **state)
{
    (void)state;
    if (brotli_scenario() != 0) { /* the library is opened */
        print_message("skipped: libbrotli1 is not installed\n");
        skip();
    }
    assert_true(failing_walk(brotli_scenario, 0) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form),
        cmocka_unit_test_setup_teardown(jars, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(saves, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test(wrong),
        cmocka_unit_test_setup_teardown(memory, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test(brotli),
        cmocka_unit_test(brotli_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
