/* client.Client: calls by name. Each becomes a call to our own door with the caller's metadata, so that it is routed,
 * retried and judged like every other. Bodies go through as they are; their content type says how the service is to
 * read them: application/json (or application/grpc+json), or protobuf when it is blank, application/protobuf,
 * application/x-protobuf, application/grpc, application/grpc+proto. */
#include "proto/broker/broker.pb-c.h"
#include "proto/client/client.pb-c.h"
#include "runtime/proxy/proxy.h"
#include "runtime/service/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_MAX_LEN 1024
#define ID           "client.Client."

struct client_call {
    struct proxy *proxy;
    struct rpc_call *call;
    struct rpc_stream *stream; /* NULL: none */
    bool gone, half_closed;
};

static const char *grpc_type(const char *content_type)
{
    static const char *const proto[] = {"",
                                        "application/protobuf",
                                        "application/x-protobuf",
                                        "application/proto",
                                        "application/grpc",
                                        "application/grpc+proto",
                                        "application/octet-stream"};
    if (strcmp(content_type, "application/json") == 0 || strcmp(content_type, "application/grpc+json") == 0)
        return "application/grpc+json";
    for (size_t i = 0; i < sizeof proto / sizeof proto[0]; i++)
        if (strcmp(content_type, proto[i]) == 0)
            return "application/grpc+proto";
    return NULL;
}

static bool part_ok(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-' && text[i] != '.')
            return false;
    return len > 0 && text[0] != '.' && text[len - 1] != '.';
}

/* "Type.Method", or just "Method" of the type called like the service. */
static bool build_path(char *out, size_t size, const char *service, const char *endpoint)
{
    const char *dot = strchr(endpoint, '.');
    int n;
    if (!part_ok(service, strlen(service)) || !part_ok(endpoint, strlen(endpoint)) || (dot && strchr(dot + 1, '.')))
        return false;
    if (dot)
        n = snprintf(out, size, "/%s.%.*s/%s", service, (int)(dot - endpoint), endpoint, dot + 1);
    else
        n = snprintf(out, size, "/%s.%c%s/%s", service, toupper((unsigned char)service[0]), service + 1, endpoint);
    return n > 0 && (size_t)n < size;
}

static int self(struct proxy *p, struct rpc_channel **out)
{
    char address[RELAY_TEXT_MAX];
    if (!p->self) {
        const char *own = micro_service_address(p->service);
        const char *colon = strrchr(own, ':');
        if (strncmp(own, "0.0.0.0:", 8) == 0 || strncmp(own, "[::]:", 5) == 0)
            snprintf(address, sizeof address, "127.0.0.1%s", colon);
        else
            snprintf(address, sizeof address, "%s", own);
        const struct rpc_channel_options options = {.addresses = address, .user_agent = "grpc-c-micro-client/1"};
        int rc = rpc_channel_new(p->world, &options, &p->self, NULL);
        if (rc) {
            p->self = NULL;
            return rc;
        }
    }
    *out = p->self;
    return 0;
}

void proxy_client_stop(struct proxy *p)
{
    rpc_channel_free(p->self);
    p->self = NULL;
}

static uint64_t time_left(const struct rpc_call *call)
{
    uint64_t deadline = rpc_call_deadline(call), now = world_now(rpc_call_world(call));
    return deadline == UINT64_MAX ? 0 : deadline > now ? deadline - now : 1;
}

/* The caller's metadata, in the trace and below the span of this call. */
static struct grpc_metadata inside(struct rpc_call *call)
{
    struct grpc_metadata from = rpc_call_metadata(call);
    const struct micro_caller *caller = rpc_call_guard_data(call);
    struct grpc_header *items = ARENA_NEW_N(rpc_call_arena(call), struct grpc_header, from.count + 2);
    size_t n = 0;
    if (!caller || !caller->traced || !items)
        return from;
    for (size_t i = 0; i < from.count; i++)
        if (!bytes_is(from.items[i].name, "micro-trace-id") && !bytes_is(from.items[i].name, "micro-span-id"))
            items[n++] = from.items[i];
    items[n++] = (struct grpc_header){.name = bytes_of("micro-trace-id"), .value = bytes_of(caller->trace)};
    items[n++] = (struct grpc_header){.name = bytes_of("micro-span-id"), .value = bytes_of(caller->id)};
    return (struct grpc_metadata){.items = items, .count = n};
}

static struct client_call *begin(struct rpc_call *call, struct proxy *p, const char *id)
{
    struct client_call *c = ARENA_NEW(rpc_call_arena(call), struct client_call);
    if (!c) {
        micro_fail(call, 507, id, "out of memory");
        return NULL;
    }
    *c = (struct client_call){.proxy = p, .call = call};
    rpc_call_set_user(call, c);
    return c;
}

/* The path and content type of what is asked for; false: the call was finished. */
static bool describe(struct rpc_call *call, const Client__Request *r, const char *id, char path[PATH_MAX_LEN],
                     const char **type)
{
    *type = grpc_type(r->content_type);
    if (!r->service[0] || !r->endpoint[0])
        micro_fail(call, 400, id, "service and endpoint are needed");
    else if (!*type)
        micro_fail(call, 400, id, "content type \"%.100s\" is not known: application/json and application/protobuf are",
                   r->content_type);
    else if (!build_path(path, PATH_MAX_LEN, r->service, r->endpoint))
        micro_fail(call, 400, id, "\"%.100s\" of \"%.100s\" is no endpoint: expected Type.Method", r->endpoint,
                   r->service);
    else
        return true;
    return false;
}

static void cancelled(struct rpc_call *call, void *context)
{
    struct client_call *c = rpc_call_user(call);
    (void)context;
    if (c && c->stream) {
        c->gone = true;
        rpc_stream_cancel(c->stream);
    } else {
        rpc_call_finish(call, GRPC_CANCELLED, "");
    }
}

/* ---- Call ------------------------------------------------------------------------------------------------------- */

static void call_done(void *arg, const struct rpc_reply *reply)
{
    struct client_call *c = arg;
    c->stream = NULL;
    if (reply->status != GRPC_OK || c->gone) {
        relay_pass_end(c->call, reply);
        return;
    }
    Client__Response response = CLIENT__RESPONSE__INIT;
    response.body.len = reply->body.len;
    response.body.data = arena_alloc(rpc_call_arena(c->call), reply->body.len + 1);
    if (!response.body.data) {
        micro_fail(c->call, 507, ID "Call", "out of memory");
        return;
    }
    if (reply->body.len)
        memcpy(response.body.data, reply->body.data, reply->body.len);
    relay_pass_trailers(c->call, reply);
    rpc_call_reply(c->call, &response.base);
}

static void forward(struct client_call *c, const char *path, const char *type, struct bytes body, const char *id,
                    void (*done)(void *arg, const struct rpc_reply *reply))
{
    struct rpc_channel *channel = NULL;
    struct error err = ERROR_INIT;
    const struct rpc_request request = {.path = path,
                                        .metadata = inside(c->call),
                                        .timeout = time_left(c->call),
                                        .content_type = type,
                                        .message = body,
                                        .has_message = true};
    int rc = self(c->proxy, &channel);
    if (rc == 0)
        rc = rpc_unary(channel, &request, done, c, &c->stream, &err);
    if (rc) {
        c->stream = NULL;
        micro_fail(c->call, rc == ERROR_LIMIT ? 400 : 500, id, "%s", err.message ? err.message : error_code_name(rc));
    }
    error_clear(&err);
}

static void call(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Client__Request *r = (const Client__Request *)(const void *)message;
    char path[PATH_MAX_LEN];
    const char *type;
    if (!describe(call, r, ID "Call", path, &type))
        return;
    struct client_call *c = begin(call, context, ID "Call");
    if (c)
        forward(c, path, type, BYTES(r->body.data, r->body.len), ID "Call", call_done);
}

/* ---- Publish ---------------------------------------------------------------------------------------------------- */

static void publish_done(void *arg, const struct rpc_reply *reply)
{
    struct client_call *c = arg;
    c->stream = NULL;
    Client__Message none = CLIENT__MESSAGE__INIT;
    if (reply->status == GRPC_OK && !c->gone)
        rpc_call_reply(c->call, &none.base);
    else
        relay_pass_end(c->call, reply);
}

static void publish(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Client__Message *m = (const Client__Message *)(const void *)message;
    if (!m->topic[0]) {
        micro_fail(call, 400, ID "Publish", "topic is needed");
        return;
    }
    struct client_call *c = begin(call, context, ID "Publish");
    if (!c)
        return;
    char type_key[] = "Content-Type", topic_key[] = "Micro-Topic", json[] = "application/json";
    Broker__Message__HeaderEntry type = BROKER__MESSAGE__HEADER_ENTRY__INIT,
                                 topic = BROKER__MESSAGE__HEADER_ENTRY__INIT;
    Broker__Message__HeaderEntry *entries[] = {&type, &topic};
    Broker__Message body = BROKER__MESSAGE__INIT;
    Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
    type.key = type_key;
    type.value = m->content_type[0] ? m->content_type : json;
    topic.key = topic_key;
    topic.value = m->topic;
    body.header = entries;
    body.n_header = 2;
    body.body = m->body;
    request.topic = m->topic;
    request.message = &body;
    struct text packed = TEXT_INIT;
    if (pb_pack(&request.base, &packed) != 0 || !text_ok(&packed))
        micro_fail(call, 507, ID "Publish", "out of memory");
    else
        forward(c, "/broker.Broker/Publish", NULL, text_bytes(&packed), ID "Publish", publish_done);
    text_deinit(&packed);
}

/* ---- Stream ----------------------------------------------------------------------------------------------------- */

static void stream_message(void *arg, struct bytes message)
{
    struct client_call *c = arg;
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {.in = message.data}; /* packing only reads it */
    Client__Response response = CLIENT__RESPONSE__INIT;
    response.body.data = data.out;
    response.body.len = message.len;
    int rc = rpc_call_send(c->call, &response.base);
    if (rc && rc != ERROR_CANCELLED)
        rpc_stream_cancel(c->stream);
    else if (rpc_call_busy(c->call))
        rpc_stream_pause(c->stream);
}

static void stream_writable(void *arg)
{
    struct client_call *c = arg;
    rpc_call_resume(c->call);
}

static void stream_finished(void *arg, const struct rpc_reply *reply)
{
    struct client_call *c = arg;
    c->stream = NULL;
    relay_pass_end(c->call, reply);
}

static void open_stream(struct rpc_call *call, void *context)
{
    (void)begin(call, context, ID "Stream");
}

static bool start_stream(struct client_call *c, const Client__Request *r)
{
    static const struct rpc_stream_events events = {
        .message = stream_message, .writable = stream_writable, .finished = stream_finished};
    char path[PATH_MAX_LEN];
    const char *type;
    struct rpc_channel *channel = NULL;
    struct error err = ERROR_INIT;
    if (!describe(c->call, r, ID "Stream", path, &type))
        return false;
    const struct rpc_request request = {
        .path = path, .metadata = inside(c->call), .timeout = time_left(c->call), .content_type = type};
    int rc = self(c->proxy, &channel);
    if (rc == 0)
        rc = rpc_stream_open(channel, &request, &events, c, &c->stream, &err);
    if (rc) {
        c->stream = NULL;
        micro_fail(c->call, 500, ID "Stream", "%s", err.message ? err.message : error_code_name(rc));
    }
    error_clear(&err);
    return rc == 0;
}

static void stream_request(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct client_call *c = rpc_call_user(call);
    const Client__Request *r = (const Client__Request *)(const void *)message;
    (void)context;
    if (!c || c->gone)
        return;
    if (!c->stream && !start_stream(c, r))
        return;
    (void)rpc_stream_send(c->stream, BYTES(r->body.data, r->body.len)); /* after its end the end tells */
    if (rpc_stream_busy(c->stream))
        rpc_call_pause(call);
}

static void stream_half_closed(struct rpc_call *call, void *context)
{
    struct client_call *c = rpc_call_user(call);
    (void)context;
    if (!c)
        return;
    if (c->stream)
        (void)rpc_stream_half_close(c->stream);
    else
        micro_fail(call, 400, ID "Stream", "service and endpoint are needed");
}

static void stream_call_writable(struct rpc_call *call, void *context)
{
    struct client_call *c = rpc_call_user(call);
    (void)context;
    if (c && c->stream)
        rpc_stream_resume(c->stream);
}

static const struct rpc_method methods[] = {
    {.name = "Call",
     .input = &client__request__descriptor,
     .output = &client__response__descriptor,
     .unary = call,
     .cancelled = cancelled},
    {.name = "Stream",
     .input = &client__request__descriptor,
     .output = &client__response__descriptor,
     .open = open_stream,
     .message = stream_request,
     .half_closed = stream_half_closed,
     .cancelled = cancelled,
     .writable = stream_call_writable},
    {.name = "Publish",
     .input = &client__message__descriptor,
     .output = &client__message__descriptor,
     .unary = publish,
     .cancelled = cancelled},
};
const struct rpc_service proxy_client_service = {
    .name = "client.Client", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
