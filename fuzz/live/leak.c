#include "fuzz/live/leak.h"

#include <inttypes.h>

#define QUARTERS 4

/* Runs a stage; what it grew by in the quarter that grew least. */
static int64_t stage(const struct leak_subject *s, uint64_t runs, int64_t *all)
{
    int64_t before = s->held(s->arg), first = before, least = INT64_MAX;
    for (int q = 0; q < QUARTERS; q++) {
        for (uint64_t i = 0; i < runs / QUARTERS; i++)
            s->run(s->arg);
        s->pause(s->arg);
        int64_t now = s->held(s->arg);
        least = now - before < least ? now - before : least;
        before = now;
    }
    *all = before - first;
    return least;
}

bool leak_watch(const struct leak_subject *s, uint64_t most, struct text *why)
{
    int64_t all = 0;
    uint64_t runs = LEAK_FIRST;
    if (most < LEAK_RUNS)
        most = LEAK_RUNS;
    if (most > LEAK_RUNS_MAX)
        most = LEAK_RUNS_MAX;
    for (int i = 0; i < LEAK_FIRST; i++)
        s->run(s->arg);
    s->pause(s->arg);
    for (uint64_t done = runs;; done += runs, runs = done) {
        if (stage(s, runs, &all) < (int64_t)(runs / QUARTERS * LEAK_SMALLEST))
            return false;
        if (done + runs >= most)
            break;
    }
    text_printf(why, "the last %" PRIu64 " of %" PRIu64 " runs left %" PRId64 " bytes each, files not counted", runs,
                2 * runs, all / (int64_t)runs);
    return true;
}
