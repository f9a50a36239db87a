/* A gRPC call: requests from the file by their descriptor, everything that came back as one JSON object. */
#include "base/units.h"
#include "base/words.h"
#include "e2e/kind.h"
#include "e2e/step/call.h"
#include "e2e/step/details.h"
#include "e2e/step/masks.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 10000 /* of a server's stream */

/* A message in wire bytes, or a time to wait: until so many answers more have come. */
struct sending {
    struct text wire;
    size_t receive; /* 0: a message */
};

struct call_state {
    struct flow_context *x;
    const struct node *call;
    const struct pb_method *method;
    ARRAY(struct sending) requests; /* one for methods that take one */
    size_t wanted;                  /* answers, when the next message is sent */
    json_t *asked;                  /* the same as a tree; a list for a client's stream */
    json_t *messages;
    json_t *answer;
    struct text details; /* what travelled with the status */
    int flags;           /* of pb_wire_to_tree() */
    bool done;
};

/* ---- what comes back ---- */

static void on_message(void *arg, struct bytes message)
{
    struct call_state *s = arg;
    struct error err = ERROR_INIT;
    if (s->x->error.code != 0)
        return;
    if (json_array_size(s->messages) >= MESSAGES_MAX) {
        node_error(s->call, &s->x->error, ERROR_LIMIT, "more than %d messages came", MESSAGES_MAX);
        return;
    }
    json_t *tree = pb_wire_to_tree(s->method->output, message, s->flags, &err);
    if (tree == NULL) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        node_error(s->call, &s->x->error, ERROR_PROTOCOL, "what was answered is no %s: %s",
                   s->method->output->full_name, text_string(&why));
        text_deinit(&why);
    } else if (json_array_append_new(s->messages, tree) != 0) {
        flow_memory(s->x);
    }
    error_clear(&err);
}

json_t *call_metadata_value(struct grpc_metadata m)
{
    json_t *out = json_object();
    for (size_t i = 0; out != NULL && i < m.count; i++)
        if (!value_add_header(out, m.items[i].name, m.items[i].value)) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call_state *s = arg;
    if (reply->body.data != NULL && json_array_size(s->messages) == 0)
        on_message(s, reply->body);
    s->answer = json_pack("{s:s, s:o, s:o, s:o, s:O, s:f}", "status", grpc_status_name(reply->status), "message",
                          value_of_bytes(reply->message), "headers", call_metadata_value(reply->headers), "trailers",
                          call_metadata_value(reply->trailers), "messages", s->messages, "duration",
                          (double)reply->duration / (double)SECOND);
    /* Micro's errors are JSON in the status message. */
    bool memory = false;
    json_t *error = reply->message.len > 0 ? value_read_json(reply->message, &memory) : NULL;
    if (json_is_object(error))
        memory = json_object_set(s->answer, "error", error) != 0;
    if (memory) {
        json_decref(s->answer);
        s->answer = NULL;
    }
    text_add(&s->details, reply->details.data, reply->details.len);
    json_decref(error);
    s->done = true;
}

/* They may be of a type that no call has, so that its contract was not read; that may have to be waited for. */
static bool add_details(struct call_state *s)
{
    struct target *t = s->x->target;
    bool unknown = false;
    json_t *details = text_ok(&s->details) ? details_value(t->pool, text_bytes(&s->details), &unknown) : NULL;
    if (unknown && t->operations != NULL && t->operations->more_contracts != NULL && t->operations->more_contracts(t)) {
        json_decref(details);
        details = details_value(t->pool, text_bytes(&s->details), &unknown);
    }
    return details != NULL && json_object_set_new(s->answer, "details", details) == 0;
}

static int complete_answer(struct call_state *s)
{
    bool ok = s->answer != NULL && ((s->details.len == 0 && text_ok(&s->details)) || add_details(s));
    if (ok && !s->method->server_streaming && json_array_size(s->messages) > 0)
        ok = json_object_set(s->answer, "body", json_array_get(s->messages, 0)) == 0;
    return ok ? 0 : flow_memory(s->x);
}

/* ---- what is sent ---- */

int call_wire(struct flow_context *x, const struct node *n, const struct pb_type *type, json_t *tree, struct text *wire)
{
    struct error own = ERROR_INIT;
    struct text why = TEXT_INIT;
    int code = pb_tree_to_wire(type, tree, 0, wire, &own);
    if (code != 0 && code != ERROR_MEMORY && masks_to_texts(type, tree)) {
        error_clear(&own);
        text_clear(wire);
        code = pb_tree_to_wire(type, tree, 0, wire, &own);
    }
    if (code == 0 && !text_ok(wire))
        code = flow_memory(x);
    if (own.code != 0) {
        error_format(&own, &why);
        flow_wrong(x, n, ERROR_INVALID, "%s", text_string(&why));
        text_deinit(&why);
    }
    error_clear(&own);
    return code;
}

static int add_request(struct call_state *s, const struct node *n, json_t *tree)
{
    struct text wire = TEXT_INIT;
    int code = call_wire(s->x, n, s->method->input, tree, &wire);
    if (code == 0 && !array_push(&s->requests, ((struct sending){.wire = wire})))
        code = flow_memory(s->x);
    if (code != 0)
        text_deinit(&wire);
    return code;
}

static int check_field(struct flow_context *x, const struct node *n, const struct pb_field *f)
{
    int code = 0;
    if (f == NULL || f->kind != PB_MESSAGE || f->map)
        return 0;
    if (!f->repeated)
        return check_message_fields(x, n, f->message);
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count && code == 0; i++)
        code = check_message_fields(x, &n->list.items[i], f->message);
    return code;
}

/* Names of fields, while their place in the file is known: pb_tree_to_wire() only sees values. Depth is bounded by the
 * document's. */
int check_message_fields(struct flow_context *x, const struct node *n, const struct pb_type *type)
{
    ARRAY(const char *) names = {0};
    if (n->kind != NODE_MAP || type->known != PB_ORDINARY)
        return 0;
    bool ok = array_reserve(&names, 2 * type->field_count + 1);
    for (size_t i = 0; ok && i < type->field_count; i++) {
        array_push(&names, type->fields[i].name);
        if (strcmp(type->fields[i].name, type->fields[i].json_name) != 0)
            array_push(&names, type->fields[i].json_name);
    }
    int code = ok && array_push(&names, NULL) ? node_only_keys(n, names.items, &x->error) : flow_memory(x);
    x->wrong = x->wrong || code != 0;
    array_deinit(&names);
    for (size_t i = 0; i < n->map.count && code == 0; i++)
        code = check_field(x, &n->map.pairs[i].value, pb_field_by_name(type, n->map.pairs[i].key));
    return code;
}

/* {$receive: 1} among the messages of a stream: what stands behind it is sent when so many answers more have come. */
static bool is_receive(const json_t *item)
{
    return json_object_size(item) == 1 && json_object_get(item, "$receive") != NULL;
}

static int add_receive(struct call_state *s, const struct node *n, const json_t *item)
{
    json_int_t count = json_integer_value(json_object_get(item, "$receive"));
    if (!s->method->server_streaming || count < 1 || count > MESSAGES_MAX)
        return flow_wrong(s->x, n, ERROR_INVALID,
                          "\"$receive\" is how many answers are waited for, 1 to %d, of a method "
                          "that streams both ways",
                          MESSAGES_MAX);
    return array_push(&s->requests, ((struct sending){.receive = (size_t)count})) ? 0 : flow_memory(s->x);
}

/* A map is one message; for a client's stream a list is several. */
static int make_requests(struct call_state *s, const struct node *step)
{
    struct flow_context *x = s->x;
    const struct node *n = node_get(step, "request");
    json_t *tree = n != NULL ? expand_node(x, n) : json_object();
    if (tree == NULL)
        return x->error.code != 0 ? x->error.code : flow_memory(x);
    text_printf(&x->sent, "%s ", s->method->path + 1);
    value_text(tree, &x->sent);
    int code = n != NULL ? check_message_fields(x, n, s->method->input) : 0;
    if (n != NULL && s->method->client_streaming && json_is_array(tree)) {
        for (size_t i = 0; i < json_array_size(tree) && code == 0; i++) {
            const struct node *place = n->kind == NODE_LIST ? &n->list.items[i] : n;
            if (is_receive(json_array_get(tree, i))) {
                code = add_receive(s, place, json_array_get(tree, i));
                continue;
            }
            code = check_message_fields(x, place, s->method->input);
            if (code == 0)
                code = add_request(s, place, json_array_get(tree, i));
        }
    } else if (code == 0) {
        code = add_request(s, n != NULL ? n : step, tree);
    }
    s->asked = tree;
    return code;
}

static bool names(const struct node *own, struct bytes name)
{
    for (size_t i = 0; own != NULL && i < own->map.count; i++)
        if (strlen(own->map.pairs[i].key) == name.len &&
            strncasecmp(own->map.pairs[i].key, (const char *)name.data, name.len) == 0)
            return true;
    return false;
}

int call_metadata(struct flow_context *x, const struct node *step, struct arena *arena,
                  struct grpc_header items[CALL_METADATA_MAX], size_t *count)
{
    const struct node *own = node_get(step, "metadata");
    struct grpc_metadata given = target_metadata(x->target);
    size_t own_count = own != NULL ? own->map.count : 0;
    if (given.count + own_count >= CALL_METADATA_MAX)
        return flow_wrong(x, own, ERROR_LIMIT, "more than %zu metadata", CALL_METADATA_MAX - given.count - 1);
    for (size_t i = 0; i < given.count; i++)
        if (!names(own, given.items[i].name))
            items[(*count)++] = given.items[i];
    const char *traces = x->options->traces != NULL ? x->options->traces->key : NULL;
    bool taken = traces == NULL || names(own, bytes_of(traces));
    for (size_t i = 0; !taken && i < given.count; i++)
        taken = bytes_equal(given.items[i].name, bytes_of(traces));
    if (!taken && trace_key(x) != NULL)
        items[(*count)++] = (struct grpc_header){.name = bytes_of(traces), .value = bytes_of(x->run->trace)};
    for (size_t i = 0; i < own_count; i++) {
        char *value = expand_text(x, &own->map.pairs[i].value);
        char *name = arena_string(arena, own->map.pairs[i].key), *kept = value ? arena_string(arena, value) : NULL;
        free(value);
        if (kept == NULL || name == NULL)
            return x->error.code != 0 ? x->error.code : flow_memory(x);
        for (char *c = name; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        if (kept[0] != '\0')
            items[(*count)++] = (struct grpc_header){.name = bytes_of(name), .value = bytes_of(kept)};
    }
    return 0;
}

/* ---- whom ---- */

static void unknown_method(struct flow_context *x, const struct node *call, const char *name)
{
    const struct pb_pool *pool = x->target->pool;
    const char *near = NULL;
    ARRAY(const char *) known = {0};
    for (size_t s = 0; s < pb_service_count(pool); s++)
        for (size_t m = 0; m < pb_service_at(pool, s)->method_count; m++)
            array_push(&known, pb_service_at(pool, s)->methods[m].path + 1);
    if (array_push(&known, NULL))
        near = nearest_word(name, known.items);
    if (near != NULL)
        flow_wrong(x, call, ERROR_NOT_FOUND, "there is no method %s in %s: did you mean \"%s\"?", name,
                   x->target->system, near);
    else
        flow_wrong(x, call, ERROR_NOT_FOUND, "there is no method %s in %s", name, x->target->system);
    array_deinit(&known);
}

static const struct pb_method *find_method(struct flow_context *x, const struct node *call)
{
    struct text path = TEXT_INIT;
    char *name = expand_text(x, call);
    if (name == NULL)
        return NULL;
    text_printf(&path, "/%s", name);
    const struct pb_method *m = text_ok(&path) ? pb_find_method(x->target->pool, text_string(&path), false) : NULL;
    if (!text_ok(&path))
        flow_memory(x);
    else if (m == NULL)
        unknown_method(x, call, name);
    text_deinit(&path);
    free(name);
    return m;
}

/* ---- the call ---- */

static bool is_done(void *arg)
{
    const struct call_state *s = arg;
    return s->done;
}

static bool has_enough(void *arg)
{
    const struct call_state *s = arg;
    return s->done || s->x->error.code != 0 || json_array_size(s->messages) >= s->wanted;
}

static int send_all(struct call_state *s, struct rpc_stream *stream)
{
    int code = 0;
    for (size_t i = 0; i < s->requests.count && code == 0 && !s->done; i++) {
        const struct sending *one = &s->requests.items[i];
        s->wanted += one->receive;
        if (one->receive > 0) {
            if ((code = flow_wait(s->x, has_enough, s, 0)) != 0)
                return code;
            continue;
        }
        if ((code = rpc_stream_send(stream, text_bytes(&one->wire))) != 0)
            node_error(s->call, &s->x->error, code, "the requests cannot be sent: %s", error_code_name(code));
    }
    if (code == 0 && !s->done && (code = rpc_stream_half_close(stream)) != 0)
        node_error(s->call, &s->x->error, code, "the requests cannot be sent: %s", error_code_name(code));
    return code;
}

static int run_call(struct call_state *s, struct rpc_channel *channel, const struct rpc_request *request)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct flow_context *x = s->x;
    struct rpc_stream *stream;
    int code = rpc_stream_open(channel, request, &events, s, &stream, &x->error);
    if (code != 0)
        return code;
    if (!request->has_message)
        code = send_all(s, stream);
    int waited = code == 0 ? flow_wait(x, is_done, s, 0) : code;
    if (!s->done) {
        flow_cancel(x, stream, is_done, s);
        if (x->error.code == 0)
            error_set(&x->error, waited, "%s", waited == ERROR_CANCELLED ? "interrupted" : error_code_name(waited));
    }
    return x->error.code;
}

static void say_tls(const struct target *t, const struct target_component *c, struct text *out)
{
    if (c->tls == NULL)
        words_add(out, "-plaintext");
    else if (t->insecure)
        words_add(out, "-insecure");
    if (c->tls == NULL || t->ca == NULL)
        return;
    words_add(out, "-cacert");
    words_add(out, t->ca);
}

/* What a server without reflection does not tell. */
static void say_contracts(const struct target *t, const struct pb_service *service, struct text *out)
{
    if (t->descriptors != NULL) {
        words_add(out, "-protoset");
        words_add(out, t->descriptors);
        return;
    }
    for (size_t i = 0; t->proto_paths != NULL && t->proto_paths[i] != NULL; i++) {
        words_add(out, "-import-path");
        words_add(out, t->proto_paths[i]);
    }
    if (t->proto_paths != NULL) {
        words_add(out, "-proto");
        words_add(out, service->file);
    }
}

/* The call as grpcurl makes it; of a simulation nobody can call anything. */
static void say_repeat(struct call_state *s, const struct target_component *c, const struct rpc_request *request)
{
    struct flow_context *x = s->x;
    struct text data = TEXT_INIT;
    if (x->options->simulated || c->address == NULL)
        return;
    words_add(&x->repeat, "grpcurl");
    say_tls(x->target, c, &x->repeat);
    say_contracts(x->target, s->method->service, &x->repeat);
    for (size_t i = 0; i < request->metadata.count; i++) {
        const struct grpc_header *h = &request->metadata.items[i];
        text_clear(&data);
        text_printf(&data, "%.*s: %.*s", (int)h->name.len, (const char *)h->name.data, (int)h->value.len,
                    (const char *)h->value.data);
        words_add(&x->repeat, "-H");
        words_add(&x->repeat, text_string(&data));
    }
    json_t *one;
    size_t i;
    text_clear(&data);
    if (!s->method->client_streaming || !json_is_array(s->asked))
        value_text(s->asked, &data);
    else
        json_array_foreach(s->asked, i, one)
        {
            if (is_receive(one)) /* grpcurl has no word for it */
                continue;
            text_puts(&data, data.len > 0 ? " " : "");
            value_text(one, &data);
        }
    words_add(&x->repeat, "-d");
    words_add(&x->repeat, text_string(&data));
    words_add(&x->repeat, c->address);
    words_add(&x->repeat, s->method->path + 1);
    text_deinit(&data);
}

const struct pb_method *call_find(struct flow_context *x, const struct node *name,
                                  const struct target_component **component)
{
    const struct pb_method *m = find_method(x, name);
    if (m == NULL)
        return NULL;
    *component = target_serving(x->target, m->service->full_name);
    if (*component == NULL &&
        x->options->relay != NULL) /* no part of the system: a double, or what was started later */
        *component = target_serving(x->target, x->options->relay);
    if (*component == NULL)
        flow_wrong(x, name, ERROR_NOT_FOUND, "no component of %s serves %s", x->target->system, m->service->full_name);
    return *component != NULL ? m : NULL;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *call = node_get(step, "call");
    const struct target_component *c;
    const struct pb_method *m = call_find(x, call, &c);
    if (m == NULL)
        return x->error.code;
    struct arena arena = ARENA_INIT;
    struct grpc_header items[CALL_METADATA_MAX];
    size_t count = 0;
    struct rpc_channel *channel = NULL;
    struct call_state s = {.x = x, .call = call, .method = m, .messages = json_array(), .flags = PB_JSON_PROTO_NAMES};
    const struct node *defaults = node_get(step, "defaults");
    if (defaults == NULL || defaults->boolean)
        s.flags |= PB_JSON_DEFAULTS;
    int code = s.messages != NULL ? make_requests(&s, step) : flow_memory(x);
    if (code == 0)
        code = call_metadata(x, step, &arena, items, &count);
    if (code == 0)
        code = target_channel(x->target, c, &channel, &x->error);
    if (code == 0) {
        struct rpc_request request = {.path = m->path,
                                      .metadata = {items, count},
                                      .timeout = step_timeout(x, step),
                                      .has_message = !m->client_streaming};
        if (request.has_message)
            request.message = text_bytes(&s.requests.items[0].wire);
        x->component = c->name;
        say_repeat(&s, c, &request);
        code = run_call(&s, channel, &request);
    }
    if (code == 0)
        code = complete_answer(&s);
    x->answer = s.answer;
    text_deinit(&s.details);
    json_decref(s.messages);
    json_decref(s.asked);
    for (size_t i = 0; i < s.requests.count; i++)
        text_deinit(&s.requests.items[i].wire);
    array_deinit(&s.requests);
    arena_deinit(&arena);
    return code;
}

/* ---- the kind ---- */

/* A call that says nothing of its end is meant to succeed. */
static void judge(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    if (expect != NULL && node_get(expect, "status") != NULL)
        return;
    const char *status = json_string_value(json_object_get(x->answer, "status"));
    const json_t *error = json_object_get(x->answer, "error"), *details = json_object_get(x->answer, "details");
    const char *message =
        json_string_value(json_object_get(error != NULL ? error : x->answer, error != NULL ? "detail" : "message"));
    struct text text = TEXT_INIT;
    if (status == NULL || strcmp(status, "OK") == 0)
        return;
    text_printf(&text, "expected OK, got %s%s%s", status, message != NULL && message[0] != '\0' ? ": " : "",
                message != NULL ? message : "");
    if (details != NULL && !details_repeat_error(x->answer)) {
        text_puts(&text, ", with details ");
        show_value(x, details, &text);
    }
    node_error(node_get(step, "call"), &x->error, ERROR_INVALID, "%s", text_string(&text));
    text_deinit(&text);
}

static int check_status(const struct node *status, struct error *err)
{
    int parsed;
    if (status == NULL || is_matcher(status) || has_variable(status))
        return 0;
    if (status->kind != NODE_TEXT)
        return node_error(status, err, ERROR_INVALID, "a gRPC status is a name: OK, NOT_FOUND, ...");
    if (!grpc_status_parse((const char *)status->text.data, &parsed))
        return node_error(status, err, ERROR_INVALID, "\"%s\" is no gRPC status: expected OK, NOT_FOUND, ...",
                          (const char *)status->text.data);
    return 0;
}

static int check(const struct flow *f, const struct node *step, const struct node *call, struct error *err)
{
    (void)f;
    if (call->kind != NODE_TEXT || strchr((const char *)call->text.data, '/') == NULL)
        return node_error(call, err, ERROR_INVALID, "\"call\" is Service/Method: \"store.Store/Read\"");
    return check_status(node_get(step, "expect") != NULL ? node_get(node_get(step, "expect"), "status") : NULL, err);
}

static const struct step_key keys[] = {
    {"request", SHAPE_ANY, "the request message; a list of them for a client's stream"},
    {"metadata", SHAPE_MAP, "names and texts; \"\" takes one away"},
    {"defaults", SHAPE_FLAG, "false: fields at their default are left out of the answer"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"timeout", SHAPE_DURATION, "the call's deadline"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {"check", SHAPE_CHECKS, "queries of what came back, and what is expected of them"},
    {0},
};
static const struct step_key answer[] = {
    {"status", SHAPE_EXPECTED, "OK, NOT_FOUND, ..."},
    {"message", SHAPE_EXPECTED, "the status text"},
    {"error", SHAPE_EXPECTED, "the status text as JSON"},
    {"details", SHAPE_EXPECTED, "what travels with a status: a list of messages, each with its @type"},
    {"headers", SHAPE_EXPECTED, "by names in lower case"},
    {"trailers", SHAPE_EXPECTED, "by names in lower case"},
    {"body", SHAPE_EXPECTED, "the answer"},
    {"exactly", SHAPE_EXPECTED, "the answer, without anything more"},
    {"messages", SHAPE_EXPECTED, "of a server's stream: the list"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_call = {
    .name = "call",
    .about = "A gRPC call of any kind: package.Service/Method",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .judge = judge,
};
