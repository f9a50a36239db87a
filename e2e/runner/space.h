/* A namespace of its own for every flow, or for all that share a setup: made before the first step and taken away after
 * the last, by steps that the system's manifest has (docs/manifest.md). Between the two the flow's calls are those of
 * an account of that namespace.
 *
 * It is drawn from the seed, the flow's file and name, the round and the try, so that nothing a flow says or hears
 * depends on which worker runs it, nor on what ran before. */
#ifndef E2E_SPACE_H
#define E2E_SPACE_H

#include "e2e/runner/run.h"

struct space;

/* The namespace `u` runs in is there, and x->target calls in it. False: it is not, and the failure is told. Without
 * isolation nothing is done. */
bool space_enter(struct flow_context *x, const struct unit *u, int tries);
/* Takes it away when `u` is the last that runs in it, also when the user wants to stop. False: a step of that failed,
 * which is told. */
bool space_leave(struct flow_context *x, const struct unit *u);
/* The same for what was left by flows that never came to their ends. What cannot be taken away is told as a note. */
void space_drop(const struct e2e_options *o, struct suite *s);
/* Variables that `make` set: every flow in it begins with them. */
int space_given(struct flow_context *x);

#endif
