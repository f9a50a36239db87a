#include "wire/grpc_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- beginning ---- */

static int check_request(const struct grpc_conn *c, const struct grpc_request *r, struct error *err)
{
    if (c->settings.server)
        return error_set(err, ERROR_INVALID, "a server's connection makes no calls");
    if (c->failed || c->dying)
        return error_set(err, ERROR_CLOSED, "the connection is closed");
    if (c->going_away)
        return error_set(err, ERROR_CLOSED, "the server is going away");
    if (!nghttp2_session_check_request_allowed(c->session))
        return error_set(err, ERROR_CLOSED, "the connection takes no more calls");
    if (r->content_type && strlen(r->content_type) > GRPC_CONTENT_TYPE_MAX)
        return error_set(err, ERROR_INVALID, "a content-type has at most %d characters", GRPC_CONTENT_TYPE_MAX);
    if (r->path.len < 2 || r->path.data[0] != '/')
        return error_set(err, ERROR_INVALID, "a path is \"/service/Method\"");
    for (size_t i = 0; i < r->path.len; i++) {
        if (r->path.data[i] <= 0x20 || r->path.data[i] > 0x7e)
            return error_set(err, ERROR_INVALID, "byte %zu of the path is not printable ASCII", i + 1);
    }
    return 0;
}

static int metadata_error(struct grpc_conn *c, int rc, struct bytes name, struct error *err)
{
    if (rc == ERROR_MEMORY)
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == ERROR_LIMIT)
        return error_set(err, ERROR_LIMIT, "the metadata is larger than %zu bytes", c->settings.metadata_max);
    struct text shown = TEXT_INIT;
    text_printable(&shown, name.data, name.len, 64);
    if (grpc_name_allowed(name))
        error_set(err, ERROR_INVALID, "metadata \"%s\" holds bytes that are not printable ASCII: name it -bin",
                  text_string(&shown));
    else
        error_set(err, ERROR_INVALID, "metadata cannot be named \"%s\": lower case a-z 0-9 - _ . and no reserved name",
                  text_string(&shown));
    text_deinit(&shown);
    return ERROR_INVALID;
}

/* Everything of the request's headers that is not the same for all of the connection's. */
static int set_head(struct grpc_stream *s, const struct grpc_request *r, struct bytes *offender)
{
    char timeout[16];
    const char *type = r->content_type ? r->content_type : "application/grpc+proto";
    memcpy(s->content_type, type, strlen(type) + 1);
    s->own_agent = grpc_metadata_get(r->metadata, "user-agent").data != NULL;
    s->gzip = s->gzip_announced = r->gzip;
    int rc = grpc_records_add(&s->head, bytes_of(":path"), r->path);
    if (rc == 0 && r->timeout > 0)
        rc = grpc_records_add(&s->head, bytes_of("grpc-timeout"),
                              BYTES(timeout, grpc_timeout_format(r->timeout, timeout)));
    if (rc == 0)
        rc = grpc_records_add_metadata(&s->head, r->metadata, s->conn->settings.metadata_max, offender);
    return rc;
}

/* A connection has 2^30 calls in it: at 100,000 a second that is three hours. Its owner makes another one. */
static void note_last_number(struct grpc_conn *c)
{
    if (nghttp2_session_get_next_stream_id(c->session) <= INT32_MAX || c->going_away)
        return;
    c->going_away = true;
    if (c->events.going_away)
        c->events.going_away(c->arg, NGHTTP2_NO_ERROR, bytes_of("its stream numbers are used up"));
}

int grpc_conn_request(struct grpc_conn *c, const struct grpc_request *r, void *user, struct grpc_stream **out,
                      struct error *err)
{
    int rc = check_request(c, r, err);
    if (rc)
        return rc;
    struct bytes offender = BYTES_NONE;
    struct grpc_stream *s = grpc_stream_take(c);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    rc = set_head(s, r, &offender);
    if (rc) {
        grpc_stream_release(s);
        return metadata_error(c, rc, offender, err);
    }
    nghttp2_data_provider provider = grpc_stream_provider(s);
    int32_t id = nghttp2_submit_request(c->session, NULL, NULL, 0, &provider, s);
    if (id < 0) {
        grpc_stream_release(s);
        return error_set(err, grpc_session_check(c, id), "cannot begin a call: %s", nghttp2_strerror(id));
    }
    s->id = id;
    s->user = user;
    s->announced = s->headers_sent = true;
    *out = s;
    note_last_number(c);
    return 0;
}

bool grpc_conn_accepts_calls(const struct grpc_conn *c)
{
    if (c->settings.server || c->failed || c->dying || c->going_away || c->terminated)
        return false;
    size_t limit = GRPC_STREAMS_ASSUMED;
    if (c->settled)
        limit = nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return c->stream_count < limit && nghttp2_session_check_request_allowed(c->session);
}

/* ---- ending ---- */

/* The one place `finished` is told from. */
static void tell(struct grpc_stream *s, const struct grpc_result *result)
{
    struct grpc_conn *c = s->conn;
    if (s->finished)
        return;
    s->finished = s->input_dead = true;
    if (c->events.finished)
        c->events.finished(c->arg, s, result);
}

/* Nothing more is sent or heard on a stream whose result is known. NO_ERROR when the server has said all it wanted. */
static void abandon(struct grpc_stream *s, uint32_t h2_error)
{
    if (s->remote_closed && s->local_closed)
        return; /* nghttp2 closes it by itself */
    grpc_stream_drop_queue(s);
    grpc_stream_rst(s, h2_error);
}

void grpc_client_fail(struct grpc_stream *s, int status, struct bytes why)
{
    if (s->finished)
        return;
    struct grpc_result result = {.status = status, .message = why};
    tell(s, &result);
    abandon(s, NGHTTP2_CANCEL);
}

/* gRPC's table for answers that come from something else than a gRPC server (http-grpc-status-mapping). */
static int status_of_http(int http)
{
    switch (http) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

static int status_of_h2(uint32_t h2_error)
{
    switch (h2_error) {
    case NGHTTP2_REFUSED_STREAM:
        return GRPC_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return GRPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return GRPC_PERMISSION_DENIED;
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_HTTP_1_1_REQUIRED:
        return GRPC_UNKNOWN;
    default:
        return GRPC_INTERNAL;
    }
}

static int http_status(const struct grpc_block *b)
{
    struct bytes text = grpc_block_get(b, GRPC_KNOWN_HTTP_STATUS);
    int value = 0;
    for (size_t i = 0; i < text.len && i < 3; i++)
        value = value * 10 + (text.data[i] - '0'); /* nghttp2 let only digits through */
    return value;
}

/* Unknown numbers and things that are none become UNKNOWN. */
static int grpc_status_of(struct bytes text)
{
    int value = 0;
    if (text.len == 0 || text.len > 2)
        return GRPC_UNKNOWN;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return GRPC_UNKNOWN;
        value = value * 10 + (text.data[i] - '0');
    }
    return value <= GRPC_UNAUTHENTICATED ? value : GRPC_UNKNOWN;
}

/* Trailers, or a trailers-only answer. */
static void finish_from_block(struct grpc_stream *s)
{
    struct grpc_conn *c = s->conn;
    struct grpc_block *b = &c->block;
    struct grpc_result result = {.status = GRPC_UNKNOWN};
    struct bytes bad;
    if (b->failed || b->too_large) {
        grpc_client_fail(s, GRPC_RESOURCE_EXHAUSTED,
                         bytes_of(b->failed ? "out of memory" : "the trailers are larger than the limit"));
        return;
    }
    if (!grpc_block_has(b, GRPC_KNOWN_STATUS)) {
        grpc_client_fail(s, GRPC_UNKNOWN, bytes_of("the server ended the call without a grpc-status"));
        return;
    }
    if (grpc_block_metadata(b, &result.trailers, &bad) == ERROR_MEMORY) {
        grpc_client_fail(s, GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"));
        return;
    }
    result.status = grpc_status_of(grpc_block_get(b, GRPC_KNOWN_STATUS));
    text_clear(&c->message);
    text_clear(&c->details);
    grpc_percent_decode(grpc_block_get(b, GRPC_KNOWN_MESSAGE), &c->message);
    if (!base64_read(&c->details, grpc_block_get(b, GRPC_KNOWN_DETAILS), 0))
        text_clear(&c->details); /* the status counts, broken details do not */
    if (!text_ok(&c->message) || !text_ok(&c->details)) {
        grpc_client_fail(s, GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"));
        return;
    }
    if (s->prefix_len > 0 && result.status == GRPC_OK) {
        grpc_client_fail(s, GRPC_INTERNAL, bytes_of("the server ended the call in the middle of a message"));
        return;
    }
    result.message = text_bytes(&c->message);
    result.details = text_bytes(&c->details);
    tell(s, &result);
    abandon(s, NGHTTP2_NO_ERROR);
}

static bool content_type_is_grpc(struct bytes type)
{
    static const char grpc[] = "application/grpc";
    return type.len >= sizeof grpc - 1 && memcmp(type.data, grpc, sizeof grpc - 1) == 0;
}

/* The first block of an answer. */
static void response_block(struct grpc_stream *s)
{
    struct grpc_conn *c = s->conn;
    struct grpc_block *b = &c->block;
    struct grpc_metadata metadata;
    struct bytes bad = BYTES_NONE, encoding = grpc_block_get(b, GRPC_KNOWN_ENCODING);
    if (b->failed || b->too_large) {
        grpc_client_fail(s, GRPC_RESOURCE_EXHAUSTED,
                         bytes_of(b->failed ? "out of memory" : "the headers are larger than the limit"));
        return;
    }
    if (bytes_is(encoding, "gzip") && c->settings.gzip) {
        s->peer_gzip = true;
    } else if (encoding.len > 0 && !bytes_is(encoding, "identity")) {
        grpc_call_fail(s, GRPC_INTERNAL, "the server compresses in a way that was not offered: \"%.*s\"",
                       (int)(encoding.len < 32 ? encoding.len : 32), (const char *)encoding.data);
        return;
    }
    int rc = grpc_block_metadata(b, &metadata, &bad);
    if (rc == ERROR_SYNTAX)
        grpc_call_fail(s, GRPC_INTERNAL, "binary header \"%.*s\" of the answer is not base64",
                       (int)(bad.len < 64 ? bad.len : 64), (const char *)bad.data);
    else if (rc)
        grpc_call_fail(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    else if (c->events.response)
        c->events.response(c->arg, s, metadata);
}

void grpc_client_headers(struct grpc_stream *s, bool end_stream)
{
    struct grpc_block *b = &s->conn->block;
    if (s->finished || s->reset)
        return;
    if (end_stream)
        s->remote_closed = true;
    if (s->headers_seen) {
        finish_from_block(s);
        return;
    }
    int http = http_status(b);
    if (http >= 100 && http < 200)
        return;
    s->headers_seen = true;
    struct bytes type = grpc_block_get(b, GRPC_KNOWN_CONTENT_TYPE);
    bool trailers_only = end_stream && grpc_block_has(b, GRPC_KNOWN_STATUS);
    if (!trailers_only && (http != 200 || !content_type_is_grpc(type))) {
        struct text why = TEXT_INIT;
        text_printf(&why, "the answer is not gRPC: HTTP status %d, content-type \"", http);
        text_printable(&why, type.data, type.len, 64);
        text_char(&why, '"');
        grpc_client_fail(s, http == 200 ? GRPC_UNKNOWN : status_of_http(http), text_bytes(&why));
        text_deinit(&why);
        return;
    }
    if (end_stream)
        finish_from_block(s);
    else
        response_block(s);
}

void grpc_client_half_closed(struct grpc_stream *s)
{
    if (s->finished || s->reset)
        return;
    if (s->prefix_len > 0)
        grpc_client_fail(s, GRPC_INTERNAL, bytes_of("the server ended the stream in the middle of a message"));
    else
        grpc_client_fail(s, GRPC_INTERNAL, bytes_of("the server ended the stream without trailers"));
}

/* The stream is gone. If nothing told the result yet, the way it went is the result. */
void grpc_client_closed(struct grpc_stream *s, uint32_t h2_error)
{
    struct grpc_conn *c = s->conn;
    if (!s->finished) {
        struct grpc_result result = {.status = status_of_h2(h2_error)};
        text_clear(&c->message);
        if (c->dying || c->failed) {
            result.status = GRPC_UNAVAILABLE;
            result.unprocessed = !s->request_out;
            text_puts(&c->message, c->why.len > 0 ? text_string(&c->why) : "the connection was lost");
        } else if (s->reset) {
            text_puts(&c->message, h2_error == NGHTTP2_CANCEL ? "cancelled" : nghttp2_http2_strerror(h2_error));
        } else {
            result.unprocessed = h2_error == NGHTTP2_REFUSED_STREAM;
            text_printf(&c->message, "the server reset the stream: %s", nghttp2_http2_strerror(h2_error));
        }
        result.message = text_bytes(&c->message);
        tell(s, &result);
    }
    if (c->events.closed)
        c->events.closed(c->arg, s);
}
