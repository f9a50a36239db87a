#include "runtime/api/api.h"

#include "runtime/api/gateway.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api {
    struct gateway gateway;
    struct micro_options grpc_options; /* the same, with the gRPC server's address */
    char grpc_address[256];
    struct http_server *http;
};

/* Open requests end when their calls do: first the service goes, then the HTTP server is idle. */
static void api_stop(void *state)
{
    struct api *a = state;
    a->gateway.routes.stopping = true;
    micro_service_free(a->gateway.service);
    http_server_free(a->http);
    api_routes_deinit(&a->gateway.routes);
    api_callers_deinit(&a->gateway.callers);
    free(a);
}

/* Both addresses: the gateway's where the option says, the gRPC server's next to it or, for port 0, anywhere. */
static int find_addresses(struct api *a, const struct micro_options *options, char *http, size_t size,
                          struct error *err)
{
    const char *host = options->host ? options->host : "127.0.0.1";
    int n, m;
    if (options->address) {
        const char *colon = strrchr(options->address, ':');
        char *end = NULL;
        long port = colon ? strtol(colon + 1, &end, 10) : -1;
        if (!colon || end == colon + 1 || *end || port < 0 || port > 65535 - (API_GRPC_OFFSET - API_PORT_OFFSET))
            return error_set(err, ERROR_INVALID, "address \"%s\" is not host:port", options->address);
        n = snprintf(http, size, "%s", options->address);
        m = snprintf(a->grpc_address, sizeof a->grpc_address, "%.*s:%ld", (int)(colon - options->address),
                     options->address, port ? port + API_GRPC_OFFSET - API_PORT_OFFSET : 0);
    } else {
        n = snprintf(http, size, "%s:%d", host, options->base_port + API_PORT_OFFSET);
        m = snprintf(a->grpc_address, sizeof a->grpc_address, "%s:%d", host, options->base_port + API_GRPC_OFFSET);
    }
    if (n < 0 || (size_t)n >= size || m < 0 || (size_t)m >= sizeof a->grpc_address)
        return error_set(err, ERROR_LIMIT, "the address is too long");
    return 0;
}

/* <run_dir>/api.http: where the gateway listens; api.address is the gRPC server's, as for every component. */
static int write_http_address(struct api *a, const struct micro_options *options, const char *address,
                              struct error *err)
{
    char path[1024], line[300];
    if (!options->run_dir)
        return 0;
    const char *colon = strrchr(address, ':');
    int n = snprintf(path, sizeof path, "%s/api.http", options->run_dir);
    snprintf(line, sizeof line, "%.*s:%d\n", colon ? (int)(colon - address) : 0, address, http_server_port(a->http));
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(err, ERROR_LIMIT, "the run directory's path is too long");
    return world_write_file(a->gateway.world, path, bytes_of(line), false, err);
}

static int api_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    char http_address[256];
    struct api *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct gateway *g = &a->gateway;
    g->world = w;
    g->options = options;
    a->grpc_options = *options;
    a->grpc_options.address = a->grpc_address;
    const struct micro_service_config config = {.name = "api", .access = MICRO_PUBLIC, .options = &a->grpc_options};
    const struct http_server_options http = {.body_max = GATEWAY_BODY_MAX};
    int rc = find_addresses(a, options, http_address, sizeof http_address, err);
    if (rc == 0)
        rc = micro_service_new(w, &config, &g->service, err);
    if (rc < 0) {
        free(a);
        return rc;
    }
    api_routes_init(&g->routes, g->service, options);
    rc = http_server_new(w, &http, gateway_handle, g, &a->http, err);
    if (rc == 0)
        rc = http_server_listen(a->http, http_address, err);
    if (rc == 0)
        rc = write_http_address(a, options, http_address, err);
    if (rc == 0)
        rc = micro_service_start(g->service, err);
    if (rc < 0) {
        api_stop(a);
        return rc;
    }
    log_info("api", "gateway listening on http://%s", http_address);
    *state = a;
    return 0;
}

static void api_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct api *a = state;
    micro_service_drain(a->gateway.service, grace, done, arg);
}

static const char *const api_needs[] = {"registry", NULL};
static const char *const api_services[] = {NULL};
const struct component api_component = {
    .name = "api",
    .port_offset = API_PORT_OFFSET,
    .needs = api_needs,
    .services = api_services,
    .stateful = false,
    .start = api_start,
    .drain = api_drain,
    .stop = api_stop,
};
