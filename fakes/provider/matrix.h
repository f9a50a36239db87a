/* What consumers use of their providers: gathered from pacts and from what playing them showed, emitted as records of
 * the type `contract` (docs/results.md). */
#ifndef FAKES_PROVIDER_MATRIX_H
#define FAKES_PROVIDER_MATRIX_H

#include "base/result.h"
#include "fakes/pact/pact.h"
#include "fakes/provider/provider.h"

struct pact_matrix;

int pact_matrix_new(struct pact_matrix **out);
void pact_matrix_free(struct pact_matrix *m); /* NULL is fine */
/* An interaction as it is written. `method` (gRPC) tells which fields; NULL: by the pact's own contracts. */
int pact_matrix_add(struct pact_matrix *m, const struct pact *pact, const struct pact_interaction *i,
                    const struct pb_method *method);
/* What playing one showed; pact_matrix_add() is part of it. */
int pact_matrix_verified(struct pact_matrix *m, const struct provider_verdict *verdict);
/* The versions that records of that consumer carry; either may be NULL. Copied. */
int pact_matrix_versions(struct pact_matrix *m, const char *consumer, const char *consumer_version,
                         const char *provider, const char *provider_version);
/* Methods of the provider's service that no interaction so far calls are told of as well. */
int pact_matrix_service(struct pact_matrix *m, const char *provider, const struct pb_service *service);
/* In order of provider, method, consumer. */
void pact_matrix_emit(const struct pact_matrix *m, struct result_stream *r);

#endif
