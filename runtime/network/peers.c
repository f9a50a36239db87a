/* Links to peers. Both sides may dial each other: of two links between the same nodes the one dialed by the lesser id
 * stays, which both sides see alike; the other is ended with ALREADY_EXISTS and tried again now and then, in case the
 * first goes. Of two links dialed the same way the older stays, unless it has fallen silent. Ids are drawn at each
 * start, so a node that was restarted is another one. */
#include "base/log.h"
#include "base/utf8.h"
#include "runtime/network/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID             "network.Peering.Exchange"
#define PATH           "/network.Peering/Exchange"
#define PEER_KEEPALIVE (5 * SECOND)
#define FAIL_SHOWN_MAX 200

static void dial_now(struct network_dial *d);
static void dial_later(struct network_dial *d);

static void note_error(struct network *n, const char *who, const char *what, size_t len)
{
    n->peer_errors++;
    if (len > FAIL_SHOWN_MAX)
        len = FAIL_SHOWN_MAX;
    snprintf(n->last_error, sizeof n->last_error, "%s: %.*s", who, (int)len, what);
    n->last_error[utf8_bad_offset(bytes_of(n->last_error))] = '\0'; /* it was cut through a letter, or never was text */
}

static const char *who(const struct network_peer *p)
{
    if (p->dial)
        return p->dial->address;
    return p->id[0] ? p->id : "a peer";
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static struct network_peer *link_new(struct network *n)
{
    struct network_peer *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->network = n;
    p->heard = world_now(n->world);
    p->next = n->peers;
    if (p->next)
        p->next->back = &p->next;
    p->back = &n->peers;
    n->peers = p;
    n->peer_count++;
    return p;
}

/* The link is over: its routes go. The stream or call that carried it is ended by whoever calls. */
static void link_free(struct network_peer *p)
{
    struct network *n = p->network;
    if (p->id[0])
        log_info("network", "peer %s at %s is gone", p->id, p->address);
    *p->back = p->next;
    if (p->next)
        p->next->back = p->back;
    n->peer_count--;
    if (p->owns)
        relay_owner_deinit(relay_table(n->relay), &p->owner);
    arena_deinit(&p->arena);
    text_deinit(&p->graph_packed);
    if (p->dial)
        p->dial->peer = NULL;
    free(p);
    network_changed(n);
}

/* Ends the link from our side. */
static void link_end(struct network_peer *p, int status, const char *why)
{
    struct rpc_call *call = p->call;
    struct rpc_stream *stream = p->stream;
    struct network_dial *dial = p->dial;
    if (stream) { /* its `finished` still comes, without a link */
        dial->peer = NULL;
        p->dial = NULL;
    }
    link_free(p);
    if (call) {
        rpc_call_set_user(call, NULL);
        rpc_call_finish(call, status, why);
    }
    if (stream)
        rpc_stream_cancel(stream);
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void put(struct network_peer *p, struct bytes message)
{
    bool busy = p->call ? rpc_call_busy(p->call) : rpc_stream_busy(p->stream);
    if (busy) {
        p->behind = true;
        return;
    }
    int rc = p->call ? rpc_call_send_bytes(p->call, message) : rpc_stream_send(p->stream, message);
    if (rc && rc != ERROR_CANCELLED && rc != ERROR_CLOSED)
        log_warn("network", "peer %s could not be told: %s", who(p), error_code_name(rc));
}

/* Everything we know, as far as it is for this peer. */
static void tell(struct network_peer *p)
{
    struct network *n = p->network;
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    Network__Sync sync = NETWORK__SYNC__INIT;
    p->behind = false;
    p->told = true;
    sync.peer = network_graph(n, NETWORK_SYNC_DEPTH, p->id[0] ? p->id : NULL, &arena);
    int rc = sync.peer ? network_sync_routes(relay_table(n->relay), n->id, p->id, &arena, &sync.routes, &sync.n_routes)
                       : ERROR_MEMORY;
    if (rc == 0)
        rc = pb_pack(&sync.base, &packed);
    if (rc == 0 && text_ok(&packed))
        put(p, text_bytes(&packed));
    else
        p->behind = true; /* the heartbeat tries again */
    text_deinit(&packed);
    arena_deinit(&arena);
}

static void on_sync(void *arg)
{
    struct network *n = arg;
    for (struct network_peer *p = n->peers; p; p = p->next)
        if (p->dial || p->id[0]) /* who has not said its name is told nothing */
            tell(p);
}

void network_changed(struct network *n)
{
    if (!n->stopping && !world_timer_active(&n->sync))
        (void)world_timer_start(&n->sync, (uint64_t)NETWORK_SYNC_DELAY); /* else the heartbeat tells */
}

static void on_heartbeat(void *arg)
{
    struct network *n = arg;
    uint64_t now = world_now(n->world);
    for (struct network_peer *p = n->peers, *next; p; p = next) {
        next = p->next;
        if (now - p->heard >= (uint64_t)NETWORK_EXPIRY) {
            static const char why[] = "the peer was silent for too long";
            struct network_dial *dial = p->dial;
            note_error(n, who(p), why, sizeof why - 1);
            link_end(p, GRPC_DEADLINE_EXCEEDED, why);
            if (dial)
                dial_later(dial);
            next = n->peers; /* a link that ended may have taken others along */
        } else if (p->behind || !p->told) {
            if (p->dial || p->id[0])
                tell(p);
        } else {
            put(p, BYTES("", 0));
        }
    }
    (void)world_timer_start(&n->heartbeat, (uint64_t)NETWORK_HEARTBEAT);
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static struct network_peer *find_other(struct network *n, const struct network_peer *p, const char *id)
{
    for (struct network_peer *o = n->peers; o; o = o->next)
        if (o != p && strcmp(o->id, id) == 0)
            return o;
    return NULL;
}

/* The first message: who it is. 0, or the status to end the link with. */
static int introduce(struct network_peer *p, const Network__Node *node, const char **why)
{
    struct network *n = p->network;
    *why = "the first message must name its node: id and address";
    if (!network_node_ok(node))
        return GRPC_INVALID_ARGUMENT;
    *why = "this is the node itself";
    if (strcmp(node->id, n->id) == 0)
        return GRPC_FAILED_PRECONDITION;
    *why = "the node belongs to another network";
    if (strcmp(node->network, n->name) != 0)
        return GRPC_FAILED_PRECONDITION;
    struct network_peer *other = find_other(n, p, node->id);
    if (other && !other->dial != !p->dial) { /* dialed both ways */
        bool ours_stays = strcmp(n->id, node->id) < 0;
        *why = "there is a link already";
        if (ours_stays == (other->dial != NULL))
            return GRPC_ALREADY_EXISTS;
    } else if (other && world_now(n->world) - other->heard < (uint64_t)(NETWORK_HEARTBEAT + SECOND)) {
        *why = "there is a link already"; /* by another address; one that fell silent would be replaced */
        return GRPC_ALREADY_EXISTS;
    }
    if (other) {
        struct network_dial *dial = other->dial;
        link_end(other, GRPC_ALREADY_EXISTS, "there is a newer link");
        if (dial)
            dial_later(dial);
    }
    struct text key = TEXT_INIT;
    text_printf(&key, "peer %s", node->id);
    *why = "out of memory";
    int rc = text_ok(&key) ? relay_owner_init(&p->owner, RELAY_PEER, text_string(&key)) : ERROR_MEMORY;
    text_deinit(&key);
    if (rc)
        return GRPC_RESOURCE_EXHAUSTED;
    p->owns = true;
    snprintf(p->id, sizeof p->id, "%s", node->id);
    snprintf(p->address, sizeof p->address, "%s", node->address);
    if (p->dial) {
        p->dial->backoff = (uint64_t)NETWORK_DIAL_FIRST;
        if (!p->address[0])
            snprintf(p->address, sizeof p->address, "%s", p->dial->address);
    }
    log_info("network", "peer %s at %s", p->id, p->address);
    network_changed(n);
    return 0;
}

static int learn_graph(struct network_peer *p, const Network__Peer *graph)
{
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    size_t budget = NETWORK_GRAPH_NODES;
    Network__Peer *copy = network_graph_copy(graph, NETWORK_SYNC_DEPTH, &budget, p->network->id, &arena);
    int rc = copy ? pb_pack(&copy->base, &packed) : ERROR_MEMORY;
    if (rc == 0 && !text_ok(&packed))
        rc = ERROR_MEMORY;
    if (rc || (p->graph && bytes_equal(text_bytes(&packed), text_bytes(&p->graph_packed)))) {
        arena_deinit(&arena);
        text_deinit(&packed);
        return rc;
    }
    arena_deinit(&p->arena);
    text_deinit(&p->graph_packed);
    p->arena = arena;
    p->graph = copy;
    p->graph_packed = packed;
    network_changed(p->network);
    return 0;
}

/* 0, or the status to end the link with. */
static int hear(struct network_peer *p, struct bytes message, const char **why)
{
    struct network *n = p->network;
    p->heard = world_now(n->world);
    if (message.len == 0)
        return 0;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    int status = 0;
    *why = "the message is not a network.Sync";
    if (pb_unpack(&network__sync__descriptor, message, &arena, &m, NULL) != 0) {
        arena_deinit(&arena);
        return GRPC_INVALID_ARGUMENT;
    }
    const Network__Sync *sync = (const Network__Sync *)(const void *)m;
    if (!p->id[0])
        status = introduce(p, sync->peer ? sync->peer->node : NULL, why);
    if (status == 0 && sync->peer) {
        size_t skipped = 0;
        *why = "a link's node cannot change";
        if (!sync->peer->node || strcmp(sync->peer->node->id, p->id) != 0) {
            status = GRPC_INVALID_ARGUMENT;
        } else {
            int rc = learn_graph(p, sync->peer);
            if (rc == 0)
                rc = network_sync_apply(relay_table(n->relay), &p->owner, n->id, p->id, p->address, sync->routes,
                                        sync->n_routes, &skipped);
            *why = rc == ERROR_LIMIT ? "too many routes" : "out of memory";
            status = rc ? GRPC_RESOURCE_EXHAUSTED : 0;
        }
        if (skipped)
            log_debug("network", "%zu routes of peer %s are not taken", skipped, p->id);
    }
    arena_deinit(&arena);
    return status;
}

/* ---- links they open -------------------------------------------------------------------------------------------- */

static void exchange_open(struct rpc_call *call, void *context)
{
    struct network *n = context;
    if (!network_token_right(n, call)) {
        micro_fail(call, 401, ID, "the network's token is wrong or missing");
        return;
    }
    if (n->stopping || n->peer_count >= NETWORK_PEERS_MAX) {
        micro_fail(call, 503, ID, n->stopping ? "shutting down" : "too many peers");
        return;
    }
    struct network_peer *p = link_new(n);
    if (!p) {
        micro_fail(call, 507, ID, "out of memory");
        return;
    }
    p->call = call;
    rpc_call_set_user(call, p);
}

/* Messages come as bytes, since an empty one is a heartbeat: an empty Sync. */
static void exchange_message(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct network_peer *p = rpc_call_user(call);
    struct text packed = TEXT_INIT;
    const char *why = "out of memory";
    (void)context;
    if (!p)
        return;
    int status = pb_pack(message, &packed) != 0 || !text_ok(&packed) ? GRPC_RESOURCE_EXHAUSTED : 0;
    if (status == 0)
        status = hear(p, text_bytes(&packed), &why);
    text_deinit(&packed);
    if (status)
        link_end(p, status, why);
}

static void exchange_over(struct rpc_call *call, void *context)
{
    struct network_peer *p = rpc_call_user(call);
    (void)context;
    if (p)
        link_end(p, GRPC_OK, "");
    else
        rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void exchange_writable(struct rpc_call *call, void *context)
{
    struct network_peer *p = rpc_call_user(call);
    (void)context;
    if (p && p->behind)
        tell(p);
}

static const struct rpc_method methods[] = {
    {.name = "Exchange",
     .input = &network__sync__descriptor,
     .output = &network__sync__descriptor,
     .open = exchange_open,
     .message = exchange_message,
     .half_closed = exchange_over,
     .cancelled = exchange_over,
     .writable = exchange_writable},
};
const struct rpc_service network_peering_service = {
    .name = "network.Peering", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

/* ---- links we open ---------------------------------------------------------------------------------------------- */

static void on_message(void *arg, struct bytes message)
{
    struct network_dial *d = arg;
    const char *why = "";
    if (!d->peer)
        return;
    int status = hear(d->peer, message, &why);
    if (status == 0 || !d->peer)
        return;
    note_error(d->network, d->address, why, strlen(why));
    if (status == GRPC_FAILED_PRECONDITION) /* ourselves, or another network: seldom worth asking again */
        d->backoff = (uint64_t)NETWORK_DIAL_MAX;
    link_end(d->peer, status, why);
    dial_later(d);
}

static void on_writable(void *arg)
{
    struct network_dial *d = arg;
    if (d->peer && d->peer->behind)
        tell(d->peer);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct network_dial *d = arg;
    struct network *n = d->network;
    if (!d->peer) /* ended by us */
        return;
    const char *text = reply->message.data ? (const char *)reply->message.data : "";
    if (!n->stopping && reply->status != GRPC_ALREADY_EXISTS) {
        note_error(n, d->address, text, reply->message.len);
        log_debug("network", "the link to %s ended: %s %.*s", d->address, grpc_status_name(reply->status),
                  (int)reply->message.len, text);
    }
    if (reply->status == GRPC_ALREADY_EXISTS || reply->status == GRPC_FAILED_PRECONDITION ||
        reply->status == GRPC_UNAUTHENTICATED)
        d->backoff = (uint64_t)NETWORK_DIAL_MAX;
    d->peer->stream = NULL;
    link_free(d->peer);
    dial_later(d);
}

static void on_retry(void *arg)
{
    dial_now(arg);
}

static void dial_later(struct network_dial *d)
{
    if (d->network->stopping || world_timer_active(&d->retry))
        return;
    uint64_t delay = d->backoff / 2 + random_below(world_random(d->network->world), d->backoff / 2 + 1);
    d->backoff = d->backoff * 2 < (uint64_t)NETWORK_DIAL_MAX ? d->backoff * 2 : (uint64_t)NETWORK_DIAL_MAX;
    (void)world_timer_start(&d->retry, delay);
}

static void dial_now(struct network_dial *d)
{
    static const struct rpc_stream_events events = {
        .message = on_message, .writable = on_writable, .finished = on_finished};
    struct network *n = d->network;
    struct network_peer *p = n->stopping || d->peer ? NULL : link_new(n);
    if (!p) {
        dial_later(d);
        return;
    }
    const struct grpc_header header = {bytes_of(RELAY_TOKEN_HEADER), text_bytes(&n->token)};
    const struct rpc_request request = {.path = PATH, .metadata = {&header, 1}};
    p->dial = d;
    d->peer = p;
    if (rpc_stream_open(d->channel, &request, &events, d, &p->stream, NULL) != 0) {
        p->stream = NULL;
        link_free(p);
        dial_later(d);
        return;
    }
    tell(p);
}

static void dial_free(struct network_dial *d)
{
    if (!d)
        return;
    world_timer_stop(&d->retry);
    rpc_channel_free(d->channel);
    free(d->address);
    free(d);
}

int network_dial(struct network *n, const char *address, struct error *err)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || !colon[1] || strlen(address) >= sizeof((struct network_peer *)0)->address)
        return error_set(err, ERROR_INVALID, "\"%.100s\" is not an address: expected host:port", address);
    for (size_t i = 0; i < n->dials.count; i++)
        if (strcmp(n->dials.items[i]->address, address) == 0)
            return 0;
    if (n->dials.count >= NETWORK_PEERS_MAX)
        return error_set(err, ERROR_LIMIT, "at most %d nodes can be connected to", NETWORK_PEERS_MAX);
    struct network_dial *d = calloc(1, sizeof *d);
    if (!d || !(d->address = strdup(address)) || !array_grow(&n->dials)) {
        dial_free(d);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    d->network = n;
    d->backoff = (uint64_t)NETWORK_DIAL_FIRST;
    world_timer_init(&d->retry, n->world, on_retry, d);
    const struct rpc_channel_options options = {.addresses = d->address,
                                                .reconnect_first = (uint64_t)NETWORK_DIAL_FIRST / 4,
                                                .reconnect_max = (uint64_t)NETWORK_DIAL_FIRST / 4,
                                                .keepalive_every = (uint64_t)PEER_KEEPALIVE,
                                                .keepalive_timeout = (uint64_t)PEER_KEEPALIVE,
                                                .tls = n->client_tls,
                                                .user_agent = "grpc-c-micro-network/1"};
    int rc = rpc_channel_new(n->world, &options, &d->channel, err);
    if (rc) {
        d->channel = NULL;
        dial_free(d);
        return rc;
    }
    n->dials.items[n->dials.count++] = d;
    (void)world_timer_start(&d->retry, 0);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

void network_peers_init(struct network *n)
{
    world_timer_init(&n->sync, n->world, on_sync, n);
    world_timer_init(&n->heartbeat, n->world, on_heartbeat, n);
    (void)world_timer_start(&n->heartbeat, (uint64_t)NETWORK_HEARTBEAT);
}

void network_peers_stop(struct network *n)
{
    n->stopping = true;
    world_timer_stop(&n->sync);
    world_timer_stop(&n->heartbeat);
    for (size_t i = 0; i < n->dials.count; i++)
        world_timer_stop(&n->dials.items[i]->retry);
    while (n->peers)
        link_end(n->peers, GRPC_UNAVAILABLE, "shutting down");
}

void network_peers_free(struct network *n)
{
    for (size_t i = 0; i < n->dials.count; i++)
        dial_free(n->dials.items[i]);
    array_deinit(&n->dials);
}
