#include "runtime/server/ports.h"

#include "runtime/api/api.h"
#include "runtime/component.h"

#include <stdio.h>

#define BLOCK_FIRST 20000 /* below the ports Linux hands out by itself (32768 and up) */
#define BLOCK_LAST  32600
#define BLOCK_SIZE  200
#define TRIES       60

static void refuse(void *arg, struct world_stream *s)
{
    (void)arg;
    world_stream_close(s);
}

/* Binds and lets go again. */
static int try_port(struct world *w, const char *host, int port, const char *what, struct error *err)
{
    char address[256];
    struct world_listener *listener = NULL;
    struct error why = ERROR_INIT;
    if (port > 65535)
        return error_set(err, ERROR_INVALID, "port %d for %s is above 65535; choose a lower --base-port", port, what);
    snprintf(address, sizeof address, "%s:%d", host, port);
    int rc = world_listen(w, address, refuse, NULL, &listener, &why);
    if (rc == 0) {
        world_listener_close(listener);
        return 0;
    }
    if (rc == ERROR_IN_USE) {
        error_clear(&why);
        return error_set(err, rc, "%s (for %s) is already in use; choose another block with --base-port, or 0 for any",
                         address, what);
    }
    error_wrap(&why, "cannot listen on %s (for %s)", address, what);
    return error_move(err, &why);
}

int server_ports_check(struct world *w, const char *host, int base, struct error *err)
{
    int rc = 0;
    for (const struct component *c = components; rc == 0 && c->name; c++)
        rc = try_port(w, host, base + c->port_offset, c->name, err);
    return rc < 0 ? rc : try_port(w, host, base + API_GRPC_OFFSET, "api's gRPC", err);
}

int server_ports_find(struct world *w, const char *host, int *base, struct error *err)
{
    struct error why = ERROR_INIT;
    int rc = ERROR_IN_USE;
    for (int i = 0; i < TRIES && rc == ERROR_IN_USE; i++) {
        uint64_t blocks = (BLOCK_LAST - BLOCK_FIRST) / BLOCK_SIZE;
        *base = BLOCK_FIRST + (int)random_below(world_random(w), blocks) * BLOCK_SIZE;
        error_clear(&why);
        rc = server_ports_check(w, host, *base, &why);
    }
    if (rc < 0)
        error_wrap(&why, "found no free block of ports");
    return error_move(err, &why);
}
