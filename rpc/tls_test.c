/* Calls over TLS, and the ways a handshake ends badly. */
#include "rpc/test_fixture.h"

#include "wire/tls_kit.h"

#define MS ((uint64_t)MILLISECOND)

static const char *const h2[] = {"h2", NULL};
static const char *const http1[] = {"http/1.1", NULL};

static struct tls_context *server_context(const struct tls_kit_cert *i, const char *const *alpn)
{
    struct tls_options o = {.server = true, .certificate_pem = i->cert_pem, .key_pem = i->key_pem, .alpn = alpn};
    struct tls_context *c = NULL;
    assert_int_equal(tls_context_new(&o, &c, NULL), 0);
    return c;
}

static struct tls_context *client_context(const struct tls_kit_cert *trusted)
{
    struct tls_options o = {.ca_pem = trusted->cert_pem, .alpn = h2, .time = TLS_KIT_NOW};
    struct tls_context *c = NULL;
    assert_int_equal(tls_context_new(&o, &c, NULL), 0);
    return c;
}

/* Connects with that context; the status of a call, and what it says if that is not OK. */
static int status_with(struct fixture *f, struct tls_context *tls, const char *authority, struct text *why)
{
    struct rpc_channel_options options = {.addresses = f->servers[0].address, .authority = authority, .tls = tls};
    fixture_connect(f, &options);
    struct fixture_answer a;
    Harrow__Test__Order order;
    order_init(&order, "secret");
    struct rpc_request extra = {.timeout = 3000 * MS};
    fixture_call(f, "Unary", &order, &extra, &a);
    int status = a.answer.reply.status;
    text_clear(why);
    text_add(why, a.answer.reply.message.data, a.answer.reply.message.len);
    fixture_answer_free(&a);
    return status;
}

static void calls_over_tls(void **state)
{
    struct fixture *f = *state;
    struct tls_kit_cert good, other;
    struct text why = TEXT_INIT;
    assert_true(tls_kit_make(&good, "server.example", "DNS:server.example", NULL, false));
    assert_true(tls_kit_make(&other, "server.example", "DNS:server.example", NULL, false));
    struct tls_context *server = server_context(&good, h2), *trusts = client_context(&good),
                       *distrusts = client_context(&other);
    struct rpc_server_options options = {.tls = server};
    fixture_serve(f, 0, &options);

    assert_int_equal(status_with(f, trusts, "server.example", &why), GRPC_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    /* more than one TLS record, both ways */
    Harrow__Test__Order order;
    order_init(&order, "large");
    order.count = 200;
    order.size = 50000;
    struct record r;
    fixture_open(f, &r, "Down", &order, NULL);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    assert_int_equal(r.bytes, 10000000);

    assert_int_equal(status_with(f, distrusts, "server.example", &why), GRPC_UNAVAILABLE);
    assert_non_null(strstr(text_string(&why), "cannot connect"));
    assert_non_null(strstr(text_string(&why), "certificate"));
    assert_int_equal(status_with(f, trusts, "another.example", &why), GRPC_UNAVAILABLE);
    assert_non_null(strstr(text_string(&why), "cannot connect"));
    assert_int_equal(status_with(f, NULL, NULL, &why), GRPC_UNAVAILABLE); /* plaintext to a TLS port */
    assert_non_null(strstr(text_string(&why), f->servers[0].address));

    /* the other way round: TLS to a plaintext port */
    fixture_stop(f, 0);
    fixture_serve(f, 0, NULL);
    assert_int_equal(status_with(f, trusts, "server.example", &why), GRPC_UNAVAILABLE);
    /* a TLS server that speaks something else */
    fixture_stop(f, 0);
    tls_context_free(server);
    server = server_context(&good, http1);
    options.tls = server;
    fixture_serve(f, 0, &options);
    assert_int_equal(status_with(f, trusts, "server.example", &why), GRPC_UNAVAILABLE);

    fixture_stop(f, 0);
    rpc_channel_free(f->channel);
    f->channel = NULL;
    tls_context_free(server);
    tls_context_free(trusts);
    tls_context_free(distrusts);
    tls_kit_free(&good);
    tls_kit_free(&other);
    text_deinit(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(calls_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
