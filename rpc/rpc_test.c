#include "rpc/test_fixture.h"

#include <stdio.h>

#define MS ((uint64_t)MILLISECOND)

/* ---- kinds of call ---------------------------------------------------------------------------------------------- */

static void unary_answers(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "hello");
    uint8_t payload[3] = {0, 1, 255};
    order.payload = (ProtobufCBinaryData){.len = 3, .data = payload};
    for (int i = 0; i < 20; i++) {
        struct fixture_answer a;
        fixture_call(f, "Unary", &order, NULL, &a);
        assert_int_equal(a.answer.reply.status, GRPC_OK);
        assert_string_equal(a.message->text, "hello");
        assert_int_equal(a.message->payload.len, 3);
        assert_memory_equal(a.message->payload.data, payload, 3);
        assert_string_equal(a.answer.reply.peer, f->servers[0].address);
        assert_int_equal(a.answer.reply.attempts, 1);
        fixture_answer_free(&a);
    }
    assert_int_equal(rpc_server_calls(f->servers[0].server), 0);
}

static void empty_message_answers(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct fixture_answer a;
    fixture_call(f, "Unary", NULL, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_OK);
    assert_non_null(a.answer.reply.body.data); /* an empty message is a message */
    assert_int_equal(a.answer.reply.body.len, 0);
    fixture_answer_free(&a);
}

static void server_stream_sends_all(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "down");
    order.count = 5000;
    struct record r;
    fixture_open(f, &r, "Down", &order, NULL);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    assert_int_equal(r.messages, 5000);
    assert_int_equal(r.index, 4999);
    assert_int_equal(r.headers, 1);
}

static void server_stream_fails_after_messages(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "down");
    order.count = 3;
    order.status = GRPC_ABORTED;
    order.message = (char[]){"enough"};
    struct record r;
    fixture_open(f, &r, "Down", &order, NULL);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.messages, 3);
    assert_int_equal(r.status, GRPC_ABORTED);
    assert_string_equal(r.text, "enough");
}

static void client_stream_is_summed(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "up");
    uint8_t payload[100] = {0};
    order.payload = (ProtobufCBinaryData){.len = sizeof payload, .data = payload};
    struct record r;
    fixture_open(f, &r, "Up", NULL, NULL);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fixture_send(&r, &order), 0);
    assert_int_equal(rpc_stream_half_close(r.stream), 0);
    assert_int_equal(fixture_send(&r, &order), ERROR_INVALID);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    assert_int_equal(r.index, 1000);
    assert_int_equal(r.total, 100000);
}

static void both_streams_echo(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct record r;
    fixture_open(f, &r, "Both", NULL, NULL);
    Harrow__Test__Order order;
    for (int i = 0; i < 200; i++) { /* ping-pong */
        char text[16];
        snprintf(text, sizeof text, "m%d", i);
        order_init(&order, text);
        assert_int_equal(fixture_send(&r, &order), 0);
        fixture_until(f, &r.messages, i + 1);
        assert_string_equal(r.last, text);
    }
    assert_int_equal(rpc_stream_half_close(r.stream), 0);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
}

/* Far more than all windows and buffers, both ways at once. */
static void both_streams_carry_much(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct record r;
    fixture_open(f, &r, "Both", NULL, NULL);
    static uint8_t payload[32 << 10];
    Harrow__Test__Order order;
    order_init(&order, "much");
    order.payload = (ProtobufCBinaryData){.len = sizeof payload, .data = payload};
    const int total = 500;
    for (int i = 0; i < total; i++) {
        assert_int_equal(fixture_send(&r, &order), 0);
        if (rpc_stream_busy(r.stream)) {
            int seen = r.writables;
            fixture_until(f, &r.writables, seen + 1);
        }
    }
    assert_true(r.writables > 0);
    rpc_stream_half_close(r.stream);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    assert_int_equal(r.messages, total);
    assert_int_equal(r.bytes, sizeof payload * (size_t)total);
}

static void many_calls_at_once(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.streams_max = 100};
    fixture_serve(f, 0, &options);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "many");
    order.delay_ms = 1;
    enum { MANY = 3000 };
    struct record *r = calloc(MANY, sizeof *r);
    assert_non_null(r);
    for (int i = 0; i < MANY; i++)
        fixture_open(f, &r[i], "Unary", &order, NULL);
    for (int i = 0; i < MANY; i++) {
        fixture_until(f, &r[i].finished, 1);
        assert_int_equal(r[i].status, GRPC_OK);
        assert_int_equal(r[i].messages, 1);
    }
    assert_int_equal(f->servers[0].service.started, MANY);
    free(r);
}

/* ---- back-pressure ---------------------------------------------------------------------------------------------- */

static void slow_reader_holds_the_server(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "slow");
    order.count = 2000;
    order.size = 10000;
    struct record r;
    fixture_open(f, &r, "Down", &order, NULL);
    rpc_stream_pause(r.stream);
    uint64_t sent;
    do {
        sent = s->service.sent;
        fixture_run(f, 200 * MS);
    } while (sent == 0 || s->service.sent != sent); /* it comes to a stop */
    assert_true(sent < 1000);                       /* 20 MB were asked for; windows and queues hold a small part */
    assert_int_equal(r.messages, 0);
    rpc_stream_resume(r.stream);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.messages, 2000);
    assert_int_equal(r.bytes, 20000000);
}

static void slow_server_holds_the_client(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    s->service.hold_streams = true;
    fixture_connect(f, NULL);
    struct record r;
    fixture_open(f, &r, "Up", NULL, NULL);
    static uint8_t payload[64 << 10];
    Harrow__Test__Order order;
    order_init(&order, "held");
    order.payload = (ProtobufCBinaryData){.len = sizeof payload, .data = payload};
    int sent = 0;
    while (!rpc_stream_busy(r.stream) && sent < 1000) {
        assert_int_equal(fixture_send(&r, &order), 0);
        sent++;
        fixture_run(f, 1 * MS);
    }
    assert_true(sent > 5);
    assert_true(sent < 1000);
    fixture_run(f, 100 * MS);
    assert_true(rpc_stream_busy(r.stream));
    test_service_release(&s->service);
    fixture_until(f, &r.writables, 1);
    rpc_stream_half_close(r.stream);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.index, sent);
    assert_int_equal(r.total, (int64_t)sent * (int64_t)sizeof payload);
}

/* ---- deadlines and cancellation --------------------------------------------------------------------------------- */

static void deadline_ends_the_call_on_both_sides(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct rpc_request extra = {.timeout = 30 * MS};
    struct fixture_answer a;
    do { /* one that ends before it is sent never gets there */
        uint64_t before = world_now(f->world);
        fixture_call(f, "Never", NULL, &extra, &a);
        uint64_t took = world_now(f->world) - before;
        assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
        fixture_answer_free(&a);
        assert_true(took >= 29 * MS);
        fixture_run(f, 30 * MS);
    } while (s->service.started == 0 && !f->simulated);
    fixture_until_u64(f, &s->service.cancelled, 1);
    assert_int_equal(rpc_server_calls(s->server), 0);
}

static void server_enforces_its_own_deadline(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.deadline_max = 20 * MS};
    struct fixture_server *s = fixture_serve(f, 0, &options);
    fixture_connect(f, NULL);
    struct rpc_request extra = {.timeout = 0};
    struct fixture_answer a;
    fixture_call(f, "Never", NULL, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
    fixture_answer_free(&a);
    assert_int_equal(s->service.cancelled, 1);
    extra.timeout = (uint64_t)(3600 * SECOND); /* longer than the server allows */
    fixture_call(f, "Never", NULL, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
    fixture_answer_free(&a);
}

static void deadline_covers_connecting(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    struct rpc_channel_options options = {.addresses = s->address};
    fixture_stop(f, 0);
    fixture_connect(f, &options);
    struct rpc_request extra = {.timeout = 30 * MS, .wait_for_ready = true};
    struct fixture_answer a;
    fixture_call(f, "Unary", NULL, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(a.answer.reply.attempts, 0);
    fixture_answer_free(&a);
}

static void client_cancels(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct record r;
    Harrow__Test__Order order;
    order_init(&order, "never");
    fixture_open(f, &r, "Never", &order, NULL);
    fixture_until_u64(f, &s->service.started, 1);
    rpc_stream_cancel(r.stream);
    assert_int_equal(r.finished, 0); /* never from inside the function that asked */
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_CANCELLED);
    fixture_until_u64(f, &s->service.cancelled, 1);
    /* in mid-stream */
    order.count = 1000000;
    fixture_open(f, &r, "Down", &order, NULL);
    fixture_until(f, &r.messages, 10);
    rpc_stream_cancel(r.stream);
    fixture_until(f, &r.finished, 1);
    int seen = r.messages;
    fixture_until_u64(f, &s->service.cancelled, 2);
    assert_int_equal(r.messages, seen); /* nothing after the end */
    assert_int_equal(r.finished, 1);
    /* before it ever got a connection */
    struct rpc_channel_options options = {.addresses = "127.0.0.1:1"};
    fixture_connect(f, &options);
    struct rpc_request extra = {.wait_for_ready = true};
    fixture_open(f, &r, "Never", &order, &extra);
    rpc_stream_cancel(r.stream);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_CANCELLED);
}

static void server_that_ends_cancels_its_calls(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct record r;
    Harrow__Test__Order order;
    order_init(&order, "never");
    fixture_open(f, &r, "Never", &order, NULL);
    fixture_until_u64(f, &s->service.started, 1);
    fixture_stop(f, 0);
    assert_int_equal(s->service.cancelled, 1);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(r.text, s->address));
}

static void channel_that_ends_cancels_its_calls(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct record r[3];
    Harrow__Test__Order order;
    order_init(&order, "never");
    for (int i = 0; i < 3; i++)
        fixture_open(f, &r[i], "Never", &order, NULL);
    fixture_until_u64(f, &s->service.started, 3);
    rpc_channel_free(f->channel);
    f->channel = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(r[i].finished, 1);
        assert_int_equal(r[i].status, GRPC_CANCELLED);
    }
    fixture_until_u64(f, &s->service.cancelled, 3);
}

/* ---- metadata and status ---------------------------------------------------------------------------------------- */

static void metadata_goes_both_ways(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    static const uint8_t raw[] = {0, 255, ',', 10, 0};
    const struct grpc_header items[] = {
        {bytes_of("x-echo-plain"), bytes_of("some text")},
        {bytes_of("x-echo-raw-bin"), BYTES(raw, sizeof raw)},
        {bytes_of("x-echo-twice"), bytes_of("one")},
        {bytes_of("x-echo-twice"), bytes_of("two")},
    };
    struct rpc_request extra = {.timeout = 5000 * MS, .metadata = {items, 4}};
    Harrow__Test__Order order;
    order_init(&order, "meta");
    for (int fails = 0; fails < 2; fails++) {
        struct fixture_answer a;
        order.status = fails ? GRPC_NOT_FOUND : 0;
        fixture_call(f, "Unary", &order, &extra, &a);
        const struct rpc_reply *reply = &a.answer.reply;
        assert_int_equal(reply->status, order.status);
        assert_true(bytes_is(grpc_metadata_get(reply->headers, "x-echo-plain"), "some text"));
        assert_true(bytes_equal(grpc_metadata_get(reply->headers, "x-echo-raw-bin"), BYTES(raw, sizeof raw)));
        assert_true(bytes_is(grpc_metadata_get(reply->trailers, "x-echo-plain-trailer"), "some text"));
        assert_true(bytes_equal(grpc_metadata_get(reply->trailers, "x-echo-raw-trailer-bin"), BYTES(raw, sizeof raw)));
        int twice = 0;
        for (size_t i = 0; i < reply->headers.count; i++)
            twice += bytes_is(reply->headers.items[i].name, "x-echo-twice");
        assert_int_equal(twice, 2);
        assert_null(grpc_metadata_get(reply->headers, "x-echo-none").data);
        fixture_answer_free(&a);
    }
    const struct grpc_header reserved = {bytes_of("grpc-status"), bytes_of("0")};
    struct rpc_request bad = {.timeout = 5000 * MS, .metadata = {&reserved, 1}};
    struct fixture_answer a;
    fixture_call(f, "Unary", &order, &bad, &a);
    assert_int_equal(a.answer.reply.status, GRPC_INTERNAL);
    assert_int_equal(a.answer.reply.attempts, 0);
    fixture_answer_free(&a);
}

static void status_text_and_details(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "fails");
    uint8_t details[] = {8, 5, 18, 0};
    order.message = (char[]){"nicht gefunden: Grüße, 世界 100% \n"};
    order.details = (ProtobufCBinaryData){.len = sizeof details, .data = details};
    for (int status = 1; status <= 16; status++) {
        order.status = status;
        struct fixture_answer a;
        fixture_call(f, "Unary", &order, NULL, &a);
        assert_int_equal(a.answer.reply.status, status);
        assert_true(bytes_is(a.answer.reply.message, order.message));
        assert_true(bytes_equal(a.answer.reply.details, BYTES(details, sizeof details)));
        assert_null(a.answer.reply.body.data);
        fixture_answer_free(&a);
    }
}

static int call_status(struct fixture *f, const char *path, char *text, size_t size)
{
    struct fixture_answer a;
    fixture_call(f, path, NULL, NULL, &a);
    int status = a.answer.reply.status;
    snprintf(text, size, "%.*s", (int)a.answer.reply.message.len, (const char *)a.answer.reply.message.data);
    fixture_answer_free(&a);
    return status;
}

static void unknown_paths(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    char text[256];
    assert_int_equal(call_status(f, "/harrow.test.Test/Nope", text, sizeof text), GRPC_UNIMPLEMENTED);
    assert_string_equal(text, "unknown method Nope");
    assert_int_equal(call_status(f, "/foo.Bar/Unary", text, sizeof text), GRPC_UNIMPLEMENTED);
    assert_string_equal(text, "unknown service foo.Bar");
    assert_int_equal(call_status(f, "/other.Test/Unary", text, sizeof text), GRPC_UNIMPLEMENTED);
    assert_int_equal(call_status(f, "/malformed", text, sizeof text), GRPC_UNIMPLEMENTED);
    assert_non_null(strstr(text, "malformed path \"/malformed\""));
    assert_int_equal(call_status(f, "/a/b/c", text, sizeof text), GRPC_UNIMPLEMENTED);
    /* refused before it is sent */
    struct rpc_request r = {.path = "no slash"};
    struct error err = ERROR_INIT;
    assert_int_equal(rpc_unary(f->channel, &r, NULL, NULL, NULL, &err), ERROR_INVALID);
    error_clear(&err);
}

static void package_free_routing(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.package_free = true};
    fixture_serve(f, 0, &options);
    fixture_connect(f, NULL);
    char text[256];
    assert_int_equal(call_status(f, "/foo.bar.Test/Unary", text, sizeof text), GRPC_OK);
    assert_int_equal(call_status(f, "/Test/Unary", text, sizeof text), GRPC_OK);
    assert_int_equal(call_status(f, "/harrow.test.Test/Unary", text, sizeof text), GRPC_OK);
    assert_int_equal(call_status(f, "/foo.bar.Test/Nope", text, sizeof text), GRPC_UNIMPLEMENTED);
    assert_string_equal(text, "unknown method Nope");
    assert_int_equal(call_status(f, "/foo.Bar/Unary", text, sizeof text), GRPC_UNIMPLEMENTED);
    assert_string_equal(text, "unknown service foo.Bar");
    assert_int_equal(call_status(f, "/malformed", text, sizeof text), GRPC_INVALID_ARGUMENT);
}

static void bad_requests_are_told(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    struct rpc_request r = {
        .path = "/harrow.test.Test/Unary", .timeout = 5000 * MS, .message = BYTES("\x0a\xff", 2), .has_message = true};
    struct rpc_answer a;
    assert_int_equal(rpc_unary_wait(f->world, f->channel, &r, &a, NULL), 0);
    assert_int_equal(a.reply.status, GRPC_INVALID_ARGUMENT);
    assert_non_null(strstr((const char *)a.reply.message.data, "harrow.test.Order"));
    rpc_answer_deinit(&a);
    /* a stream of nothing, and of two, to a method that takes one */
    struct record record;
    fixture_open(f, &record, "Unary", NULL, NULL);
    rpc_stream_half_close(record.stream);
    fixture_until(f, &record.finished, 1);
    assert_int_equal(record.status, GRPC_UNIMPLEMENTED);
    Harrow__Test__Order order;
    order_init(&order, "two");
    fixture_open(f, &record, "Unary", NULL, NULL);
    fixture_send(&record, &order);
    fixture_send(&record, &order);
    rpc_stream_half_close(record.stream);
    fixture_until(f, &record.finished, 1);
    assert_int_equal(record.status, GRPC_UNIMPLEMENTED);
    /* in mid-stream the handler hears of it */
    fixture_open(f, &record, "Both", NULL, NULL);
    fixture_send(&record, &order);
    fixture_until(f, &record.messages, 1);
    rpc_stream_send(record.stream, BYTES("\x0a\xff", 2));
    fixture_until(f, &record.finished, 1);
    assert_int_equal(record.status, GRPC_INVALID_ARGUMENT);
    assert_int_equal(f->servers[0].service.cancelled, 1);
    assert_int_equal(rpc_server_calls(f->servers[0].server), 0);
}

/* A server that answers a unary call with none or with two messages. */
static void odd_open(struct rpc_call *call, void *service)
{
    (void)service;
    int messages = strcmp(rpc_call_method(call), "Two") == 0 ? 2 : 0;
    for (int i = 0; i < messages; i++)
        rpc_call_send_bytes(call, BYTES_NONE);
    rpc_call_finish(call, GRPC_OK, NULL);
}

static void answers_of_the_wrong_number(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    rpc_server_set_fallback(s->server, &(struct rpc_handler){.open = odd_open}, NULL);
    fixture_connect(f, NULL);
    char text[256];
    assert_int_equal(call_status(f, "/odd.Service/None", text, sizeof text), GRPC_INTERNAL);
    assert_int_equal(call_status(f, "/odd.Service/Two", text, sizeof text), GRPC_INTERNAL);
}

/* ---- gzip, limits, JSON ----------------------------------------------------------------------------------------- */

static void gzip_both_ways(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    static uint8_t payload[100000];
    Harrow__Test__Order order;
    order_init(&order, "gzip");
    order.payload = (ProtobufCBinaryData){.len = sizeof payload, .data = payload};
    struct rpc_request extra = {.timeout = 5000 * MS, .gzip = true};
    struct fixture_answer a;
    fixture_call(f, "Unary", &order, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_OK);
    assert_int_equal(a.message->payload.len, sizeof payload);
    fixture_answer_free(&a);
}

static void limits_hold(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options server = {.message_max = 10000};
    fixture_serve(f, 0, &server);
    struct rpc_channel_options client = {.addresses = f->servers[0].address, .message_max = 20000};
    fixture_connect(f, &client);
    static uint8_t payload[20000];
    Harrow__Test__Order order;
    order_init(&order, "");
    order.payload = (ProtobufCBinaryData){.len = 10100, .data = payload};
    struct fixture_answer a;
    fixture_call(f, "Unary", &order, NULL, &a); /* too much for the server */
    assert_int_equal(a.answer.reply.status, GRPC_RESOURCE_EXHAUSTED);
    fixture_answer_free(&a);
    order.payload.len = 0;
    order.size = 30000;
    fixture_call(f, "Unary", &order, NULL, &a); /* the answer is too much for the client */
    assert_int_equal(a.answer.reply.status, GRPC_RESOURCE_EXHAUSTED);
    fixture_answer_free(&a);
    order.size = 5000;
    fixture_call(f, "Unary", &order, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_OK);
    fixture_answer_free(&a);
    struct rpc_request r = {.path = "/x.X/X", .message = BYTES(payload, 20000), .has_message = true};
    r.message.len = 20001; /* refused before a byte of it is read */
    assert_int_equal(rpc_unary(f->channel, &r, NULL, NULL, NULL, NULL), ERROR_LIMIT);
    assert_int_equal(fixture_ping(f), GRPC_OK);
}

static void connection_limit_holds(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.connections_max = 1};
    fixture_serve(f, 0, &options);
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), GRPC_OK);
    struct rpc_channel *first = f->channel, *second = NULL;
    struct rpc_channel_options o = {.addresses = f->servers[0].address};
    assert_int_equal(rpc_channel_new(f->world, &o, &second, NULL), 0);
    f->channel = second;
    assert_int_equal(fixture_ping(f), GRPC_UNAVAILABLE);
    f->channel = first;
    rpc_channel_free(second);
    assert_int_equal(fixture_ping(f), GRPC_OK);
}

static void json_is_understood(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.pool = fixture_pool(f)};
    fixture_serve(f, 0, &options);
    fixture_connect(f, NULL);
    static const char json[] = "{\"text\":\"hi\",\"delay_ms\":1}";
    struct rpc_request r = {.path = "/harrow.test.Test/Unary",
                            .timeout = 5000 * MS,
                            .content_type = "application/grpc+json",
                            .message = bytes_of(json),
                            .has_message = true};
    struct rpc_answer a;
    assert_int_equal(rpc_unary_wait(f->world, f->channel, &r, &a, NULL), 0);
    assert_int_equal(a.reply.status, GRPC_OK);
    assert_string_equal((const char *)a.reply.body.data,
                        "{\"text\":\"hi\",\"payload\":\"\",\"index\":0,\"total\":\"0\"}");
    rpc_answer_deinit(&a);
    r.message = bytes_of("{\"text\":\n 5}");
    assert_int_equal(rpc_unary_wait(f->world, f->channel, &r, &a, NULL), 0);
    assert_int_equal(a.reply.status, GRPC_INVALID_ARGUMENT);
    assert_non_null(strstr((const char *)a.reply.message.data, "2:")); /* line of the mistake */
    rpc_answer_deinit(&a);
}

/* ---- guard, observer, fallback ---------------------------------------------------------------------------------- */

struct seen {
    int guarded, observed, status;
    uint64_t duration;
    char path[64];
};

static bool guard(struct rpc_call *call, void *context)
{
    struct seen *seen = context;
    seen->guarded++;
    const char *token = rpc_call_header(call, "authorization");
    if (token && strcmp(token, "Bearer good") == 0)
        return true;
    rpc_call_fail(call, GRPC_UNAUTHENTICATED, "no %s", "token");
    return false;
}

static void observe(void *context, const struct rpc_call *call, int status, uint64_t duration)
{
    struct seen *seen = context;
    seen->observed++;
    seen->status = status;
    seen->duration = duration;
    snprintf(seen->path, sizeof seen->path, "%s %s", rpc_call_service(call), rpc_call_method(call));
}

static void guard_and_observer(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    rpc_server_set_guard(s->server, guard, &seen);
    rpc_server_set_observer(s->server, observe, &seen);
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), GRPC_UNAUTHENTICATED);
    assert_int_equal(s->service.started, 0);
    assert_int_equal(seen.observed, 1);
    assert_int_equal(seen.status, GRPC_UNAUTHENTICATED);
    const struct grpc_header item = {bytes_of("authorization"), bytes_of("Bearer good")};
    struct rpc_request extra = {.timeout = 5000 * MS, .metadata = {&item, 1}};
    Harrow__Test__Order order;
    order_init(&order, "x");
    order.delay_ms = 5;
    struct fixture_answer a;
    fixture_call(f, "Unary", &order, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_OK);
    fixture_answer_free(&a);
    assert_int_equal(seen.guarded, 2);
    assert_int_equal(seen.observed, 2);
    assert_true(seen.duration >= 4 * MS && seen.duration < 5000 * MS);
    assert_string_equal(seen.path, "harrow.test.Test Unary");
    rpc_server_set_guard(s->server, NULL, NULL);
    extra = (struct rpc_request){.timeout = 10 * MS};
    do { /* one that ends before it is sent is seen by nobody */
        fixture_call(f, "Never", &order, &extra, &a);
        fixture_answer_free(&a);
        fixture_run(f, 10 * MS);
    } while (s->service.started == 1 && !f->simulated);
    fixture_until(f, &seen.observed, 3);
    assert_true(seen.status == GRPC_DEADLINE_EXCEEDED || seen.status == GRPC_CANCELLED);
}

/* ---- health and reflection -------------------------------------------------------------------------------------- */

static int health_check(struct fixture *f, const char *service)
{
    struct text request = TEXT_INIT;
    if (service[0]) {
        text_char(&request, 0x0a);
        text_char(&request, (char)strlen(service));
        text_puts(&request, service);
    }
    struct rpc_request r = {.path = "/grpc.health.v1.Health/Check",
                            .timeout = 5000 * MS,
                            .message = BYTES(text_string(&request), request.len),
                            .has_message = true};
    struct rpc_answer a;
    assert_int_equal(rpc_unary_wait(f->world, f->channel, &r, &a, NULL), 0);
    int result = a.reply.status ? -a.reply.status : a.reply.body.len == 2 ? a.reply.body.data[1] : 0;
    rpc_answer_deinit(&a);
    text_deinit(&request);
    return result;
}

struct health_watch {
    int states[8];
    int count, finished, status;
};

static void watch_message(void *arg, struct bytes message)
{
    struct health_watch *w = arg;
    if (w->count < 8)
        w->states[w->count] = message.len == 2 ? message.data[1] : 0;
    w->count++;
}

static void watch_finished(void *arg, const struct rpc_reply *reply)
{
    struct health_watch *w = arg;
    w->finished++;
    w->status = reply->status;
}

static void drained(void *arg)
{
    (*(int *)arg)++;
}

static void health_is_told(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    assert_int_equal(rpc_server_add_health(s->server), 0);
    assert_int_equal(rpc_server_add_health(s->server), ERROR_EXISTS);
    fixture_connect(f, NULL);
    struct error err = ERROR_INIT;
    assert_int_equal(rpc_wait_ready(f->world, f->channel, "", FIXTURE_LIMIT, &err), 0);
    assert_int_equal(health_check(f, ""), 1);
    assert_int_equal(health_check(f, "harrow.test.Test"), 1);
    assert_int_equal(health_check(f, "nobody"), -GRPC_NOT_FOUND);
    static const struct rpc_stream_events events = {.message = watch_message, .finished = watch_finished};
    struct health_watch w = {0}, unknown = {0};
    struct rpc_request r = {.path = "/grpc.health.v1.Health/Watch", .has_message = true};
    assert_int_equal(rpc_stream_open(f->channel, &r, &events, &w, NULL, NULL), 0);
    r.message = bytes_of("\x0a\x03new");
    assert_int_equal(rpc_stream_open(f->channel, &r, &events, &unknown, NULL, NULL), 0);
    fixture_until(f, &w.count, 1);
    rpc_server_set_health(s->server, "", false);
    rpc_server_set_health(s->server, "", false);
    fixture_until(f, &w.count, 2);
    assert_int_equal(health_check(f, ""), 2);
    for (bool told = false; !told;) { /* not where the time was up before there was an answer */
        assert_int_equal(rpc_wait_ready(f->world, f->channel, "", 20 * MS, &err), ERROR_TIMEOUT);
        told = strstr(err.message, "NOT_SERVING") != NULL;
        assert_true(told || !f->simulated);
        error_clear(&err);
    }
    rpc_server_set_health(s->server, "", true);
    rpc_server_set_health(s->server, "new", true);
    fixture_until(f, &w.count, 3);
    fixture_until(f, &unknown.count, 2);
    int done = 0;
    rpc_server_drain(s->server, (uint64_t)(5 * SECOND), drained, &done);
    fixture_until(f, &done, 1);
    fixture_until(f, &w.finished, 1);
    assert_int_equal(w.count, 4);
    const int expected[] = {1, 2, 1, 2};
    assert_memory_equal(w.states, expected, sizeof expected);
    assert_int_equal(w.status, GRPC_UNAVAILABLE);
    assert_int_equal(unknown.states[0], 3);
    assert_int_equal(unknown.states[1], 1);
}

struct reflection_log {
    struct text text;
    int messages, finished, status;
};

static void reflection_message(void *arg, struct bytes message)
{
    struct reflection_log *log = arg;
    log->messages++;
    text_add(&log->text, message.data, message.len);
}

static void reflection_finished(void *arg, const struct rpc_reply *reply)
{
    struct reflection_log *log = arg;
    log->finished++;
    log->status = reply->status;
}

static bool contains(const struct text *t, const char *what)
{
    return t->len > 0 && memmem(t->data, t->len, what, strlen(what)) != NULL;
}

static void reflection_answers(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.pool = fixture_pool(f)};
    struct fixture_server *s = fixture_serve(f, 0, &options);
    assert_int_equal(rpc_server_add_health(s->server), 0);
    assert_int_equal(rpc_server_add_reflection(s->server), 0);
    fixture_connect(f, NULL);
    static const struct rpc_stream_events events = {.message = reflection_message, .finished = reflection_finished};
    static const char *const paths[] = {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
    for (int v = 0; v < 2; v++) {
        struct reflection_log log = {0};
        struct rpc_stream *stream;
        struct rpc_request r = {.path = paths[v], .timeout = 5000 * MS};
        assert_int_equal(rpc_stream_open(f->channel, &r, &events, &log, &stream, NULL), 0);
        rpc_stream_send(stream, bytes_of("\x3a\x01*")); /* list_services */
        fixture_until(f, &log.messages, 1);
        assert_true(contains(&log.text, "harrow.test.Test"));
        assert_true(contains(&log.text, "grpc.health.v1.Health"));
        assert_true(contains(&log.text, "grpc.reflection.v1alpha.ServerReflection"));
        text_clear(&log.text);
        rpc_stream_send(stream, bytes_of("\x22\x10harrow.test.Test")); /* file_containing_symbol */
        fixture_until(f, &log.messages, 2);
        assert_true(contains(&log.text, "test.proto") && contains(&log.text, "delay_ms"));
        text_clear(&log.text);
        rpc_stream_send(stream, bytes_of("\x22\x15grpc.health.v1.Health")); /* built in */
        fixture_until(f, &log.messages, 3);
        assert_true(contains(&log.text, "SERVICE_UNKNOWN"));
        text_clear(&log.text);
        rpc_stream_send(stream, bytes_of("\x1a\x0atest.proto")); /* file_by_filename */
        fixture_until(f, &log.messages, 4);
        assert_true(contains(&log.text, "delay_ms"));
        text_clear(&log.text);
        rpc_stream_send(stream, bytes_of("\x22\x04nope"));
        fixture_until(f, &log.messages, 5);
        assert_true(contains(&log.text, "no such symbol: nope"));
        rpc_stream_send(stream, bytes_of("\x32\x11harrow.test.Order")); /* all_extension_numbers_of_type */
        rpc_stream_send(stream, BYTES_NONE);
        fixture_until(f, &log.messages, 7);
        rpc_stream_half_close(stream);
        fixture_until(f, &log.finished, 1);
        assert_int_equal(log.status, GRPC_OK);
        text_deinit(&log.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(unary_answers),
        BOTH(empty_message_answers),
        BOTH(server_stream_sends_all),
        BOTH(server_stream_fails_after_messages),
        BOTH(client_stream_is_summed),
        BOTH(both_streams_echo),
        BOTH(both_streams_carry_much),
        BOTH(many_calls_at_once),
        BOTH(slow_reader_holds_the_server),
        BOTH(slow_server_holds_the_client),
        BOTH(deadline_ends_the_call_on_both_sides),
        BOTH(server_enforces_its_own_deadline),
        BOTH(deadline_covers_connecting),
        BOTH(client_cancels),
        BOTH(server_that_ends_cancels_its_calls),
        BOTH(channel_that_ends_cancels_its_calls),
        BOTH(metadata_goes_both_ways),
        BOTH(status_text_and_details),
        BOTH(unknown_paths),
        BOTH(package_free_routing),
        BOTH(bad_requests_are_told),
        BOTH(answers_of_the_wrong_number),
        BOTH(gzip_both_ways),
        BOTH(limits_hold),
        BOTH(connection_limit_holds),
        BOTH(json_is_understood),
        BOTH(guard_and_observer),
        BOTH(health_is_told),
        BOTH(reflection_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
