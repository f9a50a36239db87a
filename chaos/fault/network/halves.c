#include "chaos/fault/network/network.h"

static bool apart(const void *half, size_t a, size_t b)
{
    return (a < *(const size_t *)half) != (b < *(const size_t *)half);
}

static int inject(struct fault_injection *f, struct error *err)
{
    const char *order[NETWORK_GROUP_MAX];
    size_t count = network_shuffle(f, order), half = count / 2;
    return network_divide(f, apart, &half, order, count, err);
}

const struct chaos_fault fault_halves = {
    .name = "halves",
    .family = "network",
    .summary = "the components are divided into two halves by lot; clients reach both",
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
