#include "runtime/wrap/internal.h"

#include "base/log.h"
#include "runtime/relay/internal.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- is it there? ----------------------------------------------------------------------------------------------- */

static void next_probe(struct wrap *s)
{
    if (world_timer_start(&s->timer, (uint64_t)(s->unhealthy ? WRAP_PROBE_AWAY : WRAP_PROBE)) != 0)
        log_error(s->options->name, "out of memory: the endpoint is not looked at any more");
}

static void found(struct wrap *s, bool healthy, const char *why)
{
    char words[300];
    if (!healthy) {
        snprintf(words, sizeof words, "endpoint: %s", why);
        micro_service_set_healthy(s->service, false, words);
    } else if (s->unhealthy) {
        micro_service_set_healthy(s->service, true, NULL);
    }
    s->unhealthy = !healthy;
}

static void probe_over(struct wrap *s, bool healthy, const char *why)
{
    struct world_stream *probe = s->probe;
    s->probe = NULL;
    world_stream_close(probe);
    world_timer_stop(&s->timer);
    found(s, healthy, why);
    next_probe(s);
}

static void probe_connected(void *arg)
{
    probe_over(arg, true, "");
}

static void probe_ended(void *arg, int reason)
{
    struct wrap *s = arg;
    char words[200];
    snprintf(words, sizeof words, "%s: %s", s->endpoint.address, error_code_name(reason ? reason : ERROR_CLOSED));
    probe_over(s, false, words);
}

/* Of a folder that it is one, of a program that it can be run (one that is looked for on the PATH tells when it is). */
static bool on_disk(const struct wrap *s, char *why, size_t size)
{
    const struct wrap_endpoint *e = &s->endpoint;
    const char *path = e->kind == WRAP_FILE ? e->path : e->argv[0];
    struct world_stat stat = {0};
    if (e->kind == WRAP_EXEC && !strchr(path, '/'))
        return true;
    int rc = world_stat(s->world, path, &stat);
    if (rc)
        snprintf(why, size, "%.150s: %s", path, error_code_name(rc));
    else if (!stat.exists)
        snprintf(why, size, "%.150s is not there", path);
    else if (e->kind == WRAP_FILE && !stat.directory)
        snprintf(why, size, "%.150s is no folder", path);
    else if (e->kind == WRAP_EXEC && (stat.directory || !stat.executable))
        snprintf(why, size, "%.150s is no program that may be run", path);
    else
        return true;
    return false;
}

static void probe(void *arg)
{
    static const struct world_stream_events events = {.connected = probe_connected, .ended = probe_ended};
    struct wrap *s = arg;
    char why[200] = "";
    if (s->probe) { /* its time is over */
        probe_over(s, false, "it does not answer in time");
        return;
    }
    if (s->endpoint.kind == WRAP_FILE || s->endpoint.kind == WRAP_EXEC) {
        found(s, on_disk(s, why, sizeof why), why);
        next_probe(s);
        return;
    }
    struct error err = ERROR_INIT;
    int rc = world_timer_start(&s->timer, (uint64_t)WRAP_PROBE_LIMIT);
    if (rc == 0)
        rc = world_connect(s->world, s->endpoint.address, &events, s, &s->probe, &err);
    if (rc < 0)
        probe_over(s, false, err.message ? err.message : error_code_name(rc));
    error_clear(&err);
}

/* ---- beginning -------------------------------------------------------------------------------------------------- */

static int copy_metadata(struct wrap *s, const struct wrap_config *config, struct error *err)
{
    if (config->metadata_count > WRAP_METADATA_MAX)
        return error_set(err, ERROR_INVALID, "at most %d pairs of metadata", WRAP_METADATA_MAX);
    for (size_t i = 0; i < config->metadata_count; i++) {
        const char *pair = config->metadata[i];
        if (!strchr(pair, '=') || pair[0] == '=')
            return error_set(err, ERROR_INVALID, "metadata \"%.80s\" is not written KEY=VALUE", pair);
        s->metadata[s->metadata_count] = arena_string(&s->arena, pair);
        if (!s->metadata[s->metadata_count++])
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return 0;
}

/* What the contracts say the endpoint serves, for the registry; with a package only the services in it, for only those
 * are called. */
static int describe(struct wrap *s, struct error *err)
{
    size_t count = pb_service_count(s->pool);
    s->described = ARENA_NEW_N(&s->arena, struct rpc_service, count + 1);
    for (size_t i = 0; s->described && i < count; i++) {
        const struct pb_service *service = pb_service_at(s->pool, i);
        if (s->endpoint.path && strcmp(service->package, s->endpoint.path) != 0)
            continue;
        struct rpc_method *methods = ARENA_NEW_N(&s->arena, struct rpc_method, service->method_count + 1);
        if (!methods)
            return error_set(err, ERROR_MEMORY, "out of memory");
        for (size_t k = 0; k < service->method_count; k++)
            methods[k] = (struct rpc_method){.name = service->methods[k].name,
                                             .input = service->methods[k].input->descriptor,
                                             .output = service->methods[k].output->descriptor};
        s->described[s->described_count++] = (struct rpc_service){service->full_name, methods, service->method_count};
    }
    if (!s->described)
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (s->described_count == 0)
        return error_set(err, ERROR_INVALID, "the descriptors have no service%s%s",
                         s->endpoint.path ? " of the package " : "", s->endpoint.path ? s->endpoint.path : "");
    return 0;
}

static int set_up_grpc(struct wrap *s, struct error *err)
{
    static const char *const own[] = {NULL};
    const struct relay_config config = {.service = s->service,
                                        .name = s->options->name,
                                        .own = own,
                                        .endpoint = s->endpoint.address,
                                        .pool = s->pool,
                                        .package = s->endpoint.path};
    int rc = relay_new(s->world, &config, &s->relay, err);
    if (rc == 0)
        rpc_server_set_fallback(micro_service_server(s->service), &relay_handler, s->relay);
    return rc;
}

static int set_up_http(struct wrap *s, struct error *err)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    const struct tls_options tls = {.alpn = alpn};
    s->backend = &wrap_http;
    rpc_server_set_fallback(micro_service_server(s->service), &wrap_handler, s);
    return s->endpoint.tls ? tls_context_new(&tls, &s->tls, err) : 0;
}

/* The gateway gets at the HTTP server by the node's metadata and the route "/<name>/...". */
static int set_up_files(struct wrap *s, struct error *err)
{
    const struct http_server_options options = {.body_max = 1024};
    const char *host = s->options->host ? s->options->host : "127.0.0.1", *shown;
    char address[300];
    const char *colon = s->options->address ? strrchr(s->options->address, ':') : NULL;
    if (colon) /* the gRPC server's host */
        host = arena_string_n(&s->arena, s->options->address, (size_t)(colon - s->options->address));
    if (!host)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = micro_service_add(s->service, &wrap_files_service, s);
    if (rc)
        return error_set(err, rc, "the handlers cannot be set up");
    rc = http_server_new(s->world, &options, wrap_files_http, s, &s->http, err);
    if (rc)
        return rc;
    snprintf(address, sizeof address, "%.250s:0", host);
    rc = http_server_listen(s->http, address, err);
    if (rc)
        return rc;
    micro_service_on_policy(s->service, wrap_files_judge, s);
    shown = world_is_simulated(s->world) ? sim_node_name(s->world) : strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : host;
    s->metadata[s->metadata_count] = arena_printf(&s->arena, "http=%s:%d", shown, http_server_port(s->http));
    return s->metadata[s->metadata_count++] ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int set_up(struct wrap *s, struct error *err)
{
    char why[200] = "";
    switch (s->endpoint.kind) {
    case WRAP_GRPC:
        return set_up_grpc(s, err);
    case WRAP_HTTP:
        return set_up_http(s, err);
    case WRAP_FILE:
        if (!on_disk(s, why, sizeof why))
            return error_set(err, ERROR_INVALID, "%s", why);
        return set_up_files(s, err);
    case WRAP_EXEC:
        if (!on_disk(s, why, sizeof why))
            return error_set(err, ERROR_INVALID, "%s", why);
        s->backend = &wrap_exec;
        rpc_server_set_fallback(micro_service_server(s->service), &wrap_handler, s);
        return 0;
    }
    return error_set(err, ERROR_INVALID, "no such kind of endpoint");
}

int wrap_start(struct world *w, const struct wrap_config *config, struct wrap **out, struct error *err)
{
    struct wrap *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    s->options = config->options;
    s->timeout = config->timeout ? config->timeout : (uint64_t)WRAP_TIMEOUT;
    s->listed_max = config->listed_max ? config->listed_max : WRAP_LISTED_MAX;
    s->looked_max = config->looked_max ? config->looked_max : WRAP_LOOKED_MAX;
    world_timer_init(&s->timer, w, probe, s);
    int rc = wrap_endpoint_parse(config->endpoint, &s->arena, &s->endpoint, err);
    if (rc == 0)
        rc = copy_metadata(s, config, err);
    if (rc == 0 && config->descriptors.len > 0 && s->endpoint.kind != WRAP_GRPC)
        rc = error_set(err, ERROR_INVALID, "descriptors are for an endpoint grpc://");
    if (rc == 0 && config->descriptors.len > 0)
        rc = pb_pool_new(config->descriptors, "descriptors", &s->pool, err);
    if (rc == 0 && s->pool)
        rc = describe(s, err);
    const char *http_path = NULL;
    if (rc == 0 && s->endpoint.kind == WRAP_FILE)
        http_path = arena_printf(&s->arena, "/%s,/%s/{path=**}", config->options->name, config->options->name);
    const struct micro_service_config service = {.name = config->options->name,
                                                 .access = MICRO_OWN_RULES,
                                                 .options = config->options,
                                                 .descriptors = config->descriptors,
                                                 .described = s->described,
                                                 .described_count = s->described_count,
                                                 .metadata = s->metadata,
                                                 .http_path = http_path,
                                                 .fallback_ends_here = true};
    if (rc == 0)
        rc = micro_service_new(w, &service, &s->service, err);
    if (rc == 0)
        rc = set_up(s, err);
    if (rc == 0)
        rc = micro_service_start(s->service, err);
    if (rc) {
        wrap_stop(s);
        return rc;
    }
    probe(s);
    *out = s;
    return 0;
}

const char *wrap_address(const struct wrap *s)
{
    return micro_service_address(s->service);
}

/* ---- end -------------------------------------------------------------------------------------------------------- */

static void half_drained(void *arg)
{
    struct wrap *s = arg;
    if (--s->draining == 0)
        s->drained(s->drained_arg);
}

void wrap_drain(struct wrap *s, uint64_t grace, void (*done)(void *arg), void *arg)
{
    s->draining = s->http ? 2 : 1;
    s->drained = done;
    s->drained_arg = arg;
    world_timer_stop(&s->timer);
    if (s->http)
        http_server_drain(s->http, grace, half_drained, s);
    micro_service_drain(s->service, grace, half_drained, s);
}

void wrap_stop(struct wrap *s)
{
    if (!s)
        return;
    world_timer_stop(&s->timer);
    world_stream_close(s->probe);
    if (s->relay)
        relay_stop(s->relay);
    micro_service_free(s->service); /* calls end here, and with them requests and programs */
    relay_free(s->relay);
    http_server_free(s->http);
    tls_context_free(s->tls);
    pb_pool_free(s->pool);
    arena_deinit(&s->arena);
    free(s);
}
