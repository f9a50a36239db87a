/* What the gateway parses, with every allocation failing once: a clear refusal, nothing leaked, nothing half done. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/text.h"
#include "runtime/api/custom.h"
#include "runtime/api/limiter.h"
#include "wire/multipart.h"

#include <string.h>

static int count_part(void *arg, const struct multipart_part *part, struct error *err)
{
    (void)part;
    (void)err;
    ++*(int *)arg;
    return 0;
}

static int parse_parts(void)
{
    static const char body[] =
        "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\nContent-Type: "
        "text/plain\r\n\r\none\r\n--x\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--x--";
    struct arena arena = ARENA_INIT;
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    int parts = 0;
    int rc = multipart_boundary("multipart/form-data; boundary=\"x\"", boundary, NULL);
    if (rc == 0)
        rc = multipart_parse(MULTIPART_FORM, bytes_of(body), boundary, &arena, count_part, &parts, NULL);
    arena_deinit(&arena);
    assert_true(rc != 0 || parts == 2);
    return rc;
}

static int match_route(void)
{
    struct arena arena = ARENA_INIT;
    struct api_custom custom;
    struct custom_match match;
    static char service_name[] = "s", endpoint_name[] = "S.Call", key[] = "path", value[] = "/a/{b}:c,^/x+$,/exact";
    Registry__Endpoint__MetadataEntry entry, *entries[] = {&entry};
    Registry__Endpoint endpoint, *endpoints[] = {&endpoint};
    Registry__Service service, *services[] = {&service};
    registry__endpoint__metadata_entry__init(&entry);
    registry__endpoint__init(&endpoint);
    registry__service__init(&service);
    entry.key = key;
    entry.value = value;
    endpoint.name = endpoint_name;
    endpoint.metadata = entries;
    endpoint.n_metadata = 1;
    service.name = service_name;
    service.endpoints = endpoints;
    service.n_endpoints = 1;
    api_custom_init(&custom);
    int rc = api_custom_set(&custom, "micro", "s", services, 1);
    bool found = api_custom_match(&custom, "micro", "GET", "host:80", "/a/1:c", 6, &arena, &match);
    if (rc == 0 && found)
        assert_string_equal(match.values[0].value, "1");
    api_custom_deinit(&custom);
    arena_deinit(&arena);
    return rc == 0 && found ? 0 : ERROR_MEMORY;
}

/* Without memory for a bucket nobody is refused. */
static int take_one(void)
{
    struct api_limiter l;
    struct api_limit limit;
    api_limiter_init(&l, 1, 1);
    assert_true(api_limiter_take(&l, "joe", 5, &limit));
    bool refused = !api_limiter_take(&l, "joe", 5, &limit);
    api_limiter_deinit(&l);
    return refused ? 0 : ERROR_MEMORY;
}

static void every(int (*scenario)(void), size_t least)
{
    bool hit = true;
    size_t n = 1, failures = 0;
    for (; hit; n++) {
        failing_arm(n);
        int rc = scenario();
        hit = failing_hit();
        failing_disarm();
        failures += rc != 0;
        assert_true(hit || rc == 0);
    }
    assert_true(n > least && failures > 0);
}

static void test_multipart(void **state)
{
    (void)state;
    every(parse_parts, 2);
}

static void test_routes(void **state)
{
    (void)state;
    every(match_route, 8);
}

static void test_limiter(void **state)
{
    (void)state;
    every(take_one, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_multipart), cmocka_unit_test(test_routes),
                                       cmocka_unit_test(test_limiter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
