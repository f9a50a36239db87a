/* The loop of base/failing.h, for tests whose scenario takes nothing and gives back an error_code. */
#ifndef BASE_FAILING_WALK_H
#define BASE_FAILING_WALK_H

#include "base/test.h"

#include "base/error.h"
#include "base/failing.h"

#define FAILING_WALK_MAX ((size_t)1000000) /* allocations of one scenario */

enum failing_told {
    FAILING_IS_TOLD,      /* what failed is told with ERROR_MEMORY, whichever allocation it was */
    FAILING_MAY_BE_BORNE, /* some failures are done without */
};
/* How many allocations failed, one a run; untouched, the scenario gave 0. */
static inline size_t failing_walk(int (*scenario)(void), enum failing_told told)
{
    for (size_t n = 1; n < FAILING_WALK_MAX; n++) {
        failing_arm(n);
        int rc = scenario();
        bool hit = failing_hit();
        failing_disarm();
        if (hit ? rc != ERROR_MEMORY && (rc != 0 || told == FAILING_IS_TOLD) : rc != 0)
            fail_msg("allocation %zu%s: %s", n, hit ? "" : ", untouched", error_code_name(rc));
        if (!hit)
            return n - 1;
    }
    fail_msg("the scenario has no end of allocations");
    return 0;
}

#endif
