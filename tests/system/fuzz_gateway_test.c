/* The gateway of micro against every operator, and against gRPC: the same message both ways. */
#include "base/test.h"

#include "base/units.h"
#include "fuzz/gateway/compare.h"
#include "fuzz/gateway/gateway.h"
#include "fuzz/message/generate.h"
#include "fuzz/sequence/words.h"
#include "proto/set.h"
#include "rpc/rpc.h"
#include "runtime/api/api.h"
#include "runtime/service/service.h"
#include "tests/whole/whole.h"
#include "wire/grpc.h"
#include "wire/http1.h"

#include <stdio.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(5 * SECOND))  /* virtual, as all times here */
#define HTTP_LIMIT ((uint64_t)(90 * SECOND)) /* above the gateway's own for a slow head */
#define MESSAGES   12                        /* of each method */

static struct whole *micro;
static char authorization[1024]; /* of an admin */
static struct pb_pool *pool;
static char address[64];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    assert_int_equal(whole_new(&(struct whole_options){.pool = pool, .seed = 1}, &micro, NULL), 0);
    struct bytes bearer = simulated_bearer(micro->door, false);
    snprintf(authorization, sizeof authorization, "%.*s", (int)bearer.len, (const char *)bearer.data);
    snprintf(address, sizeof address, "api:%d", MICRO_BASE_PORT + API_PORT_OFFSET);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    whole_free(micro);
    pb_pool_free(pool);
    return 0;
}

static void http(const struct gateway_base *base, const struct gateway_request *request, struct gateway_answer *a)
{
    const struct http1_header token = {bytes_of("Authorization"), bytes_of(authorization)};
    const struct gateway_door door = {
        .world = micro->world, .address = address, .timeout = HTTP_LIMIT, .headers = &token, .header_count = 1};
    struct error err = ERROR_INIT;
    if (gateway_wait(&door, request, a, &err) != 0)
        fail_msg("%s: %s", base->path, err.message ? err.message : "?");
}

/* ---- operators ---- */

struct door {
    const char *path, *json; /* answered with 2xx, however often */
};
static const struct door doors[] = {
    {"/store.Store/Write", "{\"record\":{\"key\":\"gateway\"}}"},
    {"/store.Store/Read", "{\"key\":\"gateway\"}"},
    {"/store.Store/Tables", "{}"},
    {"/registry.Registry/Register",
     "{\"name\":\"probe\",\"version\":\"1\",\"nodes\":[{\"id\":\"probe-1\",\"address\":\"probe:1\"}]}"},
    {"/auth.Rules/List", "{}"},
    {"/events.Stream/Publish", "{\"topic\":\"gateway\"}"},
    {"/broker.Broker/Publish", "{\"topic\":\"gateway\",\"message\":{\"body\":\"eA==\"}}"},
    {"/network.Network/Nodes", "{}"},
    {"/api.Api/AddToBlockList", "{\"id\":\"nobody\",\"namespace\":\"micro\"}"},
    {"/config.Config/Set", "{\"path\":\"gateway\",\"value\":{\"data\":\"1\",\"format\":\"json\"}}"},
};

static void operators(void **state)
{
    struct random r;
    struct gateway_request request = {.op = NULL};
    size_t run = 0, findings = 0, used = 0;
    bool seen[512] = {false};
    (void)state;
    random_seed(&r, 1);
    for (size_t d = 0; d < sizeof doors / sizeof doors[0]; d++) {
        struct text path = TEXT_INIT;
        const struct pb_method *m = pb_find_method(pool, doors[d].path, false);
        assert_non_null(m);
        assert_int_equal(gateway_path(GATEWAY_PATH_MICRO, m, &path), 0);
        const struct gateway_base base = {.method = m,
                                          .path = text_string(&path),
                                          .host = address,
                                          .authorization = authorization,
                                          .json = doors[d].json};
        for (size_t i = 0; i <= gateway_operator_count(); i++) {
            const struct gateway_operator *op = i == 0 ? NULL : gateway_operator_at(i - 1);
            struct gateway_answer a;
            struct text why = TEXT_INIT;
            if (!gateway_make(&r, &base, op, &request))
                continue;
            /* What is said around the JSON is the same for all. */
            if (op && op->raw && d > 1)
                continue;
            http(&base, &request, &a);
            run++;
            used += i > 0 && !seen[i];
            seen[i] = true;
            if (gateway_judge(op, &a, &why)) {
                findings++;
                printf("%s: %s\n  %.300s\n", base.path, text_string(&why),
                       text_string(op && op->raw ? &request.raw : &request.body));
            }
            text_deinit(&why);
            gateway_answer_deinit(&a);
        }
        text_deinit(&path);
    }
    printf("%zu requests, %zu of %zu operators, %zu findings\n", run, used, gateway_operator_count(), findings);
    assert_true(used >= 200);
    for (size_t i = 0; i < sim_micro_count(micro->micro); i++)
        assert_true(sim_running(micro->sim, sim_micro_name(micro->micro, i)));
    gateway_request_deinit(&request);
    assert_int_equal(findings, 0);
}

/* ---- gRPC and the gateway ---- */

static void ask_rpc(const struct pb_method *m, struct bytes message, struct rpc_answer *out)
{
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(authorization)};
    const struct rpc_request request = {.path = m->path,
                                        .metadata = {&header, 1},
                                        .timeout = CALL_LIMIT,
                                        .wait_for_ready = true,
                                        .message = message,
                                        .has_message = true};
    struct rpc_channel *channel;
    const struct target_component *c = target_serving(&micro->target, m->service->full_name);
    assert_non_null(c);
    *out = (struct rpc_answer){0};
    assert_int_equal(target_channel(&micro->target, c, &channel, NULL), 0);
    assert_int_equal(rpc_unary_wait(micro->world, channel, &request, out, NULL), 0);
}

/* Asked again it says the same: it changes nothing, and answers once. */
static bool only_reads(const struct pb_method *m)
{
    struct sequence_words words;
    size_t verb;
    sequence_words_of(m->name, &words);
    enum sequence_role role = sequence_role_of(&words, &verb);
    bool plural = role == ROLE_OTHER && m->name[strlen(m->name) - 1] == 's';
    /* Served by the component "network" under its own name only, which no path leads to. */
    if (strcmp(m->service->package, "router") == 0)
        return false;
    return !m->client_streaming && !m->server_streaming && (role == ROLE_READ || role == ROLE_LIST || plural);
}

static const char *compare_once(const struct pb_method *m, struct bytes message, struct text *why)
{
    static const char *const ignored[] = {NULL};
    struct text json = TEXT_INIT, path = TEXT_INIT;
    const char *finding = NULL;
    if (gateway_json_of(m->input, message, &json)) {
        struct rpc_answer one, two;
        struct gateway_answer a;
        struct gateway_request request = {.op = NULL};
        struct random unused;
        char style[96];
        random_seed(&unused, 0);
        /* Some components serve more than the package of their own name. */
        snprintf(style, sizeof style, "/%s/{Service}/{Method}", whole_component(m));
        assert_int_equal(gateway_path(style, m, &path), 0);
        const struct gateway_base base = {.method = m,
                                          .path = text_string(&path),
                                          .host = address,
                                          .authorization = authorization,
                                          .json = text_string(&json)};
        assert_true(gateway_make(&unused, &base, NULL, &request));
        ask_rpc(m, message, &one);
        http(&base, &request, &a);
        ask_rpc(m, message, &two);
        const struct gateway_rpc_answer first = {one.reply.status, one.reply.message, one.reply.body},
                                        again = {two.reply.status, two.reply.message, two.reply.body};
        const struct gateway_http_answer through = {a.status, text_bytes(&a.body)};
        finding = gateway_compare(m, &first, &through, &again, ignored, why);
        if (finding)
            text_printf(why, "\n  asked %.300s", text_string(&json));
        rpc_answer_deinit(&one);
        rpc_answer_deinit(&two);
        gateway_answer_deinit(&a);
        gateway_request_deinit(&request);
    } else {
        finding = "";
    }
    text_deinit(&json);
    text_deinit(&path);
    return finding;
}

static void agreement(void **state)
{
    struct random r;
    size_t methods = 0, compared = 0, findings = 0;
    (void)state;
    random_seed(&r, 1);
    for (size_t i = 0; i < pb_service_count(pool); i++) {
        const struct pb_service *s = pb_service_at(pool, i);
        for (size_t k = 0; k < s->method_count; k++) {
            const struct pb_method *m = &s->methods[k];
            if (whole_component(m) == NULL || !only_reads(m))
                continue;
            methods++;
            for (int n = 0; n < MESSAGES; n++) {
                struct text message = TEXT_INIT, why = TEXT_INIT;
                if (n > 0)
                    fuzz_generate(&r, m->input, &message);
                const char *finding = compare_once(m, text_bytes(&message), &why);
                compared += finding == NULL || finding[0] != '\0';
                if (finding && finding[0]) {
                    findings++;
                    printf("%s\n", text_string(&why));
                }
                text_deinit(&message);
                text_deinit(&why);
            }
        }
    }
    printf("%zu methods, %zu messages asked both ways, %zu disagreements\n", methods, compared, findings);
    assert_true(methods >= 15 && compared >= 100);
    assert_int_equal(findings, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators), cmocka_unit_test(agreement)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
