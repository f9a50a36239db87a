/* The files that flows depend on, looked at again and again: what changed decides which flows run once more. */
#ifndef HARROW_FLOWS_WATCHED_H
#define HARROW_FLOWS_WATCHED_H

#include "e2e/e2e.h"

struct watched;
/* `manifest` NULL: an attached system has none. `path`: the flows that were named; NULL: the manifest's. */
int watched_new(const char *manifest, const char *path, struct watched **out, struct error *err);
/* Looks once: did anything change since the last time? What did is what watched_keep() goes by. */
int watched_look(struct watched *w, bool *changed);
/* Waits until something changed, and says what on standard output. ERROR_CANCELLED: Ctrl-C. */
int watched_wait(struct watched *w, struct error *err);
/* Only the flows of files that depend on what changed; all of them when manifest or contracts did. */
void watched_keep(const struct watched *w, struct flow_list *flows);
void watched_free(struct watched *w); /* NULL is fine */

#endif
