#include "runtime/api/routes.h"

#include "runtime/component.h"

#include <stdlib.h>
#include <string.h>

struct route {
    uint64_t asked;
    ProtobufCMessage *reply; /* Registry__GetResponse, ours */
};

struct lookup {
    struct api_routes *routes;
    struct api_target target;
    api_route_found *found;
    void *arg;
};

static void route_free(struct route *route)
{
    if (route)
        protobuf_c_message_free_unpacked(route->reply, NULL);
    free(route);
}

void api_routes_init(struct api_routes *r, struct micro_service *service, const struct micro_options *options)
{
    *r = (struct api_routes){
        .world = micro_service_world(service), .service = service, .options = options, .known = MAP_INIT};
}

void api_routes_deinit(struct api_routes *r)
{
    for (struct map_entry *e = map_first(&r->known); e; e = map_next(e))
        route_free(map_value(e));
    map_deinit(&r->known);
}

void api_routes_forget(struct api_routes *r, const char *service)
{
    route_free(map_remove(&r->known, service));
}

/* A copy of the reply that outlives the call. */
static ProtobufCMessage *keep(const ProtobufCMessage *reply)
{
    struct text packed = TEXT_INIT;
    ProtobufCMessage *copy = NULL;
    if (pb_pack(reply, &packed) < 0 ||
        pb_unpack(&registry__get_response__descriptor, text_bytes(&packed), NULL, &copy, NULL) < 0)
        copy = NULL;
    text_deinit(&packed);
    return copy;
}

static void remember(struct api_routes *r, const char *service, const ProtobufCMessage *reply)
{
    struct route *route = calloc(1, sizeof *route);
    if (!route)
        return;
    route->asked = world_now(r->world);
    route->reply = keep(reply);
    struct route *old = map_get(&r->known, service);
    bool room = old || map_count(&r->known) < ROUTES_MAX;
    if (!route->reply || !room || !map_put(&r->known, service, route))
        route_free(route);
    else
        route_free(old);
}

static void tell(const Registry__GetResponse *reply, const struct api_target *target, api_route_found *found, void *arg)
{
    struct api_route route = {.code = 200, .detail = ""};
    for (size_t i = 0; i < reply->n_services; i++) {
        const Registry__Service *service = reply->services[i];
        for (size_t j = 0; j < service->n_endpoints; j++) {
            const Registry__Endpoint *endpoint = service->endpoints[j];
            if (strcmp(endpoint->name, target->endpoint) != 0)
                continue;
            route.schema.value = endpoint->request;
            for (size_t k = 0; k < endpoint->n_metadata; k++) {
                if (strcmp(endpoint->metadata[k]->key, "stream") == 0 &&
                    strcmp(endpoint->metadata[k]->value, "true") == 0)
                    route.streams = true;
            }
        }
    }
    found(arg, &route);
}

/* No service of that name, or no answer: then what is known from earlier serves. */
static void looked_up_in_vain(struct lookup *l, int status, const char *message)
{
    struct api_routes *r = l->routes;
    struct api_route route = {0};
    struct micro_error e;
    micro_error_parse(status, bytes_of(message ? message : ""), &e);
    const struct route *old = map_get(&r->known, l->target.service);
    if (status == GRPC_OK || status == GRPC_NOT_FOUND || e.code == 404) {
        api_routes_forget(r, l->target.service);
        route.code = 404;
        route.detail = "service not found";
        l->found(l->arg, &route);
    } else if (old) {
        tell((const Registry__GetResponse *)old->reply, &l->target, l->found, l->arg);
    } else {
        route.code = 503;
        route.detail = e.detail;
        l->found(l->arg, &route);
    }
}

static void looked_up(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct lookup *l = arg;
    struct api_routes *r = l->routes;
    const Registry__GetResponse *found = (const Registry__GetResponse *)reply;
    struct api_route route = {0};
    if (r->stopping) {
        route = (struct api_route){.code = 503, .detail = "the gateway is stopping"};
        l->found(l->arg, &route);
    } else if (status == GRPC_OK && found->n_services > 0) {
        remember(r, l->target.service, reply);
        tell(found, &l->target, l->found, l->arg);
    } else {
        looked_up_in_vain(l, status, message);
    }
    free(l);
}

static bool find_fixed(struct api_routes *r, const struct api_target *target, struct api_route *route)
{
    char path[API_GRPC_MAX];
    if (!micro_peer_fixed(r->options, target->service))
        return false;
    api_path_grpc(target, path);
    const struct pb_pool *pool = micro_pool();
    const struct pb_method *method = pool ? pb_find_method(pool, path, true) : NULL;
    *route = (struct api_route){.code = 200, .detail = ""};
    if (method) {
        route->streams = method->server_streaming;
        route->schema.type = method->input;
    }
    return true;
}

void api_routes_find(struct api_routes *r, const struct api_target *target, api_route_found *found, void *arg)
{
    struct api_route route;
    if (find_fixed(r, target, &route)) {
        found(arg, &route);
        return;
    }
    const struct route *known = map_get(&r->known, target->service);
    if (known && world_now(r->world) - known->asked < ROUTE_FRESH) {
        tell((const Registry__GetResponse *)known->reply, target, found, arg);
        return;
    }
    struct lookup *l = malloc(sizeof *l);
    Registry__GetRequest request;
    registry__get_request__init(&request);
    char name[API_NAME_MAX];
    memcpy(name, target->service, sizeof name);
    request.service = name;
    int rc = ERROR_MEMORY;
    if (l) {
        *l = (struct lookup){.routes = r, .target = *target, .found = found, .arg = arg};
        rc = micro_call(r->service, "registry", "Registry.GetService", &request.base,
                        &registry__get_response__descriptor, 0, looked_up, l);
    }
    if (rc < 0) {
        free(l);
        route = (struct api_route){.code = 503, .detail = error_code_name(rc)};
        found(arg, &route);
    }
}
