#include "harrow/test_run.h"

#include "world/real.h"

#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/harrow-test-XXXXXX";

struct run *test_run_begin(uint64_t seed)
{
    int exit_code = 0;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    common = (struct common_options){.seed = seed, .driver = "sim", .out = folder, .log_level = "warn", .quiet = true};
    struct run *r = run_begin(TEST_MANIFEST, "harrow test", &exit_code);
    assert_non_null(r);
    return r;
}

int test_run_end(struct run *r)
{
    struct world *w = NULL;
    int exit_code = run_finish(r, 0);
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_remove_tree(w, folder), 0);
    world_real_free(w);
    return exit_code;
}

struct system *test_system_start(struct run *r)
{
    struct system *s = NULL;
    struct error err = ERROR_INIT;
    if (system_start(r, &s, &err) != 0)
        fail_msg("the system did not start: %s", err.message);
    return s;
}
