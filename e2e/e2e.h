/* Flows: scripted end-to-end runs against a target, from YAML. The language is docs/flows.md.
 *
 * A flow is a list of steps; each step calls (gRPC or HTTP), captures, expects; an expectation may be retried until it
 * holds within a time. A failed step ends its flow (its `finally` steps still run) and is reported with
 * file:line:column, what was sent, what came back, and the difference. */
#ifndef E2E_E2E_H
#define E2E_E2E_H

#include "base/map.h"
#include "rpc/target.h"

struct flow;

/* One file may hold one flow (a map) or several (a list under "flows"). */
struct flow_list {
    struct flow **items;
    size_t count;
};
/* Is it a file of flows, right or wrong, as far as its first keys tell? What cannot be read as YAML is none. */
bool flow_is_file(struct world *w, const char *path);
int flow_load(struct world *w, const char *path, struct flow_list *out, struct error *err);
/* Every *.yaml below a folder, or the one file, sorted by name; all errors of all files are collected in `err`. */
int flow_load_tree(struct world *w, const char *path, struct flow_list *out, struct error *err);
/* The same with settings for files of other tools (e2e/import/import.h); NULL: none. */
struct import_settings;
int flow_load_tree_with(struct world *w, const char *path, const struct import_settings *settings,
                        struct flow_list *out, struct error *err);
/* Moves all of `from` behind what is in `to`; `from` is empty afterwards. False: no memory, nothing moved. */
bool flow_list_append(struct flow_list *to, struct flow_list *from);
void flow_list_free(struct flow_list *l);
/* Only those for which `keep` is true; flows of one file must be kept or dropped together. */
void flow_list_keep(struct flow_list *l, bool (*keep)(void *arg, const struct flow *f), void *arg);
/* The files it depends on, its own first; some may come twice. What `each` returns, when it is not 0, ends it. */
int flow_files(const struct flow *f, int (*each)(void *arg, const char *path), void *arg);
/* Which of the system's contracts the steps need: puts the methods that are called, "pkg.Service/Method" as the flows
 * name them, in `out` (the values mean nothing). An HTTP request, a command, a wait need none. 1: these are all; 0:
 * others are needed too, by a name with a variable in it, an event, a double; ERROR_MEMORY. */
int flow_list_calls(const struct flow_list *l, struct map *out);
const char *flow_name(const struct flow *f);
const char *flow_file(const struct flow *f);
const char *flow_provider(const struct flow *f); /* contract flows: the component under test; NULL otherwise */
/* Names of the doubles a contract flow stands its provider on, and the service each one plays. */
size_t flow_double_count(const struct flow *f);
void flow_double(const struct flow *f, size_t i, const char **name, const char **service);

/* What `double:` and `verify:` steps act on; harrow/ binds it to fakes/. Requests and replies are JSON text. */
struct e2e_doubles {
    void *arg;
    /* Answer `method` from now on: reply JSON, or a status other than OK with its message. call -1: every call. */
    int (*answer)(void *arg, const char *name, const char *method, int64_t call, const char *reply_json, int status,
                  const char *message, struct error *err);
    int64_t (*count)(void *arg, const char *name, const char *method);
    /* The request of call i as JSON, appended. */
    int (*request)(void *arg, const char *name, const char *method, int64_t i, struct text *json, struct error *err);
    /* Adds stubs (docs/stubs.md): a document with `stubs`, in JSON or YAML; `file` is what messages call it. */
    int (*stubs)(void *arg, const char *name, struct bytes document, const char *file, struct error *err);
    /* The names of all its methods called, in the order of the calls, a line each. */
    void (*order)(void *arg, const char *name, struct text *out);
    int (*reset)(void *arg, const char *name);
    /* Everything the double was called with, and the stubs that came nearest to calls that none matched, for failure
     * messages. */
    void (*journal)(void *arg, const char *name, struct text *out);
    /* How many calls of methods that have stubs none of them matched; the newest few are appended to `out`, a line
     * each. NULL `out`: only the number. */
    int64_t (*unmatched)(void *arg, const char *name, struct text *out);
};

/* Doubles in the place of third parties while a flow runs; harrow/ makes them from fakes/ and tells the runtime where
 * they are. */
struct e2e_stand_in {
    const char *name, *service; /* how the flow calls it, and the full proto name of what it plays */
    const char *listen;         /* an address it has to be at; NULL: any, and the runtime is told */
    bool empty;                 /* what nothing was programmed for is answered with an empty message */
};
struct e2e_stand_ins {
    void *arg;
    /* Another flow's double is in that place of the system: whoever wants it has to wait. */
    bool (*busy)(void *arg, struct target *t, const struct e2e_stand_in *wanted);
    /* All of them, and returns when the runtime routes to them. */
    int (*open)(void *arg, struct target *t, const struct e2e_stand_in *wanted, size_t count,
                const struct e2e_doubles **out, struct error *err);
    /* "127.0.0.1:4711", appended. */
    void (*address)(void *arg, const struct e2e_doubles *d, const char *name, struct text *out);
    void (*close)(void *arg, const struct e2e_doubles *d);
};

/* What is known of earlier runs; harrow/ binds it to reports/. A case is named by suite (its file) and name. */
struct e2e_past {
    void *arg;
    /* How long it usually takes, ns; 0: not known. NULL: nothing is known of any. */
    uint64_t (*duration)(void *arg, const char *suite, const char *name);
    /* Its lines in the run that is resumed, objects with "type", borrowed: the case stands last and has its verdict.
     * NULL: it has none, and runs. */
    json_t *(*lines)(void *arg, const char *suite, const char *name);
};

/* Traces of calls: which metadata carries the id of one, and what the system's components kept of it. harrow/ binds it
 * to what is tested. */
struct e2e_asked;
struct e2e_traces {
    void *arg;
    const char *key; /* of metadata and of headers, in lower case; services pass it on to those they call */
    /* Asks all components at once for what they kept of a trace that began at `began` (wall time, ns). They have a
     * bounded time: `answered` becomes true, whatever they do. NULL: no memory. */
    struct e2e_asked *(*ask)(void *arg, struct target *t, const char *id, int64_t began);
    bool (*answered)(void *asked);
    /* Ends it, and gives the members `spans`, `skipped` and `left_out` of a line "spans" (docs/results.md); who has not
     * answered is skipped. NULL: no memory. */
    json_t *(*take)(struct e2e_asked *asked);
};

/* How each flow gets a namespace of its own on a system that it shares with others: the section `isolation` of a
 * manifest (docs/manifest.md), with the steps that make one and take it away, and with what calls carry in it. */
struct e2e_isolation;
/* Of the manifest at `path`; *out NULL: it has no such section. Mistakes are told with their place. */
int e2e_isolation_load(struct world *w, const char *path, struct e2e_isolation **out, struct error *err);
int e2e_isolation_parse(struct world *w, struct bytes content, const char *path, struct e2e_isolation **out,
                        struct error *err);
void e2e_isolation_free(struct e2e_isolation *i); /* NULL is fine */

/* Who remembers which namespaces there are, so that those of a run that was killed are found. */
struct e2e_spaces {
    void *arg;
    /* Before one is made, with no variables; and when it has been made, with what takes it away again may need
     * (borrowed). A number to strike it by; 0: it is not remembered. */
    uint64_t (*note)(void *arg, const char *name, const json_t *variables);
    void (*strike)(void *arg, uint64_t number);
};

/* A worker's own system, or its view of the one system. */
struct e2e_place {
    struct target *target;
    const char *const *variables;
    const char *scratch;
};

struct e2e_options {
    const char *pillar;    /* "e2e" or "contract" */
    const char *filter;    /* run flows whose name contains this; NULL: all */
    const char *replay;    /* command before the file and name, for replay lines: "harrow e2e systems/micro.yaml" */
    uint64_t step_timeout; /* ns; 0: 10 s */
    uint64_t flow_timeout; /* ns a flow has that says nothing of it; 0: no end */
    const char *const *variables; /* NAME=value pairs for ${NAME}, NULL-terminated; NULL: none */
    const char *const *asked;     /* the same from whoever runs the flows, over those and the flows' own; 1, true
                                     and null are no texts */
    const char *folder;           /* the result stream's: pictures are put below it */
    const char *scratch; /* folder for flows that run commands, each below it in its own: ${scratch}; NULL: none */
    const struct e2e_doubles *doubles;     /* those of a contract; NULL: none */
    const struct e2e_stand_ins *stand_ins; /* NULL: flows with doubles of their own fail with a clear message */
    const struct e2e_traces *traces;       /* NULL: calls carry no id of a trace */
    bool trace_all;                        /* what was kept is told of cases that passed as well */
    /* Services of no component are called through the one that serves this (full proto name); NULL: not at all. */
    const char *relay;
    const char *tags;            /* "smoke,!slow": flows with one of these tags and none of those; NULL: all */
    int jobs;                    /* flows that run beside each other; 0: 1 */
    int repeat;                  /* the whole, so many times; 0: once */
    int retries;                 /* a flow that fails is tried again so often; one that then passes is flaky */
    bool until_fail;             /* again and again until a flow fails; `repeat` bounds it */
    bool shuffle;                /* files and the flows in them in another order, by the seed */
    size_t shard, shards;        /* only part `shard`, 1 and up, of so many; shards 0: all */
    const struct e2e_past *past; /* NULL: nothing is known */
    bool update_snapshots;       /* they are written as the answers are, instead of compared */
    struct snapshots *snapshots; /* set by e2e_run() */
    /* Systems in the same world, one for each worker, the run's target first; `jobs`, `variables` and `scratch` count
     * no more. 0: all workers share the one target. */
    const struct e2e_place *systems;
    size_t system_count;
    /* Each flow, or all that share a setup, has a namespace of its own; NULL: none has. `systems` are then views of
     * `system`: copies of the target, whose token, namespace and metadata are changed from flow to flow. `keeper` is
     * one more, with the system's own token; who stops the run does not set its `interrupted`. */
    const struct e2e_isolation *isolation;
    struct target *system, *keeper;
    const struct e2e_spaces *spaces; /* NULL: nobody remembers */
    uint64_t salt; /* namespaces are drawn from it as well: two runs of one seed on a system do not meet */
    int round;     /* set by e2e_run() */
    /* HTTP in the real world goes through libcurl where rpc/http.h does not do; in simulation through rpc/http.h. */
    bool simulated;
    struct world *files; /* where the files that flows name are; NULL: the target's world */
};
struct e2e_summary {
    int64_t passed, failed, skipped;
    int64_t flaky;   /* of those that passed */
    int64_t planned; /* cases of the rounds that began */
};
/* Emits a case per flow and a step per step. 0 even when flows fail (see the summary); negative when none could run. */
int e2e_run(struct target *t, const struct flow_list *flows, const struct e2e_options *options,
            struct e2e_summary *summary, struct error *err);
/* Takes a namespace away that another run left, as the run's options say it. */
int e2e_space_remove(const struct e2e_options *o, const char *name, json_t *variables, struct error *err);
/* The same with the steps of each and what they call, as text or as one JSON object. With contracts in the target, what
 * is called has to be there: ERROR_INVALID with all errors, else. */
int e2e_show(struct target *t, const struct flow_list *flows, const struct e2e_options *options, bool json,
             struct text *out, struct error *err);
/* What would run, a line each: "notes.yaml:3: name #tag". The target's seed is used, and nothing of it is called. */
int e2e_list(struct target *t, const struct flow_list *flows, const struct e2e_options *options, struct text *out,
             struct error *err);

#endif
