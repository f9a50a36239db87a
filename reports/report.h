/* Reports: from the one result stream (base/result.h, docs/results.md) to what people and machines read.
 *
 * A `struct report` is the whole run as arrays, built line by line; it owns everything it points to (one arena).
 * Types and members nobody here knows are counted and ignored; a line that is not JSON, or a known member of the wrong
 * kind, is an error with the line's number, except that a last line without its newline may be cut short: that is what
 * a run that was killed leaves behind, and the report then says so. The renderers are pure functions from a report to
 * text. */
#ifndef REPORTS_REPORT_H
#define REPORTS_REPORT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/histogram.h"
#include "base/map.h"
#include "base/text.h"
#include "world/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_LINE_MAX    ((size_t)16 << 20) /* bytes of one line */
#define REPORT_SERIES_MAX  64                 /* curves; samples of further ones are counted and dropped */
#define REPORT_COLUMNS_MAX 64                 /* of a table */
/* Steps of one case that are kept whatever they are. Behind them only those that did not pass, and the first of each
 * name, are: a loop may have millions, and the stream has them all. */
#define REPORT_STEPS_MAX    1000
#define REPORT_SPANS_MAX    500               /* of the trace of a case */
#define REPORT_PICTURE_MAX  ((size_t)1 << 20) /* bytes of a picture put into the page */
#define REPORT_PICTURES_MAX 64                /* of them; further ones are named only */

/* Methods whose calls were measured; lines of further ones are counted and dropped. */
#define REPORT_LATENCIES_MAX 500

/* Times `t`, `start` and `end` are nanoseconds since the run began. Texts are NUL-terminated, "" when the stream does
 * not say. */
enum report_status { REPORT_PASSED, REPORT_FAILED, REPORT_SKIPPED, REPORT_FLAKY, REPORT_STATUS_COUNT };
const char *report_status_name(enum report_status s); /* "passed", ... */

struct report_step {
    const char *name, *sent, *received;
    enum report_status status;
    uint64_t t, duration; /* t: when it was over */
    uint64_t try;         /* of its case's tries, 1 and up */
    struct report_step *next;
};
/* An earlier try of a case that was tried again. */
struct report_attempt {
    enum report_status status;
    uint64_t duration;
    const char *message, *detail;
    struct report_attempt *next;
};
/* A drawing (SVG) or a screenshot (PNG) beside the stream. */
struct report_picture {
    const char *name;    /* what it shows; NULL: not said */
    const char *path;    /* in the run's folder; "" none */
    struct bytes data;   /* by report_attach(); empty: not there */
    const char *problem; /* why it is not; "" */
    struct report_picture *next;
};
/* A call of a case's trace, as one of its sides kept it. */
struct report_span {
    const char *component, *name, *id, *parent, *status;
    bool outbound; /* by who made the call */
    int64_t start; /* ns from the case's begin, by the component's clock: may be negative */
    uint64_t duration;
    size_t depth; /* 0: nothing kept says for which call it was made */
};
struct report_skip { /* a component that did not tell of its spans */
    const char *component, *why;
};
struct report_trace {
    const char *id;
    struct report_span *spans; /* each behind the one it was made for, else by start */
    struct report_skip *skips;
    size_t count, skip_count;
    uint64_t left_out; /* spans that are not here */
};
struct report_case {
    uint64_t t, duration;
    const char *pillar, *suite, *name;
    enum report_status status;
    const char *message, *detail, *file, *replay; /* message: for skipped, the reason */
    const char *later;                            /* of its tries behind the first that failed too; empty: none */
    int line, column;
    struct report_picture picture;
    struct report_picture *pictures; /* of its own lines, in order */
    struct report_step *steps;       /* in order; of the last line of this case */
    uint64_t tries;                  /* that one line stands for: 1 and up */
    size_t steps_left_out;           /* behind the first REPORT_STEPS_MAX of them, see there */
    struct report_attempt *attempts; /* the tries before the last, the first one first */
    struct report_trace *trace;      /* NULL: none was told */
};
struct report_finding {
    uint64_t t;
    const char *pillar, *title, *severity, *oracle, *target, *seed, *replay, *input, *detail;
    uint64_t count; /* how often it was met */
    bool warning;   /* severity "warning": shown, but the run does not fail of it */
    struct report_picture picture;
};
struct report_fault {
    const char *name, *target, *detail;
    uint64_t start, end; /* `end` is valid when healed */
    uint64_t hits;
    bool healed;
    bool verified, counted; /* it was seen to take effect; the stream gave hits */
};
/* What is measured of a recovery, in the order in which it comes about. */
enum report_figure {
    REPORT_DETECTED,  /* seen not to answer */
    REPORT_ANSWERED,  /* first success */
    REPORT_BASELINE,  /* the load's throughput and p99 are back */
    REPORT_CONVERGED, /* all readers are answered with what is current */
    REPORT_FIGURE_COUNT,
};
const char *report_figure_name(enum report_figure f); /* "detected", ... */
#define REPORT_UNKNOWN UINT64_MAX
struct report_recovery {
    uint64_t t, number;                      /* number: as the writer counts them in one experiment; 0: not said */
    uint64_t durations[REPORT_FIGURE_COUNT]; /* from the fault; REPORT_UNKNOWN: not seen */
    const char *target, *fault;
};
struct report_point {
    uint64_t t;
    double value;
};
struct report_series {
    const char *name;
    struct report_point *points;
    size_t count, capacity;
};
/* When a call was made: where there are no faults; before the first one, while one held, while none did any more. */
enum report_phase { REPORT_NO_PHASE, REPORT_BEFORE, REPORT_DURING, REPORT_AFTER, REPORT_PHASE_COUNT };
const char *report_phase_name(enum report_phase p); /* "", "before", ... */
struct report_latency {                             /* how long calls of one method took, over all lines */
    const char *pillar, *method;
    bool simulated;                                     /* by a simulated clock */
    struct histogram *durations[REPORT_PHASE_COUNT][2]; /* [1]: ended ok; NULL: there were none */
};
struct report_member { /* a total a pillar gave at its end */
    const char *name, *value;
    struct report_member *next;
};
struct report_pillar {
    const char *name;
    bool started, ended;
    uint64_t start, end;
    size_t counts[REPORT_STATUS_COUNT], findings, warnings;
    struct report_member *totals;
};
struct report_note {
    uint64_t t;
    const char *text;
};
struct report_share { /* "OK" 0.7 */
    const char *name;
    double part;
    struct report_share *next;
};
struct report_cell {
    const char *text;
    bool number;
    double value;                /* of a number; of shares: their sum */
    struct report_share *shares; /* in the writer's order; else NULL */
};
struct report_table { /* figures of a pillar that have no meaning here but their columns' names */
    const char *pillar, *title;
    const char **names;
    struct report_cell *cells; /* rows * columns, row by row */
    size_t columns, rows;
    bool whole; /* the summary on the terminal has all of it, however long it is */
};
struct report_names {
    const char **items;
    size_t count;
};
struct report_contract {              /* what one consumer uses of one method of a provider, as pacts say */
    const char *consumer;             /* "": nobody calls this method */
    const char *provider, *method;    /* "notes", "notes.Notes/Create" or "POST /notes" */
    uint64_t interactions, pending;   /* pending: how many of them need not be kept yet */
    bool played, verified;            /* played against the provider; and all of them passed */
    struct report_names reads, sends; /* fields of answers, and of requests */
    const char *consumer_version, *provider_version;
};

#define REPORT_ARRAY(type, name)                                                                                       \
    struct {                                                                                                           \
        struct type *items;                                                                                            \
        size_t count, capacity;                                                                                        \
    } name

struct report {
    struct arena arena;
    struct report **parts; /* of a merged report: what it was made from, and shares its texts with */
    size_t part_count;
    const char *source;     /* what messages call the stream */
    uint64_t shard, shards; /* this stream has part `shard` (1 and up) of `shards`; 0: it is no shard */
    const char *missing;    /* of a merged report: the shards that are not there, "2, 4 of 5"; "" none */
    const char *id, *system, *driver, *seed, *started, *command, *version;
    REPORT_ARRAY(report_pillar, pillars);
    REPORT_ARRAY(report_case, cases);
    REPORT_ARRAY(report_finding, findings);
    REPORT_ARRAY(report_fault, faults);
    REPORT_ARRAY(report_recovery, recoveries);
    REPORT_ARRAY(report_series, series);
    REPORT_ARRAY(report_latency, latencies);
    REPORT_ARRAY(report_table, tables);
    REPORT_ARRAY(report_contract, contracts); /* as the lines came; reports/matrix.h puts them together */
    REPORT_ARRAY(report_note, notes);
    struct map open_steps; /* steps whose case has not come (yet) */
    size_t counts[REPORT_STATUS_COUNT];
    size_t bugs, warnings; /* findings by severity */
    size_t heals;          /* lines that said a fault is over */
    size_t lines, unknown; /* lines read; lines of a type not known here */
    size_t blank;          /* lines with nothing in them */
    size_t dropped;        /* samples beyond REPORT_SERIES_MAX curves */
    size_t unmeasured;     /* latencies beyond REPORT_LATENCIES_MAX methods */
    bool begun, ended;     /* a "run" and an "end" line were there */
    bool truncated;        /* the last line was cut short */
    uint64_t duration;     /* by the end line; without one, the last time seen */
    int64_t exit;          /* valid when `ended` */
};

int report_new(const char *source, struct report **out, struct error *err);
void report_free(struct report *r);
/* One line without its newline. Empty lines are fine. */
int report_add_line(struct report *r, struct bytes line, struct error *err);
/* The last, unfinished line: as above, but one that does not parse marks the report as truncated. */
int report_add_last(struct report *r, struct bytes line, struct error *err);
/* A whole file. */
int report_read(struct world *w, const char *path, struct report **out, struct error *err);

/* Reads the pictures the stream names, from the folder it lies in; what cannot be read is said in the report. Only
 * plain relative paths and SVG are taken. ERROR_MEMORY is the only failure. */
int report_attach(struct report *r, struct world *w, const char *folder, struct error *err);

/* One report of many: shards of one run, runs of parts, later tries. Latencies of one method are added up. Pillars,
 * cases, findings, faults, recoveries, curves, tables and notes stand side by side, in the order in which the runs
 * began; times are from the first one's begin. A case that several runs have (the same pillar, suite and name) is one
 * case with several tries: the last one's verdict holds, but passed after failed is flaky, never passed. A finding that
 * several have is one, its counts added. Takes the parts, also on failure; with one part it is that one. */
int report_merge(struct report **parts, size_t count, struct report **out, struct error *err);

/* What stays the same of a finding from run to run: a hash of pillar, oracle, target and title, every number in them
 * taken as equal. 16 hexadecimal digits. */
#define REPORT_PRINT_SIZE 17
void report_finding_print(const struct report_finding *f, char out[REPORT_PRINT_SIZE]);

/* "passed", "failed", "incomplete" when the run never said that it ended, or "interrupted": somebody ended it, and
 * until then nothing failed. */
enum report_verdict {
    REPORT_VERDICT_PASSED,
    REPORT_VERDICT_FAILED,
    REPORT_VERDICT_INCOMPLETE,
    REPORT_VERDICT_INTERRUPTED,
    REPORT_VERDICT_COUNT,
};
enum report_verdict report_verdict(const struct report *r);
const char *report_verdict_name(enum report_verdict v);

/* Recoveries of one component from one fault, put together: over all repetitions in the stream. Percentiles are by
 * nearest rank: a value that was measured; of fewer than 100, p99 is the greatest. */
#define REPORT_FEW 5 /* fewer values than this say little, and the report says so */
struct report_spread {
    const uint64_t *values; /* rising; those that are known */
    size_t count;
    uint64_t p50, p99, max; /* 0 when there are none */
};
struct report_recovery_row {
    const char *target, *fault;
    size_t count; /* recoveries */
    struct report_spread figures[REPORT_FIGURE_COUNT];
};
/* *rows and what they point to is one block the caller frees; sorted by target, then fault. */
int report_recovery_rows(const struct report *r, struct report_recovery_row **rows, size_t *count);

/* The summary for a terminal: verdict, totals, failures and findings with their replay commands. `width` 0: 100. */
void report_terminal(const struct report *r, struct text *out, bool colour, int width);
/* JUnit XML that both common schemas accept, Jenkins' junit-10 and the one of Apache Ant's reports: a suite for each
 * pillar and suite, one for each pillar's findings. */
void report_junit(const struct report *r, struct text *out);
/* TAP version 14 (testanything.org): a subtest for each suite, diagnostics in YAML. A warning is a test "to do". */
void report_tap(const struct report *r, struct text *out);
/* Common Test Report Format (ctrf.io). */
void report_ctrf(const struct report *r, struct text *out);
/* SARIF 2.1.0 (OASIS): findings, and failed cases at their place in the file. */
void report_sarif(const struct report *r, struct text *out);
/* For a pull request or a CI system's summary page. */
void report_markdown(const struct report *r, struct text *out);
/* Workflow commands of GitHub Actions. It shows 10 errors and 10 warnings of a step and drops the rest, so no more are
 * written; the tenth tells of all that are left. */
#define REPORT_ANNOTATIONS 10
void report_github(const struct report *r, struct text *out);
/* OpenMetrics 1.0 text: counters, histograms of durations, quantiles of curves. */
void report_openmetrics(const struct report *r, struct text *out);
/* The verdict, failures, findings and recoveries as one JSON object. Durations in nanoseconds. */
void report_json(const struct report *r, struct text *out);
/* One HTML page with nothing outside itself. */
void report_html(const struct report *r, struct text *out);

/* All renderers. */
struct report_format {
    const char *name, *file; /* "junit"; what the file is called in a run's folder, "junit.xml" */
    const char *purpose;     /* for --help */
    void (*render)(const struct report *r, struct text *out);
    bool log; /* of use on the terminal of the run alone: it goes there, beside whatever else is asked for */
};
extern const struct report_format report_formats[]; /* ends with a NULL name */
/* "html,junit,tap" into rows, each once, in the order given. ERROR_INVALID names the nearest one that is. */
#define REPORT_FORMATS_MAX 16
int report_formats_read(const char *list, const struct report_format *out[REPORT_FORMATS_MAX], size_t *count,
                        struct error *err);

/* Live progress: give it each line as it is emitted, print what it adds to `out`. On a terminal the last line is a
 * status that is rewritten in place; elsewhere (CI) only whole plain lines come: what fails, what is found, faults,
 * pillars' begin and end. */
struct report_live;
int report_live_new(bool terminal, bool colour, int width, struct report_live **out);
void report_live_line(struct report_live *l, struct bytes line, struct text *out);
void report_live_end(struct report_live *l, struct text *out); /* takes the status line away */
void report_live_free(struct report_live *l);

#endif
