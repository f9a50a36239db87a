#include "runtime/api/follow.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct refresh {
    struct api_follow *follow;
    char domain[API_NAME_MAX], service[API_NAME_MAX];
};

static void retry_later(struct api_follow *f)
{
    if (f->stopping)
        return;
    f->backoff = f->backoff == 0                     ? FOLLOW_RETRY_FIRST
                 : f->backoff * 2 > FOLLOW_RETRY_MAX ? FOLLOW_RETRY_MAX
                                                     : f->backoff * 2;
    (void)world_timer_start(&f->retry, f->backoff);
}

/* ---- one service ---- */

static void refreshed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct refresh *r = arg;
    struct api_follow *f = r->follow;
    const Registry__GetResponse *found = (const Registry__GetResponse *)reply;
    struct micro_error e;
    int rc = 0;
    if (f->stopping) {
        free(r);
        return;
    }
    if (status == GRPC_OK) {
        rc = api_custom_set(f->custom, r->domain, r->service, found->services, found->n_services);
    } else {
        micro_error_parse(status, bytes_of(message ? message : ""), &e);
        if (status == GRPC_NOT_FOUND || e.code == 404)
            rc = api_custom_set(f->custom, r->domain, r->service, NULL, 0);
        else if (f->watch)
            rpc_stream_cancel(f->watch); /* begin again: the list brings what was missed */
    }
    if (rc != 0)
        log_warn("api", "routes of %s/%s: %s", r->domain, r->service, error_code_name(rc));
    free(r);
}

static void refresh(struct api_follow *f, const char *domain, const char *service)
{
    Registry__Options options;
    Registry__GetRequest request;
    struct refresh *r = malloc(sizeof *r);
    if (!r)
        return;
    r->follow = f;
    (void)snprintf(r->domain, sizeof r->domain, "%s", domain);
    (void)snprintf(r->service, sizeof r->service, "%s", service);
    registry__options__init(&options);
    registry__get_request__init(&request);
    options.domain = r->domain;
    request.service = r->service;
    request.options = &options;
    if (micro_call(f->service, "registry", "Registry.GetService", &request.base, &registry__get_response__descriptor, 0,
                   refreshed, r) < 0)
        free(r);
}

/* ---- all of them ---- */

static const char *domain_of(const Registry__Service *s)
{
    return s->options && s->options->domain[0] ? s->options->domain : MICRO_NAMESPACE;
}

static void listed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct api_follow *f = arg;
    const Registry__ListResponse *list = (const Registry__ListResponse *)reply;
    (void)message;
    if (f->stopping)
        return;
    if (status != GRPC_OK) {
        if (f->watch)
            rpc_stream_cancel(f->watch);
        return;
    }
    f->backoff = 0;
    /* Routes of services that are gone have no entry in the list: begin from nothing. */
    api_custom_clear(f->custom);
    for (size_t i = 0; i < list->n_services; i++) {
        if (api_custom_asks(list->services[i]) &&
            !api_custom_knows(f->custom, domain_of(list->services[i]), list->services[i]->name))
            refresh(f, domain_of(list->services[i]), list->services[i]->name);
    }
}

static void list(struct api_follow *f)
{
    static char all[] = "*";
    Registry__Options options;
    Registry__ListRequest request;
    registry__options__init(&options);
    registry__list_request__init(&request);
    options.domain = all;
    request.options = &options;
    if (micro_call(f->service, "registry", "Registry.ListServices", &request.base, &registry__list_response__descriptor,
                   0, listed, f) < 0 &&
        f->watch)
        rpc_stream_cancel(f->watch);
}

/* ---- changes ---- */

static void watch_message(void *arg, struct bytes message)
{
    struct api_follow *f = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (!f->stopping && pb_unpack(&registry__result__descriptor, message, &arena, &m, NULL) == 0) {
        const Registry__Service *s = ((const Registry__Result *)m)->service;
        if (s && s->name[0] && strlen(s->name) < API_NAME_MAX && strlen(domain_of(s)) < API_NAME_MAX) {
            api_routes_forget(f->routes, domain_of(s), s->name);
            if (api_custom_asks(s) || api_custom_knows(f->custom, domain_of(s), s->name))
                refresh(f, domain_of(s), s->name);
        }
    }
    arena_deinit(&arena);
}

static void watch_finished(void *arg, const struct rpc_reply *reply)
{
    struct api_follow *f = arg;
    f->watch = NULL;
    if (reply->status == GRPC_UNAUTHENTICATED)
        (void)micro_token_refused(f->service);
    retry_later(f);
}

static void begin(void *arg)
{
    static const struct rpc_stream_events events = {.message = watch_message, .finished = watch_finished};
    static char all[] = "*";
    struct api_follow *f = arg;
    struct text packed = TEXT_INIT;
    struct rpc_channel *channel = NULL;
    struct micro_outgoing out;
    Registry__Options options;
    Registry__WatchRequest request;
    registry__options__init(&options);
    registry__watch_request__init(&request);
    options.domain = all;
    request.options = &options;
    int rc = pb_pack(&request.base, &packed);
    if (rc == 0)
        rc = micro_service_channel(f->service, "registry", &channel, NULL);
    if (rc == 0) {
        micro_outgoing_init(f->service, &out, "/registry.Registry/Watch");
        const struct rpc_request call = {.path = "/registry.Registry/Watch",
                                         .metadata = out.metadata,
                                         .message = text_bytes(&packed),
                                         .has_message = true};
        rc = rpc_stream_open(channel, &call, &events, f, &f->watch, NULL);
    }
    text_deinit(&packed);
    if (rc != 0) {
        f->watch = NULL;
        retry_later(f);
        return;
    }
    list(f);
}

void api_follow_start(struct api_follow *f, struct micro_service *service, struct api_routes *routes,
                      struct api_custom *custom)
{
    *f = (struct api_follow){.service = service, .routes = routes, .custom = custom};
    world_timer_init(&f->retry, micro_service_world(service), begin, f);
    begin(f);
}

void api_follow_stop(struct api_follow *f)
{
    f->stopping = true;
    if (f->service)
        world_timer_stop(&f->retry);
}
