/* Swizzle-clog, after FoundationDB's simulator: some components are cut off one after another, and come back in another
 * order. */
#include "chaos/fault/network/network.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT, GAP };

static const struct fault_parameter parameters[] = {
    {"count", "components", FAULT_COUNT, 1, 32, 2, 5},
    {"gap", "between two", FAULT_DURATION, 0, MINUTE, 20 * MILLISECOND, 200 * MILLISECOND},
    {0},
};

struct swizzle {
    size_t count;
    struct proxy_effect effects[]; /* one for each component */
};

static void hold_one(void *arg, struct proxy_link *l, bool calls)
{
    (void)calls;
    (void)proxy_attach(l, arg, PROXY_BOTH, NULL);
}

static int inject(struct fault_injection *f, struct error *err)
{
    const char *order[NETWORK_GROUP_MAX];
    size_t all = network_shuffle(f, order), count = (size_t)f->parameters[COUNT];
    if (count > all)
        count = all;
    struct swizzle *s = calloc(1, sizeof *s + count * sizeof s->effects[0]);
    f->state = s;
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (; s->count < count; s->count++) {
        struct proxy_effect *e = &s->effects[s->count];
        int code = s->count > 0 ? fault_pause(f, (uint64_t)f->parameters[GAP], err) : 0;
        if (code != 0)
            return code;
        e->hold = true;
        if (network_each(f, order[s->count], hold_one, e) == 0)
            return error_set(err, ERROR_NOT_FOUND, "no link leads to or from %s", order[s->count]);
    }
    return 0;
}

static int verify(struct fault_injection *f, struct error *err)
{
    const struct swizzle *s = f->state;
    (void)err;
    f->hits = 0;
    for (size_t i = 0; s != NULL && i < s->count; i++)
        f->hits += s->effects[i].hits;
    return 0;
}

static int heal(struct fault_injection *f, struct error *err)
{
    struct swizzle *s = f->state;
    int code = 0;
    for (size_t left = s != NULL ? s->count : 0; left > 0; left--) {
        /* Any of those that are still cut off; it changes places with the last of them. */
        size_t at[32], n = 0;
        for (size_t i = 0; i < s->count; i++)
            if (s->effects[i].hold && n < sizeof at / sizeof at[0])
                at[n++] = i;
        struct proxy_effect *e = &s->effects[at[random_below(&f->random, n)]];
        int one = network_release(f, e, code == 0 ? err : NULL);
        e->hold = false;
        code = code == 0 ? one : code;
        if (left > 1)
            (void)fault_pause(f, (uint64_t)f->parameters[GAP], NULL);
    }
    free(s);
    f->state = NULL;
    return code;
}

const struct chaos_fault fault_swizzle = {
    .name = "swizzle",
    .family = "network",
    .summary = "some components are cut off one after another, and come back in another order",
    .parameters = parameters,
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = 0,
    .hold_max = (uint64_t)SECOND,
    .down_from_heal = true,
    .possible = network_possible,
    .inject = inject,
    .verify = verify,
    .heal = heal,
};
