/* Secrets are told to nobody but those they are for. The whole of micro runs at log level debug through a scenario of
 * accounts, logins right and wrong, refreshed tokens, secret settings, a service with secrets, keys that rotate, peers,
 * and calls that fail with a secret in their hands. Then nothing of what was secret (nor its Base64, in any alignment,
 * nor its hexadecimal form, nor a private key, nor any token at all) is in: a log line, an answer of Debug.Log or
 * Debug.Trace, an error text, a service's log, or any file but the three kept for it: the
 * network's token, auth's keys, the first admin's secret. */
#include "base/base64.h"
#include "base/test.h"

#include "base/units.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"
#include "tests/system/security_kit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRETS_MAX 64
#define FILE_MAX    ((size_t)64 << 20) /* bytes */

struct secret {
    const char *what;
    char *value;
    bool at_rest; /* kept as it is in a file of its own */
};

static struct security system_;
static struct secret secrets[SECRETS_MAX];
static size_t secret_count;
static struct text errors; /* texts of calls that failed, and answers that are for no secret */

static const char *secret(const char *what, const char *value, bool at_rest)
{
    assert_non_null(value);
    assert_true(strlen(value) >= 8 && secret_count < SECRETS_MAX);
    secrets[secret_count] = (struct secret){what, arena_string(&system_.arena, value), at_rest};
    return secrets[secret_count++].value;
}

/* ---- a service, which tells us what it was given ---- */

static void on_signal(void *arg, int number)
{
    (void)number;
    world_stop(arg);
}

static void never(void *arg)
{
    (void)arg;
}

static char service_secret[128];

static int keeper_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    struct world_timer *t = calloc(1, sizeof *t);
    const char *given = world_environment(w, "MICRO_AUTH_SECRET");
    (void)argc;
    (void)argv;
    if (!t)
        return error_set(err, ERROR_MEMORY, "out of memory");
    snprintf(service_secret, sizeof service_secret, "%s", given ? given : "");
    world_timer_init(t, w, never, NULL);
    (void)world_timer_start(t, (uint64_t)(1000 * HOUR));
    world_on_signal(w, on_signal, w);
    *state = t;
    return 0;
}

static void keeper_stop(void *state)
{
    world_timer_stop(state);
    free(state);
}

/* ---- calls ---- */

/* `shows`: the answer is told a secret on purpose. Gives the answer's JSON, or NULL. */
static json_t *ask(const char *address, const char *path, const char *authorization, bool shows, const char *json)
{
    struct security_answer a;
    const struct security_call call = {
        .address = address, .path = path, .authorization = authorization, .json = json, .timeout = 20 * SECOND};
    security_call(&system_, &call, &a);
    if (a.status != GRPC_OK || !shows) {
        text_printf(&errors, "%s: ", path);
        text_add(&errors, a.text.data, a.text.len);
        text_char(&errors, '\n');
    }
    json_t *tree = a.status == GRPC_OK ? json_loadb(text_string(&a.text), a.text.len, 0, NULL) : NULL;
    text_deinit(&a.text);
    return tree;
}

static void tell(const char *address, const char *path, const char *authorization, const char *json)
{
    json_decref(ask(address, path, authorization, false, json));
}

static void done(const char *address, const char *path, const char *authorization, const char *json)
{
    json_t *answer = ask(address, path, authorization, false, json);
    if (!answer)
        fail_msg("%s %s: %s", path, json, text_string(&errors));
    json_decref(answer);
}

static const char *member(const json_t *at, const char *a, const char *b)
{
    return json_string_value(json_object_get(json_object_get(at, a), b));
}

static char *bearer(const char *token)
{
    char *header = arena_printf(&system_.arena, "Bearer %s", token);
    assert_non_null(header);
    return header;
}

/* By id and secret; the tokens are secrets from here on. */
static char *login(const char *id, const char *password, const char **refresh)
{
    char *json = arena_printf(&system_.arena, "{\"id\":\"%s\",\"secret\":\"%s\",\"options\":{\"namespace\":\"micro\"}}",
                              id, password);
    json_t *answer = ask("auth:8010", "/auth.Auth/Token", NULL, true, json);
    assert_non_null(answer);
    char *header = bearer(secret("an access token", member(answer, "token", "access_token"), false));
    const char *again = secret("a refresh token", member(answer, "token", "refresh_token"), false);
    if (refresh)
        *refresh = again;
    json_decref(answer);
    return header;
}

static void accounts(void)
{
    const char *refresh;
    secret("the first admin's secret", SECURITY_ADMIN_SECRET, false);
    char *admin = login("admin", SECURITY_ADMIN_SECRET, &refresh);
    secret("a given secret", "given-secret-2342", false);
    json_decref(
        ask("auth:8010", "/auth.Auth/Generate", admin, true, "{\"id\":\"jane\",\"secret\":\"given-secret-2342\"}"));
    json_t *drawn = ask("auth:8010", "/auth.Auth/Generate", admin, true, "{\"id\":\"joe\"}");
    assert_non_null(drawn);
    secret("a drawn secret", member(drawn, "account", "secret"), false);
    json_decref(drawn);
    tell("auth:8010", "/auth.Auth/Generate", admin, "{\"id\":\"jane\",\"secret\":\"given-secret-2342\"}"); /* twice */
    secret("a mistyped secret", "mistyped-secret-2343", false);
    tell("auth:8010", "/auth.Auth/Token", NULL, "{\"id\":\"jane\",\"secret\":\"mistyped-secret-2343\"}");
    tell("auth:8010", "/auth.Auth/Token", NULL, "{\"id\":\"nobody\",\"secret\":\"mistyped-secret-2343\"}");
    tell("auth:8010", "/auth.Auth/Token", NULL, "{\"refresh_token\":\"mistyped-secret-2343\"}");
    char *jane = login("jane", "given-secret-2342", &refresh);
    char *json = arena_printf(&system_.arena, "{\"refresh_token\":\"%s\"}", refresh);
    json_t *renewed = ask("auth:8010", "/auth.Auth/Token", NULL, true, json);
    assert_non_null(renewed);
    secret("a renewed access token", member(renewed, "token", "access_token"), false);
    secret("a renewed refresh token", member(renewed, "token", "refresh_token"), false);
    json_decref(renewed);
    json_decref(ask("auth:8010", "/auth.Auth/Token", NULL, true, json)); /* once more, as after a lost answer */
    secret("a changed secret", "changed-secret-2344", false);
    done("auth:8010", "/auth.Accounts/ChangeSecret", jane,
         "{\"id\":\"jane\",\"old_secret\":\"given-secret-2342\",\"new_secret\":\"changed-secret-2344\"}");
    tell("auth:8010", "/auth.Accounts/ChangeSecret", admin,
         "{\"id\":\"nobody\",\"old_secret\":\"mistyped-secret-2343\",\"new_secret\":\"changed-secret-2344\"}");
    tell("store:8002", "/store.Store/Databases", jane, "{}"); /* revoked, and no admin */
    done("auth:8010", "/auth.Accounts/List", admin, "{}");
    done("auth:8010", "/auth.Keys/Rotate", admin, "{}");
    done("auth:8010", "/auth.Keys/List", admin, "{}");
    (void)world_sleep(system_.world, (uint64_t)(30 * SECOND)); /* the new key signs */
    (void)login("jane", "changed-secret-2344", NULL);
    done("auth:8010", "/auth.Accounts/Delete", admin, "{\"id\":\"joe\"}");
}

static void settings(const char *admin)
{
    secret("a secret setting", "secret-setting-2345", false);
    done("config:8001", "/config.Config/Set", admin,
         "{\"namespace\":\"micro\",\"path\":\"pay.key\",\"value\":{\"data\":\"\\\"secret-setting-2345\\\"\","
         "\"format\":\"json\"},\"options\":{\"secret\":true}}");
    done("config:8001", "/config.Config/Get", admin, "{\"namespace\":\"micro\",\"path\":\"pay.key\"}");
    done("config:8001", "/config.Config/Get", admin, "{\"namespace\":\"micro\",\"path\":\"\"}");
    done("config:8001", "/config.Config/Read", admin, "{\"namespace\":\"micro\",\"path\":\"\"}");
    tell("config:8001", "/config.Watcher/Watch", admin, "{\"namespace\":\"micro\",\"path\":\"\"}");
    json_t *shown = ask("config:8001", "/config.Config/Get", admin, true,
                        "{\"namespace\":\"micro\",\"path\":\"pay.key\",\"options\":{\"secret\":true}}");
    assert_string_equal(member(shown, "value", "data"), "\"secret-setting-2345\"");
    json_decref(shown);
    /* No JSON, with the secret inside; and at a place that takes none. */
    tell("config:8001", "/config.Config/Set", admin,
         "{\"namespace\":\"micro\",\"path\":\"pay.key\",\"value\":{\"data\":\"{secret-setting-2345\","
         "\"format\":\"json\"},\"options\":{\"secret\":true}}");
    tell("config:8001", "/config.Config/Set", admin,
         "{\"namespace\":\"../x\",\"path\":\"pay..key\",\"value\":{\"data\":\"\\\"secret-setting-2345\\\"\","
         "\"format\":\"json\"},\"options\":{\"secret\":true}}");
    /* Nobody may. */
    tell("config:8001", "/config.Config/Set", NULL,
         "{\"namespace\":\"micro\",\"path\":\"a\",\"value\":{\"data\":\"\\\"secret-setting-2345\\\"\"},"
         "\"options\":{\"secret\":true}}");
}

static void services(const char *admin)
{
    secret("a service's secret", "service-secret-2346", false);
    done("runtime:8088", "/runtime.Runtime/Create", admin,
         "{\"resource\":{\"service\":{\"name\":\"vault\",\"version\":\"1\"}},\"options\":{\"command\":[\"keeper\"],"
         "\"secrets\":{\"PASSWORD\":\"service-secret-2346\"}}}");
    (void)world_sleep(system_.world, (uint64_t)(3 * SECOND));
    secret("a service's account's secret", service_secret, false);
    done("runtime:8088", "/runtime.Runtime/Read", admin, "{}");
    done("runtime:8088", "/runtime.Runtime/Update", admin,
         "{\"resource\":{\"service\":{\"name\":\"vault\",\"version\":\"1\"}},\"options\":{\"instances\":2}}");
    tell("runtime:8088", "/runtime.Runtime/Create", admin, /* no variable's name */
         "{\"resource\":{\"service\":{\"name\":\"v2\",\"version\":\"1\"}},\"options\":{\"command\":[\"keeper\"],"
         "\"secrets\":{\"1\":\"service-secret-2346\"}}}");
    tell("runtime:8088", "/runtime.Runtime/Create", admin, /* no such program */
         "{\"resource\":{\"service\":{\"name\":\"v3\",\"version\":\"1\"}},\"options\":{\"command\":[\"nosuch\"],"
         "\"secrets\":{\"PASSWORD\":\"service-secret-2346\"}}}");
    tell("runtime:8088", "/runtime.Runtime/Create", NULL,
         "{\"resource\":{\"service\":{\"name\":\"v4\",\"version\":\"1\"}},\"options\":{\"command\":[\"keeper\"],"
         "\"secrets\":{\"PASSWORD\":\"service-secret-2346\"}}}");
    tell("runtime:8088", "/runtime.Runtime/Logs", admin, "{\"service\":\"vault\",\"version\":\"1\",\"count\":\"100\"}");
    tell("runtime:8088", "/runtime.Runtime/Logs", admin, "{\"service\":\"v3\",\"version\":\"1\",\"count\":\"100\"}");
    (void)world_sleep(system_.world, (uint64_t)(30 * SECOND)); /* retries */
}

/* Secrets in the wrong place, as people do. */
static void mistakes(void)
{
    static const char *const schemes[] = {"Bearer leaked-token-2347",
                                          "Basic bGVha2VkLXRva2VuLTIzNDc=", "Digest leaked-token-2347",
                                          "leaked-token-2347", "Bearer leaked-token-2347.a.b"};
    secret("a token that is none", "leaked-token-2347", false);
    static const char *const addresses[] = {"store:8002", "proxy:8081", "network:8443", "network:8085"};
    for (size_t a = 0; a < sizeof addresses / sizeof addresses[0]; a++)
        for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
            tell(addresses[a], "/store.Store/Databases", schemes[i], "{}");
    struct text body = TEXT_INIT;
    char *target = arena_printf(&system_.arena, "/auth/Auth/Token?id=jane&secret=%s", "mistyped-secret-2343");
    int status = security_http(&system_, "GET", target, NULL, NULL, BYTES_NONE, &body);
    assert_in_range(status, 400, 499);
    static const char *const bodies[] = {"{\"id\":\"jane\",\"secret\":\"mistyped-secret-2343\"",
                                         "{\"id\":\"jane\",\"secret\":[\"mistyped-secret-2343\"]}",
                                         "{\"id\":\"jane\",\"secret\":\"mistyped-secret-2343\",\"nosuch\":1}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        text_clear(&body);
        status = security_http(&system_, "POST", "/auth/Auth/Token", NULL, "Content-Type: application/json",
                               bytes_of(bodies[i]), &body);
        assert_in_range(status, 400, 499);
        text_add(&errors, body.data, body.len);
        tell("auth:8010", "/auth.Auth/Token", NULL, bodies[i]);
    }
    (void)security_http(&system_, "GET", "/store/Store/Databases", "Bearer leaked-token-2347",
                        "Cookie: micro-token=leaked-token-2347", BYTES_NONE, &errors);
    text_deinit(&body);
}

static void peers(void)
{
    struct text token = TEXT_INIT;
    assert_int_equal(world_read_file(sim_node(system_.sim, "network"), "data/network/token", 1000, &token, NULL), 0);
    const char *right = secret("the network's token", text_string(&token), true);
    char *wrong = arena_printf(&system_.arena, "%.20s", right);
    const char *const shown[] = {right, wrong};
    for (size_t i = 0; i < 2; i++) {
        struct security_answer a;
        const struct security_call call = {.address = "network:8085",
                                           .path = "/network.Peering/Exchange",
                                           .name = {"micro-network-token"},
                                           .value = {shown[i]},
                                           .json = "{}"};
        security_call(&system_, &call, &a);
        text_add(&errors, a.text.data, a.text.len);
        text_deinit(&a.text);
    }
    text_deinit(&token);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static size_t found;

static void look_for(struct bytes where, const char *place, const char *what, const char *form, const char *value,
                     size_t len)
{
    const uint8_t *at = len && where.len >= len ? memmem(where.data, where.len, value, len) : NULL;
    if (!at)
        return;
    struct text around = TEXT_INIT;
    size_t before = (size_t)(at - where.data);
    size_t back = before < 100 ? before : 100, ahead = where.len - before < 60 ? where.len - before : 60;
    text_printable(&around, at - back, back + ahead, 400);
    print_error("%s (%s) is in %s: ...%s...\n", what, form, place, text_string(&around));
    text_deinit(&around);
    found++;
}

/* As it is, as Base64 in each of the three alignments, in hexadecimal. */
static void look_for_secret(struct bytes where, const char *place, const struct secret *s)
{
    size_t len = strlen(s->value);
    look_for(where, place, s->what, "plain", s->value, len);
    for (size_t shift = 0; shift < 3; shift++) {
        struct text padded = TEXT_INIT, coded = TEXT_INIT;
        text_add(&padded, "\0\0", shift);
        text_puts(&padded, s->value);
        base64_encode(&coded, text_bytes(&padded));
        size_t skip = shift ? 4 : 0, end = padded.len / 3 * 4; /* whole groups of the secret alone */
        if (end > skip)
            look_for(where, place, s->what, "Base64", text_string(&coded) + skip, end - skip);
        text_deinit(&padded);
        text_deinit(&coded);
    }
    struct text hex = TEXT_INIT;
    for (size_t i = 0; i < len; i++)
        text_printf(&hex, "%02x", (unsigned)(unsigned char)s->value[i]);
    look_for(where, place, s->what, "hexadecimal", text_string(&hex), hex.len);
    text_deinit(&hex);
}

static void look_in(struct bytes where, const char *place)
{
    static const char *const never_shown[] = {"PRIVATE KEY", "eyJ"}; /* a PEM's first line; a token's first letters */
    for (size_t i = 0; i < secret_count; i++)
        look_for_secret(where, place, &secrets[i]);
    for (size_t i = 0; i < 2; i++)
        look_for(where, place, never_shown[i], "plain", never_shown[i], strlen(never_shown[i]));
    const char *line = strchr(sim_private_key, '\n') + 1;
    for (; *line && *line != '-'; line = strchr(line, '\n') + 1)
        look_for(where, place, "the root's private key", "a line of it", line, strcspn(line, "\n"));
}

struct disk {
    struct world *world;
    const char *node;
    char at[512];
};

static void each_file(void *arg, const char *name)
{
    struct disk *d = arg;
    size_t len = strlen(d->at);
    struct world_stat stat;
    struct text content = TEXT_INIT;
    char place[600];
    assert_true(len + 1 + strlen(name) < sizeof d->at);
    snprintf(d->at + len, sizeof d->at - len, "%s%s", len && d->at[len - 1] != '/' ? "/" : "", name);
    if (world_stat(d->world, d->at, &stat) == 0 && stat.directory) {
        (void)world_list(d->world, d->at, each_file, d);
    } else if (strcmp(d->at, "/data/network/token") != 0 && strcmp(d->at, "/data/auth/keys.json") != 0 &&
               strcmp(d->at, "/data/auth/admin.secret") != 0 &&
               world_read_file(d->world, d->at, FILE_MAX, &content, NULL) == 0) {
        snprintf(place, sizeof place, "the file %s of %s", d->at, d->node);
        look_in(text_bytes(&content), place);
    }
    text_deinit(&content);
    d->at[len] = '\0';
}

static void nothing_secret_is_told(void **state)
{
    (void)state;
    accounts();
    char *admin = login("admin", SECURITY_ADMIN_SECRET, NULL);
    settings(admin);
    services(admin);
    mistakes();
    peers();
    assert_true(secret_count >= 15);
    assert_true(system_.log.len > 2000); /* there is something to look at */
    look_in(text_bytes(&system_.log), "the log");
    look_in(text_bytes(&errors), "an error's text");
    for (size_t i = 0; i < sim_micro_count(system_.micro); i++) {
        const char *name = sim_micro_name(system_.micro, i);
        static const char *const methods[] = {"Log", "Trace", "Stats", "Health"};
        char address[SIM_MICRO_ADDRESS_MAX], path[96];
        sim_micro_address(name, address);
        for (size_t m = 0; m < 4; m++) {
            struct security_answer a;
            snprintf(path, sizeof path, "/%s.Debug/%s", name, methods[m]);
            const struct security_call call = {.address = address,
                                               .path = path,
                                               .authorization = admin,
                                               .json = m == 0 ? "{\"count\":\"1000\"}" : "{}"};
            security_call(&system_, &call, &a);
            assert_int_equal(a.status, GRPC_OK);
            assert_true(m > 1 || a.text.len > 20); /* records and spans are there */
            look_in(text_bytes(&a.text), path);
            text_deinit(&a.text);
        }
        struct disk d = {.world = sim_node(system_.sim, name), .node = name, .at = "/"};
        (void)world_list(d.world, "/", each_file, &d);
    }
    assert_int_equal(found, 0);
}

/* The look-out itself sees what it is to see. */
static void the_search_finds(void **state)
{
    static const char planted[] = "x=c2VjcmV0LXNldHRpbmctMjM0NQ== y=7365637265742d73657474696e672d32333435 "
                                  "z=AXNlY3JldC1zZXR0aW5nLTIzNDU= eyJhbGciOiJSUzI1NiJ9";
    (void)state;
    const struct secret s = {.what = "planted", .value = strdup("secret-setting-2345")};
    size_t before = found;
    look_for_secret(bytes_of(planted), "the plant", &s);
    assert_true(found >= before + 3);
    found = before;
    free(s.value);
}

static int set_up(void **state)
{
    static const struct sim_program keeper = {.name = "keeper", .start = keeper_start, .stop = keeper_stop};
    static const char *const auth[] = {"auth", "--key-announce", "1s", NULL};
    static const char *const *const arguments[] = {auth, NULL};
    (void)state;
    security_init(&system_, 8, arguments);
    return sim_register(system_.sim, &keeper);
}

static int tear_down(void **state)
{
    (void)state;
    text_deinit(&errors);
    security_deinit(&system_);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds),
        cmocka_unit_test(nothing_secret_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
