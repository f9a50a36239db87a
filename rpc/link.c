#include "rpc/link.h"

#include <string.h>

static void settle(struct rpc_link *link);

/* The engine may call back into code that closes this very link. Between enter and leave closing only marks it. */
static void enter(struct rpc_link *link)
{
    link->depth++;
}

/* True when the link is gone and nothing of it may be touched. */
static bool leave(struct rpc_link *link)
{
    link->depth--;
    if (link->closed && link->depth == 0) {
        settle(link);
        return true;
    }
    return link->closed;
}

static void end(struct rpc_link *link, int reason, const char *why)
{
    if (link->over || link->closed)
        return;
    link->over = true;
    world_task_cancel(&link->flush);
    world_timer_stop(&link->wakeup);
    link->events->ended(link, reason, why);
}

/* When a server no longer waits for the rest of what is half here: the greeting, a frame, a header block. While we do
 * not read it is not the client who keeps us waiting. */
static uint64_t patience_ends(const struct rpc_link *link)
{
    uint64_t since = grpc_conn_half_here(link->conn);
    if (since == UINT64_MAX || link->blocked)
        return UINT64_MAX;
    if (since < link->resumed)
        since = link->resumed;
    return since + RPC_PATIENCE;
}

static void rearm(struct rpc_link *link)
{
    uint64_t at = grpc_conn_wakeup(link->conn), patience = patience_ends(link);
    if (patience < at)
        at = patience;
    if (at == UINT64_MAX) {
        world_timer_stop(&link->wakeup);
        return;
    }
    /* A timer that fires too early only looks again: cheaper than moving it on every read. */
    if (world_timer_active(&link->wakeup) && link->wakeup.at <= at)
        return;
    uint64_t now = world_now(link->world);
    if (world_timer_start(&link->wakeup, at > now ? at - now : 0) != 0)
        end(link, ERROR_MEMORY, "out of memory");
}

/* Hands bytes to the stream, through TLS if there is one. */
static int put(struct rpc_link *link, struct bytes data, struct error *err)
{
    if (link->tls) {
        text_clear(&link->cipher);
        int rc = tls_session_send(link->tls, data, &link->cipher, err);
        if (rc)
            return rc;
        if (!text_ok(&link->cipher))
            return error_set(err, ERROR_MEMORY, "out of memory");
        data = text_bytes(&link->cipher);
    }
    link->written += data.len;
    int rc = world_stream_write(link->stream, data);
    if (rc)
        return error_set(err, rc, "cannot write to the connection: %s", error_code_name(rc));
    return 0;
}

static void trim(struct text *t)
{
    if (t->capacity > RPC_GATHER_KEEP)
        text_deinit(t);
    else
        text_clear(t);
}

/* Sends what the engine has, as far as the stream takes it. */
static int drain_engine(struct rpc_link *link, struct error *err)
{
    int rc = 0;
    while (!link->blocked && !link->closed && grpc_conn_wants_send(link->conn)) {
        text_clear(&link->out);
        size_t n = grpc_conn_send(link->conn, &link->out, RPC_GATHER_MAX);
        if (!text_ok(&link->out)) {
            rc = error_set(err, ERROR_MEMORY, "out of memory");
            break;
        }
        if (n == 0)
            break;
        rc = put(link, text_bytes(&link->out), err);
        if (rc)
            break;
        if (world_stream_queued(link->stream) > WORLD_WRITE_HIGH) {
            link->blocked = true;
            if (link->server)
                world_stream_pause(link->stream);
        }
    }
    trim(&link->out);
    trim(&link->cipher);
    return rc;
}

static void fail(struct rpc_link *link, struct error *err)
{
    struct text why = TEXT_INIT;
    error_format(err, &why);
    end(link, err->code, text_string(&why));
    text_deinit(&why);
}

static void on_flush(void *arg)
{
    struct rpc_link *link = arg;
    if (!link->connected || link->over || link->closed)
        return;
    struct error err = ERROR_INIT;
    enter(link);
    int rc = drain_engine(link, &err);
    if (leave(link)) {
        error_clear(&err);
        return;
    }
    if (rc)
        fail(link, &err);
    else if (!link->blocked &&
             (grpc_conn_done(link->conn) || (link->close_when_idle && grpc_conn_stream_count(link->conn) == 0)))
        end(link, 0, grpc_conn_reason(link->conn));
    else
        rearm(link);
    error_clear(&err);
}

static void on_wakeup(void *arg)
{
    struct rpc_link *link = arg;
    if (link->over || link->closed)
        return;
    uint64_t now = world_now(link->world);
    if (now >= patience_ends(link)) {
        end(link, ERROR_TIMEOUT,
            grpc_conn_greeted(link->conn) ? "the client began a frame and did not finish it"
                                          : "the client connected and did not say what a client says first");
        return;
    }
    enter(link);
    int rc = grpc_conn_tick(link->conn, now);
    if (leave(link))
        return;
    if (rc) {
        end(link, rc, rc == ERROR_TIMEOUT ? "the peer did not answer a keepalive ping" : error_code_name(rc));
        return;
    }
    rearm(link);
    rpc_link_schedule(link);
}

/* The engine gave up on the connection: what it still has to say (a GOAWAY with the reason) goes out first. */
static void fail_after_last_words(struct rpc_link *link, struct error *err)
{
    if (link->connected) {
        enter(link);
        drain_engine(link, NULL);
        if (leave(link))
            return;
    }
    fail(link, err);
}

/* In slices, what they made us say in between. */
static int receive(struct rpc_link *link, struct bytes data, struct error *err)
{
    for (;;) {
        struct bytes slice = data;
        if (slice.len > RPC_SLICE)
            slice.len = RPC_SLICE;
        int rc = grpc_conn_receive(link->conn, slice, link->now, err);
        data = BYTES(data.data + slice.len, data.len - slice.len);
        if (rc || data.len == 0 || link->closed || link->over)
            return rc;
        if (link->connected && (rc = drain_engine(link, err)) != 0)
            return rc;
    }
}

static void feed(struct rpc_link *link, struct bytes data)
{
    struct error err = ERROR_INIT;
    enter(link);
    int rc = receive(link, data, &err);
    if (rc == 0 && !link->server && !link->greeted && !link->closed && grpc_conn_accepts_calls(link->conn)) {
        link->greeted = true;
        link->events->ready(link);
    }
    if (!leave(link)) {
        if (rc) {
            if (err.code == 0)
                error_set(&err, rc, "the connection is beyond repair");
            fail_after_last_words(link, &err);
        } else {
            rpc_link_schedule(link);
        }
    }
    error_clear(&err);
}

static int put_cipher(struct rpc_link *link)
{
    if (!text_ok(&link->cipher))
        return ERROR_MEMORY;
    if (link->cipher.len == 0)
        return 0;
    link->written += link->cipher.len;
    return world_stream_write(link->stream, text_bytes(&link->cipher));
}

static void feed_tls(struct rpc_link *link, struct bytes data)
{
    struct error err = ERROR_INIT;
    text_clear(&link->plain);
    text_clear(&link->cipher);
    int rc = tls_session_receive(link->tls, data, &link->plain, &link->cipher, &err);
    int sent = put_cipher(link); /* an alert too */
    if (rc == 0 && sent)
        rc = error_set(&err, sent, "cannot write to the connection: %s", error_code_name(sent));
    if (rc == 0 && !text_ok(&link->plain))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && !link->connected && tls_session_ready(link->tls)) {
        const char *alpn = tls_session_alpn(link->tls);
        if (!alpn || strcmp(alpn, "h2") != 0)
            rc = error_set(&err, ERROR_PROTOCOL, "the TLS peer did not agree to HTTP/2 (ALPN h2) but to %s",
                           alpn ? alpn : "nothing");
    }
    if (rc) {
        fail(link, &err);
        error_clear(&err);
        return;
    }
    error_clear(&err);
    enter(link);
    if (!link->connected && tls_session_ready(link->tls)) {
        link->connected = true;
        rpc_link_schedule(link);
    }
    if (link->plain.len > 0) {
        /* feed() may run code that closes the link; `plain` stays until settle(). */
        feed(link, text_bytes(&link->plain));
    }
    if (leave(link))
        return;
    trim(&link->plain);
}

static void on_connected(void *arg)
{
    struct rpc_link *link = arg;
    if (!link->tls) {
        link->connected = true;
        rpc_link_schedule(link); /* the preface */
        return;
    }
    struct error err = ERROR_INIT;
    text_clear(&link->cipher);
    int rc = tls_session_start(link->tls, &link->cipher, &err);
    if (rc == 0 && (rc = put_cipher(link)) != 0)
        error_set(&err, rc, "cannot write to the connection: %s", error_code_name(rc));
    if (rc)
        fail(link, &err);
    error_clear(&err);
}

static void on_readable(void *arg, struct bytes data)
{
    struct rpc_link *link = arg;
    if (link->over)
        return;
    link->now = world_now(link->world);
    if (link->tls)
        feed_tls(link, data);
    else
        feed(link, data);
}

static void on_drained(void *arg)
{
    struct rpc_link *link = arg;
    if (!link->blocked)
        return;
    link->blocked = false;
    link->resumed = world_now(link->world);
    if (link->server)
        world_stream_resume(link->stream);
    rpc_link_schedule(link);
}

static void on_ended(void *arg, int reason)
{
    struct rpc_link *link = arg;
    end(link, reason ? reason : ERROR_CLOSED, reason ? error_code_name(reason) : "closed by the peer");
}

static const struct world_stream_events stream_events = {
    .connected = on_connected,
    .readable = on_readable,
    .drained = on_drained,
    .ended = on_ended,
};

int rpc_link_init(struct rpc_link *link, struct world *w, const struct grpc_settings *settings,
                  const struct grpc_events *grpc, void *arg, const struct rpc_link_events *events,
                  struct tls_context *tls, const char *server_name, struct error *err)
{
    memset(link, 0, sizeof *link);
    link->world = w;
    link->events = events;
    link->server = settings->server;
    link->now = link->opened = world_now(w);
    world_task_init(&link->flush, w, on_flush, link);
    world_timer_init(&link->wakeup, w, on_wakeup, link);
    if (tls) {
        int rc = tls_session_new(tls, server_name, &link->tls, err);
        if (rc)
            return rc;
    }
    int rc = grpc_conn_new(settings, grpc, arg, link->now, &link->conn);
    if (rc) {
        tls_session_free(link->tls);
        link->tls = NULL;
        return error_set(err, rc, "cannot set up an HTTP/2 connection: %s", error_code_name(rc));
    }
    return 0;
}

void rpc_link_accept(struct rpc_link *link, struct world_stream *stream)
{
    link->stream = stream;
    link->connected = link->tls == NULL;
    world_stream_accept(stream, &stream_events, link);
    rpc_link_schedule(link); /* the server's SETTINGS */
    rearm(link);
}

int rpc_link_connect(struct rpc_link *link, const char *address, struct error *err)
{
    return world_connect(link->world, address, &stream_events, link, &link->stream, err);
}

void rpc_link_schedule(struct rpc_link *link)
{
    if (!link->over && !link->closed)
        world_task_post(&link->flush);
}

void rpc_link_close_when_idle(struct rpc_link *link)
{
    link->close_when_idle = true;
    rpc_link_schedule(link);
}

/* Frees everything but the owner's struct, then hands that back. */
static void settle(struct rpc_link *link)
{
    struct grpc_conn *conn = link->conn;
    link->conn = NULL;
    link->depth++; /* calls that end here may try to close us again */
    grpc_conn_free(conn);
    link->depth--;
    tls_session_free(link->tls);
    text_deinit(&link->out);
    text_deinit(&link->plain);
    text_deinit(&link->cipher);
    link->events->release(link);
}

void rpc_link_close(struct rpc_link *link)
{
    if (link->closed)
        return;
    link->closed = true;
    world_task_cancel(&link->flush);
    world_timer_stop(&link->wakeup);
    if (link->tls && link->stream && link->connected && !link->over) {
        text_clear(&link->cipher);
        tls_session_end(link->tls, &link->cipher);
        put_cipher(link);
    }
    world_stream_close(link->stream);
    link->stream = NULL;
    if (link->depth == 0)
        settle(link);
}
