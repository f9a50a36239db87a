/* The toy as a program: fuzz_toy ADDRESS [BUGS], in the real world, until a signal. BUGS is a number, a bit for each
 * (toy.h); by default all. */
#include "proto/set.h"
#include "tests/fuzz/toy.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>

static void on_signal(void *arg, int signal)
{
    (void)signal;
    world_stop(arg);
}

static void on_crash(void *arg)
{
    (void)arg;
    abort();
}

int main(int argc, char **argv)
{
    struct world *w = NULL;
    struct pb_pool *pool = NULL;
    struct toy *toy = NULL;
    struct error err = ERROR_INIT;
    if (argc < 2) {
        fputs("usage: fuzz_toy ADDRESS [BUGS]\n", stderr);
        return 2;
    }
    int code = world_real_new(1, &w, &err);
    if (code == 0)
        code = pb_pool_new(proto_set(), "set", &pool, &err);
    if (code == 0) {
        struct toy_options options = {.pool = pool,
                                      .address = argv[1],
                                      .bugs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : TOY_ALL,
                                      .crash = on_crash};
        code = toy_new(w, &options, &toy, &err);
    }
    if (code == 0) {
        world_on_signal(w, on_signal, w);
        (void)world_run(w);
    } else {
        struct text line = TEXT_INIT;
        error_format(&err, &line);
        fprintf(stderr, "fuzz_toy: %s\n", text_string(&line));
        text_deinit(&line);
    }
    toy_free(toy);
    pb_pool_free(pool);
    world_real_free(w);
    error_clear(&err);
    return code != 0;
}
