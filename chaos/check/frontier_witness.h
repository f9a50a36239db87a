/* The witness of an invalid register: of the operations since the first event of a pass that proves it, few that still
 * do, with all others free to have happened, within their time, or not. */
#ifndef CHAOS_CHECK_FRONTIER_WITNESS_H
#define CHAOS_CHECK_FRONTIER_WITNESS_H

#include "chaos/check/frontier_run.h"

struct refutation {
    const struct course *course; /* in which a pass from `begin` to `last` dies: the full one, or a narrow one */
    const struct course *full;
    struct budget *budget;
    size_t begin, last; /* events */
};
/* 0 with the verdict, or ERROR_MEMORY. */
int frontier_witness(const struct refutation *r, struct check_result *out);

#endif
