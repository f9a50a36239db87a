/* A gRPC call: request from the file by its descriptor, everything that came back as one JSON object. */
#include "base/units.h"
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

#define JSON_FLAGS   (PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS)
#define HEADERS_MAX  64
#define MESSAGES_MAX 10000 /* of a server's stream */

struct call_state {
    struct flow_context *x;
    const struct pb_method *method;
    json_t *messages;
    json_t *answer;
    bool done;
};

static json_t *metadata_value(struct grpc_metadata m)
{
    json_t *out = json_object();
    for (size_t i = 0; out != NULL && i < m.count; i++) {
        struct text name = TEXT_INIT;
        text_add(&name, m.items[i].name.data, m.items[i].name.len);
        json_t *value = json_stringn((const char *)m.items[i].value.data, m.items[i].value.len);
        if (value != NULL)
            json_object_set_new(out, text_string(&name), value);
        text_deinit(&name);
    }
    return out;
}

static void on_message(void *arg, struct bytes message)
{
    struct call_state *s = arg;
    struct error err = ERROR_INIT;
    json_t *tree = pb_wire_to_tree(s->method->output, message, JSON_FLAGS, &err);
    if (tree == NULL) {
        error_wrap(&err, "the answer of %s cannot be read", s->method->path + 1);
        error_move(&s->x->error, &err);
    } else if (json_array_size(s->messages) < MESSAGES_MAX) {
        json_array_append_new(s->messages, tree);
    } else {
        json_decref(tree);
    }
    error_clear(&err);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call_state *s = arg;
    if (reply->body.data != NULL && json_array_size(s->messages) == 0)
        on_message(s, reply->body);
    json_t *message = json_stringn((const char *)reply->message.data, reply->message.len);
    /* Micro's errors are JSON in the status message. */
    json_t *error = json_loadb((const char *)reply->message.data, reply->message.len, 0, NULL);
    s->answer = json_pack("{s:s, s:o, s:o, s:o, s:o, s:f}", "status", grpc_status_name(reply->status), "message",
                          message != NULL ? message : json_string(""), "headers", metadata_value(reply->headers),
                          "trailers", metadata_value(reply->trailers), "messages", json_incref(s->messages),
                          "duration", (double)reply->duration / (double)SECOND);
    if (s->answer != NULL && json_is_object(error))
        json_object_set(s->answer, "error", error);
    if (s->answer != NULL && !s->method->server_streaming && json_array_size(s->messages) > 0)
        json_object_set(s->answer, "body", json_array_get(s->messages, 0));
    json_decref(error);
    s->done = true;
}

static bool is_done(void *arg)
{
    const struct call_state *s = arg;
    return s->done;
}

/* The step's own metadata after the target's; strings live in `arena`. */
static int add_metadata(struct flow_context *x, const struct node *step, struct arena *arena,
                        struct grpc_header items[HEADERS_MAX], size_t *count)
{
    const struct node *own = node_get(step, "metadata");
    struct grpc_metadata given = target_metadata(x->target);
    *count = 0;
    for (size_t i = 0; i < given.count && *count < HEADERS_MAX; i++) {
        struct text name = TEXT_INIT;
        text_add(&name, given.items[i].name.data, given.items[i].name.len);
        /* What the step says itself takes the place of what every call carries; blank takes it away. */
        if (own == NULL || node_get(own, text_string(&name)) == NULL)
            items[(*count)++] = given.items[i];
        text_deinit(&name);
    }
    if (own == NULL)
        return 0;
    if (own->kind != NODE_MAP)
        return node_error(own, &x->error, ERROR_INVALID, "\"metadata\" is a map of names and texts");
    for (size_t i = 0; i < own->map.count && *count < HEADERS_MAX; i++) {
        char *value = expand_text(x, &own->map.pairs[i].value);
        if (value == NULL)
            return x->error.code;
        if (value[0] != '\0')
            items[(*count)++] = (struct grpc_header){.name = bytes_of(own->map.pairs[i].key),
                                                     .value = bytes_of(arena_string(arena, value))};
        free(value);
    }
    return 0;
}

static int send_requests(struct flow_context *x, const struct node *step, const struct pb_method *m,
                         struct rpc_stream *stream)
{
    const struct node *request = node_get(step, "request");
    size_t count = request != NULL && request->kind == NODE_LIST ? request->list.count : 0;
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        struct text wire = TEXT_INIT;
        json_t *tree = expand_node(x, &request->list.items[i]);
        code = tree != NULL ? pb_tree_to_wire(m->input, tree, 0, &wire, &x->error) : x->error.code;
        if (code == 0)
            code = rpc_stream_send(stream, text_bytes(&wire));
        json_decref(tree);
        text_deinit(&wire);
    }
    rpc_stream_half_close(stream);
    return code;
}

static int make_request(struct flow_context *x, const struct node *step, const struct pb_method *m, struct text *wire)
{
    const struct node *request = node_get(step, "request");
    json_t *tree = request != NULL ? expand_node(x, request) : json_object();
    if (tree == NULL)
        return x->error.code;
    char *shown = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
    text_printf(&x->sent, "%s %s", m->path + 1, shown != NULL ? shown : "");
    free(shown);
    struct error own = ERROR_INIT;
    int code = m->client_streaming ? 0 : pb_tree_to_wire(m->input, tree, 0, wire, &own);
    if (code != 0) {
        struct text why = TEXT_INIT;
        error_format(&own, &why);
        node_error(request != NULL ? request : step, &x->error, ERROR_INVALID, "this is no %s: %s", m->input->full_name,
                   text_string(&why));
        text_deinit(&why);
    }
    error_clear(&own);
    json_decref(tree);
    return code;
}

static const struct pb_method *find_method(struct flow_context *x, const struct node *call)
{
    struct text path = TEXT_INIT;
    char *name = expand_text(x, call);
    if (name == NULL)
        return NULL;
    text_printf(&path, "/%s", name);
    const struct pb_method *m = pb_find_method(x->target->pool, text_string(&path), false);
    if (m == NULL)
        node_error(call, &x->error, ERROR_NOT_FOUND, "no method %s in the descriptor set", name);
    text_deinit(&path);
    free(name);
    return m;
}

int step_call(struct flow_context *x, const struct node *step)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    const struct node *call = node_get(step, "call");
    const struct pb_method *m = find_method(x, call);
    if (m == NULL)
        return x->error.code;
    const struct target_component *c = target_serving(x->target, m->service->full_name);
    if (c == NULL)
        return node_error(call, &x->error, ERROR_NOT_FOUND, "no component of %s serves %s", x->target->system,
                          m->service->full_name);
    struct text wire = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct grpc_header items[HEADERS_MAX];
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    struct call_state s = {.x = x, .method = m, .messages = json_array()};
    size_t count = 0;
    int code = s.messages != NULL ? make_request(x, step, m, &wire) : error_set(&x->error, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = add_metadata(x, step, &arena, items, &count);
    if (code == 0)
        code = target_channel(x->target, c, &channel, &x->error);
    if (code == 0) {
        struct rpc_request request = {.path = m->path, .metadata = {items, count}, .timeout = step_timeout(x, step),
                                      .message = text_bytes(&wire), .has_message = !m->client_streaming};
        code = rpc_stream_open(channel, &request, &events, &s, &stream, &x->error);
    }
    if (code == 0) {
        if (m->client_streaming)
            code = send_requests(x, step, m, stream);
        int waited = world_run_until(x->target->world, is_done, &s, 0);
        if (waited != 0 && !s.done) {
            rpc_stream_cancel(stream);
            world_run_until(x->target->world, is_done, &s, 0);
            code = error_set(&x->error, ERROR_CANCELLED, "interrupted");
        }
    }
    if (code == 0 && x->error.code != 0)
        code = x->error.code;
    if (code == 0 && s.answer == NULL)
        code = error_set(&x->error, ERROR_MEMORY, "out of memory");
    json_decref(x->answer);
    x->answer = s.answer;
    json_decref(s.messages);
    arena_deinit(&arena);
    text_deinit(&wire);
    return code;
}
