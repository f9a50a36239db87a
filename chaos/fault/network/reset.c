#include "chaos/fault/network/network.h"
#include "world/sim.h"

#include <stdlib.h>

static void reset_one(void *arg, struct proxy_link *l, bool calls)
{
    uint64_t *count = arg;
    (void)calls;
    *count += proxy_reset(l);
}

/* The state is how many there were. */
static int inject(struct fault_injection *f, struct error *err)
{
    uint64_t *count = f->state = calloc(1, sizeof *count);
    if (count == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    (void)network_each(f, f->component, reset_one, count);
    /* Who found it by itself, in a registry, does not go by a link. */
    struct sim *sim = f->target->operations->sim != NULL ? f->target->operations->sim(f->target) : NULL;
    if (sim != NULL)
        *count += sim_reset_streams(sim, f->component, f->peer);
    if (*count > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "no connection to or from %s is open that could be reset", f->component);
}

static int verify(struct fault_injection *f, struct error *err)
{
    (void)err;
    f->hits = f->state != NULL ? *(const uint64_t *)f->state : 0;
    return 0;
}

/* New connections are made as ever. */
static int heal(struct fault_injection *f, struct error *err)
{
    (void)err;
    free(f->state);
    f->state = NULL;
    return 0;
}

const struct chaos_fault fault_reset = {
    .name = "reset",
    .family = "network",
    .summary = "every open connection of the component is reset, on both sides",
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_LINK,
    .hold_min = 0,
    .hold_max = 200 * (uint64_t)MILLISECOND,
    .possible = network_possible,
    .inject = inject,
    .verify = verify,
    .heal = heal,
};
