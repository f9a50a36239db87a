#include "runtime/service/service.h"

#include "runtime/service/internal.h"
#include "world/sim.h"

#include <stdio.h>

/* A client whose machine or network went without a word is noticed after half a minute, and its streams are ended. */
#define KEEPALIVE_EVERY   (20 * SECOND)
#define KEEPALIVE_TIMEOUT (10 * SECOND)

static void observe(void *context, const struct rpc_call *call, int status, uint64_t duration)
{
    struct micro_service *s = context;
    s->requests++;
    if (status != GRPC_OK)
        s->errors++;
    micro_trace_end(s, call, status, duration);
}

static int set_up_server(struct micro_service *s, struct error *err)
{
    struct rpc_server_options options = {.make_pool = micro_service_pool,
                                         .make_pool_arg = s,
                                         .package_free = true,
                                         .keepalive_every = KEEPALIVE_EVERY,
                                         .keepalive_timeout = KEEPALIVE_TIMEOUT};
    int rc = rpc_server_new(s->world, &options, &s->server, err);
    if (rc)
        return rc;
    rpc_server_set_guard(s->server, micro_guard, s);
    rpc_server_set_observer(s->server, observe, s);
    if ((rc = rpc_server_add_health(s->server)) != 0 || (rc = rpc_server_add_reflection(s->server)) != 0 ||
        (rc = rpc_server_add(s->server, &micro_debug_service, s)) != 0)
        return error_set(err, rc, "the service's own handlers cannot be set up: %s", error_code_name(rc));
    return 0;
}

int micro_service_new(struct world *w, const struct micro_service_config *config, struct micro_service **out,
                      struct error *err)
{
    struct micro_service *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    s->config = *config;
    s->healthy = true;
    s->started = world_wall(w) / SECOND;
    s->started_monotonic = world_now(w);
    s->config.name = arena_string(&s->arena, config->name);
    const char *version = config->options->version ? config->options->version : config->version;
    const char *namespace = config->options->namespace;
    s->config.version = arena_string(&s->arena, version ? version : "latest");
    s->namespace = arena_string(&s->arena, namespace && namespace[0] ? namespace : MICRO_NAMESPACE);
    int rc = 0;
    if (!s->config.name || !s->config.version || !s->namespace)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = micro_own_token_init(s, err);
    if (rc == 0)
        rc = micro_policy_init(s, err);
    if (rc == 0)
        rc = micro_health_init(s, err);
    if (rc == 0)
        rc = set_up_server(s, err);
    if (rc == 0)
        micro_records_start(s);
    if (rc) {
        micro_service_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

int micro_service_add(struct micro_service *s, const struct rpc_service *service, void *context)
{
    int rc = rpc_server_add(s->server, service, context);
    if (rc == 0 && !array_push(&s->added, service))
        rc = ERROR_MEMORY;
    return rc;
}

/* ---- where we are ----------------------------------------------------------------------------------------------- */

static bool is_host(const char *address, size_t len, const char *host)
{
    return strlen(host) == len && memcmp(address, host, len) == 0;
}

/* What others are told: a peers entry of our own name wins; an address only we can use becomes one they can. */
static void set_addresses(struct micro_service *s, const char *asked)
{
    const char *colon = strrchr(asked, ':');
    size_t host = colon ? (size_t)(colon - asked) : strlen(asked);
    int port = rpc_server_port(s->server);
    if (strncmp(asked, "unix:", 5) == 0) {
        snprintf(s->address, sizeof s->address, "%s", asked);
        snprintf(s->advertised, sizeof s->advertised, "%s", asked);
    } else {
        const char *usable = NULL;
        bool any = is_host(asked, host, "0.0.0.0") || is_host(asked, host, "[::]");
        bool local = is_host(asked, host, "127.0.0.1") || is_host(asked, host, "localhost");
        if (world_is_simulated(s->world) && (any || local))
            usable = sim_node_name(s->world);
        else if (any)
            usable = "127.0.0.1";
        snprintf(s->address, sizeof s->address, "%.*s:%d", (int)host, asked, port);
        if (usable)
            snprintf(s->advertised, sizeof s->advertised, "%s:%d", usable, port);
        else
            snprintf(s->advertised, sizeof s->advertised, "%s", s->address);
    }
    char named[MICRO_ADDRESS_MAX];
    if (micro_peer_named(s->config.options, s->config.name, named, sizeof named))
        snprintf(s->advertised, sizeof s->advertised, "%s", named);
}

/* The process's id as the system's own file gives it; 0 where there is none. */
static long process_id(struct world *w)
{
    struct world_file *file = NULL;
    char content[32] = "";
    if (world_is_simulated(w) || world_file_open(w, "/proc/self/stat", WORLD_READ, &file, NULL) != 0)
        return 0;
    int64_t n = world_file_pread(file, content, sizeof content - 1, 0);
    world_file_close(file);
    content[n > 0 ? n : 0] = '\0';
    return strtol(content, NULL, 10);
}

static int write_run_file(struct micro_service *s, const char *ending, const char *line, char **path, struct error *err)
{
    const struct micro_options *o = s->config.options;
    *path = arena_printf(&s->arena, "%s/%s.%s", o->run_dir, o->name ? o->name : s->config.name, ending);
    if (!*path)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = world_write_file(s->world, *path, bytes_of(line), false, err);
    if (rc)
        *path = NULL;
    return rc;
}

static int write_run_files(struct micro_service *s, struct error *err)
{
    char line[MICRO_ADDRESS_MAX + 1];
    int rc = world_make_directory(s->world, s->config.options->run_dir);
    if (rc)
        return error_set(err, rc, "cannot make the directory %s", s->config.options->run_dir);
    long id = process_id(s->world);
    if (id > 0) {
        snprintf(line, sizeof line, "%ld\n", id);
        rc = write_run_file(s, "pid", line, &s->pid_path, err);
    }
    snprintf(line, sizeof line, "%s\n", s->address);
    if (rc == 0)
        rc = write_run_file(s, "address", line, &s->address_path, err);
    return rc;
}

int micro_service_start(struct micro_service *s, struct error *err)
{
    const struct micro_options *o = s->config.options;
    char asked[MICRO_ADDRESS_MAX];
    const struct component *c = component_find(s->config.name);
    int n;
    if (o->address)
        n = snprintf(asked, sizeof asked, "%s", o->address);
    else
        n = snprintf(asked, sizeof asked, "%s:%d", o->host ? o->host : "127.0.0.1",
                     c && o->base_port ? o->base_port + c->port_offset : 0);
    if (n < 0 || (size_t)n >= sizeof asked)
        return error_set(err, ERROR_INVALID, "the address to listen on is longer than %zu characters",
                         sizeof asked - 1);
    int rc = rpc_server_listen(s->server, asked, err);
    if (rc) {
        error_wrap(err, "%s cannot listen on %s", s->config.name, asked);
        return rc;
    }
    set_addresses(s, asked);
    if ((rc = micro_discovery_init(s, err)) != 0)
        return rc;
    if (o->run_dir && (rc = write_run_files(s, err)) != 0)
        return rc;
    s->listening = true;
    micro_log(s, LOG_INFO, "listening on %s", s->address);
    micro_health_start(s);
    micro_own_token_start(s);
    micro_policy_start(s);
    micro_discovery_start(s);
    return 0;
}

void micro_service_drain(struct micro_service *s, uint64_t grace, void (*done)(void *arg), void *arg)
{
    micro_discovery_leave(s, grace, done, arg);
}

void micro_service_free(struct micro_service *s)
{
    if (!s)
        return;
    s->draining = true;
    if (s->listening) {
        micro_health_stop(s);
        micro_policy_stop(s);
    }
    micro_discovery_stop(s);
    /* Calls we made end first, since their callbacks answer calls made to us. */
    micro_own_token_stop(s);
    micro_links_free(s);
    rpc_server_free(s->server);
    micro_tokens_free(s);
    known_policy_deinit(&s->policy);
    micro_discovery_free(s);
    micro_records_free(s);
    free(s->spans);
    pb_pool_free(s->own_pool);
    if (s->address_path)
        (void)world_remove(s->world, s->address_path);
    if (s->pid_path)
        (void)world_remove(s->world, s->pid_path);
    array_deinit(&s->added);
    free(s->unhealthy_why);
    arena_deinit(&s->arena);
    free(s);
}

struct world *micro_service_world(struct micro_service *s)
{
    return s->world;
}

const char *micro_service_address(const struct micro_service *s)
{
    return s->address;
}

struct rpc_server *micro_service_server(struct micro_service *s)
{
    return s->server;
}

const Registry__Service *micro_service_registration(const struct micro_service *s)
{
    return s->registration;
}

int micro_uuid(struct world *w, char out[37])
{
    uint8_t r[16];
    int rc = world_entropy(w, r, sizeof r);
    if (rc)
        return rc;
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* RFC 9562, 5.4: version 4 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3],
             r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
    return 0;
}
