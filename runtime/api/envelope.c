/* Handlers api and event: the HTTP request as a message.
 *
 *   api    the endpoint takes api.Request and gives api.Response, which says status, headers and body itself
 *   event  api.Event, as JSON, is published at the broker; the answer is 202-like: 200 and an empty object
 *
 * The topic of an event is the route's, or comes from the path: /foo -> "foo", /foo/bar -> "foo" with the event called
 * "bar", /v1/foo/bar -> "v1.foo". It is published in the caller's name when there is a token; in the gateway's own only
 * where a service declared the route, so that nobody without an account publishes where they like. */
#include "base/json_text.h"
#include "proto/api/api.pb-c.h"
#include "proto/broker/broker.pb-c.h"
#include "runtime/api/passage.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 200

/* ---- what the message is made of ---- */

struct pair_list {
    const char *keys[PAIRS_MAX], *values[PAIRS_MAX];
    size_t count;
};

/* "a=1&b=2" into names and values; false: a bad escape, or more than there is room for. */
static bool read_pairs(struct arena *arena, struct bytes text, struct pair_list *out)
{
    for (size_t at = 0; at < text.len;) {
        const uint8_t *start = text.data + at, *end = memchr(start, '&', text.len - at);
        size_t len = end ? (size_t)(end - start) : text.len - at;
        const uint8_t *equal = len ? memchr(start, '=', len) : NULL;
        size_t name_len = equal ? (size_t)(equal - start) : len;
        struct text name = TEXT_INIT, value = TEXT_INIT;
        at += len + 1;
        if (len == 0)
            continue;
        bool fine = out->count < PAIRS_MAX && http1_url_decode(BYTES(start, name_len), true, &name) &&
                    http1_url_decode(equal ? BYTES(equal + 1, len - name_len - 1) : BYTES_NONE, true, &value);
        if (fine) {
            out->keys[out->count] = arena_string(arena, text_string(&name));
            out->values[out->count] = arena_string(arena, text_string(&value));
            fine = out->keys[out->count] && out->values[out->count];
            out->count += fine;
        }
        text_deinit(&name);
        text_deinit(&value);
        if (!fine)
            return false;
    }
    return true;
}

static bool read_headers(struct passage *p, struct pair_list *out)
{
    static const char *const hidden[] = {"cookie", "authorization", "connection", "upgrade", "transfer-encoding", "te"};
    const struct http1_head *head = http_head(p->x);
    for (size_t i = 0; i < head->header_count && out->count < PAIRS_MAX; i++) {
        const struct http1_header *h = &head->headers[i];
        bool hide = access_is_origin(p, h);
        for (size_t k = 0; k < sizeof hidden / sizeof hidden[0]; k++)
            hide = hide || http1_header_is(h, hidden[k]);
        if (hide)
            continue;
        out->keys[out->count] = (const char *)h->name.data;
        out->values[out->count++] = (const char *)h->value.data;
    }
    if (out->count == PAIRS_MAX) /* which no head has lines for */
        return false;
    out->keys[out->count] = "X-Forwarded-For";
    out->values[out->count] = access_forwarded_for(p);
    return out->values[out->count++] != NULL;
}

static Api__Pair *pair_of(struct arena *arena, char *key, const struct pair_list *list)
{
    Api__Pair *pair = ARENA_NEW(arena, Api__Pair);
    char **values = ARENA_NEW_N(arena, char *, list->count);
    if (!pair || !values)
        return NULL;
    api__pair__init(pair);
    pair->key = key;
    pair->values = values;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->keys[i], key) == 0) {
            values[pair->n_values] = arena_string(arena, list->values[i]);
            if (!values[pair->n_values++])
                return NULL;
        }
    }
    return pair;
}

static bool first_of(const struct pair_list *list, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(list->keys[k], list->keys[i]) == 0)
            return false;
    }
    return true;
}

/* The four kinds of map entries have one shape and four types. */
#define FILL(entry_type, init, from, into, n)                                                                          \
    do {                                                                                                               \
        (into) = ARENA_NEW_N(arena, entry_type *, (from)->count + 1);                                                  \
        for (size_t i_ = 0; (into) && i_ < (from)->count; i_++) {                                                      \
            if (!first_of((from), i_))                                                                                 \
                continue;                                                                                              \
            entry_type *e_ = ARENA_NEW(arena, entry_type);                                                             \
            char *key_ = arena_string(arena, (from)->keys[i_]);                                                        \
            if (!e_ || !key_)                                                                                          \
                return false;                                                                                          \
            init(e_);                                                                                                  \
            e_->key = key_;                                                                                            \
            e_->value = pair_of(arena, key_, (from));                                                                  \
            if (!e_->value)                                                                                            \
                return false;                                                                                          \
            (into)[(n)++] = e_;                                                                                        \
        }                                                                                                              \
        if (!(into))                                                                                                   \
            return false;                                                                                              \
    } while (0)

static bool make_request(struct passage *p, Api__Request *r)
{
    struct arena *arena = http_arena(p->x);
    struct pair_list *headers = ARENA_NEW(arena, struct pair_list), *get = ARENA_NEW(arena, struct pair_list),
                     *post = ARENA_NEW(arena, struct pair_list);
    const char *type = http_request_header(p->x, "content-type");
    struct bytes body = http_body(p->x);
    bool form = type && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0;
    api__request__init(r);
    if (!headers || !get || !post || !read_headers(p, headers) || !read_pairs(arena, bytes_of(http_query(p->x)), get) ||
        (form && !read_pairs(arena, body, post)))
        return false;
    for (size_t i = 0; i < p->variable_count && get->count < PAIRS_MAX; i++) {
        get->keys[get->count] = p->variables[i].name;
        get->values[get->count++] = p->variables[i].value;
    }
    r->method = arena_string(arena, http_method(p->x));
    r->path = arena_string(arena, http_path(p->x));
    r->url = arena_string_n(arena, (const char *)http_head(p->x)->target.data, http_head(p->x)->target.len);
    r->body = form || !body.len ? arena_string(arena, "") : arena_string_n(arena, (const char *)body.data, body.len);
    FILL(Api__Request__HeaderEntry, api__request__header_entry__init, headers, r->header, r->n_header);
    FILL(Api__Request__GetEntry, api__request__get_entry__init, get, r->get, r->n_get);
    FILL(Api__Request__PostEntry, api__request__post_entry__init, post, r->post, r->n_post);
    return r->method && r->path && r->url && r->body;
}

/* A string field holds text: UTF-8 without a NUL. */
static bool is_text(struct bytes body)
{
    json_t *string = body.len ? json_stringn((const char *)body.data, body.len) : json_null();
    bool fine = string && (!body.len || !memchr(body.data, '\0', body.len));
    json_decref(string);
    return fine;
}

/* ---- handler api ---- */

struct envelope {
    struct passage *p;
    struct rpc_stream *stream;
};

static void respond(struct http_exchange *x, const Api__Response *r)
{
    const char *type = "application/json";
    for (size_t i = 0; i < r->n_header; i++) {
        const Api__Pair *pair = r->header[i]->value;
        for (size_t k = 0; pair && k < pair->n_values; k++) {
            if (strcasecmp(r->header[i]->key, "content-type") == 0)
                type = pair->values[k];
            else
                http_add_header(x, r->header[i]->key, pair->values[k]);
        }
    }
    int status = r->statuscode == 0 ? 200 : r->statuscode;
    if (status < 200 || status > 599)
        answer_failure(x, 502, "the service answered with a status that is none");
    else
        http_respond(x, status, type, bytes_of(r->body));
}

static void answered(void *arg, const struct rpc_reply *reply)
{
    struct envelope *e = arg;
    struct http_exchange *x = e->p->x;
    struct arena arena = ARENA_INIT;
    struct micro_error error;
    ProtobufCMessage *m = NULL;
    e->stream = NULL;
    e->p->outcome = reply->status;
    if (reply->status == GRPC_UNAVAILABLE)
        api_routes_lost(&e->p->gateway->routes, e->p->target.service);
    if (reply->status != GRPC_OK) {
        api_error_of(reply->status, reply->message, &error);
        answer_error(x, &error);
    } else if (pb_unpack(&api__response__descriptor, reply->body, &arena, &m, NULL) != 0) {
        answer_failure(x, 502, "the service did not answer with an api.Response");
    } else {
        respond(x, (const Api__Response *)m);
    }
    arena_deinit(&arena);
}

static void client_gone(void *arg)
{
    struct envelope *e = arg;
    if (e->stream)
        rpc_stream_cancel(e->stream);
}

void envelope_start(struct passage *p, const struct api_route *route)
{
    struct arena *arena = http_arena(p->x);
    struct text packed = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct rpc_channel *channel = NULL;
    char path[API_GRPC_MAX];
    Api__Request request;
    struct envelope *e = ARENA_NEW(arena, struct envelope);
    struct grpc_header *headers = ARENA_NEW_N(arena, struct grpc_header, GATEWAY_METADATA_MAX);
    if (!is_text(http_body(p->x))) {
        answer_failure(p->x, 415, "this endpoint takes text only");
        return;
    }
    if (!e || !headers || !make_request(p, &request)) {
        answer_failure(p->x, 400, "the query or form is broken, or has too many values");
        return;
    }
    *e = (struct envelope){.p = p};
    api_path_grpc(&p->target, path);
    int rc = pb_pack(&request.base, &packed);
    if (rc == 0)
        rc = api_routes_channel(&p->gateway->routes, route, p->target.service, &channel, &err);
    if (rc == 0) {
        const struct rpc_request call = {.path = path,
                                         .metadata = {headers, metadata_collect(p, "application/protobuf", headers)},
                                         .timeout = p->timeout ? p->timeout : GATEWAY_TIMEOUT,
                                         .message = text_bytes(&packed),
                                         .has_message = true};
        rc = rpc_unary(channel, &call, answered, e, &e->stream, &err);
    }
    if (rc != 0)
        answer_failure(p->x, 503, err.message ? err.message : error_code_name(rc));
    else
        http_on_cancel(p->x, client_gone, e);
    text_deinit(&packed);
    error_clear(&err);
}

/* ---- handler event ---- */

static void published(void *arg, const struct rpc_reply *reply)
{
    struct envelope *e = arg;
    struct http_exchange *x = e->p->x;
    struct micro_error error;
    e->p->outcome = reply->status;
    if (reply->status == GRPC_OK) {
        http_respond(x, 200, "application/json", bytes_of("{}"));
        return;
    }
    api_error_of(reply->status, reply->message, &error);
    answer_error(x, &error);
}

/* The event as JSON text; NULL: no memory, or not text. */
static char *event_json(struct passage *p, const char *topic, const char *name)
{
    struct text data = TEXT_INIT;
    json_t *headers = json_object();
    struct pair_list *list = ARENA_NEW(http_arena(p->x), struct pair_list);
    struct bytes body = http_body(p->x);
    char id[37];
    char *out = NULL;
    if (!headers || !list || !read_headers(p, list) || micro_uuid(p->gateway->world, id) != 0)
        goto done;
    for (size_t i = 0; i < list->count; i++) {
        json_t *pair = json_object_get(headers, list->keys[i]);
        if (!pair) {
            pair = json_pack("{s:s, s:[]}", "key", list->keys[i], "values");
            if (!pair || json_object_set_new(headers, list->keys[i], pair) < 0)
                goto done;
        }
        if (json_array_append_new(json_object_get(pair, "values"), json_text_string(list->values[i])) != 0)
            goto done;
    }
    /* v3: of a GET the query is the event, else the body. */
    if (body.len == 0) {
        int status = 0;
        const struct api_request request = {
            .query = http_query(p->x), .variables = p->variables, .variable_count = p->variable_count};
        if (api_request_json(&request, &data, &status, NULL) != 0)
            goto done;
        body = text_bytes(&data);
    }
    json_t *event =
        json_pack("{s:s, s:o, s:I, s:O, s:o}", "name", name, "id", json_sprintf("%s-%s-%s", topic, name, id),
                  "timestamp", (json_int_t)(world_wall(p->gateway->world) / SECOND), "header", headers, "data",
                  json_stringn(body.len ? (const char *)body.data : "", body.len));
    out = event ? json_text_of(event, 0) : NULL;
    json_decref(event);
done:
    json_decref(headers);
    text_deinit(&data);
    return out;
}

/* Topic and name by v3's rule; see the head of this file. */
static bool read_topic(struct passage *p, const char **topic, const char **name)
{
    struct arena *arena = http_arena(p->x);
    const char *dot = strchr(p->target.endpoint, '.');
    if (p->topic) {
        *topic = p->topic;
        *name = p->target.endpoint;
        return true;
    }
    *topic = arena_string(arena, p->target.service);
    char *word = arena_string(arena, dot ? dot + 1 : p->target.endpoint);
    if (word && word[0] >= 'A' && word[0] <= 'Z')
        word[0] = (char)(word[0] - 'A' + 'a');
    *name = word;
    return *topic && *name;
}

void event_start(struct passage *p)
{
    struct arena *arena = http_arena(p->x);
    struct text packed = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct rpc_channel *channel = NULL;
    struct micro_outgoing own;
    const char *topic = NULL, *name = NULL;
    struct envelope *e = ARENA_NEW(arena, struct envelope);
    struct grpc_header *headers = ARENA_NEW_N(arena, struct grpc_header, GATEWAY_METADATA_MAX);
    Broker__Message__HeaderEntry type, about, *entries[] = {&type, &about};
    Broker__Message message;
    Broker__PublishRequest request;
    static const char path[] = "/broker.Broker/Publish";
    char *json = e && headers && read_topic(p, &topic, &name) ? event_json(p, topic, name) : NULL;
    if (!json) {
        answer_failure(p->x, 400, "the request cannot be published: it is not text, or its query is broken");
        return;
    }
    *e = (struct envelope){.p = p};
    broker__message__header_entry__init(&type);
    broker__message__header_entry__init(&about);
    broker__message__init(&message);
    broker__publish_request__init(&request);
    static char type_key[] = "Content-Type", type_value[] = "application/json", topic_key[] = "Micro-Topic";
    type.key = type_key;
    type.value = type_value;
    about.key = topic_key;
    about.value = arena_string(arena, topic);
    request.topic = about.value;
    message.header = entries;
    message.n_header = 2;
    message.body = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    request.message = &message;
    int rc = about.value ? pb_pack(&request.base, &packed) : ERROR_MEMORY;
    if (rc == 0)
        rc = micro_service_channel(p->gateway->service, "broker", &channel, &err);
    if (rc == 0) {
        struct rpc_request call = {.path = path,
                                   .metadata = {headers, metadata_collect(p, "application/protobuf", headers)},
                                   .timeout = p->timeout ? p->timeout : GATEWAY_TIMEOUT,
                                   .message = text_bytes(&packed),
                                   .has_message = true};
        if (p->declared && !p->token) {
            micro_outgoing_init(p->gateway->service, &own, path);
            for (size_t i = 0; i < own.metadata.count; i++) { /* our token, but the request's trace */
                if (bytes_is(own.items[i].name, "micro-trace-id"))
                    own.items[i].value = bytes_of(p->span.trace);
                else if (bytes_is(own.items[i].name, "micro-span-id"))
                    own.items[i].value = bytes_of(p->span.id);
            }
            call.metadata = own.metadata;
        }
        rc = rpc_unary(channel, &call, published, e, &e->stream, &err);
    }
    if (rc != 0)
        answer_failure(p->x, 503, err.message ? err.message : error_code_name(rc));
    else
        http_on_cancel(p->x, client_gone, e);
    free(json);
    text_deinit(&packed);
    error_clear(&err);
}
