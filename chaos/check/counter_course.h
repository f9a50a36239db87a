/* Counters to which only is added: the least sum they can have at each instant.
 *
 * Let N(t) be the sum at the end of instant t. An addition of known end counts by its end at the latest, so between any
 * two instants the sum grows by at least the additions that lie whole between them: N(b) >= N(before a) + D(a, b). A
 * read of c in [s, e] needs N(before s) <= c <= N(e), and N(t) is at most what was begun by then. These are constraints
 * of differences, and their least solution goes along the events: N(t) is the largest of N before t, what was read by
 * then, and N(before a) + D(a, t) over all a, which a tree over the instants of invocation keeps. O(n log n).
 *
 * A read below the least sum, or a sum above the most there can be, refutes the history. Where all additions are of the
 * same size, nothing else can: by Hall's theorem, in the form for intervals, any N between the two can be put into
 * practice by that many additions, each within its time, and it passes through every value on its way. */
#ifndef CHAOS_CHECK_COUNTER_COURSE_H
#define CHAOS_CHECK_COUNTER_COURSE_H

#include "chaos/check/inside.h"

/* One key's operations, rising; none of them, of those that may have happened, takes anything off (or none adds any).
 * Invalid, or not: then *exact says whether that is all there is to say. 0, ERROR_MEMORY, ERROR_CANCELLED when asked to
 * stop, or ERROR_UNSUPPORTED: sums go up and down, or do not fit into 63 bits. */
int counter_course(const struct history *h, const uint32_t *operations, size_t count, int64_t initial,
                   const struct check_limits *limits, bool *exact, struct check_result *out);

#endif
