/* Store: registers with unique values, the chaos pillar's own workload and checkers. */
#include "tests/soak/soak.h"

#include "chaos/check/check.h"
#include "chaos/workload/workload.h"

#include <stdlib.h>

#define FINAL_READS ((uint64_t)(30 * SECOND))

static void *start(struct soak *s)
{
    struct workload *w = NULL;
    const struct workload_options options = {.seed = s->seed, .clients = 4, .keys = 8, .rate = 60};
    if (workload_new(&s->target, &options, &w, NULL) != 0)
        return NULL;
    workload_start(w);
    return w;
}

static void check(struct soak *s, void *load)
{
    struct workload *w = load;
    struct error err = ERROR_INIT;
    struct check_result result;
    check_result_init(&result);
    if (workload_stop(w) != 0)
        soak_fail(s, "store: operations do not end");
    if (workload_final_reads(w, FINAL_READS, &err) != 0)
        soak_fail(s, "store: the last reads are not answered: %s", err.message ? err.message : "?");
    error_clear(&err);
    const struct history *h = workload_history(w);
    if (check_register(h, &result) != 0 || result.verdict != VERDICT_VALID)
        soak_fail(s, "store: not linearizable at key %u: %s", result.key, result.reason);
    if (check_lost_writes(h, workload_final_from(w), &result) != 0 || result.verdict != VERDICT_VALID)
        soak_fail(s, "store: lost write at key %u: %s", result.key, result.reason);
    check_result_deinit(&result);
}

static uint64_t progress(const void *load)
{
    const struct history *h = workload_history(load);
    uint64_t ok = 0;
    for (size_t i = 0; i < h->count; i++)
        ok += h->operations[i].end == END_OK;
    return ok;
}

static void stop(void *load)
{
    workload_free(load);
}

const struct soak_load soak_store = {"store", start, check, progress, stop};
