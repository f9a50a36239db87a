/* A double on an rpc server: one raw handler answers every method of its service. */
#include "fakes/internal.h"

#include <stdlib.h>

/* One call in progress: its messages so far, then the answer, at once or after the delay. */
struct served_call {
    struct fake *fake;
    struct method_state *method;
    struct rpc_call *call;
    struct text request;
    size_t messages;
    struct world_timer delay;
    bool taken;
};

static void call_free(struct served_call *c)
{
    world_timer_stop(&c->delay);
    text_deinit(&c->request);
    free(c);
}

static void answer(void *arg)
{
    struct served_call *c = arg;
    struct text reply = TEXT_INIT, message = TEXT_INIT;
    int status = fake_take(c->fake, c->method, text_bytes(&c->request), c->messages, world_now(rpc_call_world(c->call)),
                           &reply, &message);
    if (status == GRPC_OK)
        status = rpc_call_send_bytes(c->call, text_bytes(&reply)) == 0 ? GRPC_OK : GRPC_UNAVAILABLE;
    struct rpc_call *call = c->call;
    call_free(c);
    rpc_call_finish(call, status, text_string(&message));
    text_deinit(&reply);
    text_deinit(&message);
}

static void on_open(struct rpc_call *call, void *service)
{
    struct fake *f = service;
    struct served_call *c = calloc(1, sizeof *c);
    struct method_state *m = fake_method(f, rpc_call_method(call));
    if (c == NULL || m == NULL) {
        free(c);
        rpc_call_fail(call, m == NULL ? GRPC_UNIMPLEMENTED : GRPC_RESOURCE_EXHAUSTED,
                      m == NULL ? "unknown method %s" : "the double is out of memory for %s", rpc_call_method(call));
        return;
    }
    c->fake = f;
    c->method = m;
    c->call = call;
    world_timer_init(&c->delay, rpc_call_world(call), answer, c);
    rpc_call_set_user(call, c);
}

static void on_message(struct rpc_call *call, struct bytes message, void *service)
{
    struct served_call *c = rpc_call_user(call);
    (void)service;
    if (c == NULL)
        return;
    text_add(&c->request, message.data, message.len);
    c->messages++;
}

static void on_half_closed(struct rpc_call *call, void *service)
{
    struct served_call *c = rpc_call_user(call);
    (void)service;
    if (c == NULL)
        return;
    if (c->method->never)
        return; /* until the client gives up */
    if (c->method->delay > 0)
        world_timer_start(&c->delay, c->method->delay);
    else
        answer(c);
}

static void on_cancelled(struct rpc_call *call, void *service)
{
    struct served_call *c = rpc_call_user(call);
    struct text reply = TEXT_INIT, message = TEXT_INIT;
    (void)service;
    if (c == NULL)
        return;
    /* A call whose answer never came was a call all the same. */
    fake_take(c->fake, c->method, text_bytes(&c->request), c->messages, world_now(rpc_call_world(call)), &reply,
              &message);
    text_deinit(&reply);
    text_deinit(&message);
    call_free(c);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

int fake_serve(struct fake *f, struct rpc_server *server)
{
    static const struct rpc_handler handler = {
        .open = on_open, .message = on_message, .half_closed = on_half_closed, .cancelled = on_cancelled};
    rpc_server_set_fallback(server, &handler, f);
    return 0;
}
