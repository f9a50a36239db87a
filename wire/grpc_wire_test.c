/* The engine against frames written by hand: what foreign, old and broken peers say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/grpc_kit.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
enum { DATA = 0, HEADERS = 1, RST = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, END_STREAM = 1, END_HEADERS = 4 };

/* One side written by hand. */
struct raw {
    nghttp2_hd_deflater *deflater;
    nghttp2_hd_inflater *inflater;
    struct text out; /* frames for the engine */
    struct text log; /* what it said: "HEADERS 1 end [name=value;...]" and so on, a line each */
};

static void raw_init(struct raw *w)
{
    memset(w, 0, sizeof *w);
    assert_int_equal(nghttp2_hd_deflate_new(&w->deflater, 4096), 0);
    assert_int_equal(nghttp2_hd_inflate_new(&w->inflater), 0);
}

static void raw_deinit(struct raw *w)
{
    nghttp2_hd_deflate_del(w->deflater);
    nghttp2_hd_inflate_del(w->inflater);
    text_deinit(&w->out);
    text_deinit(&w->log);
}

static void frame(struct raw *w, uint8_t type, uint8_t flags, uint32_t id, struct bytes payload)
{
    uint8_t head[9] = {
        (uint8_t)(payload.len >> 16), (uint8_t)(payload.len >> 8), (uint8_t)payload.len, type,       flags,
        (uint8_t)(id >> 24),          (uint8_t)(id >> 16),         (uint8_t)(id >> 8),   (uint8_t)id};
    text_add(&w->out, head, sizeof head);
    text_add(&w->out, payload.data, payload.len);
}

/* `lines` is "name: value\n..."; a name may begin with a colon. */
static void headers(struct raw *w, uint32_t id, bool end, const char *lines)
{
    nghttp2_nv nv[32];
    uint8_t block[4096];
    char *copy = strdup(lines);
    size_t n = 0;
    assert_non_null(copy);
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        char *colon = strstr(line, ": ");
        assert_non_null(colon);
        assert_true(n < 32);
        *colon = '\0';
        nv[n++] = (nghttp2_nv){(uint8_t *)line, (uint8_t *)colon + 2, strlen(line), strlen(colon + 2), 0};
    }
    ssize_t len = nghttp2_hd_deflate_hd(w->deflater, block, sizeof block, nv, n);
    assert_true(len > 0);
    frame(w, HEADERS, (uint8_t)(END_HEADERS | (end ? END_STREAM : 0)), id, BYTES(block, (size_t)len));
    free(copy);
}

static void log_headers(struct raw *w, struct bytes block)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(w->inflater, &nv, &flags, block.data, block.len, 1);
        assert_true(n >= 0);
        block.data += n;
        block.len -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            text_add(&w->log, nv.name, nv.namelen);
            text_char(&w->log, '=');
            text_add(&w->log, nv.value, nv.valuelen);
            text_char(&w->log, ';');
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(w->inflater);
            return;
        }
    }
}

/* Everything the engine wants to say, as lines. */
static void collect(struct raw *w, struct grpc_conn *c)
{
    struct text said = TEXT_INIT;
    while (grpc_conn_send(c, &said, 100000) > 0) {
    }
    size_t at = 0;
    if (said.len >= 24 && memcmp(said.data, PREFACE, 24) == 0)
        at = 24;
    while (said.len - at >= 9) {
        const uint8_t *p = (const uint8_t *)said.data + at;
        size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        uint32_t id = (uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
        assert_true(said.len - at - 9 >= len);
        const char *end = (p[3] == DATA || p[3] == HEADERS) && (p[4] & END_STREAM) ? " end" : "";
        if (p[3] == HEADERS) {
            text_printf(&w->log, "HEADERS %u%s [", id, end);
            log_headers(w, BYTES(p + 9, len));
            text_puts(&w->log, "]\n");
        } else if (p[3] == DATA) {
            text_printf(&w->log, "DATA %u%s %zu\n", id, end, len);
        } else if (p[3] == RST) {
            text_printf(&w->log, "RST %u %u\n", id, (unsigned)p[12]);
        } else if (p[3] == GOAWAY) {
            text_printf(&w->log, "GOAWAY %u\n", (unsigned)p[16]);
        } else if (p[3] == PING) {
            text_printf(&w->log, "PING%s\n", p[4] & 1 ? " ack" : "");
        }
        at += 9 + len;
    }
    assert_int_equal(at, said.len);
    text_deinit(&said);
}

static int give(struct raw *w, struct grpc_conn *c, struct error *err)
{
    int rc = grpc_conn_receive(c, text_bytes(&w->out), 1, err);
    text_clear(&w->out);
    collect(w, c);
    return rc;
}

static void contains(const struct text *log, const char *what)
{
    if (!strstr(text_string(log), what))
        print_error("expected: %s\ngot:\n%s\n", what, text_string(log));
    assert_non_null(strstr(text_string(log), what));
}

/* ---- a server and strange clients ---- */

#define GOOD ":method: POST\n:scheme: http\n:path: /kit.Echo/Echo\n:authority: x\n"

static void server_side(void **state)
{
    (void)state;
    static const uint8_t hello[] = {0, 0, 0, 0, 2, 'h', 'i'};
    static const struct {
        const char *what, *headers;
        const char *body; /* NULL: END_STREAM on the headers */
        size_t body_len;
        const char *says;
        bool requested;
    } table[] = {
        {"plain", GOOD "content-type: application/grpc\nte: trailers", (const char *)hello, 7,
         "[:status=200;content-type=application/grpc;]\nDATA 1 7\nHEADERS 1 end [grpc-status=0;]\n", true},
        {"no te", GOOD "content-type: application/grpc", (const char *)hello, 7, "DATA 1 7\n", true},
        {"another format", GOOD "content-type: application/grpc+json", (const char *)hello, 7,
         "content-type=application/grpc+json", true},
        {"parameters", GOOD "content-type: application/grpc;charset=utf-8", (const char *)hello, 7, "DATA 1 7\n", true},
        {"no message", GOOD "content-type: application/grpc", NULL, 0,
         "end [:status=200;content-type=application/grpc;grpc-status=0;]", true},
        {"json", GOOD "content-type: application/json", (const char *)hello, 7, ":status=415;", false},
        {"no content type", GOOD "te: trailers", (const char *)hello, 7, ":status=415;", false},
        {"look-alike", GOOD "content-type: application/grpcx", (const char *)hello, 7, ":status=415;", false},
        {"grpc-web", GOOD "content-type: application/grpc-web+proto", (const char *)hello, 7, ":status=415;", false},
        {"GET", ":method: GET\n:scheme: http\n:path: /kit.Echo/Echo\n:authority: x\ncontent-type: application/grpc",
         NULL, 0, ":status=405;content-type=application/grpc;allow=POST;", false},
        {"PUT", ":method: PUT\n:scheme: http\n:path: /kit.Echo/Echo\n:authority: x\ncontent-type: application/grpc",
         (const char *)hello, 7, ":status=405;", false},
        {"deflate", GOOD "content-type: application/grpc\ngrpc-encoding: deflate", (const char *)hello, 7,
         "grpc-status=12;grpc-message=message compression is not supported: "
         "\"deflate\";grpc-accept-encoding=identity,gzip;",
         false},
        {"identity", GOOD "content-type: application/grpc\ngrpc-encoding: identity", (const char *)hello, 7,
         "DATA 1 7\n", true},
        {"timeout", GOOD "content-type: application/grpc\ngrpc-timeout: 10x", (const char *)hello, 7,
         "grpc-status=13;grpc-message=malformed grpc-timeout: \"10x\"", false},
        {"bad binary", GOOD "content-type: application/grpc\nx-bin: ***", (const char *)hello, 7,
         "grpc-status=13;grpc-message=a binary header is not base64: \"x-bin\"", false},
        {"flag 2", GOOD "content-type: application/grpc", "\x02\0\0\0\0", 5,
         "grpc-status=13;grpc-message=a message begins with flag 2", true},
        {"flag 1, no encoding", GOOD "content-type: application/grpc", "\x01\0\0\0\x01x", 6,
         "grpc-status=13;grpc-message=a message is marked compressed", true},
        {"not gzip", GOOD "content-type: application/grpc\ngrpc-encoding: gzip", "\x01\0\0\0\x01x", 6,
         "grpc-status=13;grpc-message=a compressed message is not valid gzip", true},
        {"uncompressed in gzip call", GOOD "content-type: application/grpc\ngrpc-encoding: gzip", "\0\0\0\0\x01x", 6,
         "DATA 1 6\n", true},
        {"too large", GOOD "content-type: application/grpc", "\0\xff\xff\xff\xff", 5, "grpc-status=8;", true},
        {"cut in the message", GOOD "content-type: application/grpc", "\0\0\0\0\x05xy", 7,
         "grpc-status=13;grpc-message=the client half-closed in the middle of a message", true},
        {"cut in the prefix", GOOD "content-type: application/grpc", "\0\0\0", 3,
         "grpc-status=13;grpc-message=the client half-closed in the middle of a message", true},
        {"connection header", GOOD "content-type: application/grpc\nconnection: close", (const char *)hello, 7,
         "RST 1 1\n", false},
        {"no path", ":method: POST\n:scheme: http\n:authority: x\ncontent-type: application/grpc", (const char *)hello,
         7, "RST 1 1\n", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kit k;
        struct raw w;
        assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
        raw_init(&w);
        text_add(&w.out, PREFACE, 24);
        frame(&w, SETTINGS, 0, 0, BYTES_NONE);
        headers(&w, 1, !table[i].body, table[i].headers);
        if (table[i].body)
            frame(&w, DATA, END_STREAM, 1, BYTES(table[i].body, table[i].body_len));
        assert_int_equal(give(&w, k.server, NULL), 0);
        if (!strstr(text_string(&w.log), table[i].says))
            print_error("%s\n", table[i].what);
        contains(&w.log, table[i].says);
        assert_int_equal(k.requests, table[i].requested);
        assert_int_equal(k.server_closed, table[i].requested);
        assert_int_equal(grpc_conn_stream_count(k.server), 0);
        /* Whatever it was, the connection goes on. */
        text_clear(&w.log);
        headers(&w, 3, false, GOOD "content-type: application/grpc");
        frame(&w, DATA, END_STREAM, 3, BYTES(hello, sizeof hello));
        assert_int_equal(give(&w, k.server, NULL), 0);
        contains(&w.log, "HEADERS 3 end [grpc-status=0;]\n");
        raw_deinit(&w);
        kit_deinit(&k);
    }
}

/* "0n" is a deadline that is over, not none. */
static void timeout_zero(void **state)
{
    (void)state;
    struct kit k;
    struct raw w;
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    raw_init(&w);
    text_add(&w.out, PREFACE, 24);
    frame(&w, SETTINGS, 0, 0, BYTES_NONE);
    headers(&w, 1, false, GOOD "content-type: application/grpc\ngrpc-timeout: 0n");
    assert_int_equal(give(&w, k.server, NULL), 0);
    assert_int_equal(k.timeout, 1);
    raw_deinit(&w);
    kit_deinit(&k);
}

static void refused_while_open(void **state)
{
    (void)state;
    struct kit k;
    struct raw w;
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    raw_init(&w);
    text_add(&w.out, PREFACE, 24);
    frame(&w, SETTINGS, 0, 0, BYTES_NONE);
    headers(&w, 1, false, GOOD "content-type: text/plain");
    assert_int_equal(give(&w, k.server, NULL), 0);
    contains(&w.log, "HEADERS 1 end [:status=415;");
    contains(&w.log, "]\nRST 1 0\n"); /* NO_ERROR: stop sending */
    assert_int_equal(grpc_conn_stream_count(k.server), 0);
    raw_deinit(&w);
    kit_deinit(&k);
}

static void metadata_too_large(void **state)
{
    (void)state;
    struct grpc_settings settings;
    struct kit k;
    struct raw w;
    grpc_settings_init(&settings, true);
    settings.metadata_max = 300;
    assert_int_equal(kit_init(&k, 1, NULL, &settings), 0);
    raw_init(&w);
    text_add(&w.out, PREFACE, 24);
    frame(&w, SETTINGS, 0, 0, BYTES_NONE);
    headers(&w, 1, true,
            GOOD "content-type: application/grpc\nx-long: "
                 "0123456789012345678901234567890123456789012345678901234567890123456789");
    assert_int_equal(give(&w, k.server, NULL), 0);
    contains(&w.log, "grpc-status=8;grpc-message=the request's metadata is larger than the limit of 300 bytes;");
    assert_int_equal(k.requests, 0);
    raw_deinit(&w);
    kit_deinit(&k);
}

static void preface(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *says;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not an HTTP/2 preface: got \"GET / HTTP/1.1\""},
        {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "not an HTTP/2 preface: got \"PRI * HTTP/2.0\""},
        {"\x16\x03\x01\x02", "not an HTTP/2 preface: got \"\\x16\\x03\\x01\\x02\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kit k;
        struct error err = ERROR_INIT;
        assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
        assert_int_equal(grpc_conn_receive(k.server, bytes_of(table[i].bytes), 1, &err), ERROR_PROTOCOL);
        assert_string_equal(err.message, table[i].says);
        error_clear(&err);
        assert_int_equal(grpc_conn_receive(k.server, bytes_of("more"), 1, NULL), ERROR_PROTOCOL);
        assert_true(grpc_conn_done(k.server));
        assert_false(grpc_conn_wants_send(k.server));
        kit_deinit(&k);
    }
}

/* Faults of the connection: a GOAWAY that names the error, then the end. */
static void broken_frames(void **state)
{
    (void)state;
    static const uint8_t settings[] = {0, 4, 0xff, 0xff, 0xff, 0xff};
    static const struct {
        uint8_t type, flags;
        uint32_t id;
        size_t len;
        unsigned goaway;
    } table[] = {
        {DATA, 0, 0, 4, 1},                        /* DATA on stream 0 */
        {DATA, 0, 5, 4, 1},                        /* DATA on an idle stream */
        {HEADERS, 4, 2, 4, 1},                     /* a client's stream with an even number */
        {HEADERS, 4, 1, 4, 9},                     /* not HPACK */
        {SETTINGS, 0, 0, 5, 6},                    /* length not a multiple of six */
        {SETTINGS, 0, 0, 6, 3},                    /* window above 2^31 - 1 */
        {PING, 0, 0, 7, 6},     {RST, 0, 9, 4, 1}, /* RST_STREAM on an idle stream */
        {9, 4, 1, 1, 1},                           /* CONTINUATION out of the blue */
        {DATA, 0, 1, 16385, 6},                    /* frame larger than we allow */
    };
    static uint8_t junk[20000];
    memset(junk, 0xff, sizeof junk);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kit k;
        struct raw w;
        char line[32];
        assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
        raw_init(&w);
        text_add(&w.out, PREFACE, 24);
        frame(&w, SETTINGS, 0, 0, BYTES_NONE);
        frame(&w, table[i].type, table[i].flags, table[i].id,
              table[i].type == SETTINGS ? BYTES(settings, table[i].len) : BYTES(junk, table[i].len));
        give(&w, k.server, NULL);
        snprintf(line, sizeof line, "GOAWAY %u\n", table[i].goaway);
        if (!strstr(text_string(&w.log), line))
            print_error("row %zu\n", i);
        contains(&w.log, line);
        assert_true(grpc_conn_done(k.server));
        assert_true(strlen(grpc_conn_reason(k.server)) > 10);
        assert_int_equal(grpc_conn_receive(k.server, bytes_of("x"), 1, NULL), ERROR_PROTOCOL);
        raw_deinit(&w);
        kit_deinit(&k);
    }
}

/* A server, greeted. */
static void begin(struct kit *k, struct raw *w, const struct grpc_settings *settings)
{
    assert_int_equal(kit_init(k, 1, NULL, settings), 0);
    raw_init(w);
    text_add(&w->out, PREFACE, 24);
    frame(w, SETTINGS, 0, 0, BYTES_NONE);
    assert_int_equal(give(w, k->server, NULL), 0);
    text_clear(&w->log);
}

static void end(struct kit *k, struct raw *w)
{
    raw_deinit(w);
    kit_deinit(k);
}

static void call(struct raw *w, uint32_t id, const char *method, bool last)
{
    char lines[200];
    snprintf(lines, sizeof lines, ":method: POST\n:scheme: http\n:path: /kit.Echo/%s\n:authority: x\n%s", method,
             "content-type: application/grpc");
    headers(w, id, last, lines);
}

/* What a client says on a stream that is no more. */
static void streams_that_are_over(void **state)
{
    (void)state;
    static const uint8_t cancel[] = {0, 0, 0, 8}, hello[] = {0, 0, 0, 0, 2, 'h', 'i'};
    static const struct {
        const char *what, *method;
        bool ended, reset; /* how the client ended its side of stream 5 */
        uint8_t type;      /* then this comes on */
        uint32_t id;
        const char *says; /* NULL: passed over */
    } table[] = {
        {"DATA, both ended", "Echo", true, false, DATA, 5, "GOAWAY 5\n"},
        {"HEADERS, both ended", "Echo", true, false, HEADERS, 5, "GOAWAY 5\n"},
        {"DATA, reset by it", "Hold", false, true, DATA, 5, NULL},
        {"DATA, answered early", "Status", false, false, DATA, 5, NULL},
        {"HEADERS, answered early", "Status", false, false, HEADERS, 5, NULL},
        {"HEADERS, skipped", "Echo", true, false, HEADERS, 3, "GOAWAY 1\n"},
        {"DATA, skipped", "Echo", true, false, DATA, 1, "GOAWAY 1\n"},
        {"HEADERS, skipped, 5 is open", "Hold", false, false, HEADERS, 1, "GOAWAY 1\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int together = 0; together < 2; together++) { /* in one piece, or in as many as there are bytes */
            struct kit k;
            struct raw w;
            begin(&k, &w, NULL);
            call(&w, 5, table[i].method, table[i].ended);
            if (table[i].reset)
                frame(&w, RST, 0, 5, BYTES(cancel, sizeof cancel));
            assert_int_equal(give(&w, k.server, NULL), 0);
            if (table[i].type == DATA)
                frame(&w, DATA, END_STREAM, table[i].id, BYTES(hello, sizeof hello));
            else
                call(&w, table[i].id, "Echo", true);
            call(&w, 7, "Echo", true);
            int rc = 0;
            for (size_t at = 0, n; at < w.out.len && rc == 0; at += n) {
                n = together ? w.out.len : 1;
                rc = grpc_conn_receive(k.server, BYTES(w.out.data + at, n), 1, NULL);
            }
            collect(&w, k.server);
            if ((rc != 0) != (table[i].says != NULL))
                fail_msg("%s: %d", table[i].what, rc);
            contains(&w.log, table[i].says ? table[i].says : "HEADERS 7 end");
            assert_true(grpc_conn_done(k.server) == (table[i].says != NULL));
            end(&k, &w);
        }
    }
}

/* A skipped stream and one above it in the same bytes. */
static void skipped_in_one_piece(void **state)
{
    (void)state;
    struct kit k;
    struct raw w;
    begin(&k, &w, NULL);
    call(&w, 5, "Hold", false);
    call(&w, 3, "Hold", false);
    assert_int_equal(give(&w, k.server, NULL), ERROR_PROTOCOL);
    contains(&w.log, "GOAWAY 1\n");
    assert_string_equal(grpc_conn_reason(k.server), "the client began a stream below one it had begun already");
    end(&k, &w);
}

/* However many streams ended early, none of their clients' late frames is taken amiss; calls behind a drain's last
 * GOAWAY, which came to nothing, neither. */
static void late_frames(void **state)
{
    (void)state;
    static const uint8_t hello[] = {0, 0, 0, 0, 2, 'h', 'i'};
    struct kit k;
    struct raw w;
    begin(&k, &w, NULL);
    uint32_t id = 1;
    for (; id < 1000; id += 2)
        call(&w, id, "Status", false);
    assert_int_equal(give(&w, k.server, NULL), 0);
    for (uint32_t late = 1; late < id; late += 2)
        frame(&w, DATA, END_STREAM, late, BYTES(hello, sizeof hello));
    assert_int_equal(give(&w, k.server, NULL), 0);
    call(&w, id, "Hold", false);
    assert_int_equal(give(&w, k.server, NULL), 0);
    grpc_conn_drain(k.server);
    collect(&w, k.server);
    frame(&w, PING, 1, 0, bytes_of("draining"));
    assert_int_equal(give(&w, k.server, NULL), 0);
    call(&w, id + 2, "Echo", false);
    assert_int_equal(give(&w, k.server, NULL), 0);
    frame(&w, DATA, END_STREAM, id + 2, BYTES(hello, sizeof hello));
    assert_int_equal(give(&w, k.server, NULL), 0);
    assert_int_equal(grpc_conn_stream_count(k.server), 1);
    end(&k, &w);
}

/* The preface, a frame, a header block: since when they are half here. */
static void half_here(void **state)
{
    (void)state;
    struct kit k;
    struct raw w;
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    raw_init(&w);
    text_add(&w.out, PREFACE, 24);
    frame(&w, SETTINGS, 0, 0, BYTES_NONE);
    uint64_t begun = grpc_conn_half_here(k.server);
    assert_true(begun < UINT64_MAX);
    for (size_t i = 0; i < w.out.len; i++) {
        assert_true(grpc_conn_half_here(k.server) == begun);
        assert_false(grpc_conn_greeted(k.server));
        assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data + i, 1), begun + i, NULL), 0);
    }
    assert_true(grpc_conn_greeted(k.server));
    assert_true(grpc_conn_half_here(k.server) == UINT64_MAX);
    text_clear(&w.out);
    frame(&w, PING, 0, 0, bytes_of("12345678"));
    frame(&w, PING, 0, 0, bytes_of("12345678"));
    /* A frame that is complete ends the wait; the half one behind it begins another. */
    assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data, 1), 100, NULL), 0);
    assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data + 1, 10), 200, NULL), 0);
    assert_true(grpc_conn_half_here(k.server) == 100);
    assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data + 11, 12), 300, NULL), 0);
    assert_true(grpc_conn_half_here(k.server) == 300);
    assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data + 23, 11), 400, NULL), 0);
    assert_true(grpc_conn_half_here(k.server) == UINT64_MAX);
    /* Whole frames of a block that is not ended. */
    text_clear(&w.out);
    frame(&w, HEADERS, 0, 1, BYTES("\x83", 1));
    frame(&w, 9, 0, 1, BYTES("\x86", 1));
    assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data, 10), 500, NULL), 0);
    assert_int_equal(grpc_conn_receive(k.server, BYTES(w.out.data + 10, 10), 600, NULL), 0);
    assert_true(grpc_conn_half_here(k.server) == 500);
    text_clear(&w.out);
    frame(&w, 9, 4, 1, BYTES_NONE);
    assert_int_equal(grpc_conn_receive(k.server, text_bytes(&w.out), 700, NULL), 0);
    assert_true(grpc_conn_half_here(k.server) == UINT64_MAX);
    end(&k, &w);
}

static void too_many_pieces(void **state)
{
    (void)state;
    for (int pieces = 8; pieces <= 9; pieces++) {
        struct kit k;
        struct raw w;
        begin(&k, &w, NULL);
        frame(&w, HEADERS, END_STREAM, 1, BYTES("\x83", 1));
        for (int i = 1; i < pieces; i++)
            frame(&w, 9, 0, 1, BYTES_NONE);
        frame(&w, 9, END_HEADERS, 1, BYTES_NONE);
        assert_int_equal(give(&w, k.server, NULL), pieces == 8 ? 0 : ERROR_PROTOCOL);
        if (pieces == 9)
            contains(&w.log, "GOAWAY 11\n");
        else
            contains(&w.log, "RST 1 1\n"); /* that there is no path is all that is wrong */
        end(&k, &w);
    }
}

/* Refused politely up to four times the limit, then no longer looked at. */
static void header_bomb(void **state)
{
    (void)state;
    struct grpc_settings settings;
    struct kit k;
    struct raw w;
    char lines[4200];
    grpc_settings_init(&settings, true);
    settings.metadata_max = 300;
    begin(&k, &w, &settings);
    for (uint32_t id = 1; id <= 3; id += 2) {
        snprintf(lines, sizeof lines, GOOD "content-type: application/grpc\nx-long: %0*d", id == 1 ? 700 : 1200, 7);
        headers(&w, id, true, lines);
    }
    headers(&w, 5, true, GOOD "content-type: application/grpc"); /* the table is as it was */
    assert_int_equal(give(&w, k.server, NULL), 0);
    contains(&w.log, "grpc-status=8;grpc-message=the request's metadata is larger than the limit of 300 bytes;");
    contains(&w.log, "RST 3 11\n");
    contains(&w.log, "HEADERS 5 end [:status=200;");
    assert_int_equal(k.requests, 1);
    end(&k, &w);
}

/* Resets the client brings about are counted as its own are, whether by HTTP/2 or by gRPC. */
static void made_to_reset(void **state)
{
    (void)state;
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff};
    for (int grpc = 0; grpc < 2; grpc++) {
        struct kit k;
        struct raw w;
        int rc = 0;
        uint32_t id = 1;
        begin(&k, &w, NULL);
        for (; rc == 0 && id < 6000; id += 2) {
            call(&w, id, "Hold", false);
            if (grpc)
                frame(&w, DATA, 0, id, BYTES("\x02\0\0\0\0", 5));
            else
                frame(&w, 8, 0, id, BYTES(huge, sizeof huge));
            rc = give(&w, k.server, NULL);
        }
        assert_in_range(id, 4000, 4010);
        contains(&w.log, "GOAWAY 11\n");
        assert_true(grpc_conn_done(k.server));
        end(&k, &w);
    }
}

/* Answers nobody reads, each stream within its limit: streams become busy, then nothing more is taken on, and when the
 * client reads all is as before. */
static void crowded(void **state)
{
    (void)state;
    static const uint8_t closed[] = {0, 4, 0, 0, 0, 0}, opened[] = {0, 4, 0x7f, 0xff, 0xff, 0xff};
    static const uint8_t more[] = {0x7f, 0, 0, 0};
    static uint8_t answer[5000];
    struct grpc_settings settings;
    struct kit k;
    struct raw w;
    grpc_settings_init(&settings, true);
    settings.queue_max = 160000;
    begin(&k, &w, &settings);
    frame(&w, SETTINGS, 0, 0, BYTES(closed, sizeof closed));
    uint32_t id = 1;
    for (; k.requests == id / 2; id += 2) {
        call(&w, id, "Hold", false);
        assert_int_equal(give(&w, k.server, NULL), 0);
        if (k.requests == id / 2)
            break;
        assert_int_equal(grpc_stream_send_message(k.last, BYTES(answer, sizeof answer)), 0);
        collect(&w, k.server);
        assert_true(grpc_stream_busy(k.last) == (id > 1)); /* from a sixteenth on */
    }
    assert_int_equal(k.requests, 32);
    contains(&w.log, "grpc-status=8;grpc-message=too much waits to be read on this connection;");
    /* An answer cannot grow either; its owner does not look, but its client is not told that this was all. */
    assert_int_equal(grpc_stream_send_message(k.last, BYTES(answer, sizeof answer)), ERROR_LIMIT);
    assert_int_equal(grpc_stream_finish(k.last, GRPC_OK, BYTES_NONE, BYTES_NONE, (struct grpc_metadata){NULL, 0}), 0);
    assert_int_equal(k.writable, 0);
    frame(&w, SETTINGS, 0, 0, BYTES(opened, sizeof opened));
    frame(&w, 8, 0, 0, BYTES(more, sizeof more));
    text_clear(&w.log);
    assert_int_equal(give(&w, k.server, NULL), 0);
    contains(&w.log, "HEADERS 63 end [grpc-status=8;grpc-message=a message was not sent");
    assert_int_equal(k.writable, 30);
    call(&w, id + 2, "Echo", true);
    assert_int_equal(give(&w, k.server, NULL), 0);
    contains(&w.log, "grpc-status=0;");
    end(&k, &w);
}

/* ---- a client and strange servers ---- */

static void client_side(void **state)
{
    (void)state;
    static const char ok[] = ":status: 200\ncontent-type: application/grpc";
    /* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order is that of reading. */
    static const struct {
        const char *what, *first;
        bool first_end;
        const char *body;
        size_t body_len;
        bool body_end;
        const char *trailers;
        int status;
        const char *message;
        size_t responses, messages;
    } table[] = {
        {"plain", ok, false, "\0\0\0\0\x01x", 6, false, "grpc-status: 0", GRPC_OK, "", 1, 1},
        {"message", ok, false, NULL, 0, false, "grpc-status: 5\ngrpc-message: n%C3%B6", GRPC_NOT_FOUND, "n\xc3\xb6", 1,
         0},
        {"trailers-only", ":status: 200\ncontent-type: application/grpc\ngrpc-status: 7\ngrpc-message: no", true, NULL,
         0, false, NULL, GRPC_PERMISSION_DENIED, "no", 0, 0},
        {"space at the end", ok, false, NULL, 0, false, "grpc-status: 5\ngrpc-message: no basket ", GRPC_NOT_FOUND,
         "no basket ", 1, 0},
        {"no field of HTTP/2", ok, false, NULL, 0, false, "grpc-status: 0\nConnection: close", GRPC_INTERNAL,
         "the server's answer breaks HTTP/2: Invalid HTTP header field", 1, 0},
        {"trailers without their end", ok, false, "\0\0\0\0\x01x", 6, false, ":status: 200", GRPC_INTERNAL,
         "the server's answer breaks HTTP/2: ", 1, 1},
        {"trailers-only, HTTP error", ":status: 503\ncontent-type: application/grpc\ngrpc-status: 9", true, NULL, 0,
         false, NULL, GRPC_FAILED_PRECONDITION, "", 0, 0},
        {"status 99", ok, false, NULL, 0, false, "grpc-status: 99\ngrpc-message: odd", GRPC_UNKNOWN, "odd", 1, 0},
        {"status word", ok, false, NULL, 0, false, "grpc-status: OK", GRPC_UNKNOWN, "", 1, 0},
        {"no status", ok, false, NULL, 0, false, "x-trailer: 1", GRPC_UNKNOWN, "without a grpc-status", 1, 0},
        {"no trailers", ok, false, "\0\0\0\0\x01x", 6, true, NULL, GRPC_INTERNAL, "without trailers", 1, 1},
        {"cut message", ok, false, "\0\0\0\0\x05x", 6, true, NULL, GRPC_INTERNAL, "middle of a message", 1, 0},
        {"cut message, OK", ok, false, "\0\0\0\0\x05x", 6, false, "grpc-status: 0", GRPC_INTERNAL,
         "middle of a message", 1, 0},
        {"cut message, error", ok, false, "\0\0\0\0\x05x", 6, false, "grpc-status: 14", GRPC_UNAVAILABLE, "", 1, 0},
        {"flag 7", ok, false, "\x07\0\0\0\x01x", 6, false, NULL, GRPC_INTERNAL, "flag 7", 1, 0},
        {"html", ":status: 200\ncontent-type: text/html", false, "<html>", 6, true, NULL, GRPC_UNKNOWN,
         "HTTP status 200, content-type \"text/html\"", 0, 0},
        {"headers only", ok, true, NULL, 0, false, NULL, GRPC_UNKNOWN, "without a grpc-status", 0, 0},
        {"400", ":status: 400", true, NULL, 0, false, NULL, GRPC_INTERNAL, "HTTP status 400", 0, 0},
        {"401", ":status: 401", true, NULL, 0, false, NULL, GRPC_UNAUTHENTICATED, "", 0, 0},
        {"403", ":status: 403", true, NULL, 0, false, NULL, GRPC_PERMISSION_DENIED, "", 0, 0},
        {"404", ":status: 404\ncontent-type: text/html", false, NULL, 0, false, NULL, GRPC_UNIMPLEMENTED, "", 0, 0},
        {"429", ":status: 429", true, NULL, 0, false, NULL, GRPC_UNAVAILABLE, "", 0, 0},
        {"502", ":status: 502", true, NULL, 0, false, NULL, GRPC_UNAVAILABLE, "", 0, 0},
        {"500", ":status: 500", true, NULL, 0, false, NULL, GRPC_UNKNOWN, "", 0, 0},
        {"compression never offered", ":status: 200\ncontent-type: application/grpc\ngrpc-encoding: snappy", false,
         NULL, 0, false, NULL, GRPC_INTERNAL, "snappy", 0, 0},
        {"bad binary", ":status: 200\ncontent-type: application/grpc\nx-bin: *", false, NULL, 0, false, NULL,
         GRPC_INTERNAL, "x-bin", 0, 0},
        {"bad details", ok, false, NULL, 0, false, "grpc-status: 3\ngrpc-status-details-bin: *", GRPC_INVALID_ARGUMENT,
         "", 1, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int half_closed = 0; half_closed < 2; half_closed++) {
            struct kit k;
            struct raw w;
            struct kit_call call;
            assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
            raw_init(&w);
            assert_int_equal(kit_start_path(&k, &call, "/a.B/C"), 0);
            if (half_closed)
                grpc_stream_half_close(call.stream);
            collect(&w, k.client);
            frame(&w, SETTINGS, 0, 0, BYTES_NONE);
            headers(&w, 1, false, ":status: 100"); /* informational answers are passed over */
            headers(&w, 1, table[i].first_end, table[i].first);
            if (table[i].body)
                frame(&w, DATA, table[i].body_end ? END_STREAM : 0, 1, BYTES(table[i].body, table[i].body_len));
            if (table[i].trailers)
                headers(&w, 1, true, table[i].trailers);
            assert_int_equal(give(&w, k.client, NULL), 0);
            if (call.status != table[i].status)
                print_error("%s: %s\n", table[i].what, grpc_status_name(call.status));
            assert_int_equal(call.finished, 1);
            assert_int_equal(call.closed, 1);
            assert_int_equal(call.status, table[i].status);
            contains(&call.message, table[i].message);
            assert_int_equal(call.responses, table[i].responses);
            assert_int_equal(call.messages, table[i].messages);
            kit_call_deinit(&call);
            raw_deinit(&w);
            kit_deinit(&k);
        }
    }
}

static void client_greeted_by_http1(void **state)
{
    (void)state;
    struct kit k;
    struct error err = ERROR_INIT;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/a.B/C"), 0);
    assert_int_equal(grpc_conn_receive(k.client, bytes_of("HT"), 1, &err), 0);
    assert_int_equal(grpc_conn_receive(k.client, bytes_of("TP/1.1 400 Bad Request\r\n"), 1, &err), ERROR_PROTOCOL);
    assert_string_equal(err.message, "the server does not speak HTTP/2: got \"HTTP/1.1 400 Bad Request\"");
    error_clear(&err);
    kit_drop_client(&k);
    assert_int_equal(call.status, GRPC_UNAVAILABLE);
    contains(&call.message, "does not speak HTTP/2");
    kit_call_deinit(&call);
    kit_deinit(&k);
}

/* Calls above the GOAWAY's last stream were never looked at and may be made again. */
static void goaway_below(void **state)
{
    (void)state;
    static const uint8_t goaway[] = {0, 0, 0, 1, 0, 0, 0, 0, 'b', 'y', 'e'};
    struct kit k;
    struct raw w;
    struct kit_call first, second;
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    raw_init(&w);
    assert_int_equal(kit_start_path(&k, &first, "/a.B/C"), 0);
    assert_int_equal(kit_start_path(&k, &second, "/a.B/C"), 0);
    collect(&w, k.client);
    frame(&w, SETTINGS, 0, 0, BYTES_NONE);
    frame(&w, GOAWAY, 0, 0, BYTES(goaway, sizeof goaway));
    assert_int_equal(give(&w, k.client, NULL), 0);
    assert_int_equal(first.finished, 0);
    assert_int_equal(second.status, GRPC_UNAVAILABLE);
    assert_true(second.unprocessed);
    assert_string_equal(text_string(&k.going_away_debug), "bye");
    assert_false(grpc_conn_done(k.client));
    headers(&w, 1, true, ":status: 200\ncontent-type: application/grpc\ngrpc-status: 0");
    grpc_stream_half_close(first.stream);
    assert_int_equal(give(&w, k.client, NULL), 0);
    assert_int_equal(first.status, GRPC_OK);
    assert_true(grpc_conn_done(k.client));
    kit_call_deinit(&first);
    kit_call_deinit(&second);
    raw_deinit(&w);
    kit_deinit(&k);
}

/* Bytes on the wire of one more call with this authorization. */
static size_t call_bytes(struct kit *k, const char *authorization)
{
    struct grpc_header item = {bytes_of("authorization"), bytes_of(authorization)};
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Headers"), .metadata = {&item, 1}};
    struct kit_call call;
    size_t before = k->client_bytes;
    char expected[1100];
    snprintf(expected, sizeof expected, "authorization=%s;", authorization);
    assert_int_equal(kit_start(k, &call, &r, NULL), 0);
    kit_pump(k);
    assert_int_equal(call.status, GRPC_OK);
    contains(&call.headers, expected);
    kit_call_deinit(&call);
    return k->client_bytes - before;
}

/* A long token is said twice, then named; what could be guessed is said every time. */
static void tokens_are_indexed(void **state)
{
    (void)state;
    char token[1001], other[1001];
    memset(token, 'a', 1000);
    memcpy(token, "Bearer ", 7);
    token[1000] = '\0';
    memcpy(other, token, sizeof token);
    other[500] = 'b'; /* differs where the encoder's hash does not look */
    struct kit k;
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    assert_true(call_bytes(&k, token) > 1000);
    assert_true(call_bytes(&k, token) > 1000);
    for (int i = 0; i < 5; i++)
        assert_true(call_bytes(&k, token) < 60);
    call_bytes(&k, other);
    call_bytes(&k, other);
    assert_true(call_bytes(&k, other) < 60);
    assert_true(call_bytes(&k, token) < 60);
    static const char brief[] = "Bearer 0123456789";
    static const char basic[] = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZUFsYWRkaW46b3BlbiBzZXNhbWVBbGFkZGluOm9wZW4gc2VzYW1l";
    for (int i = 0; i < 5; i++)
        assert_true(call_bytes(&k, basic) > sizeof basic);
    for (int i = 0; i < 5; i++)
        assert_true(call_bytes(&k, brief) >= call_bytes(&k, token) + strlen(brief));
    kit_deinit(&k);
}

/* Blocks larger than a frame, both ways, at each length around where the next CONTINUATION begins. */
static void long_blocks(void **state)
{
    (void)state;
    static char value[50001];
    memset(value, 'v', sizeof value - 1);
    for (size_t len = 16384 - 200; len<50000; len += len % 16384> 16384 - 250 ? 7 : 16384 - 250) {
        struct kit k;
        struct kit_call call;
        struct grpc_header item = {bytes_of("x-long"), BYTES(value, len)};
        struct grpc_request r = {.path = bytes_of("/kit.Echo/Headers"), .metadata = {&item, 1}};
        assert_int_equal(kit_init(&k, len, NULL, NULL), 0);
        assert_int_equal(kit_start(&k, &call, &r, NULL), 0);
        kit_pump(&k);
        assert_int_equal(call.status, GRPC_OK);
        assert_int_equal(call.headers.len, len + strlen("x-long=;"));
        assert_int_equal(call.trailers.len, call.headers.len);
        kit_call_deinit(&call);
        kit_deinit(&k);
    }
}

/* A server that keeps no table gets none: every block can be read on its own. */
static void peer_without_table(void **state)
{
    (void)state;
    static const uint8_t none[] = {0, NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0, 0, 0, 0};
    struct kit k;
    struct raw w;
    struct kit_call calls[4];
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    raw_init(&w);
    frame(&w, SETTINGS, 0, 0, BYTES(none, sizeof none));
    assert_int_equal(give(&w, k.client, NULL), 0);
    assert_int_equal(nghttp2_hd_inflate_change_table_size(w.inflater, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        text_clear(&w.log);
        assert_int_equal(kit_start_path(&k, &calls[i], "/a.B/C"), 0);
        collect(&w, k.client);
        contains(&w.log, ":path=/a.B/C;");
        assert_int_equal(nghttp2_hd_inflate_get_num_table_entries(w.inflater), 61);
    }
    kit_drop_client(&k);
    for (size_t i = 0; i < 4; i++)
        kit_call_deinit(&calls[i]);
    raw_deinit(&w);
    kit_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_side),
        cmocka_unit_test(timeout_zero),
        cmocka_unit_test(refused_while_open),
        cmocka_unit_test(metadata_too_large),
        cmocka_unit_test(preface),
        cmocka_unit_test(broken_frames),
        cmocka_unit_test(streams_that_are_over),
        cmocka_unit_test(skipped_in_one_piece),
        cmocka_unit_test(late_frames),
        cmocka_unit_test(half_here),
        cmocka_unit_test(too_many_pieces),
        cmocka_unit_test(header_bomb),
        cmocka_unit_test(made_to_reset),
        cmocka_unit_test(crowded),
        cmocka_unit_test(client_side),
        cmocka_unit_test(tokens_are_indexed),
        cmocka_unit_test(long_blocks),
        cmocka_unit_test(peer_without_table),
        cmocka_unit_test(client_greeted_by_http1),
        cmocka_unit_test(goaway_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
