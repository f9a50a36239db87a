/* The section `isolation` of a manifest: steps as flows have them that make a namespace and take it away, and what
 * calls carry in between. docs/manifest.md. */
#ifndef E2E_ISOLATION_H
#define E2E_ISOLATION_H

#include "e2e/internal.h"

/* Stands for the section: its steps name files from the manifest's folder. */
const struct flow *isolation_flow(const struct e2e_isolation *i);
const struct node *isolation_place(const struct e2e_isolation *i); /* of the section in its file */
const struct node *isolation_make(const struct e2e_isolation *i);
const struct node *isolation_remove(const struct e2e_isolation *i); /* NULL: nothing is to be done */
/* Maps of texts; NULL: none. */
const struct node *isolation_metadata(const struct e2e_isolation *i);
const struct node *isolation_headers(const struct e2e_isolation *i);
const struct node *isolation_environment(const struct e2e_isolation *i);

#endif
