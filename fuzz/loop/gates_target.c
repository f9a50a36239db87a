/* gates_campaign: what --compares is for. No mutation gets past the second of its gates; with a twin they take a few
 * hundred runs. Behind the last one is a fault only sanitizers see, for --checks. */
#include "fuzz/loop/solve_target.h"

#include <stdlib.h>

static int setup(void **state, const struct pb_pool **pool, struct error *err)
{
    return solve_layers.setup(state, pool, err);
}

static void teardown(void *state)
{
    solve_layers.teardown(state);
}

static void run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    uint8_t before = solve_edges[5];
    solve_layers.run(state, c, t);
    if (solve_edges[5] != before) {
        volatile size_t size = 16; /* not for the compiler to see through */
        char *block = malloc(size);
        if (block)
            block[size] = 1;
        free(block);
    }
}

/* A record of which nothing is right. */
static int seed(size_t i, struct fuzz_case *out)
{
    static const char message[] = "\x0a\x12\x0a\x03key\x12\x0b"
                                  "hello world";
    return i ? ERROR_NOT_FOUND : fuzz_case_from_bytes(BYTES(message, sizeof message - 1), SOLVE_PATH, out);
}

const struct fuzz_target fuzz_target = {.name = "gates",
                                        .summary = "constants, strings and checksums, one behind the other",
                                        .path = SOLVE_PATH,
                                        .setup = setup,
                                        .teardown = teardown,
                                        .run = run,
                                        .seed = seed};
