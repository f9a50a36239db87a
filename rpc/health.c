/* grpc.health.v1.Health: who is able to serve. Check answers at once, Watch answers at every change. */
#include "rpc/server_internal.h"

#include "grpc/health/v1/health.pb-c.h"

#include <stdlib.h>
#include <string.h>

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;
#define UNKNOWN_SERVICE GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define SERVING         GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

struct watcher {
    struct rpc_call *call;
    char *service;
    serving_status told;
    struct watcher *next, **back;
};

struct health_entry {
    bool serving;
};

struct rpc_health {
    struct map entries; /* name -> struct health_entry, owned */
    struct watcher *watchers;
    bool draining;
};

static const struct health_entry *find_entry(const struct rpc_server *s, const char *service)
{
    return map_get(&s->health->entries, service);
}

/* A service that was added but never given a state is as able as the server as a whole. */
static serving_status state_of(const struct rpc_server *s, const char *service)
{
    const struct health_entry *e = find_entry(s, service);
    if (!e && map_get(&s->services, service))
        e = find_entry(s, "");
    if (!e)
        return UNKNOWN_SERVICE;
    return e->serving && !s->health->draining ? SERVING : NOT_SERVING;
}

static void check(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)message;
    serving_status state = state_of(context, request->service);
    if (state == UNKNOWN_SERVICE) {
        rpc_call_fail(call, GRPC_NOT_FOUND, "unknown service %s", request->service);
        return;
    }
    Grpc__Health__V1__HealthCheckResponse response;
    grpc__health__v1__health_check_response__init(&response);
    response.status = state;
    rpc_call_reply(call, &response.base);
}

static void watcher_free(struct watcher *w)
{
    *w->back = w->next;
    if (w->next)
        w->next->back = w->back;
    free(w->service);
    free(w);
}

static void tell(struct watcher *w, serving_status state)
{
    Grpc__Health__V1__HealthCheckResponse response;
    grpc__health__v1__health_check_response__init(&response);
    response.status = state;
    w->told = state;
    (void)rpc_call_send(w->call, &response.base); /* a lost client is told by `cancelled` */
}

static void watch(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct rpc_server *s = context;
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)message;
    struct watcher *w = calloc(1, sizeof *w);
    char *service = strdup(request->service);
    if (!w || !service) {
        free(w);
        free(service);
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    w->call = call;
    w->service = service;
    w->next = s->health->watchers;
    if (w->next)
        w->next->back = &w->next;
    w->back = &s->health->watchers;
    s->health->watchers = w;
    rpc_call_set_user(call, w);
    tell(w, state_of(s, service));
}

static void watch_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    watcher_free(rpc_call_user(call));
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static const struct rpc_method methods[] = {
    {.name = "Check",
     .input = &grpc__health__v1__health_check_request__descriptor,
     .output = &grpc__health__v1__health_check_response__descriptor,
     .unary = check},
    {.name = "Watch",
     .input = &grpc__health__v1__health_check_request__descriptor,
     .output = &grpc__health__v1__health_check_response__descriptor,
     .unary = watch,
     .cancelled = watch_cancelled},
};
static const struct rpc_service health_service = {"grpc.health.v1.Health", methods, 2};

static void tell_watchers(struct rpc_server *s)
{
    for (struct watcher *w = s->health->watchers; w; w = w->next) {
        serving_status state = state_of(s, w->service);
        if (state != w->told)
            tell(w, state);
    }
}

static int put(struct rpc_server *s, const char *service, bool serving)
{
    struct health_entry *e = map_get(&s->health->entries, service);
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e || !map_put(&s->health->entries, service, e)) {
            free(e);
            return ERROR_MEMORY;
        }
    }
    e->serving = serving;
    return 0;
}

int rpc_server_add_health(struct rpc_server *s)
{
    if (s->health)
        return ERROR_EXISTS;
    s->health = calloc(1, sizeof *s->health);
    if (!s->health)
        return ERROR_MEMORY;
    int rc = put(s, "", true);
    return rc ? rc : rpc_server_add(s, &health_service, s);
}

void rpc_server_set_health(struct rpc_server *s, const char *service, bool serving)
{
    /* Without memory for a new entry the service stays unknown, which no client takes for serving. */
    if (s->health && put(s, service ? service : "", serving) == 0)
        tell_watchers(s);
}

void server_health_drain(struct rpc_server *s)
{
    if (!s->health)
        return;
    s->health->draining = true;
    tell_watchers(s);
    for (struct watcher *w; (w = s->health->watchers) != NULL;) {
        struct rpc_call *call = w->call;
        s->health->watchers = w->next;
        watcher_free(w);
        rpc_call_finish(call, GRPC_UNAVAILABLE, "the server is shutting down");
    }
}

void server_health_free(struct rpc_server *s)
{
    if (!s->health)
        return;
    for (struct map_entry *e = map_first(&s->health->entries); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&s->health->entries);
    free(s->health);
    s->health = NULL;
}
