#include "wire/grpc_internal.h"

#include <string.h>

static const char accept_encoding_gzip[] = "identity,gzip";
static const char accept_encoding_none[] = "identity";

/* Not a gRPC request, or one whose call never begins: HEADERS with END_STREAM and nothing else. A grpc-status is there
 * even beside an HTTP error, since a gRPC client shows nothing else. */
static void refuse(struct grpc_stream *s, const char *http_status, int status, struct bytes why)
{
    struct grpc_conn *c = s->conn;
    s->finished = s->input_dead = s->local_end = s->local_closed = true;
    s->content_type[0] = '\0';
    s->http_status = http_status;
    s->status = status;
    text_clear(&c->scratch);
    grpc_percent_encode(why, &c->scratch);
    int rc = 0;
    if (strcmp(http_status, "405") == 0)
        rc = grpc_records_add(&s->head, bytes_of("allow"), bytes_of("POST"));
    if (rc == 0 && text_ok(&c->scratch))
        rc = grpc_records_add(&s->tail, bytes_of("grpc-message"), text_bytes(&c->scratch));
    if (rc == 0 && status == GRPC_UNIMPLEMENTED)
        rc = grpc_records_add(&s->tail, bytes_of("grpc-accept-encoding"),
                              bytes_of(c->settings.gzip ? accept_encoding_gzip : accept_encoding_none));
    if (rc) { /* a status alone needs no memory */
        text_deinit(&s->head);
        text_deinit(&s->tail);
    }
    int rv = nghttp2_submit_response(c->session, s->id, NULL, 0, NULL);
    if (rv != 0)
        grpc_session_check(c, rv);
}

static void refuse_quoting(struct grpc_stream *s, const char *http_status, int status, const char *what,
                           struct bytes value)
{
    struct text why = TEXT_INIT;
    text_puts(&why, what);
    text_puts(&why, ": \"");
    text_printable(&why, value.data, value.len, 64);
    text_char(&why, '"');
    refuse(s, http_status, status, text_bytes(&why));
    text_deinit(&why);
}

/* "application/grpc", then nothing, "+format" or ";parameters". */
static bool content_type_fine(struct bytes type)
{
    static const char grpc[] = "application/grpc";
    const size_t len = sizeof grpc - 1;
    if (type.len < len || type.len > GRPC_CONTENT_TYPE_MAX || memcmp(type.data, grpc, len) != 0)
        return false;
    return type.len == len || type.data[len] == '+' || type.data[len] == ';';
}

static bool lists_gzip(struct bytes list)
{
    size_t at = 0;
    while (at < list.len) {
        size_t end = at;
        while (end < list.len && list.data[end] != ',')
            end++;
        size_t from = at, to = end;
        while (from < to && list.data[from] == ' ')
            from++;
        while (to > from && list.data[to - 1] == ' ')
            to--;
        if (bytes_is(BYTES(list.data + from, to - from), "gzip"))
            return true;
        at = end + 1;
    }
    return false;
}

/* False: refused. */
static bool check_encoding(struct grpc_stream *s, const struct grpc_block *b)
{
    const struct grpc_conn *c = s->conn;
    struct bytes encoding = grpc_block_get(b, GRPC_KNOWN_ENCODING);
    if (bytes_is(encoding, "gzip") && c->settings.gzip) {
        s->peer_gzip = true;
    } else if (encoding.len > 0 && !bytes_is(encoding, "identity")) {
        refuse_quoting(s, "200", GRPC_UNIMPLEMENTED, "message compression is not supported", encoding);
        return false;
    }
    s->gzip_allowed = c->settings.gzip && (s->peer_gzip || lists_gzip(grpc_block_get(b, GRPC_KNOWN_ACCEPT_ENCODING)));
    return true;
}

void grpc_server_headers(struct grpc_stream *s, bool end_stream)
{
    struct grpc_conn *c = s->conn;
    struct grpc_block *b = &c->block;
    (void)end_stream;
    if (!grpc_block_is(b, GRPC_KNOWN_METHOD, "POST")) {
        refuse_quoting(s, "405", GRPC_INTERNAL, "a gRPC request is a POST, not", grpc_block_get(b, GRPC_KNOWN_METHOD));
        return;
    }
    if (b->failed) {
        refuse(s, "200", GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"));
        return;
    }
    if (b->too_large) {
        struct text why = TEXT_INIT;
        text_printf(&why, "the request's metadata is larger than the limit of %zu bytes", c->settings.metadata_max);
        refuse(s, "200", GRPC_RESOURCE_EXHAUSTED, text_bytes(&why));
        text_deinit(&why);
        return;
    }
    if (grpc_conn_full(c)) {
        refuse(s, "200", GRPC_RESOURCE_EXHAUSTED, bytes_of("too much waits to be read on this connection"));
        return;
    }
    struct bytes type = grpc_block_get(b, GRPC_KNOWN_CONTENT_TYPE);
    if (!content_type_fine(type)) {
        refuse_quoting(s, "415", GRPC_INTERNAL, "content-type is not application/grpc", type);
        return;
    }
    memcpy(s->content_type, type.data, type.len);
    s->content_type[type.len] = '\0';
    if (!check_encoding(s, b))
        return;
    uint64_t timeout = 0;
    if (grpc_block_has(b, GRPC_KNOWN_TIMEOUT)) {
        struct bytes text = grpc_block_get(b, GRPC_KNOWN_TIMEOUT);
        if (grpc_timeout_parse(text, &timeout) != 0) {
            refuse_quoting(s, "200", GRPC_INTERNAL, "malformed grpc-timeout", text);
            return;
        }
        if (timeout == 0)
            timeout = 1; /* 0 means none to our owner; "0n" means at once */
    }
    struct grpc_metadata metadata;
    struct bytes bad;
    int rc = grpc_block_metadata(b, &metadata, &bad);
    if (rc == ERROR_SYNTAX) {
        refuse_quoting(s, "200", GRPC_INTERNAL, "a binary header is not base64", bad);
        return;
    }
    if (rc) {
        refuse(s, "200", GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"));
        return;
    }
    s->announced = true;
    if (c->events.request)
        c->events.request(c->arg, s, grpc_block_get(b, GRPC_KNOWN_PATH), metadata, timeout);
}

void grpc_server_half_closed(struct grpc_stream *s)
{
    struct grpc_conn *c = s->conn;
    if (s->input_dead)
        return;
    s->input_dead = true;
    if (s->prefix_len > 0) {
        grpc_server_fail(s, GRPC_INTERNAL, bytes_of("the client half-closed in the middle of a message"));
        return;
    }
    if (c->events.half_closed)
        c->events.half_closed(c->arg, s);
}

void grpc_server_fail(struct grpc_stream *s, int status, struct bytes why)
{
    struct grpc_conn *c = s->conn;
    if (s->finished)
        return;
    grpc_session_charge(c);
    grpc_stream_finish(s, status, why, BYTES_NONE, (struct grpc_metadata){NULL, 0});
    s->finished = s->input_dead = true;
    if (s->announced && c->events.cancelled)
        c->events.cancelled(c->arg, s);
}

void grpc_server_closed(struct grpc_stream *s)
{
    struct grpc_conn *c = s->conn;
    if (!s->announced)
        return;
    if (!s->finished) {
        s->finished = true;
        if (c->events.cancelled)
            c->events.cancelled(c->arg, s);
    }
    if (c->events.closed)
        c->events.closed(c->arg, s);
}
