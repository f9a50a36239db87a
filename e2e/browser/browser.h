/* A Chromium that a flow drives, over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/): its
 * process, one page in it, commands to that page and what the page complains of. Each run of a flow has a browser of
 * its own, with a profile in the flow's folder; it ends with the flow, and with us.
 *
 * All that waits does so in flow_wait(), so branches go on meanwhile. */
#ifndef E2E_BROWSER_H
#define E2E_BROWSER_H

#include "e2e/internal.h"

#define BROWSER_VARIABLE "HARROW_BROWSER" /* the program; else one of the usual names on the PATH */

/* Its path, appended; false: there is none. */
bool browser_program(struct world *w, struct text *out);
/* The browser of this case is up, with a blank page. `place` is where errors point to. */
int browser_need(struct flow_context *x, const struct node *place, uint64_t timeout);
/* A command to the page, such as "Page.navigate". Takes `params`, which may be NULL. A new reference; NULL: the error
 * is set, with ERROR_INVALID when it was the browser that refused. */
json_t *browser_ask(struct flow_context *x, const char *method, json_t *params, uint64_t timeout);
/* What the page logged as an error or threw since the last call: a list of texts, a new reference. NULL: no memory. */
json_t *browser_complaints(struct flow_context *x);
/* NULL is fine: nothing was opened. */
void browser_close(struct flow_context *x);

#endif
