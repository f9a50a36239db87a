/* What `harrow run` does one after the other and the other commands one at a time. Each returns 0 or an exit code for
 * something that could not be done at all; failures and findings are in the result stream. */
#ifndef HARROW_PILLARS_H
#define HARROW_PILLARS_H

#include "e2e/e2e.h"
#include "harrow/chaos_run.h"
#include "harrow/contract_calls.h"
#include "harrow/fuzz_run.h"
#include "harrow/system.h"

int pillar_contract(struct run *r, const char *path, const char *filter); /* path NULL: the manifest's contracts */
/* Of `asked` (NULL: everything, one after the other) filter, tags, jobs, repeat, retries, until_fail and shuffle
 * count. */
int pillar_e2e(struct run *r, struct system *s, const char *path, const struct e2e_options *asked);
/* Prints what it would run; no system is started. Returns the exit code. */
int pillar_e2e_list(const char *manifest, const char *path, const struct e2e_options *asked);
int pillar_fuzz(struct run *r, struct system *s, const struct fuzz_request *request);
int pillar_chaos(struct run *r, struct system *s, const struct chaos_request *request);
/* A line of the result stream: the pillar begins or ends. */
void pillar_mark(struct run *r, const char *name, const char *state);

/* What the test doubles of a contract flow are driven through (e2e/ asks, fakes/ answers). */
struct doubles;
int doubles_new(struct world *w, const struct pb_pool *pool, bool simulated, struct doubles **out, struct error *err);
/* Serves a double of `service` under `name`; the address it can be reached at is appended to `peers` as name=address.
 */
int doubles_add(struct doubles *d, const char *name, const char *service, struct text *peers, struct error *err);
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
