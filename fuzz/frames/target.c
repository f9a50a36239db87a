#include "fuzz/frames/target.h"

#include "fuzz/frames/memory.h"
#include "fuzz/frames/mutate.h"
#include "fuzz/frames/oracle.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED_REPEAT 20                   /* frames of a flood in a seed */
#define WINDOW      ((uint32_t)64 << 10) /* bytes: small, so that cases can pass it */
#define STREAMS     8

static const struct frames_plan plan = {.path = FRAMES_ECHO_PATH,
                                        .hold_path = FRAMES_HOLD_PATH,
                                        .message = {(const uint8_t *)"hello", 5},
                                        .repeat = SEED_REPEAT,
                                        .window = WINDOW};

int frames_target_setup(void **state, const struct pb_pool **pool, struct error *err)
{
    struct grpc_settings settings;
    struct frames_memory *m = NULL;
    grpc_settings_init(&settings, true);
    settings.window = WINDOW;
    settings.streams_max = STREAMS;
    settings.message_max = 4096;
    settings.metadata_max = 4096;
    struct frames_memory_options options = {.settings = &settings};
    if (frames_memory_new(&options, &m) != 0)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *state = m;
    *pool = NULL;
    return 0;
}

void frames_target_teardown(void *state)
{
    frames_memory_free(state);
}

static void report(const struct frames_verdict *v, const struct exchange *x)
{
    struct text out = TEXT_INIT;
    frames_verdict_print(v, x, &out);
    text_char(&out, '\n');
    exchange_print(x, &out);
    fputs(text_string(&out), stderr);
    text_deinit(&out);
    abort();
}

void frames_target_run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct frames_memory *m = state;
    /* Time passes only as the case says, so nothing that needs time is a finding. */
    const struct frames_allowance allow = {.settled = false};
    struct frames_verdict v;
    if (frames_memory_run(m, c) != 0)
        return;
    const struct exchange *x = frames_memory_exchange(m);
    frames_judge(c, x, frames_memory_cost(m), &allow, &v);
    if (v.finding == FRAMES_NOTHING && frames_hung(x))
        v.finding = FRAMES_HANG;
    if (v.finding == FRAMES_RULE || v.finding == FRAMES_HANG)
        report(&v, x);
    (void)frames_trace_fill(t, x, frames_memory_cost(m), false);
}

const struct fuzz_target frames_target = FRAMES_TARGET;

static int mutate(void *arg, struct random *r, const struct fuzz_case *parent, const struct fuzz_case *other,
                  enum fuzz_lane lane, size_t max, struct fuzz_case *out, struct mutated *did)
{
    (void)arg;
    int rc = fuzz_case_copy(out, parent);
    if (rc)
        return rc;
    const char *what = frames_mutate(r, out, other, &plan);
    if (!what)
        return ERROR_MEMORY;
    size_t size = 0;
    for (size_t i = 0; i < out->events.count; i++)
        size += (size_t)out->events.items[i].name.len + out->events.items[i].value.len;
    if (size > max)
        return ERROR_NOT_FOUND;
    *did = (struct mutated){.lane = lane, .what = what};
    return 0;
}

const struct fuzz_mutator frames_mutator = {.mutate = mutate};

int frames_seed(size_t i, struct fuzz_case *out)
{
    if (i == 0)
        return frame_plain_build(&plan, out);
    return i <= frame_operator_count ? frame_operator_build(&frame_operators[i - 1], &plan, out) : ERROR_NOT_FOUND;
}
