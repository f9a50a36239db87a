/* Whose tokens the gateway saw lately: verifying RS256 costs tens of microseconds, remembering costs none. A direct-
 * mapped table by the token's hash; an entry serves until its token expires. */
#ifndef RUNTIME_API_CALLERS_H
#define RUNTIME_API_CALLERS_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

#define API_CALLERS 256 /* tokens remembered; a power of two */

struct api_callers {
    struct api_caller {
        char *token, *issuer;
        int64_t expires; /* wall seconds */
    } slots[API_CALLERS];
};

void api_callers_deinit(struct api_callers *c);
/* The issuer of a good token, valid until the next call here; ERROR_DENIED says why a token is not good. */
int api_callers_verify(struct api_callers *c, const char *public_key, const char *token, int64_t now,
                       const char **issuer, struct error *err);

#endif
