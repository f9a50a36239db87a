/* A call that came by HTTP becomes an interaction of HTTP, which every verifier of pacts can play: the request as it
 * was, the status, and of the answer's body and headers the form. What failed has the body that doubles answer it with
 * (fakes/serve/http.h). */
#include "fakes/consumer/internal.h"

#include "base/base64.h"
#include "fakes/serve/http.h"

#define JSON_TYPE "application/json"

/* Text as the double's HTTP side puts it into a header; NULL: no memory. */
static json_t *header_value(const char *name, struct bytes value)
{
    struct text text = TEXT_INIT;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, "-bin") == 0)
        base64_encode_bare(&text, value);
    else
        text_add(&text, value.data, value.len);
    json_t *out = text_ok(&text) ? json_string(text_string(&text)) : NULL;
    text_deinit(&text);
    return out;
}

static bool add_header(json_t *headers, const char *name, struct bytes value)
{
    json_t *list = json_object_get(headers, name);
    if (list != NULL)
        return json_array_append_new(list, header_value(name, value)) == 0;
    return json_object_set_new(headers, name, json_pack("[o]", header_value(name, value))) == 0;
}

/* Rule `type` there; `of` is the category's. */
static bool add_type_rule(json_t *of, const char *at)
{
    return json_object_set_new(of, at, json_pack("{s:s, s:[{s:s}]}", "combine", "AND", "matchers", "match", "type")) ==
           0;
}

static bool add_body(json_t *part, struct bytes json)
{
    json_t *content = json_loadb((const char *)json.data, json.len, JSON_DECODE_ANY, NULL);
    return content != NULL && json_object_set_new(part, "body",
                                                  json_pack("{s:o, s:s, s:b}", "content", content, "contentType",
                                                            JSON_TYPE, "encoded", 0)) == 0;
}

static json_t *request_of(const struct consumer *c, const struct consumer_call *call)
{
    const struct call_log_http *h = call->http;
    json_t *part = json_pack("{s:s, s:s, s:{}}", "method", h->method, "path", h->path, "headers");
    json_t *headers = json_object_get(part, "headers");
    bool ok = headers != NULL;
    if (ok && h->query != NULL && h->query[0] != '\0')
        ok = json_object_set_new(part, "query", json_string(h->query)) == 0;
    if (ok && h->body.len > 0)
        ok = add_header(headers, "Content-Type", bytes_of(JSON_TYPE)) && add_body(part, h->body);
    for (size_t i = 0; ok && i < call->metadata.count; i++) {
        const struct grpc_header *m = &call->metadata.items[i];
        struct text name = TEXT_INIT;
        text_add(&name, m->name.data, m->name.len);
        ok = text_ok(&name) && (!consumer_keeps(c, m->name) || add_header(headers, text_string(&name), m->value));
        text_deinit(&name);
    }
    if (ok)
        return part;
    json_decref(part);
    return NULL;
}

/* The headers and trailers of an answer, each with a rule. */
static bool add_answered(const struct consumer_call *call, json_t *headers, json_t *rules)
{
    bool ok = true;
    for (size_t i = 0; ok && i < call->answered_count; i++) {
        const struct fake_header *a = &call->answered[i];
        struct text name = TEXT_INIT;
        text_printf(&name, "%s%s", a->trailer ? "Grpc-Trailer-" : "", a->name);
        ok = text_ok(&name) && add_header(headers, text_string(&name), a->value) &&
             add_type_rule(rules, text_string(&name));
        text_deinit(&name);
    }
    return ok;
}

/* A reply without what holds its default, of which nothing is expected; as it went when its form is another. */
static void add_reply(const struct consumer_call *call, struct text *out)
{
    static const int names[] = {PB_JSON_PROTO_NAMES, 0};
    struct bytes wire = call->reply_count > 0 ? BYTES(call->replies.data, call->reply_ends[0]) : BYTES_NONE;
    const struct pb_type *type = call->method->output;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct text whole = TEXT_INIT;
        bool as_it_went = pb_wire_to_json(type, wire, names[i] | PB_JSON_DEFAULTS, &whole, NULL) == 0 &&
                          text_ok(&whole) && bytes_equal(text_bytes(&whole), call->http->reply);
        text_deinit(&whole);
        if (as_it_went && pb_wire_to_json(type, wire, names[i], out, NULL) == 0)
            return;
    }
    text_add(out, call->http->reply.data, call->http->reply.len);
}

static json_t *response_of(const struct consumer_call *call)
{
    struct text body = TEXT_INIT;
    int status = 200;
    if (call->status != GRPC_OK)
        status = http_error_json(call->status, call->message, &body);
    else
        add_reply(call, &body);
    json_t *part =
        json_pack("{s:i, s:{}, s:{s:{}, s:{}}}", "status", status, "headers", "matchingRules", "body", "header");
    json_t *headers = json_object_get(part, "headers"), *rules = json_object_get(part, "matchingRules");
    bool ok = part != NULL && text_ok(&body) && add_header(headers, "Content-Type", bytes_of(JSON_TYPE)) &&
              add_body(part, text_bytes(&body)) && add_type_rule(json_object_get(rules, "body"), "$") &&
              add_answered(call, headers, json_object_get(rules, "header"));
    text_deinit(&body);
    if (ok)
        return part;
    json_decref(part);
    return NULL;
}

bool consumer_is_http(const struct consumer_call *call)
{
    if (call->http == NULL || call->open)
        return false;
    /* Replies that are no JSON (google.api.HttpBody) are left to gRPC, and so are requests. */
    const struct bytes both[] = {call->http->body, call->status == GRPC_OK ? call->http->reply : BYTES_NONE};
    for (size_t i = 0; i < 2; i++) {
        json_t *tree =
            both[i].len > 0 ? json_loadb((const char *)both[i].data, both[i].len, JSON_DECODE_ANY, NULL) : json_null();
        if (tree == NULL)
            return false;
        json_decref(tree);
    }
    return call->status != GRPC_OK || call->http->reply.len > 0;
}

json_t *consumer_http_interaction(const struct consumer *c, const struct consumer_call *call, const char *description)
{
    json_t *request = request_of(c, call), *response = response_of(call);
    if (request == NULL || response == NULL) {
        json_decref(request);
        json_decref(response);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:O*, s:o, s:o}", "type", "Synchronous/HTTP", "description", description,
                     "providerStates", c->given, "request", request, "response", response);
}
