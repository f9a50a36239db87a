/* Below gRPC and beside it: cases of frames and bytes for every gRPC door of a target (fuzz/frames), and of requests
 * for its HTTP doors (fuzz/gateway). They are cases as all others: findings are kept, run alone, made smaller, told and
 * replayed by the same code.
 *
 * Between the calls, door by door over the campaign's time, each gets the operators in an order drawn from the seed, as
 * many as the budget's share allows (BELOW_PERCENT), and frames changed at random for what is left of it. What floods
 * cost is measured while nothing else runs. A case is for this when it has an event of a connection or of a gateway
 * (below_takes()); one with a call as well asks the same message both ways.
 *
 * In a gateway's whole requests ${host} and ${token} stand for the run's own. */
#ifndef FUZZ_LIVE_BELOW_H
#define FUZZ_LIVE_BELOW_H

#include "base/random.h"
#include "base/units.h"
#include "fuzz/live/engine.h"

#define BELOW_PERCENT     20                              /* of the budget */
#define BELOW_WIDTH       16                              /* cases at a time */
#define BELOW_HEALTH_TIME ((uint64_t)(5 * SECOND))        /* for the sign of life behind a case */
#define BELOW_MEMORY_FREE ((uint64_t)8 << 20)             /* bytes a component may grow by itself meanwhile */
#define BELOW_CPU_FREE    ((uint64_t)(100 * MILLISECOND)) /* and spend */

bool below_takes(const struct fuzz_case *c);
/* As engine_try(), for these. */
bool below_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why);
/* What the finding's contract hangs on is still in the case: a smaller one may lack everything else. */
bool below_keeps(const struct fuzz_finding *f, const struct fuzz_case *c);
/* A campaign's: between the turns of its calls a door each time, the system's gateway first. Findings are left to
 * engine_settle_findings(); the errors are the world's. */
int below_open(struct engine *e, struct error *err);
void below_close(struct engine *e);
bool below_due(const struct engine *e);
int below_step(struct engine *e, struct error *err);             /* one door; nothing else is under way */
void below_told(struct engine *e, const struct fuzz_finding *f); /* for sure: the door it came through has failed */
void below_report(struct engine *e); /* each door a case of the results; behind all findings */

/* ---- what its parts share: below.c ---- */

/* NULL: not a plain HTTP address. "127.0.0.1:8080" of "http://127.0.0.1:8080/", in the target's memory but for a '/'
 * behind it, which ends it in `out`. */
bool below_address(const char *url, char *out, size_t size);
/* Whom the case's first connection is for: by its name, else the first component. NULL: there is none. */
const struct target_component *below_component(const struct engine *e, const struct fuzz_case *c);
/* The component is gone: `out` says so. */
bool below_crashed(struct engine *e, const struct target_component *c, struct engine_verdict *out, struct text *why);
/* It answers its health check; else `out` says so. Runs the loop. */
bool below_well(struct engine *e, const struct target_component *c, struct engine_verdict *out, struct text *why);
/* Keeps a finding of one of several cases at once; of a crash, all `others` are suspects. */
void below_keep(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, struct text *why);
void below_suspect(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, const struct text *why);
bool below_stopped(const struct engine *e, uint64_t until); /* interrupted, or the share is used up; 0: no limit */

/* frames_phase.c. `until`: by engine_now(); 0: the operators once, and no more. */
int frames_phase(struct engine *e, const struct target_component *c, struct random *r, uint64_t until,
                 struct error *err);
bool frames_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why);
/* gateway_phase.c. `json`: it is the system's gateway, else any server of HTTP. `url` NULL: JSON by gRPC, to all
 * components. 1: nobody there speaks it. */
int gateway_phase(struct engine *e, const struct target_component *c, const char *url, bool json, struct random *r,
                  uint64_t until, struct error *err);
bool gateway_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why);

#endif
