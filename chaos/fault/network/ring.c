#include "chaos/fault/network/network.h"

/* On a ring drawn by lot each reaches as many neighbours as make a majority with itself (Jepsen's majorities ring). */
static bool apart(const void *arg, size_t a, size_t b)
{
    size_t count = *(const size_t *)arg, distance = a > b ? a - b : b - a;
    if (distance > count - distance)
        distance = count - distance;
    return distance > (count / 2 + 1) / 2;
}

static int inject(struct fault_injection *f, struct error *err)
{
    const char *order[NETWORK_GROUP_MAX];
    size_t count = network_shuffle(f, order);
    return network_divide(f, apart, &count, order, count, err);
}

const struct chaos_fault fault_ring = {
    .name = "ring",
    .family = "network",
    .summary = "every component reaches a majority, and no two the same one; clients reach all",
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = NETWORK_HOLD_MIN,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = network_between_possible,
    .inject = inject,
    .verify = network_verify,
    .heal = network_heal,
};
