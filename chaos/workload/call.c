/* The clients' calls, and what their answers mean. */
#include "base/units.h"
#include "chaos/workload/inside.h"

#include <string.h>

void workload_called(struct workload_client *c, const char *method, bool ok, uint64_t duration)
{
    struct workload *w = c->workload;
    if (w->latency != NULL && !w->closing) /* else we ended it */
        latency_call(w->latency, method, ok, world_now(w->target->world), duration);
}

static void on_done(void *arg, const struct rpc_reply *reply)
{
    struct client *c = arg;
    c->public.call = NULL;
    workload_called(&c->public, c->path + 1, reply->status == GRPC_OK, reply->duration);
    struct workload_outcome outcome = c->answered(&c->public, reply);
    if (outcome.end != END_OPEN)
        workload_end(&c->public, outcome.end, outcome.value);
}

static void on_fetched(void *arg, struct http_answer *answer, struct error *err)
{
    struct client *c = arg;
    struct rpc_reply reply;
    c->fetch = NULL;
    gateway_call_reply(answer, err, &reply);
    on_done(c, &reply);
    http_answer_deinit(answer);
}

void call_give_up(struct client *c)
{
    if (c->fetch == NULL)
        return;
    http_fetch_cancel(c->fetch);
    c->fetch = NULL;
    workload_end(&c->public, END_INFO, VALUE_NIL);
}

static bool by_gateway(const struct workload *w)
{
    return w->kind->through != NULL && strcmp(w->kind->through, WORKLOAD_GATEWAY) == 0;
}

static void on_message(void *arg, struct bytes message)
{
    struct client *c = arg;
    c->message(&c->public, message);
}

/* Metadata with another token; `items` has room for all. */
static struct grpc_metadata as(struct grpc_metadata m, const char *token, struct grpc_header *items, struct text *value)
{
    size_t count = 0;
    for (size_t i = 0; i < m.count; i++)
        if (!bytes_equal(m.items[i].name, bytes_of("authorization")))
            items[count++] = m.items[i];
    if (token[0] != '\0') {
        text_printf(value, "Bearer %s", token);
        items[count++] = (struct grpc_header){bytes_of("authorization"), text_bytes(value)};
    }
    return (struct grpc_metadata){items, count};
}

/* What all calls share: the channel, and the end when they cannot begin. */
static int begin_call(struct workload_client *c, const char *service, struct rpc_channel **channel)
{
    struct workload *w = c->workload;
    const struct target_component *door = workload_door(w, service, (uint32_t)c->number);
    if (w->closing)
        return ERROR_CANCELLED;
    return door != NULL ? target_channel(w->target, door, channel, NULL) : ERROR_UNSUPPORTED;
}

int workload_call_as(struct workload_client *c, const char *token, const char *service, const char *path,
                     const ProtobufCMessage *request, workload_answered *answered)
{
    struct text wire = TEXT_INIT, bearer = TEXT_INIT;
    struct grpc_header items[TARGET_HEADERS_MAX + 1];
    struct rpc_channel *channel = NULL;
    struct client *self = (struct client *)c;
    bool gateway = by_gateway(c->workload);
    int code = begin_call(c, service, &channel);
    if (code == 0)
        code = pb_pack(request, &wire);
    self->answered = answered;
    self->path = path;
    if (code == 0 && gateway) {
        code = gateway_call_start(c->workload->target, path, text_bytes(&wire), WORKLOAD_OPERATION_LIMIT, on_fetched,
                                  self, &self->fetch);
    } else if (code == 0) {
        struct rpc_request call = {.path = path,
                                   .metadata = target_metadata(c->workload->target),
                                   .timeout = WORKLOAD_OPERATION_LIMIT,
                                   .message = text_bytes(&wire),
                                   .has_message = true};
        if (token != NULL)
            call.metadata = as(call.metadata, token, items, &bearer);
        code = rpc_unary(channel, &call, on_done, c, &c->call, NULL);
    }
    text_deinit(&wire);
    text_deinit(&bearer);
    if (code != 0)
        workload_end(c, workload_end_undone(c), VALUE_NIL);
    return code;
}

int workload_call(struct workload_client *c, const char *service, const char *path, const ProtobufCMessage *request,
                  workload_answered *answered)
{
    return workload_call_as(c, NULL, service, path, request, answered);
}

int workload_exchange(struct workload_client *c, const char *service, const char *path,
                      const ProtobufCMessage *const *pieces, size_t count,
                      void (*message)(struct workload_client *c, struct bytes message), workload_answered *answered)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_done};
    struct client *self = (struct client *)c;
    struct rpc_channel *channel = NULL;
    struct text wire = TEXT_INIT;
    int code = begin_call(c, service, &channel);
    self->answered = answered;
    self->path = path;
    self->message = message;
    if (code == 0) {
        struct rpc_request call = {
            .path = path, .metadata = target_metadata(c->workload->target), .timeout = WORKLOAD_OPERATION_LIMIT};
        code = rpc_stream_open(channel, &call, &events, c, &c->call, NULL);
    }
    bool opened = code == 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        text_clear(&wire);
        code = pb_pack(pieces[i], &wire);
        if (code == 0)
            code = rpc_stream_send(c->call, text_bytes(&wire));
    }
    if (code == 0)
        code = rpc_stream_half_close(c->call);
    text_deinit(&wire);
    if (code != 0 && opened) /* its end is told by `finished` */
        rpc_stream_cancel(c->call);
    else if (code != 0)
        workload_end(c, workload_end_undone(c), VALUE_NIL);
    return opened ? 0 : code;
}

enum operation_end workload_end_of_write(const struct rpc_reply *reply)
{
    switch (reply->status) {
    case GRPC_OK:
        return END_OK;
    case GRPC_INVALID_ARGUMENT:
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
    case GRPC_UNIMPLEMENTED:
        return END_FAIL;
    case GRPC_UNAVAILABLE:
        return reply->peer[0] == '\0' ? END_FAIL : END_INFO;
    default:
        return END_INFO;
    }
}

bool workload_fail_answers(const struct operation *o)
{
    return o->function == OPERATION_CAS || o->function == OPERATION_REMOVE || o->function == OPERATION_DEQUEUE ||
           o->function == OPERATION_USE;
}

enum operation_end workload_end_undone(struct workload_client *c)
{
    return workload_fail_answers(workload_operation(c)) ? END_INFO : END_FAIL;
}

uint64_t workload_number(struct grpc_metadata metadata, const char *name)
{
    struct bytes text = grpc_metadata_get(metadata, name);
    char digits[24] = "";
    int64_t number = 0;
    if (text.data == NULL || text.len >= sizeof digits)
        return 0;
    memcpy(digits, text.data, text.len);
    return units_parse_integer(digits, 0, INT64_MAX, &number, NULL) == 0 ? (uint64_t)number : 0;
}

void workload_keep_revision(struct workload_client *c, const struct rpc_reply *reply)
{
    uint64_t revision = workload_number(reply->trailers, "micro-revision");
    if (revision != 0) /* without memory the history has one revision less */
        (void)history_set_revision(&c->workload->history, c->operation, revision);
}
