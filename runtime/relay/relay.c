#include "runtime/relay/internal.h"

#include <stdio.h>
#include <stdlib.h>

int relay_new(struct world *w, const struct relay_config *config, struct relay **out, struct error *err)
{
    struct relay *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->world = w;
    r->config = *config;
    if (r->config.calls_max == 0)
        r->config.calls_max = RELAY_CALLS_MAX;
    micro_service_on_policy(config->service, relay_judge, r);
    relay_routes_init(&r->routes);
    r->routes.released = relay_endpoint_release;
    r->routes.released_arg = r;
    relay_follow_init(r);
    int rc = relay_owner_init(&r->fixed, RELAY_STATIC, "fixed");
    if (rc == 0 && config->endpoint) {
        const struct relay_spec spec = {.domain = "*", .service = "*", .address = config->endpoint, .metric = 1};
        rc = relay_routes_put(&r->routes, &r->fixed, &spec);
        r->synced = true;
    }
    if (rc) {
        relay_stop(r);
        relay_free(r);
        return error_set(err, rc, "the relay cannot be set up: %s", error_code_name(rc));
    }
    *out = r;
    return 0;
}

void relay_attach(struct relay *r, struct rpc_server *server, bool from_peers)
{
    rpc_server_set_whole_names(server);
    rpc_server_set_fallback(server, from_peers ? &relay_peer_handler : &relay_handler, r);
}

void relay_set_peer_tls(struct relay *r, struct tls_context *tls)
{
    r->peer_tls = tls;
}

void relay_start(struct relay *r)
{
    if (r->config.endpoint)
        r->config.ready(r->config.arg);
    else
        relay_follow(r);
}

void relay_stop(struct relay *r)
{
    r->stopping = true;
    micro_service_on_policy(r->config.service, NULL, NULL);
    relay_follow_stop(r);
    relay_endpoints_close(r);
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    relay_follow_free(r);
    relay_owner_deinit(&r->routes, &r->fixed);
    relay_routes_deinit(&r->routes);
    map_deinit(&r->endpoints);
    free(r);
}

struct relay_routes *relay_table(struct relay *r)
{
    return &r->routes;
}

/* ---- what can be seen of it ------------------------------------------------------------------------------------- */

static void each_open(const struct relay *r, void (*one)(void *arg, const struct relay_route *route), void *arg)
{
    for (struct map_entry *e = map_first(&r->routes.groups); e; e = map_next(e)) {
        const struct relay_group *g = map_value(e);
        for (const struct relay_route *route = g->first; route; route = route->next)
            if (route->breaker.state != RELAY_CLOSED)
                one(arg, route);
    }
}

static void count_open(void *arg, const struct relay_route *route)
{
    (void)route;
    ++*(size_t *)arg;
}

void relay_figures(const struct relay *r, struct relay_figures *out)
{
    *out = r->figures;
    out->open = 0;
    each_open(r, count_open, &out->open);
}

struct describing {
    struct text *out;
    size_t left;
    uint64_t now;
};

static void describe(void *arg, const struct relay_route *route)
{
    struct describing *d = arg;
    if (d->left == 0)
        return;
    d->left--;
    text_printf(d->out, "%s%s at %s: %s", d->out->len ? "\n" : "", route->spec.service, route->spec.address,
                relay_state_name(route->breaker.state));
    if (route->breaker.retry_at > d->now) {
        char left[32];
        units_format_duration((int64_t)(route->breaker.retry_at - d->now), left, sizeof left);
        text_printf(d->out, ", tried again in %s", left);
    }
}

void relay_describe_open(const struct relay *r, size_t max, struct text *out)
{
    struct describing d = {.out = out, .left = max, .now = world_now(r->world)};
    each_open(r, describe, &d);
}
