#include "runtime/api/callers.h"

#include "runtime/service/service.h"

#include <stdlib.h>
#include <string.h>

static struct api_caller *slot_of(struct api_callers *c, const char *token)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *p = token; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    return &c->slots[hash & (API_CALLERS - 1)];
}

static void forget(struct api_caller *slot)
{
    free(slot->token);
    free(slot->issuer);
    *slot = (struct api_caller){0};
}

void api_callers_deinit(struct api_callers *c)
{
    for (size_t i = 0; i < API_CALLERS; i++)
        forget(&c->slots[i]);
}

int api_callers_verify(struct api_callers *c, const char *public_key, const char *token, int64_t now,
                       const char **issuer, struct error *err)
{
    struct api_caller *slot = slot_of(c, token);
    if (slot->token && strcmp(slot->token, token) == 0 && now < slot->expires) {
        *issuer = slot->issuer;
        return 0;
    }
    struct arena arena = ARENA_INIT;
    struct micro_claims claims = {0};
    int rc = micro_token_verify(public_key, token, now, &arena, &claims, err);
    if (rc == 0) {
        forget(slot);
        slot->token = strdup(token);
        slot->issuer = strdup(claims.issuer ? claims.issuer : "");
        slot->expires = claims.expires;
        if (!slot->token || !slot->issuer) {
            forget(slot);
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        } else {
            *issuer = slot->issuer;
        }
    }
    arena_deinit(&arena);
    return rc;
}
