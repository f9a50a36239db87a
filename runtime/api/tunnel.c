/* A WebSocket through handler http (RFC 6455): once the node has answered 101, the client's connection and the node's
 * become one tunnel, in which bytes are passed on as they come. Nothing is read of them: extensions, subprotocols and
 * the closing handshake are between the two ends.
 *
 * A side that reads slowly stops the other one. When a side ends, what it sent before is delivered and then the other
 * side is closed. A tunnel ends by itself when nothing has come from either side for GATEWAY_TUNNEL_IDLE, and when the
 * gateway drains; and when its caller's grant is lost. Tunnels count among the server's connections, and at most
 * GATEWAY_TUNNELS_MAX are open at once.
 *
 * It outlives its exchange and frees itself; as long as it lives it holds one raw connection at least. */
#include "runtime/api/passage.h"

#include <stdlib.h>
#include <string.h>

struct side {
    struct tunnel *tunnel;
    struct side *other;
    struct http_raw *raw; /* NULL once it is over */
    bool paused;          /* its peer must not send: the other side is full */
};

struct tunnel {
    struct gateway *gateway;
    struct side client, node;
    struct world_timer idle;
    uint64_t heard;
    struct micro_inbound span;
    char path[API_GRPC_MAX];
    struct grant grant;
    struct arena arena; /* the grant's */
};

static void tunnel_end(struct tunnel *t, int outcome)
{
    struct http_raw *client = t->client.raw, *node = t->node.raw;
    t->client.raw = t->node.raw = NULL;
    world_timer_stop(&t->idle);
    t->gateway->tunnels--;
    grant_close(&t->grant);
    micro_inbound_end(t->gateway->service, &t->span, t->path, outcome);
    arena_deinit(&t->arena);
    free(t);
    http_raw_close(client);
    http_raw_close(node);
}

static void side_readable(void *arg, struct bytes data)
{
    struct side *from = arg, *to = from->other;
    struct tunnel *t = from->tunnel;
    t->heard = world_now(t->gateway->world);
    if (http_raw_write(to->raw, data) != 0) {
        tunnel_end(t, GRPC_UNAVAILABLE);
    } else if (!from->paused && http_raw_queued(to->raw) > WORLD_WRITE_HIGH) {
        from->paused = true;
        http_raw_pause(from->raw);
    }
}

static void side_drained(void *arg)
{
    struct side *from = ((struct side *)arg)->other;
    from->tunnel->heard = world_now(from->tunnel->gateway->world);
    if (from->paused) {
        from->paused = false;
        http_raw_resume(from->raw);
    }
}

static void side_over(void *arg)
{
    tunnel_end(((struct side *)arg)->tunnel, GRPC_OK);
}

static void idle_passed(void *arg)
{
    struct tunnel *t = arg;
    uint64_t idle = world_now(t->gateway->world) - t->heard;
    if (idle >= GATEWAY_TUNNEL_IDLE || world_timer_start(&t->idle, GATEWAY_TUNNEL_IDLE - idle) != 0)
        tunnel_end(t, GRPC_DEADLINE_EXCEEDED);
}

static void grant_ended(void *arg, int code, const char *why)
{
    (void)why;
    tunnel_end(arg, micro_code_to_grpc(code));
}

bool tunnel_wanted(const struct passage *p)
{
    return ws_is_wanted(http_head(p->x)) && strcmp(http_method(p->x), "GET") == 0;
}

bool tunnel_start(struct passage *p, struct http_raw *node)
{
    static const struct http_raw_events events = {
        .readable = side_readable, .drained = side_drained, .draining = side_over, .ended = side_over};
    struct tunnel *t = calloc(1, sizeof *t);
    struct gateway *g = p->gateway;
    if (!t)
        return false;
    *t = (struct tunnel){.gateway = g, .heard = world_now(g->world), .span = p->span};
    t->client = (struct side){.tunnel = t, .other = &t->node};
    t->node = (struct side){.tunnel = t, .other = &t->client, .raw = node};
    span_path(p, t->path);
    world_timer_init(&t->idle, g->world, idle_passed, t);
    p->told_elsewhere = true;
    if (!grant_move(&t->grant, p, &t->arena, grant_ended, t) || world_timer_start(&t->idle, GATEWAY_TUNNEL_IDLE) != 0 ||
        http_upgrade(p->x, "websocket", &events, &t->client, &t->client.raw) != 0) {
        p->told_elsewhere = false;
        grant_close(&t->grant);
        world_timer_stop(&t->idle);
        arena_deinit(&t->arena);
        free(t);
        return false;
    }
    g->tunnels++;
    http_raw_listen(node, &events, &t->node);
    return true; /* the passage is gone with its exchange */
}
