/* Two TLS sessions joined in memory: what is trusted, what is refused and in which words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/failing.h"
#include "base/random.h"
#include "wire/grpc_kit.h"
#include "wire/tls.h"
#include "wire/tls_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tls_kit_cert ca, other_ca, server_cert, expired_cert, client_cert, stranger_cert;
static const char *const h2[] = {"h2", NULL};
static const char *const h2_or_http1[] = {"h2", "http/1.1", NULL};
static const char *const http1[] = {"http/1.1", NULL};

struct side {
    struct tls_session *session;
    struct text plain, cipher; /* received; to send */
    struct error err;
    int rc;
};
struct joined {
    struct side client, server;
    struct random random;
};

static struct tls_options client_options(void)
{
    return (struct tls_options){.ca_pem = ca.cert_pem, .alpn = h2, .time = TLS_KIT_NOW};
}

static struct tls_options server_options(void)
{
    return (struct tls_options){.server = true,
                                .certificate_pem = server_cert.cert_pem,
                                .key_pem = server_cert.key_pem,
                                .alpn = h2_or_http1,
                                .time = TLS_KIT_NOW};
}

static bool move(struct joined *j, struct side *from, struct side *to)
{
    size_t at = 0;
    bool moved = from->cipher.len > 0;
    while (at < from->cipher.len && to->rc == 0) {
        size_t left = from->cipher.len - at;
        size_t n = 1 + (size_t)random_below(&j->random, left);
        to->rc = tls_session_receive(to->session, BYTES(from->cipher.data + at, n), &to->plain, &to->cipher, &to->err);
        at += n;
    }
    text_clear(&from->cipher);
    return moved;
}

static void pump(struct joined *j)
{
    for (;;) {
        bool one = move(j, &j->client, &j->server), two = move(j, &j->server, &j->client);
        if (!one && !two)
            return;
    }
}

static void join(struct joined *j, const struct tls_options *c, const struct tls_options *s, const char *name)
{
    struct tls_context *cc, *sc;
    struct error err = ERROR_INIT;
    memset(j, 0, sizeof *j);
    random_seed(&j->random, 5);
    assert_int_equal(tls_context_new(c, &cc, &err), 0);
    assert_int_equal(tls_context_new(s, &sc, &err), 0);
    assert_int_equal(tls_session_new(cc, name, &j->client.session, &err), 0);
    assert_int_equal(tls_session_new(sc, NULL, &j->server.session, &err), 0);
    tls_context_free(cc); /* sessions live on */
    tls_context_free(sc);
    assert_int_equal(tls_session_start(j->client.session, &j->client.cipher, &err), 0);
    pump(j);
}

static void part(struct joined *j)
{
    struct side *sides[] = {&j->client, &j->server};
    for (int i = 0; i < 2; i++) {
        tls_session_free(sides[i]->session);
        text_deinit(&sides[i]->plain);
        text_deinit(&sides[i]->cipher);
        error_clear(&sides[i]->err);
    }
}

static void says(const struct side *s, int code, const char *words)
{
    assert_int_equal(s->rc, code);
    const char *message = s->err.message ? s->err.message : "(nothing)";
    if (!strstr(message, words))
        print_error("said: %s\n", message);
    assert_non_null(strstr(message, words));
}

static void handshake_and_data(void **state)
{
    (void)state;
    struct tls_options c = client_options(), s = server_options();
    struct joined j;
    static uint8_t data[100000];
    join(&j, &c, &s, "store.local");
    random_bytes(&j.random, data, sizeof data);
    assert_true(tls_session_ready(j.client.session));
    assert_true(tls_session_ready(j.server.session));
    assert_string_equal(tls_session_alpn(j.client.session), "h2");
    assert_string_equal(tls_session_alpn(j.server.session), "h2");
    for (int round = 0; round < 3; round++) {
        text_clear(&j.client.plain);
        text_clear(&j.server.plain);
        assert_int_equal(tls_session_send(j.client.session, BYTES(data, sizeof data), &j.client.cipher, NULL), 0);
        assert_int_equal(tls_session_send(j.server.session, BYTES(data, 10), &j.server.cipher, NULL), 0);
        pump(&j);
        assert_true(bytes_equal(text_bytes(&j.server.plain), BYTES(data, sizeof data)));
        assert_true(bytes_equal(text_bytes(&j.client.plain), BYTES(data, 10)));
    }
    tls_session_end(j.client.session, &j.client.cipher);
    pump(&j);
    says(&j.server, ERROR_CLOSED, "the peer ended the TLS session");
    assert_int_equal(tls_session_send(j.client.session, bytes_of("x"), &j.client.cipher, NULL), ERROR_CLOSED);
    part(&j);
}

static void names_and_trust(void **state)
{
    (void)state;
    static const char *const good[] = {"store.local", "127.0.0.1", "a.wild.local"};
    static const char *const bad[] = {"other.local", "127.0.0.2", "b.a.wild.local"};
    struct tls_options c = client_options(), s = server_options();
    struct joined j;
    for (size_t i = 0; i < 3; i++) {
        join(&j, &c, &s, good[i]);
        assert_true(tls_session_ready(j.client.session));
        part(&j);
        join(&j, &c, &s, bad[i]);
        assert_false(tls_session_ready(j.client.session));
        says(&j.client, ERROR_DENIED, "the server's certificate is not trusted");
        assert_int_equal(j.server.rc, ERROR_PROTOCOL); /* by the client's alert */
        part(&j);
    }
    c.ca_pem = other_ca.cert_pem;
    join(&j, &c, &s, "store.local");
    says(&j.client, ERROR_DENIED, "unable to get local issuer certificate");
    part(&j);
    c.insecure = true;
    c.ca_pem = NULL;
    join(&j, &c, &s, NULL);
    assert_true(tls_session_ready(j.client.session));
    part(&j);
    c = client_options();
    s.certificate_pem = expired_cert.cert_pem;
    s.key_pem = expired_cert.key_pem;
    join(&j, &c, &s, "store.local");
    says(&j.client, ERROR_DENIED, "certificate has expired");
    part(&j);
    c.time = TLS_KIT_NOW - INT64_C(5) * 24 * 3600; /* it was good then */
    join(&j, &c, &s, "store.local");
    assert_true(tls_session_ready(j.client.session));
    part(&j);
}

static void mutual(void **state)
{
    (void)state;
    struct tls_options c = client_options(), s = server_options();
    struct joined j;
    s.ca_pem = ca.cert_pem;
    c.certificate_pem = client_cert.cert_pem;
    c.key_pem = client_cert.key_pem;
    join(&j, &c, &s, "store.local");
    assert_true(tls_session_ready(j.server.session));
    assert_int_equal(tls_session_send(j.client.session, bytes_of("hi"), &j.client.cipher, NULL), 0);
    pump(&j);
    assert_string_equal(text_string(&j.server.plain), "hi");
    part(&j);
    c.certificate_pem = c.key_pem = NULL;
    join(&j, &c, &s, "store.local");
    assert_false(tls_session_ready(j.server.session));
    says(&j.server, ERROR_DENIED, "the client presented no certificate");
    assert_int_equal(j.client.rc, ERROR_PROTOCOL);
    part(&j);
    c.certificate_pem = stranger_cert.cert_pem;
    c.key_pem = stranger_cert.key_pem;
    join(&j, &c, &s, "store.local");
    says(&j.server, ERROR_DENIED, "the client's certificate is not trusted");
    part(&j);
}

static void alpn(void **state)
{
    (void)state;
    struct tls_options c = client_options(), s = server_options();
    struct joined j;
    c.alpn = http1;
    join(&j, &c, &s, "store.local");
    assert_string_equal(tls_session_alpn(j.server.session), "http/1.1");
    part(&j);
    s.alpn = h2;
    join(&j, &c, &s, "store.local");
    assert_false(tls_session_ready(j.client.session));
    says(&j.client, ERROR_PROTOCOL, "application protocol");
    part(&j);
    c.alpn = NULL;
    join(&j, &c, &s, "store.local");
    assert_true(tls_session_ready(j.client.session));
    assert_null(tls_session_alpn(j.client.session));
    part(&j);
}

static void strange_peers(void **state)
{
    (void)state;
    static const struct {
        bool server;
        const char *bytes, *words;
    } table[] = {
        {true, "GET / HTTP/1.1\r\n\r\n", "the peer does not speak TLS"},
        {true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the peer does not speak TLS"},
        {false, "HTTP/1.1 400 Bad Request\r\n\r\n", "the peer does not speak TLS"},
        {true, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "TLS handshake"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tls_options o = table[i].server ? server_options() : client_options();
        struct tls_context *context;
        struct side s = {0};
        assert_int_equal(tls_context_new(&o, &context, &s.err), 0);
        assert_int_equal(tls_session_new(context, "store.local", &s.session, &s.err), 0);
        assert_int_equal(tls_session_start(s.session, &s.cipher, &s.err), 0);
        size_t len = i == 3 ? 10 : strlen(table[i].bytes);
        s.rc = tls_session_receive(s.session, BYTES(table[i].bytes, len), &s.plain, &s.cipher, &s.err);
        says(&s, ERROR_PROTOCOL, table[i].words);
        assert_int_equal(tls_session_receive(s.session, bytes_of("x"), &s.plain, &s.cipher, NULL), ERROR_CLOSED);
        tls_session_free(s.session);
        tls_context_free(context);
        text_deinit(&s.plain);
        text_deinit(&s.cipher);
        error_clear(&s.err);
    }
}

static void bad_options(void **state)
{
    (void)state;
    static const char not_pem[] = "this is no PEM";
    const struct {
        struct tls_options options;
        int code;
        const char *words;
    } table[] = {
        {{.server = true}, ERROR_INVALID, "needs a certificate and its key"},
        {{.certificate_pem = client_cert.cert_pem}, ERROR_INVALID, "come together"},
        {{.certificate_pem = not_pem, .key_pem = client_cert.key_pem}, ERROR_SYNTAX, "cannot read the certificate"},
        {{.certificate_pem = client_cert.cert_pem, .key_pem = not_pem}, ERROR_SYNTAX, "cannot read the private key"},
        {{.certificate_pem = client_cert.cert_pem, .key_pem = server_cert.key_pem}, ERROR_INVALID, "does not belong"},
        {{.ca_pem = not_pem}, ERROR_SYNTAX, "cannot read the CA"},
        {{.ca_pem = client_cert.key_pem}, ERROR_SYNTAX, "cannot read the CA"},
        {{.alpn = (const char *const[]){"", NULL}}, ERROR_INVALID, "ALPN"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tls_context *context = NULL;
        struct error err = ERROR_INIT;
        assert_int_equal(tls_context_new(&table[i].options, &context, &err), table[i].code);
        if (!strstr(err.message, table[i].words))
            print_error("row %zu said: %s\n", i, err.message);
        assert_non_null(strstr(err.message, table[i].words));
        error_clear(&err);
    }
    struct tls_options c = client_options();
    struct tls_context *context;
    struct tls_session *session;
    struct error err = ERROR_INIT;
    assert_int_equal(tls_context_new(&c, &context, &err), 0);
    assert_int_equal(tls_session_new(context, NULL, &session, &err), ERROR_INVALID);
    error_clear(&err);
    tls_context_free(context);
}

/* gRPC over TLS, whole: the way rpc/ stacks them. */
static void grpc_inside(void **state)
{
    (void)state;
    struct tls_options c = client_options(), s = server_options();
    struct joined j;
    struct kit k;
    struct kit_call call;
    join(&j, &c, &s, "store.local");
    assert_int_equal(kit_init(&k, 1, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Echo"), 0);
    static uint8_t data[300000];
    grpc_stream_send_message(call.stream, BYTES(data, sizeof data));
    grpc_stream_half_close(call.stream);
    for (int idle = 0; idle < 2; idle++) {
        struct grpc_conn *conns[] = {k.client, k.server};
        struct side *sides[] = {&j.client, &j.server};
        for (int i = 0; i < 2; i++) {
            struct text out = TEXT_INIT;
            if (grpc_conn_send(conns[i], &out, 100000) > 0) {
                idle = 0;
                assert_int_equal(tls_session_send(sides[i]->session, text_bytes(&out), &sides[i]->cipher, NULL), 0);
            }
            text_deinit(&out);
        }
        pump(&j);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(grpc_conn_receive(conns[i], text_bytes(&sides[i]->plain), 1, NULL), 0);
            text_clear(&sides[i]->plain);
        }
    }
    assert_int_equal(call.status, GRPC_OK);
    assert_int_equal(call.body.len, sizeof data);
    kit_call_deinit(&call);
    kit_deinit(&k);
    part(&j);
}

/* Our own allocations, one by one; OpenSSL's are its own. */
static void out_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct tls_options c = client_options(), s = server_options();
        struct tls_context *cc = NULL, *sc = NULL;
        struct joined j = {0};
        random_seed(&j.random, 1);
        failing_arm(n);
        if (tls_context_new(&c, &cc, NULL) == 0 && tls_context_new(&s, &sc, NULL) == 0 &&
            tls_session_new(cc, "store.local", &j.client.session, NULL) == 0 &&
            tls_session_new(sc, NULL, &j.server.session, NULL) == 0) {
            tls_session_start(j.client.session, &j.client.cipher, NULL);
            pump(&j);
            tls_session_send(j.client.session, bytes_of("x"), &j.client.cipher, NULL);
            pump(&j);
        }
        bool hit = failing_hit();
        failing_disarm();
        tls_context_free(cc);
        tls_context_free(sc);
        part(&j);
        if (!hit)
            return;
    }
}

static int make_certificates(void **state)
{
    (void)state;
    static const char names[] = "DNS:store.local,DNS:*.wild.local,IP:127.0.0.1";
    bool fine = tls_kit_make(&ca, "CA", NULL, NULL, false) && tls_kit_make(&other_ca, "Other CA", NULL, NULL, false) &&
                tls_kit_make(&server_cert, "store", names, &ca, false) &&
                tls_kit_make(&expired_cert, "store", names, &ca, true) &&
                tls_kit_make(&client_cert, "client", "DNS:client", &ca, false) &&
                tls_kit_make(&stranger_cert, "stranger", "DNS:stranger", &other_ca, false);
    return fine ? 0 : -1;
}

static int free_certificates(void **state)
{
    (void)state;
    struct tls_kit_cert *all[] = {&ca, &other_ca, &server_cert, &expired_cert, &client_cert, &stranger_cert};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tls_kit_free(all[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_and_data),
        cmocka_unit_test(names_and_trust),
        cmocka_unit_test(mutual),
        cmocka_unit_test(alpn),
        cmocka_unit_test(strange_peers),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(grpc_inside),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
