/* Experiments of the Chaos Toolkit, read and carried out here: its open experiment format (JSON, or YAML of the same
 * shape) with a hypothesis, a method of actions and probes, and rollbacks; the outcome is told as cases of the result
 * stream and as a journal in the Toolkit's own form. docs/chaos-toolkit.md says what is known of it and what is not.
 *
 * Format and journal: "An Open API for Chaos Engineering Experiments", chaostoolkit.org/reference/api. Where the text
 * leaves something open, what chaostoolkit-lib does is done.
 *
 * Activities are requests (http), programs (process), a handful of Python's own functions, and faults of the system
 * under test ("module": "harrow", "chaostoxi.toxic.actions"). Other Python is refused when the file is read. */
#ifndef CHAOS_TOOLKIT_TOOLKIT_H
#define CHAOS_TOOLKIT_TOOLKIT_H

#include "base/document.h"
#include "rpc/target.h"

#define TOOLKIT_ACTIVITIES_MAX 10000
#define TOOLKIT_FAULTS_MAX     16                      /* in force at a time */
#define TOOLKIT_OUTPUT_MAX     ((size_t)1 << 20)       /* bytes kept of a program's output or an answer's body */
#define TOOLKIT_TIMEOUT        ((uint64_t)60000000000) /* ns of an activity that says none */

struct toolkit;
/* A map with a title and a method; ours have an "experiment". */
bool toolkit_is(const struct document *d);
/* Takes the document over, also when it fails: everything that can be wrong without the system is told here, with its
 * place. `environment` (may be NULL: nothing is set) is asked for what configuration and secrets take from there. */
int toolkit_read(struct document *d, const char *(*environment)(void *arg, const char *name), void *arg,
                 struct toolkit **out, struct error *err);
void toolkit_free(struct toolkit *k);
/* "harrow_system" of its configuration: a manifest, relative to the file; NULL: none. */
const char *toolkit_system(const struct toolkit *k);

struct toolkit_summary {
    bool deviated;      /* the hypothesis did not hold after (or during) the method */
    const char *status; /* of the journal: completed, failed, aborted, interrupted */
    int64_t activities, failed, faults;
};
/* Carries it out on the target and heals whatever faults are left in the end. *journal (a reference of the caller's) is
 * made in any case but ERROR_MEMORY. ERROR_INVALID: something is wrong with it that only the system could tell. */
int toolkit_run(struct toolkit *k, struct target *t, uint64_t seed, const char *replay, struct toolkit_summary *summary,
                json_t **journal, struct error *err);

/* ---- inside ---- */

/* The part of JSONPath that chooses by place: $ .name ['name'] [n] [-n] [*] .* ..name ..*; filters, slices and unions
 * are refused. `$` may be left out. */
int jsonpath_check(const char *path, struct error *err);
/* Appends what it chooses to the list `out`, in order; at most JSONPATH_MATCHES_MAX. */
#define JSONPATH_MATCHES_MAX 10000
int jsonpath_match(const char *path, json_t *value, json_t *out, struct error *err);

/* A tolerance: a scalar, a list, or a regex, jsonpath or range. */
int tolerance_check(const struct node *tolerance, struct error *err);
/* Whether the output of a probe is within; `substitute` puts values for ${...} into patterns and paths. *why: in words,
 * when it is not. */
bool tolerance_holds(const struct node *tolerance, json_t *value, const struct toolkit *k, struct text *why);

/* What ${name} stands for: of the configuration, else of the secrets, else what the run adds. A reference of the
 * caller's; NULL: nothing is called so. */
json_t *toolkit_value(const struct toolkit *k, const char *name, size_t len);
/* The node as JSON, ${...} replaced in every text: one that is nothing else takes the value's own type, and what is
 * called by no name stays as it is written. NULL: out of memory. */
json_t *toolkit_substitute(const struct toolkit *k, const struct node *n);
/* For the run: values such as harrow_gateway, harrow_address_store. Takes the reference. */
int toolkit_add_value(struct toolkit *k, const char *name, json_t *value);

#endif
