/* Every method of every contract of Micro's core is there: the methods are listed from the compiled-in descriptors,
 * each one is called at the component that serves it, and none may answer that it is not implemented. What it answers
 * to an empty request is the business of the component's own tests. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "harrow/sim_keys.h"
#include "proto/set.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_micro.h"

#include <stdio.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(5 * SECOND)) /* virtual; a stream that has nothing to say ends by it */

/* Contracts of the core (Micro v3), as packages; `debug` is at every component. */
static const char *const packages[] = {"auth",   "broker",  "config", "events", "network", "registry",
                                       "router", "runtime", "store",  "api",    "client",  NULL};

struct system {
    struct sim *sim;
    struct sim_micro *micro;
    struct world *world;
    struct arena arena;
    const char *token;
    struct pb_pool *pool;
};

static bool of_the_core(const char *service)
{
    for (const char *const *p = packages; *p; p++) {
        size_t len = strlen(*p);
        if (strncmp(service, *p, len) == 0 && service[len] == '.' && strchr(service + len + 1, '.') == NULL)
            return true;
    }
    return false;
}

/* The component that serves it, by the table. */
static const char *served_by(const char *service)
{
    for (const struct component *c = components; c->name; c++)
        for (const char *const *s = c->services; s && *s; s++)
            if (strcmp(*s, service) == 0)
                return c->name;
    return NULL;
}

static void call(struct system *s, const char *component, const char *path)
{
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel = NULL;
    struct rpc_answer answer = {0};
    struct text bearer = TEXT_INIT;
    sim_micro_address(component, address);
    text_printf(&bearer, "Bearer %s", s->token);
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request request = {
        .path = path, .metadata = {&header, 1}, .timeout = CALL_LIMIT, .message = BYTES("", 0), .has_message = true};
    assert_int_equal(rpc_channel_new(s->world, &options, &channel, NULL), 0);
    assert_int_equal(rpc_unary_wait(s->world, channel, &request, &answer, NULL), 0);
    bool tokens_of_its_own = strncmp(path, "/network.Peering/", 17) == 0;
    if (answer.reply.status == GRPC_UNIMPLEMENTED || answer.reply.status == GRPC_UNAVAILABLE ||
        (answer.reply.status == GRPC_UNAUTHENTICATED && !tokens_of_its_own))
        fail_msg("%s at %s: %s %.*s", path, component, grpc_status_name(answer.reply.status),
                 (int)answer.reply.message.len, (const char *)answer.reply.message.data);
    rpc_answer_deinit(&answer);
    rpc_channel_free(channel);
    text_deinit(&bearer);
}

static void every_method(void **state)
{
    struct system *s = *state;
    int count = 0;
    for (size_t i = 0; i < pb_service_count(s->pool); i++) {
        const struct pb_service *service = pb_service_at(s->pool, i);
        if (!of_the_core(service->full_name))
            continue;
        const char *component = served_by(service->full_name);
        if (!component)
            fail_msg("no component serves %s", service->full_name);
        for (size_t m = 0; m < service->method_count; m++, count++)
            call(s, component, service->methods[m].path);
    }
    assert_true(count >= 60); /* v3's contracts alone have that many */
}

static void debug_everywhere(void **state)
{
    static const char *const methods[] = {"Health", "Stats", "Log", "Trace"};
    struct system *s = *state;
    for (const struct component *c = components; c->name; c++)
        for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
            char path[64];
            snprintf(path, sizeof path, "/%s.Debug/%s", c->name, methods[i]);
            call(s, c->name, path);
        }
}

static void no_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static int set_up(void **state)
{
    static struct system s;
    const struct sim_micro_options options = {
        .private_key = sim_private_key, .public_key = sim_public_key, .admin_secret = "correct horse"};
    log_set_sink(no_line, NULL);
    s = (struct system){.sim = sim_new(&(struct sim_options){.seed = 1})};
    assert_non_null(s.sim);
    s.world = sim_node(s.sim, "client");
    assert_int_equal(sim_micro_new(s.sim, "client", &options, &s.micro, NULL), 0);
    assert_int_equal(sim_micro_boot(s.micro, (uint64_t)(30 * SECOND), NULL), 0);
    s.token = sim_micro_token(s.micro, &s.arena, "tester", "user", "micro", "admin", 3600);
    assert_non_null(s.token);
    assert_int_equal(pb_pool_new(proto_set(), "set", &s.pool, NULL), 0);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct system *s = *state;
    pb_pool_free(s->pool);
    sim_micro_free(s->micro);
    sim_free(s->sim);
    arena_deinit(&s->arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method),
        cmocka_unit_test(debug_everywhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
