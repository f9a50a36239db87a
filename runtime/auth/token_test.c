/* Tokens over their life: rotation of refresh tokens and of keys, theft, revocation, guessing, forging, the store
 * failing in the middle of a change. */
#include "base/test.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/units.h"
#include "runtime/auth/limiter.h"
#include "runtime/auth/refresh.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define TOKEN   "/auth.Auth/Token"
#define INSPECT "/auth.Auth/Inspect"

static const char *const core[] = {"registry", "store", "auth", NULL};

struct fixture {
    struct sim_system s;
    struct arena arena;
    char *admin;
};

struct pair {
    char *access, *refresh;
};

static struct pair tokens(struct fixture *f, const char *json)
{
    struct sim_answer a = {0};
    sim_system_call(&f->s, "auth", TOKEN, NULL, json, &a);
    if (a.status != GRPC_OK)
        fail_msg("%s: %s", json, text_string(&a.text));
    struct pair p = {arena_string(&f->arena, sim_answer_text(&a, "token/access_token")),
                     arena_string(&f->arena, sim_answer_text(&a, "token/refresh_token"))};
    sim_answer_deinit(&a);
    return p;
}

static struct pair login(struct fixture *f, const char *id, const char *secret)
{
    return tokens(f, arena_printf(&f->arena, "{\"id\":\"%s\",\"secret\":\"%s\"}", id, secret));
}

static char *refresh_json(struct fixture *f, const char *token)
{
    return arena_printf(&f->arena, "{\"refresh_token\":\"%s\"}", token);
}

static char *inspect_json(struct fixture *f, const char *token)
{
    return arena_printf(&f->arena, "{\"token\":\"%s\"}", token);
}

static void expect(struct fixture *f, const char *path, const char *token, const char *json, int status,
                   const char *words)
{
    test_expect(&f->s, "auth", path, token, json, status, words);
}

static void begin(struct fixture *f, uint64_t seed, const char *const *const *arguments)
{
    *f = (struct fixture){0};
    sim_system_init(&f->s, seed);
    f->s.arguments = arguments;
    sim_system_start_all(&f->s, core);
    f->admin = login(f, "admin", SIM_ADMIN_SECRET).access;
    expect(f, "/auth.Auth/Generate", f->admin, "{\"id\":\"joe\",\"secret\":\"s3cret\"}", GRPC_OK, NULL);
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->s);
}

static void run(struct fixture *f, int64_t time)
{
    assert_int_equal(sim_run_for(f->s.sim, (uint64_t)time), 0);
}

static void restart(struct fixture *f, const char *component)
{
    assert_int_equal(sim_kill(f->s.sim, component), 0);
    sim_system_start(&f->s, component);
    sim_system_wait(&f->s, component);
}

/* ---- refresh tokens ---- */

static void test_rotation(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 1, NULL);
    struct pair first = login(&f, "joe", "s3cret"), other = login(&f, "joe", "s3cret");
    struct pair second = tokens(&f, refresh_json(&f, first.refresh));
    assert_string_not_equal(second.refresh, first.refresh);
    /* The answer was lost: the same question gives the same successor, also after auth and the store were gone. */
    assert_string_equal(tokens(&f, refresh_json(&f, first.refresh)).refresh, second.refresh);
    restart(&f, "store");
    restart(&f, "auth");
    run(&f, 1 * SECOND);
    assert_string_equal(tokens(&f, refresh_json(&f, first.refresh)).refresh, second.refresh);
    struct pair third = tokens(&f, refresh_json(&f, second.refresh));
    expect(&f, INSPECT, NULL, inspect_json(&f, third.access), GRPC_OK, "\"joe\"");

    /* Somebody shows a token that was used: all tokens of the account end, at once and everywhere. */
    run(&f, (REFRESH_GRACE + 2) * SECOND);
    expect(&f, TOKEN, NULL, refresh_json(&f, second.refresh), GRPC_INVALID_ARGUMENT, "invalid token provided");
    expect(&f, TOKEN, NULL, refresh_json(&f, third.refresh), GRPC_INVALID_ARGUMENT, "invalid token provided");
    expect(&f, TOKEN, NULL, refresh_json(&f, other.refresh), GRPC_INVALID_ARGUMENT, "invalid token provided");
    expect(&f, INSPECT, NULL, inspect_json(&f, third.access), GRPC_INVALID_ARGUMENT, "revoked");
    expect(&f, INSPECT, NULL, inspect_json(&f, other.access), GRPC_INVALID_ARGUMENT, "revoked");
    /* The account itself is fine. */
    struct pair again = login(&f, "joe", "s3cret");
    expect(&f, INSPECT, NULL, inspect_json(&f, again.access), GRPC_OK, "\"joe\"");
    (void)tokens(&f, refresh_json(&f, again.refresh));
    end(&f);
}

static void test_lives(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 2, NULL);
    struct pair p = login(&f, "joe", "s3cret");
    /* Used every 20 days it lives, but not for ever. */
    int64_t days = 0;
    for (; days < 160; days += 20) {
        sim_clock_jump(f.s.sim, "auth", 20 * 24 * HOUR);
        sim_clock_jump(f.s.sim, "store", 20 * 24 * HOUR);
        p = tokens(&f, refresh_json(&f, p.refresh));
    }
    sim_clock_jump(f.s.sim, "auth", 20 * 24 * HOUR);
    sim_clock_jump(f.s.sim, "store", 20 * 24 * HOUR);
    expect(&f, TOKEN, NULL, refresh_json(&f, p.refresh), GRPC_INVALID_ARGUMENT, "invalid token provided");
    /* Left alone for 30 days it is over sooner. */
    p = login(&f, "joe", "s3cret");
    sim_clock_jump(f.s.sim, "auth", 30 * 24 * HOUR);
    sim_clock_jump(f.s.sim, "store", 30 * 24 * HOUR);
    expect(&f, TOKEN, NULL, refresh_json(&f, p.refresh), GRPC_INVALID_ARGUMENT, "invalid token provided");
    end(&f);
}

static void test_no_rotation(void **state)
{
    static const char *const own[] = {"auth", "--refresh-rotation", "off", NULL};
    static const char *const *const arguments[] = {own, NULL};
    struct fixture f;
    (void)state;
    begin(&f, 3, arguments);
    struct pair p = login(&f, "joe", "s3cret");
    for (int i = 0; i < 3; i++) {
        run(&f, 1 * MINUTE);
        assert_string_equal(tokens(&f, refresh_json(&f, p.refresh)).refresh, p.refresh);
    }
    end(&f);
}

#define AT_ONCE 8

struct many {
    struct arena *arena;
    size_t done;
    const char *refresh[AT_ONCE];
};

static void on_token(void *arg, const struct rpc_reply *reply)
{
    struct many *m = arg;
    const char *at = strstr(arena_string_n(m->arena, (const char *)reply->body.data, reply->body.len), "refresh_token");
    assert_int_equal(reply->status, GRPC_OK);
    m->refresh[m->done++] = arena_string_n(m->arena, at + 16, strcspn(at + 16, "\""));
}

static bool all_done(void *arg)
{
    const struct many *m = arg;
    return m->done == AT_ONCE;
}

/* A client that refreshes several times at once gets one successor. */
static void test_at_once(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 4, NULL);
    struct many m = {.arena = &f.arena};
    struct rpc_channel *channel = NULL;
    char *json = refresh_json(&f, login(&f, "joe", "s3cret").refresh);
    const struct rpc_channel_options options = {.addresses = "auth:8010"};
    const struct rpc_request request = {.path = TOKEN,
                                        .content_type = "application/grpc+json",
                                        .timeout = (uint64_t)(20 * SECOND),
                                        .message = bytes_of(json),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(f.s.client, &options, &channel, NULL), 0);
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(rpc_unary(channel, &request, on_token, &m, NULL, NULL), 0);
    assert_int_equal(world_run_until(f.s.client, all_done, &m, (uint64_t)(30 * SECOND)), 0);
    for (int i = 1; i < AT_ONCE; i++)
        assert_string_equal(m.refresh[i], m.refresh[0]);
    rpc_channel_free(channel);
    end(&f);
}

/* ---- guessing ---- */

static void test_guessing(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 5, NULL);
    static const char wrong[] = "{\"id\":\"joe\",\"secret\":\"guess\"}",
                      right[] = "{\"id\":\"joe\",\"secret\":\"s3cret\"}";
    for (int i = 0; i <= AUTH_LIMIT_FREE; i++)
        expect(&f, TOKEN, NULL, wrong, GRPC_INVALID_ARGUMENT, "Secret not correct");
    expect(&f, TOKEN, NULL, right, GRPC_RESOURCE_EXHAUSTED, "try again in 1 s"); /* also for the owner */
    (void)login(&f, "admin", SIM_ADMIN_SECRET);                                  /* but for nobody else */
    run(&f, 1 * SECOND);
    expect(&f, TOKEN, NULL, wrong, GRPC_INVALID_ARGUMENT, "Secret not correct");
    expect(&f, TOKEN, NULL, right, GRPC_RESOURCE_EXHAUSTED, "try again in 2 s");
    run(&f, 2 * SECOND);
    (void)tokens(&f, right);
    expect(&f, TOKEN, NULL, wrong, GRPC_INVALID_ARGUMENT, "Secret not correct"); /* counted from the start again */
    (void)tokens(&f, right);
    end(&f);
}

/* ---- revocation ---- */

static void test_revocation(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 6, NULL);
    char *hour = login(&f, "joe", "s3cret").access;
    char *day = tokens(&f, "{\"id\":\"joe\",\"secret\":\"s3cret\",\"token_expiry\":\"86400\"}").access;
    expect(&f, INSPECT, NULL, inspect_json(&f, day), GRPC_OK, NULL);
    expect(&f, "/auth.Accounts/ChangeSecret", f.admin, "{\"id\":\"joe\",\"new_secret\":\"n3w\"}", GRPC_OK, NULL);
    expect(&f, INSPECT, NULL, inspect_json(&f, hour), GRPC_INVALID_ARGUMENT, "revoked");
    expect(&f, INSPECT, NULL, inspect_json(&f, day), GRPC_INVALID_ARGUMENT, "revoked");
    char *fresh = login(&f, "joe", "n3w").access;
    expect(&f, INSPECT, NULL, inspect_json(&f, fresh), GRPC_OK, NULL);
    expect(&f, "/auth.Rules/List", fresh, "{}", GRPC_OK, NULL);
    expect(&f, "/auth.Accounts/Delete", f.admin, "{\"id\":\"joe\"}", GRPC_OK, NULL);
    /* Every service refuses the token, auth and the others, without having asked. */
    test_eventually(&f.s, "auth", "/auth.Rules/List", fresh, "{}", GRPC_UNAUTHENTICATED, NULL, 1);
    test_eventually(&f.s, "store", "/store.Store/Databases", fresh, "{}", GRPC_UNAUTHENTICATED, "revoked", 1);
    expect(&f, INSPECT, NULL, inspect_json(&f, fresh), GRPC_INVALID_ARGUMENT, "revoked");
    /* The same name given to somebody else does not bring old tokens back, nor does a restart, nor half a day. */
    expect(&f, "/auth.Auth/Generate", f.admin, "{\"id\":\"joe\",\"secret\":\"other\"}", GRPC_OK, NULL);
    restart(&f, "auth");
    expect(&f, INSPECT, NULL, inspect_json(&f, fresh), GRPC_INVALID_ARGUMENT, "revoked");
    sim_clock_jump(f.s.sim, "auth", 12 * HOUR);
    sim_clock_jump(f.s.sim, "store", 12 * HOUR);
    restart(&f, "auth");
    expect(&f, INSPECT, NULL, inspect_json(&f, day), GRPC_INVALID_ARGUMENT, "revoked");
    expect(&f, INSPECT, NULL, inspect_json(&f, login(&f, "joe", "other").access), GRPC_OK, NULL);
    /* When the last token has expired nothing is kept. */
    sim_clock_jump(f.s.sim, "auth", 13 * HOUR);
    sim_clock_jump(f.s.sim, "store", 13 * HOUR);
    char *service = sim_system_token(&f.s, &f.arena, "tester", "service", "micro", "service");
    test_expect(&f.s, "store", "/store.Store/Read", service,
                "{\"key\":\"revoked/\",\"options\":{\"table\":\"auth\",\"prefix\":true}}", GRPC_OK, "\"records\":[]");
    end(&f);
}

/* ---- keys ---- */

static void key_of(const char *token, char out[MICRO_KEY_ID_MAX + 1])
{
    assert_int_equal(micro_token_key_id(token, out, NULL), 0);
}

static void test_keys(void **state)
{
    struct fixture f;
    char first[MICRO_KEY_ID_MAX + 1], second[MICRO_KEY_ID_MAX + 1], third[MICRO_KEY_ID_MAX + 1];
    (void)state;
    begin(&f, 7, NULL);
    char *before = login(&f, "joe", "s3cret").access;
    key_of(before, first);
    expect(&f, "/auth.Keys/Rotate", NULL, "{}", GRPC_UNAUTHENTICATED, NULL);
    expect(&f, "/auth.Keys/Rotate", before, "{}", GRPC_UNAUTHENTICATED, "Unauthorized");
    expect(&f, "/auth.Keys/List", before, "{}", GRPC_UNAUTHENTICATED, "Unauthorized");
    expect(&f, "/auth.Keys/Rotate", f.admin, "{}", GRPC_OK, "\"waiting\"");
    expect(&f, "/auth.Keys/Rotate", f.admin, "{}", GRPC_ALREADY_EXISTS, "announced already");
    key_of(login(&f, "joe", "s3cret").access, second); /* not yet */
    assert_string_equal(first, second);
    run(&f, 12 * SECOND);
    char *after = login(&f, "joe", "s3cret").access;
    key_of(after, second);
    assert_string_not_equal(first, second);
    expect(&f, INSPECT, NULL, inspect_json(&f, before), GRPC_OK, NULL);
    expect(&f, INSPECT, NULL, inspect_json(&f, after), GRPC_OK, NULL);
    /* All of it is on disk. A key being announced when auth dies is announced again. */
    expect(&f, "/auth.Keys/Rotate", f.admin, "{}", GRPC_OK, NULL);
    assert_int_equal(sim_crash(f.s.sim, "auth"), 0);
    sim_system_start(&f.s, "auth");
    sim_system_wait(&f.s, "auth");
    expect(&f, INSPECT, NULL, inspect_json(&f, before), GRPC_OK, NULL);
    expect(&f, INSPECT, NULL, inspect_json(&f, after), GRPC_OK, NULL);
    run(&f, 12 * SECOND);
    key_of(login(&f, "joe", "s3cret").access, third);
    assert_string_not_equal(second, third);
    expect(&f, INSPECT, NULL, inspect_json(&f, after), GRPC_OK, NULL);
    expect(&f, "/auth.Keys/List", f.admin, "{}", GRPC_OK, second);
    /* A key whose last token is over leaves; the root stays. */
    sim_clock_jump(f.s.sim, "auth", 3 * 24 * HOUR);
    sim_clock_jump(f.s.sim, "store", 3 * 24 * HOUR);
    run(&f, 2 * HOUR);
    struct sim_answer a = {0};
    char *admin = login(&f, "admin", SIM_ADMIN_SECRET).access; /* by the third key, which every service knows */
    sim_system_call(&f.s, "auth", "/auth.Keys/List", admin, "{}", &a);
    assert_null(strstr(text_string(&a.text), second));
    assert_non_null(strstr(text_string(&a.text), third));
    assert_non_null(strstr(text_string(&a.text), first));
    assert_null(strstr(text_string(&a.text), "PRIVATE"));
    sim_answer_deinit(&a);
    end(&f);
}

/* By time alone. */
static void test_key_life(void **state)
{
    static const char *const own[] = {"auth", "--key-life", "1h", "--key-announce", "5s", NULL};
    static const char *const *const arguments[] = {own, NULL};
    struct fixture f;
    char first[MICRO_KEY_ID_MAX + 1], second[MICRO_KEY_ID_MAX + 1];
    (void)state;
    begin(&f, 8, arguments);
    key_of(login(&f, "joe", "s3cret").access, first);
    run(&f, 61 * MINUTE);
    key_of(login(&f, "joe", "s3cret").access, second);
    assert_string_not_equal(first, second);
    end(&f);
}

/* The disk fails when a key is to be kept: it is not used, and auth goes on with the old one. */
static void test_key_disk(void **state)
{
    struct fixture f;
    char first[MICRO_KEY_ID_MAX + 1], second[MICRO_KEY_ID_MAX + 1];
    (void)state;
    begin(&f, 9, NULL);
    key_of(login(&f, "joe", "s3cret").access, first);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        const struct sim_disk_faults faults = {.fail_nth = nth}, none = {0};
        sim_disk(f.s.sim, "auth", &faults);
        expect(&f, "/auth.Keys/Rotate", f.admin, "{}", GRPC_INTERNAL, "keys.json");
        sim_disk(f.s.sim, "auth", &none);
    }
    run(&f, 15 * SECOND);
    key_of(login(&f, "joe", "s3cret").access, second);
    assert_string_equal(first, second);
    restart(&f, "auth");
    key_of(login(&f, "joe", "s3cret").access, second);
    assert_string_equal(first, second);
    end(&f);
}

/* A key ring that cannot be read keeps auth from starting, with the reason. */
static void test_key_file(void **state)
{
    struct fixture f;
    struct error err = ERROR_INIT;
    (void)state;
    begin(&f, 10, NULL);
    assert_int_equal(sim_kill(f.s.sim, "auth"), 0);
    struct world *node = sim_node(f.s.sim, "auth");
    static const char path[] = "/data/auth/keys.json";
    struct world_stat stat;
    assert_int_equal(world_stat(node, path, &stat), 0);
    if (!stat.exists)
        fail_msg("the key ring is not where this test looks for it");
    assert_int_equal(world_write_file(node, path, bytes_of("{\"version\":1,\"keys\":[{}]}"), true, &err), 0);
    const char *const argv[] = {
        "micro", "auth", "--data-dir", "/data", "--auth-private-key", text_string(&f.s.private_key), NULL};
    assert_true(sim_start(f.s.sim, "auth", "micro", 6, argv, &err) < 0);
    assert_non_null(strstr(err.message, "no usable key ring"));
    error_clear(&err);
    end(&f);
}

/* ---- forging ---- */

static char *assemble(struct fixture *f, const char *header, const char *claims, const char *signature)
{
    struct text t = TEXT_INIT;
    base64_encode_url(&t, bytes_of(header));
    text_char(&t, '.');
    base64_encode_url(&t, bytes_of(claims));
    text_char(&t, '.');
    text_puts(&t, signature);
    char *out = arena_string(&f->arena, text_string(&t));
    text_deinit(&t);
    return out;
}

static void test_forged(void **state)
{
    static const char list[] = "/auth.Accounts/List", denied[] = "auth";
    static const char claims[] = "{\"type\":\"user\",\"scopes\":[\"admin\"],\"sub\":\"admin\",\"iss\":\"micro\","
                                 "\"exp\":99999999999}";
    struct fixture f;
    (void)state;
    begin(&f, 11, NULL);
    expect(&f, list, f.admin, "{}", GRPC_OK, NULL);
    /* tampered: another character in the claims, another at the end of the signature's middle */
    for (size_t at = 0; at < 2; at++) {
        char *bad = arena_string(&f.arena, f.admin);
        char *place = at == 0 ? strchr(bad, '.') + 20 : strrchr(bad, '.') + 50;
        *place = *place == 'A' ? 'B' : 'A';
        expect(&f, list, bad, "{}", GRPC_UNAUTHENTICATED, denied);
    }
    expect(&f, list, assemble(&f, "{\"alg\":\"none\",\"typ\":\"JWT\"}", claims, ""), "{}", GRPC_UNAUTHENTICATED,
           denied);
    /* HS256 keyed with the public key, which everybody has */
    char *unsigned_part = assemble(&f, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, "");
    uint8_t mac[32];
    unsigned int len = sizeof mac;
    struct text signature = TEXT_INIT;
    assert_non_null(HMAC(EVP_sha256(), f.s.public_key.data, (int)f.s.public_key.len,
                         (const unsigned char *)unsigned_part, strlen(unsigned_part) - 1, mac, &len));
    base64_encode_url(&signature, BYTES(mac, len));
    expect(&f, list, assemble(&f, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, text_string(&signature)), "{}",
           GRPC_UNAUTHENTICATED, denied);
    text_deinit(&signature);
    /* a key of one's own, by its own name, and under the name of no key */
    const char *own = sim_spare_keys[SIM_SPARE_KEYS - 1].private_pem; /* auth's ring does not get that far here */
    struct text token = TEXT_INIT;
    static const char *const scopes[] = {"admin", NULL};
    struct micro_claims c = {
        .subject = "admin", .type = "user", .issuer = "micro", .scopes = scopes, .expires = 99999999999};
    assert_int_equal(micro_token_sign(own, &c, &token, NULL), 0);
    expect(&f, list, text_string(&token), "{}", GRPC_UNAUTHENTICATED, denied);
    expect(&f, INSPECT, NULL, inspect_json(&f, text_string(&token)), GRPC_INVALID_ARGUMENT, "signature");
    c.key_id = "mine";
    text_clear(&token);
    assert_int_equal(micro_token_sign(own, &c, &token, NULL), 0);
    expect(&f, INSPECT, NULL, inspect_json(&f, text_string(&token)), GRPC_INVALID_ARGUMENT, "key is not known");
    text_deinit(&token);
    /* expired */
    run(&f, 16 * MINUTE);
    expect(&f, list, f.admin, "{}", GRPC_UNAUTHENTICATED, "expired");
    /* oversize */
    struct text large = TEXT_INIT;
    for (int i = 0; i < 20000; i++)
        text_char(&large, i == 100 || i == 200 ? '.' : 'a');
    expect(&f, INSPECT, NULL, inspect_json(&f, text_string(&large)), GRPC_INVALID_ARGUMENT, "not a JSON Web Token");
    expect(&f, TOKEN, NULL, refresh_json(&f, text_string(&large)), GRPC_INVALID_ARGUMENT, "invalid token");
    text_deinit(&large);
    end(&f);
}

/* ---- secrets ---- */

/* A record as older versions wrote it: PBKDF2, no generation. It logs in, and is in today's form afterwards. */
static void test_upgrade(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 12, NULL);
    static const char account[] =
        "{\"id\":\"old\",\"name\":\"\",\"type\":\"user\",\"secret\":\"pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg==$"
        "GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=\",\"scopes\":[],\"metadata\":{}}";
    struct text json = TEXT_INIT, value = TEXT_INIT;
    base64_encode(&value, bytes_of(account));
    text_printf(&json, "{\"record\":{\"key\":\"account/micro/old\",\"value\":\"%s\"},\"options\":{\"table\":\"auth\"}}",
                text_string(&value));
    test_expect(&f.s, "store", "/store.Store/Write", f.admin, text_string(&json), GRPC_OK, NULL);
    expect(&f, TOKEN, NULL, "{\"id\":\"old\",\"secret\":\"wrong\"}", GRPC_INVALID_ARGUMENT, "Secret not correct");
    struct pair p = login(&f, "old", "passwd");
    struct sim_answer a = {0};
    sim_system_call(&f.s, "store", "/store.Store/Read", f.admin,
                    "{\"key\":\"account/micro/old\",\"options\":{\"table\":\"auth\"}}", &a);
    text_clear(&value);
    assert_true(base64_decode(&value, bytes_of(sim_answer_text(&a, "records/0/value"))));
    assert_non_null(strstr(text_string(&value), "scrypt$"));
    assert_null(strstr(text_string(&value), "\"generation\":\"\""));
    sim_answer_deinit(&a);
    (void)login(&f, "old", "passwd");
    (void)tokens(&f, refresh_json(&f, p.refresh));
    text_deinit(&json);
    text_deinit(&value);
    end(&f);
}

static void collect(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)level;
    text_add(arg, line, len);
}

static void test_logs(void **state)
{
    struct fixture f;
    struct text lines = TEXT_INIT;
    (void)state;
    log_set_level(LOG_DEBUG);
    log_set_sink(collect, &lines);
    begin(&f, 13, NULL);
    struct pair p = login(&f, "joe", "s3cret"), q = tokens(&f, refresh_json(&f, p.refresh));
    expect(&f, TOKEN, NULL, "{\"id\":\"joe\",\"secret\":\"wr0ngguess\"}", GRPC_INVALID_ARGUMENT, NULL);
    struct sim_answer a = {0};
    sim_system_call(&f.s, "auth", "/auth.Auth/Generate", f.admin, "{\"id\":\"drawn\"}", &a);
    const char *drawn = sim_answer_text(&a, "account/secret");
    expect(&f, "/auth.Accounts/ChangeSecret", f.admin, "{\"id\":\"joe\",\"new_secret\":\"br4ndnew\"}", GRPC_OK, NULL);
    run(&f, (REFRESH_GRACE + 2) * SECOND);
    expect(&f, TOKEN, NULL, refresh_json(&f, p.refresh), GRPC_INVALID_ARGUMENT, NULL);
    expect(&f, "/auth.Keys/Rotate", f.admin, "{}", GRPC_OK, NULL);
    assert_true(lines.len > 0);
    const char *const never[] = {SIM_ADMIN_SECRET, "s3cret",  "wr0ngguess", drawn,     "br4ndnew",
                                 p.access,         p.refresh, q.access,     q.refresh, "PRIVATE KEY"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(text_string(&lines), never[i]))
            fail_msg("a log line holds \"%s\"", never[i]);
    sim_answer_deinit(&a);
    end(&f);
    log_set_sink(NULL, NULL);
    log_set_level(LOG_OFF);
    text_deinit(&lines);
}

/* Whatever rules an admin makes, he can take them back. */
static void test_lockout(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 15, NULL);
    expect(&f, "/auth.Rules/Create", f.admin,
           "{\"rule\":{\"id\":\"nobody\",\"access\":\"DENIED\",\"priority\":100,\"resource\":{\"type\":\"*\","
           "\"name\":\"*\",\"endpoint\":\"*\"}}}",
           GRPC_OK, NULL);
    test_eventually(&f.s, "auth", "/auth.Accounts/List", f.admin, "{}", GRPC_PERMISSION_DENIED, NULL, 1);
    expect(&f, "/auth.Rules/List", f.admin, "{}", GRPC_OK, "nobody");
    expect(&f, "/auth.Rules/Delete", f.admin, "{\"id\":\"nobody\"}", GRPC_OK, NULL);
    test_eventually(&f.s, "auth", "/auth.Accounts/List", f.admin, "{}", GRPC_OK, NULL, 1);
    /* Without any rule nothing is granted, but for the way back. */
    expect(&f, "/auth.Rules/Delete", f.admin, "{\"id\":\"default\"}", GRPC_OK, NULL);
    test_eventually(&f.s, "auth", "/auth.Accounts/List", f.admin, "{}", GRPC_PERMISSION_DENIED, NULL, 1);
    expect(&f, "/auth.Rules/Create", f.admin,
           "{\"rule\":{\"id\":\"all\",\"access\":\"GRANTED\",\"resource\":{\"type\":\"*\",\"name\":\"*\","
           "\"endpoint\":\"*\"}}}",
           GRPC_OK, NULL);
    test_eventually(&f.s, "auth", "/auth.Accounts/List", f.admin, "{}", GRPC_OK, NULL, 1);
    (void)login(&f, "admin", SIM_ADMIN_SECRET);
    end(&f);
}

static void test_no_admin(void **state)
{
    static const char *const own[] = {"auth", "--disable-admin", "true", NULL};
    static const char *const *const arguments[] = {own, NULL};
    struct fixture f = {0};
    (void)state;
    sim_system_init(&f.s, 14);
    f.s.arguments = arguments;
    sim_system_start_all(&f.s, core);
    expect(&f, TOKEN, NULL, "{\"id\":\"admin\",\"secret\":\"" SIM_ADMIN_SECRET "\"}", GRPC_INVALID_ARGUMENT,
           "Account not found");
    end(&f);
}

/* ---- the store in the middle of a change ---- */

struct late {
    bool done;
    int status;
};

static void on_late(void *arg, const struct rpc_reply *reply)
{
    struct late *l = arg;
    l->done = true;
    l->status = reply->status;
}

static bool is_over(void *arg)
{
    return ((struct late *)arg)->done;
}

static int call_and_crash(struct fixture *f, const char *path, const char *json, uint64_t after)
{
    struct rpc_channel *channel = NULL;
    struct late late = {0};
    char *bearer = arena_printf(&f->arena, "Bearer %s", f->admin);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    const struct rpc_channel_options options = {.addresses = "auth:8010"};
    const struct rpc_request request = {.path = path,
                                        .metadata = {&header, 1},
                                        .content_type = "application/grpc+json",
                                        .timeout = (uint64_t)(60 * SECOND),
                                        .message = bytes_of(json),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(f->s.client, &options, &channel, NULL), 0);
    assert_int_equal(rpc_unary(channel, &request, on_late, &late, NULL, NULL), 0);
    run(f, (int64_t)after);
    if (!late.done) {
        assert_int_equal(sim_crash(f->s.sim, "store"), 0);
        run(f, 100 * MILLISECOND);
        sim_system_start(&f->s, "store");
    }
    assert_int_equal(world_run_until(f->s.client, is_over, &late, (uint64_t)(90 * SECOND)), 0);
    rpc_channel_free(channel);
    sim_system_wait(&f->s, "store");
    run(f, 10 * SECOND);
    return late.status;
}

/* Whatever moment the store dies at: an account is there as a whole, with one of its two secrets, or it is gone. */
static void test_store_dies(void **state)
{
    (void)state;
    bool finished[3] = {false};
    for (uint64_t moment = 1; !(finished[0] && finished[1] && finished[2]) && moment < 40; moment++) {
        static const char *const paths[] = {"/auth.Auth/Generate", "/auth.Accounts/ChangeSecret",
                                            "/auth.Accounts/Delete"};
        static const char *const bodies[] = {"{\"id\":\"ann\",\"name\":\"Ann\",\"secret\":\"a\"}",
                                             "{\"id\":\"joe\",\"new_secret\":\"n3w\"}", "{\"id\":\"joe\"}"};
        for (int kind = 0; kind < 3; kind++) {
            struct fixture f;
            struct sim_answer a = {0}, b = {0};
            if (finished[kind])
                continue;
            begin(&f, 100 + moment, NULL);
            struct pair before = login(&f, "joe", "s3cret");
            int status = call_and_crash(&f, paths[kind], bodies[kind], moment * 200 * (uint64_t)MICROSECOND);
            finished[kind] = status == GRPC_OK;
            restart(&f, "auth");
            if (kind == 0) {
                sim_system_call(&f.s, "auth", TOKEN, NULL, "{\"id\":\"ann\",\"secret\":\"a\"}", &a);
                assert_true(a.status == GRPC_OK || status != GRPC_OK);
                if (a.status != GRPC_OK) /* not there: it can be made */
                    expect(&f, paths[0], f.admin, bodies[0], GRPC_OK, NULL);
                struct pair ann = login(&f, "Ann", "a");
                expect(&f, INSPECT, NULL, inspect_json(&f, ann.access), GRPC_OK, NULL);
            } else {
                sim_system_call(&f.s, "auth", TOKEN, NULL, "{\"id\":\"joe\",\"secret\":\"s3cret\"}", &a);
                sim_system_call(&f.s, "auth", TOKEN, NULL, "{\"id\":\"joe\",\"secret\":\"n3w\"}", &b);
                assert_true(a.status != GRPC_OK || status != GRPC_OK); /* acknowledged: the old one is good no more */
                assert_true(kind == 2 || (a.status == GRPC_OK) != (b.status == GRPC_OK));
                struct sim_answer *good = a.status == GRPC_OK ? &a : b.status == GRPC_OK ? &b : NULL;
                if (good) { /* what a login gives works in every way */
                    expect(&f, INSPECT, NULL, inspect_json(&f, sim_answer_text(good, "token/access_token")), GRPC_OK,
                           NULL);
                    (void)tokens(&f, refresh_json(&f, sim_answer_text(good, "token/refresh_token")));
                }
                if (status == GRPC_OK) {
                    expect(&f, INSPECT, NULL, inspect_json(&f, before.access), GRPC_INVALID_ARGUMENT, "revoked");
                    expect(&f, TOKEN, NULL, refresh_json(&f, before.refresh), GRPC_INVALID_ARGUMENT, "invalid token");
                }
            }
            sim_answer_deinit(&a);
            sim_answer_deinit(&b);
            end(&f);
        }
    }
    assert_true(finished[0] && finished[1] && finished[2]);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),   cmocka_unit_test(test_lives),    cmocka_unit_test(test_no_rotation),
        cmocka_unit_test(test_at_once),    cmocka_unit_test(test_guessing), cmocka_unit_test(test_revocation),
        cmocka_unit_test(test_keys),       cmocka_unit_test(test_key_life), cmocka_unit_test(test_key_disk),
        cmocka_unit_test(test_key_file),   cmocka_unit_test(test_forged),   cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_logs),       cmocka_unit_test(test_no_admin), cmocka_unit_test(test_lockout),
        cmocka_unit_test(test_store_dies),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
