/* Whether a quantile grew by more than a ratio, and how sure that is: a bootstrap over both samples.
 *
 * A resample's k-th smallest value is the value at place n * U, where U is the k-th smallest of n uniform numbers,
 * which is distributed as Beta(k, n + 1 - k): so it is drawn in one step, however large n is. Samples of a curve follow
 * each other and are alike; n is therefore made smaller, by what neighbours share (the correlations of being above the
 * quantile, and above the median). Without that, noise that lasts a second would look like certainty. */
#ifndef REPORTS_REGRESS_H
#define REPORTS_REGRESS_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

#define REGRESS_ROUNDS 2000

struct regress_sample {
    const double *values; /* in order of time */
    size_t count;         /* not 0 */
};
struct regress_result {
    double before, after; /* the quantiles */
    double ratio;         /* after / before; 1 when both are 0, infinite when only `before` is */
    double low, high;     /* the ratio is at least / at most so much, each with the confidence asked for */
    double counts[2];     /* effective sizes: as many independent values say as much */
};
/* With fewer independent values than this the quantile is not known: not one of them is to be expected beyond it. */
double regress_needed(double quantile);
/* False: out of memory. */
bool regress_compare(const struct regress_sample *before, const struct regress_sample *after, double quantile,
                     double confidence, struct random *random, struct regress_result *out);

#endif
