/* The one result stream: everything the harness does emits JSON lines, and reports/ renders them.
 *
 * Each line is an object with "type" and "t" (nanoseconds since the run began). Types and their members:
 *   run      id, system, driver, seed, started (RFC 3339), command, version, shard, shards
 *   pillar   name (contract|e2e|fuzz|chaos), state (start|end), plus a pillar's own totals at the end
 *   case     pillar, suite, name, status (passed|failed|skipped|flaky), duration, message, file, line, column, replay,
 *            detail (text), why (skipped: the reason), picture (path of an SVG beside the stream), attempt, tries,
 *            resumed, trace (the id its calls carry)
 *   step     case, name, status, duration, attempts, sent, received, try
 *   spans    case, trace, spans (component, name, id, parent, kind, start, duration, status), skipped, left_out
 *   fault    name, target, state (inject|heal), hits, verified (bool), detail
 *   latency  pillar, method, phase (before|during|after a fault), outcome (ok|other), virtual (bool), and what
 *            base/histogram.h says: how long the calls of a method took, all of an experiment or a campaign together
 *   sample   series, value: one point of a curve (latency_ms, throughput, errors)
 *   recovery target, fault, number, duration (ns from the fault until the first success), detected, baseline
 *   converged target, fault, number (of the recovery), duration (until all readers were current)
 *   finding  pillar, title, severity (bug|warning), oracle, target, seed, replay, input, detail, count
 *   table    pillar, title, columns (names), rows (lists: a text, a number, shares as an object of numbers, or null)
 *   contract consumer, provider, method, interactions, verified (bool), pending, reads, sends (lists of fields)
 *   note     text
 *   end      passed, failed, skipped, findings, duration, exit
 * A finding's seed is decimal text: 64 bits do not survive every reader of JSON numbers. A value that is infinite or no
 * number is null. Text that is not UTF-8 is mended with U+FFFD.
 * docs/results.md is the full table. A reader ignores members and types it does not know. */
#ifndef BASE_RESULT_H
#define BASE_RESULT_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct result_stream {
    /* One finished line with its newline. Non-zero: the line could not be kept, and `broken` is set. */
    int (*write)(void *arg, const char *line, size_t len);
    void *arg;
    uint64_t (*now)(void *arg); /* monotonic nanoseconds */
    void *now_arg;
    uint64_t started;
    bool broken;
    int64_t passed, failed, skipped, findings; /* counted as they go by; flaky counts as passed */
};

/* Adds "type" and "t", counts, writes, and drops the reference to `members` (an object made by json_pack; NULL counts
 * as out of memory). Never fails the caller's work: look at `broken` at the end. */
void result_emit(struct result_stream *r, const char *type, json_t *members);
/* A line "step", of which a run may have millions: its members are JSON already, as in an object without its braces. */
void result_step(struct result_stream *r, const struct text *members);

struct result_case {
    const char *pillar, *suite, *name;
    const char *status;  /* "passed", "failed", "skipped", "flaky" */
    int64_t duration;    /* nanoseconds */
    const char *message; /* NULL: none; for "skipped", the reason */
    const char *detail;
    const char *file;
    int line, column;
    const char *replay;  /* the one command that runs only this again */
    const char *picture; /* an SVG beside the stream, by its path from there */
};
void result_case(struct result_stream *r, const struct result_case *c);

struct result_finding {
    const char *pillar, *title, *severity, *oracle, *target, *replay, *detail;
    uint64_t seed;
};
void result_finding(struct result_stream *r, const struct result_finding *f);

/* A line of a stream; what services said may stand in it, also zero characters. NULL: it is none, or there was no
 * memory (json_error_code(why), as json_text_read() says it; `why` may be NULL). */
json_t *result_read(struct bytes line, json_error_t *why);
void result_sample(struct result_stream *r, const char *series, double value);

struct histogram;
struct result_latency {
    const char *pillar, *method; /* "store.Store/Read" */
    const char *phase;           /* "before", "during", "after"; NULL: it is of none */
    bool ok;                     /* calls that ended with the status OK; else all others */
    bool virtual_time;           /* durations are of a simulated clock */
    const struct histogram *durations;
};
/* Nothing where there are no durations. */
void result_latency(struct result_stream *r, const struct result_latency *l);

#endif
