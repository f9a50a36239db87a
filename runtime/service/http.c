#include "runtime/service/http.h"

#include "runtime/service/internal.h"
#include "world/sim.h"

#include <stdio.h>
#include <string.h>

static int start(struct micro_service *s, const struct http_server_options *options, const char *path,
                 void (*handle)(void *arg, struct http_exchange *x), void *arg, struct http_server **out,
                 struct error *err)
{
    const char *address = s->config.options->address, *colon = address ? strrchr(address, ':') : NULL;
    const char *host = colon                     ? arena_string_n(&s->arena, address, (size_t)(colon - address))
                       : s->config.options->host ? s->config.options->host
                                                 : "127.0.0.1";
    const char **words = ARENA_NEW_N(&s->arena, const char *, 2);
    char *listen = host ? arena_printf(&s->arena, "%s:0", host) : NULL;
    if (!words || !listen)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = http_server_new(s->world, options, handle, arg, out, err);
    if (rc == 0)
        rc = http_server_listen(*out, listen, err);
    if (rc)
        return rc;
    const char *shown = world_is_simulated(s->world)   ? sim_node_name(s->world)
                        : strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1"
                                                       : host;
    words[0] = arena_printf(&s->arena, "http=%s:%d", shown, http_server_port(*out));
    s->config.metadata = words;
    s->config.http_path = arena_string(&s->arena, path);
    return words[0] && s->config.http_path ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

int micro_service_serve_http(struct micro_service *s, const struct http_server_options *options, const char *path,
                             void (*handle)(void *arg, struct http_exchange *x), void *arg, struct http_server **out,
                             struct error *err)
{
    struct http_server *server = NULL;
    int rc = start(s, options, path, handle, arg, &server, err);
    if (rc) {
        http_server_free(server);
        return rc;
    }
    *out = server;
    return 0;
}
