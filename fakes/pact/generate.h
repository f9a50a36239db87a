/* What one generator makes. Private to fakes/pact. */
#ifndef FAKES_PACT_GENERATE_H
#define FAKES_PACT_GENERATE_H

#include "fakes/pact/internal.h"

/* A new value in the place of `example`; *out NULL: the example stays (nothing gave the value). */
int generate_value(const struct pact_generator *g, const struct pact_generating *with, const json_t *example,
                   json_t **out, struct error *err);

#endif
