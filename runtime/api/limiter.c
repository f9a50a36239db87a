#include "runtime/api/limiter.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>

struct api_bucket {
    struct api_bucket *newer, *older;
    double left;
    uint64_t at; /* when `left` was true */
    char key[LIMITER_KEY_MAX];
};

void api_limiter_init(struct api_limiter *l, double rate, double burst)
{
    *l = (struct api_limiter){.rate = rate, .burst = burst < 1 ? 1 : burst, .buckets = MAP_INIT};
}

void api_limiter_deinit(struct api_limiter *l)
{
    for (struct api_bucket *b = l->newest, *next; b; b = next) {
        next = b->older;
        free(b);
    }
    map_deinit(&l->buckets);
}

static void unlink_bucket(struct api_limiter *l, struct api_bucket *b)
{
    *(b->newer ? &b->newer->older : &l->newest) = b->older;
    *(b->older ? &b->older->newer : &l->oldest) = b->newer;
}

static void push(struct api_limiter *l, struct api_bucket *b)
{
    b->newer = NULL;
    b->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = b;
    l->newest = b;
}

/* The caller's bucket, or a full one; NULL: no memory. */
static struct api_bucket *find(struct api_limiter *l, const char *caller, uint64_t now)
{
    char key[LIMITER_KEY_MAX];
    (void)snprintf(key, sizeof key, "%s", caller);
    struct api_bucket *b = map_get(&l->buckets, key);
    if (b) {
        unlink_bucket(l, b);
        push(l, b);
        return b;
    }
    if (l->count >= LIMITER_BUCKETS_MAX) {
        b = l->oldest;
        unlink_bucket(l, b);
        (void)map_remove(&l->buckets, b->key);
        l->count--;
    } else {
        b = malloc(sizeof *b);
    }
    if (!b || !map_put(&l->buckets, key, b)) {
        free(b);
        return NULL;
    }
    b->left = l->burst;
    b->at = now;
    (void)snprintf(b->key, sizeof b->key, "%s", key);
    push(l, b);
    l->count++;
    return b;
}

static uint32_t seconds(double tokens, double rate)
{
    double s = tokens <= 0 ? 0 : tokens / rate;
    return s >= 1e9 ? 1000000000 : (uint32_t)s + ((double)(uint32_t)s < s);
}

bool api_limiter_take(struct api_limiter *l, const char *caller, uint64_t now, struct api_limit *out)
{
    *out = (struct api_limit){0};
    struct api_bucket *b = l->rate > 0 ? find(l, caller, now) : NULL;
    if (!b)
        return true;
    b->left += (double)(now - b->at) / (double)SECOND * l->rate;
    if (b->left > l->burst)
        b->left = l->burst;
    b->at = now;
    bool granted = b->left >= 1;
    if (granted)
        b->left -= 1;
    *out = (struct api_limit){.limit = (uint32_t)l->burst,
                              .remaining = (uint32_t)b->left,
                              .reset = seconds(l->burst - b->left, l->rate),
                              .retry = granted ? 0 : seconds(1 - b->left, l->rate)};
    if (!granted && out->retry == 0)
        out->retry = 1;
    return granted;
}
