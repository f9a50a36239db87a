/* A double on an rpc server: one raw handler answers every method of its service. A call is recorded when its request
 * is complete, or when its client gives up before that. */
#include "fakes/internal.h"

#include <stdlib.h>
#include <string.h>

struct served_call {
    struct fake *fake;
    struct method_state *method;
    struct rpc_call *call;
    struct text request;
    ARRAY(size_t) ends;
    bool recorded;
    struct taken taken;
    struct text reply, message; /* what to answer with, while the delay runs */
    struct world_timer delay;
};

/* Notes what was answered and lets go of everything but the rpc call itself. */
static void served_free(struct served_call *c, int status)
{
    fake_settle(c->fake, &c->taken, status);
    rpc_call_set_user(c->call, NULL);
    world_timer_stop(&c->delay);
    text_deinit(&c->request);
    text_deinit(&c->reply);
    text_deinit(&c->message);
    array_deinit(&c->ends);
    free(c);
}

static void refuse(struct served_call *c, int status, const char *message)
{
    struct rpc_call *call = c->call;
    served_free(c, status);
    rpc_call_finish(call, status, message);
}

static void take(struct served_call *c, bool cut)
{
    struct request q = {.wire = text_bytes(&c->request),
                        .ends = c->ends.items,
                        .messages = c->ends.count,
                        .time = world_now(rpc_call_world(c->call)),
                        .cut = cut};
    c->taken = fake_take(c->fake, c->method, &q, &c->reply, &c->message);
    c->recorded = true;
}

static int send_reply(struct served_call *c)
{
    if (!rpc_call_json(c->call))
        return rpc_call_send_bytes(c->call, text_bytes(&c->reply));
    struct text json = TEXT_INIT;
    int code = pb_wire_to_json(c->method->method->output, text_bytes(&c->reply), 0, &json, NULL);
    if (code == 0)
        code = rpc_call_send_bytes(c->call, text_bytes(&json));
    text_deinit(&json);
    return code;
}

static void answer(void *arg)
{
    struct served_call *c = arg;
    struct rpc_call *call = c->call;
    int status = c->taken.status;
    char *message = text_take(&c->message);
    if (status == GRPC_OK && send_reply(c) != 0)
        status = GRPC_INTERNAL;
    served_free(c, status);
    rpc_call_finish(call, status, message != NULL ? message : "");
    free(message);
}

/* "store.Store", or any name that ends in ".Store". */
static bool serves(const struct fake *f, const char *service)
{
    const char *dot = strrchr(service, '.');
    return strcmp(service, f->service->full_name) == 0 ||
           strcmp(dot != NULL ? dot + 1 : service, f->service->name) == 0;
}

static void on_open(struct rpc_call *call, void *service)
{
    struct fake *f = service;
    if (!serves(f, rpc_call_service(call))) {
        rpc_call_fail(call, GRPC_UNIMPLEMENTED, "unknown service %s", rpc_call_service(call));
        return;
    }
    struct method_state *m = fake_method(f, rpc_call_method(call));
    if (m == NULL) {
        rpc_call_fail(call, GRPC_UNIMPLEMENTED, "unknown method %s", rpc_call_method(call));
        return;
    }
    struct served_call *c = calloc(1, sizeof *c);
    if (c == NULL) {
        rpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the double is out of memory");
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
    if (rpc_call_json(call)) {
        struct error err = ERROR_INIT;
        struct text why = TEXT_INIT;
        int code = pb_json_to_wire(c->method->method->input, message, 0, &c->request, &err);
        if (code != 0) {
            error_format(&err, &why);
            refuse(c, GRPC_INVALID_ARGUMENT, text_string(&why));
        }
        text_deinit(&why);
        error_clear(&err);
        if (code != 0)
            return;
    } else {
        text_add(&c->request, message.data, message.len);
    }
    if (!text_ok(&c->request) || !array_push(&c->ends, c->request.len))
        refuse(c, GRPC_RESOURCE_EXHAUSTED, "the double is out of memory");
    else if (c->request.len > FAKE_REQUEST_MAX)
        refuse(c, GRPC_RESOURCE_EXHAUSTED, "the request is longer than a double keeps");
}

static void on_half_closed(struct rpc_call *call, void *service)
{
    struct served_call *c = rpc_call_user(call);
    (void)service;
    if (c == NULL)
        return;
    take(c, false);
    if (c->taken.status == FAKE_UNANSWERED)
        return; /* until the client gives up */
    if (c->taken.delay == 0 || world_timer_start(&c->delay, c->taken.delay) != 0)
        answer(c);
}

static void on_cancelled(struct rpc_call *call, void *service)
{
    struct served_call *c = rpc_call_user(call);
    (void)service;
    if (c != NULL) {
        if (!c->recorded)
            take(c, true);
        served_free(c, FAKE_UNANSWERED);
    }
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

int fake_serve(struct fake *f, struct rpc_server *server)
{
    static const struct rpc_handler handler = {
        .open = on_open, .message = on_message, .half_closed = on_half_closed, .cancelled = on_cancelled};
    rpc_server_set_fallback(server, &handler, f);
    return 0;
}
