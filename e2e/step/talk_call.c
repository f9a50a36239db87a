/* gRPC calls of several messages as talks (step/talk.h): what is sent and what comes, step by step, with other steps
 * between. `stream: package.Service/Method` opens one. */
#include "e2e/step/call.h"
#include "e2e/step/details.h"
#include "e2e/step/talk.h"

#include <stdlib.h>
#include <string.h>

#define CAME_MAX 10000

struct call_talk {
    struct talk talk; /* first */
    const struct pb_method *method;
    const struct pb_pool *pool;
    struct rpc_stream *stream; /* NULL: it has ended */
    bool closing;              /* nothing more is sent */
    bool left;                 /* nobody asks any more: it is freed when the stream tells its end */
};

/* ---- what comes ---- */

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct call_talk *c = arg;
    json_t *value = c->left ? NULL : call_metadata_value(headers);
    if (!c->left && json_object_set_new(c->talk.head, "headers", value) != 0)
        c->talk.memory = true;
}

static void on_message(void *arg, struct bytes message)
{
    struct call_talk *c = arg;
    struct error err = ERROR_INIT;
    struct text why = TEXT_INIT;
    if (c->left || c->talk.error.code != 0)
        return;
    json_t *tree = pb_wire_to_tree(c->method->output, message, PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS, &err);
    if (tree == NULL) {
        error_format(&err, &why);
        error_set(&c->talk.error, ERROR_PROTOCOL, "what was answered is no %s: %s", c->method->output->full_name,
                  text_string(&why));
    } else if (json_array_append_new(c->talk.came, tree) != 0) {
        c->talk.memory = true;
    } else if (json_array_size(c->talk.came) > CAME_MAX) {
        error_set(&c->talk.error, ERROR_LIMIT, "more than %d messages came that no step took", CAME_MAX);
    }
    text_deinit(&why);
    error_clear(&err);
}

static bool tell_end(struct call_talk *c, const struct rpc_reply *reply)
{
    bool unknown = false;
    json_t *details = reply->details.len > 0 ? details_value(c->pool, reply->details, &unknown) : NULL;
    c->talk.closed = json_pack("{s:s, s:o, s:o}", "status", grpc_status_name(reply->status), "message",
                               value_of_bytes(reply->message), "trailers", call_metadata_value(reply->trailers));
    bool ok = c->talk.closed != NULL && (reply->details.len == 0 || details != NULL);
    if (ok && details != NULL)
        ok = json_object_set(c->talk.closed, "details", details) == 0;
    json_decref(details);
    return ok;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call_talk *c = arg;
    c->stream = NULL;
    if (c->left)
        free(c);
    else if (!tell_end(c, reply))
        c->talk.memory = true;
}

static void end(struct talk *t)
{
    struct call_talk *c = (struct call_talk *)t;
    if (c->stream == NULL) {
        free(c);
        return;
    }
    c->left = true;
    rpc_stream_cancel(c->stream);
}

/* ---- what is sent ---- */

static int send_one(struct flow_context *x, const struct node *n, struct call_talk *c, json_t *tree)
{
    struct text wire = TEXT_INIT;
    const char *why = c->closing ? "a step before has closed it" : "the other side has ended";
    int code = n->kind == NODE_MAP && tree != NULL && json_object_size(tree) > 0
                   ? check_message_fields(x, n, c->method->input)
                   : 0;
    text_puts(&x->sent, x->sent.len > 0 ? "\n" : "");
    value_text(tree, &x->sent);
    if (code == 0)
        code = call_wire(x, n, c->method->input, tree, &wire);
    if (code == 0 && (c->stream == NULL || c->closing))
        code = node_error(n, &x->error, ERROR_CLOSED, "nothing can be sent: %s", why);
    else if (code == 0 && (code = rpc_stream_send(c->stream, text_bytes(&wire))) != 0)
        node_error(n, &x->error, code, "nothing can be sent: %s", error_code_name(code));
    text_deinit(&wire);
    return code;
}

static int half_close(struct flow_context *x, const struct node *place, struct call_talk *c)
{
    if (c->closing || c->stream == NULL)
        return 0;
    c->closing = true;
    int code = rpc_stream_half_close(c->stream);
    return code == 0 ? 0 : node_error(place, &x->error, code, "it cannot be closed: %s", error_code_name(code));
}

int talk_call_send(struct flow_context *x, const struct node *step, struct talk *t)
{
    struct call_talk *c = (struct call_talk *)t;
    const struct node *n = node_get(step, "send");
    json_t *value = n != NULL ? expand_node(x, n) : NULL, *one;
    json_t *nothing = json_object(); /* a method that takes one message gets a blank one */
    bool close = false, asks_once = !c->method->client_streaming;
    size_t i;
    int code = n != NULL && value == NULL ? x->error.code : nothing == NULL ? flow_memory(x) : 0;
    if (json_is_array(value))
        json_array_foreach(value, i, one)
        {
            if (code == 0)
                code = send_one(x, n->kind == NODE_LIST ? &n->list.items[i] : n, c, one);
        }
    else if (value != NULL || (code == 0 && asks_once && !c->closing))
        code = send_one(x, n != NULL ? n : step, c, value != NULL ? value : nothing);
    json_decref(value);
    json_decref(nothing);
    node_may_bool(step, "close", &close, NULL);
    return code == 0 && (close || asks_once) ? half_close(x, step, c) : code;
}

bool talk_is_call(const struct talk *t)
{
    return t->end == end;
}

/* ---- opening ---- */

int talk_call_open(struct flow_context *x, const struct node *step, struct talk **out)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    const struct node *place = node_get(step, "stream");
    const struct target_component *component;
    const struct pb_method *method = call_find(x, place, &component);
    struct grpc_header items[CALL_METADATA_MAX];
    struct rpc_channel *channel = NULL;
    struct arena arena = ARENA_INIT;
    size_t count = 0;
    if (method == NULL)
        return x->error.code;
    struct call_talk *c = calloc(1, sizeof *c);
    if (c == NULL)
        return flow_memory(x);
    c->talk.end = end;
    c->talk.came = json_array();
    c->talk.head = json_object();
    c->method = method;
    c->pool = x->target->pool;
    int code = c->talk.came != NULL && c->talk.head != NULL ? 0 : flow_memory(x);
    if (code == 0)
        code = call_metadata(x, step, &arena, items, &count);
    if (code == 0)
        code = target_channel(x->target, component, &channel, &x->error);
    if (code == 0) {
        const struct rpc_request request = {.path = method->path, .metadata = {items, count}};
        x->component = component->name;
        code = rpc_stream_open(channel, &request, &events, c, &c->stream, &x->error);
    }
    arena_deinit(&arena);
    if (code != 0) {
        talk_free(&c->talk);
        return code;
    }
    text_printf(&x->sent, "%s", method->path + 1);
    *out = &c->talk;
    return talk_keep(x, step, &c->talk);
}

/* One that ended badly is not what was meant, unless its end is spoken of. */
void talk_call_judge(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    const json_t *closed = json_object_get(x->answer, "closed");
    const char *status = json_string_value(json_object_get(closed, "status"));
    if (status == NULL || strcmp(status, "OK") == 0 || (expect != NULL && node_get(expect, "closed") != NULL))
        return;
    const char *message = json_string_value(json_object_get(closed, "message"));
    node_error(node_get(step, "stream"), &x->error, ERROR_INVALID, "expected OK, got %s%s%s", status,
               message != NULL && message[0] != '\0' ? ": " : "", message != NULL ? message : "");
}
