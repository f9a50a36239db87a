/* The HTTP/1.1 parser against tables of messages, each fed whole, byte by byte and cut at every place: the same events
 * and the same verdict every time. */
#include "wire/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

struct record {
    struct text events;
    bool in_body;
    struct http1_parser *parser;
    const char *upgrade_on; /* call http1_parser_upgrade() at this target */
    struct text rest;
};

static void on_head(void *arg, const struct http1_head *head)
{
    struct record *r = arg;
    if (head->response)
        text_printf(&r->events, "[%d '%.*s'", head->status, (int)head->reason.len, (const char *)head->reason.data);
    else
        text_printf(&r->events, "[%.*s %.*s", (int)head->method.len, (const char *)head->method.data,
                    (int)head->target.len, (const char *)head->target.data);
    text_printf(&r->events, " 1.%d len=%lld%s%s%s", head->minor, (long long)head->length,
                head->keep_alive ? " keep" : "", head->upgrade ? " upgrade" : "",
                head->expects_continue ? " continue" : "");
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http1_header *h = &head->headers[i];
        text_printf(&r->events, "|%.*s=%.*s", (int)h->name.len, (const char *)h->name.data, (int)h->value.len,
                    (const char *)h->value.data);
    }
    text_char(&r->events, ']');
    r->in_body = false;
    if (r->upgrade_on != NULL && bytes_is(head->target, r->upgrade_on)) {
        struct bytes rest;
        http1_parser_upgrade(r->parser, &rest);
        text_add(&r->rest, rest.data, rest.len);
    }
}

static void on_body(void *arg, struct bytes piece)
{
    struct record *r = arg;
    assert_true(piece.len != 0);
    if (!r->in_body)
        text_puts(&r->events, "body:");
    r->in_body = true;
    text_add(&r->events, piece.data, piece.len);
}

static void on_complete(void *arg)
{
    struct record *r = arg;
    text_puts(&r->events, ";");
}

static const struct http1_events events = {on_head, on_body, on_complete};

#define BODY_MAX 1000

struct outcome {
    int code, suggested;
    struct text events, message;
};

/* `cut` SIZE_MAX: byte by byte; else in two pieces. Each piece is a heap copy of its exact size, so that ASan sees a
 * read beyond it. */
static void run(bool responses, struct bytes input, size_t cut, bool no_body, bool end, struct outcome *out)
{
    struct record r = {0};
    struct error err = ERROR_INIT;
    *out = (struct outcome){0};
    assert_int_equal(http1_parser_new(responses, BODY_MAX, &events, &r, &r.parser), 0);
    if (no_body)
        http1_parser_no_body(r.parser);
    size_t at = 0;
    while (at < input.len && out->code == 0) {
        size_t len = cut == SIZE_MAX ? 1 : at < cut ? cut : input.len;
        if (len > input.len - at)
            len = input.len - at;
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, input.data + at, len);
        out->code = http1_parser_feed(r.parser, BYTES(copy, len), &out->suggested, &err);
        free(copy);
        at += len;
    }
    bool fed = out->code == 0;
    if (fed && end)
        out->code = http1_parser_end(r.parser, &err);
    if (out->code != 0)
        error_format(&err, &out->message);
    if (!fed) { /* once failed, always failed */
        int suggested = 0;
        assert_int_equal(http1_parser_feed(r.parser, bytes_of("GET / HTTP/1.1\r\n\r\n"), &suggested, NULL), out->code);
        assert_int_equal(suggested, out->suggested);
    }
    out->events = r.events;
    error_clear(&err);
    http1_parser_free(r.parser);
    text_deinit(&r.rest);
}

static void outcome_deinit(struct outcome *o)
{
    text_deinit(&o->events);
    text_deinit(&o->message);
}

struct example {
    const char *input, *events; /* events NULL: refused with `status` */
    const char *message;        /* a part of the refusal */
    int status;
    bool no_body, end;
};

static void check(const struct example *e, bool responses)
{
    struct bytes input = bytes_of(e->input);
    struct outcome whole, part;
    run(responses, input, input.len, e->no_body, e->end, &whole);
    if (e->events != NULL) {
        if (whole.code != 0)
            print_message("%s\n%s\n", e->input, text_string(&whole.message));
        assert_int_equal(whole.code, 0);
        assert_string_equal(text_string(&whole.events), e->events);
    } else {
        if (whole.code == 0)
            print_message("not refused: %s\n", e->input);
        assert_true(whole.code == ERROR_PROTOCOL || whole.code == ERROR_LIMIT);
        assert_int_equal(whole.suggested, e->status);
        if (e->message != NULL && strstr(text_string(&whole.message), e->message) == NULL)
            fail_msg("'%s' does not say '%s'", text_string(&whole.message), e->message);
    }
    for (size_t cut = 0; cut <= input.len; cut++) {
        run(responses, input, cut == 0 ? SIZE_MAX : cut, e->no_body, e->end, &part);
        assert_int_equal(part.code, whole.code);
        assert_int_equal(part.suggested, whole.suggested);
        assert_string_equal(text_string(&part.events), text_string(&whole.events));
        assert_string_equal(text_string(&part.message), text_string(&whole.message));
        outcome_deinit(&part);
    }
    outcome_deinit(&whole);
}

#define HOST "Host: a\r\n"

static const struct example requests[] = {
    {.input = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .events = "[GET / 1.1 len=0 keep|Host=a];"},
    {.input = "GET / HTTP/1.0\r\n\r\n", .events = "[GET / 1.0 len=0];"},
    {.input = "GET / HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n",
     .events = "[GET / 1.0 len=0 keep|Connection=foo, Keep-Alive];"},
    {.input = "GET / HTTP/1.9\r\nHost:\r\n\r\n", .events = "[GET / 1.1 len=0 keep|Host=];"},
    {.input = "\r\n\r\nGET /a?b=%20c HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
     .events = "[GET /a?b=%20c 1.1 len=0|Host=[::1]:80|Connection=close];"},
    {.input = "POST /x HTTP/1.1\r\nhost: a:8080\r\ncontent-length: 5\r\n\r\nhello",
     .events = "[POST /x 1.1 len=5 keep|host=a:8080|content-length=5]body:hello;"},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\n" HOST "\r\n",
     .events = "[POST / 1.1 len=2 keep|Host=a|Content-Length=2]body:ab;[GET /2 1.1 len=0 keep|Host=a];"},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
     .events = "[POST / 1.1 len=0 keep|Host=a|Content-Length=0];"},
    {.input = "POST / HTTP/1.1\r\n" HOST
              "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
     .events = "[POST / 1.1 len=-1 keep|Host=a|Transfer-Encoding=Chunked]body:abc0123456789;"},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\nSum: 9\r\nX: \r\n\r\n"
              "GET /n HTTP/1.1\r\n" HOST "\r\n",
     .events = "[POST / 1.1 len=-1 keep|Host=a|Transfer-Encoding=chunked]body:z;[GET /n 1.1 len=0 keep|Host=a];"},
    {.input = "PUT / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
     .events = "[PUT / 1.1 len=1 keep continue|Host=a|Expect=100-Continue|Content-Length=1]body:x;"},
    {.input = "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
     .events = "[GET /ws 1.1 len=0 keep upgrade|Host=a|Upgrade=websocket|Connection=keep-alive, Upgrade];"},
    {.input = "GET / HTTP/1.1\r\n" HOST "A: \t b c \t \r\nB:\xc3\xa9\r\nC:\r\n\r\n",
     .events = "[GET / 1.1 len=0 keep|Host=a|A=b c|B=\xc3\xa9|C=];"},
    {.input = "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", .events = "[OPTIONS * 1.1 len=0 keep|Host=a];"},
    {.input = "CONNECT a.b:443 HTTP/1.1\r\n" HOST "\r\n", .events = "[CONNECT a.b:443 1.1 len=0 keep|Host=a];"},
    {.input = "GET HTTP://a/b HTTP/1.1\r\n" HOST "\r\n", .events = "[GET HTTP://a/b 1.1 len=0 keep|Host=a];"},
    {.input = "", .events = "", .end = true},

    /* start lines */
    {.input = "GET /\r\n\r\n", .status = 400, .message = "line 1, column 6"},
    {.input = "GET  / HTTP/1.1\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/1.1 \r\n\r\n", .status = 400, .message = "line 1, column 15: something behind the version"},
    {.input = "GET / HTTP/1.1\n\n", .status = 400, .message = "LF without CR"},
    {.input = "GET / http/1.1\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/11\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/2.0\r\n\r\n", .status = 505},
    {.input = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .status = 505},
    {.input = "G(T / HTTP/1.1\r\n\r\n", .status = 400, .message = "column 2: a byte no method may hold"},
    {.input = "\x16\x03\x01", .status = 400},
    {.input = "GET /a\x7f HTTP/1.1\r\n\r\n", .status = 400},
    {.input = "GET /a#b HTTP/1.1\r\n\r\n", .status = 400},
    {.input = "GET a HTTP/1.1\r\n" HOST "\r\n", .status = 400, .message = "does not fit the method"},
    {.input = "GET * HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.input = "CONNECT / HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.input = "CONNECT a HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.input = "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", .status = 400},
    {.input = "\rGET / HTTP/1.1\r\n", .status = 400},
    {.input = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\n", .status = 501},

    /* headers */
    {.input = "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", .status = 400, .message = "line 3, column 2: a space before"},
    {.input = "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
     .status = 400,
     .message = "line 4, column 1: a header line"},
    {.input = "GET / HTTP/1.1\r\n " HOST "\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/1.1\r\n" HOST "A\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", .status = 400, .message = "CR without LF"},
    {.input = "GET / HTTP/1.1\r\n" HOST "A: b\nC: d\r\n\r\n", .status = 400, .message = "LF without CR"},
    {.input = "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", .status = 400, .message = "control character"},
    {.input = "GET / HTTP/1.1\r\n" HOST "\rX", .status = 400},
    {.input = "GET / HTTP/1.1\r\n\r\n", .status = 400, .message = "Host is missing"},
    {.input = "GET / HTTP/1.1\r\n" HOST "host: b\r\n\r\n", .status = 400, .message = "Host is repeated"},
    {.input = "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .status = 400, .message = "Host is not"},
    {.input = "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .status = 400},
    {.input = "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .status = 400},

    /* framing: what two parsers might read differently */
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
     .status = 400,
     .message = "together"},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", .status = 413},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", .status = 501},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", .status = 501},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", .status = 501},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", .status = 400},
    {.input = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n",
     .status = 400},
    {.input = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .status = 400},

/* chunks */
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
    {.input = CHUNKED "\r\n", .status = 400, .message = "expected a chunk size"},
    {.input = CHUNKED "0x1\r\na\r\n", .status = 400},
    {.input = CHUNKED " 1\r\na\r\n", .status = 400},
    {.input = CHUNKED "1 \r\na\r\n", .status = 400},
    {.input = CHUNKED "-1\r\n", .status = 400},
    {.input = CHUNKED "1\na\r\n", .status = 400},
    {.input = CHUNKED "1\rXa\r\n", .status = 400},
    {.input = CHUNKED "1;a\n\r\n", .status = 400},
    {.input = CHUNKED "1\r\nab\r\n", .status = 400, .message = "longer than its size"},
    {.input = CHUNKED "1\r\na\rX", .status = 400},
    {.input = CHUNKED "0000000000000000001\r\na\r\n", .status = 400},
    {.input = CHUNKED "ffffffffffffffff\r\n", .status = 400},
    {.input = CHUNKED "3e9\r\n", .status = 413},
    {.input = CHUNKED "2\r\nab\r\n3e7\r\n", .status = 413},
    {.input = CHUNKED "0\r\nA : b\r\n\r\n", .status = 400},
    {.input = CHUNKED "0\r\nA: b\nX\r\n\r\n", .status = 400},

    /* ends */
    {.input = "GET / HT", .status = 0, .end = true, .message = "ended in the middle"},
    {.input = CHUNKED "5\r\nab", .status = 0, .end = true},
    {.input = "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab", .status = 0, .end = true},
};

static const struct example responses[] = {
    {.input = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
     .events = "[200 'OK' 1.1 len=2 keep|Content-Length=2]body:hi;"},
    {.input = "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", .events = "[200 '' 1.1 len=0 keep|Content-Length=0];"},
    {.input = "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", .events = "[404 '' 1.1 len=0 keep|Content-Length=0];"},
    {.input = "HTTP/1.1 200 OK\r\n\r\nto the end", .events = "[200 'OK' 1.1 len=-1]body:to the end;", .end = true},
    {.input = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
     .events = "[200 'OK' 1.0 len=1 keep|Connection=keep-alive|Content-Length=1]body:x;"},
    {.input = "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
     .events = "[204 'No Content' 1.1 len=0 keep|Content-Length=7];[304 'Not Modified' 1.1 len=0 keep];"},
    {.input = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
     .no_body = true,
     .events = "[200 'OK' 1.1 len=0 keep|Content-Length=99];"},
    {.input = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
     .no_body = true,
     .events = "[100 'Continue' 1.1 len=0 keep];[200 'OK' 1.1 len=0 keep|Content-Length=99];"},
    {.input =
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\nHTTP/1.1 201 Created\r\n\r\n",
     .events = "[200 'OK' 1.1 len=-1 keep|Transfer-Encoding=chunked]body:a;[201 'Created' 1.1 len=-1];",
     .end = true},
    {.input = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x81\x00 other bytes",
     .events = "[101 'Switching Protocols' 1.1 len=0 keep upgrade|Upgrade=x|Connection=upgrade];"},
    {.input = "HTTP/1.1 99 x\r\n", .status = 0},
    {.input = "HTTP/1.1 600 x\r\n", .status = 0},
    {.input = "HTTP/1.1 20 x\r\n", .status = 0},
    {.input = "HTTP/1.1 2000 x\r\n", .status = 0},
    {.input = "HTTP/3.1 200 x\r\n", .status = 0},
    {.input = "HTP/1.1 200 OK\r\n", .status = 0},
    {.input = "HTTP/1.1200 OK\r\n", .status = 0},
    {.input = "HTTP/1.1 200 O\x02K\r\n", .status = 0},
    {.input = "HTTP/1.1 200 OK\nA: b\n\n", .status = 0},
    {.input = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .status = 0},
    {.input = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .status = 0},
    {.input = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", .status = 0, .end = true},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        check(&requests[i], false);
}

static void test_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        check(&responses[i], true);
}

/* Each limit: at it all is well, one beyond is refused with its status. Whole and byte by byte. */
static void limit(const struct text *at, const struct text *beyond, int status)
{
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        struct outcome o;
        run(false, text_bytes(at), bytewise ? SIZE_MAX : at->len, false, false, &o);
        assert_int_equal(o.code, 0);
        assert_int_equal(text_string(&o.events)[o.events.len - 1], ';');
        outcome_deinit(&o);
        run(false, text_bytes(beyond), bytewise ? SIZE_MAX : beyond->len, false, false, &o);
        assert_int_equal(o.code, ERROR_LIMIT);
        assert_int_equal(o.suggested, status);
        outcome_deinit(&o);
    }
}

static void fill(struct text *t, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_char(t, 'a');
}

static void test_limits(void **state)
{
    (void)state;
    struct text t[2] = {TEXT_INIT, TEXT_INIT};
    for (size_t i = 0; i < 2; i++) { /* target */
        text_puts(&t[i], "GET /");
        fill(&t[i], HTTP1_TARGET_MAX - 1 + i);
        text_puts(&t[i], " HTTP/1.1\r\n" HOST "\r\n");
    }
    limit(&t[0], &t[1], 414);
    for (size_t i = 0; i < 2; i++) { /* number of headers */
        text_clear(&t[i]);
        text_puts(&t[i], "GET / HTTP/1.1\r\n" HOST);
        for (size_t k = 0; k < HTTP1_HEADERS_MAX - 1 + i; k++)
            text_puts(&t[i], "a: b\r\n");
        text_puts(&t[i], "\r\n");
    }
    limit(&t[0], &t[1], 431);
    for (size_t i = 0; i < 2; i++) { /* bytes of a head */
        text_clear(&t[i]);
        text_puts(&t[i], "GET / HTTP/1.1\r\n" HOST "a: ");
        fill(&t[i], HTTP1_HEAD_MAX - t[i].len - 4 + i);
        text_puts(&t[i], "\r\n\r\n");
    }
    limit(&t[0], &t[1], 431);
    for (size_t i = 0; i < 2; i++) { /* method */
        text_clear(&t[i]);
        fill(&t[i], HTTP1_METHOD_MAX + i);
        text_puts(&t[i], " / HTTP/1.1\r\n" HOST "\r\n");
    }
    limit(&t[0], &t[1], 501);
    for (size_t i = 0; i < 2; i++) { /* body in chunks */
        text_clear(&t[i]);
        text_puts(&t[i], CHUNKED "3e7\r\n");
        fill(&t[i], 999);
        text_printf(&t[i], "\r\n%zu\r\n", 1 + i);
        fill(&t[i], 1 + i);
        text_puts(&t[i], "\r\n0\r\n\r\n");
    }
    limit(&t[0], &t[1], 413);
    for (size_t i = 0; i < 2; i++) { /* chunk extension */
        text_clear(&t[i]);
        text_puts(&t[i], CHUNKED "1;");
        fill(&t[i], HTTP1_CHUNK_LINE_MAX - 3 + i);
        text_puts(&t[i], "\r\na\r\n0\r\n\r\n");
    }
    limit(&t[0], &t[1], 400);
    text_deinit(&t[0]);
    text_deinit(&t[1]);
}

static void test_upgrade(void **state)
{
    (void)state;
    const char *input = "GET /ws HTTP/1.1\r\n" HOST "Upgrade: x\r\nConnection: upgrade\r\n\r\nraw bytes";
    size_t head = strlen(input) - strlen("raw bytes");
    for (size_t cut = 1; cut <= strlen(input); cut++) {
        struct record r = {.upgrade_on = "/ws"};
        assert_int_equal(http1_parser_new(false, BODY_MAX, &events, &r, &r.parser), 0);
        assert_int_equal(http1_parser_feed(r.parser, BYTES(input, cut), NULL, NULL), 0);
        assert_int_equal(http1_parser_feed(r.parser, bytes_of(input + cut), NULL, NULL), 0);
        struct text expected = TEXT_INIT;
        if (cut >= head) /* the rest of the piece the head ended in; later pieces are the caller's own */
            text_add(&expected, input + head, cut - head);
        else
            text_puts(&expected, "raw bytes");
        assert_string_equal(text_string(&r.rest), text_string(&expected));
        assert_null(strchr(text_string(&r.events), ';'));
        assert_int_equal(http1_parser_end(r.parser, NULL), 0);
        text_deinit(&expected);
        text_deinit(&r.rest);
        text_deinit(&r.events);
        http1_parser_free(r.parser);
    }
}

struct pauser {
    struct http1_parser *parser;
    int heads, completes;
};

static void pause_head(void *arg, const struct http1_head *head)
{
    (void)head;
    ((struct pauser *)arg)->heads++;
}

static void pause_complete(void *arg)
{
    struct pauser *p = arg;
    p->completes++;
    http1_parser_pause(p->parser);
}

static void test_pause(void **state)
{
    (void)state;
    static const struct http1_events pausing = {pause_head, on_body, pause_complete};
    struct pauser p = {0};
    assert_int_equal(http1_parser_new(false, 0, &pausing, &p, &p.parser), 0);
    struct bytes left = bytes_of("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\nGET /3");
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(http1_parser_feed(p.parser, left, NULL, NULL), 0);
        assert_int_equal(p.heads, i);
        assert_int_equal(p.completes, i);
        assert_true(http1_parser_idle(p.parser));
        left = http1_parser_unread(p.parser);
    }
    assert_true(bytes_is(left, "GET /3"));
    assert_int_equal(http1_parser_feed(p.parser, left, NULL, NULL), 0);
    assert_int_equal(http1_parser_unread(p.parser).len, 0);
    assert_false(http1_parser_idle(p.parser));
    http1_parser_free(p.parser);
}

static void test_writers(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    http1_write_request(&t, "GET", "/a");
    assert_true(http1_write_header(&t, "Host", bytes_of("x")));
    assert_false(http1_write_header(&t, "Bad name", bytes_of("x")));
    assert_false(http1_write_header(&t, "", bytes_of("x")));
    assert_false(http1_write_header(&t, "A", bytes_of("x\r\nInjected: 1")));
    assert_false(http1_write_header(&t, "A", bytes_of("x\ny")));
    assert_false(http1_write_header(&t, "A", BYTES("a\0b", 3)));
    http1_write_end(&t);
    assert_string_equal(text_string(&t), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    text_clear(&t);
    http1_write_response(&t, 404);
    http1_write_response(&t, 299);
    assert_string_equal(text_string(&t), "HTTP/1.1 404 Not Found\r\nHTTP/1.1 299 Status\r\n");
    text_clear(&t);
    http1_write_chunk(&t, bytes_of("0123456789abcdefX"));
    http1_write_chunk(&t, BYTES_NONE);
    assert_string_equal(text_string(&t), "11\r\n0123456789abcdefX\r\n0\r\n\r\n");
    text_deinit(&t);
}

static void test_url_decode(void **state)
{
    (void)state;
    static const struct {
        const char *in, *plain, *plus; /* NULL: refused */
    } table[] = {
        {"", "", ""},         {"a+b", "a+b", "a b"}, {"%41%7a%2F", "Az/", "Az/"}, {"%c3%A9", "\xc3\xa9", "\xc3\xa9"},
        {"%", NULL, NULL},    {"%4", NULL, NULL},    {"%4g", NULL, NULL},         {"a%zz", NULL, NULL},
        {"%2B+", "++", "+ "}, {"%%41", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (int plus = 0; plus < 2; plus++) {
            const char *expected = plus ? table[i].plus : table[i].plain;
            struct text out = TEXT_INIT;
            assert_int_equal(http1_url_decode(bytes_of(table[i].in), plus, &out), expected != NULL);
            if (expected != NULL)
                assert_string_equal(text_string(&out), expected);
            text_deinit(&out);
        }
    }
}

static void test_lookup(void **state)
{
    (void)state;
    const struct http1_header headers[] = {{BYTES("Accept", 6), BYTES("a, B;q=1 ,c", 11)},
                                           {BYTES("accept", 6), BYTES("d", 1)}};
    struct http1_head head = {.headers = headers, .header_count = 2};
    assert_true(bytes_is(http1_find(&head, "ACCEPT"), "a, B;q=1 ,c"));
    assert_null(http1_find(&head, "Accep").data);
    assert_true(http1_list_has(&head, "accept", "C"));
    assert_true(http1_list_has(&head, "accept", "D"));
    assert_false(http1_list_has(&head, "accept", "b"));
    assert_true(http1_is_token(bytes_of("M-SEARCH")));
    assert_false(http1_is_token(bytes_of("A B")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_responses),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_upgrade),  cmocka_unit_test(test_pause),      cmocka_unit_test(test_writers),
        cmocka_unit_test(test_lookup),   cmocka_unit_test(test_url_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
