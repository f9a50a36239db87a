/* What `harrow run` does one after the other and the other commands one at a time. Each returns 0 or an exit code for
 * something that could not be done at all; failures and findings are in the result stream. */
#ifndef HARROW_PILLARS_H
#define HARROW_PILLARS_H

#include "e2e/e2e.h"
#include "harrow/chaos_run.h"
#include "harrow/fuzz_run.h"
#include "harrow/system.h"

int pillar_contract(struct run *r, const char *path, const char *filter); /* path NULL: the manifest's contracts */
int pillar_e2e(struct run *r, struct system *s, const char *path, const char *filter);
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
const struct e2e_doubles *doubles_operations(struct doubles *d);
void doubles_free(struct doubles *d);

#endif
