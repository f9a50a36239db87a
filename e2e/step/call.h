/* What the kinds that speak gRPC share (step/call.c): whom a step calls, with what, and how answers are shown. */
#ifndef E2E_CALL_H
#define E2E_CALL_H

#include "e2e/kind.h"

#define CALL_METADATA_MAX 65 /* with the id of a trace */

/* The method that `name` names ("package.Service/Method", with variables) and the component that serves it; else the
 * one that knows who does (`relay`). NULL: the error is set. */
const struct pb_method *call_find(struct flow_context *x, const struct node *name,
                                  const struct target_component **component);
/* What every call carries, and the step's own metadata in its place; blank takes it away. Strings live in `arena`. */
int call_metadata(struct flow_context *x, const struct node *step, struct arena *arena,
                  struct grpc_header items[CALL_METADATA_MAX], size_t *count);
/* A message of that type in wire bytes; `n` is where the tree is from. */
int call_wire(struct flow_context *x, const struct node *n, const struct pb_type *type, json_t *tree,
              struct text *wire);
/* By names; a new reference, NULL: no memory. */
json_t *call_metadata_value(struct grpc_metadata m);

#endif
