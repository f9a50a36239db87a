#include "chaos/workload/latency.h"

#include "base/histogram.h"

#include <stdlib.h>

struct method {
    struct histogram durations[LATENCY_PHASES][2]; /* [1]: it ended well */
};

void latency_fault_begins(struct latency *l)
{
    l->in_force++;
}

void latency_fault_ends(struct latency *l, uint64_t at)
{
    l->in_force--;
    l->over = at > l->over ? at : l->over;
}

static struct method *method_of(struct latency *l, const char *name)
{
    struct method *m = map_get(&l->methods, name);
    if (m != NULL)
        return m;
    m = calloc(1, sizeof *m);
    if (m != NULL && map_put(&l->methods, name, m))
        return m;
    free(m);
    l->incomplete = true;
    return NULL;
}

void latency_call(struct latency *l, const char *method, bool ok, uint64_t now, uint64_t duration)
{
    uint64_t began = duration < now ? now - duration : 0;
    enum latency_phase phase = l->in_force > 0 || l->over > began ? LATENCY_DURING
                               : l->over == 0                     ? LATENCY_BEFORE
                                                                  : LATENCY_AFTER;
    struct method *m = method_of(l, method);
    if (m != NULL)
        histogram_add(&m->durations[phase][ok], duration);
}

void latency_tell(const struct latency *l, struct result_stream *r, bool virtual_time)
{
    static const char *const phases[LATENCY_PHASES] = {"before", "during", "after"};
    for (struct map_entry *e = l->incomplete ? NULL : map_first(&l->methods); e != NULL; e = map_next(e)) {
        const struct method *m = map_value(e);
        for (int i = 0; i < 2 * LATENCY_PHASES; i++) {
            int phase = i % LATENCY_PHASES;
            bool ok = i < LATENCY_PHASES;
            result_latency(r, &(struct result_latency){.pillar = "chaos",
                                                       .method = map_key(e),
                                                       .phase = phases[phase],
                                                       .ok = ok,
                                                       .virtual_time = virtual_time,
                                                       .durations = &m->durations[phase][ok]});
        }
    }
}

void latency_deinit(struct latency *l)
{
    for (struct map_entry *e = map_first(&l->methods); e != NULL; e = map_next(e))
        free(map_value(e));
    map_deinit(&l->methods);
    *l = (struct latency){0};
}
