/* Calls as they come by gRPC: the server's fallback, since services are not known when it is compiled. */
#include "fakes/serve/exchange.h"

/* ---- what the exchange says ------------------------------------------------------------------------------------- */

/* A header or trailer that gRPC cannot carry is left out: what a stub's author wrote is checked where it is read. */
static void put_header(void *carried, const char *name, struct bytes value)
{
    (void)rpc_call_send_header(carried, name, value);
}

static void put_trailer(void *carried, const char *name, struct bytes value)
{
    (void)rpc_call_add_trailer(carried, name, value);
}

static const struct pb_method *method_of(struct rpc_call *call)
{
    const struct fake_stream *x = rpc_call_user(call);
    return x->method->method;
}

static int send(void *carried, struct bytes reply)
{
    struct rpc_call *call = carried;
    if (!rpc_call_json(call))
        return rpc_call_send_bytes(call, reply);
    struct text json = TEXT_INIT;
    int code = pb_wire_to_json(method_of(call)->output, reply, 0, &json, NULL);
    if (code == 0)
        code = text_ok(&json) ? rpc_call_send_bytes(call, text_bytes(&json)) : ERROR_MEMORY;
    text_deinit(&json);
    return code;
}

static bool busy(const void *carried)
{
    return rpc_call_busy(carried);
}

static size_t queued(const void *carried)
{
    return rpc_call_queued(carried);
}

static void pause_call(void *carried)
{
    rpc_call_pause(carried);
}

static void resume_call(void *carried)
{
    rpc_call_resume(carried);
}

static void finish(void *carried, int status, struct bytes message, struct bytes details)
{
    rpc_call_set_user(carried, NULL);
    rpc_call_finish_details(carried, status, message, details);
}

static void reset(void *carried)
{
    rpc_call_set_user(carried, NULL);
    rpc_call_reset(carried);
}

static void disconnect(void *carried)
{
    rpc_call_set_user(carried, NULL);
    rpc_call_disconnect(carried);
}

static const struct carrier carrier = {
    .header = put_header,
    .trailer = put_trailer,
    .send = send,
    .busy = busy,
    .queued = queued,
    .pause = pause_call,
    .resume = resume_call,
    .finish = finish,
    .reset = reset,
    .disconnect = disconnect,
};

/* ---- what the client says --------------------------------------------------------------------------------------- */

static void on_open(struct rpc_call *call, void *service)
{
    struct fake_server *s = service;
    struct text why = TEXT_INIT;
    struct served_method *m = served_find(s, rpc_call_path(call), &why);
    struct bytes session = grpc_metadata_get(rpc_call_metadata(call), FAKE_SESSION_HEADER);
    struct fake_stream *x = NULL;
    if (m == NULL)
        rpc_call_finish(call, GRPC_UNIMPLEMENTED, text_string(&why));
    else if (session.len > FAKE_SESSION_MAX)
        rpc_call_fail(call, GRPC_INVALID_ARGUMENT, "the header " FAKE_SESSION_HEADER " may have %d bytes",
                      FAKE_SESSION_MAX);
    else if ((x = exchange_open(s, &(struct exchange_call){.method = m,
                                                           .carrier = &carrier,
                                                           .carried = call,
                                                           .metadata = rpc_call_metadata(call),
                                                           .caller = rpc_call_peer(call),
                                                           .deadline = rpc_call_deadline(call)})) == NULL)
        rpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the double is out of memory");
    rpc_call_set_user(call, x);
    text_deinit(&why);
}

static void on_message(struct rpc_call *call, struct bytes message, void *service)
{
    struct fake_stream *x = rpc_call_user(call);
    (void)service;
    if (x == NULL)
        return;
    if (rpc_call_json(call))
        (void)exchange_json(x, message, NULL);
    else
        exchange_message(x, message);
}

static void on_half_closed(struct rpc_call *call, void *service)
{
    struct fake_stream *x = rpc_call_user(call);
    (void)service;
    if (x != NULL)
        exchange_complete(x);
}

static void on_writable(struct rpc_call *call, void *service)
{
    struct fake_stream *x = rpc_call_user(call);
    (void)service;
    if (x != NULL)
        exchange_writable(x);
}

static void on_cancelled(struct rpc_call *call, void *service)
{
    struct fake_stream *x = rpc_call_user(call);
    (void)service;
    rpc_call_set_user(call, NULL);
    if (x != NULL)
        exchange_gone(x);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

void grpc_serve(struct fake_server *s)
{
    static const struct rpc_handler handler = {.open = on_open,
                                               .message = on_message,
                                               .half_closed = on_half_closed,
                                               .writable = on_writable,
                                               .cancelled = on_cancelled};
    rpc_server_set_fallback(s->rpc, &handler, s);
}
