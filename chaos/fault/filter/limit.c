#include "chaos/fault/filter/filter.h"

#include <stdio.h>

enum { RATE, BURST };

static const struct fault_parameter parameters[] = {
    {"rate", "packets a second that are let through", FAULT_COUNT, 1, 1000000, 20, 1000},
    {"burst", "packets at once before that counts", FAULT_COUNT, 1, 1000000, 1, 50},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    char match[96];
    snprintf(match, sizeof match, "limit rate over %lld/second burst %lld packets", (long long)f->parameters[RATE],
             (long long)f->parameters[BURST]);
    return filter_inject(f, match, "drop", err);
}

const struct chaos_fault fault_filter_limit = {
    FILTER_FAULT,
    .name = "filter-limit",
    .summary = "the kernel lets so many packets a second through to its ports and drops the others",
    .parameters = parameters,
    .inject = inject,
};
