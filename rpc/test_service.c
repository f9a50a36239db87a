#include "rpc/test_service.h"

#include "test.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_DEFAULT (64 << 20)

typedef Harrow__Test__Order order_message;
typedef Harrow__Test__Answer answer_message;

/* One call under way; lives in the call's arena. */
struct work {
    struct test_service *service;
    struct rpc_call *call;
    const order_message *order; /* unary and Down */
    struct world_timer timer;
    int32_t index;
    int64_t total;
    bool half_closed;
};

static struct work *work_new(struct rpc_call *call, struct test_service *t, const order_message *order,
                             void (*fire)(void *arg))
{
    struct work *w = ARENA_NEW(rpc_call_arena(call), struct work);
    if (!w) {
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    w->service = t;
    w->call = call;
    w->order = order;
    world_timer_init(&w->timer, rpc_call_world(call), fire, w);
    rpc_call_set_user(call, w);
    return w;
}

static void echo_metadata(struct rpc_call *call)
{
    struct grpc_metadata m = rpc_call_metadata(call);
    for (size_t i = 0; i < m.count; i++) {
        const char *name = (const char *)m.items[i].name.data;
        if (strncmp(name, "x-echo-", 7) != 0)
            continue;
        (void)rpc_call_send_header(call, name, m.items[i].value);
        size_t len = strlen(name);
        bool binary = len > 4 && strcmp(name + len - 4, "-bin") == 0;
        const char *trailer = arena_printf(rpc_call_arena(call), "%.*s-trailer%s", (int)(binary ? len - 4 : len), name,
                                           binary ? "-bin" : "");
        if (trailer)
            (void)rpc_call_add_trailer(call, trailer, m.items[i].value);
    }
}

static void end(struct work *w, const order_message *order)
{
    w->service->answered++;
    rpc_call_finish_details(w->call, order->status, bytes_of(order->message),
                            BYTES(order->details.data, order->details.len));
}

/* Fills the answer's payload: `size` bytes, or the echo. False: too much. */
static bool fill(struct rpc_call *call, const struct test_service *t, const order_message *order,
                 answer_message *answer)
{
    harrow__test__answer__init(answer);
    answer->text = order->text;
    answer->payload = order->payload;
    if (order->size > (t->size_max ? t->size_max : SIZE_MAX_DEFAULT))
        return false;
    if (order->size > 0) {
        answer->payload.len = (size_t)order->size;
        answer->payload.data = arena_alloc(rpc_call_arena(call), (size_t)order->size);
        if (!answer->payload.data)
            return false;
        memset(answer->payload.data, 'a', (size_t)order->size);
    }
    return true;
}

static void answer_unary(void *arg)
{
    struct work *w = arg;
    answer_message answer;
    if (w->order->status == 0) {
        if (!fill(w->call, w->service, w->order, &answer)) {
            rpc_call_fail(w->call, GRPC_RESOURCE_EXHAUSTED, "too large an answer was ordered");
            return;
        }
        w->service->answered++;
        rpc_call_reply(w->call, &answer.base);
        return;
    }
    end(w, w->order);
}

static void unary(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    struct test_service *t = service;
    const order_message *order = (const void *)request;
    t->started++;
    if (rpc_call_metadata(call).count > 0)
        echo_metadata(call);
    struct work *w = work_new(call, t, order, answer_unary);
    if (!w)
        return;
    if (order->delay_ms <= 0)
        answer_unary(w);
    else if (world_timer_start(&w->timer, (uint64_t)order->delay_ms * 1000000) != 0)
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static void cancelled(struct rpc_call *call, void *service)
{
    struct test_service *t = service;
    struct work *w = rpc_call_user(call);
    t->cancelled++;
    if (t->held == call)
        t->held = NULL;
    if (w)
        world_timer_stop(&w->timer);
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static void never(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    struct test_service *t = service;
    (void)request;
    t->started++;
    (void)work_new(call, t, NULL, NULL);
}

static void flaky(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    struct test_service *t = service;
    const order_message *order = (const void *)request;
    if (strncmp(t->flaky.text, order->text, sizeof t->flaky.text - 1) != 0) {
        memset(&t->flaky, 0, sizeof t->flaky);
        strncpy(t->flaky.text, order->text, sizeof t->flaky.text - 1);
        t->flaky.left = order->count;
    }
    if (t->flaky.left-- > 0)
        rpc_call_fail(call, GRPC_UNAVAILABLE, "not yet: %d more", t->flaky.left);
    else
        unary(call, request, service);
}

/* ---- Down: as many answers as were ordered, no faster than they are read ---- */

static void go_on_down(void *arg)
{
    struct work *w = arg;
    answer_message answer;
    if (!fill(w->call, w->service, w->order, &answer)) {
        rpc_call_fail(w->call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    while (w->index < w->order->count) {
        if (rpc_call_busy(w->call))
            return;
        answer.index = w->index++;
        w->service->sent++;
        if (rpc_call_send(w->call, &answer.base) != 0) {
            rpc_call_fail(w->call, GRPC_INTERNAL, "message %d could not be sent", w->index);
            return;
        }
        if (w->order->delay_ms > 0 && w->index < w->order->count) {
            if (world_timer_start(&w->timer, (uint64_t)w->order->delay_ms * 1000000) != 0)
                rpc_call_fail(w->call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
            return;
        }
    }
    end(w, w->order);
}

static void down(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    struct test_service *t = service;
    t->started++;
    echo_metadata(call);
    struct work *w = work_new(call, t, (const void *)request, go_on_down);
    if (w)
        go_on_down(w);
}

static void down_writable(struct rpc_call *call, void *service)
{
    (void)service;
    go_on_down(rpc_call_user(call));
}

/* ---- Up and Both ---- */

static void open_stream(struct rpc_call *call, void *service)
{
    struct test_service *t = service;
    t->started++;
    echo_metadata(call);
    if (!work_new(call, t, NULL, NULL))
        return;
    if (t->hold_streams) {
        t->held = call;
        rpc_call_pause(call);
    }
}

void test_service_release(struct test_service *t)
{
    struct rpc_call *call = t->held;
    t->held = NULL;
    t->hold_streams = false;
    if (call)
        rpc_call_resume(call);
}

static void up_message(struct rpc_call *call, const ProtobufCMessage *message, void *service)
{
    (void)service;
    struct work *w = rpc_call_user(call);
    const order_message *order = (const void *)message;
    w->index++;
    w->total += (int64_t)order->payload.len;
    if (order->status)
        end(w, order);
}

static void up_half_closed(struct rpc_call *call, void *service)
{
    struct test_service *t = service;
    struct work *w = rpc_call_user(call);
    answer_message answer;
    harrow__test__answer__init(&answer);
    answer.index = w->index;
    answer.total = w->total;
    t->answered++;
    rpc_call_reply(call, &answer.base);
}

static void both_message(struct rpc_call *call, const ProtobufCMessage *message, void *service)
{
    (void)service;
    struct work *w = rpc_call_user(call);
    const order_message *order = (const void *)message;
    if (order->status) {
        end(w, order);
        return;
    }
    answer_message answer;
    harrow__test__answer__init(&answer);
    answer.text = order->text;
    answer.payload = order->payload;
    answer.index = w->index++;
    (void)rpc_call_send(call, &answer.base);
    if (rpc_call_busy(call))
        rpc_call_pause(call);
}

static void both_half_closed(struct rpc_call *call, void *service)
{
    struct test_service *t = service;
    t->answered++;
    rpc_call_finish(call, GRPC_OK, NULL);
}

static void both_writable(struct rpc_call *call, void *service)
{
    (void)service;
    rpc_call_resume(call);
}

#define TYPES .input = &harrow__test__order__descriptor, .output = &harrow__test__answer__descriptor
static const struct rpc_method methods[] = {
    {.name = "Unary", TYPES, .unary = unary, .cancelled = cancelled},
    {.name = "Down", TYPES, .unary = down, .cancelled = cancelled, .writable = down_writable},
    {.name = "Up",
     TYPES,
     .open = open_stream,
     .message = up_message,
     .half_closed = up_half_closed,
     .cancelled = cancelled},
    {.name = "Both",
     TYPES,
     .open = open_stream,
     .message = both_message,
     .half_closed = both_half_closed,
     .cancelled = cancelled,
     .writable = both_writable},
    {.name = "Never", TYPES, .unary = never, .cancelled = cancelled},
    {.name = "Flaky", TYPES, .unary = flaky, .cancelled = cancelled},
};
static const struct rpc_service test_service = {"harrow.test.Test", methods, sizeof methods / sizeof *methods};

int test_service_add(struct test_service *t, struct rpc_server *server)
{
    t->server = server;
    return rpc_server_add(server, &test_service, t);
}

__asm__(".section .rodata\n"
        ".balign 16\n"
        "test_service_set_begin_:\n"
        ".incbin \"" TEST_SET_FILE "\"\n"
        "test_service_set_end_:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t test_service_set_begin_[], test_service_set_end_[];

struct bytes test_service_set(void)
{
    return BYTES(test_service_set_begin_, (size_t)(test_service_set_end_ - test_service_set_begin_));
}
