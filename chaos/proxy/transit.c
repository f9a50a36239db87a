#include "chaos/proxy/transit.h"

#include "base/units.h"
#include "rpc/metadata.h"

#include <stdlib.h>
#include <string.h>

#define SEND_TURN ((size_t)64 << 10) /* bytes taken from a connection at a time */

/* ---- messages that wait ---- */

static int waiting_add(struct waiting *w, struct bytes message, size_t cost)
{
    uint32_t len = (uint32_t)message.len;
    w->cost += cost;
    if (!text_reserve(&w->messages, sizeof len + message.len)) {
        w->messages.failed = false;
        return ERROR_MEMORY;
    }
    text_add(&w->messages, &len, sizeof len);
    text_add(&w->messages, message.data, message.len);
    return 0;
}

static bool waiting_next(const struct waiting *w, size_t *at, struct bytes *message)
{
    uint32_t len;
    if (*at >= w->messages.len)
        return false;
    memcpy(&len, w->messages.data + *at, sizeof len);
    *message = BYTES(w->messages.data + *at + sizeof len, len);
    *at += sizeof len + len;
    return true;
}

/* ---- calls ---- */

static struct call *call_new(struct transit *r, struct grpc_stream *in)
{
    struct call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->transit = r;
    c->in = in;
    c->next = r->calls;
    c->place = &r->calls;
    if (c->next != NULL)
        c->next->place = &c->next;
    r->calls = c;
    world_timer_init(&c->timer, transit_world(r), call_timer, c);
    grpc_stream_set_user(in, c);
    return c;
}

/* Its rule may be gone before it is. */
static void call_let_go(struct call *c)
{
    if (c->rule != NULL && c->rule->held == c)
        c->rule->held = NULL;
    c->rule = NULL;
}

static void call_free(struct call *c)
{
    call_let_go(c);
    *c->place = c->next;
    if (c->next != NULL)
        c->next->place = c->place;
    world_timer_stop(&c->timer);
    text_deinit(&c->up.messages);
    text_deinit(&c->down.messages);
    arena_deinit(&c->arena);
    free(c);
}

static void call_free_when_over(struct call *c)
{
    if (c->in == NULL && c->out == NULL && c->twin == NULL)
        call_free(c);
}

void call_fail(struct call *c, uint32_t h2_error)
{
    if (c->in != NULL)
        grpc_stream_reset(c->in, h2_error);
}

void call_finish(struct call *c, const struct grpc_result *result)
{
    if (c->in == NULL)
        return;
    if (result->unprocessed)
        grpc_stream_reset(c->in, H2_REFUSED);
    else
        grpc_stream_finish(c->in, result->status, result->message, result->details, result->trailers);
}

/* ---- to the called ---- */

static void send_up(struct call *c, struct bytes message)
{
    if (c->out != NULL)
        (void)grpc_stream_send_message(c->out, message);
    if (c->twin != NULL)
        (void)grpc_stream_send_message(c->twin, message);
}

static void half_close_up(struct call *c)
{
    if (c->out != NULL)
        (void)grpc_stream_half_close(c->out);
    if (c->twin != NULL)
        (void)grpc_stream_half_close(c->twin);
}

static uint64_t time_left(const struct call *c)
{
    uint64_t now = world_now(transit_world(c->transit));
    if (c->timeout == 0)
        return 0;
    return c->deadline > now ? c->deadline - now : 1;
}

static int request_up(struct call *c, struct grpc_stream **out)
{
    struct grpc_request request = {.path = c->path,
                                   .metadata = c->metadata,
                                   .timeout = time_left(c),
                                   .content_type = c->content_type,
                                   .gzip = c->gzip};
    if (c->ruled && c->kind == RULE_LATE)
        request.timeout = 0; /* the called works to the end */
    return grpc_conn_request(c->transit->up, &request, c, out, NULL);
}

void call_begin(struct call *c)
{
    struct bytes message;
    size_t at = 0;
    if (!c->begun) {
        c->begun = true;
        if (request_up(c, &c->out) != 0) {
            c->out = NULL;
            call_fail(c, H2_REFUSED);
            return;
        }
        if (c->ruled && c->kind == RULE_TWICE && request_up(c, &c->twin) == 0)
            call_hit(c);
    }
    if (c->held_up)
        return;
    while (waiting_next(&c->up, &at, &message))
        send_up(c, message);
    text_deinit(&c->up.messages);
    if (c->in != NULL)
        grpc_stream_consumed(c->in, c->up.cost);
    c->up.cost = 0;
    if (c->up.ended)
        half_close_up(c);
}

static void on_request(void *arg, struct grpc_stream *in, struct bytes path, struct grpc_metadata metadata,
                       uint64_t timeout)
{
    struct transit *r = arg;
    struct call *c = call_new(r, in);
    if (c == NULL) {
        grpc_stream_set_user(in, NULL);
        grpc_stream_reset(in, H2_REFUSED);
        return;
    }
    struct bytes type = grpc_stream_content_type(in);
    const char *copy = arena_string_n(&c->arena, (const char *)path.data, path.len);
    c->content_type = arena_string_n(&c->arena, (const char *)type.data, type.len);
    c->timeout = timeout;
    c->deadline = world_now(transit_world(r)) + timeout;
    c->gzip = grpc_stream_peer_gzip(in);
    if (copy == NULL || c->content_type == NULL || rpc_metadata_copy(&c->arena, metadata, &c->metadata) != 0) {
        grpc_stream_reset(in, H2_REFUSED);
        return;
    }
    c->path = BYTES(copy, path.len);
    call_choose(c);
    if (!call_intercept(c))
        call_begin(c);
}

static void on_request_message(void *arg, struct grpc_stream *in, struct bytes message, size_t cost)
{
    struct call *c = grpc_stream_user(in);
    (void)arg;
    if (c == NULL)
        return;
    if (!c->begun || c->held_up) {
        if (waiting_add(&c->up, message, cost) != 0)
            call_fail(c, H2_INTERNAL);
        return;
    }
    send_up(c, message);
    if (c->out != NULL && grpc_stream_busy(c->out))
        c->owed_in += cost;
    else
        grpc_stream_consumed(in, cost);
}

static void on_half_closed(void *arg, struct grpc_stream *in)
{
    struct call *c = grpc_stream_user(in);
    (void)arg;
    if (c == NULL)
        return;
    c->up.ended = true;
    if (c->begun && !c->held_up)
        half_close_up(c);
}

static void on_cancelled(void *arg, struct grpc_stream *in)
{
    struct call *c = grpc_stream_user(in);
    (void)arg;
    /* The called works on for one who is not there any more. */
    if (c == NULL || (c->ruled && (c->kind == RULE_LATE || c->kind == RULE_LOST_ANSWER)))
        return;
    if (c->out != NULL)
        grpc_stream_reset(c->out, H2_CANCEL);
    if (c->twin != NULL)
        grpc_stream_reset(c->twin, H2_CANCEL);
}

static void on_writable_down(void *arg, struct grpc_stream *in)
{
    struct call *c = grpc_stream_user(in);
    (void)arg;
    if (c != NULL && c->out != NULL)
        grpc_stream_consumed(c->out, c->owed_out);
    if (c != NULL)
        c->owed_out = 0;
}

static void on_closed_down(void *arg, struct grpc_stream *in)
{
    struct call *c = grpc_stream_user(in);
    (void)arg;
    if (c == NULL)
        return;
    c->in = NULL;
    if (c->out != NULL) /* nobody reads any more */
        grpc_stream_consumed(c->out, c->owed_out + c->down.cost);
    c->owed_out = c->down.cost = 0;
    call_free_when_over(c);
}

/* ---- to the caller ---- */

static void send_down(struct call *c, struct bytes message)
{
    if (c->in != NULL && !call_break_message(c, message) && c->in != NULL)
        (void)grpc_stream_send_message(c->in, message);
}

static void send_headers_down(struct call *c)
{
    if (c->in != NULL && c->headers)
        (void)grpc_stream_send_headers(c->in, c->answer_metadata);
}

static void end_down(struct call *c, const struct grpc_result *result)
{
    if (c->in != NULL && !call_break_end(c, result))
        call_finish(c, result);
}

void call_pass_answer(struct call *c)
{
    struct bytes message;
    size_t at = 0;
    c->held_down = false;
    send_headers_down(c);
    while (waiting_next(&c->down, &at, &message))
        send_down(c, message);
    text_deinit(&c->down.messages);
    if (c->out != NULL)
        grpc_stream_consumed(c->out, c->down.cost);
    c->down.cost = 0;
    if (c->down.ended)
        end_down(c, &c->result);
}

static void on_response(void *arg, struct grpc_stream *out, struct grpc_metadata metadata)
{
    struct call *c = grpc_stream_user(out);
    (void)arg;
    if (out == c->twin)
        return;
    if (rpc_metadata_copy(&c->arena, metadata, &c->answer_metadata) != 0) {
        call_fail(c, H2_INTERNAL);
        return;
    }
    c->headers = true;
    if (!c->held_down)
        send_headers_down(c);
}

static void on_response_message(void *arg, struct grpc_stream *out, struct bytes message, size_t cost)
{
    struct call *c = grpc_stream_user(out);
    (void)arg;
    if (out == c->twin || c->in == NULL) {
        grpc_stream_consumed(out, cost);
        return;
    }
    if (c->held_down) {
        if (waiting_add(&c->down, message, cost) != 0)
            call_fail(c, H2_INTERNAL);
        /* What does not fit into the window would never become a whole answer. */
        if (c->down.messages.len > TRANSIT_HELD_MAX)
            call_pass_answer(c);
        return;
    }
    send_down(c, message);
    if (c->in != NULL && grpc_stream_busy(c->in))
        c->owed_out += cost;
    else
        grpc_stream_consumed(out, cost);
}

/* A copy that outlives the callback. */
static int keep_result(struct call *c, const struct grpc_result *result)
{
    c->result = *result;
    c->result.message = BYTES(arena_copy(&c->arena, result->message.data, result->message.len), result->message.len);
    c->result.details = BYTES(arena_copy(&c->arena, result->details.data, result->details.len), result->details.len);
    if ((result->message.len > 0 && c->result.message.data == NULL) ||
        (result->details.len > 0 && c->result.details.data == NULL))
        return ERROR_MEMORY;
    return rpc_metadata_copy(&c->arena, result->trailers, &c->result.trailers);
}

static void on_finished(void *arg, struct grpc_stream *out, const struct grpc_result *result)
{
    struct call *c = grpc_stream_user(out);
    (void)arg;
    if (out == c->twin)
        return;
    if (!c->held_down) {
        end_down(c, result);
    } else if (keep_result(c, result) != 0) {
        call_fail(c, H2_INTERNAL);
    } else {
        c->down.ended = true;
        (void)call_break_end(c, result); /* from here on it may be released */
    }
}

static void on_writable_up(void *arg, struct grpc_stream *out)
{
    struct call *c = grpc_stream_user(out);
    (void)arg;
    if (c->in != NULL && out == c->out) {
        grpc_stream_consumed(c->in, c->owed_in);
        c->owed_in = 0;
    }
}

static void on_closed_up(void *arg, struct grpc_stream *out)
{
    struct call *c = grpc_stream_user(out);
    (void)arg;
    if (out == c->out)
        c->out = NULL;
    else
        c->twin = NULL;
    call_free_when_over(c);
}

static void on_going_away(void *arg, uint32_t h2_error, struct bytes debug)
{
    const struct transit *r = arg;
    (void)h2_error;
    (void)debug;
    grpc_conn_drain(r->down);
}

/* ---- the connections ---- */

static const struct grpc_events down_events = {.request = on_request,
                                               .message = on_request_message,
                                               .half_closed = on_half_closed,
                                               .cancelled = on_cancelled,
                                               .writable = on_writable_down,
                                               .closed = on_closed_down};
static const struct grpc_events up_events = {.response = on_response,
                                             .message = on_response_message,
                                             .finished = on_finished,
                                             .writable = on_writable_up,
                                             .closed = on_closed_up,
                                             .going_away = on_going_away};

/* What one side has to say, while its pipe has room. */
static void flow_side(struct transit *r, struct grpc_conn *conn, unsigned direction)
{
    struct pipe *p = pipe_of(r->connection, direction);
    while (!r->connection->over && grpc_conn_wants_send(conn) && !pipe_busy(p)) {
        text_clear(&r->sending);
        if (grpc_conn_send(conn, &r->sending, SEND_TURN) == 0)
            return;
        pipe_enter(p, text_bytes(&r->sending));
    }
}

static void plan_tick(struct transit *r)
{
    uint64_t down = grpc_conn_wakeup(r->down), up = grpc_conn_wakeup(r->up), at = down < up ? down : up;
    uint64_t now = world_now(transit_world(r));
    world_timer_stop(&r->tick);
    if (at != UINT64_MAX && world_timer_start(&r->tick, at > now ? at - now : 0) != 0)
        connection_end(r->connection, true);
}

void transit_flow(struct transit *r)
{
    r->again = true;
    if (r->flowing)
        return;
    r->flowing = true;
    while (r->again && !r->connection->over) {
        r->again = false;
        flow_side(r, r->up, PROXY_UP);
        flow_side(r, r->down, PROXY_DOWN);
    }
    r->flowing = false;
    if (r->connection->over)
        return;
    /* When memory ran out for what we asked of it, no bytes come that would tell, and calls would wait for ever. */
    if (grpc_conn_tick(r->up, world_now(transit_world(r))) != 0) {
        connection_end(r->connection, true);
        return;
    }
    plan_tick(r);
    if (!r->connection->over && grpc_conn_done(r->down) && !grpc_conn_wants_send(r->down) &&
        pipe_held(pipe_of(r->connection, PROXY_DOWN)) == 0)
        connection_end(r->connection, false);
}

static void flow_now(void *arg)
{
    transit_flow(arg);
}

void transit_flow_later(struct transit *r)
{
    world_task_post(&r->flow);
}

static void ticked(void *arg)
{
    struct transit *r = arg;
    uint64_t now = world_now(transit_world(r));
    if (grpc_conn_tick(r->down, now) != 0 || grpc_conn_tick(r->up, now) != 0)
        connection_end(r->connection, true);
    else
        transit_flow(r);
}

int transit_new(struct connection *c, struct transit **out)
{
    struct transit *r = calloc(1, sizeof *r);
    struct grpc_settings down, up;
    struct world *w = c->link->proxy->world;
    if (r == NULL)
        return ERROR_MEMORY;
    r->connection = c;
    world_timer_init(&r->tick, w, ticked, r);
    world_task_init(&r->flow, w, flow_now, r);
    grpc_settings_init(&down, true);
    grpc_settings_init(&up, false);
    down.keepalive_every = up.keepalive_every = down.ping_min = 0;
    up.authority = c->link->to_address;
    int code = grpc_conn_new(&down, &down_events, r, world_now(w), &r->down);
    if (code == 0)
        code = grpc_conn_new(&up, &up_events, r, world_now(w), &r->up);
    if (code != 0) {
        transit_free(r);
        return code;
    }
    *out = r;
    return 0;
}

void transit_free(struct transit *r)
{
    if (r == NULL)
        return;
    world_timer_stop(&r->tick);
    world_task_cancel(&r->flow);
    grpc_conn_free(r->up);
    grpc_conn_free(r->down);
    while (r->calls != NULL)
        call_free(r->calls);
    text_deinit(&r->sending);
    free(r);
}

void transit_receive(struct transit *r, unsigned direction, struct bytes data)
{
    struct grpc_conn *conn = direction == PROXY_UP ? r->down : r->up;
    int code = grpc_conn_receive(conn, data, world_now(transit_world(r)), NULL);
    if (r->connection->over)
        return;
    transit_flow(r);
    if (code != 0 && !r->connection->over)
        connection_end(r->connection, true);
}

void transit_ended(struct transit *r, unsigned direction, bool broken)
{
    (void)direction;
    if (!broken && !r->connection->over)
        transit_flow(r);
}

void transit_abandon(struct transit *r)
{
    for (struct call *c = r->calls; c != NULL; c = c->next)
        call_let_go(c);
}

void transit_forget(struct transit *r, const struct proxy_rule *rule)
{
    for (struct call *c = r->calls, *next; c != NULL; c = next) {
        next = c->next;
        if (c->rule == rule)
            call_forget(c);
    }
    transit_flow_later(r);
}
