/* Fuzzing a running system from its descriptors: cases (fuzz/case/case.h) of one or more calls, drawn, fed forward from
 * reply to request, and changed, against every method of a target.
 *
 * What is wrong is judged call by call (fuzz/live/judge.h) and over the sequence (fuzz/sequence/check.h), run again
 * alone, made smaller, kept as a script, and run once more on a fresh system before it is told. What shows something
 * new is kept in a corpus that other campaigns share and continue. docs/fuzzing.md tells the rest. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/array.h"
#include "base/text.h"
#include "rpc/target.h"

#define FUZZ_STATUSES   17
#define FUZZ_SETTLE_MIN ((uint64_t)120000000000) /* ns */

/* What a campaign asks of who started it. All may be NULL; all are called from the outermost loop only. */
struct fuzz_hooks {
    void *arg;
    /* Runs the case in `file` on a system that was started for it alone. `oracles` gets the names of those that
     * fired, a line each. Not 0: no fresh system could be had, or it was lost to a fault of the harness. */
    int (*fresh)(void *arg, const char *file, struct text *oracles, struct error *err);
    /* Ends the target's system and starts it again with nothing in it: the same components at the same addresses.
     * *other_token: the second tenant's new one, or NULL. NULL: it is not ours to start. */
    int (*anew)(void *arg, const char **other_token, struct error *err);
    /* Asks the user's invariant. 0: it holds, 1: it does not, and `why` says what it said; negative: it could not be
     * asked. */
    int (*invariant)(void *arg, struct text *why, struct error *err);
    /* A finding's script was written to `file`: time to write beside it what else one makes of it. Appends a line
     * about that to `detail`. */
    void (*written)(void *arg, const char *file, const char *title, struct bytes script, struct text *detail);
    void (*say)(void *arg, const char *line); /* progress */
};

struct fuzz_options {
    uint64_t seed;
    uint64_t budget;     /* ns; 0: no limit */
    uint64_t settle;     /* ns for findings to be run again and made smaller in; 0: as long as the campaign took, but at
                            least FUZZ_SETTLE_MIN. The rest is told without */
    uint64_t repeat_for; /* ns of processor time to repeat cases in, in simulation; 0: live/repeat.h's share */
    uint64_t plateau;    /* ns without anything new, after which the campaign ends; 0: it does not */
    struct world *files; /* whose disk has the folders below, and whose clock the budget is counted by: the real world
                            even when the target is simulated. NULL: the target's */
    int64_t inputs_max;  /* calls; 0: no limit */
    const char *filter;  /* methods whose path contains this; NULL: all */
    const char *skip;    /* but not those whose path contains this; NULL: none */
    int in_flight;       /* cases, per component; 0: 16 */
    bool access;         /* every method is meant to need a token: one that works without is a finding */
    const char *const *open; /* but these ("auth.Auth/Token"), NULL-terminated; NULL: none */
    bool stock;          /* the target uses gRPC's own libraries: INTERNAL is their answer to what does not decode */
    uint64_t hang_after; /* ns without an answer that is a finding; 0: 5 s */
    const char *other_token; /* of a second tenant; NULL: there is none */
    const char *findings;    /* folder for findings' cases; NULL: none are written */
    const char *corpus;      /* folder of the stored corpus; NULL: none */
    const char *distil;      /* folder: the corpus is run case by case, and what adds something goes there; NULL: no */
    const char *cover;       /* folder in which the target's programs share their counters; NULL: blind */
    int64_t invariant_every; /* cases between two looks at the invariant; 0: at the end only */
    const char *program;     /* the target's program file, for the words in it; NULL: it is not known */
    const char *journal;     /* file for the cases under way, for who outlives this process; NULL: none */
    const char *suspects;    /* such a file: only find which of them brings the (simulated) target down; NULL: no */
    const char *replay;      /* command before " --input FILE": "harrow replay" */
    const char *input;       /* run only the case in this file, a script or a case as bytes */
    struct bytes script;     /* run only this case; NULL data: no */
    struct fuzz_hooks hooks;
};

/* How sure a finding is: it was not run again, for want of time; it did not come again; it came again only on the
 * system it was found on; on one started for it. */
enum fuzz_confirmation { FUZZ_NOT_TRIED, FUZZ_UNCONFIRMED, FUZZ_SAME_SYSTEM, FUZZ_FRESH_SYSTEM };
const char *fuzz_confirmation_name(enum fuzz_confirmation c); /* "fresh system" ... */

/* ---- what a campaign was, for its report: one JSON object, see docs/fuzzing.md ---- */

struct fuzz_latency;
struct fuzz_method_figures {
    char *path, *component; /* "store.Store/Read" */
    int64_t calls, findings;
    int64_t statuses[FUZZ_STATUSES];
    int64_t shut_out; /* times what it did made the system refuse what it had answered, and it was started anew */
    char *refusal;    /* the first one, with the field it names when it names one; NULL: none was refused */
    char *refusing_field;
    struct fuzz_latency *latency; /* fuzz/live/latency.h; owned. NULL: no call was answered */
};
struct fuzz_operator_figures {
    char *name; /* of an operator or a defect */
    char *kind; /* of field: "number", "text", ... */
    int64_t cases, novel;
};
enum { FUZZ_LANES = 3, FUZZ_SOURCES = 4 };
struct fuzz_point { /* every figure since the start */
    uint64_t at;    /* ns */
    int64_t calls, cases, edges, features, corpus, findings, methods_ok;
    float lanes[FUZZ_LANES], sources[FUZZ_SOURCES]; /* shares at the time */
};
struct fuzz_finding_figures {
    char *title, *oracle, *component, *confirmed, *file;
    int64_t count;
    bool warning;
};
struct fuzz_component_figures {
    char *name;
    int64_t calls;
    uint64_t resident_first, resident_last; /* bytes, behind the first tenth of the campaign and at its end */
    double bytes_per_call;                  /* the line through all looks behind the first tenth */
    uint64_t cpu;                           /* ns in all */
};
struct fuzz_summary {
    int64_t cases, inputs, answered, findings, methods; /* inputs: calls */
    int64_t statuses[FUZZ_STATUSES];
    uint64_t duration;
    int64_t imported, kept, unrepeated, warnings;
    int64_t not_tried;        /* findings that were told without having been run again */
    int64_t anew;             /* times the system was started anew */
    int64_t edges, edges_all; /* -1: blind */
    const char *ended;        /* static: "budget", "plateau", "calls", "interrupted" */
    bool virtual_time;        /* the target's clock is a simulated one: how long calls took is by that */
    ARRAY(struct fuzz_method_figures) method_figures;
    ARRAY(struct fuzz_operator_figures) operators;
    ARRAY(struct fuzz_point) points;
    ARRAY(struct fuzz_finding_figures) finding_figures;
    ARRAY(struct fuzz_component_figures) components;
};
void fuzz_summary_deinit(struct fuzz_summary *s);
json_t *fuzz_summary_json(const struct fuzz_summary *s); /* NULL: no memory */
/* Adds what another process's campaign said: counts are summed, points of the same second as well. ERROR_INVALID: it is
 * no summary. */
int fuzz_summary_merge(struct fuzz_summary *s, const json_t *json, struct error *err);
/* A result line for each method: "why nothing succeeded". */
void fuzz_summary_cases(const struct fuzz_summary *s, struct result_stream *r, const char *replay);

/* A line for each method and outcome: how long its calls took. */
void fuzz_summary_latency(const struct fuzz_summary *s, struct result_stream *r);

/* Tables of the result stream: methods, lanes and sources over time, operators by kind of field, components. */
void fuzz_summary_tables(const struct fuzz_summary *s, struct result_stream *r);

/* Runs the campaign. An interrupt ends it early: what was found is told, unconfirmed, and ERROR_CANCELLED returned.
 * `summary` is the caller's to deinit, whatever is returned. */
int fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary, struct error *err);

#endif
