/* Wrappers with every allocation failing in turn: what cannot be set up is refused as a whole, and nothing leaks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/log.h"
#include "runtime/wrap/internal.h"
#include "world/real.h"

#include <jansson.h>
#include <string.h>

static int parse(const char *url)
{
    struct arena arena = ARENA_INIT;
    struct wrap_endpoint e;
    int rc = wrap_endpoint_parse(url, &arena, &e, NULL);
    arena_deinit(&arena);
    return rc;
}

static void test_parse(void **state)
{
    static const char *const urls[] = {"http://h:1/a", "https://h", "grpc://h:1/p", "file:///x", "exec://a \"b c\" d"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        for (size_t n = 1;; n++) {
            failing_arm(n);
            int rc = parse(urls[i]);
            bool hit = failing_hit();
            failing_disarm();
            assert_int_equal(rc, hit ? ERROR_MEMORY : 0);
            if (!hit)
                break;
        }
    }
}

/* The file world_real_new() and what libuv holds is not ours: the world is made before, and goes after. */
static bool start_and_stop(struct world *w, const char *url, size_t n)
{
    static const char *const metadata[] = {"a=b"};
    const struct micro_options options = {
        .name = "x", .host = "127.0.0.1", .address = "127.0.0.1:0", .peers = "registry=127.0.0.1:1,auth=127.0.0.1:1"};
    const struct wrap_config config = {.options = &options, .endpoint = url, .metadata = metadata, .metadata_count = 1};
    struct wrap *wrap = NULL;
    failing_arm(n);
    int rc = wrap_start(w, &config, &wrap, NULL);
    bool hit = failing_hit();
    failing_disarm();
    if (rc == 0)
        wrap_stop(wrap);
    assert_true(rc == 0 || hit);
    (void)world_sleep(w, 1); /* what was closed is given back by the loop */
    return hit;
}

static void test_start(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1/a", "grpc://127.0.0.1:1/p", "file:///tmp", "exec:///bin/sh"};
    struct world *w = NULL;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        for (size_t n = 1; start_and_stop(w, urls[i], n); n++) {
        }
    world_real_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_start)};
    log_set_level(LOG_OFF);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return rc;
}
