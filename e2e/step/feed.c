#include "e2e/step/feed.h"

#include "base/base64.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define JSON_FLAGS   (PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS)
#define CAME_MAX     10000 /* not yet consumed */
#define OPEN_AGAIN   ((uint64_t)(100 * MILLISECOND))
#define CONSUME      "/events.Stream/Consume"
#define SUBSCRIBE    "/broker.Broker/Subscribe"
#define POSITION     "micro-events-position"
#define AFTER        "micro-events-after"
#define METADATA_MAX (TARGET_HEADERS_MAX + 1)

struct feed {
    struct feed *next;
    struct target *target;
    struct rpc_channel *channel; /* the target's */
    struct rpc_stream *stream;
    struct world_timer again;
    const struct pb_method *method;
    const struct pb_type *type; /* of payloads; NULL: anything */
    char *name;
    struct text request, after, why; /* `after`: the id of the last event, or the position it was told */
    json_t *came;
    bool broker, manual, stands, ended, closing, memory;
};

const struct pb_type *topic_type(struct flow_context *x, const char *topic)
{
    struct text name = TEXT_INIT;
    text_printf(&name, "%sevents.Event", topic);
    const struct pb_type *type = text_ok(&name) ? pb_find_type(x->target->pool, text_string(&name)) : NULL;
    if (!text_ok(&name))
        flow_memory(x);
    text_deinit(&name);
    return type;
}

/* ---- what comes ---- */

/* A member that is bytes, as the value it stands for. */
static json_t *payload_of(const json_t *tree, const char *member)
{
    const char *base64 = json_string_value(json_object_get(tree, member));
    struct text bytes = TEXT_INIT;
    json_t *value = NULL;
    if (base64 == NULL || (base64_decode(&bytes, bytes_of(base64)) && text_ok(&bytes)))
        value = value_of_body(text_bytes(&bytes));
    text_deinit(&bytes);
    return value;
}

/* False: no memory. */
static bool check_payload(const struct feed *f, json_t *event, const json_t *payload)
{
    int code = 0;
    struct text wire = TEXT_INIT, why = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (f->type != NULL && (code = pb_tree_to_wire(f->type, payload, 0, &wire, &err)) != 0) {
        error_format(&err, &why);
        if (json_object_set_new(event, "wrong", value_of_bytes(text_bytes(&why))) != 0)
            code = ERROR_MEMORY;
    }
    error_clear(&err);
    text_deinit(&wire);
    text_deinit(&why);
    return code != ERROR_MEMORY;
}

static void on_message(void *arg, struct bytes message)
{
    struct feed *f = arg;
    struct error err = ERROR_INIT;
    json_t *tree = pb_wire_to_tree(f->method->output, message, JSON_FLAGS, &err), *event = json_object();
    json_t *payload = payload_of(tree, f->broker ? "body" : "payload");
    const char *id = json_string_value(json_object_get(tree, "id"));
    bool ok = tree != NULL && event != NULL && payload != NULL;
    if (ok && !f->broker) {
        int64_t seconds = strtoll(json_string_value(json_object_get(tree, "timestamp")), NULL, 10);
        ok = json_object_set(event, "id", json_object_get(tree, "id")) == 0 &&
             json_object_set(event, "topic", json_object_get(tree, "topic")) == 0 &&
             json_object_set_new(event, "timestamp", json_integer(seconds)) == 0;
    }
    ok = ok && json_object_set(event, "metadata", json_object_get(tree, f->broker ? "header" : "metadata")) == 0 &&
         json_object_set(event, "payload", payload) == 0;
    ok = ok && check_payload(f, event, payload);
    if (err.code != 0 && err.code != ERROR_MEMORY) {
        text_puts(&f->why, "what came is no message of its type");
        f->ended = true;
    } else if (!ok || json_array_append(f->came, event) != 0) {
        f->memory = true;
    } else if (!f->broker && !f->manual && id != NULL) {
        text_clear(&f->after);
        text_puts(&f->after, id);
        f->memory = !text_ok(&f->after);
    }
    if (json_array_size(f->came) > CAME_MAX && !f->ended) {
        text_printf(&f->why, "more than %d came that were not consumed", CAME_MAX);
        f->ended = true;
    }
    json_decref(tree);
    json_decref(event);
    json_decref(payload);
    error_clear(&err);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct feed *f = arg;
    struct bytes position = grpc_metadata_get(headers, POSITION);
    if (!f->broker && position.data == NULL)
        return; /* those of a refusal */
    f->stands = true;
    if (!f->broker && f->after.len == 0)
        text_add(&f->after, position.data, position.len);
    f->memory = f->memory || !text_ok(&f->after);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct feed *f = arg;
    f->stream = NULL;
    bool away = reply->lost || reply->status == GRPC_UNAVAILABLE;
    if (f->closing || f->ended)
        return;
    if (away && world_timer_start(&f->again, OPEN_AGAIN) == 0)
        return;
    text_printf(&f->why, "it ended with %s: %.*s", grpc_status_name(reply->status), (int)reply->message.len,
                reply->message.data != NULL ? (const char *)reply->message.data : "");
    f->ended = true;
}

/* ---- opening ---- */

static int open_stream(struct feed *f, struct error *err)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct grpc_metadata given = target_metadata(f->target);
    struct grpc_header items[METADATA_MAX];
    size_t count = 0;
    for (; count < given.count; count++)
        items[count] = given.items[count];
    if (f->after.len > 0)
        items[count++] = (struct grpc_header){.name = bytes_of(AFTER), .value = text_bytes(&f->after)};
    const struct rpc_request request = {.path = f->method->path,
                                        .metadata = {items, count},
                                        .wait_for_ready = true,
                                        .message = f->manual ? BYTES_NONE : text_bytes(&f->request),
                                        .has_message = !f->manual};
    int code = rpc_stream_open(f->channel, &request, &events, f, &f->stream, err);
    if (code == 0 && f->manual) { /* our direction stays open: acknowledgements follow */
        code = rpc_stream_send(f->stream, text_bytes(&f->request));
        if (code != 0) {
            error_set(err, code, "the subscription cannot be asked for: %s", error_code_name(code));
            rpc_stream_cancel(f->stream);
        }
    }
    return code;
}

static void open_again(void *arg)
{
    struct feed *f = arg;
    if (open_stream(f, NULL) != 0 && f->stream == NULL && world_timer_start(&f->again, OPEN_AGAIN) != 0)
        f->memory = true;
}

/* The first to be sent: a ConsumeRequest or a SubscribeRequest. */
static int make_request(struct flow_context *x, const struct node *place, struct feed *f, const struct feed_wish *wish)
{
    struct error own = ERROR_INIT;
    json_t *tree = f->broker ? json_pack("{s:s, s:s}", "topic", wish->topic, "queue", wish->group)
                             : json_pack("{s:s, s:s, s:I, s:b, s:I, s:I}", "topic", wish->topic, "group", wish->group,
                                         "offset", (json_int_t)wish->offset, "auto_ack", !wish->manual, "ack_wait",
                                         (json_int_t)wish->ack_wait, "retry_limit", (json_int_t)wish->retry_limit);
    int code = tree != NULL ? pb_tree_to_wire(f->method->input, tree, 0, &f->request, &own) : flow_memory(x);
    if (own.code != 0)
        flow_wrong(x, place, code, "%s", own.message);
    error_clear(&own);
    json_decref(tree);
    return code;
}

static int find_door(struct flow_context *x, const struct node *place, struct feed *f)
{
    const char *service = f->broker ? "broker.Broker" : "events.Stream";
    const struct target_component *c = target_serving(x->target, service);
    f->method = pb_find_method(x->target->pool, f->broker ? SUBSCRIBE : CONSUME, false);
    if (c == NULL || f->method == NULL)
        return flow_wrong(x, place, ERROR_UNSUPPORTED, "no component of %s serves %s", x->target->system, service);
    x->component = c->name;
    return target_channel(x->target, c, &f->channel, &x->error);
}

static bool stands_or_ended(void *arg)
{
    const struct feed *f = arg;
    return f->stands || f->ended || f->memory;
}

static bool is_closed(void *arg)
{
    return ((const struct feed *)arg)->stream == NULL;
}

static void close_feed(struct flow_context *x, struct feed *f)
{
    f->closing = true;
    world_timer_stop(&f->again);
    if (f->stream != NULL)
        flow_cancel(x, f->stream, is_closed, f);
    text_deinit(&f->request);
    text_deinit(&f->after);
    text_deinit(&f->why);
    json_decref(f->came);
    free(f->name);
    free(f);
}

int feed_open(struct flow_context *x, const struct node *place, const struct feed_wish *wish, struct feed **out)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL)
        return flow_memory(x);
    f->target = x->target;
    f->broker = wish->broker;
    f->manual = wish->manual;
    f->name = strdup(wish->name);
    f->came = json_array();
    f->type = topic_type(x, wish->topic);
    text_puts(&f->after, wish->after);
    world_timer_init(&f->again, x->target->world, open_again, f);
    int code = f->name != NULL && f->came != NULL && text_ok(&f->after) && x->error.code == 0 ? find_door(x, place, f)
                                                                                              : flow_memory(x);
    if (code == 0)
        code = make_request(x, place, f, wish);
    if (code == 0)
        code = open_stream(f, &x->error);
    if (code == 0) {
        code = flow_wait(x, stands_or_ended, f, step_timeout(x, place));
        if (code == 0 && f->memory)
            code = flow_memory(x);
        else if (code == 0 && f->ended)
            code = node_error(place, &x->error, ERROR_CLOSED, "\"%s\" cannot be consumed: %s", wish->topic,
                              text_string(&f->why));
        else if (code != 0)
            node_error(place, &x->error, code, "\"%s\" cannot be consumed: %s", wish->topic,
                       code == ERROR_CANCELLED ? "interrupted" : "it does not stand in time");
    }
    if (code != 0) {
        close_feed(x, f);
        return code;
    }
    f->next = x->run->feeds;
    x->run->feeds = f;
    *out = f;
    return 0;
}

/* ---- looking ---- */

struct feed *feed_find(const struct flow_context *x, const char *name)
{
    struct feed *f = x->run->feeds;
    while (f != NULL && strcmp(f->name, name) != 0)
        f = f->next;
    return f;
}

json_t *feed_came(const struct feed *f)
{
    return f->came;
}

bool feed_broker(const struct feed *f)
{
    return f->broker;
}

bool feed_manual(const struct feed *f)
{
    return f->manual;
}

int feed_answer(struct feed *f, const json_t *event, bool done, struct error *err)
{
    const struct pb_type *type = pb_find_type(f->target->pool, "events.AckRequest");
    const char *id = json_string_value(json_object_get(event, "id"));
    json_t *tree = json_pack("{s:s, s:b}", "id", id != NULL ? id : "", "success", done);
    struct text wire = TEXT_INIT;
    int code = type == NULL   ? error_set(err, ERROR_UNSUPPORTED, "the system's contracts have no events.AckRequest")
               : tree == NULL ? error_set(err, ERROR_MEMORY, "out of memory")
                              : pb_tree_to_wire(type, tree, 0, &wire, err);
    if (code == 0 && f->stream == NULL)
        code = error_set(err, ERROR_CLOSED, "\"%s\" is not open at this moment", f->name);
    if (code == 0 && (code = rpc_stream_send(f->stream, text_bytes(&wire))) != 0)
        error_set(err, code, "the event cannot be acknowledged: %s", error_code_name(code));
    json_decref(tree);
    text_deinit(&wire);
    return code;
}

bool feed_ended(const struct feed *f, struct text *why)
{
    if (f->memory)
        text_puts(why, "out of memory");
    else if (f->ended)
        text_puts(why, text_string(&f->why));
    return f->memory || f->ended;
}

void feed_take(struct feed *f, size_t count)
{
    for (; count > 0; count--)
        json_array_remove(f->came, 0);
}

void feeds_close(struct flow_context *x)
{
    while (x->run->feeds != NULL) {
        struct feed *f = x->run->feeds;
        x->run->feeds = f->next;
        close_feed(x, f);
    }
}
