#include "runtime/server/ports.h"

#include "runtime/api/api.h"
#include "runtime/component.h"
#include "runtime/network/network.h"
#include "runtime/proxy/proxy.h"

#include <stdio.h>

#define BLOCK_FIRST 29000 /* above those harrow gives to what it starts */
#define BLOCKS      50    /* the doors of the last one stand below the ports Linux hands out by itself (32768 and up) */
#define BLOCK_STEP  64    /* blocks interleave: no two doors of two blocks are the same port */

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

/* Doors beside those the table tells of. */
static const struct {
    int offset;
    const char *what;
} more_doors[] = {
    {API_GRPC_OFFSET, "api's gRPC"},
    {PROXY_TLS_OFFSET, "proxy's TLS door"},
    {NETWORK_PEER_OFFSET, "network's peers"},
};

int server_ports_check(struct world *w, const char *host, int base, struct error *err)
{
    int rc = 0;
    for (const struct component *c = components; rc == 0 && c->name; c++)
        rc = try_port(w, host, base + c->port_offset, c->name, err);
    for (size_t i = 0; rc == 0 && i < sizeof more_doors / sizeof more_doors[0]; i++)
        rc = try_port(w, host, base + more_doors[i].offset, more_doors[i].what, err);
    return rc;
}

static int claim_block(struct world *w, const char *host, int base, struct world_listener **claim, struct error *err)
{
    char address[256];
    struct error why = ERROR_INIT;
    snprintf(address, sizeof address, "%s:%d", host, base + SERVER_CLAIM_OFFSET);
    int rc = world_listen(w, address, refuse, NULL, claim, &why);
    if (rc == 0 && (rc = server_ports_check(w, host, base, &why)) < 0) {
        world_listener_close(*claim);
        *claim = NULL;
    }
    return rc < 0 ? error_move(err, &why) : 0;
}

int server_ports_find(struct world *w, const char *host, int *base, struct world_listener **claim, struct error *err)
{
    struct error why = ERROR_INIT;
    int rc = ERROR_IN_USE, first = (int)random_below(world_random(w), BLOCKS);
    for (int i = 0; i < BLOCKS && rc == ERROR_IN_USE; i++) {
        *base = BLOCK_FIRST + (first + i) % BLOCKS * BLOCK_STEP;
        error_clear(&why);
        rc = claim_block(w, host, *base, claim, &why);
    }
    if (rc < 0)
        error_wrap(&why, "found no free block of ports");
    return error_move(err, &why);
}
