/* Who may call what: every method of every core component, listed from the compiled-in descriptors, called as nobody,
 * with tokens that are no good, as accounts of another namespace, and as accounts without the right scope, at the
 * component itself, through the proxy, through the network's door, and through the gateway.
 *
 * The table (security_methods.c) says for each method what it needs and gives a request that is in order, so that a
 * refusal is about the caller. */
#include "base/base64.h"
#include "base/test.h"

#include "base/units.h"
#include "rpc/websocket.h"
#include "tests/system/security_kit.h"
#include "tests/system/security_methods.h"

#include <stdio.h>
#include <string.h>

/* Told to everybody whatever they show, since they tell about the component and not of what it keeps:
 * Debug.{Health,Stats} of every component, grpc.health.v1.Health, grpc.reflection.*. */
static const char *const open_types[] = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                         "grpc.reflection.v1alpha.ServerReflection"};

/* ---- the table covers what there is ------------------------------------------------------------------------------ */

static const struct security_row *row_of(const char *path)
{
    for (size_t i = 0; i < security_row_count; i++)
        if (strcmp(security_rows[i].path, path) == 0)
            return &security_rows[i];
    return NULL;
}

static bool is_open_type(const char *service)
{
    for (size_t i = 0; i < sizeof open_types / sizeof open_types[0]; i++)
        if (strcmp(open_types[i], service) == 0)
            return true;
    return strcmp(service, "debug.Debug") == 0;
}

static void the_table_has_every_method(void **state)
{
    struct security *s = *state;
    struct text missing = TEXT_INIT;
    size_t found = 0;
    for (size_t i = 0; i < pb_service_count(s->pool); i++) {
        const struct pb_service *service = pb_service_at(s->pool, i);
        if (is_open_type(service->full_name))
            continue;
        for (size_t m = 0; m < service->method_count; m++) {
            if (row_of(service->methods[m].path))
                found++;
            else
                text_printf(&missing, "%s ", service->methods[m].path);
        }
        if (!security_component(service->full_name))
            text_printf(&missing, "(nobody serves %s) ", service->full_name);
    }
    if (missing.len)
        fail_msg("not in the table of who may call: %s", text_string(&missing));
    assert_int_equal(found, security_row_count); /* and nothing else is in it */
    for (size_t i = 0; i < security_row_count; i++)
        assert_true((security_rows[i].need == OPEN) == (security_rows[i].why != NULL));
}

/* ---- doors ------------------------------------------------------------------------------------------------------- */

enum door { AT_HOME, PROXY, NETWORK_DOOR, DOORS };
static const char *const door_names[] = {"the component", "the proxy", "the network's door"};

static void service_of(const char *path, char *out, size_t size)
{
    const char *end = strrchr(path, '/');
    snprintf(out, size, "%.*s", (int)(end - path - 1), path + 1);
}

static void door_address(const struct security_row *r, enum door door, char out[SIM_MICRO_ADDRESS_MAX])
{
    char service[128];
    service_of(r->path, service, sizeof service);
    sim_micro_address(door == PROXY ? "proxy" : door == NETWORK_DOOR ? "network" : security_component(service), out);
    /* Example services listen where the registry says: a free port. Calls to them go through the doors. */
    if (door == AT_HOME && strchr(out, ':') &&
        (strncmp(out, "helloworld:", 11) == 0 || strncmp(out, "notes:", 6) == 0) && strcmp(strchr(out, ':'), ":0") == 0)
        sim_micro_address("proxy", out);
}

/* The proxy answers for client.Client itself; there is no service of that name to go on to. */
static bool nowhere(const struct security_row *r, enum door door)
{
    return door == NETWORK_DOOR && strncmp(r->path, "/client.", 8) == 0;
}

static int as(struct security *s, const struct security_row *r, enum door door, const char *authorization)
{
    char address[SIM_MICRO_ADDRESS_MAX];
    door_address(r, door, address);
    const struct security_call call = {
        .address = address, .path = r->path, .authorization = authorization, .json = r->request, .timeout = SECOND};
    return security_status(s, &call);
}

static char *bearer(struct security *s, const char *token)
{
    char *header = arena_printf(&s->arena, "Bearer %s", token);
    assert_non_null(header);
    return header;
}

static bool allowed(int status)
{
    return status != GRPC_UNAUTHENTICATED && status != GRPC_PERMISSION_DENIED && status != GRPC_UNAVAILABLE &&
           status != GRPC_UNIMPLEMENTED;
}

struct complaints {
    size_t count;
};

static void expect(struct complaints *c, const struct security_row *r, enum door door, const char *who, int got,
                   int wanted)
{
    bool right = wanted == GRPC_OK ? allowed(got) : got == wanted;
    if (right)
        return;
    c->count++;
    print_error("%s at %s, %s: %s, wanted %s\n", r->path, door_names[door], who, grpc_status_name(got),
                wanted == GRPC_OK ? "anything but a refusal" : grpc_status_name(wanted));
}

/* ---- nobody, and the wrong people -------------------------------------------------------------------------------- */

static void callers(void **state)
{
    struct security *s = *state;
    struct complaints c = {0};
    const char *foreign = bearer(s, security_account(s, "eve", "user", "other", "admin"));
    const char *foreign_service = bearer(s, security_account(s, "eves", "service", "other", "service"));
    const char *plain = bearer(s, security_account(s, "bob", "user", "micro", NULL));
    const char *scoped = bearer(s, security_account(s, "carl", "user", "micro", "notes"));
    const char *mixed = bearer(s, security_account(s, "dora", "service", "micro", "admin"));
    const char *robot = bearer(s, security_account(s, "robot", "robot", "micro", "admin"));
    for (size_t i = 0; i < security_row_count; i++) {
        const struct security_row *r = &security_rows[i];
        for (enum door d = AT_HOME; d < DOORS; d++) {
            enum security_need need = r->need == INSIDE ? ADMIN : r->need;
            if (nowhere(r, d))
                continue;
            int refused = need == OPEN || need == OWN || need == HEADER ? GRPC_OK : GRPC_PERMISSION_DENIED;
            int no_admin = need == ADMIN || need == HEADER ? GRPC_UNAUTHENTICATED
                           : need == SERVICE               ? GRPC_PERMISSION_DENIED
                                                           : GRPC_OK;
            int network = GRPC_UNAUTHENTICATED;
            bool peering = need == NETWORK;
            expect(&c, r, d, "nobody", as(s, r, d, NULL), need == OPEN ? GRPC_OK : GRPC_UNAUTHENTICATED);
            expect(&c, r, d, "an admin of another namespace", as(s, r, d, foreign), peering ? network : refused);
            expect(&c, r, d, "a service of another namespace", as(s, r, d, foreign_service),
                   peering           ? network
                   : need == SERVICE ? GRPC_OK
                                     : refused);
            expect(&c, r, d, "a user without scopes", as(s, r, d, plain), peering ? network : no_admin);
            expect(&c, r, d, "a user of another scope", as(s, r, d, scoped), peering ? network : no_admin);
            expect(&c, r, d, "a service with a user's scope", as(s, r, d, mixed), peering ? network : no_admin);
            expect(&c, r, d, "an account of no known type", as(s, r, d, robot),
                   peering          ? network
                   : need == HEADER ? GRPC_PERMISSION_DENIED
                                    : refused);
        }
    }
    assert_int_equal(c.count, 0);
}

/* Naming a namespace is not being in it. */
static void the_namespace_header_gives_nothing(void **state)
{
    struct security *s = *state;
    struct complaints c = {0};
    const char *foreign = bearer(s, security_account(s, "eve", "user", "other", "admin"));
    for (size_t i = 0; i < security_row_count; i++) {
        const struct security_row *r = &security_rows[i];
        if (r->need != ADMIN && r->need != ACCOUNT && r->need != HEADER)
            continue;
        for (enum door d = AT_HOME; d < DOORS; d++) {
            char address[SIM_MICRO_ADDRESS_MAX];
            door_address(r, d, address);
            struct security_call call = {.address = address,
                                         .path = r->path,
                                         .authorization = foreign,
                                         .name = {"micro-namespace"},
                                         .value = {"micro"},
                                         .json = r->request,
                                         .timeout = SECOND};
            expect(&c, r, d, "another namespace's admin with the header", security_status(s, &call),
                   GRPC_PERMISSION_DENIED);
            call.authorization = NULL;
            expect(&c, r, d, "nobody with the header", security_status(s, &call), GRPC_UNAUTHENTICATED);
        }
    }
    assert_int_equal(c.count, 0);
}

/* All namespaces at once are for those who look after all of them. */
static void the_wildcard_domain(void **state)
{
    struct security *s = *state;
    const char *foreign = bearer(s, security_account(s, "eve", "user", "other", "admin"));
    static const char *const paths[] = {"/registry.Registry/GetService", "/registry.Registry/ListServices",
                                        "/registry.Registry/Watch"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct security_call call = {.address = "registry:8000",
                                           .path = paths[i],
                                           .authorization = foreign,
                                           .json = i == 1 ? "{\"options\":{\"domain\":\"*\"}}"
                                                          : "{\"service\":\"store\",\"options\":{\"domain\":\"*\"}}"};
        assert_int_equal(security_status(s, &call), GRPC_PERMISSION_DENIED);
    }
}

/* ---- tokens that are no good ------------------------------------------------------------------------------------- */

#define BAD_MAX 32
struct bad {
    const char *what, *authorization;
};

static const char good_claims[] = "{\"type\":\"user\",\"scopes\":[\"admin\"],\"metadata\":{},\"name\":\"admin\","
                                  "\"sub\":\"admin\",\"iss\":\"micro\",\"exp\":4000000000}";
static const char plain_header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";

static char *flip(struct security *s, const char *token, size_t at)
{
    char *copy = arena_string(&s->arena, token);
    copy[at] = copy[at] == 'A' ? 'B' : 'A';
    return copy;
}

/* Header and signature of one, claims of the other. */
static char *swap_claims(struct security *s, const char *token, const char *claims_of)
{
    const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
    const char *from = strchr(claims_of, '.') + 1, *to = strchr(from, '.');
    char *mixed = arena_printf(&s->arena, "%.*s.%.*s%s", (int)(first - token), token, (int)(to - from), from, second);
    assert_non_null(mixed);
    return mixed;
}

static char *basic(struct security *s, const char *token)
{
    struct text plain = TEXT_INIT, coded = TEXT_INIT;
    text_printf(&plain, "admin:%s", token);
    base64_encode(&coded, text_bytes(&plain));
    char *header = arena_printf(&s->arena, "Basic %s", text_string(&coded));
    text_deinit(&plain);
    text_deinit(&coded);
    return header;
}

static char *of_kid(struct security *s, const char *kid)
{
    char *header = arena_printf(&s->arena, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":%s}", kid);
    return bearer(s, security_token(s, header, good_claims, SECURITY_RS256));
}

static size_t bad_tokens(struct security *s, struct bad out[BAD_MAX])
{
    size_t n = 0;
    char *good = security_token(s, plain_header, good_claims, SECURITY_RS256);
    char *lowly = security_account(s, "bob", "user", "micro", NULL);
    char *long_one = memset(arena_alloc(&s->arena, 20001), 'A', 20000);
    long_one[20000] = '\0';
    char *past = security_token(s, plain_header,
                                "{\"type\":\"user\",\"scopes\":[\"admin\"],\"sub\":\"admin\",\"iss\":\"micro\","
                                "\"exp\":1767225599}", /* a second before the simulation's first */
                                SECURITY_RS256);
    char *not_yet = security_token(s, plain_header,
                                   "{\"type\":\"user\",\"scopes\":[\"admin\"],\"sub\":\"admin\",\"iss\":\"micro\","
                                   "\"exp\":4000000000,\"nbf\":3900000000}",
                                   SECURITY_RS256);
    char *no_end = security_token(s, plain_header,
                                  "{\"type\":\"user\",\"scopes\":[\"admin\"],\"sub\":\"admin\",\"iss\":\"micro\"}",
                                  SECURITY_RS256);
    char *nobodys = security_token(s, plain_header,
                                   "{\"type\":\"user\",\"scopes\":[\"admin\"],\"sub\":\"\",\"iss\":\"micro\","
                                   "\"exp\":4000000000}",
                                   SECURITY_RS256);
    size_t len = strlen(good);
    out[n++] = (struct bad){"signature's first byte flipped",
                            bearer(s, flip(s, good, (size_t)(strrchr(good, '.') - good) + 1))};
    out[n++] = (struct bad){"signature's middle byte flipped", bearer(s, flip(s, good, len - 100))};
    out[n++] = (struct bad){"claims' byte flipped", bearer(s, flip(s, good, (size_t)(strchr(good, '.') - good) + 30))};
    out[n++] = (struct bad){"alg none", bearer(s, security_token(s, "{\"alg\":\"none\",\"typ\":\"JWT\"}", good_claims,
                                                                 SECURITY_NO_SIGNATURE))};
    out[n++] = (struct bad){"alg None",
                            bearer(s, security_token(s, "{\"alg\":\"None\"}", good_claims, SECURITY_NO_SIGNATURE))};
    out[n++] = (struct bad){"RS256 without signature",
                            bearer(s, security_token(s, plain_header, good_claims, SECURITY_NO_SIGNATURE))};
    out[n++] = (struct bad){
        "HS256 with the public key",
        bearer(s, security_token(s, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", good_claims, SECURITY_HS256_PUBLIC))};
    out[n++] = (struct bad){"HS256's signature called RS256",
                            bearer(s, security_token(s, plain_header, good_claims, SECURITY_HS256_PUBLIC))};
    out[n++] =
        (struct bad){"RS512 named", bearer(s, security_token(s, "{\"alg\":\"RS512\"}", good_claims, SECURITY_RS256))};
    out[n++] = (struct bad){"no alg", bearer(s, security_token(s, "{\"typ\":\"JWT\"}", good_claims, SECURITY_RS256))};
    out[n++] = (struct bad){
        "a critical header nobody knows",
        bearer(s, security_token(s, "{\"alg\":\"RS256\",\"crit\":[\"x\"],\"x\":1}", good_claims, SECURITY_RS256))};
    out[n++] = (struct bad){"claims swapped", bearer(s, swap_claims(s, lowly, good))};
    out[n++] = (struct bad){"truncated", bearer(s, arena_string_n(&s->arena, good, len - 10))};
    out[n++] =
        (struct bad){"two parts", bearer(s, arena_string_n(&s->arena, good, (size_t)(strrchr(good, '.') - good)))};
    out[n++] = (struct bad){"four parts", bearer(s, arena_printf(&s->arena, "%s.x", good))};
    out[n++] = (struct bad){"20 kB", bearer(s, long_one)};
    out[n++] = (struct bad){"kid unknown", of_kid(s, "\"0123456789abcdef\"")};
    out[n++] = (struct bad){"kid a path", of_kid(s, "\"../../../../dev/null\"")};
    out[n++] = (struct bad){"kid a statement", of_kid(s, "\"x' OR '1'='1\"")};
    out[n++] = (struct bad){"kid a number", of_kid(s, "7")};
    out[n++] =
        (struct bad){"kid of 200 characters",
                     of_kid(s, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"")};
    out[n++] = (struct bad){"expired", bearer(s, past)};
    out[n++] = (struct bad){"not valid yet", bearer(s, not_yet)};
    out[n++] = (struct bad){"without an end", bearer(s, no_end)};
    out[n++] = (struct bad){"of nobody", bearer(s, nobodys)};
    out[n++] = (struct bad){"no token at all", bearer(s, "hello")};
    out[n++] = (struct bad){"a scheme without a token", "Bearer"};
    out[n++] = (struct bad){"Basic with a wrong password", basic(s, "hello")};
    out[n++] = (struct bad){"Basic that is no base64", "Basic !!!!"};
    out[n++] = (struct bad){"an unknown scheme", "Digest username=\"admin\""};
    out[n++] = (struct bad){"the token without a scheme", good};
    assert_true(n <= BAD_MAX);
    return n;
}

static void bad_tokens_are_401_everywhere(void **state)
{
    struct security *s = *state;
    struct complaints c = {0};
    struct bad bad[BAD_MAX];
    size_t count = bad_tokens(s, bad);
    for (size_t i = 0; i < security_row_count; i++)
        for (enum door d = AT_HOME; d < DOORS; d++)
            for (size_t b = 0; b < count; b++)
                expect(&c, &security_rows[i], d, bad[b].what, as(s, &security_rows[i], d, bad[b].authorization),
                       GRPC_UNAUTHENTICATED);
    assert_int_equal(c.count, 0);
}

/* The same tokens made right are taken: it is what was changed that is refused. */
static void the_good_one_is_good(void **state)
{
    struct security *s = *state;
    struct complaints c = {0};
    const char *good = bearer(s, security_token(s, plain_header, good_claims, SECURITY_RS256));
    const char *service = bearer(s, security_account(s, "svc", "service", "micro", "service"));
    for (size_t i = 0; i < security_row_count; i++)
        for (enum door d = AT_HOME; d < DOORS; d++) {
            enum security_need need = security_rows[i].need;
            if (nowhere(&security_rows[i], d))
                continue;
            expect(&c, &security_rows[i], d, "an admin of micro",
                   as(s, &security_rows[i], d, need == SERVICE ? service : good),
                   need == NETWORK ? GRPC_UNAUTHENTICATED : GRPC_OK);
        }
    assert_int_equal(c.count, 0);
    const struct security_call call = {.address = "store:8002",
                                       .path = "/store.Store/Databases",
                                       .authorization = basic(s, good + strlen("Bearer ")),
                                       .json = "{}"};
    assert_int_equal(security_status(s, &call), GRPC_OK); /* v3: Basic's password is the token */
}

/* ---- over HTTP --------------------------------------------------------------------------------------------------- */

static void target_of(const struct security_row *r, char *out, size_t size)
{
    const char *dot = strchr(r->path, '.');
    snprintf(out, size, "%.*s/%s", (int)(dot - r->path), r->path, dot + 1);
}

static void expect_http(struct complaints *c, const struct security_row *r, const char *who, int got, int wanted)
{
    if (wanted ? got == wanted : got != 401 && got != 403)
        return;
    c->count++;
    print_error("%s at the gateway, %s: %d, wanted %d\n", r->path, who, got, wanted);
}

static void the_gateway_says_the_same(void **state)
{
    struct security *s = *state;
    struct complaints c = {0};
    struct bad bad[BAD_MAX];
    size_t count = bad_tokens(s, bad);
    const char *foreign = bearer(s, security_account(s, "eve", "user", "other", "admin"));
    const char *plain = bearer(s, security_account(s, "bob", "user", "micro", NULL));
    for (size_t i = 0; i < security_row_count; i++) {
        const struct security_row *r = &security_rows[i];
        char target[128];
        char service[128];
        service_of(r->path, service, sizeof service);
        const struct pb_service *described = pb_find_service(s->pool, service);
        const struct pb_method *method = pb_find_method(s->pool, r->path, false);
        assert_non_null(described);
        assert_non_null(method);
        /* Streams that stay open are for the WebSocket below; a path's first part names the service. */
        bool stays = method->server_streaming && r->need != ADMIN && r->need != ACCOUNT;
        const char *json = "Content-Type: application/json";
        target_of(r, target, sizeof target);
        if (strncmp(r->path, "/client.", 8) == 0 || strncmp(r->path, "/router.", 8) == 0 || stays ||
            method->client_streaming)
            continue; /* the first two are served by a component of another name, at no path of the gateway */
        bool open = r->need == OPEN;
        expect_http(&c, r, "nobody", security_http(s, "POST", target, NULL, json, bytes_of(r->request), NULL),
                    open ? 0 : 401);
        expect_http(&c, r, "another namespace's admin",
                    security_http(s, "POST", target, foreign, json, bytes_of(r->request), NULL),
                    open || r->need == OWN || r->need == HEADER ? 0 : 403);
        expect_http(&c, r, "another namespace's admin with the header",
                    security_http(s, "POST", target, foreign, "Content-Type: application/json\nMicro-Namespace: micro",
                                  bytes_of(r->request), NULL),
                    open || r->need == OWN ? 0 : 403);
        if (r->need == ADMIN || r->need == HEADER)
            expect_http(&c, r, "a user without scopes",
                        security_http(s, "POST", target, plain, json, bytes_of(r->request), NULL), 401);
        for (size_t b = 0; b < count; b++)
            expect_http(&c, r, bad[b].what,
                        security_http(s, "POST", target, bad[b].authorization, json, bytes_of(r->request), NULL), 401);
        char *cookie = arena_printf(&s->arena, "Content-Type: application/json\nCookie: micro-token=%s",
                                    bad[0].authorization + strlen("Bearer "));
        expect_http(&c, r, "a bad token as cookie",
                    security_http(s, "POST", target, NULL, cookie, bytes_of(r->request), NULL), 401);
    }
    assert_int_equal(c.count, 0);
}

/* ---- over a WebSocket ---------------------------------------------------------------------------------------------
 */

struct socket {
    bool opened, closed;
    int code, status;
    size_t messages;
    struct text text;
    struct websocket *web;
    const char *send;
};

static void on_opened(void *arg)
{
    struct socket *k = arg;
    k->opened = true;
    (void)websocket_send(k->web, true, bytes_of(k->send));
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct socket *k = arg;
    (void)text;
    k->messages++;
    text_add(&k->text, message.data, message.len);
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct socket *k = arg;
    (void)reason;
    k->status = websocket_status(k->web);
    k->closed = true;
    k->code = code;
}

static bool is_closed(void *arg)
{
    const struct socket *k = arg;
    return k->closed;
}

/* Refused at the door with 401 or 403, or by the service's error and a close for policy. */
static void refused_socket(struct security *s, const char *target, const char *authorization, const char *request,
                           int wanted)
{
    static const struct websocket_events events = {.opened = on_opened, .message = on_message, .closed = on_closed};
    struct socket k = {.send = request};
    char url[256], code[16];
    const struct http1_header header = {bytes_of("Authorization"), bytes_of(authorization ? authorization : "")};
    snprintf(url, sizeof url, "ws://api:8080%s", target);
    snprintf(code, sizeof code, "\"code\":%d", wanted);
    assert_int_equal(websocket_connect(s->world, url, &header, authorization ? 1 : 0, NULL, &events, &k, &k.web, NULL),
                     0);
    assert_int_equal(world_run_until(s->world, is_closed, &k, (uint64_t)(30 * SECOND)), 0);
    if (k.opened ? k.code != WS_POLICY || !strstr(text_string(&k.text), code) : k.status != wanted)
        fail_msg("%s: opened %d, status %d, close code %d, said %s; wanted %d", target, k.opened, k.status, k.code,
                 text_string(&k.text), wanted);
    text_deinit(&k.text);
}

static void websockets_are_no_way_around(void **state)
{
    struct security *s = *state;
    struct bad bad[BAD_MAX];
    size_t count = bad_tokens(s, bad);
    static const struct {
        const char *target, *request;
    } streams[] = {{"/registry/Registry/Watch", "{\"options\":{\"domain\":\"micro\"}}"},
                   {"/config/Watcher/Watch", "{\"namespace\":\"micro\",\"path\":\"a\"}"},
                   {"/events/Stream/Consume", "{\"topic\":\"t\",\"auto_ack\":true}"},
                   {"/store/Store/List", "{\"options\":{\"database\":\"micro\"}}"},
                   {"/runtime/Runtime/Logs", "{\"service\":\"probe\",\"options\":{\"namespace\":\"micro\"}}"}};
    const char *foreign = bearer(s, security_account(s, "eve", "user", "other", "admin"));
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        refused_socket(s, streams[i].target, NULL, streams[i].request, 401);
        if (!strstr(streams[i].target, "Consume")) /* without the header they have topics of their own */
            refused_socket(s, streams[i].target, foreign, streams[i].request, 403);
        for (size_t b = 0; b < count; b++)
            refused_socket(s, streams[i].target, bad[b].authorization, streams[i].request, 401);
    }
    refused_socket(s, "/broker/Broker/Subscribe", NULL, "{\"topic\":\"t\"}", 401);
    refused_socket(s, "/auth/Policy/Watch", foreign, "{}", 403);
}

/* ---- peers --------------------------------------------------------------------------------------------------------
 */

/* The network's token at both doors: none, wrong ones, and an account's instead. */
static void peers_need_the_networks_token(void **state)
{
    struct security *s = *state;
    static const char *const tokens[] = {"micro", "",
                                         "0000000000000000000000000000000000000000000000000000000000000000"};
    static const char *const addresses[] = {"network:8443", "network:8085"};
    const char *admin = bearer(s, security_account(s, "root", "user", "micro", "admin"));
    for (size_t a = 0; a < 2; a++)
        for (size_t t = 0; t < 4; t++)
            for (int with_account = 0; with_account < 2; with_account++) {
                struct security_call call = {.address = addresses[a],
                                             .path = "/network.Peering/Exchange",
                                             .authorization = with_account ? admin : NULL,
                                             .json = "{\"peer\":{\"node\":{\"id\":\"eve\",\"network\":\"micro\"}}}"};
                if (t < 3) {
                    call.name[0] = "micro-network-token";
                    call.value[0] = tokens[t];
                }
                assert_int_equal(security_status(s, &call), GRPC_UNAUTHENTICATED);
            }
    /* A peer's call for a service, at the peers' door, by somebody who is none. */
    const struct security_call relayed = {
        .address = "network:8085", .path = "/store.Store/Databases", .authorization = admin, .json = "{}"};
    assert_int_equal(security_status(s, &relayed), GRPC_UNAUTHENTICATED);
}

/* What is open tells no more with a bad token than without one, and less than a lie. */
static void debug_and_health_are_open(void **state)
{
    struct security *s = *state;
    static const char *const methods[] = {"Health", "Stats", "Log", "Trace"};
    for (size_t i = 0; i < sim_micro_count(s->micro); i++) {
        const char *name = sim_micro_name(s->micro, i);
        char address[SIM_MICRO_ADDRESS_MAX], path[96];
        sim_micro_address(name, address);
        for (size_t m = 0; m < 4; m++) {
            snprintf(path, sizeof path, "/%s.Debug/%s", name, methods[m]);
            const struct security_call call = {
                .address = address, .path = path, .authorization = m % 2 ? "Bearer x" : NULL, .json = "{}"};
            int status = security_status(s, &call), wanted = m < 2 ? GRPC_OK : GRPC_UNAUTHENTICATED;
            if (status != wanted) /* Log and Trace tell what others did */
                fail_msg("%s: %s", path, grpc_status_name(status));
        }
        const struct security_call health = {.address = address, .path = "/grpc.health.v1.Health/Check"};
        assert_int_equal(security_status(s, &health), GRPC_OK);
    }
}

static void they_all_live(void **state)
{
    struct security *s = *state;
    struct text dead = TEXT_INIT;
    if (!security_all_run(s, &dead))
        fail_msg("dead: %s", text_string(&dead));
}

static struct security system_;

static int set_up(void **state)
{
    security_init(&system_, 6, NULL);
    *state = &system_;
    return 0;
}

static int tear_down(void **state)
{
    security_deinit(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_every_method),
        cmocka_unit_test(callers),
        cmocka_unit_test(the_namespace_header_gives_nothing),
        cmocka_unit_test(the_wildcard_domain),
        cmocka_unit_test(bad_tokens_are_401_everywhere),
        cmocka_unit_test(the_good_one_is_good),
        cmocka_unit_test(the_gateway_says_the_same),
        cmocka_unit_test(websockets_are_no_way_around),
        cmocka_unit_test(peers_need_the_networks_token),
        cmocka_unit_test(debug_and_health_are_open),
        cmocka_unit_test(they_all_live),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
