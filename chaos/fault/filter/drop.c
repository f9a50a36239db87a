#include "chaos/fault/filter/filter.h"

#include <stdio.h>

static const struct fault_parameter parameters[] = {
    {"share", "of the packets", FAULT_SHARE, 1, 1000000, 100000, 1000000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    char match[64] = ""; /* all of them are no share that could be drawn */
    if (f->parameters[0] < 1000000)
        snprintf(match, sizeof match, "numgen random mod 1000000 < %lld", (long long)f->parameters[0]);
    return filter_inject(f, match, "drop", err);
}

const struct chaos_fault fault_filter_drop = {
    FILTER_FAULT,
    .name = "filter-drop",
    .summary = "the kernel drops packets to its ports: connecting gets no answer",
    .parameters = parameters,
    .inject = inject,
};
