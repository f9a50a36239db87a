/* What flows have of harrow/ while memory runs out.
 *
 * Doubles of flows: they are up, at their places, or an error says so and the places are free again.
 *
 * Asking for traces: two components that keep spans, one that keeps none and one that is away, in
 * the simulated world. Each is told, with its spans or as skipped, or the whole line is missing and that is known. */
#include "harrow/flows/stand_ins.h"
#include "harrow/flows/traces.h"

#include "base/failing.h"
#include "base/test.h"
#include "base/units.h"
#include "proto/debug/debug.pb-c.h"
#include "proto/set.h"
#include "rpc/rpc.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define KEEPERS 2

struct stage {
    struct sim *sim;
    struct rpc_server *keepers[KEEPERS], *none;
    struct target_component components[KEEPERS + 2];
    struct target target;
};

static struct pb_pool *pool;
static char addresses[KEEPERS + 2][32];

static void trace(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    Debug__TraceResponse reply = DEBUG__TRACE_RESPONSE__INIT;
    Debug__Span span = DEBUG__SPAN__INIT, *spans[1] = {&span};
    char name[] = "notes.Notes/Read", id[] = "s-1", parent[] = "s-0";
    (void)message;
    (void)context;
    span.name = name;
    span.id = id;
    span.parent = parent;
    span.started = 1000;
    span.duration = 500;
    reply.n_spans = 1;
    reply.spans = spans;
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method methods[] = {{.name = "Trace",
                                             .input = &debug__trace_request__descriptor,
                                             .output = &debug__trace_response__descriptor,
                                             .unary = trace}};
static const struct rpc_service service = {.name = "debug.Debug", .methods = methods, .method_count = 1};

static struct rpc_server *serve(struct stage *g, int i, bool keeps)
{
    static const char *const nodes[] = {"one", "two", "three"};
    static const char *const served[] = {"debug.Debug", NULL};
    const struct rpc_server_options options = {.pool = pool};
    struct rpc_server *s = NULL;
    assert_int_equal(rpc_server_new(sim_node(g->sim, nodes[i]), &options, &s, NULL), 0);
    if (keeps)
        assert_int_equal(rpc_server_add(s, &service, NULL), 0);
    assert_int_equal(rpc_server_listen(s, "0.0.0.0:0", NULL), 0);
    (void)snprintf(addresses[i], sizeof addresses[i], "%s:%d", nodes[i], rpc_server_port(s));
    g->components[i] =
        (struct target_component){.name = nodes[i], .address = addresses[i], .services = keeps ? served : served + 1};
    return s;
}

static struct stage *open_stage(void)
{
    static const char *const none[] = {NULL};
    struct stage *g = calloc(1, sizeof *g);
    assert_non_null(g);
    if (pool == NULL)
        assert_int_equal(pb_pool_new(proto_set(), "proto", &pool, NULL), 0);
    g->sim = sim_new(&(struct sim_options){.seed = 9});
    for (int i = 0; i < KEEPERS; i++)
        g->keepers[i] = serve(g, i, true);
    g->none = serve(g, KEEPERS, false);
    g->components[KEEPERS + 1] = (struct target_component){.name = "away", .address = "one:9", .services = none};
    g->target = (struct target){.world = sim_node(g->sim, "harness"),
                                .system = "shop",
                                .driver = "sim",
                                .pool = pool,
                                .namespace = "main",
                                .components = g->components,
                                .component_count = KEEPERS + 2};
    return g;
}

static void close_stage(struct stage *g)
{
    target_close_channels(&g->target);
    for (int i = 0; i < KEEPERS; i++)
        rpc_server_free(g->keepers[i]);
    rpc_server_free(g->none);
    sim_free(g->sim);
    free(g);
}

/* Fails every allocation of it in turn, on a stage of its own each time; how many there are. */
static size_t walk(bool (*one)(struct stage *g, size_t n))
{
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        struct stage *g = open_stage();
        json_set_alloc_funcs(failing_malloc, failing_free);
        hit = one(g, n);
        json_set_alloc_funcs(malloc, free);
        close_stage(g); /* nobody waits any more for an answer that still comes */
    }
    return n;
}

static size_t count(const json_t *line, const char *list, const char *component)
{
    size_t i, n = 0;
    json_t *one;
    json_array_foreach(json_object_get(line, list), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "component"));
        n += name != NULL && strcmp(name, component) == 0;
    }
    return n;
}

/* Asks with the n-th allocation failing. False: it was not reached. */
static bool ask(struct stage *g, size_t n)
{
    const struct e2e_traces *o = traces_operations(&g->target);
    assert_non_null(o);
    failing_arm(n);
    struct e2e_asked *asked = o->ask(o->arg, &g->target, "0123456789abcdef0123456789abcdef", 1000);
    if (asked != NULL)
        (void)world_run_until(g->target.world, o->answered, asked, 0);
    json_t *line = asked != NULL ? o->take(asked) : NULL;
    bool hit = failing_hit();
    failing_disarm();
    assert_true(line != NULL || hit);
    for (int i = 0; line != NULL && i < KEEPERS; i++)
        if (count(line, "spans", g->components[i].name) + count(line, "skipped", g->components[i].name) != 1)
            fail_msg("allocation %zu: of %s nothing is told", n, g->components[i].name);
    if (line != NULL && count(line, "skipped", "away") != 1)
        fail_msg("allocation %zu: who is away is not told", n);
    if (!hit) {
        assert_int_equal(count(line, "spans", "one") + count(line, "spans", "two"), KEEPERS);
        assert_int_equal(json_array_size(json_object_get(line, "skipped")), 1);
    }
    json_decref(line);
    return hit;
}

static void traces(void **state)
{
    (void)state;
    assert_true(walk(ask) > 200);
}

/* ---- doubles ---- */

static const struct e2e_stand_in wanted[] = {
    {.name = "shop", .service = "store.Store", .listen = "0.0.0.0:7001"},
    {.name = "post", .service = "notes.Notes", .listen = "0.0.0.0:7002", .empty = true},
};

static bool put_up(struct stage *g, size_t n)
{
    const struct e2e_doubles *doubles = NULL;
    struct error err = ERROR_INIT;
    struct text at = TEXT_INIT;
    failing_arm(n);
    struct stand_ins *s = stand_ins_new(true);
    const struct e2e_stand_ins *o = s != NULL ? stand_ins_operations(s) : NULL;
    int code = o != NULL ? o->open(o->arg, &g->target, wanted, 2, &doubles, &err) : ERROR_MEMORY;
    bool hit = failing_hit();
    failing_disarm();
    assert_true(code == 0 || (hit && code == ERROR_MEMORY));
    for (int i = 0; i < 2 && o != NULL; i++)
        assert_true(o->busy(o->arg, &g->target, &wanted[i]) == (code == 0));
    if (code == 0) {
        o->address(o->arg, doubles, "post", &at);
        assert_string_equal(text_string(&at), "0.0.0.0:7002");
        assert_int_equal(doubles->count(doubles->arg, "shop", "Write"), 0);
        o->close(o->arg, doubles);
        assert_false(o->busy(o->arg, &g->target, &wanted[0]));
    }
    stand_ins_free(s);
    text_deinit(&at);
    error_clear(&err);
    return hit;
}

static void doubles(void **state)
{
    (void)state;
    assert_true(walk(put_up) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(traces), cmocka_unit_test(doubles)};
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    pb_pool_free(pool);
    return code;
}
