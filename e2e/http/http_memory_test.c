/* Requests while memory runs out: files, bytes and parts that are sent, packed answers, redirects and cookies, by
 * rpc/http.h in simulation, and by libcurl in the real world, with libcurl's own allocations among those that fail. */
#include "e2e/test_walk.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>

static void put_files(struct test_system *s)
{
    assert_int_equal(world_make_directory(s->disk, "flows"), 0);
    assert_int_equal(world_write_file(s->disk, "flows/up.bin", bytes_of("\x02\x01up"), false, NULL), 0);
    assert_int_equal(world_write_file(s->disk, "flows/ca.pem", bytes_of("no certificate"), false, NULL), 0);
    s->options.files = s->disk;
}

/* ---- in simulation ---- */

struct stage {
    struct test_system *system; /* first */
};

static int open_stage(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    void *system = NULL;
    if (g == NULL || test_system_setup_sim(&system) != 0)
        return -1;
    g->system = system;
    put_files(g->system);
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    void *system = g->system;
    free(g);
    return test_system_teardown(&system);
}

#define FLOW "flow: f\nsteps:\n"
#define LAST "  - {name: last, http: GET /text, expect: {status: 599}}\n"

static void uploads(void **state)
{
    (void)state;
    assert_true(test_walk_stages(open_stage, close_stage, NULL,
                                 FLOW
                                 "  - {http: POST /a, file: up.bin, headers: {content-type: image/png}, expect: {body: "
                                 "{type: image/png, length: '4', body: \"\\x02\\x01up\"}}}\n"
                                 "  - {http: PUT /a, base64: AQIDBA==, expect: {body: {length: '4', body: "
                                 "\"\\x01\\x02\\x03\\x04\"}}}\n" LAST) > 200);
    assert_true(test_walk_stages(
                    open_stage, close_stage, NULL,
                    FLOW "  - {http: POST /a, multipart: [{name: 'a\"b', value: {file: up.bin, name: n.png, type: "
                         "image/png}}, {name: c, value: 'd ${namespace}'}], expect: {body: {body: {$contains: "
                         "'filename=\"n.png\"'}, type: {$regex: '^multipart/form-data; boundary='}}}}\n" LAST) > 200);
}

/* ---- by libcurl ---- */

static void *again(void *p, size_t size)
{
    return realloc(p, size); /* wrapped here: one that fails */
}

static void *zeros(size_t count, size_t size)
{
    return calloc(count, size);
}

static char *copy(const char *s)
{
    return strdup(s);
}

/* libcurl's own are told before it is first used. */
static bool walk_libcurl(void)
{
    typedef CURLcode init_mem(long flags, curl_malloc_callback m, curl_free_callback f, curl_realloc_callback r,
                              curl_strdup_callback s, curl_calloc_callback c);
    void *library = dlopen("libcurl.so.4", RTLD_NOW);
    void *found = library != NULL ? dlsym(library, "curl_global_init_mem") : NULL;
    init_mem *init = NULL;
    memcpy(&init, &found, sizeof init);
    return init != NULL && init(CURL_GLOBAL_DEFAULT, failing_malloc, failing_free, again, copy, zeros) == CURLE_OK;
}

#define CURLED "headers: {expect: ''}" /* what the harness's own client does not send */

static void by_libcurl(void **state)
{
    struct test_system *s = *state;
    if (!walk_libcurl()) {
        print_message("skipped: libcurl is not installed\n");
        skip();
    }
    put_files(s);
    s->target.operations = NULL; /* no logs, which a failure would wait for */
    /* A server without memory may never answer. On a machine that takes longer for an answer, more runs end by it. */
    s->options.step_timeout = (uint64_t)(2 * SECOND);
    assert_true(test_walk(s, FLOW "  - {http: DELETE /a, " CURLED ", expect: {body: {method: DELETE}}}\n"
                                  "  - {http: POST /a, " CURLED
                                  ", file: up.bin, expect: {body: {method: POST, length: '4', "
                                  "body: \"\\x02\\x01up\"}}}\n"
                                  "  - {name: last, http: GET /text, " CURLED ", expect: {status: 599}}\n") > 200);
    assert_true(test_walk(s,
                          FLOW "  - {http: GET /text, compressed: true, curl: {http: '1.0', user: 'a:b', resolve: "
                               "['nowhere:1:127.0.0.1']}, check: ['version == \"1.0\"', 'ip == \"127.0.0.1\"', 'header "
                               "\"X-Twice\" count == 2']}\n"
                               "  - {name: last, http: GET /text, " CURLED ", expect: {status: 599}}\n") > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads),
        cmocka_unit_test_setup_teardown(by_libcurl, test_system_setup_real, test_system_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
