/* HTTPS: the server behind TLS, called by curl, and what happens to clients that do not get through a handshake. */
#include "base/log.h"
#include "base/units.h"
#include "rpc/http.h"
#include "world/real.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

/* A certificate for localhost that nobody signed but itself. */
static void make_certificate(struct text *certificate, struct text *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    assert_true(pair != NULL && x != NULL && bio != NULL);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_int_equal(X509_set_pubkey(x, pair), 1);
    X509_NAME *name = X509_get_subject_name(x);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    long len = BIO_get_mem_data(bio, &data);
    text_add(certificate, data, (size_t)len);
    assert_int_equal(BIO_reset(bio), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &data);
    text_add(key, data, (size_t)len);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(pair);
}

static struct tls_context *make_context(void)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct text certificate = TEXT_INIT, key = TEXT_INIT;
    struct tls_context *context = NULL;
    struct error err = ERROR_INIT;
    make_certificate(&certificate, &key);
    struct tls_options options = {
        .server = true, .certificate_pem = text_string(&certificate), .key_pem = text_string(&key), .alpn = alpn};
    if (tls_context_new(&options, &context, &err) != 0)
        fail_msg("%s", err.message);
    text_deinit(&certificate);
    text_deinit(&key);
    return context;
}

static void handle(void *arg, struct http_exchange *x)
{
    static const char big[3 << 20] = {0};
    (void)arg;
    if (strcmp(http_path(x), "/big") == 0)
        http_respond(x, 200, "application/octet-stream", BYTES(big, sizeof big));
    else
        http_respond(x, 200, "text/plain", http_body(x).len == 0 ? bytes_of("over TLS") : http_body(x));
}

struct child {
    struct text output;
    struct world_exit status;
    bool over;
};

static void child_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    (void)fd;
    text_add(&c->output, line.data, line.len);
    text_char(&c->output, '\n');
}

static void child_exited(void *arg, struct world_exit status)
{
    struct child *c = arg;
    c->status = status;
    c->over = true;
}

static bool child_over(void *arg)
{
    return ((struct child *)arg)->over;
}

static void test_curl(void **state)
{
    (void)state;
    static const struct world_process_events events = {child_output, child_exited};
    struct world *w = NULL;
    struct http_server *server = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(world_real_new(1, &w, &err), 0);
    struct tls_context *tls = make_context();
    assert_int_equal(http_server_new(w, &(struct http_server_options){.tls = tls}, handle, NULL, &server, &err), 0);
    assert_int_equal(http_server_listen(server, "127.0.0.1:0", &err), 0);
    char url[2][64];
    (void)snprintf(url[0], sizeof url[0], "https://localhost:%d/", http_server_port(server));
    (void)snprintf(url[1], sizeof url[1], "https://localhost:%d/big", http_server_port(server));
    const char *const calls[][12] = {
        {"curl", "-sSk", "--noproxy", "*", "--max-time", "20", url[0], NULL},
        {"curl", "-sSk", "--noproxy", "*", "--max-time", "20", "-d", "sent over TLS", url[0], NULL},
        {"curl", "-sSk", "--noproxy", "*", "--max-time", "20", "-o", "/dev/null", "-w", "%{size_download}", url[1],
         NULL},
        {"curl", "-sSkv", "--noproxy", "*", "--max-time", "20", url[0], url[0], NULL},
    };
    const char *const wanted[] = {"over TLS", "sent over TLS", "3145728", "Re-using existing connection"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct child child = {0};
        struct world_process *p = NULL;
        struct world_spawn spawn = {.name = "curl", .argv = calls[i]};
        assert_int_equal(world_process_spawn(w, &spawn, &events, &child, &p, &err), 0);
        assert_int_equal(world_run_until(w, child_over, &child, 30 * (uint64_t)SECOND), 0);
        world_process_close(p);
        if (child.status.code != 0 || strstr(text_string(&child.output), wanted[i]) == NULL)
            fail_msg("curl exited with %d and said '%s'", child.status.code, text_string(&child.output));
        text_deinit(&child.output);
    }
    http_server_free(server);
    tls_context_free(tls);
    world_real_free(w);
}

struct stranger {
    struct text in;
    bool ended;
};

static void on_readable(void *arg, struct bytes data)
{
    text_add(&((struct stranger *)arg)->in, data.data, data.len);
}

static void on_ended(void *arg, int reason)
{
    (void)reason;
    ((struct stranger *)arg)->ended = true;
}

static bool has_ended(void *arg)
{
    return ((struct stranger *)arg)->ended;
}

/* Plaintext, the beginning of a handshake, nothing: each is cut off in the time a head may take, and told nothing that
 * looks like HTTP. */
static void test_strangers(void **state)
{
    (void)state;
    static const struct world_stream_events events = {.readable = on_readable, .ended = on_ended};
    static const char *const says[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x01", ""};
    struct sim *s = sim_new(&(struct sim_options){.seed = 3});
    assert_non_null(s);
    struct world *w = sim_node(s, "web"), *user = sim_node(s, "user");
    struct http_server *server = NULL;
    struct tls_context *tls = make_context();
    assert_int_equal(http_server_new(w, &(struct http_server_options){.tls = tls}, handle, NULL, &server, NULL), 0);
    assert_int_equal(http_server_listen(server, "0.0.0.0:443", NULL), 0);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        struct stranger stranger = {0};
        struct world_stream *stream = NULL;
        uint64_t started = world_now(user);
        assert_int_equal(world_connect(user, "web:443", &events, &stranger, &stream, NULL), 0);
        assert_int_equal(world_stream_write(stream, bytes_of(says[i])), 0);
        assert_int_equal(world_run_until(user, has_ended, &stranger, 30 * (uint64_t)SECOND), 0);
        assert_true(world_now(user) - started < 12 * (uint64_t)SECOND);
        assert_null(strstr(text_string(&stranger.in), "HTTP"));
        world_stream_close(stream);
        text_deinit(&stranger.in);
    }
    http_server_free(server);
    tls_context_free(tls);
    sim_free(s);
}

/* A client that is through the handshake, and then sends one record a byte at a time. */
struct dawdler {
    struct tls_session *tls;
    struct text cipher, plain;
    struct world_stream *stream;
    bool ended;
};

static void dawdler_flush(struct dawdler *d)
{
    if (d->cipher.len != 0)
        assert_int_equal(world_stream_write(d->stream, text_bytes(&d->cipher)), 0);
    text_clear(&d->cipher);
}

static void dawdler_connected(void *arg)
{
    struct dawdler *d = arg;
    assert_int_equal(tls_session_start(d->tls, &d->cipher, NULL), 0);
    dawdler_flush(d);
}

static void dawdler_readable(void *arg, struct bytes data)
{
    struct dawdler *d = arg;
    (void)tls_session_receive(d->tls, data, &d->plain, &d->cipher, NULL); /* the end of it all is seen in `ended` */
    if (!d->ended)
        dawdler_flush(d);
}

static void dawdler_ended(void *arg, int reason)
{
    (void)reason;
    ((struct dawdler *)arg)->ended = true;
}

static void test_half_a_record(void **state)
{
    (void)state;
    static const struct world_stream_events events = {
        .connected = dawdler_connected, .readable = dawdler_readable, .ended = dawdler_ended};
    struct sim *s = sim_new(&(struct sim_options){.seed = 4});
    assert_non_null(s);
    struct world *w = sim_node(s, "web"), *user = sim_node(s, "user");
    struct http_server *server = NULL;
    struct tls_context *tls = make_context(), *client = NULL;
    struct dawdler d = {0};
    const struct http_server_options options = {.tls = tls, .idle_timeout = 20 * (uint64_t)SECOND};
    assert_int_equal(http_server_new(w, &options, handle, NULL, &server, NULL), 0);
    assert_int_equal(http_server_listen(server, "0.0.0.0:443", NULL), 0);
    assert_int_equal(tls_context_new(&(struct tls_options){.insecure = true}, &client, NULL), 0);
    assert_int_equal(tls_session_new(client, "localhost", &d.tls, NULL), 0);
    assert_int_equal(world_connect(user, "web:443", &events, &d, &d.stream, NULL), 0);
    assert_int_equal(sim_run_for(s, (uint64_t)SECOND), 0);
    assert_true(tls_session_ready(d.tls));
    struct text record = TEXT_INIT;
    assert_int_equal(tls_session_send(d.tls, bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &record, NULL), 0);
    uint64_t started = world_now(user);
    for (size_t i = 0; i < 10 && !d.ended; i++) {
        assert_int_equal(world_stream_write(d.stream, BYTES(record.data + i, 1)), 0);
        assert_int_equal(sim_run_for(s, 5 * (uint64_t)SECOND), 0);
    }
    assert_true(d.ended);
    assert_true(world_now(user) - started <= 25 * (uint64_t)SECOND);
    world_stream_close(d.stream);
    text_deinit(&record);
    text_deinit(&d.cipher);
    text_deinit(&d.plain);
    tls_session_free(d.tls);
    http_server_free(server);
    tls_context_free(client);
    tls_context_free(tls);
    sim_free(s);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_curl), cmocka_unit_test(test_strangers),
                                       cmocka_unit_test(test_half_a_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
