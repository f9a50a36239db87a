/* How long a campaign's calls took, by method. Calls we ended ourselves, and those nobody answered, are not counted. */
#ifndef FUZZ_LIVE_LATENCY_H
#define FUZZ_LIVE_LATENCY_H

#include "base/histogram.h"
#include "fuzz/case/trace.h"

struct fuzz_latency {
    struct histogram ok, other; /* ended with the status OK, with another one */
};

/* Counts the call in *l, which is made when it is the first. Without memory it is not counted. */
void fuzz_latency_call(struct fuzz_latency **l, const struct trace_call *k);

/* To and from the summary's JSON: {"ok": ..., "other": ...} as base/histogram.h says. NULL: no memory. */
json_t *fuzz_latency_json(const struct fuzz_latency *l);
/* Adds to *l, which is made where there is something to add. ERROR_MEMORY, or 0: what is no latency is left out. */
int fuzz_latency_merge(struct fuzz_latency **l, const json_t *from);

#endif
