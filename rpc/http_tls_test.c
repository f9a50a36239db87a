/* HTTPS: the server behind TLS, called by curl, and what happens to clients that do not get through a handshake. */
#include "base/log.h"
#include "base/test.h"
#include "base/units.h"
#include "rpc/http.h"
#include "wire/tls_kit.h"
#include "world/real.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>

static struct tls_context *make_context(void)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct tls_kit_cert cert;
    struct tls_context *context = NULL;
    struct error err = ERROR_INIT;
    assert_true(tls_kit_make(&cert, "localhost", "DNS:localhost", NULL, false));
    struct tls_options options = {
        .server = true, .certificate_pem = cert.cert_pem, .key_pem = cert.key_pem, .alpn = alpn};
    if (tls_context_new(&options, &context, &err) != 0)
        fail_msg("%s", err.message);
    tls_kit_free(&cert);
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
    const char *const calls[][14] = {
        {"curl", "-q", "-sSk", "--noproxy", "*", "--max-time", "60", url[0], NULL},
        {"curl", "-q", "-sSk", "--noproxy", "*", "--max-time", "60", "-d", "sent over TLS", url[0], NULL},
        {"curl", "-q", "-sSk", "--noproxy", "*", "--max-time", "60", "-o", "/dev/null", "-w", "%{size_download}",
         url[1], NULL},
        {"curl", "-q", "-sSkv", "--noproxy", "*", "--max-time", "60", url[0], url[0], NULL},
    };
    const char *const wanted[] = {"over TLS", "sent over TLS", "3145728", "using existing "}; /* Re-using, Reusing */
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct child child = {0};
        struct world_process *p = NULL;
        struct world_spawn spawn = {.name = "curl", .argv = calls[i]};
        assert_int_equal(world_process_spawn(w, &spawn, &events, &child, &p, &err), 0);
        assert_int_equal(world_run_until(w, child_over, &child, 90 * (uint64_t)SECOND), 0);
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
