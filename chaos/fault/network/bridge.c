#include "chaos/fault/network/network.h"

#include <string.h>

struct halves {
    size_t half, bridge;
};

static bool apart(const void *arg, size_t a, size_t b)
{
    const struct halves *h = arg;
    return a != h->bridge && b != h->bridge && (a < h->half) != (b < h->half);
}

static int inject(struct fault_injection *f, struct error *err)
{
    const char *order[NETWORK_GROUP_MAX];
    size_t count = network_shuffle(f, order);
    struct halves h = {.half = count / 2};
    while (h.bridge < count && strcmp(order[h.bridge], f->component) != 0)
        h.bridge++;
    return network_divide(f, apart, &h, order, count, err);
}

const struct chaos_fault fault_bridge = {
    .name = "bridge",
    .family = "network",
    .summary = "two halves, divided by lot, both reach the component and not each other",
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = NETWORK_HOLD_MIN,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = network_between_possible,
    .inject = inject,
    .verify = network_verify,
    .heal = network_heal,
};
