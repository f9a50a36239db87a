#include "runtime/api/api.h"

#include "runtime/api/passage.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api {
    struct gateway gateway;
    struct api_settings settings;
    struct micro_options grpc_options; /* the same, with the gRPC server's address */
    char grpc_address[256];
    int draining; /* of the two servers, how many still are */
    void (*drained)(void *arg);
    void *drained_arg;
};

/* The HTTP server goes first: its open requests lose their clients, and end when their calls do, which is when the
 * channels and the service go. The other way round requests without a call would tell their end to a service that is
 * gone. */
static void api_stop(void *state)
{
    struct api *a = state;
    struct gateway *g = &a->gateway;
    api_follow_stop(&g->follow);
    api_blocklist_stop(&g->blocklist);
    http_server_free(g->http);
    api_routes_close(&g->routes);
    micro_service_free(g->service);
    api_routes_deinit(&g->routes);
    api_custom_deinit(&g->custom);
    api_limiter_deinit(&g->limiter);
    api_blocklist_deinit(&g->blocklist);
    api_settings_deinit(&a->settings);
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
    (void)snprintf(line, sizeof line, "%.*s:%d\n", colon ? (int)(colon - address) : 0, address,
                   http_server_port(a->gateway.http));
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
    g->settings = &a->settings;
    a->grpc_options = *options;
    a->grpc_options.address = a->grpc_address;
    const struct micro_service_config config = {.name = "api", .access = MICRO_PUBLIC, .options = &a->grpc_options};
    int rc = find_addresses(a, options, http_address, sizeof http_address, err);
    if (rc == 0)
        rc = api_settings_read(&a->settings, w, options, err);
    if (rc == 0)
        rc = micro_service_new(w, &config, &g->service, err);
    if (rc < 0) {
        api_settings_deinit(&a->settings);
        free(a);
        return rc;
    }
    micro_service_on_policy(g->service, grants_judge, g);
    const struct http_server_options http = {.body_max = GATEWAY_BODY_MAX,
                                             .tls = a->settings.tls,
                                             .refusal_type = "application/json",
                                             .refusal = answer_refusal};
    api_routes_init(&g->routes, g->service, options);
    api_custom_init(&g->custom);
    api_limiter_init(&g->limiter, a->settings.rate, a->settings.burst);
    api_blocklist_init(&g->blocklist, g->service, a->settings.blocklist);
    g->blocklist.grown = grants_judge;
    g->blocklist.grown_arg = g;
    rc = micro_service_add(g->service, &api_blocklist_service, &g->blocklist);
    if (rc < 0)
        (void)error_set(err, rc, "%s", error_code_name(rc));
    if (rc == 0)
        rc = http_server_new(w, &http, gateway_handle, g, &g->http, err);
    if (rc == 0)
        rc = http_server_listen(g->http, http_address, err);
    if (rc == 0)
        rc = write_http_address(a, options, http_address, err);
    if (rc == 0)
        rc = micro_service_start(g->service, err);
    if (rc < 0) {
        api_stop(a);
        return rc;
    }
    api_follow_start(&g->follow, g->service, &g->routes, &g->custom);
    api_blocklist_start(&g->blocklist);
    log_info("api", "gateway listening on %s://%s", a->settings.tls ? "https" : "http", http_address);
    *state = a;
    return 0;
}

static void half_drained(void *arg)
{
    struct api *a = arg;
    if (--a->draining == 0)
        a->drained(a->drained_arg);
}

/* The HTTP server drains first: its exchanges need the service's channels, which live until stop. */
static void api_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct api *a = state;
    a->draining = 2;
    a->drained = done;
    a->drained_arg = arg;
    http_server_drain(a->gateway.http, grace, half_drained, a);
    micro_service_drain(a->gateway.service, grace, half_drained, a);
}

static const char *const api_needs[] = {"registry", NULL};
static const char *const api_services[] = {"api.Api", NULL};
const struct component api_component = {
    .name = "api",
    .port_offset = API_PORT_OFFSET,
    .needs = api_needs,
    .services = api_services,
    .stateful = false,
    .options = api_option_names,
    .start = api_start,
    .drain = api_drain,
    .stop = api_stop,
};
