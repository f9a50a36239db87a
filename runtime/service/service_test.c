/* The parts of the framework that need no world: tokens, errors, and what components are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "proto/errors/errors.pb-c.h"
#include "proto/set.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/internal.h"
#include "runtime/service/key_cache.h"
#include "runtime/service/service.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

#define NOW INT64_C(1767225600)

static void sign(int64_t expires, struct text *token)
{
    static const char *const scopes[] = {"admin", "\"quoted\"", NULL};
    const struct micro_claims claims = {
        .subject = "jane", .type = "user", .issuer = "micro", .name = "Jane Dœ", .scopes = scopes, .expires = expires};
    assert_int_equal(micro_token_sign(sim_private_key, &claims, token, NULL), 0);
}

static int verify(const char *pem, const char *token, struct error *err)
{
    struct arena arena = ARENA_INIT;
    struct micro_claims claims;
    int rc = micro_token_verify(pem, token, NOW, &arena, &claims, err);
    arena_deinit(&arena);
    return rc;
}

static void token_round_trip(void **state)
{
    (void)state;
    struct text token = TEXT_INIT, again = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct micro_claims claims;
    sign(NOW + 60, &token);
    assert_int_equal(micro_token_verify(sim_public_key, text_string(&token), NOW, &arena, &claims, NULL), 0);
    assert_string_equal(claims.subject, "jane");
    assert_string_equal(claims.type, "user");
    assert_string_equal(claims.issuer, "micro");
    assert_string_equal(claims.name, "Jane Dœ");
    assert_string_equal(claims.scopes[0], "admin");
    assert_string_equal(claims.scopes[1], "\"quoted\"");
    assert_null(claims.scopes[2]);
    assert_int_equal(claims.expires, NOW + 60);
    sign(NOW + 60, &again); /* the same claims give the same token: a simulation depends on it */
    assert_string_equal(text_string(&token), text_string(&again));
    arena_deinit(&arena);
    text_deinit(&token);
    text_deinit(&again);
}

static void token_refusals(void **state)
{
    (void)state;
    struct text token = TEXT_INIT, forged = TEXT_INIT;
    struct error err = ERROR_INIT;
    sign(NOW + 60, &token);
    assert_int_equal(verify(sim_spare_keys[0].public_pem, text_string(&token), &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "signature"));

    text_clear(&forged); /* every single character counts */
    text_puts(&forged, text_string(&token));
    for (size_t i = 0; i < forged.len; i += 7) {
        char kept = forged.data[i];
        forged.data[i] = kept == 'A' ? 'B' : 'A';
        if (verify(sim_public_key, text_string(&forged), &err) == 0)
            fail_msg("a token changed at %zu was accepted", i);
        forged.data[i] = kept;
    }

    text_clear(&token);
    sign(NOW, &token);
    assert_int_equal(verify(sim_public_key, text_string(&token), &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "expired"));

    /* no algorithm, and a public key used as an HMAC secret, the two classics */
    text_clear(&forged);
    base64_encode_url(&forged, bytes_of("{\"alg\":\"none\"}"));
    text_puts(&forged, strchr(text_string(&token), '.'));
    assert_int_equal(verify(sim_public_key, text_string(&forged), &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "RS256"));
    text_clear(&forged);
    base64_encode_url(&forged, bytes_of("{\"alg\":\"HS256\"}"));
    text_puts(&forged, strchr(text_string(&token), '.'));
    assert_int_equal(verify(sim_public_key, text_string(&forged), &err), ERROR_DENIED);

    static const char *const shapes[] = {"", ".", "..", "a.b", "a.b.c.d", "...", "\xff\xfe.\x01.\x02"};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        assert_int_equal(verify(sim_public_key, shapes[i], &err), ERROR_DENIED);
    assert_int_equal(verify("no key", text_string(&token), &err), ERROR_INVALID);
    error_clear(&err);
    text_deinit(&token);
    text_deinit(&forged);
}

/* Signed by hand, for claims and headers micro_token_sign() never writes. */
static void sign_text(const char *header, const char *claims, struct text *token)
{
    unsigned char signature[1024];
    size_t len = sizeof signature;
    BIO *bio = BIO_new_mem_buf(sim_private_key, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    text_clear(token);
    base64_encode_url(token, bytes_of(header));
    text_char(token, '.');
    base64_encode_url(token, bytes_of(claims));
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, (const unsigned char *)text_string(token), token->len),
                     1);
    text_char(token, '.');
    base64_encode_url(token, BYTES(signature, len));
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

/* RFC 7519, 4.1.5: not before; RFC 7515, 4.1.11: critical headers. */
static void token_begins_and_is_understood(void **state)
{
    (void)state;
    static const char plain[] = "{\"alg\":\"RS256\"}";
    struct text token = TEXT_INIT;
    struct error err = ERROR_INIT;
    sign_text(plain, "{\"sub\":\"jane\",\"exp\":1767225660,\"nbf\":1767225600}", &token); /* from now on */
    assert_int_equal(verify(sim_public_key, text_string(&token), &err), 0);
    sign_text(plain, "{\"sub\":\"jane\",\"exp\":1767225660,\"nbf\":1767225601}", &token);
    assert_int_equal(verify(sim_public_key, text_string(&token), &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "not valid yet"));
    sign_text(plain, "{\"sub\":\"jane\",\"exp\":1767225660,\"nbf\":\"soon\"}", &token);
    assert_int_equal(verify(sim_public_key, text_string(&token), &err), ERROR_DENIED);
    sign_text("{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", "{\"sub\":\"jane\",\"exp\":1767225660}", &token);
    assert_int_equal(verify(sim_public_key, text_string(&token), &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "critical"));
    error_clear(&err);
    text_deinit(&token);
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static void error_parsing(void **state)
{
    (void)state;
    struct micro_error e;
    micro_error_parse(
        GRPC_NOT_FOUND,
        bytes_of("{\"id\":\"store.Store.Read\",\"code\":404,\"detail\":\"not found\",\"status\":\"Not Found\"}"), &e);
    assert_int_equal(e.code, 404);
    assert_string_equal(e.id, "store.Store.Read");
    assert_string_equal(e.detail, "not found");
    micro_error_parse(GRPC_UNKNOWN, bytes_of("{\"Id\":\"a\",\"Code\":409,\"Detail\":\"old\"}"), &e);
    assert_int_equal(e.code, 409);
    assert_string_equal(e.detail, "old");
    micro_error_parse(GRPC_UNAVAILABLE, bytes_of("connection refused"), &e);
    assert_int_equal(e.code, 503);
    assert_string_equal(e.id, "go.micro.client");
    assert_string_equal(e.detail, "connection refused");
    micro_error_parse(GRPC_INTERNAL, bytes_of("{\"code\":\"404\"}"), &e);
    assert_int_equal(e.code, 500);
    micro_error_parse(GRPC_INTERNAL, BYTES_NONE, &e);
    assert_int_equal(e.code, 500);
    assert_int_equal(micro_code_to_grpc(401), GRPC_UNAUTHENTICATED);
    assert_int_equal(micro_code_to_grpc(409), GRPC_ALREADY_EXISTS);
    assert_int_equal(micro_code_to_grpc(412), GRPC_FAILED_PRECONDITION);
    assert_int_equal(micro_code_to_grpc(418), GRPC_UNKNOWN);
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    if (strcmp(name, "MICRO_HOST") == 0)
        return "10.0.0.1";
    if (strcmp(name, "MICRO_AUTH_PUBLIC_KEY") == 0)
        return "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0=";
    if (strcmp(name, "MICRO_TOKEN") == 0)
        return "";
    return NULL;
}

static int parse(int argc, const char *const *argv, struct micro_options_storage **storage,
                 const struct micro_options **out, struct error *err)
{
    return micro_options_parse(argc, argv, environment, storage, out, err);
}

static void options_parsing(void **state)
{
    (void)state;
    const char *argv[] = {"micro",
                          "service",
                          "store",
                          "--data_dir=/d",
                          "--base-port",
                          "9000",
                          "--peers",
                          "registry=reg:1,notes=n:2",
                          "--private-key=-----BEGIN x"};
    struct micro_options_storage *storage = NULL;
    const struct micro_options *o = NULL;
    char address[64];
    assert_int_equal(parse(9, argv, &storage, &o, NULL), 0);
    assert_string_equal(o->name, "store");
    assert_string_equal(o->data_dir, "/d");
    assert_string_equal(o->host, "10.0.0.1");
    assert_string_equal(o->public_key, "-----BEGIN PUBLIC KEY-----");
    assert_string_equal(o->private_key, "-----BEGIN x");
    assert_string_equal(o->profile, "local");
    assert_null(o->token);
    assert_int_equal(o->base_port, 9000);
    assert_int_equal(micro_peer_address(o, "registry", address, sizeof address), 0);
    assert_string_equal(address, "reg:1");
    assert_int_equal(micro_peer_address(o, "auth", address, sizeof address), 0);
    assert_string_equal(address, "10.0.0.1:9010");
    assert_int_equal(micro_peer_address(o, "nobody", address, sizeof address), ERROR_NOT_FOUND);
    assert_int_equal(micro_peer_address(o, "auth", address, 5), ERROR_LIMIT);
    assert_true(micro_peer_fixed(o, "store"));
    assert_true(micro_peer_fixed(o, "notes"));
    assert_false(micro_peer_fixed(o, "helloworld"));
    micro_options_free(storage);
}

static void options_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *value, *message;
    } bad[] = {
        {"--bse-port", "1", "did you mean --base-port?"},
        {"--base-port", "70000", "base-port"},
        {"--base-port", "x", "base-port"},
        {"--base-port", NULL, "needs a value"},
        {"stray", "1", "unexpected argument"},
        {"--auth-public-key", "bm8ga2V5", "PEM"},
        {"--profile", "platform", "\"local\" is"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *argv[] = {"micro", "store", bad[i].argument, bad[i].value};
        struct micro_options_storage *storage = NULL;
        const struct micro_options *o = NULL;
        struct error err = ERROR_INIT;
        struct text shown = TEXT_INIT;
        assert_int_not_equal(parse(bad[i].value ? 4 : 3, argv, &storage, &o, &err), 0);
        error_format(&err, &shown);
        if (!strstr(text_string(&shown), bad[i].message))
            fail_msg("\"%s\" does not say \"%s\"", text_string(&shown), bad[i].message);
        error_clear(&err);
        text_deinit(&shown);
    }
    const char *argv[] = {"micro"};
    struct micro_options_storage *storage = NULL;
    const struct micro_options *o = NULL;
    assert_int_equal(parse(1, argv, &storage, &o, NULL), ERROR_INVALID);
}

static void component_table(void **state)
{
    (void)state;
    /* v3's ports; events, whose port is random there, and the services run by default are our own choice */
    static const struct {
        const char *name;
        int offset;
    } expected[] = {{"registry", 0}, {"config", 1},    {"store", 2},        {"broker", 3},
                    {"events", 4},   {"auth", 10},     {"api", 80},         {"proxy", 81},
                    {"runtime", 88}, {"network", 443}, {"helloworld", 100}, {"notes", 101}};
    /* What a user's program sees is the same, of the core. */
    for (const struct component *c = components; c->name; c++) {
        int offset = -1;
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
            if (strcmp(c->name, expected[i].name) == 0)
                offset = expected[i].offset;
        assert_int_equal(c->port_offset, offset);
        assert_null(c->start);
    }
    component_use_all();
    for (const struct component *c = components; c->name; c++) {
        int offset = -1;
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
            if (strcmp(c->name, expected[i].name) == 0)
                offset = expected[i].offset;
        assert_int_equal(c->port_offset, offset);
        assert_true(offset >= 0 && offset <= MICRO_OFFSET_MAX);
        assert_int_equal(c->user, strcmp(c->name, "helloworld") == 0 || strcmp(c->name, "notes") == 0);
        assert_ptr_equal(component_find(c->name), c);
        for (size_t i = 0; c->needs && c->needs[i]; i++) { /* only what stands before it in the start order */
            const struct component *needed = component_find(c->needs[i]);
            assert_non_null(needed);
            assert_true(needed < c);
        }
        for (size_t i = 0; c->services && c->services[i]; i++)
            assert_non_null(pb_find_service(micro_pool(), c->services[i]));
    }
    assert_null(component_find("nobody"));
}

static int drop_pool(void **state)
{
    (void)state;
    micro_pool_free();
    return 0;
}

static void key_ids_and_generations(void **state)
{
    (void)state;
    const char *const scopes[] = {"a", NULL};
    struct text private_key = TEXT_INIT, public_key = TEXT_INIT, token = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct micro_claims claims = {.subject = "joe",
                                  .type = "user",
                                  .issuer = "micro",
                                  .scopes = scopes,
                                  .generation = "g\"7",
                                  .key_id = "key/1",
                                  .expires = 2000};
    struct micro_claims out = {0};
    char id[MICRO_KEY_ID_MAX + 1], again[MICRO_KEY_ID_MAX + 1];
    assert_int_equal(micro_keys_generate(&private_key, &public_key, NULL), 0);
    assert_int_equal(micro_token_sign(text_string(&private_key), &claims, &token, NULL), 0);
    assert_int_equal(micro_token_key_id(text_string(&token), id, NULL), 0);
    assert_string_equal(id, "key/1");
    assert_int_equal(micro_token_verify(text_string(&public_key), text_string(&token), 1000, &arena, &out, NULL), 0);
    assert_string_equal(out.key_id, "key/1");
    assert_string_equal(out.generation, "g\"7");
    /* without either: as v3's tokens are */
    text_clear(&token);
    claims.key_id = claims.generation = NULL;
    assert_int_equal(micro_token_sign(text_string(&private_key), &claims, &token, NULL), 0);
    assert_int_equal(micro_token_key_id(text_string(&token), id, NULL), 0);
    assert_string_equal(id, "");
    assert_int_equal(micro_token_verify(text_string(&public_key), text_string(&token), 1000, &arena, &out, NULL), 0);
    assert_string_equal(out.key_id, "");
    assert_string_equal(out.generation, "");
    assert_int_equal(micro_token_key_id("no token", id, NULL), ERROR_DENIED);
    /* a key is always called the same, and another key differently */
    assert_int_equal(micro_key_id(text_string(&public_key), id, NULL), 0);
    assert_int_equal(strlen(id), 16);
    assert_int_equal(micro_key_id(text_string(&public_key), again, NULL), 0);
    assert_string_equal(id, again);
    assert_int_equal(micro_key_id(sim_public_key, again, NULL), 0);
    assert_string_not_equal(id, again);
    assert_int_equal(micro_key_id("rubbish", again, NULL), ERROR_INVALID);
    text_deinit(&private_key);
    text_deinit(&public_key);
    text_deinit(&token);
    arena_deinit(&arena);
}

/* ---- descriptor sets ----------------------------------------------------------------------------------------------
 */

/* A key that was read is kept by what its PEM says, and as what it was asked for. */
static void keys_once_read(void **state)
{
    (void)state;
    const char *private_pem = sim_private_key, *public_pem = sim_public_key;
    key_cache_clear();
    EVP_PKEY *first = key_cache_get(private_pem, true), *second = key_cache_get(private_pem, true);
    assert_non_null(first);
    assert_ptr_equal(first, second);
    assert_null(key_cache_get(private_pem, false)); /* it is no public key because it was read as a private one */
    assert_null(key_cache_get(public_pem, true));
    assert_null(key_cache_get("rubbish", false));
    assert_null(key_cache_get("", true));
    EVP_PKEY *public_key = key_cache_get(public_pem, false);
    assert_non_null(public_key);
    assert_ptr_not_equal(public_key, first);
    /* forgotten: read anew; what others still hold stays good */
    micro_key_forget(private_pem);
    EVP_PKEY *third = key_cache_get(private_pem, true);
    assert_non_null(third);
    assert_ptr_not_equal(third, first);
    assert_int_equal(EVP_PKEY_eq(third, first), 1);
    EVP_PKEY *kept = key_cache_get(public_pem, false);
    assert_ptr_equal(kept, public_key);
    EVP_PKEY_free(kept);
    /* more keys than there is room for: comments make a PEM another one */
    for (int i = 0; i < KEY_CACHE_SIZE; i++) {
        struct text pem = TEXT_INIT;
        text_printf(&pem, "key %d\n%s", i, public_pem);
        EVP_PKEY *key = key_cache_get(text_string(&pem), false);
        assert_non_null(key);
        EVP_PKEY_free(key);
        text_deinit(&pem);
    }
    EVP_PKEY *again = key_cache_get(private_pem, true);
    assert_ptr_not_equal(again, third);
    assert_int_equal(EVP_PKEY_eq(again, third), 1);
    EVP_PKEY_free(again);
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
    EVP_PKEY_free(third);
    EVP_PKEY_free(public_key);
    key_cache_clear();
}

enum { CLIENT = 1, SERVER = 2 };

static int streams(struct bytes set, const char *service, const char *method)
{
    struct micro_streams s = micro_contract_streams(set, service, method);
    return (s.client ? CLIENT : 0) | (s.server ? SERVER : 0);
}

static void contracts_without_a_pool(void **state)
{
    (void)state;
    struct bytes all = proto_set();
    assert_int_equal(streams(all, "helloworld.Helloworld", "Stream"), SERVER);
    assert_int_equal(streams(all, "helloworld.Helloworld", "PingPong"), CLIENT | SERVER);
    assert_int_equal(streams(all, "store.BlobStore", "Write"), CLIENT);
    assert_int_equal(streams(all, "helloworld.Helloworld", "Call"), 0);
    assert_int_equal(streams(all, "helloworld.Helloworld", "Nothing"), 0);
    assert_int_equal(streams(all, "store.Helloworld", "Stream"), 0);
    assert_int_equal(streams(BYTES_NONE, "helloworld.Helloworld", "Stream"), 0);
    /* every method of the set, against the pool */
    const struct pb_pool *pool = micro_pool();
    assert_non_null(pool);
    for (size_t i = 0; i < pb_service_count(pool); i++) {
        const struct pb_service *service = pb_service_at(pool, i);
        for (size_t k = 0; k < service->method_count; k++) {
            const struct pb_method *m = &service->methods[k];
            assert_int_equal(streams(all, service->full_name, m->name),
                             (m->client_streaming ? CLIENT : 0) | (m->server_streaming ? SERVER : 0));
        }
    }
    micro_pool_free();
}

static void contracts_joined(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    struct bytes all = proto_set();
    assert_int_equal(micro_contracts_join(all, all, &out), 0);
    assert_int_equal(out.len, all.len); /* the second brings nothing new */
    text_clear(&out);
    /* one file of our own: field 1, {1 name: "x"} */
    struct bytes own = BYTES("\x0a\x03\x0a\x01x", 5);
    assert_int_equal(micro_contracts_join(own, all, &out), 0);
    assert_int_equal(streams(text_bytes(&out), "grpc.health.v1.Health", "Watch"), SERVER);
    assert_int_equal(streams(text_bytes(&out), "helloworld.Helloworld", "Stream"), 0); /* the user's may be another */
    text_clear(&out);
    assert_int_equal(micro_contracts_join(BYTES("\x0a\x09\x0a", 3), all, &out), ERROR_SYNTAX);
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_parsing),
        cmocka_unit_test(options_parsing),
        cmocka_unit_test(options_refusals),
        cmocka_unit_test_teardown(component_table, drop_pool),
        cmocka_unit_test(contracts_without_a_pool),
        cmocka_unit_test(contracts_joined),
    };
    const struct CMUnitTest tokens[] = {
        cmocka_unit_test(token_round_trip),        cmocka_unit_test(keys_once_read),
        cmocka_unit_test(token_refusals),          cmocka_unit_test(token_begins_and_is_understood),
        cmocka_unit_test(key_ids_and_generations),
    };
    int failed = cmocka_run_group_tests_name("service", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("tokens", tokens, NULL, NULL);
}
