/* Publishing: an event on a topic of the event store, or a message at the broker. Where the topic has a contract
 * (package TOPICevents, message Event) the payload is checked against it. */
#include "base/base64.h"
#include "base/units.h"
#include "e2e/kind.h"
#include "e2e/step/feed.h"

#include <stdlib.h>
#include <string.h>

struct publishing {
    json_t *answer;
    bool done;
};

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct publishing *p = arg;
    struct bytes id = grpc_metadata_get(reply->trailers, "micro-event-id");
    struct bytes revision = grpc_metadata_get(reply->trailers, "micro-revision");
    p->answer = json_pack("{s:s, s:o, s:f}", "status", grpc_status_name(reply->status), "message",
                          value_of_bytes(reply->message), "duration", (double)reply->duration / (double)SECOND);
    bool kept = p->answer != NULL;
    if (kept && id.data != NULL)
        kept = json_object_set_new(p->answer, "id", value_of_bytes(id)) == 0;
    if (kept && revision.data != NULL)
        kept = json_object_set_new(p->answer, "revision", value_of_bytes(revision)) == 0;
    if (!kept) {
        json_decref(p->answer);
        p->answer = NULL;
    }
    p->done = true;
}

static bool is_done(void *arg)
{
    return ((const struct publishing *)arg)->done;
}

/* JSON, or a text as it is; checked against the topic's contract. */
static int make_payload(struct flow_context *x, const struct node *step, const char *topic, struct text *base64)
{
    const struct node *n = node_get(step, "payload");
    const struct pb_type *type = topic_type(x, topic);
    struct text bytes = TEXT_INIT, wire = TEXT_INIT, why = TEXT_INIT;
    struct error own = ERROR_INIT;
    json_t *value = n != NULL ? expand_node(x, n) : json_string("");
    int code = x->error.code != 0 ? x->error.code : value != NULL ? 0 : flow_memory(x);
    if (code == 0 && type != NULL && n != NULL && !json_is_string(value)) {
        code = check_message_fields(x, n, type);
        if (code == 0 && (code = pb_tree_to_wire(type, value, 0, &wire, &own)) != 0) {
            error_format(&own, &why);
            flow_wrong(x, n, code, "the topic's contract is %s: %s", type->full_name, text_string(&why));
        }
    }
    if (code == 0) {
        value_text(value, &bytes);
        text_printf(&x->sent, "publish %s ", topic);
        text_puts(&x->sent, text_string(&bytes));
        base64_encode(base64, text_bytes(&bytes));
        code = text_ok(base64) && text_ok(&bytes) ? 0 : flow_memory(x);
    }
    error_clear(&own);
    json_decref(value);
    text_deinit(&bytes);
    text_deinit(&wire);
    text_deinit(&why);
    return code;
}

/* Names and texts. */
static json_t *make_metadata(struct flow_context *x, const struct node *step)
{
    const struct node *map = node_get(step, "metadata");
    json_t *out = json_object();
    for (size_t i = 0; out != NULL && map != NULL && i < map->map.count; i++) {
        char *value = expand_text(x, &map->map.pairs[i].value);
        if (value == NULL || json_object_set_new(out, map->map.pairs[i].key, json_string(value)) != 0) {
            json_decref(out);
            out = NULL;
        }
        free(value);
    }
    if (out == NULL && x->error.code == 0)
        flow_memory(x);
    return out;
}

static int make_request(struct flow_context *x, const struct node *step, const struct pb_method *m, const char *topic,
                        bool broker, struct text *wire)
{
    struct text payload = TEXT_INIT;
    struct error own = ERROR_INIT;
    json_t *metadata = NULL, *tree = NULL;
    int code = make_payload(x, step, topic, &payload);
    if (code == 0)
        code = (metadata = make_metadata(x, step)) != NULL ? 0 : x->error.code;
    if (code == 0) {
        tree = broker ? json_pack("{s:s, s:{s:O, s:s}}", "topic", topic, "message", "header", metadata, "body",
                                  text_string(&payload))
                      : json_pack("{s:s, s:O, s:s}", "topic", topic, "metadata", metadata, "payload",
                                  text_string(&payload));
        code = tree != NULL ? pb_tree_to_wire(m->input, tree, 0, wire, &own) : flow_memory(x);
    }
    if (own.code != 0)
        flow_wrong(x, step, code, "%s", own.message != NULL ? own.message : error_code_name(code));
    error_clear(&own);
    json_decref(metadata);
    json_decref(tree);
    text_deinit(&payload);
    return code;
}

static int send_wait(struct flow_context *x, const struct target_component *c, const struct rpc_request *request)
{
    struct publishing p = {0};
    struct rpc_channel *channel = NULL;
    struct rpc_stream *stream = NULL;
    int code = target_channel(x->target, c, &channel, &x->error);
    if (code == 0)
        code = rpc_unary(channel, request, on_answer, &p, &stream, &x->error);
    if (code != 0)
        return code;
    if ((code = flow_wait(x, is_done, &p, 0)) != 0) {
        if (!p.done)
            flow_cancel(x, stream, is_done, &p);
        error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    }
    x->answer = p.answer;
    return code == 0 && p.answer == NULL ? flow_memory(x) : code;
}

static bool by_broker(const struct node *step)
{
    const char *via = "events";
    node_may_text(step, "via", &via, NULL);
    return strcmp(via, "broker") == 0;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *n = node_get(step, "publish");
    bool broker = by_broker(step);
    const char *service = broker ? "broker.Broker" : "events.Stream";
    const char *path = broker ? "/broker.Broker/Publish" : "/events.Stream/Publish";
    const struct target_component *c = target_serving(x->target, service);
    const struct pb_method *m = pb_find_method(x->target->pool, path, false);
    struct text wire = TEXT_INIT;
    if (c == NULL || m == NULL)
        return flow_wrong(x, n, ERROR_UNSUPPORTED, "no component of %s serves %s", x->target->system, service);
    char *topic = expand_text(x, n);
    int code = topic != NULL ? make_request(x, step, m, topic, broker, &wire) : x->error.code;
    if (code == 0) {
        const struct rpc_request request = {.path = path,
                                            .metadata = target_metadata(x->target),
                                            .timeout = step_timeout(x, step),
                                            .message = text_bytes(&wire),
                                            .has_message = true};
        x->component = c->name;
        code = send_wait(x, c, &request);
    }
    text_deinit(&wire);
    free(topic);
    return code;
}

/* ---- the kind ---- */

static void judge(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    const char *status = json_string_value(json_object_get(x->answer, "status"));
    const char *message = json_string_value(json_object_get(x->answer, "message"));
    if ((expect == NULL || node_get(expect, "status") == NULL) && status != NULL && strcmp(status, "OK") != 0)
        node_error(node_get(step, "publish"), &x->error, ERROR_INVALID, "expected OK, got %s%s%s", status,
                   message != NULL && message[0] != '\0' ? ": " : "", message != NULL ? message : "");
}

int check_via(const struct node *step, struct error *err)
{
    const char *via = "events";
    int code = node_may_text(step, "via", &via, err);
    return code == 0 && strcmp(via, "events") != 0 && strcmp(via, "broker") != 0
               ? node_error(node_get(step, "via"), err, ERROR_INVALID, "\"via\" is events or broker")
               : code;
}

static int check(const struct flow *f, const struct node *step, const struct node *topic, struct error *err)
{
    (void)f;
    if (topic->kind != NODE_TEXT || topic->text.len == 0)
        return node_error(topic, err, ERROR_INVALID, "\"publish\" takes a topic's name");
    return check_via(step, err);
}

static const struct step_key keys[] = {
    {"via", SHAPE_TEXT, "events (kept; when nothing is said) or broker (for whoever listens now)"},
    {"payload", SHAPE_ANY, "a value sent as JSON, or a text sent as it is"},
    {"metadata", SHAPE_MAP, "names and texts that travel with it"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"timeout", SHAPE_DURATION, "the call's deadline"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {0},
};
static const struct step_key answer[] = {
    {"status", SHAPE_EXPECTED, "OK, UNAVAILABLE, ..."},
    {"message", SHAPE_EXPECTED, "the status text"},
    {"id", SHAPE_EXPECTED, "of the event"},
    {"revision", SHAPE_EXPECTED, "of the event store, when the event was on disk"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_publish = {
    .name = "publish",
    .about = "Publishes an event, or a message at the broker, on a topic",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .judge = judge,
};
