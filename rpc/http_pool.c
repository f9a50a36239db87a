/* Connections that wait for the next request: http_fetch.pool. */
#include "rpc/http_internal.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    struct http_pool *pool;
    struct kept *next;
    struct world_stream *stream;
    char address[];
};

struct http_pool {
    struct kept *first;
    size_t count;
};

int http_pool_new(struct http_pool **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static struct world_stream *take(struct kept **at)
{
    struct kept *k = *at;
    struct world_stream *stream = k->stream;
    *at = k->next;
    k->pool->count--;
    free(k);
    return stream;
}

void http_pool_free(struct http_pool *p)
{
    if (p == NULL)
        return;
    while (p->first != NULL)
        world_stream_close(take(&p->first));
    free(p);
}

static void drop(struct kept *k)
{
    struct kept **at = &k->pool->first;
    while (*at != k)
        at = &(*at)->next;
    world_stream_close(take(at));
}

/* Nothing was asked for: whatever comes is wrong. */
static void on_readable(void *arg, struct bytes data)
{
    (void)data;
    drop(arg);
}

static void on_ended(void *arg, int reason)
{
    (void)reason;
    drop(arg);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

void http_pool_keep(struct http_pool *p, const char *address, struct world_stream *stream)
{
    static const struct world_stream_events events = {
        .connected = on_nothing, .readable = on_readable, .drained = on_nothing, .ended = on_ended};
    size_t len = strlen(address) + 1;
    struct kept *k = p->count < HTTP_POOL_MAX ? malloc(sizeof *k + len) : NULL;
    if (k == NULL) {
        world_stream_close(stream);
        return;
    }
    *k = (struct kept){.pool = p, .next = p->first, .stream = stream};
    memcpy(k->address, address, len);
    p->first = k;
    p->count++;
    world_stream_accept(stream, &events, k);
}

struct world_stream *http_pool_take(struct http_pool *p, const char *address)
{
    struct kept **at = &p->first;
    while (*at != NULL && strcmp((*at)->address, address) != 0)
        at = &(*at)->next;
    return *at != NULL ? take(at) : NULL;
}
