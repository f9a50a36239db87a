#include "rpc/channel_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- losing a connection ---------------------------------------------------------------------------------------- */

void channel_endpoint_free(struct channel_endpoint *e)
{
    free(e->address);
    free(e);
}

void channel_leave_endpoint(struct channel_connection *c)
{
    if (c->endpoint) {
        c->endpoint->connection = NULL;
        c->endpoint = NULL;
    }
    if (c->ready)
        rpc_link_close_when_idle(&c->link);
    else
        rpc_link_close(&c->link);
}

/* Exponential back-off with jitter: half of the delay is fixed, half drawn. */
static void note_failure(struct channel_endpoint *e)
{
    const struct rpc_channel_options *o = &e->channel->options;
    uint64_t delay = o->reconnect_first;
    for (int i = 0; i < e->failures && delay < o->reconnect_max; i++)
        delay *= 2;
    if (delay > o->reconnect_max)
        delay = o->reconnect_max;
    delay = delay / 2 + random_below(world_random(e->channel->world), delay / 2 + 1);
    if (e->failures < 62)
        e->failures++;
    e->retry_at = world_now(e->channel->world) + delay;
}

static void on_ended(struct rpc_link *link, int reason, const char *why)
{
    struct channel_connection *c = (struct channel_connection *)link;
    struct rpc_channel *channel = c->channel;
    world_timer_stop(&c->connect_timer);
    if (channel) {
        struct text text = TEXT_INIT;
        if (!c->ready)
            text_printf(&text, "cannot connect to %s: %s", c->address, why);
        else
            text_printf(&text, "the connection to %s was lost: %s", c->address, why[0] ? why : "the server went away");
        free(c->lost);
        c->lost = text_take(&text);
        if (c->endpoint) {
            struct channel_endpoint *e = c->endpoint;
            e->connection = NULL;
            c->endpoint = NULL;
            if (!c->ready) {
                note_failure(e);
                error_set(&channel->last, reason ? reason : ERROR_CLOSED, "%s", c->lost ? c->lost : "out of memory");
            } else {
                /* Without a pause a peer that accepts connections only to close them would be tried without end. */
                e->failures = 0;
                e->retry_at = c->answered ? 0 : c->link.opened + channel->options.reconnect_first;
            }
        }
        world_task_post(&channel->pump);
    }
    rpc_link_close(&c->link); /* calls end here */
}

static void on_release(struct rpc_link *link)
{
    struct channel_connection *c = (struct channel_connection *)link;
    world_timer_stop(&c->connect_timer);
    if (c->endpoint)
        c->endpoint->connection = NULL;
    if (c->channel) {
        *c->back = c->next;
        if (c->next)
            c->next->back = c->back;
    }
    free(c->address);
    free(c->lost);
    free(c);
}

static void on_ready(struct rpc_link *link)
{
    struct channel_connection *c = (struct channel_connection *)link;
    c->ready = true;
    world_timer_stop(&c->connect_timer);
    if (c->channel)
        world_task_post(&c->channel->pump);
}

static const struct rpc_link_events link_events = {.ready = on_ready, .ended = on_ended, .release = on_release};

static void on_connect_timeout(void *arg)
{
    struct channel_connection *c = arg;
    if (!c->link.over) {
        c->link.over = true;
        on_ended(&c->link, ERROR_TIMEOUT, "no answer in time");
    }
}

/* ---- making one ------------------------------------------------------------------------------------------------- */

static int connect_endpoint(struct channel_endpoint *e, struct error *err)
{
    struct rpc_channel *channel = e->channel;
    struct channel_connection *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->address = strdup(e->address);
    if (!c->address) {
        free(c);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    struct grpc_settings settings = channel->settings;
    /* A socket's path is no host: gRPC sends "localhost", and servers reset a stream whose :authority is none (RFC
     * 9113, 8.3.1). */
    bool local = strncmp(c->address, "unix:", 5) == 0;
    settings.authority = channel->authority ? channel->authority : local ? "localhost" : c->address;
    char name[256]; /* of the server, for TLS: the authority without its port */
    const char *from = settings.authority;
    const char *colon = strrchr(from, ':');
    size_t len = colon ? (size_t)(colon - from) : strlen(from);
    if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
        from++;
        len -= 2;
    }
    if (len >= sizeof name)
        len = sizeof name - 1;
    memcpy(name, from, len);
    name[len] = '\0';
    int rc = rpc_link_init(&c->link, channel->world, &settings, &channel_engine_events, c, &link_events,
                           channel->options.tls, name, err);
    if (rc) {
        free(c->address);
        free(c);
        return rc;
    }
    c->channel = channel;
    c->next = channel->connections;
    if (c->next)
        c->next->back = &c->next;
    c->back = &channel->connections;
    channel->connections = c;
    world_timer_init(&c->connect_timer, channel->world, on_connect_timeout, c);
    rc = rpc_link_connect(&c->link, e->address, err);
    if (rc == 0)
        rc = world_timer_start(&c->connect_timer, channel->options.connect_timeout);
    if (rc) {
        rpc_link_close(&c->link);
        return rc;
    }
    c->endpoint = e;
    e->connection = c;
    return 0;
}

void channel_connect_all(struct rpc_channel *c)
{
    uint64_t now = 0;
    for (size_t i = 0; i < c->endpoints.count; i++) {
        struct channel_endpoint *e = c->endpoints.items[i];
        if (e->connection)
            continue;
        if (now == 0)
            now = world_now(c->world);
        if (e->retry_at > now)
            continue;
        struct error err = ERROR_INIT;
        if (connect_endpoint(e, &err) != 0) {
            note_failure(e);
            error_wrap(&err, "cannot connect to %s", e->address);
            error_move(&c->last, &err);
        }
    }
}

void rpc_channel_reset_backoff(struct rpc_channel *c)
{
    for (size_t i = 0; i < c->endpoints.count; i++) {
        c->endpoints.items[i]->retry_at = 0;
        c->endpoints.items[i]->failures = 0;
    }
    world_task_post(&c->pump);
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

static bool usable(const struct channel_connection *c)
{
    return c && c->ready && !c->link.over && !c->link.closed;
}

struct channel_connection *channel_pick(struct rpc_channel *c)
{
    size_t n = c->endpoints.count;
    for (size_t i = 0; i < n; i++) {
        size_t at = (c->turn + i) % n;
        struct channel_connection *connection = c->endpoints.items[at]->connection;
        if (usable(connection) && grpc_conn_accepts_calls(connection->link.conn)) {
            c->turn = (at + 1) % n;
            return connection;
        }
    }
    return NULL;
}

/* An endpoint that is only pausing after a connection it had counts as connecting; one that failed does not. */
bool channel_connecting(const struct rpc_channel *c)
{
    for (size_t i = 0; i < c->endpoints.count; i++) {
        const struct channel_endpoint *e = c->endpoints.items[i];
        if (e->connection ? !e->connection->ready : e->failures == 0)
            return true;
    }
    return false;
}

bool channel_has_ready(const struct rpc_channel *c)
{
    for (size_t i = 0; i < c->endpoints.count; i++)
        if (usable(c->endpoints.items[i]->connection))
            return true;
    return false;
}

void channel_why_unavailable(const struct rpc_channel *c, struct text *out)
{
    if (c->endpoints.count == 0)
        text_puts(out, "the name resolves to no address");
    else if (c->last.code)
        error_format(&c->last, out);
    else
        text_puts(out, "no connection can be made");
}

/* While no connection is ready: the next time an endpoint may be tried for the calls that wait for one. */
static void arm_retry_timer(struct rpc_channel *c)
{
    uint64_t now = world_now(c->world), at = UINT64_MAX;
    for (size_t i = 0; i < c->endpoints.count; i++)
        if (!c->endpoints.items[i]->connection && c->endpoints.items[i]->retry_at < at)
            at = c->endpoints.items[i]->retry_at;
    if (c->endpoints.count == 0)
        at = now + c->options.reconnect_first; /* the resolver may know more by then */
    if (at == UINT64_MAX)
        return;
    if (world_timer_start(&c->retry_timer, at > now ? at - now : 0) != 0)
        log_warn("rpc", "out of memory: calls wait until another one comes");
}

/* Looks at the calls in the line: each gets a connection, goes on waiting, or is told that there is none. */
void channel_pump(void *arg)
{
    struct rpc_channel *c = arg;
    if (!c->line || c->dead)
        return;
    struct text why = TEXT_INIT;
    channel_enter(c);
    if (!channel_has_ready(c)) {
        struct error err = ERROR_INIT;
        if (channel_resolve(c, &err) != 0)
            error_move(&c->last, &err);
    }
    channel_connect_all(c);
    struct channel_connection *connection;
    while (!c->dead && c->line && (connection = channel_pick(c)) != NULL) {
        struct rpc_stream *s = c->line;
        stream_line_remove(s);
        stream_begin(s, connection);
    }
    if (!c->dead && c->line && !channel_has_ready(c) && !channel_connecting(c)) {
        channel_why_unavailable(c, &why);
        /* Each once: who waits for a connection goes to the end of the line, so all keep their order. */
        for (size_t n = c->line_count; n > 0 && c->line && !c->dead; n--) {
            struct rpc_stream *s = c->line;
            stream_line_remove(s);
            if (s->wait_for_ready)
                stream_wait(s);
            else
                stream_unavailable(s, text_string(&why));
        }
    }
    if (!c->dead && c->line && !channel_has_ready(c))
        arm_retry_timer(c);
    text_deinit(&why);
    channel_leave(c);
}

/* ---- the engine's callbacks ------------------------------------------------------------------------------------- */

static void on_response(void *arg, struct grpc_stream *stream, struct grpc_metadata metadata)
{
    (void)arg;
    struct rpc_stream *s = grpc_stream_user(stream);
    if (s)
        stream_on_response(s, metadata);
}

static void on_message(void *arg, struct grpc_stream *stream, struct bytes message, size_t window_cost)
{
    (void)arg;
    struct rpc_stream *s = grpc_stream_user(stream);
    if (s)
        stream_on_message(s, message, window_cost);
    else
        grpc_stream_consumed(stream, window_cost);
}

static void on_finished(void *arg, struct grpc_stream *stream, const struct grpc_result *result)
{
    struct channel_connection *c = arg;
    if (!c->link.over && !c->link.closed && !result->unprocessed)
        c->answered = true;
    struct rpc_stream *s = grpc_stream_user(stream);
    if (s)
        stream_on_finished(s, result);
}

static void on_writable(void *arg, struct grpc_stream *stream)
{
    (void)arg;
    struct rpc_stream *s = grpc_stream_user(stream);
    if (s)
        stream_on_writable(s);
}

static void on_closed(void *arg, struct grpc_stream *stream)
{
    (void)stream;
    struct channel_connection *c = arg;
    if (c->channel && c->channel->line) /* a place became free */
        world_task_post(&c->channel->pump);
    if (c->link.close_when_idle)
        rpc_link_schedule(&c->link);
}

static void on_going_away(void *arg, uint32_t h2_error, struct bytes debug)
{
    struct channel_connection *c = arg;
    (void)h2_error;
    if (c->going_away)
        return;
    c->going_away = true;
    log_debug("rpc", "%s is going away: %.*s", c->address, (int)debug.len, (const char *)debug.data);
    if (c->endpoint) {
        c->endpoint->connection = NULL;
        c->endpoint->failures = 0;
        c->endpoint = NULL;
    }
    if (c->channel && c->channel->line)
        world_task_post(&c->channel->pump);
    rpc_link_close_when_idle(&c->link);
}

const struct grpc_events channel_engine_events = {
    .response = on_response,
    .message = on_message,
    .finished = on_finished,
    .writable = on_writable,
    .closed = on_closed,
    .going_away = on_going_away,
};
