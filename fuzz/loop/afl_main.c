/* The program around a target in a build with HARROW_AFL: AFL++'s persistent loop, test cases through its shared
 * memory. Given files instead, it runs each once and says so: for what afl-fuzz found, and to check a corpus. */
#include "fuzz/loop/corpus.h"
#include "fuzz/loop/verdict.h"
#include "world/real.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* AFL++'s macros are statement expressions. */
#pragma clang diagnostic ignored "-Wpedantic"
#pragma clang diagnostic ignored "-Wgnu-statement-expression"
#pragma clang diagnostic ignored "-Wsign-conversion"
#pragma clang diagnostic ignored "-Wshadow"
#pragma clang diagnostic ignored "-Wcast-qual"
#pragma clang diagnostic ignored "-Wshorten-64-to-32"

__AFL_FUZZ_INIT();

#define INPUT_MAX ((size_t)1 << 20) /* AFL++'s own limit */

static void *state;
static struct fuzz_case input;
static struct fuzz_trace trace;

/* What grows for the first larger input and never again would be edges that come and go, in AFL++'s eyes. */
static bool reserve(void)
{
    return array_reserve(&input.events, FUZZ_CASE_EVENTS_MAX) && text_reserve(&input.data, INPUT_MAX) &&
           array_reserve(&trace.calls, FUZZ_CASE_EVENTS_MAX) && array_reserve(&trace.replies, FUZZ_CASE_EVENTS_MAX) &&
           text_reserve(&trace.data, INPUT_MAX);
}

static int run(struct bytes any)
{
    int rc = fuzz_target_case(&fuzz_target, any, &input);
    if (rc)
        return rc;
    verdict_run(&fuzz_target, state, &input, &trace);
    return 0;
}

static int replay(int count, char **paths)
{
    struct world *world;
    struct text file = TEXT_INIT;
    int failed = 0;
    if (world_real_new(1, &world, NULL))
        return 1;
    for (int i = 0; i < count; i++) {
        text_clear(&file);
        int rc = world_read_file(world, paths[i], CORPUS_FILE_MAX, &file, NULL);
        if (rc == 0)
            rc = run(text_bytes(&file));
        printf("%s: %s\n", paths[i], rc ? error_code_name(rc) : "ran");
        failed += rc != 0;
    }
    text_deinit(&file);
    world_real_free(world);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    const struct pb_pool *pool = NULL;
    struct error err = ERROR_INIT;
    if (fuzz_target.setup && fuzz_target.setup(&state, &pool, &err)) {
        fprintf(stderr, "%s: %s\n", fuzz_target.name, err.message ? err.message : "cannot be set up");
        return 1;
    }
    if (!reserve()) {
        fprintf(stderr, "%s: out of memory\n", fuzz_target.name);
        return 1;
    }
    if (argc > 1)
        return replay(argc - 1, argv + 1);
    __AFL_INIT();
    const uint8_t *data = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(UINT_MAX))
        if (run(BYTES(data, (size_t)__AFL_FUZZ_TESTCASE_LEN)))
            return 1;
    return 0;
}
