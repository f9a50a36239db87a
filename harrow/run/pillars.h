/* What `harrow run` does one after the other and the other commands one at a time. Each returns 0 or an exit code for
 * something that could not be done at all; failures and findings are in the result stream. */
#ifndef HARROW_RUN_PILLARS_H
#define HARROW_RUN_PILLARS_H

#include "e2e/e2e.h"
#include "harrow/chaos/run.h"
#include "harrow/contract/calls.h"
#include "harrow/fuzz/run.h"
#include "harrow/system/system.h"

int pillar_contract(struct run *r, const char *path, const char *filter); /* path NULL: the manifest's contracts */
/* The flows of every folder in `list` (relative to the manifest), or of `path` when that is not NULL. */
struct import_settings;
int pillar_flows(struct world *w, const struct manifest *m, const char *path, const char *const *list,
                 const struct import_settings *settings, struct flow_list *out, struct error *err);

/* A path of the manifest's, as people would write it. In the arena; NULL: no memory. */
const char *pillar_path(const struct manifest *m, const char *path, struct arena *arena);

/* What is asked of flows. */
struct e2e_request {
    const char *path;                       /* a file or folder; NULL: the manifest's flows */
    struct e2e_options options;             /* what to pick, how often, in which order; the rest is the pillar's */
    const char *history;                    /* NULL: none */
    struct past *resume;                    /* what was done before, borrowed; NULL: nothing is resumed */
    const char *isolate;                    /* "system", "namespace", "none"; NULL: as is safe */
    const struct import_settings *settings; /* for files of other tools; NULL: none */
    const struct watched *watched;          /* only flows that changed since (harrow/flows/watched.h); NULL: all */
};
/* NULL: all of them, one after the other. */
int pillar_e2e(struct run *r, struct system *s, const struct e2e_request *asked);
/* The same in parts: loads and checks everything before a system is started. */
struct e2e_job;
int e2e_job_new(struct run *r, const struct e2e_request *asked, struct e2e_job **out, struct error *err);
const struct map *e2e_job_calls(const struct e2e_job *j); /* for a run's `calls` */
bool e2e_job_empty(const struct e2e_job *j);              /* there is nothing to run */
int e2e_job_run(struct e2e_job *j, struct system *s);
void e2e_job_free(struct e2e_job *j); /* NULL is fine */
/* Prints what it would run; no system is started. Returns the exit code. */
int pillar_e2e_list(const char *manifest, const struct e2e_request *asked, bool steps);
int pillar_fuzz(struct run *r, struct system *s, const struct fuzz_request *request);
int pillar_chaos(struct run *r, struct system *s, const struct chaos_request *request);
/* A line of the result stream: the pillar begins or ends. */
void pillar_mark(struct run *r, const char *name, const char *state);

/* What the test doubles of a contract flow are driven through (e2e/ asks, fakes/ answers). */
struct doubles;
struct fake;
int doubles_new(struct world *w, const struct pb_pool *pool, bool simulated, struct doubles **out, struct error *err);
/* Serves a double of `service` under `name`; the address it can be reached at is appended to `peers` as name=address.
 */
int doubles_add(struct doubles *d, const char *name, const char *service, struct text *peers, struct error *err);
/* One that somebody else serves, and that knows by itself what nothing is programmed for when it `behaves`. *out is
 * borrowed. */
int doubles_stand(struct doubles *d, const char *name, const char *service, bool behaves, struct fake **out,
                  struct error *err);
/* What the doubles that are added from here on are asked becomes pacts of `consumer` with each of them, described by
 * the flow's name (both borrowed). What a flow programmes is answered under a provider state of that name. */
void doubles_record(struct doubles *d, const char *consumer, const char *flow);
int doubles_write_pacts(struct doubles *d, struct world *files, const char *folder, struct error *err);
extern const char *contract_pact_folder; /* where contract flows write theirs; NULL: nowhere */
/* What they were called with so far, by `consumer`. False: no memory. */
bool doubles_count(const struct doubles *d, const char *consumer, struct contract_calls *into);
const struct e2e_doubles *doubles_operations(struct doubles *d);
void doubles_free(struct doubles *d);

#endif
