#include "runtime/auth/limiter.h"

#include <stdlib.h>

struct entry {
    unsigned failures;
    uint64_t last, until; /* monotonic ns */
};

void auth_limiter_deinit(struct auth_limiter *l)
{
    for (struct map_entry *e = map_first(&l->entries); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&l->entries);
}

uint64_t auth_limiter_wait(struct auth_limiter *l, const char *account, uint64_t now)
{
    const struct entry *e = map_get(&l->entries, account);
    return e && e->until > now ? e->until - now : 0;
}

void auth_limiter_succeeded(struct auth_limiter *l, const char *account)
{
    free(map_remove(&l->entries, account));
}

/* NULL: no memory, and this failure is not counted. */
static struct entry *entry_of(struct auth_limiter *l, const char *account)
{
    struct entry *e = map_get(&l->entries, account);
    if (e)
        return e;
    if (map_count(&l->entries) >= AUTH_LIMIT_ENTRIES)
        free(map_remove(&l->entries, map_key(map_first(&l->entries))));
    e = calloc(1, sizeof *e);
    if (e && !map_put(&l->entries, account, e)) {
        free(e);
        e = NULL;
    }
    return e;
}

void auth_limiter_failed(struct auth_limiter *l, const char *account, uint64_t now)
{
    struct entry *e = entry_of(l, account);
    if (!e)
        return;
    if (e->failures > 0 && now - e->last > AUTH_LIMIT_FORGET)
        e->failures = 0;
    e->last = now;
    if (e->failures < AUTH_LIMIT_FREE + 32)
        e->failures++;
    if (e->failures <= AUTH_LIMIT_FREE)
        return;
    unsigned doublings = e->failures - AUTH_LIMIT_FREE - 1;
    uint64_t delay = doublings >= 6 ? AUTH_LIMIT_MAX : AUTH_LIMIT_FIRST << doublings;
    e->until = now + (delay < AUTH_LIMIT_MAX ? delay : AUTH_LIMIT_MAX);
}
