/* Who watches the registry, and what they have yet to hear.
 *
 * A change is packed once. Watchers that keep up get it at once; for those whose connection is full it stays in one log
 * shared by all, each with a place in it, and goes out as they read. The log holds WATCH_LOG_MAX bytes: watchers that
 * fall behind further are let go with 503 instead of being remembered without bound; they list and watch anew. */
#ifndef RUNTIME_REGISTRY_WATCH_H
#define RUNTIME_REGISTRY_WATCH_H

#include "proto/registry/registry.pb-c.h"
#include "rpc/rpc.h"

#define WATCHERS_MAX  10000
#define WATCH_LOG_MAX ((size_t)16 << 20) /* bytes of changes somebody has not heard of yet */

struct watcher;
struct watch_event;

struct watch {
    struct watcher *watchers;
    size_t watcher_count;
    struct watch_event *first, **end; /* the log */
    size_t log_bytes;
    bool closed;
};

void watchers_init(struct watch *w);
/* Takes the call over: it is finished here. `service` "" is every one, `domain` "*" too; both live as long as it. */
void watchers_add(struct watch *w, struct rpc_call *call, const char *service, const char *domain, uint64_t revision);
void watchers_tell(struct watch *w, const char *domain, const Registry__Result *result);
/* The call's callbacks. */
void watchers_writable(struct watch *w, struct rpc_call *call);
void watchers_cancelled(struct watch *w, struct rpc_call *call);
void watchers_close(struct watch *w); /* everybody is let go, nobody let in */

#endif
