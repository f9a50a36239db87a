/* Fuzz target: cases of frames against a server in memory. Case files are mutated event by event; bytes that are none
 * are what a client sends behind a proper greeting. */
#include "fuzz/frames/mutate.h"
#include "fuzz/frames/target.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static void *state(void)
{
    static void *made;
    const struct pb_pool *pool;
    if (!made && frames_target.setup(&made, &pool, NULL) != 0)
        abort();
    return made;
}

static void greet(struct fuzz_case *c, struct bytes then)
{
    struct fuzz_event connect = {.kind = EVENT_CONNECT}, bytes = {.kind = EVENT_BYTES},
                      settings = {.kind = EVENT_FRAME, .number = (uint64_t)FRAME_SETTINGS << 8};
    fuzz_case_clear(c);
    if (fuzz_case_add(c, &connect, BYTES_NONE, BYTES_NONE) < 0 ||
        fuzz_case_add(c, &bytes, BYTES_NONE, bytes_of(FRAME_PREFACE)) < 0 ||
        fuzz_case_add(c, &settings, BYTES_NONE, BYTES_NONE) < 0 || fuzz_case_add(c, &bytes, BYTES_NONE, then) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    if (fuzz_case_read(BYTES(data, size), &c, NULL) != 0)
        greet(&c, BYTES(data, size));
    frames_target.run(state(), &c, &t);
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct fuzz_case c = FUZZ_CASE_INIT, from = FUZZ_CASE_INIT;
    struct text out = TEXT_INIT;
    struct random r;
    struct mutated did;
    random_seed(&r, seed);
    bool read = fuzz_case_read(BYTES(data, size), &from, NULL) == 0 && from.events.count > 0;
    if (!read && random_below(&r, 8) > 0 && size > 0) {
        fuzz_case_deinit(&from);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    if (!read && frames_seed((size_t)random_below(&r, frame_operator_count + 1), &from) != 0)
        abort();
    int rc = frames_mutator.mutate(NULL, &r, &from, NULL, LANE_NEAR_VALID, max_size, &c, &did);
    if (rc == 0 && fuzz_case_write(&c, &out) == 0 && out.len <= max_size) {
        size = out.len;
        memcpy(data, out.data, out.len);
    }
    text_deinit(&out);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&from);
    return size;
}
