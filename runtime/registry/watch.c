#include "runtime/registry/watch.h"

#include "runtime/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char id[] = "registry.Registry.Watch";

struct watch_event {
    struct watch_event *next;
    size_t waiting; /* watchers that hear this one next */
    const char *domain, *service;
    struct text json; /* for those who speak it; made for the first of them */
    size_t size, len;
    uint8_t packed[]; /* the Result; behind it the two names */
};

struct watcher {
    struct rpc_call *call;
    const char *service, *domain;
    struct watch_event *at; /* NULL: heard all */
    struct watcher *next, **link;
};

void watchers_init(struct watch *w)
{
    *w = (struct watch){0};
    w->end = &w->first;
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

static void event_free(struct watch_event *e)
{
    text_deinit(&e->json);
    free(e);
}

static struct watch_event *event_new(const char *domain, const Registry__Result *result)
{
    size_t len = protobuf_c_message_get_packed_size(&result->base);
    size_t domain_size = strlen(domain) + 1, name_size = strlen(result->service->name) + 1;
    struct watch_event *e = malloc(sizeof *e + len + domain_size + name_size);
    if (!e)
        return NULL;
    *e = (struct watch_event){.len = len, .size = sizeof *e + len + domain_size + name_size};
    (void)protobuf_c_message_pack(&result->base, e->packed);
    char *names = (char *)e->packed + len;
    memcpy(names, domain, domain_size);
    memcpy(names + domain_size, result->service->name, name_size);
    e->domain = names;
    e->service = names + domain_size;
    return e;
}

/* What nobody waits for any more. */
static void trim(struct watch *w)
{
    while (w->first && w->first->waiting == 0) {
        struct watch_event *e = w->first;
        w->first = e->next;
        if (!w->first)
            w->end = &w->first;
        w->log_bytes -= e->size;
        event_free(e);
    }
}

static void move_to(struct watcher *r, struct watch_event *e)
{
    if (r->at)
        r->at->waiting--;
    r->at = e;
    if (e)
        e->waiting++;
}

/* ---- watchers --------------------------------------------------------------------------------------------------- */

static void watcher_remove(struct watch *w, struct watcher *r)
{
    move_to(r, NULL);
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    w->watcher_count--;
    rpc_call_set_user(r->call, NULL);
}

static void dismiss(struct watch *w, struct watcher *r)
{
    watcher_remove(w, r);
    micro_fail(r->call, 503, id, "the watcher reads too slowly: list and watch again");
}

static bool wants(const struct watcher *r, const struct watch_event *e)
{
    return (strcmp(r->domain, "*") == 0 || strcmp(r->domain, e->domain) == 0) &&
           (!r->service[0] || strcmp(r->service, e->service) == 0);
}

static int send_json(struct rpc_call *call, struct watch_event *e)
{
    if (e->json.len == 0) {
        const struct pb_type *type = pb_find_type(micro_pool(), registry__result__descriptor.name);
        int rc = type ? pb_wire_to_json(type, BYTES(e->packed, e->len), PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS,
                                        &e->json, NULL)
                      : ERROR_NOT_FOUND;
        if (rc)
            return rc;
        if (!text_ok(&e->json)) {
            text_deinit(&e->json);
            return ERROR_MEMORY;
        }
    }
    return rpc_call_send_bytes(call, text_bytes(&e->json));
}

static int send_event(struct watcher *r, struct watch_event *e)
{
    if (!wants(r, e))
        return 0;
    return rpc_call_json(r->call) ? send_json(r->call, e) : rpc_call_send_bytes(r->call, BYTES(e->packed, e->len));
}

void watchers_add(struct watch *w, struct rpc_call *call, const char *service, const char *domain, uint64_t revision)
{
    if (w->closed || w->watcher_count >= WATCHERS_MAX) {
        micro_fail(call, 503, id, w->closed ? "the registry is shutting down" : "too many watchers");
        return;
    }
    struct watcher *r = ARENA_NEW(rpc_call_arena(call), struct watcher);
    if (!r) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)revision);
    (void)rpc_call_send_header(call, "micro-revision", BYTES(text, (size_t)n));
    *r =
        (struct watcher){.call = call, .service = service, .domain = domain, .next = w->watchers, .link = &w->watchers};
    if (r->next)
        r->next->link = &r->next;
    w->watchers = r;
    w->watcher_count++;
    rpc_call_set_user(call, r);
}

void watchers_tell(struct watch *w, const char *domain, const Registry__Result *result)
{
    if (!w->watchers)
        return;
    struct watch_event *e = event_new(domain, result);
    for (struct watcher *r = w->watchers, *next; r; r = next) {
        next = r->next;
        bool behind = r->at || rpc_call_busy(r->call);
        if (!e || (!behind && send_event(r, e) != 0))
            dismiss(w, r); /* it has missed something */
        else if (behind && !r->at)
            move_to(r, e);
    }
    if (!e)
        return;
    *w->end = e;
    w->end = &e->next;
    w->log_bytes += e->size;
    trim(w);
    while (w->log_bytes > WATCH_LOG_MAX) {
        for (struct watcher *r = w->watchers, *next; r; r = next) {
            next = r->next;
            if (r->at == w->first)
                dismiss(w, r);
        }
        trim(w);
    }
}

void watchers_writable(struct watch *w, struct rpc_call *call)
{
    struct watcher *r = rpc_call_user(call);
    if (!r)
        return;
    while (r->at && !rpc_call_busy(call)) {
        struct watch_event *e = r->at;
        if (send_event(r, e) != 0) {
            dismiss(w, r);
            break;
        }
        move_to(r, e->next);
    }
    trim(w);
}

void watchers_cancelled(struct watch *w, struct rpc_call *call)
{
    struct watcher *r = rpc_call_user(call);
    if (r)
        watcher_remove(w, r);
    trim(w);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

void watchers_close(struct watch *w)
{
    w->closed = true;
    while (w->watchers) {
        struct watcher *r = w->watchers;
        watcher_remove(w, r);
        rpc_call_finish(r->call, GRPC_OK, "");
    }
    trim(w);
}
