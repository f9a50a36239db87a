/* Calls over TLS, and the ways a handshake ends badly. */
#include "rpc/test_fixture.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define MS ((uint64_t)MILLISECOND)

static const char *const h2[] = {"h2", NULL};
static const char *const http1[] = {"http/1.1", NULL};

struct identity {
    struct text certificate, key;
};

static void take_pem(BIO *bio, struct text *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    text_add(out, data, (size_t)len);
    assert_int_equal(BIO_reset(bio), 1);
}

/* Self-signed, for the name; good for an hour either way. */
static void make_identity(const char *name, struct identity *out)
{
    memset(out, 0, sizeof *out);
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(pair && x && bio);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, pair);
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    struct text alternative = TEXT_INIT;
    text_printf(&alternative, "DNS:%s", name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text_string(&alternative));
    assert_non_null(extension);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    text_deinit(&alternative);
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    take_pem(bio, &out->certificate);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
    take_pem(bio, &out->key);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(pair);
}

static void free_identity(struct identity *i)
{
    text_deinit(&i->certificate);
    text_deinit(&i->key);
}

static struct tls_context *server_context(const struct identity *i, const char *const *alpn)
{
    struct tls_options o = {
        .server = true, .certificate_pem = text_string(&i->certificate), .key_pem = text_string(&i->key), .alpn = alpn};
    struct tls_context *c = NULL;
    assert_int_equal(tls_context_new(&o, &c, NULL), 0);
    return c;
}

static struct tls_context *client_context(const struct identity *trusted)
{
    struct tls_options o = {.ca_pem = text_string(&trusted->certificate), .alpn = h2};
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
    struct identity good, other;
    struct text why = TEXT_INIT;
    make_identity("server.example", &good);
    make_identity("server.example", &other);
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
    free_identity(&good);
    free_identity(&other);
    text_deinit(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(calls_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
