#include "wire/grpc_kit.h"

#include <stdlib.h>
#include <string.h>

#define SEND_MAX ((size_t)64 << 10)

static void show(struct text *out, struct grpc_metadata m)
{
    for (size_t i = 0; i < m.count; i++) {
        text_add(out, m.items[i].name.data, m.items[i].name.len);
        text_char(out, '=');
        text_add(out, m.items[i].value.data, m.items[i].value.len);
        text_char(out, ';');
    }
}

/* ---- the server ---- */

enum kit_method { ECHO, HEADERS, LATE, FLOOD, HOLD };
static int method_words[] = {ECHO, HEADERS, LATE, FLOOD, HOLD}; /* a stream's user pointer points at one */

static void finish(struct grpc_stream *s, int status, struct bytes text, struct bytes details)
{
    grpc_stream_finish(s, status, text, details, (struct grpc_metadata){NULL, 0});
}

static bool is(struct bytes path, const char *name)
{
    return bytes_is(path, name);
}

static void echo_headers(struct grpc_stream *s, struct grpc_metadata m)
{
    struct grpc_header items[64];
    struct grpc_metadata echo = {items, 0};
    for (size_t i = 0; i < m.count && echo.count < 64; i++) {
        if (!bytes_is(m.items[i].name, "user-agent"))
            items[echo.count++] = m.items[i];
    }
    grpc_stream_send_headers(s, echo);
    grpc_stream_finish(s, GRPC_OK, BYTES_NONE, BYTES_NONE, echo);
}

static void server_request(void *arg, struct grpc_stream *s, struct bytes path, struct grpc_metadata m,
                           uint64_t timeout)
{
    struct kit *k = arg;
    k->requests++;
    k->last = s;
    k->timeout = timeout;
    text_clear(&k->path);
    text_clear(&k->content_type);
    text_clear(&k->metadata);
    text_add(&k->path, path.data, path.len);
    struct bytes type = grpc_stream_content_type(s);
    text_add(&k->content_type, type.data, type.len);
    show(&k->metadata, m);
    if (grpc_stream_peer_gzip(s))
        grpc_stream_set_gzip(s, true);
    if (is(path, "/kit.Echo/Echo")) {
        grpc_stream_set_user(s, &method_words[ECHO]);
    } else if (is(path, "/kit.Echo/Headers")) {
        grpc_stream_set_user(s, &method_words[HEADERS]);
        echo_headers(s, m);
    } else if (is(path, "/kit.Echo/Status")) {
        int code = GRPC_UNKNOWN;
        struct bytes word = grpc_metadata_get(m, "code");
        char name[32] = "";
        if (word.len < sizeof name)
            memcpy(name, word.data ? (const char *)word.data : "", word.len);
        grpc_status_parse(name, &code);
        finish(s, code, grpc_metadata_get(m, "text-bin"), grpc_metadata_get(m, "details-bin"));
    } else if (is(path, "/kit.Echo/Late")) {
        grpc_stream_set_user(s, &method_words[LATE]);
    } else if (is(path, "/kit.Echo/Flood")) {
        grpc_stream_set_user(s, &method_words[FLOOD]);
    } else if (is(path, "/kit.Echo/Hold")) {
        grpc_stream_set_user(s, &method_words[HOLD]);
    } else {
        finish(s, GRPC_UNIMPLEMENTED, bytes_of("unknown method"), BYTES_NONE);
    }
}

static void server_message(void *arg, struct grpc_stream *s, struct bytes message, size_t cost)
{
    struct kit *k = arg;
    int *method = grpc_stream_user(s);
    k->messages++;
    k->message_bytes += message.len;
    if (k->consume)
        grpc_stream_consumed(s, cost);
    else
        k->server_unconsumed += cost;
    if (!method)
        return;
    if (*method == ECHO || *method == LATE)
        grpc_stream_send_message(s, message);
    if (*method == LATE)
        finish(s, GRPC_FAILED_PRECONDITION, bytes_of("enough"), BYTES_NONE);
    if (*method == FLOOD && message.len > 0) {
        static const uint8_t kilobyte[1024];
        for (int i = 0; i < message.data[0]; i++)
            grpc_stream_send_message(s, BYTES(kilobyte, sizeof kilobyte));
    }
}

static void server_half_closed(void *arg, struct grpc_stream *s)
{
    struct kit *k = arg;
    int *method = grpc_stream_user(s);
    k->half_closed++;
    if (method && (*method == ECHO || *method == FLOOD))
        finish(s, GRPC_OK, BYTES_NONE, BYTES_NONE);
}

static void server_cancelled(void *arg, struct grpc_stream *s)
{
    struct kit *k = arg;
    (void)s;
    k->cancelled++;
}

static void server_writable(void *arg, struct grpc_stream *s)
{
    struct kit *k = arg;
    (void)s;
    k->writable++;
}

static void server_closed(void *arg, struct grpc_stream *s)
{
    struct kit *k = arg;
    k->server_closed++;
    if (k->last == s)
        k->last = NULL;
}

const struct grpc_events kit_server_events = {
    .request = server_request,
    .message = server_message,
    .half_closed = server_half_closed,
    .cancelled = server_cancelled,
    .writable = server_writable,
    .closed = server_closed,
};

/* ---- the client ---- */

static void client_response(void *arg, struct grpc_stream *s, struct grpc_metadata m)
{
    struct kit_call *call = grpc_stream_user(s);
    (void)arg;
    call->responses++;
    show(&call->headers, m);
}

static void client_message(void *arg, struct grpc_stream *s, struct bytes message, size_t cost)
{
    struct kit_call *call = grpc_stream_user(s);
    (void)arg;
    call->messages++;
    text_add(&call->body, message.data, message.len);
    if (call->keep)
        call->unconsumed += cost;
    else
        grpc_stream_consumed(s, cost);
}

static void client_finished(void *arg, struct grpc_stream *s, const struct grpc_result *r)
{
    struct kit_call *call = grpc_stream_user(s);
    (void)arg;
    call->finished++;
    call->status = r->status;
    call->unprocessed = r->unprocessed;
    text_add(&call->message, r->message.data, r->message.len);
    text_add(&call->details, r->details.data, r->details.len);
    show(&call->trailers, r->trailers);
}

static void client_writable(void *arg, struct grpc_stream *s)
{
    struct kit_call *call = grpc_stream_user(s);
    (void)arg;
    call->writable++;
}

static void client_closed(void *arg, struct grpc_stream *s)
{
    struct kit_call *call = grpc_stream_user(s);
    (void)arg;
    call->closed++;
    call->stream = NULL;
}

static void client_going_away(void *arg, uint32_t h2_error, struct bytes debug)
{
    struct kit *k = arg;
    k->going_away++;
    k->going_away_error = h2_error;
    text_add(&k->going_away_debug, debug.data, debug.len);
}

const struct grpc_events kit_client_events = {
    .response = client_response,
    .message = client_message,
    .finished = client_finished,
    .writable = client_writable,
    .closed = client_closed,
    .going_away = client_going_away,
};

/* ---- both ---- */

int kit_init(struct kit *k, uint64_t seed, const struct grpc_settings *client, const struct grpc_settings *server)
{
    struct grpc_settings c, s;
    memset(k, 0, sizeof *k);
    random_seed(&k->random, seed);
    k->now = 1000000000;
    k->consume = k->split = true;
    grpc_settings_init(&c, false);
    grpc_settings_init(&s, true);
    int rc = grpc_conn_new(client ? client : &c, &kit_client_events, k, k->now, &k->client);
    if (rc == 0)
        rc = grpc_conn_new(server ? server : &s, &kit_server_events, k, k->now, &k->server);
    return rc;
}

void kit_drop_client(struct kit *k)
{
    grpc_conn_free(k->client);
    k->client = NULL;
}

void kit_drop_server(struct kit *k)
{
    grpc_conn_free(k->server);
    k->server = NULL;
}

void kit_deinit(struct kit *k)
{
    kit_drop_client(k);
    kit_drop_server(k);
    text_deinit(&k->error);
    text_deinit(&k->path);
    text_deinit(&k->content_type);
    text_deinit(&k->metadata);
    text_deinit(&k->going_away_debug);
}

static void feed(struct kit *k, struct grpc_conn *to, struct bytes data)
{
    while (data.len > 0) {
        size_t n = data.len;
        if (k->split && random_below(&k->random, 4) != 0)
            n = 1 + (size_t)random_below(&k->random, data.len < 64 ? data.len : 64);
        if (k->split && n > data.len)
            n = data.len;
        struct error err = ERROR_INIT;
        int rc = grpc_conn_receive(to, BYTES(data.data, n), k->now, &err);
        if (rc && !k->receive_error) {
            k->receive_error = rc;
            error_format(&err, &k->error);
        }
        error_clear(&err);
        if (rc)
            return;
        data.data += n;
        data.len -= n;
    }
}

size_t kit_step(struct kit *k, bool from_client)
{
    struct grpc_conn *from = from_client ? k->client : k->server, *to = from_client ? k->server : k->client;
    if (!from)
        return 0;
    struct text wire = TEXT_INIT;
    size_t max = k->split ? 1 + (size_t)random_below(&k->random, SEND_MAX) : SEND_MAX;
    size_t n = grpc_conn_send(from, &wire, max);
    *(from_client ? &k->client_bytes : &k->server_bytes) += n;
    if (to && n > 0 && text_ok(&wire))
        feed(k, to, text_bytes(&wire));
    text_deinit(&wire);
    return n;
}

void kit_pump(struct kit *k)
{
    for (;;) {
        size_t moved = kit_step(k, true);
        moved += kit_step(k, false);
        if (moved == 0)
            return;
    }
}

int kit_start(struct kit *k, struct kit_call *call, const struct grpc_request *r, struct error *err)
{
    memset(call, 0, sizeof *call);
    call->status = -1;
    return grpc_conn_request(k->client, r, call, &call->stream, err);
}

int kit_start_path(struct kit *k, struct kit_call *call, const char *path)
{
    struct grpc_request r = {.path = bytes_of(path)};
    return kit_start(k, call, &r, NULL);
}

void kit_unary(struct kit *k, struct kit_call *call, const char *path, struct bytes message)
{
    if (kit_start_path(k, call, path) != 0)
        return;
    grpc_stream_send_message(call->stream, message);
    grpc_stream_half_close(call->stream);
    kit_pump(k);
}

void kit_call_deinit(struct kit_call *call)
{
    text_deinit(&call->headers);
    text_deinit(&call->body);
    text_deinit(&call->trailers);
    text_deinit(&call->message);
    text_deinit(&call->details);
}
