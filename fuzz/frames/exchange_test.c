/* What a peer must not send is noticed, and what it may is not. */
#include "base/test.h"

#include "fuzz/frames/exchange.h"

#include <stdio.h>

#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define OK_HEAD  "\0\0\1\1\4\0\0\0\1\x88" /* HEADERS 1: :status 200 */

struct sample {
    const char *name;
    const char *bytes;
    size_t len;
    const char *rule; /* part of what is said; NULL: nothing is wrong */
};

#define SAMPLE(name, bytes, rule)                                                                                      \
    {                                                                                                                  \
        name, bytes, sizeof(bytes) - 1, rule                                                                           \
    }

static void open_call(struct exchange *x)
{
    struct text out = TEXT_INIT;
    text_puts(&out, FRAME_PREFACE);
    frame_put(&out, FRAME_SETTINGS, 0, 0, BYTES_NONE);
    frame_put(&out, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, BYTES("\x83", 1));
    frame_put(&out, FRAME_PING, 0, 0, BYTES("12345678", 8));
    assert_int_equal(exchange_start(x), 0);
    /* byte by byte: pieces are put together */
    for (size_t i = 0; i < out.len; i++)
        assert_int_equal(exchange_sent(x, BYTES(out.data + i, 1)), 0);
    assert_true(exchange_clean(x));
    assert_int_equal(x->settings_sent, 1);
    assert_int_equal(x->pings_sent, 1);
    text_deinit(&out);
}

static void rules(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        SAMPLE("a plain answer", SETTINGS "\0\0\0\4\1\0\0\0\0" OK_HEAD "\0\0\2\0\0\0\0\0\1hi", NULL),
        SAMPLE("no SETTINGS",
               "\0\0\x08\6\1\0\0\0\0"
               "12345678",
               "first frame is SETTINGS"),
        SAMPLE("SETTINGS of 5",
               "\0\0\5\4\0\0\0\0\0"
               "12345",
               "no multiple of 6"),
        SAMPLE("push enabled", "\0\0\6\4\0\0\0\0\0\0\2\0\0\0\1", "ENABLE_PUSH"),
        SAMPLE("window huge", "\0\0\6\4\0\0\0\0\0\0\4\x80\0\0\0", "INITIAL_WINDOW_SIZE"),
        SAMPLE("frame size low", "\0\0\6\4\0\0\0\0\0\0\5\0\0\0\1", "MAX_FRAME_SIZE"),
        SAMPLE("two ACKs",
               SETTINGS "\0\0\0\4\1\0\0\0\0"
                        "\0\0\0\4\1\0\0\0\0",
               "more SETTINGS ACKs"),
        SAMPLE("two PING ACKs",
               SETTINGS "\0\0\x08\6\1\0\0\0\0"
                        "12345678"
                        "\0\0\x08\6\1\0\0\0\0"
                        "12345678",
               "more PING ACKs"),
        SAMPLE("PING of 7",
               SETTINGS "\0\0\7\6\0\0\0\0\0"
                        "1234567",
               "not of 8 bytes"),
        SAMPLE("frame too long", SETTINGS "\0\x40\1\0\0\0\0\0\1", "longer than we take"),
        SAMPLE("DATA first", SETTINGS "\0\0\2\0\0\0\0\0\1hi", "in front of the response"),
        SAMPLE("DATA of nobody", SETTINGS "\0\0\2\0\0\0\0\0\3hi", "did not open"),
        SAMPLE("DATA behind the end",
               SETTINGS OK_HEAD "\0\0\0\0\1\0\0\0\1"
                                "\0\0\0\0\0\0\0\0\1",
               "itself ended"),
        SAMPLE("padding", SETTINGS OK_HEAD "\0\0\2\0\x08\0\0\0\1\5.", "more padding"),
        SAMPLE("no :status", SETTINGS "\0\0\5\1\4\0\0\0\1\0\1a\1b", "without :status"),
        SAMPLE(":status late", SETTINGS "\0\0\6\1\4\0\0\0\1\0\1a\1b\x88", "behind regular"),
        SAMPLE(":path", SETTINGS "\0\0\2\1\4\0\0\0\1\x88\x84", "no other pseudo"),
        SAMPLE("upper case", SETTINGS "\0\0\6\1\4\0\0\0\1\x88\0\1A\1b", "upper case"),
        SAMPLE("connection",
               SETTINGS "\0\0\x0f\1\4\0\0\0\1\x88\0\x0a"
                        "connection\1x",
               "connection-specific"),
        SAMPLE("index 0", SETTINGS "\0\0\1\1\4\0\0\0\1\x80", "does not decode"),
        SAMPLE("cut field", SETTINGS "\0\0\2\1\4\0\0\0\1\x88\x40", "does not decode"),
        SAMPLE("trailers go on", SETTINGS OK_HEAD "\0\0\5\1\4\0\0\0\1\0\1a\1b", "without END_STREAM"),
        SAMPLE("interrupted",
               SETTINGS "\0\0\1\1\0\0\0\0\1\x88"
                        "\0\0\x08\6\1\0\0\0\0"
                        "12345678",
               "interrupted"),
        SAMPLE("CONTINUATION", SETTINGS "\0\0\1\x09\4\0\0\0\1\x88", "CONTINUATION of nothing"),
        SAMPLE("in pieces",
               SETTINGS "\0\0\0\1\0\0\0\0\1"
                        "\0\0\1\x09\4\0\0\0\1\x88",
               NULL),
        SAMPLE("push", SETTINGS "\0\0\5\5\4\0\0\0\1\0\0\0\2\x82", "PUSH_PROMISE"),
        SAMPLE("window 0", SETTINGS "\0\0\4\x08\0\0\0\0\0\0\0\0\0", "WINDOW_UPDATE of nothing"),
        SAMPLE("window of nobody", SETTINGS "\0\0\4\x08\0\0\0\0\x09\0\0\0\1", "never named"),
        SAMPLE("RST of nobody", SETTINGS "\0\0\4\3\0\0\0\0\x09\0\0\0\1", "never named"),
        SAMPLE("GOAWAY rises",
               SETTINGS "\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0"
                        "\0\0\x08\7\0\0\0\0\0\0\0\0\3\0\0\0\0",
               "higher last stream"),
        SAMPLE("unknown type", SETTINGS "\0\0\1\xbe\0\0\0\0\0x", NULL),
    };
    struct exchange x = EXCHANGE_INIT;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *s = &samples[i];
        open_call(&x);
        for (size_t at = 0; at < s->len; at++)
            assert_int_equal(exchange_received(&x, BYTES(s->bytes + at, 1)), 0);
        if (s->rule ? !x.violation || !strstr(x.violation, s->rule) : x.violation != NULL)
            fail_msg("%s: %s", s->name, x.violation ? x.violation : "nothing");
    }
    exchange_deinit(&x);
}

static void an_answer_is_read(void **state)
{
    (void)state;
    static const char trailers[] = "\0\0\x0f\1\5\0\0\0\1\0\x0bgrpc-status\1"
                                   "0";
    struct exchange x = EXCHANGE_INIT;
    open_call(&x);
    assert_int_equal(exchange_received(&x, BYTES(SETTINGS OK_HEAD, 9 + 10)), 0);
    assert_int_equal(exchange_received(&x, BYTES(trailers, sizeof trailers - 1)), 0);
    const struct exchange_stream *s = exchange_find(&x, 1);
    assert_non_null(s);
    assert_true(s->answered && s->ended && !s->reset);
    assert_int_equal(s->http_status, 200);
    assert_int_equal(s->grpc_status, 0);
    assert_null(x.violation);
    assert_null(exchange_find(&x, 3));
    exchange_closed(&x, 0);
    struct text out = TEXT_INIT;
    exchange_print(&x, &out);
    assert_non_null(strstr(text_string(&out), "stream 1: :status 200 grpc-status 0 ended\n"));
    assert_non_null(strstr(text_string(&out), "closed: orderly\n"));
    text_deinit(&out);
    exchange_deinit(&x);
}

/* Flow control: what was granted may come, a byte more may not. */
static void windows(void **state)
{
    (void)state;
    static const char data[16384];
    for (int on_stream = 0; on_stream < 2; on_stream++) {
        struct exchange x = EXCHANGE_INIT;
        struct text in = TEXT_INIT, out = TEXT_INIT;
        open_call(&x);
        frame_put(&out, FRAME_WINDOW_UPDATE, 0, on_stream ? 0 : 1, BYTES("\0\0\1\0", 4));
        frame_put(&out, FRAME_WINDOW_UPDATE, 0, on_stream ? 1 : 0, BYTES("\0\0\0\1", 4));
        assert_int_equal(exchange_sent(&x, text_bytes(&out)), 0);
        text_add(&in, SETTINGS OK_HEAD, 9 + 10);
        for (int i = 0; i < 4; i++)
            frame_put(&in, FRAME_DATA, 0, 1, BYTES(data, sizeof data)); /* 65,536: one was granted */
        assert_int_equal(exchange_received(&x, text_bytes(&in)), 0);
        assert_null(x.violation);
        text_clear(&in);
        frame_put(&in, FRAME_DATA, 0, 1, BYTES(data, 1));
        assert_int_equal(exchange_received(&x, text_bytes(&in)), 0);
        assert_non_null(x.violation);
        assert_non_null(strstr(x.violation, on_stream ? "stream's window" : "connection's window"));
        text_deinit(&in);
        text_deinit(&out);
        exchange_deinit(&x);
    }
}

/* What answers hold is told apart from what comes with it: DATA frames are whole, but for empty ones. */
static void content_is_counted(void **state)
{
    (void)state;
    struct exchange x = EXCHANGE_INIT;
    struct text in = TEXT_INIT;
    open_call(&x);
    text_add(&in, SETTINGS OK_HEAD, 9 + 10);
    frame_put(&in, FRAME_DATA, 0, 1, BYTES("abcd", 4));
    frame_put(&in, FRAME_DATA, 0, 1, BYTES("e", 1));
    frame_put(&in, FRAME_DATA, 0, 1, BYTES_NONE);
    assert_int_equal(exchange_received(&x, text_bytes(&in)), 0);
    assert_null(x.violation);
    assert_int_equal(x.data_received, 5);
    assert_int_equal(x.content_received, 5 + 2 * FRAME_HEAD_SIZE);
    text_deinit(&in);
    exchange_deinit(&x);
}

/* Our own broken bytes end what is known, and are never held against the peer. */
static void broken_bytes(void **state)
{
    (void)state;
    struct exchange x = EXCHANGE_INIT;
    assert_int_equal(exchange_start(&x), 0);
    assert_int_equal(exchange_sent(&x, bytes_of("GET / HTTP/1.1\r\n\r\n")), 0);
    assert_true(x.broken);
    assert_false(exchange_clean(&x));
    assert_int_equal(exchange_received(&x, bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n")), 0);
    assert_true(x.not_http2);
    assert_null(x.violation);
    assert_true(exchange_over(&x));
    assert_int_equal(exchange_start(&x), 0);
    assert_int_equal(exchange_sent(&x, bytes_of(FRAME_PREFACE)), 0);
    assert_true(exchange_clean(&x));
    assert_int_equal(exchange_sent(&x, BYTES("\0\0\1\1\0\0\0\0\1\x83", 10)), 0);
    assert_false(exchange_clean(&x)); /* a header block is open */
    assert_int_equal(exchange_sent(&x, BYTES("\0\0\0\x09\4\0\0\0\1", 9)), 0);
    assert_true(exchange_clean(&x));
    assert_int_equal(exchange_sent(&x, BYTES("\0\0\1", 3)), 0);
    assert_false(exchange_clean(&x)); /* a frame is */
    /* Half a HEADERS frame may be answered already. */
    open_call(&x);
    assert_int_equal(exchange_sent(&x, BYTES("\0\0\5\1\4\0\0\0\5\x80", 10)), 0);
    assert_int_equal(exchange_received(&x, BYTES(SETTINGS "\0\0\4\3\0\0\0\0\5\0\0\0\1", 9 + 13)), 0);
    assert_null(x.violation);
    assert_false(exchange_clean(&x));
    exchange_deinit(&x);
}

/* Thousands of streams are kept apart. */
static void many_streams(void **state)
{
    (void)state;
    struct exchange x = EXCHANGE_INIT;
    for (int round = 0; round < 2; round++) {
        open_call(&x);
        for (uint32_t id = 3; id < 6000; id += 2) {
            struct text out = TEXT_INIT;
            frame_put(&out, FRAME_HEADERS, FRAME_END_HEADERS, id, BYTES("\x83", 1));
            assert_int_equal(exchange_sent(&x, text_bytes(&out)), 0);
            text_deinit(&out);
        }
        for (uint32_t id = 1; id < 6000; id += 2)
            assert_true(exchange_find(&x, id) && exchange_find(&x, id)->opened);
        assert_null(exchange_find(&x, 6001));
        assert_null(exchange_find(&x, 2));
    }
    exchange_deinit(&x);
}

static void say_table(struct exchange *x, uint32_t size)
{
    struct text out = TEXT_INIT;
    frame_put_head(&out, 6, FRAME_SETTINGS, 0, 0);
    frame_put_setting(&out, FRAME_SETTING_TABLE_SIZE, size);
    assert_int_equal(exchange_sent(x, text_bytes(&out)), 0);
    text_deinit(&out);
}

/* A smaller table holds from the ACK on, and the next block begins by saying so (RFC 7541, 4.2). */
static void a_smaller_table_is_insisted_on(void **state)
{
#define ACK     "\0\0\0\4\1\0\0\0\0"
#define RESIZED "\0\0\2\1\4\0\0\0\1\x20\x88" /* HEADERS 1: a table of 0 bytes, :status 200 */
    (void)state;
    static const struct {
        struct sample of;
        bool stock;
    } samples[] = {
        {SAMPLE("before the ACK", SETTINGS ACK OK_HEAD, NULL), false},
        {SAMPLE("behind it", SETTINGS ACK ACK OK_HEAD, "smaller table"), false},
        {SAMPLE("and resized", SETTINGS ACK ACK RESIZED, NULL), false},
        {SAMPLE("libraries are left alone", SETTINGS ACK ACK OK_HEAD, NULL), true},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct exchange x = EXCHANGE_INIT;
        x.stock = samples[i].stock;
        open_call(&x);
        say_table(&x, 0);
        assert_int_equal(exchange_received(&x, BYTES(samples[i].of.bytes, samples[i].of.len)), 0);
        const char *rule = samples[i].of.rule;
        if (rule ? !x.violation || !strstr(x.violation, rule) : x.violation != NULL)
            fail_msg("%s: %s", samples[i].of.name, x.violation ? x.violation : "nothing");
        exchange_deinit(&x);
    }
    /* More than can be remembered: then nothing is insisted on. */
    struct exchange x = EXCHANGE_INIT;
    open_call(&x);
    for (size_t i = 0; i < EXCHANGE_TABLES_MAX + 2; i++)
        say_table(&x, i % 2 == 0 ? 0 : 4096);
    assert_true(x.tables_unknown);
    assert_int_equal(exchange_received(&x, BYTES(SETTINGS ACK ACK OK_HEAD, sizeof(SETTINGS ACK ACK OK_HEAD) - 1)), 0);
    assert_null(x.violation);
    exchange_deinit(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(windows),
        cmocka_unit_test(content_is_counted),
        cmocka_unit_test(broken_bytes),
        cmocka_unit_test(many_streams),
        cmocka_unit_test(a_smaller_table_is_insisted_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
