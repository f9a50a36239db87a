/* What a follower makes of a watch and a list that overtake each other: a registry that says what the test wants, in
 * the order the test wants. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/internal.h"
#include "runtime/service/test_calls.h"
#include "world/sim.h"

#include <stdio.h>

#define SOON ((uint64_t)(50 * MILLISECOND))

struct fixture {
    struct sim *sim;
    struct rpc_server *server;
    struct rpc_call *watch, *list; /* the last ones, open */
    size_t lists;
    struct micro_options options;
    struct micro_service *service;
};

static void watch(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    (void)request;
    ((struct fixture *)context)->watch = call;
}

static void watch_cancelled(struct rpc_call *call, void *context)
{
    struct fixture *f = context;
    if (f->watch == call)
        f->watch = NULL;
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static void list(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct fixture *f = context;
    (void)request;
    f->list = call;
    f->lists++;
}

static void list_cancelled(struct rpc_call *call, void *context)
{
    struct fixture *f = context;
    if (f->list == call)
        f->list = NULL;
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static void registered(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    Registry__EmptyResponse reply = REGISTRY__EMPTY_RESPONSE__INIT;
    (void)request;
    (void)context;
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method methods[] = {
    {.name = "Watch",
     .input = &registry__watch_request__descriptor,
     .output = &registry__result__descriptor,
     .unary = watch,
     .cancelled = watch_cancelled},
    {.name = "ListServices",
     .input = &registry__list_request__descriptor,
     .output = &registry__list_response__descriptor,
     .unary = list,
     .cancelled = list_cancelled},
    {.name = "Register",
     .input = &registry__service__descriptor,
     .output = &registry__empty_response__descriptor,
     .unary = registered},
};
static const struct rpc_service registry = {"registry.Registry", methods, sizeof methods / sizeof methods[0]};

static void begin(struct fixture *f, uint64_t seed)
{
    const struct sim_options options = {.seed = seed};
    *f = (struct fixture){.sim = sim_new(&options)};
    const struct rpc_server_options plain = {0};
    assert_int_equal(rpc_server_new(sim_node(f->sim, "registry"), &plain, &f->server, NULL), 0);
    assert_int_equal(rpc_server_add(f->server, &registry, f), 0);
    assert_int_equal(rpc_server_listen(f->server, "0.0.0.0:8000", NULL), 0);
    f->options = (struct micro_options){
        .name = "caller", .host = "0.0.0.0", .peers = "registry=registry:8000", .token = "x", .base_port = 8000};
    const struct micro_service_config config = {.name = "caller", .options = &f->options};
    assert_int_equal(micro_service_new(sim_node(f->sim, "caller"), &config, &f->service, NULL), 0);
    assert_int_equal(micro_service_start(f->service, NULL), 0);
    sim_run_for(f->sim, SOON);
    assert_non_null(f->watch);
    assert_non_null(f->list);
}

static void end(struct fixture *f)
{
    micro_service_free(f->service);
    rpc_server_free(f->server);
    sim_free(f->sim);
}

/* A service "s" whose nodes are the letters of `nodes`: "ab" has a:1 and b:1. */
static Registry__Service *service_of(struct arena *a, const char *nodes)
{
    Registry__Service *s = ARENA_NEW(a, Registry__Service);
    registry__service__init(s);
    s->name = arena_string(a, "s");
    s->version = arena_string(a, "v");
    s->nodes = ARENA_NEW_N(a, Registry__Node *, strlen(nodes) + 1);
    for (const char *n = nodes; *n; n++) {
        Registry__Node *node = ARENA_NEW(a, Registry__Node);
        registry__node__init(node);
        node->id = arena_printf(a, "%c", *n);
        node->address = arena_printf(a, "%c:1", *n);
        s->nodes[s->n_nodes++] = node;
    }
    return s;
}

static void tell(struct fixture *f, const char *action, const char *nodes, uint64_t revision)
{
    struct arena arena = ARENA_INIT;
    Registry__Result result = REGISTRY__RESULT__INIT;
    result.action = arena_string(&arena, action);
    result.service = service_of(&arena, nodes);
    result.revision = revision;
    assert_int_equal(rpc_call_send(f->watch, &result.base), 0);
    arena_deinit(&arena);
    sim_run_for(f->sim, SOON);
}

static void answer(struct fixture *f, const char *nodes, uint64_t revision)
{
    struct arena arena = ARENA_INIT;
    char text[24];
    Registry__ListResponse reply = REGISTRY__LIST_RESPONSE__INIT;
    Registry__Service *services[] = {service_of(&arena, nodes)};
    reply.services = services;
    reply.n_services = 1;
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)revision);
    if (revision)
        assert_int_equal(rpc_call_add_trailer(f->list, "micro-revision", BYTES(text, (size_t)n)), 0);
    struct rpc_call *call = f->list;
    f->list = NULL;
    rpc_call_reply(call, &reply.base);
    arena_deinit(&arena);
    sim_run_for(f->sim, SOON);
}

static void expect(struct fixture *f, const char *wanted)
{
    struct text got = TEXT_INIT;
    (void)micro_known_addresses(f->service, "s", &got);
    assert_string_equal(text_string(&got), wanted);
    text_deinit(&got);
}

/* Changes the list had already come behind it. */
static void list_first(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1);
    answer(&f, "ab", 12);
    expect(&f, "a:1,b:1");
    tell(&f, "create", "c", 10); /* came and went before the list */
    expect(&f, "a:1,b:1");
    tell(&f, "delete", "c", 11);
    tell(&f, "delete", "b", 9); /* was replaced */
    tell(&f, "create", "b", 12);
    expect(&f, "a:1,b:1");
    tell(&f, "delete", "a", 13); /* the first one that is news */
    expect(&f, "b:1");
    tell(&f, "create", "d", 14);
    expect(&f, "b:1,d:1");
    end(&f);
}

/* The list comes behind changes it has, and behind those it has not. */
static void changes_first(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    tell(&f, "create", "a", 10);
    tell(&f, "create", "b", 11);
    expect(&f, "a:1,b:1"); /* known at once */
    tell(&f, "delete", "c", 15);
    tell(&f, "create", "d", 16);
    answer(&f, "ac", 14); /* b was taken away by 12, which is still under way; c by 15, d came with 16 */
    expect(&f, "a:1,d:1");
    tell(&f, "delete", "b", 12);
    tell(&f, "create", "c", 13);
    expect(&f, "a:1,d:1");
    tell(&f, "create", "c", 17);
    expect(&f, "a:1,d:1,c:1");
    end(&f);
}

/* A node that went and came back while the list was under way. */
static void back_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3);
    tell(&f, "delete", "a", 15);
    tell(&f, "create", "a", 16);
    answer(&f, "a", 14);
    expect(&f, "a:1");
    tell(&f, "delete", "a", 17);
    expect(&f, "");
    end(&f);
}

/* A registry without revisions: what went meanwhile is not taken from the list, everything else is believed. */
static void without_revisions(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 4);
    tell(&f, "create", "b", 0);
    tell(&f, "delete", "c", 0);
    answer(&f, "ac", 0);
    expect(&f, "b:1,a:1");
    tell(&f, "delete", "b", 0);
    expect(&f, "a:1");
    end(&f);
}

/* The next watch begins with revisions of its own, though they be smaller: those of the last one mean nothing to it. */
static void the_next_watch(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 5);
    answer(&f, "ab", 1000);
    struct rpc_call *call = f.watch;
    f.watch = NULL;
    rpc_call_finish(call, GRPC_UNAVAILABLE, "");
    sim_run_for(f.sim, (uint64_t)SECOND);
    assert_non_null(f.watch);
    assert_int_equal(f.lists, 2);
    tell(&f, "create", "d", 5);
    tell(&f, "delete", "b", 6);
    answer(&f, "ac", 4);
    expect(&f, "a:1,d:1,c:1");
    tell(&f, "delete", "c", 7);
    expect(&f, "a:1,d:1");
    end(&f);
}

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    *(int *)arg = reply->status;
}

/* Told of again under the same id, a node is tried at once, whatever pause its channel had come to. */
static void told_of_again(void **state)
{
    (void)state;
    struct fixture f;
    struct rpc_channel *channel = NULL;
    struct rpc_server *node = NULL;
    int status = -1;
    begin(&f, 6);
    struct world *w = sim_node(f.sim, "a");
    answer(&f, "a", 10);
    assert_int_equal(micro_service_channel(f.service, "s", &channel, NULL), 0);
    const struct rpc_request request = {
        .path = "/s.S/Call", .wait_for_ready = true, .message = BYTES("", 0), .has_message = true};
    assert_int_equal(rpc_unary(channel, &request, on_answer, &status, NULL, NULL), 0);
    sim_run_for(f.sim, (uint64_t)(25 * SECOND)); /* refused, with pauses of up to five seconds by now */
    assert_int_equal(status, -1);
    const struct rpc_server_options plain = {0};
    assert_int_equal(rpc_server_new(w, &plain, &node, NULL), 0);
    assert_int_equal(rpc_server_listen(node, "0.0.0.0:1", NULL), 0);
    tell(&f, "update", "a", 11);
    assert_int_equal(status, GRPC_UNIMPLEMENTED); /* it answered */
    micro_service_free(f.service);
    rpc_server_free(node);
    rpc_server_free(f.server);
    sim_free(f.sim);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_first),        cmocka_unit_test(changes_first),  cmocka_unit_test(back_again),
        cmocka_unit_test(without_revisions), cmocka_unit_test(the_next_watch), cmocka_unit_test(told_of_again),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
