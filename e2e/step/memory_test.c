/* Steps while memory runs out, or while connections break: events and messages published and consumed, doubles,
 * requests with bodies of all kinds, blocks, snapshots, WebSockets and streams; all in the simulated world, whose
 * servers share the memory. Every flow's last step fails, so that no run may pass, whichever allocation was the one.
 * Connections are broken, or silent, at every moment of a flow's run: it fails with the step and the reason, or has
 * everything it expects, and nothing stays open. */
#include "e2e/test_walk.h"

#include "base/units.h"
#include "proto/events/events.pb-c.h"
#include "rpc/websocket.h"

#include <string.h>

struct stage {
    struct test_system *system;
    struct rpc_server *server;
    struct http_server *talker;
    struct rpc_call *listener; /* who consumes; NULL: nobody */
    char address[64];
    struct target_component components[3];
};

/* ---- a small events.Stream ---- */

static void publish(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct stage *g = context;
    const Events__PublishRequest *asked = (const Events__PublishRequest *)(const void *)message;
    Events__PublishResponse reply = EVENTS__PUBLISH_RESPONSE__INIT;
    Events__Event event = EVENTS__EVENT__INIT;
    char id[] = "e-1";
    event.id = id;
    event.topic = asked->topic;
    event.payload = asked->payload;
    event.timestamp = 1;
    if (g->listener != NULL)
        rpc_call_send(g->listener, &event.base);
    rpc_call_add_trailer(call, "micro-event-id", bytes_of(id));
    rpc_call_reply(call, &reply.base);
}

static void consume(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct stage *g = context;
    if (message->descriptor == &events__ack_request__descriptor)
        return;
    g->listener = call;
    rpc_call_send_header(call, "micro-events-position", bytes_of("0"));
    rpc_call_send_headers(call);
}

static void consumed(struct rpc_call *call, void *context)
{
    struct stage *g = context;
    g->listener = g->listener == call ? NULL : g->listener;
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static const struct rpc_method methods[] = {
    {.name = "Publish",
     .input = &events__publish_request__descriptor,
     .output = &events__publish_response__descriptor,
     .unary = publish},
    {.name = "Consume",
     .input = &events__consume_request__descriptor,
     .output = &events__event__descriptor,
     .later = &events__ack_request__descriptor,
     .message = consume,
     .cancelled = consumed},
};
static const struct rpc_service stream = {.name = "events.Stream", .methods = methods, .method_count = 2};

/* ---- who talks ---- */

struct echo {
    struct websocket *socket;
};

static void echo_message(void *arg, bool text, struct bytes message)
{
    (void)websocket_send(((struct echo *)arg)->socket, text, message);
}

static void echo_closed(void *arg, int code, struct bytes reason)
{
    (void)code;
    (void)reason;
    free(arg);
}

static void talk(void *arg, struct http_exchange *x)
{
    static const struct websocket_events echoed = {.message = echo_message, .closed = echo_closed};
    int status = 503;
    const char *why = "out of memory";
    (void)arg;
    if (strcmp(http_path(x), "/lines") == 0) {
        http_begin(x, 200, "application/x-ndjson");
        http_write(x, bytes_of("{\"n\":1}\n{\"n\":2}\n"));
        http_finish(x);
        return;
    }
    struct echo *e = calloc(1, sizeof *e);
    if (e == NULL || websocket_accept(x, NULL, &echoed, e, &e->socket, &status, &why) != 0) {
        free(e);
        http_respond(x, status, "text/plain", bytes_of(why));
    }
}

static int open_stage(void **state)
{
    static const char *const served[] = {"events.Stream", NULL};
    struct stage *g = calloc(1, sizeof *g);
    void *system = NULL;
    if (g == NULL || test_system_setup_sim(&system) != 0)
        return -1;
    g->system = system;
    struct test_system *s = g->system;
    const struct rpc_server_options options = {.pool = s->pool};
    if (rpc_server_new(sim_node(s->sim, "events"), &options, &g->server, NULL) != 0 ||
        rpc_server_add(g->server, &stream, g) != 0 || rpc_server_listen(g->server, "0.0.0.0:0", NULL) != 0)
        return -1;
    if (http_server_new(sim_node(s->sim, "talker"), NULL, talk, NULL, &g->talker, NULL) != 0 ||
        http_server_listen(g->talker, "0.0.0.0:81", NULL) != 0)
        return -1;
    snprintf(g->address, sizeof g->address, "events:%d", rpc_server_port(g->server));
    g->components[0] = s->components[0];
    g->components[1] = s->components[1];
    g->components[2] = (struct target_component){.name = "events", .address = g->address, .services = served};
    s->target.components = g->components;
    s->target.component_count = 3;
    s->options.files = s->disk;
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    void *system = g->system;
    target_close_channels(&g->system->target);
    rpc_server_free(g->server);
    http_server_free(g->talker);
    g->system->target.component_count = 0;
    free(g);
    return test_system_teardown(&system);
}

/* ---- flows ---- */

#define FLOW                "flow: f\nsteps:\n"
#define WALK(prepare, yaml) test_walk_stages(open_stage, close_stage, prepare, yaml)

static void events(void **state)
{
    (void)state;
    assert_true(WALK(NULL, FLOW "  - {consume: orders, open: true}\n"
                                "  - {publish: orders, payload: {id: 7}, metadata: {kind: new}}\n"
                                "  - {publish: orders, payload: {id: 8}}\n"
                                "  - {consume: orders, expect: {payload: {id: 7}}, capture: {id: "
                                "$.payload.id}}\n"
                                "  - {consume: orders, count: 1, where: {payload: {id: 8}}, expect: "
                                "{payloads: [{id: 8}]}}\n"
                                "  - {name: last, publish: orders, payload: '${id}', expect: {id: e-2}}\n") > 100);
}

static void acknowledged(void **state)
{
    (void)state;
    assert_true(WALK(NULL, FLOW "  - {consume: orders, open: true, ack: manual}\n"
                                "  - {publish: orders, payload: {id: 7}}\n"
                                "  - {consume: orders, ack: true, expect: {payload: {id: 7}}}\n"
                                "  - {name: last, publish: orders, payload: 1, expect: {id: e-2}}\n") > 100);
}

static void put_doubles(void *stage)
{
    struct test_system *s = ((struct stage *)stage)->system;
    s->options.doubles = &s->doubles;
    s->requests[0] = "{\"key\":\"a\"}";
    s->requests[1] = "{\"key\":\"b\"}";
}

static void doubles(void **state)
{
    (void)state;
    assert_true(WALK(put_doubles,
                     "flow: f\nvars: {d: store}\nsteps:\n"
                     "  - {double: '${d}', answer: {method: Write, reply: {a: 1}}}\n"
                     "  - {double: '${d}', stubs: [{request: {method: Write}, response: {}}], reset: true}\n"
                     "  - {verify: '${d}', method: Write, count: 2, requests: [{key: a}, {key: b}]}\n"
                     "  - {verify: '${d}', order: [Write, Write]}\n"
                     "  - {name: last, verify: '${d}', order: []}\n") > 100);
}

static void put_file(void *stage)
{
    const struct test_system *s = ((struct stage *)stage)->system;
    assert_int_equal(world_make_directory(s->disk, "flows"), 0);
    assert_int_equal(world_write_file(s->disk, "flows/up.txt", bytes_of("up"), false, NULL), 0);
}

static void requests(void **state)
{
    (void)state;
    assert_true(WALK(put_file,
                     FLOW "  - {http: POST /a, form: {a: 1, b: x y}, capture: {sent: $.body.body}}\n"
                          "  - {http: POST /a, multipart: {f: {file: up.txt}, g: h}, check: ['jsonpath \"$.body\" "
                          "contains \"up\"']}\n"
                          "  - {http: GET /login, expect: {status: 204}}\n"
                          "  - {http: GET /cookies, expect: {body: {$contains: s-1}}}\n"
                          "  - {http: GET /go/302?/text, redirects: true, expect: {body: plain words}}\n"
                          "  - {name: last, http: GET /text, expect: {status: 599}}\n") > 100);
}

static void put_snapshot(void *stage)
{
    const struct test_system *s = ((struct stage *)stage)->system;
    assert_int_equal(world_make_directory(s->disk, "flows/x.snapshots"), 0);
    assert_int_equal(
        world_write_file(s->disk, "flows/x.snapshots/a.json", bytes_of("{\"msg\":\"Hello B\"}"), false, NULL), 0);
}

static void snapshots(void **state)
{
    (void)state;
    assert_true(WALK(put_snapshot,
                     FLOW "  - {name: last, call: helloworld.Helloworld/Call, request: {name: A}, snapshot: "
                          "a}\n") > 50);
}

static void blocks(void **state)
{
    (void)state;
    assert_true(WALK(NULL, "flows:\n"
                           "  - flow: a\n    vars: {list: [1, 2], code: '${unique}'}\n    secrets: [code]\n"
                           "    cases: [{n: 1}]\n"
                           "    steps:\n"
                           "      - {for: i, in: '${list}', steps: [{set: {x: '${i} ${fake.email} ${code}'}}]}\n"
                           "      - {parallel: {p: [{set: {y: 1}}, {wait: 1s}], q: [{if: {n: 1}, then: [{flow: '#b',"
                           " with: {w: '${code}'}, capture: {z: $.w}}]}], r: [{call: helloworld.Helloworld/Stream,"
                           " request: {count: 2}, expect: {messages: [{count: '0'}, {count: '1'}]}}]}}\n"
                           "      - {if: {x: {$contains: nowhere}}, then: [], else: [{set: {z: '${missing}'}}]}\n"
                           "  - {flow: b, params: [w], steps: [{set: {v: '${w}'}}], finally: [{wait: 1s}]}\n") > 100);
}

static void talks(void **state)
{
    (void)state;
    assert_true(WALK(NULL,
                     "flow: f\nvars: {at: 'talker:81'}\nsteps:\n"
                     "  - {websocket: 'ws://${at}/ws', as: chat, headers: {a: '${at}'}, send: [{a: 1}, two]}\n"
                     "  - {websocket: chat, count: 2, expect: {messages: [{a: 1}, two]}}\n"
                     "  - {websocket: chat, send: x, expect: {message: x}, capture: {said: $.message}}\n"
                     "  - {stream: 'GET http://${at}/lines', by: lines, as: feed}\n"
                     "  - {stream: feed, expect: {status: 200, message: {n: 1}}}\n"
                     "  - {stream: feed, closed: true, expect: {messages: [{n: 2}], closed: true}}\n"
                     "  - {stream: 'POST http://${at}/lines', json: {a: 1}, by: pieces, closed: true}\n"
                     "  - {name: last, websocket: 'ws://${at}/ws', send: '${said}', expect: {message: y}}\n") > 100);
}

static void calls_in_turns(void **state)
{
    (void)state;
    assert_true(WALK(NULL, FLOW "  - {stream: helloworld.Helloworld/PingPong, as: game, metadata: {a: b}}\n"
                                "  - {stream: game, send: [{stroke: 1}, {stroke: 2}], count: 2,"
                                " expect: {messages: [{stroke: 1}, {stroke: 2}]}, capture: {x: $.count}}\n"
                                "  - {stream: game, close: true, closed: true, expect: {closed: {status: OK}}}\n"
                                "  - {stream: helloworld.Helloworld/Call, send: {name: detailed}, closed: true,"
                                " expect: {closed: {status: INVALID_ARGUMENT}}}\n"
                                "  - {name: last, stream: helloworld.Helloworld/Stream, send: {count: 1},"
                                " expect: {message: {count: 9}}}\n") > 100);
}

static void put_trust(void *stage)
{
    struct test_system *s = ((struct stage *)stage)->system;
    s->options.simulated = false; /* the network is simulated, TLS is real */
    assert_int_equal(world_make_directory(s->disk, "flows"), 0);
    assert_int_equal(world_write_file(s->disk, "flows/ca.pem", bytes_of("no certificate"), false, NULL), 0);
}

static void trust(void **state)
{
    (void)state;
    assert_true(WALK(put_trust, FLOW "  - {name: last, websocket: 'wss://talker:81/ws', tls: {ca: ca.pem}}\n") > 20);
    assert_true(WALK(put_trust, FLOW "  - {name: last, websocket: 'wss://talker:81/ws', tls: {insecure: true}}\n") >
                20);
    assert_true(
        WALK(put_trust, FLOW "  - {name: last, stream: 'GET https://talker:81/lines', tls: {insecure: true}}\n") > 20);
}

/* ---- connections ---- */

struct breaker {
    struct stage *stage;
    struct world_timer timer;
    bool silence; /* nothing travels any more; else what is open is reset */
    bool broke;
};

static void break_now(void *arg)
{
    struct breaker *b = arg;
    struct sim *sim = b->stage->system->sim;
    if (b->silence)
        sim_cut(sim, "harness", NULL, false);
    b->broke = b->silence || sim_reset_streams(sim, "harness", NULL) > 0;
}

/* One run that is broken `at` after its begin; how long it took. */
static uint64_t run_broken(struct breaker *b, const struct flow_list *flows, uint64_t at)
{
    struct test_system *s = b->stage->system;
    struct world *w = sim_node(s->sim, "breaker");
    struct test_walk_case last = {.len = 0};
    struct result_stream own = {.write = test_keep_case, .arg = &last};
    struct e2e_summary summary;
    struct error err = ERROR_INIT;
    s->target.results = &own;
    b->broke = false;
    world_timer_init(&b->timer, w, break_now, b);
    assert_int_equal(world_timer_start(&b->timer, at), 0);
    uint64_t start = world_now(s->world);
    if (e2e_run(&s->target, flows, &s->options, &summary, &err) != 0)
        fail_msg("%s", err.message);
    uint64_t took = world_now(s->world) - start;
    world_timer_stop(&b->timer);
    s->target.results = &s->results;
    assert_int_equal(summary.passed + summary.failed, 1);
    if (getenv("HARROW_WALK") != NULL)
        printf("%llu %.*s\n", (unsigned long long)at, (int)last.len, last.line);
    if (summary.failed == 1 && (!b->broke || memmem(last.line, last.len, "\"message\":\"step ", 16) == NULL))
        fail_msg("%llu ns: %.*s", (unsigned long long)at, (int)last.len, last.line);
    target_close_channels(&s->target);
    sim_heal_all(s->sim);
    assert_int_equal(world_sleep(s->world, (uint64_t)(60 * SECOND)), 0);
    assert_int_equal(sim_reset_streams(s->sim, "harness", NULL), 0); /* none is open */
    return took;
}

#define MOMENTS 60

/* At moments that lie all over the run of the flow; how many of them made it fail. */
static int break_at_all(const char *yaml, bool silence)
{
    struct flow_list flows = {0};
    void *state = NULL;
    int failed = 0;
    test_walk_load(yaml, &flows);
    assert_int_equal(open_stage(&state), 0);
    struct breaker b = {.stage = state, .silence = silence};
    b.stage->system->options.step_timeout = (uint64_t)(2 * SECOND);
    put_file(state);
    uint64_t whole = run_broken(&b, &flows, (uint64_t)(50 * SECOND));
    assert_false(b.broke);
    for (uint64_t i = 0; i < MOMENTS; i++) {
        uint64_t took = run_broken(&b, &flows, whole * i / MOMENTS + 1);
        failed += b.broke && took != whole;
        assert_true(took <= whole + (uint64_t)(3 * SECOND)); /* for one step hears nothing */
    }
    assert_int_equal(close_stage(&state), 0);
    flow_list_free(&flows);
    return failed;
}

static void connections(void **state)
{
    static const char *const flows[] = {
        "flow: f\nsteps:\n  - {call: helloworld.Helloworld/Call, request: {name: A}, expect: {body: {msg: "
        "Hello A}}}\n  - {call: helloworld.Helloworld/Stream, request: {count: 3}, expect: {messages: "
        "{$size: 3}}}\n",
        "flow: f\nsteps:\n  - {http: POST /a, file: up.txt, expect: {body: {body: up}}}\n"
        "  - {http: GET /go/302?/text, redirects: 1, expect: {body: plain words}}\n",
        "flow: f\nsteps:\n  - {websocket: 'ws://talker:81/ws', as: c, send: [a, b], expect: {message: "
        "a}}\n"
        "  - {websocket: c, expect: {message: b}, close: true}\n",
        "flow: f\nsteps:\n  - {stream: 'GET http://talker:81/lines', by: lines, closed: true, expect: "
        "{messages: [{n: 1}, {n: 2}]}}\n",
        "flow: f\nsteps:\n  - {stream: helloworld.Helloworld/PingPong, as: g, send: {stroke: 1}, expect: {message: "
        "{stroke: 1}}}\n  - {stream: g, send: {stroke: 2}, close: true, closed: true, expect: {count: 1}}\n",
        "flow: f\nsteps:\n  - {consume: orders, open: true}\n"
        "  - {publish: orders, payload: {id: 7}, expect: {id: e-1}}\n"
        "  - {consume: orders, within: 2s, expect: {payload: {id: 7}}}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        assert_true(break_at_all(flows[i], false) > MOMENTS / 10);
        assert_true(break_at_all(flows[i], true) > MOMENTS / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(events),    cmocka_unit_test(acknowledged),
                                       cmocka_unit_test(doubles),   cmocka_unit_test(requests),
                                       cmocka_unit_test(snapshots), cmocka_unit_test(blocks),
                                       cmocka_unit_test(talks),     cmocka_unit_test(calls_in_turns),
                                       cmocka_unit_test(trust),     cmocka_unit_test(connections)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
