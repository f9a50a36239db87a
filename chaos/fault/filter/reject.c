#include "chaos/fault/filter/filter.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return filter_inject(f, "", "reject with tcp reset", err);
}

const struct chaos_fault fault_filter_reject = {
    FILTER_FAULT,
    .name = "filter-reject",
    .summary = "the kernel answers packets to its ports with a reset: connecting is refused, open connections end",
    .inject = inject,
};
