#include "runtime/proxy/proxy.h"

#include "base/log.h"
#include "runtime/service/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define CALLS_LIMIT 1000000 /* max-calls at most */

static void ready(void *arg)
{
    struct proxy *p = arg;
    micro_service_set_healthy(p->service, true, NULL);
}

/* ---- the door with TLS ------------------------------------------------------------------------------------------ */

static int open_tls_door(struct proxy *p, struct error *err)
{
    const struct micro_options *o = p->options;
    char address[RELAY_TEXT_MAX];
    int rc = door_tls(p->world, micro_option(o, "tls-cert-file"), micro_option(o, "tls-key-file"),
                      micro_option(o, "tls-client-ca-file"), true, &p->tls, err);
    if (rc || !p->tls)
        return rc;
    const struct rpc_server_options options = {.package_free = true, .pool = micro_pool(), .tls = p->tls};
    rc = rpc_server_new(p->world, &options, &p->tls_door, err);
    if (rc)
        return rc;
    micro_service_set_door(p->service, p->tls_door);
    rpc_server_set_guard(p->tls_door, relay_guard, p->relay);
    relay_attach(p->relay, p->tls_door, false);
    rc = rpc_server_add(p->tls_door, &proxy_client_service, p);
    if (rc == 0)
        rc = rpc_server_add_health(p->tls_door);
    if (rc)
        return error_set(err, rc, "the door with TLS cannot be set up: %s", error_code_name(rc));
    const char *asked = micro_option(o, "tls-address");
    if (asked)
        snprintf(address, sizeof address, "%s", asked);
    else
        snprintf(address, sizeof address, "%s:%d", o->host ? o->host : "127.0.0.1", o->base_port + PROXY_TLS_OFFSET);
    rc = rpc_server_listen(p->tls_door, address, err);
    if (rc)
        error_wrap(err, "the proxy cannot listen on %s", address);
    else
        log_info("proxy", "listening on %s with TLS", address);
    return rc;
}

/* ---- the component ---------------------------------------------------------------------------------------------- */

static void proxy_stop(void *state)
{
    struct proxy *p = state;
    if (p->relay)
        relay_stop(p->relay);
    proxy_client_stop(p);
    if (p->service)
        micro_service_set_door(p->service, NULL);
    rpc_server_free(p->tls_door);
    micro_service_free(p->service);
    relay_free(p->relay);
    tls_context_free(p->tls);
    free(p);
}

static int set_up(struct proxy *p, struct error *err)
{
    static const char *const own[] = {"proxy", "client", NULL};
    const struct micro_options *o = p->options;
    const char *protocol = micro_option(o, "protocol");
    if (protocol && strcmp(protocol, "grpc") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "protocol \"%.40s\" is not there; \"grpc\" is", protocol);
    int64_t calls_max;
    int rc = door_number(o, "max-calls", CALLS_LIMIT, RELAY_CALLS_MAX, &calls_max, err);
    if (rc)
        return rc;
    const struct micro_service_config config = {.name = "proxy", .access = MICRO_OWN_RULES, .options = o};
    rc = micro_service_new(p->world, &config, &p->service, err);
    if (rc)
        return rc;
    const struct relay_config relay = {.service = p->service,
                                       .name = "proxy",
                                       .own = own,
                                       .calls_max = (size_t)calls_max,
                                       .endpoint = micro_option(o, "endpoint"),
                                       .elsewhere = "network",
                                       .ready = ready,
                                       .arg = p};
    rc = relay_new(p->world, &relay, &p->relay, err);
    if (rc)
        return rc;
    static struct rpc_service own_debug;
    own_debug = micro_debug_service;
    own_debug.name = "proxy.Debug";
    rpc_server_set_guard(micro_service_server(p->service), relay_guard, p->relay);
    relay_attach(p->relay, micro_service_server(p->service), false);
    rc = micro_service_add(p->service, &proxy_client_service, p);
    if (rc == 0)
        rc = rpc_server_add(micro_service_server(p->service), &own_debug, p->service);
    if (rc)
        return error_set(err, rc, "the proxy's handlers cannot be set up: %s", error_code_name(rc));
    micro_service_set_healthy(p->service, false, "the registry has not been read yet");
    rc = open_tls_door(p, err);
    if (rc == 0)
        rc = micro_service_start(p->service, err);
    return rc;
}

static int proxy_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct proxy *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, ERROR_MEMORY, "out of memory");
    p->world = w;
    p->options = options;
    int rc = set_up(p, err);
    if (rc) {
        proxy_stop(p);
        return rc;
    }
    relay_start(p->relay);
    *state = p;
    return 0;
}

static void tls_door_drained(void *arg)
{
    struct proxy *p = arg;
    micro_service_drain(p->service, p->grace, p->drained, p->drained_arg);
}

static void proxy_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct proxy *p = state;
    p->grace = p->tls_door ? grace / 2 : grace;
    p->drained = done;
    p->drained_arg = arg;
    if (p->tls_door)
        rpc_server_drain(p->tls_door, grace - p->grace, tls_door_drained, p);
    else
        tls_door_drained(p);
}

static const char *const proxy_needs[] = {"registry", NULL};
static const char *const proxy_services[] = {"client.Client", NULL};
static const char *const proxy_options[] = {"max-calls",    "endpoint",           "protocol",    "tls-cert-file",
                                            "tls-key-file", "tls-client-ca-file", "tls-address", NULL};
extern const struct component proxy_component;
const struct component proxy_component = {
    .name = "proxy",
    .port_offset = PROXY_PORT_OFFSET,
    .needs = proxy_needs,
    .services = proxy_services,
    .options = proxy_options,
    .start = proxy_start,
    .drain = proxy_drain,
    .stop = proxy_stop,
};
