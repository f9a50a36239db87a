#include "chaos/fault/network/network.h"

#include <string.h>

/* Any peer it has a link with, when none is asked for. */
static const char *draw_peer(struct fault_injection *f)
{
    const char *found = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < proxy_count(f->target->proxy); i++) {
        const struct proxy_link *l = proxy_link(f->target->proxy, i);
        const char *from = proxy_link_from(l), *to = proxy_link_to(l);
        if (strcmp(from, PROXY_CLIENT) == 0 || (strcmp(from, f->component) != 0 && strcmp(to, f->component) != 0))
            continue;
        if (random_below(&f->random, ++seen) == 0)
            found = strcmp(from, f->component) == 0 ? to : from;
    }
    return found;
}

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.hold = true};
    if (f->peer == NULL)
        f->peer = draw_peer(f);
    if (f->peer == NULL)
        return error_set(err, ERROR_NOT_FOUND, "no link leads from %s to another component, or back", f->component);
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_isolate_pair = {
    .name = "isolate-pair",
    .family = "network",
    .summary = "the component and one peer cannot reach each other; all others reach both",
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_LINK,
    .hold_min = NETWORK_HOLD_MIN,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = network_between_possible,
    .inject = inject,
    .verify = network_verify,
    .heal = network_heal,
};
