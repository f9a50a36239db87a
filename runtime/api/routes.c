#include "runtime/api/routes.h"

#include "runtime/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX     (2 * API_NAME_MAX)
#define NETWORK     "network" /* the service that knows the peers */
#define ADDRESS_MAX 300
/* Without a network: how long nobody asks for one, unless one comes. */
#define ALONE ((uint64_t)5 * (uint64_t)SECOND)

struct route {
    uint64_t asked;
    bool stale;              /* the registry told of a change: only good while it cannot be asked */
    ProtobufCMessage *reply; /* Registry__GetResponse, ours */
};

struct lookup {
    struct api_routes *routes;
    struct api_target target;
    char domain[API_NAME_MAX]; /* asked now */
    bool elsewhere;            /* asked now is whether there is a network */
    api_route_found *found;
    void *arg;
};

static void key_of(char out[KEY_MAX], const char *domain, const char *service)
{
    (void)snprintf(out, KEY_MAX, "%.*s/%s", API_NAME_MAX - 1, domain, service);
}

/* What the registry is asked about at the moment. */
static const char *asked_for(const struct lookup *l)
{
    return l->elsewhere ? NETWORK : l->target.service;
}

static void route_free(struct route *route)
{
    if (route)
        protobuf_c_message_free_unpacked(route->reply, NULL);
    free(route);
}

void api_routes_init(struct api_routes *r, struct micro_service *service, const struct micro_options *options)
{
    *r = (struct api_routes){.world = micro_service_world(service),
                             .service = service,
                             .options = options,
                             .known = MAP_INIT,
                             .links = MAP_INIT};
}

void api_routes_close(struct api_routes *r)
{
    r->stopping = true;
    for (struct map_entry *e; (e = map_first(&r->links)) != NULL;)
        rpc_channel_free(map_remove(&r->links, map_key(e)));
}

void api_routes_deinit(struct api_routes *r)
{
    api_routes_close(r);
    for (struct map_entry *e = map_first(&r->known); e; e = map_next(e))
        route_free(map_value(e));
    map_deinit(&r->known);
    map_deinit(&r->links);
}

void api_routes_forget(struct api_routes *r, const char *domain, const char *service)
{
    char key[KEY_MAX];
    key_of(key, domain, service);
    struct route *route = map_get(&r->known, key);
    if (route)
        route->stale = true;
    if (strcmp(service, NETWORK) == 0)
        r->alone_until = 0;
}

void api_routes_lost(struct api_routes *r, const char *service)
{
    for (struct map_entry *e = map_first(&r->known); e; e = map_next(e)) {
        const char *slash = strchr(map_key(e), '/');
        struct route *route = map_value(e);
        if (slash && strcmp(slash + 1, service) == 0)
            route->stale = true;
    }
    api_routes_forget(r, MICRO_NAMESPACE, NETWORK); /* it may have been the way there */
}

/* ---- reaching it ---- */

bool api_routes_node_address(const Registry__Node *node, char *out, size_t size)
{
    const char *address = node->address, *colon = strrchr(address, ':');
    bool has_port = colon && !strchr(colon, ']');
    int n = has_port || node->port <= 0 || node->port > 65535 ? snprintf(out, size, "%s", address)
                                                              : snprintf(out, size, "%s:%d", address, (int)node->port);
    return n > 0 && (size_t)n < size && (has_port || node->port > 0);
}

static void addresses_of(const Registry__GetResponse *found, struct text *out)
{
    char address[ADDRESS_MAX];
    for (size_t i = 0; i < found->n_services; i++) {
        for (size_t k = 0; k < found->services[i]->n_nodes; k++) {
            if (api_routes_node_address(found->services[i]->nodes[k], address, sizeof address))
                text_printf(out, "%s%s", out->len ? "," : "", address);
        }
    }
}

int api_routes_channel(struct api_routes *r, const struct api_route *route, const char *service,
                       struct rpc_channel **out, struct error *err)
{
    const char *own = r->options->namespace ? r->options->namespace : MICRO_NAMESPACE;
    char key[KEY_MAX];
    if (route->elsewhere)
        return micro_service_channel(r->service, NETWORK, out, err);
    if (!route->found || strcmp(route->domain, MICRO_NAMESPACE) == 0 || strcmp(route->domain, own) == 0)
        return micro_service_channel(r->service, service, out, err);
    key_of(key, route->domain, service);
    *out = map_get(&r->links, key);
    if (*out)
        return 0;
    if (map_count(&r->links) >= LINKS_MAX)
        return error_set(err, ERROR_LIMIT, "calls go to too many services");
    struct text addresses = TEXT_INIT;
    addresses_of(route->found, &addresses);
    const struct rpc_channel_options options = {.addresses = text_string(&addresses), .user_agent = "grpc-c-micro/1"};
    int rc = !text_ok(&addresses) ? ERROR_MEMORY
             : addresses.len == 0 ? error_set(err, ERROR_NOT_FOUND, "service %s has no nodes", service)
                                  : rpc_channel_new(r->world, &options, out, err);
    text_deinit(&addresses);
    if (rc == 0 && !map_put(&r->links, key, *out)) {
        rpc_channel_free(*out);
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return rc;
}

/* ---- remembering ---- */

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

static void remember(struct api_routes *r, const char *key, const ProtobufCMessage *reply)
{
    struct rpc_channel *link = map_get(&r->links, key);
    if (link) {
        struct text addresses = TEXT_INIT;
        addresses_of((const Registry__GetResponse *)reply, &addresses);
        if (text_ok(&addresses) && addresses.len)
            rpc_channel_set_addresses(link, text_string(&addresses));
        text_deinit(&addresses);
    }
    struct route *old = map_get(&r->known, key), *route = calloc(1, sizeof *route);
    if (!route)
        return;
    if (!old && map_count(&r->known) >= ROUTES_MAX) { /* the one known longest makes room */
        struct map_entry *first = map_first(&r->known);
        route_free(map_remove(&r->known, map_key(first)));
    }
    route->asked = world_now(r->world);
    route->reply = keep(reply);
    if (!route->reply || !map_put(&r->known, key, route))
        route_free(route);
    else
        route_free(old);
}

static const char *metadata_of(const Registry__Endpoint *e, const char *key)
{
    for (size_t i = 0; i < e->n_metadata; i++) {
        if (strcmp(e->metadata[i]->key, key) == 0)
            return e->metadata[i]->value;
    }
    return "";
}

static void tell_registered(struct lookup *l, const Registry__GetResponse *reply)
{
    const struct api_target *target = &l->target;
    struct api_route route = {.code = 200, .detail = "", .domain = l->domain, .found = reply};
    char path[API_GRPC_MAX];
    bool said = false; /* which direction streams */
    api_path_grpc(target, path);
    for (size_t i = 0; i < reply->n_services; i++) {
        const Registry__Service *service = reply->services[i];
        for (size_t j = 0; j < service->n_endpoints; j++) {
            const Registry__Endpoint *endpoint = service->endpoints[j];
            if (strcmp(endpoint->name, target->endpoint) != 0)
                continue;
            route.schema.value = endpoint->request;
            route.streams = route.streams || strcmp(metadata_of(endpoint, "stream"), "true") == 0;
            const char *client = metadata_of(endpoint, "client_stream");
            said = said || client[0];
            route.one_request = strcmp(client, "false") == 0;
        }
    }
    /* A service registered by another implementation does not say it; a contract that is compiled in does. */
    const struct pb_pool *pool = route.streams && !said ? micro_pool() : NULL;
    const struct pb_method *method = pool ? pb_find_method(pool, path, true) : NULL;
    if (method)
        route.one_request = !method->client_streaming;
    l->found(l->arg, &route);
}

/* What the compiled-in contract says of an endpoint, if there is one. */
static bool read_contract(const struct api_target *target, struct api_route *route)
{
    char path[API_GRPC_MAX];
    api_path_grpc(target, path);
    const struct pb_pool *pool = micro_pool();
    const struct pb_method *method = pool ? pb_find_method(pool, path, true) : NULL;
    if (!method)
        return false;
    route->streams = method->server_streaming || method->client_streaming;
    route->one_request = !method->client_streaming;
    route->schema.type = method->input;
    return true;
}

/* With what the registry has of the service asked for. */
static void tell(struct lookup *l, const Registry__GetResponse *reply)
{
    struct api_route route = {.code = 200, .detail = "", .domain = l->domain, .elsewhere = true, .one_request = true};
    if (!l->elsewhere) {
        tell_registered(l, reply);
        return;
    }
    (void)read_contract(&l->target, &route);
    l->found(l->arg, &route);
}

/* ---- asking ---- */

static void ask(struct lookup *l);

/* No service of that name, or no answer: then what is known from earlier serves. */
static void looked_up_in_vain(struct lookup *l, int status, const char *message)
{
    struct api_routes *r = l->routes;
    struct api_route route = {.domain = l->domain};
    struct micro_error e;
    char key[KEY_MAX];
    key_of(key, l->domain, asked_for(l));
    micro_error_parse(status, bytes_of(message ? message : ""), &e);
    const struct route *old = map_get(&r->known, key);
    if (status == GRPC_OK || status == GRPC_NOT_FOUND || e.code == 404) {
        route_free(map_remove(&r->known, key));
        if (strcmp(l->domain, MICRO_NAMESPACE) != 0) {
            (void)snprintf(l->domain, sizeof l->domain, "%s", MICRO_NAMESPACE);
            ask(l);
            return;
        }
        if (!l->elsewhere && strcmp(l->target.service, NETWORK) != 0 && world_now(r->world) >= r->alone_until) {
            l->elsewhere = true;
            ask(l);
            return;
        }
        if (l->elsewhere)
            r->alone_until = world_now(r->world) + ALONE;
        route.code = 404;
        route.detail = "service not found";
        l->found(l->arg, &route);
    } else if (old) {
        tell(l, (const Registry__GetResponse *)old->reply);
    } else {
        route.code = 503;
        route.detail = e.detail;
        l->found(l->arg, &route);
    }
    free(l);
}

static void looked_up(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct lookup *l = arg;
    struct api_routes *r = l->routes;
    const Registry__GetResponse *found = (const Registry__GetResponse *)reply;
    if (r->stopping) {
        const struct api_route route = {.code = 503, .detail = "the gateway is stopping", .domain = l->domain};
        l->found(l->arg, &route);
    } else if (status == GRPC_OK && found->n_services > 0) {
        char key[KEY_MAX];
        key_of(key, l->domain, asked_for(l));
        remember(r, key, reply);
        tell(l, found);
    } else {
        looked_up_in_vain(l, status, message);
        return;
    }
    free(l);
}

/* Answers from memory, or asks the registry about l->domain. */
static void ask(struct lookup *l)
{
    struct api_routes *r = l->routes;
    char key[KEY_MAX];
    key_of(key, l->domain, asked_for(l));
    const struct route *known = map_get(&r->known, key);
    if (known && !known->stale && world_now(r->world) - known->asked < ROUTE_FRESH) {
        tell(l, (const Registry__GetResponse *)known->reply);
        free(l);
        return;
    }
    char service[API_NAME_MAX];
    Registry__Options options;
    Registry__GetRequest request;
    (void)snprintf(service, sizeof service, "%s", asked_for(l));
    registry__options__init(&options);
    registry__get_request__init(&request);
    options.domain = l->domain;
    request.service = service;
    request.options = &options;
    int rc = r->stopping ? ERROR_CLOSED
                         : micro_call(r->service, "registry", "Registry.GetService", &request.base,
                                      &registry__get_response__descriptor, 0, looked_up, l);
    if (rc < 0) {
        const struct api_route route = {.code = 503, .detail = error_code_name(rc), .domain = l->domain};
        l->found(l->arg, &route);
        free(l);
    }
}

static bool find_fixed(struct api_routes *r, const struct api_target *target, struct api_route *route)
{
    if (!micro_peer_fixed(r->options, target->service))
        return false;
    *route = (struct api_route){.code = 200, .detail = "", .domain = MICRO_NAMESPACE};
    (void)read_contract(target, route);
    return true;
}

void api_routes_find(struct api_routes *r, const char *namespace, const struct api_target *target,
                     api_route_found *found, void *arg)
{
    struct api_route route;
    if (find_fixed(r, target, &route)) {
        found(arg, &route);
        return;
    }
    struct lookup *l = malloc(sizeof *l);
    if (!l) {
        route = (struct api_route){.code = 503, .detail = "out of memory", .domain = ""};
        found(arg, &route);
        return;
    }
    *l = (struct lookup){.routes = r, .target = *target, .found = found, .arg = arg};
    (void)snprintf(l->domain, sizeof l->domain, "%s", namespace);
    ask(l);
}
