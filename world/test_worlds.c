#include "world/test_worlds.h"

#include <stdio.h>
#include <stdlib.h>

int fixture_real(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    struct error err = ERROR_INIT;
    assert_int_equal(world_real_new(7, &f->world, &err), 0);
    snprintf(f->directory, sizeof(f->directory), "/tmp/harrow-world-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

int fixture_sim(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->sim = sim_new(&(struct sim_options){.seed = 7});
    assert_non_null(f->sim);
    f->world = sim_node(f->sim, "test");
    assert_non_null(f->world);
    snprintf(f->directory, sizeof(f->directory), "/data");
    assert_int_equal(world_make_directory(f->world, f->directory), 0);
    *state = f;
    return 0;
}

int fixture_end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(world_remove_tree(f->world, f->directory), 0);
    if (f->sim)
        sim_free(f->sim);
    else
        world_real_free(f->world);
    free(f);
    return 0;
}

struct wait {
    const size_t *counter;
    size_t value;
};

static bool wait_done(void *arg)
{
    const struct wait *wait = arg;
    return *wait->counter >= wait->value;
}

void wait_count(struct world *w, const size_t *counter, size_t value)
{
    struct wait wait = {counter, value};
    int code = world_run_until(w, wait_done, &wait, TEST_LIMIT);
    if (code < 0)
        fail_msg("waiting for %zu, have %zu: %s", value, *counter, error_code_name(code));
}

const char *fixture_path(const struct fixture *f, const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", f->directory, name);
    return path;
}
