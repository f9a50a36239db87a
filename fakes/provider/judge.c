/* Answers held against what is expected. */
#include "fakes/provider/internal.h"

#include "base/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN_MAX 2000 /* bytes of what was received that a reader is shown */

bool judge_mismatch(struct playing *p, enum pact_category category, const char *path, const char *expected,
                    const char *actual)
{
    struct arena *a = &p->result.arena;
    struct pact_mismatch m = {.category = category,
                              .path = arena_string(a, path),
                              .expected = arena_string(a, expected),
                              .actual = arena_string(a, actual)};
    m.text = arena_printf(a, "%s%s%s: expected %s, but was %s", category == PACT_BODY ? "body" : "metadata",
                          path[0] != '\0' ? " " : "", path, expected, actual);
    m.help = "";
    bool ok = m.path != NULL && m.expected != NULL && m.actual != NULL && m.text != NULL &&
              array_push(&p->result.mismatches, m);
    if (!ok)
        playing_no_memory(p);
    return ok;
}

/* ---- gRPC ------------------------------------------------------------------------------------------------------- */

/* Metadata as a pact has it. */
static bool add_metadata(struct playing *p, struct pact_part *part, struct bytes name, struct bytes value)
{
    struct text coded = TEXT_INIT;
    bool binary = name.len > 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
    if (binary)
        base64_encode_bare(&coded, value);
    else
        text_add(&coded, value.data, value.len);
    struct pact_header h = {.name = arena_string_n(&p->arena, (const char *)name.data, name.len),
                            .value = text_ok(&coded) ? arena_string(&p->arena, text_string(&coded)) : NULL};
    text_deinit(&coded);
    if (part->metadata == NULL)
        part->metadata = json_object();
    if (h.name == NULL || h.value == NULL || !array_push(&part->headers, h))
        return false;
    json_t *text = json_string(h.value); /* NULL: no UTF-8, which no pact can expect */
    return json_object_set_new(part->metadata, h.name, text != NULL ? text : json_string("")) == 0;
}

static const char *header_of(const struct pact_part *part, const char *name)
{
    for (size_t i = 0; part != NULL && i < part->headers.count; i++)
        if (strcasecmp(part->headers.items[i].name, name) == 0)
            return part->headers.items[i].value;
    return NULL;
}

/* The status of the last part, by name or number; -1: it is none. */
static int expected_status(const struct pact_interaction *i)
{
    const struct pact_part *last = i->responses.count > 0 ? &i->responses.items[i->responses.count - 1] : NULL;
    const char *text = header_of(last, "grpc-status");
    int status;
    char *end;
    if (text == NULL)
        return GRPC_OK;
    if (grpc_status_parse(text, &status))
        return status;
    long number = strtol(text, &end, 10);
    return *end == '\0' && end != text && number >= 0 && number <= 16 ? (int)number : -1;
}

/* What came with the end of the call: into the last part. */
static bool add_end(struct playing *p, struct pact_part *part, const struct pact_part *expected,
                    const struct rpc_reply *reply)
{
    const char *status = header_of(expected, "grpc-status"); /* equal by now, however it is written */
    bool ok = add_metadata(p, part, bytes_of("grpc-status"),
                           bytes_of(status != NULL ? status : grpc_status_name(reply->status))) &&
              add_metadata(p, part, bytes_of("grpc-message"), reply->message);
    if (ok && reply->details.len > 0)
        ok = add_metadata(p, part, bytes_of("grpc-status-details-bin"), reply->details);
    for (size_t i = 0; ok && i < reply->headers.count; i++)
        ok = add_metadata(p, part, reply->headers.items[i].name, reply->headers.items[i].value);
    for (size_t i = 0; ok && i < reply->trailers.count; i++)
        ok = add_metadata(p, part, reply->trailers.items[i].name, reply->trailers.items[i].value);
    return ok;
}

static void free_actual(struct pact_part *part)
{
    json_decref(part->metadata);
    json_decref(part->content.json);
    array_deinit(&part->headers);
}

/* One part: contents (`wire` NULL: none came), metadata. */
static int judge_part(struct playing *p, const struct pact_part *part, const struct bytes *wire,
                      const struct rpc_reply *end)
{
    struct pact_part expected = *part, actual = {.status = 0};
    const char *content_type = header_of(part, "contentType");
    int code = 0;
    if (wire != NULL) { /* a message of no bytes is one as well */
        expected.content.presence = PACT_THERE;
        expected.content.json = NULL;
        code = plugin_expected(p->method->output, part->content.bytes, part, &expected.content.json, &p->error);
    }
    if (code == 0 && wire != NULL) {
        actual.content = (struct pact_content){
            .presence = PACT_THERE, .type = part->content.type, .hint = part->content.hint, .bytes = *wire};
        actual.content.plain = plugin_plain(p->method->output, part);
        code = pact_content_decode(&actual.content, p->method->output, true, &p->error);
        if (code != 0 && code != ERROR_MEMORY) {
            error_wrap(&p->error, "the provider's reply is no %s", p->method->output->full_name);
            p->error.code = ERROR_INVALID;
        }
    }
    if (code == 0 &&
        ((content_type != NULL && !add_metadata(p, &actual, bytes_of("contentType"), bytes_of(content_type))) ||
         (end != NULL && !add_end(p, &actual, part, end))))
        code = playing_no_memory(p);
    if (code == 0)
        code = pact_match_response(&expected, &actual, &p->result, &p->error);
    if (expected.content.json != part->content.json)
        json_decref(expected.content.json);
    free_actual(&actual);
    return code;
}

static void show_received(struct playing *p, const struct rpc_reply *reply)
{
    text_printf(&p->received, "%s", grpc_status_name(reply->status));
    if (reply->message.len > 0)
        text_printf(&p->received, " %.*s", (int)reply->message.len, (const char *)reply->message.data);
    for (size_t i = 0; i < p->ends.count && p->received.len < SHOWN_MAX; i++) {
        size_t from = i > 0 ? p->ends.items[i - 1] : 0;
        struct bytes wire = BYTES(text_string(&p->replies) + from, p->ends.items[i] - from);
        text_char(&p->received, ' ');
        if (pb_wire_to_json(p->method->output, wire, PB_JSON_PROTO_NAMES, &p->received, NULL) != 0)
            text_puts(&p->received, "(not readable)");
    }
}

static bool judge_status(struct playing *p, const struct rpc_reply *reply)
{
    int expected = expected_status(p->i);
    if (p->enough || expected == reply->status)
        return true;
    struct text was = TEXT_INIT;
    text_printf(&was, "%s", grpc_status_name(reply->status));
    if (reply->message.len > 0)
        text_printf(&was, " (%.*s)", (int)reply->message.len, (const char *)reply->message.data);
    if (reply->lost)
        text_puts(&was, ", said by nobody: the provider was not reached, or the connection was lost");
    (void)judge_mismatch(p, PACT_METADATA, "grpc-status", expected < 0 ? "a status" : grpc_status_name(expected),
                         text_string(&was));
    text_deinit(&was);
    return false;
}

/* The Pact project's plugin writes contents of no bytes and no type where a failure has no reply. */
static bool has_reply(const struct playing *p, const struct pact_part *part)
{
    bool bare = part->content.presence == PACT_EMPTY && part->content.type == NULL && expected_status(p->i) != GRPC_OK;
    return part->content.presence != PACT_MISSING && !bare;
}

void judge_grpc(struct playing *p, const struct rpc_reply *reply)
{
    size_t expected = 0;
    if (!p->enough)
        show_received(p, reply);
    else
        text_printf(&p->received, "%zu replies, and the stream stays open", p->ends.count);
    for (size_t i = 0; i < p->i->responses.count; i++)
        expected += has_reply(p, &p->i->responses.items[i]);
    if (!judge_status(p, reply))
        return;
    if (expected != p->ends.count) {
        char wanted[32], came[32];
        (void)snprintf(wanted, sizeof wanted, "%zu replies", expected);
        (void)snprintf(came, sizeof came, "%zu", p->ends.count);
        if (!judge_mismatch(p, PACT_BODY, "", wanted, came))
            return;
    }
    size_t reply_at = 0;
    for (size_t i = 0; i < p->i->responses.count; i++) {
        const struct pact_part *part = &p->i->responses.items[i];
        bool last = i + 1 == p->i->responses.count, has = has_reply(p, part);
        if (has && reply_at >= p->ends.count)
            return;
        size_t from = has && reply_at > 0 ? p->ends.items[reply_at - 1] : 0;
        struct bytes wire = has ? BYTES(text_string(&p->replies) + from, p->ends.items[reply_at] - from) : BYTES_NONE;
        reply_at += has;
        if (judge_part(p, part, has ? &wire : NULL, last && !p->enough ? reply : NULL) != 0)
            return;
    }
}

/* ---- HTTP ------------------------------------------------------------------------------------------------------- */

static bool add_headers(struct playing *p, struct pact_part *part, const struct http_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http1_header *h = &answer->headers[i];
        struct pact_header copy = {.name = arena_string_n(&p->arena, (const char *)h->name.data, h->name.len),
                                   .value = arena_string_n(&p->arena, (const char *)h->value.data, h->value.len)};
        if (copy.name == NULL || copy.value == NULL || !array_push(&part->headers, copy))
            return false;
    }
    return true;
}

/* A body as it came: JSON when its type says so, or when JSON is expected and it is some. */
static void set_body(struct pact_part *part, const struct pact_part *expected, struct bytes body, const char *type)
{
    bool json = (type != NULL && strstr(type, "json") != NULL) || expected->content.json != NULL;
    part->content =
        (struct pact_content){.presence = body.len > 0 ? PACT_THERE : PACT_EMPTY, .type = type, .bytes = body};
    if (json && body.len > 0)
        part->content.json = json_loadb((const char *)body.data, body.len, JSON_DECODE_ANY, NULL);
    if (json_is_null(part->content.json))
        part->content.presence = PACT_NULL_BODY;
}

static void show_answer(struct playing *p, const struct http_answer *answer)
{
    text_printf(&p->received, "%d", answer->status);
    if (answer->body.len > 0)
        text_char(&p->received, ' ');
    text_printable(&p->received, answer->body.data, answer->body.len, SHOWN_MAX);
}

void judge_http(struct playing *p, const struct http_answer *answer)
{
    struct pact_part actual = {.status = answer->status};
    show_answer(p, answer);
    if (p->i->responses.count == 0)
        return;
    const struct pact_part *expected = &p->i->responses.items[0];
    if (!add_headers(p, &actual, answer)) {
        playing_no_memory(p);
    } else {
        set_body(&actual, expected, answer->body, header_of(&actual, "content-type"));
        (void)pact_match_response(expected, &actual, &p->result, &p->error);
    }
    free_actual(&actual);
}

/* The metadata that the message came with. */
static int add_told_metadata(struct playing *p, struct pact_part *actual, const char *coded)
{
    struct text raw = TEXT_INIT;
    const char *name;
    json_t *value;
    if (!base64_read(&raw, bytes_of(coded), BASE64_BLANKS) ||
        (actual->metadata = json_loadb(text_string(&raw), raw.len, 0, NULL)) == NULL)
        error_set(&p->error, ERROR_PROTOCOL,
                  "the answer's header Pact-Message-Metadata is not Base64 of a JSON object");
    json_object_foreach(actual->metadata, name, value)
    {
        struct pact_header h = {.name = arena_string(&p->arena, name),
                                .value = arena_string(&p->arena, json_string_value(value))};
        if (h.name == NULL || (h.value != NULL && !array_push(&actual->headers, h)))
            playing_no_memory(p);
    }
    text_deinit(&raw);
    return p->error.code;
}

void judge_message(struct playing *p, const struct http_answer *answer)
{
    struct pact_part actual = {.status = 0};
    show_answer(p, answer);
    if (p->i->responses.count == 0)
        return;
    const struct pact_part *expected = &p->i->responses.items[0];
    if (answer->status / 100 != 2) {
        char was[32];
        (void)snprintf(was, sizeof was, "status %d", answer->status);
        (void)judge_mismatch(p, PACT_BODY, "", "a message (status 2xx)", was);
        return;
    }
    struct pact_part came = {.status = 0};
    const char *coded = NULL, *type = NULL;
    if (!add_headers(p, &came, answer))
        playing_no_memory(p);
    if (p->error.code == 0) {
        coded = header_of(&came, "Pact-Message-Metadata");
        type = header_of(&came, "content-type");
    }
    if (p->error.code == 0 && coded != NULL)
        (void)add_told_metadata(p, &actual, coded);
    if (p->error.code == 0) {
        set_body(&actual, expected, answer->body, type != NULL ? type : expected->content.type);
        (void)pact_match_response(expected, &actual, &p->result, &p->error);
    }
    free_actual(&came);
    free_actual(&actual);
}
