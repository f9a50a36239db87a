#include "base/base64.h"
#include "base/test.h"

#include "tests/system/security_kit.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/set.h"
#include "runtime/api/api.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(5 * SECOND))  /* virtual */
#define BOOT_LIMIT ((uint64_t)(30 * SECOND)) /* virtual, of each component */

static void keep_line(void *arg, enum log_level level, const char *line, size_t len)
{
    struct security *s = arg;
    (void)level;
    text_add(&s->log, line, len);
    text_char(&s->log, '\n');
}

void security_init(struct security *s, uint64_t seed, const char *const *const *arguments)
{
    const struct sim_micro_options options = {.private_key = sim_private_key,
                                              .public_key = sim_public_key,
                                              .admin_secret = SECURITY_ADMIN_SECRET,
                                              .arguments = arguments};
    struct error err = ERROR_INIT;
    *s = (struct security){.sim = sim_new(&(struct sim_options){.seed = seed})};
    assert_non_null(s->sim);
    log_set_level(LOG_DEBUG);
    log_set_sink(keep_line, s);
    s->world = sim_node(s->sim, "client");
    assert_int_equal(sim_micro_new(s->sim, "client", &options, &s->micro, NULL), 0);
    if (sim_micro_boot(s->micro, BOOT_LIMIT, &err) != 0)
        fail_msg("micro does not boot: %s", err.message ? err.message : "?");
    assert_int_equal(pb_pool_new(proto_set(), "set", &s->pool, NULL), 0);
}

void security_deinit(struct security *s)
{
    for (size_t i = 0; i < s->door_count; i++)
        rpc_channel_free(s->doors[i].channel);
    pb_pool_free(s->pool);
    sim_micro_free(s->micro);
    sim_free(s->sim);
    log_set_sink(NULL, NULL);
    log_set_level(LOG_INFO);
    arena_deinit(&s->arena);
    text_deinit(&s->log);
    text_deinit(&s->answers);
}

/* ---- tokens ---- */

static void sign_rsa(const char *data, size_t len, struct text *out)
{
    unsigned char signature[1024];
    size_t size = sizeof signature;
    BIO *bio = BIO_new_mem_buf(sim_private_key, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_non_null(key);
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, (const unsigned char *)data, len), 1);
    base64_encode_url(out, BYTES(signature, size));
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

static void sign_hmac(const char *data, size_t len, struct text *out)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    assert_non_null(
        HMAC(EVP_sha256(), sim_public_key, (int)strlen(sim_public_key), (const unsigned char *)data, len, mac, &size));
    base64_encode_url(out, BYTES(mac, size));
}

char *security_token(struct security *s, const char *header, const char *claims, enum security_alg alg)
{
    struct text token = TEXT_INIT, signature = TEXT_INIT;
    base64_encode_url(&token, bytes_of(header));
    text_char(&token, '.');
    base64_encode_url(&token, bytes_of(claims));
    if (alg == SECURITY_RS256)
        sign_rsa(text_string(&token), token.len, &signature);
    else if (alg == SECURITY_HS256_PUBLIC)
        sign_hmac(text_string(&token), token.len, &signature);
    text_char(&token, '.');
    text_puts(&token, text_string(&signature));
    char *copy = arena_string(&s->arena, text_string(&token));
    assert_non_null(copy);
    text_deinit(&signature);
    text_deinit(&token);
    return copy;
}

char *security_account(struct security *s, const char *id, const char *type, const char *namespace, const char *scope)
{
    char *token = sim_micro_token(s->micro, &s->arena, id, type, namespace, scope, 3600);
    assert_non_null(token);
    return token;
}

/* ---- calls ---- */

static struct rpc_channel *channel_to(struct security *s, const char *address)
{
    for (size_t i = 0; i < s->door_count; i++)
        if (strcmp(s->doors[i].address, address) == 0)
            return s->doors[i].channel;
    assert_true(s->door_count < SECURITY_DOORS_MAX);
    struct security_door *door = &s->doors[s->door_count++];
    snprintf(door->address, sizeof door->address, "%s", address);
    /* Our own limit is above the servers', to see theirs. */
    const struct rpc_channel_options options = {.addresses = door->address, .message_max = (size_t)64 << 20};
    assert_int_equal(rpc_channel_new(s->world, &options, &door->channel, NULL), 0);
    return door->channel;
}

void security_call(struct security *s, const struct security_call *call, struct security_answer *out)
{
    struct grpc_header headers[3];
    struct rpc_answer answer = {0};
    struct error err = ERROR_INIT;
    size_t count = 0;
    if (call->authorization)
        headers[count++] = (struct grpc_header){bytes_of("authorization"), bytes_of(call->authorization)};
    for (size_t i = 0; i < 2; i++)
        if (call->name[i])
            headers[count++] = (struct grpc_header){bytes_of(call->name[i]), bytes_of(call->value[i])};
    const struct rpc_request request = {.path = call->path,
                                        .metadata = {headers, count},
                                        .timeout = call->timeout ? call->timeout : CALL_LIMIT,
                                        .content_type = call->json ? "application/grpc+json" : NULL,
                                        .message = call->json ? bytes_of(call->json) : call->message,
                                        .has_message = true,
                                        .gzip = call->gzip};
    *out = (struct security_answer){0};
    int rc = rpc_unary_wait(s->world, channel_to(s, call->address), &request, &answer, &err);
    if (rc)
        fail_msg("%s at %s was not answered: %s", call->path, call->address, err.message ? err.message : "?");
    out->status = answer.reply.status;
    struct bytes words = out->status == GRPC_OK ? answer.reply.body : answer.reply.message;
    text_add(&out->text, words.data, words.len);
    text_add(&s->answers, words.data, words.len);
    text_char(&s->answers, '\n');
    text_add(&s->answers, answer.reply.details.data, answer.reply.details.len);
    text_char(&s->answers, '\n');
    if (out->status != GRPC_OK && words.len && words.data[0] == '{') {
        struct micro_error e;
        micro_error_parse(out->status, words, &e);
        out->code = e.code;
    }
    rpc_answer_deinit(&answer);
}

int security_status(struct security *s, const struct security_call *call)
{
    struct security_answer answer;
    security_call(s, call, &answer);
    text_deinit(&answer.text);
    return answer.status;
}

int security_http(struct security *s, const char *method, const char *target, const char *authorization,
                  const char *more, struct bytes body, struct text *out)
{
    struct http1_header headers[SECURITY_HEADERS_MAX];
    struct http_answer answer = {0};
    struct error err = ERROR_INIT;
    struct text url = TEXT_INIT;
    size_t count = 0;
    text_printf(&url, "http://api:%d%s", MICRO_BASE_PORT + API_PORT_OFFSET, target);
    if (authorization)
        headers[count++] = (struct http1_header){bytes_of("Authorization"), bytes_of(authorization)};
    for (const char *line = more; line && *line && count < SECURITY_HEADERS_MAX;) {
        size_t len = strcspn(line, "\n"), name = strcspn(line, ":");
        assert_true(name + 2 <= len);
        headers[count++] = (struct http1_header){BYTES(line, name), BYTES(line + name + 2, len - name - 2)};
        line += len + (line[len] == '\n');
    }
    const struct http_fetch fetch = {.method = method,
                                     .url = text_string(&url),
                                     .headers = headers,
                                     .header_count = count,
                                     .body = body,
                                     .timeout = CALL_LIMIT * 12};
    if (http_fetch_wait(s->world, &fetch, &answer, &err) < 0)
        print_error("%s %.200s was not answered: %s\n", method, target, err.message ? err.message : "?");
    error_clear(&err);
    int status = answer.status;
    text_add(&s->answers, answer.body.data, answer.body.len);
    text_char(&s->answers, '\n');
    if (out)
        text_add(out, answer.body.data, answer.body.len);
    http_answer_deinit(&answer);
    text_deinit(&url);
    return status;
}

/* ---- components ---- */

const char *security_component(const char *service)
{
    for (const struct component *c = components; c->name; c++)
        for (const char *const *s = c->services; s && *s; s++)
            if (strcmp(*s, service) == 0)
                return c->name;
    return NULL;
}

bool security_all_run(struct security *s, struct text *dead)
{
    size_t before = dead->len;
    for (size_t i = 0; i < sim_micro_count(s->micro); i++)
        if (!sim_running(s->sim, sim_micro_name(s->micro, i)))
            text_printf(dead, "%s ", sim_micro_name(s->micro, i));
    return dead->len == before;
}
