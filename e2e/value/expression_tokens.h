/* Functions of expressions about tokens and times; rows of the table in expression_functions.c. */
#ifndef E2E_EXPRESSION_TOKENS_H
#define E2E_EXPRESSION_TOKENS_H

#include "e2e/value/expression.h"

/* jwt.Sign({secret, algorithm, subject, issuer, audience, id, expires_in, not_before, private_claims}) */
json_t *expression_jwt_sign(struct evaluation *v, const char *name, json_t *const *args, size_t count);
/* jwt.Parse(token, {secret, algorithm}): its claims, when it is signed so and in time. */
json_t *expression_jwt_parse(struct evaluation *v, const char *name, json_t *const *args, size_t count);
/* time(TEXT), time(SECONDS) */
json_t *expression_time(struct evaluation *v, const char *name, json_t *const *args, size_t count);

#endif
