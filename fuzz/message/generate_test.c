/* What is generated is valid. */
#include "base/test.h"

#include "base/error.h"
#include "fuzz/message/generate.h"
#include "proto/set.h"

#include <string.h>

#define VALID_DRAWS 100 /* per type */

static struct pb_pool *pool;

static int load(void **state)
{
    (void)state;
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

/* Maps' entries are no messages of their own, and google.protobuf's descriptors are proto2. */
static bool is_usable(const struct pb_type *t)
{
    return !t->map_entry && strncmp(t->full_name, "google.protobuf.", 16) != 0;
}

static void test_valid(void **state)
{
    (void)state;
    struct random r;
    size_t bytes = 0;
    random_seed(&r, 1);
    assert_true(pb_type_count(pool) > 50);
    for (size_t i = 0; i < pb_type_count(pool); i++) {
        const struct pb_type *t = pb_type_at(pool, i);
        for (int n = 0; is_usable(t) && n < VALID_DRAWS; n++) {
            struct text message = TEXT_INIT;
            struct error err = ERROR_INIT;
            fuzz_generate(&r, t, &message);
            if (pb_scan(t->descriptor, text_bytes(&message), &err) != 0)
                fail_msg("a generated %s is refused: %s", t->full_name, err.message);
            bytes += message.len;
            text_deinit(&message);
        }
    }
    assert_true(bytes > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
