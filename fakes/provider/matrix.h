/* What consumers use of their providers: gathered from pacts and from what playing them showed, emitted as records of
 * the type `contract` (docs/results.md). */
#ifndef FAKES_PROVIDER_MATRIX_H
#define FAKES_PROVIDER_MATRIX_H

#include "base/result.h"
#include "fakes/pact/pact.h"
#include "fakes/provider/provider.h"

struct matrix;

int matrix_new(struct matrix **out);
void matrix_free(struct matrix *m); /* NULL is fine */
/* An interaction as it is written. `method` (gRPC) tells which fields; NULL: by the pact's own contracts. */
int matrix_add(struct matrix *m, const struct pact *pact, const struct pact_interaction *i,
               const struct pb_method *method);
/* What playing one showed; matrix_add() is part of it. */
int matrix_verified(struct matrix *m, const struct provider_verdict *verdict);
/* The versions that records of that consumer carry; either may be NULL. Copied. */
int matrix_versions(struct matrix *m, const char *consumer, const char *consumer_version, const char *provider,
                    const char *provider_version);
/* Methods of the provider's service that no interaction so far calls are told of as well. */
int matrix_service(struct matrix *m, const char *provider, const struct pb_service *service);
/* In order of provider, method, consumer. */
void matrix_emit(const struct matrix *m, struct result_stream *r);

#endif
