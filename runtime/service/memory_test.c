/* Whichever allocation fails, a service is made or is not, and nothing leaks or crashes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "runtime/service/internal.h"
#include "world/sim.h"

#define WALK_MAX 5000

static void hello(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    Helloworld__Response reply = HELLOWORLD__RESPONSE__INIT;
    (void)request;
    micro_log(context, LOG_WARN, "asked");
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method methods[] = {{.name = "Call",
                                             .input = &helloworld__request__descriptor,
                                             .output = &helloworld__response__descriptor,
                                             .unary = hello}};
static const struct rpc_service service = {"helloworld.Helloworld", methods, 1};

static void on_done(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    (void)message;
    (void)reply;
    *(int *)arg = status;
}

static bool is_done(void *arg)
{
    return *(const int *)arg != -1;
}

/* Makes a service, has it call itself, and ends it. 0, or the first error. */
static int scenario(struct sim *sim, int *status)
{
    static const char *const depends[] = {"store", NULL};
    struct world *w = sim_node(sim, "node");
    const struct micro_options options = {.name = "greeter",
                                          .address = "0.0.0.0:9000",
                                          .namespace = "acme",
                                          .peers =
                                              "registry=node:9000,greeter=node:9000,store=node:9000,auth=node:9000",
                                          .token = "x"};
    const struct micro_service_config config = {.name = "greeter", .options = &options, .depends = depends};
    struct micro_service *s = NULL;
    struct error err = ERROR_INIT;
    Helloworld__Request request = HELLOWORLD__REQUEST__INIT;
    *status = -1;
    int rc = micro_service_new(w, &config, &s, &err);
    if (rc == 0 && (rc = micro_service_add(s, &service, s)) == 0)
        rc = micro_service_start(s, &err);
    if (rc == 0)
        rc = micro_call(s, "greeter", "Helloworld.Call", &request.base, &helloworld__response__descriptor,
                        (uint64_t)SECOND, on_done, status);
    if (rc == 0)
        rc = world_run_until(w, is_done, status, (uint64_t)(3 * SECOND));
    error_clear(&err);
    micro_service_free(s);
    return rc;
}

static void walk(void **state)
{
    (void)state;
    bool hit = true;
    size_t n = 0;
    size_t refused = 0;
    while (hit && n++ < WALK_MAX) {
        const struct sim_options options = {.seed = 1};
        struct sim *sim = sim_new(&options);
        int status;
        assert_non_null(sim_node(sim, "node"));
        failing_arm(n);
        int rc = scenario(sim, &status);
        hit = failing_hit();
        failing_disarm();
        refused += rc != 0;
        if (!hit)
            assert_true(rc == 0 && status == GRPC_OK);
        sim_free(sim);
    }
    assert_false(hit);
    assert_true(refused > 20);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(walk)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
