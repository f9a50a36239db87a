#include "runtime/network/network.h"

#include "base/log.h"
#include "runtime/proxy/proxy.h"
#include "runtime/service/internal.h"
#include "world/sim.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_LIMIT 1000000 /* max-calls at most */

static void ready(void *arg)
{
    struct network *n = arg;
    micro_service_set_healthy(n->service, true, NULL);
}

/* ---- the door for peers ----------------------------------------------------------------------------------------- */

/* Who has no token learns nothing else. Accounts are judged by the service a call goes to. */
static bool peer_guard(struct rpc_call *call, void *context)
{
    struct network *n = context;
    if (network_token_right(n, call) || strcmp(rpc_call_service(call), "grpc.health.v1.Health") == 0)
        return true;
    micro_fail(call, 401, "network.Peering", "the network's token is wrong or missing");
    return false;
}

/* What others are told: an address only we can use becomes one they can. */
static void set_advertised(struct network *n, const char *listening)
{
    const char *given = micro_option(n->options, "advertise");
    const char *colon = strrchr(listening, ':');
    size_t host = colon ? (size_t)(colon - listening) : 0;
    bool any =
        (host == 7 && strncmp(listening, "0.0.0.0", 7) == 0) || (host == 4 && strncmp(listening, "[::]", 4) == 0);
    bool local = host == 9 && (strncmp(listening, "127.0.0.1", 9) == 0 || strncmp(listening, "localhost", 9) == 0);
    int port = rpc_server_port(n->peer_door);
    if (given)
        snprintf(n->advertised, sizeof n->advertised, "%s", given);
    else if (world_is_simulated(n->world) && (any || local))
        snprintf(n->advertised, sizeof n->advertised, "%s:%d", sim_node_name(n->world), port);
    else if (any) /* the one who hears it takes the address it dialed */
        n->advertised[0] = '\0';
    else
        snprintf(n->advertised, sizeof n->advertised, "%.*s:%d", (int)host, listening, port);
}

static int open_peer_door(struct network *n, struct error *err)
{
    const struct micro_options *o = n->options;
    char address[256];
    const char *cert = micro_option(o, "tls-cert-file"), *key = micro_option(o, "tls-key-file"),
               *ca = micro_option(o, "tls-ca-file");
    int rc = cert || key ? door_tls(n->world, cert, key, ca, true, &n->server_tls, err) : 0;
    if (rc == 0 && (cert || ca))
        rc = door_tls(n->world, cert, key, ca, false, &n->client_tls, err);
    if (rc)
        return rc;
    relay_set_peer_tls(n->relay, n->client_tls);
    const struct rpc_server_options options = {.package_free = true, .tls = n->server_tls};
    rc = rpc_server_new(n->world, &options, &n->peer_door, err);
    if (rc)
        return rc;
    rpc_server_set_guard(n->peer_door, peer_guard, n);
    relay_attach(n->relay, n->peer_door, true);
    rc = rpc_server_add(n->peer_door, &network_peering_service, n);
    if (rc == 0)
        rc = rpc_server_add_health(n->peer_door);
    if (rc)
        return error_set(err, rc, "the door for peers cannot be set up: %s", error_code_name(rc));
    const char *asked = micro_option(o, "peer-address");
    int len = asked ? snprintf(address, sizeof address, "%s", asked)
                    : snprintf(address, sizeof address, "%s:%d", o->host ? o->host : "127.0.0.1",
                               o->base_port ? o->base_port + NETWORK_PEER_OFFSET : 0);
    if (len < 0 || (size_t)len >= sizeof address)
        return error_set(err, ERROR_LIMIT, "peer-address is too long");
    rc = rpc_server_listen(n->peer_door, address, err);
    if (rc) {
        error_wrap(err, "the network cannot listen for peers on %s", address);
        return rc;
    }
    set_advertised(n, address);
    log_info("network", "peers are welcome on %s%s", address, n->server_tls ? " with TLS" : "");
    return 0;
}

static int dial_nodes(struct network *n, struct error *err)
{
    const char *p = micro_option(n->options, "nodes");
    int rc = 0;
    while (rc == 0 && p && *p) {
        char address[256];
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        if (len == 0)
            break;
        snprintf(address, sizeof address, "%.*s", (int)(len < sizeof address ? len : sizeof address), p);
        rc = network_dial(n, address, err);
        p += len;
    }
    return rc;
}

/* ---- the component ---------------------------------------------------------------------------------------------- */

static void network_stop(void *state)
{
    struct network *n = state;
    network_peers_stop(n);
    network_watchers_dismiss(n);
    if (n->relay)
        relay_stop(n->relay);
    network_peers_free(n);
    rpc_server_free(n->peer_door);
    micro_service_free(n->service);
    if (n->relay) {
        relay_table(n->relay)->changed = NULL;
        relay_owner_deinit(relay_table(n->relay), &n->statics);
    }
    relay_free(n->relay);
    tls_context_free(n->server_tls);
    tls_context_free(n->client_tls);
    if (n->token.data)
        OPENSSL_cleanse(n->token.data, n->token.len);
    text_deinit(&n->token);
    free(n);
}

static int set_up_relay(struct network *n, struct error *err)
{
    static const char *const own[] = {"network", "router", NULL};
    int64_t calls_max;
    int rc = door_number(n->options, "max-calls", CALLS_LIMIT, RELAY_CALLS_MAX, &calls_max, err);
    if (rc)
        return rc;
    const struct relay_config config = {.service = n->service,
                                        .name = "network",
                                        .own = own,
                                        .calls_max = (size_t)calls_max,
                                        .network = n->name,
                                        .router = n->id,
                                        .gateway = n->gateway,
                                        .peer_token = text_string(&n->token),
                                        .ready = ready,
                                        .arg = n};
    rc = relay_new(n->world, &config, &n->relay, err);
    if (rc)
        return rc;
    struct relay_routes *t = relay_table(n->relay);
    t->changed = network_route_changed;
    t->changed_arg = n;
    rc = relay_owner_init(&n->statics, RELAY_STATIC, "static");
    return rc ? error_set(err, rc, "out of memory") : 0;
}

static int add_services(struct network *n, struct error *err)
{
    static const struct rpc_service *const services[] = {&network_network_service, &network_router_service,
                                                         &network_table_service, &network_peering_service};
    static struct rpc_service own_debug;
    int rc = 0;
    for (size_t i = 0; i < sizeof services / sizeof services[0] && rc == 0; i++)
        rc = micro_service_add(n->service, services[i], n);
    own_debug = micro_debug_service;
    own_debug.name = "network.Debug";
    if (rc == 0)
        rc = rpc_server_add(micro_service_server(n->service), &own_debug, n->service);
    return rc ? error_set(err, rc, "the network's handlers cannot be set up: %s", error_code_name(rc)) : 0;
}

static int set_up(struct network *n, struct error *err)
{
    const char *name = micro_option(n->options, "network"), *gateway = micro_option(n->options, "gateway");
    n->name = name ? name : "micro";
    n->gateway = gateway ? gateway : "";
    if (strlen(n->name) > RELAY_NAME_MAX || strlen(n->gateway) > RELAY_NAME_MAX)
        return error_set(err, ERROR_LIMIT, "network and gateway have at most %d bytes", RELAY_NAME_MAX);
    int rc = micro_uuid(n->world, n->id);
    if (rc)
        return error_set(err, rc, "no random numbers can be had");
    rc = network_token_load(n, err);
    const struct micro_service_config config = {.name = "network", .access = MICRO_OWN_RULES, .options = n->options};
    if (rc == 0)
        rc = micro_service_new(n->world, &config, &n->service, err);
    if (rc == 0)
        rc = set_up_relay(n, err);
    if (rc == 0)
        rc = add_services(n, err);
    if (rc)
        return rc;
    relay_attach(n->relay, micro_service_server(n->service), false);
    rpc_server_set_guard(micro_service_server(n->service), relay_guard, n->relay);
    micro_service_set_healthy(n->service, false, "the registry has not been read yet");
    rc = open_peer_door(n, err);
    if (rc == 0)
        rc = dial_nodes(n, err);
    if (rc == 0)
        rc = micro_service_start(n->service, err);
    return rc;
}

static int network_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct network *n = calloc(1, sizeof *n);
    if (!n)
        return error_set(err, ERROR_MEMORY, "out of memory");
    n->world = w;
    n->options = options;
    network_peers_init(n);
    int rc = set_up(n, err);
    if (rc) {
        network_stop(n);
        return rc;
    }
    relay_start(n->relay);
    *state = n;
    return 0;
}

static void peer_door_drained(void *arg)
{
    struct network *n = arg;
    micro_service_drain(n->service, n->grace, n->drained, n->drained_arg);
}

static void network_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct network *n = state;
    network_peers_stop(n);
    network_watchers_dismiss(n);
    n->grace = grace / 2;
    n->drained = done;
    n->drained_arg = arg;
    rpc_server_drain(n->peer_door, grace - n->grace, peer_door_drained, n);
}

static const char *const network_needs[] = {"registry", NULL};
static const char *const network_services[] = {"network.Network", "network.Peering", "router.Router", "router.Table",
                                               NULL};
static const char *const network_options[] = {"network",       "network-token", "token",        "nodes",
                                              "advertise",     "gateway",       "peer-address", "max-calls",
                                              "tls-cert-file", "tls-key-file",  "tls-ca-file",  NULL};
extern const struct component network_component;
const struct component network_component = {
    .name = "network",
    .port_offset = NETWORK_PORT_OFFSET,
    .needs = network_needs,
    .services = network_services,
    .stateful = true,
    .options = network_options,
    .start = network_start,
    .drain = network_drain,
    .stop = network_stop,
};
