/* The relay as the proxy runs it, between a client and nodes that do as they are told, in the simulated world. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/relay/relay.h"
#include "runtime/relay/test_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
    struct rpc_channel *channel; /* to the proxy */
};

/* With more words for the proxy's command line, as in sim_micro.h. */
static void begin_with(struct fixture *f, uint64_t seed, const char *const *const *arguments)
{
    static const char *const started[] = {"registry", "proxy", NULL};
    *f = (struct fixture){0};
    test_nodes_forget();
    sim_system_init(&f->system, seed);
    f->system.arguments = arguments;
    test_node_program(&f->system);
    sim_system_start_all(&f->system, started);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
    const struct rpc_channel_options options = {.addresses = "proxy:8081"};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &f->channel, NULL), 0);
}

static void begin(struct fixture *f, uint64_t seed)
{
    begin_with(f, seed, NULL);
}

static void end(struct fixture *f)
{
    rpc_channel_free(f->channel);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void add(struct fixture *f, const char *name, const char *version, const char *metadata)
{
    test_node_start(&f->system, name);
    test_node_register(&f->system, "registry:8000", f->token, "svc", version, name, metadata);
}

static int ask_with(struct fixture *f, const char *path, struct grpc_metadata metadata, uint64_t timeout,
                    struct rpc_answer *out)
{
    const struct rpc_request r = {
        .path = path, .metadata = metadata, .timeout = timeout, .message = bytes_of("hello"), .has_message = true};
    assert_int_equal(rpc_unary_wait(f->system.client, f->channel, &r, out, NULL), 0);
    return out->reply.status;
}

static int ask(struct fixture *f, const char *path)
{
    struct rpc_answer a;
    int status = ask_with(f, path, (struct grpc_metadata){0}, 0, &a);
    rpc_answer_deinit(&a);
    return status;
}

static void expect_text(struct bytes got, const char *wanted)
{
    if (!got.data || got.len != strlen(wanted) || memcmp(got.data, wanted, got.len) != 0)
        fail_msg("got \"%.*s\", wanted \"%s\"", (int)got.len, got.data ? (const char *)got.data : "", wanted);
}

static void expect_words(struct bytes got, const char *words)
{
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)got.len, got.data ? (const char *)got.data : "");
    if (!strstr(text, words))
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

/* ---- one call through, whole ------------------------------------------------------------------------------------ */

static void unary(void **state)
{
    (void)state;
    struct fixture f;
    struct rpc_answer a;
    begin(&f, 1);
    add(&f, "n1", "v1", NULL);
    const struct grpc_header sent[] = {{bytes_of("x-mine"), bytes_of("1")},
                                       {bytes_of("x-mine-bin"), BYTES("\x01\x02", 2)},
                                       {bytes_of("micro-trace-id"), bytes_of("t")},
                                       {bytes_of(RELAY_HOPS_HEADER), bytes_of("99")},
                                       {bytes_of(RELAY_TOKEN_HEADER), bytes_of("guess")},
                                       {bytes_of("timeout"), bytes_of("10000000000")}};
    assert_int_equal(ask_with(&f, "/svc.Test/Unary", (struct grpc_metadata){sent, 6}, (uint64_t)(10 * SECOND), &a), 0);
    expect_text(a.reply.body, "hello");
    expect_text(grpc_metadata_get(a.reply.headers, "x-node"), "n1");
    assert_true(bytes_equal(grpc_metadata_get(a.reply.headers, "x-bytes-bin"), BYTES("\x00\xff\x01", 3)));
    expect_text(grpc_metadata_get(a.reply.trailers, "micro-revision"), "17");
    assert_true(bytes_equal(grpc_metadata_get(a.reply.trailers, "x-trailer-bin"), BYTES("\x02\x00", 2)));
    rpc_answer_deinit(&a);
    const struct test_node *n = test_node("n1");
    assert_non_null(strstr(n->seen, "x-mine=1\n"));
    assert_non_null(strstr(n->seen, "x-mine-bin=\x01\x02\n"));
    assert_non_null(strstr(n->seen, "micro-trace-id=t\n"));
    assert_null(strstr(n->seen, RELAY_HOPS_HEADER));
    assert_null(strstr(n->seen, RELAY_TOKEN_HEADER));
    assert_non_null(strstr(n->seen, "user-agent=grpc-c-harrow/1\n")); /* the caller's, not ours */
    assert_string_equal(n->type, "application/grpc+proto");
    /* The deadline goes on, less the time spent; Micro's own header says the same. */
    assert_true(n->deadline > 0 && n->deadline < (uint64_t)(10 * SECOND));
    assert_true(n->deadline > (uint64_t)(9 * SECOND));
    const char *timeout = strstr(n->seen, "\ntimeout=");
    assert_non_null(timeout);
    assert_true(strtoull(timeout + 9, NULL, 10) < 10000000000ULL);
    assert_true(strtoull(timeout + 9, NULL, 10) > 9000000000ULL);
    /* Other content types, and compression. */
    const struct rpc_request r = {.path = "/svc.Test/Unary",
                                  .content_type = "application/grpc+json",
                                  .gzip = true,
                                  .message = bytes_of("{}"),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(f.system.client, f.channel, &r, &a, NULL), 0);
    assert_int_equal(a.reply.status, 0);
    expect_text(a.reply.body, "{}");
    rpc_answer_deinit(&a);
    assert_string_equal(n->type, "application/grpc+json");
    assert_true(n->gzip);
    assert_int_equal(n->opened, 2);
    assert_int_equal(n->deadline, 0);
    end(&f);
}

static void status_intact(void **state)
{
    (void)state;
    struct fixture f;
    struct rpc_answer a;
    begin(&f, 2);
    add(&f, "n1", "v1", NULL);
    assert_int_equal(ask_with(&f, "/svc.Test/Fail", (struct grpc_metadata){0}, 0, &a), GRPC_ABORTED);
    expect_text(a.reply.message, "{\"id\":\"x\",\"code\":418,\"detail\":\"\xc3\xa4h\"}");
    assert_true(bytes_equal(a.reply.details, BYTES("\x08\x0a\x12\x01x", 5)));
    expect_text(grpc_metadata_get(a.reply.headers, "x-node"), "n1");
    expect_text(grpc_metadata_get(a.reply.trailers, "micro-revision"), "17");
    rpc_answer_deinit(&a);
    assert_int_equal(ask_with(&f, "/svc.Test/Unavailable", (struct grpc_metadata){0}, 0, &a), GRPC_UNAVAILABLE);
    expect_text(a.reply.message, "not now"); /* the node's words, and the call made once: a server saw it */
    rpc_answer_deinit(&a);
    assert_int_equal(test_node("n1")->opened, 2);
    end(&f);
}

static void not_there(void **state)
{
    (void)state;
    struct fixture f;
    struct rpc_answer a;
    begin(&f, 3);
    assert_int_equal(ask_with(&f, "/nobody.Test/Unary", (struct grpc_metadata){0}, 0, &a), GRPC_NOT_FOUND);
    expect_words(a.reply.message, "\"code\":404,\"detail\":\"service not found\"");
    assert_true(a.reply.details.len > 0);
    rpc_answer_deinit(&a);
    assert_int_equal(ask_with(&f, "/Test/Unary", (struct grpc_metadata){0}, 0, &a), GRPC_INVALID_ARGUMENT);
    expect_words(a.reply.message, "\"code\":400");
    rpc_answer_deinit(&a);
    assert_int_equal(ask_with(&f, "/proxy.Test/Unary", (struct grpc_metadata){0}, 0, &a), GRPC_UNIMPLEMENTED);
    rpc_answer_deinit(&a);
    /* Our own Debug answers under our name, others' is theirs. */
    assert_int_equal(ask(&f, "/proxy.Debug/Health"), GRPC_INVALID_ARGUMENT); /* "hello" is no HealthRequest */
    add(&f, "n1", "v1", NULL);
    assert_int_equal(ask(&f, "/svc.Debug/Unary"), GRPC_OK);
    assert_int_equal(test_node("n1")->opened, 1);
    /* Only Bearer. */
    const struct grpc_header basic = {bytes_of("authorization"), bytes_of("Basic YTpi")};
    assert_int_equal(ask_with(&f, "/svc.Test/Unary", (struct grpc_metadata){&basic, 1}, 0, &a), GRPC_UNAUTHENTICATED);
    rpc_answer_deinit(&a);
    const struct grpc_header bad = {bytes_of("authorization"), bytes_of("Bearer a.b.c")};
    assert_int_equal(ask_with(&f, "/svc.Test/Unary", (struct grpc_metadata){&bad, 1}, 0, &a), GRPC_UNAUTHENTICATED);
    rpc_answer_deinit(&a);
    assert_int_equal(test_node("n1")->opened, 1);
    end(&f);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

struct flow {
    struct rpc_stream *stream;
    int headers, messages;
    size_t bytes;
    bool ended;
    int status;
    char last[64];
};

static void flow_headers(void *arg, struct grpc_metadata headers)
{
    (void)headers;
    ((struct flow *)arg)->headers++;
}

static void flow_message(void *arg, struct bytes message)
{
    struct flow *s = arg;
    s->messages++;
    s->bytes += message.len;
    snprintf(s->last, sizeof s->last, "%.*s", (int)(message.len < 60 ? message.len : 60), (const char *)message.data);
}

static void flow_finished(void *arg, const struct rpc_reply *reply)
{
    struct flow *s = arg;
    s->ended = true;
    s->status = reply->status;
    s->stream = NULL;
}

static void flow_open(struct fixture *f, struct flow *s, const char *path, uint64_t timeout)
{
    static const struct rpc_stream_events events = {
        .headers = flow_headers, .message = flow_message, .finished = flow_finished};
    const struct rpc_request r = {.path = path, .timeout = timeout};
    *s = (struct flow){0};
    assert_int_equal(rpc_stream_open(f->channel, &r, &events, s, &s->stream, NULL), 0);
}

static void run(struct fixture *f, int64_t duration)
{
    assert_int_equal(sim_run_for(f->system.sim, (uint64_t)duration), 0);
}

static void streams(void **state)
{
    (void)state;
    struct fixture f;
    struct flow s;
    begin(&f, 4);
    add(&f, "n1", "v1", NULL);
    /* Both ways, each message as it comes; the header before any. */
    flow_open(&f, &s, "/svc.Test/Bidi", 0);
    run(&f, 20 * MILLISECOND);
    assert_int_equal(s.headers, 1);
    for (int i = 1; i <= 3; i++) {
        char text[8];
        snprintf(text, sizeof text, "m%d", i);
        assert_int_equal(rpc_stream_send(s.stream, bytes_of(text)), 0);
        run(&f, 20 * MILLISECOND);
        assert_int_equal(s.messages, i);
        assert_string_equal(s.last, text);
    }
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    run(&f, 20 * MILLISECOND);
    assert_true(s.ended);
    assert_int_equal(s.status, GRPC_OK);
    /* From the server. */
    flow_open(&f, &s, "/svc.Test/ServerStream", 0);
    assert_int_equal(rpc_stream_send(s.stream, bytes_of("x")), 0);
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    run(&f, 20 * MILLISECOND);
    assert_int_equal(s.messages, 5);
    assert_true(s.ended);
    /* From the client. */
    flow_open(&f, &s, "/svc.Test/ClientStream", 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rpc_stream_send(s.stream, bytes_of("x")), 0);
    run(&f, 20 * MILLISECOND);
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    run(&f, 20 * MILLISECOND);
    assert_true(s.ended);
    assert_string_equal(s.last, "100");
    end(&f);
}

static void cancellation(void **state)
{
    (void)state;
    struct fixture f;
    struct flow s;
    begin(&f, 5);
    add(&f, "n1", "v1", NULL);
    flow_open(&f, &s, "/svc.Test/Hang", 0);
    run(&f, 20 * MILLISECOND);
    assert_int_equal(test_node("n1")->opened, 1);
    rpc_stream_cancel(s.stream);
    run(&f, 20 * MILLISECOND);
    assert_true(s.ended);
    assert_int_equal(s.status, GRPC_CANCELLED);
    assert_int_equal(test_node("n1")->cancelled, 1);
    /* The deadline ends both sides. */
    flow_open(&f, &s, "/svc.Test/Hang", (uint64_t)(200 * MILLISECOND));
    run(&f, 100 * MILLISECOND);
    assert_false(s.ended);
    assert_int_equal(test_node("n1")->cancelled, 1);
    run(&f, 200 * MILLISECOND);
    assert_true(s.ended);
    assert_int_equal(s.status, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(test_node("n1")->cancelled, 2);
    /* Neither says anything about the node. */
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    end(&f);
}

static void back_pressure(void **state)
{
    (void)state;
    struct fixture f;
    struct flow s;
    begin(&f, 6);
    add(&f, "n1", "v1", NULL);
    struct test_node *n = test_node("n1");
    /* A reader that stops: the node stops too, long before it sent everything. */
    flow_open(&f, &s, "/svc.Test/Flood", 0);
    rpc_stream_pause(s.stream);
    run(&f, 5 * SECOND);
    size_t held = n->sent;
    assert_true(held > 0 && held < FLOOD_MESSAGES / 2);
    run(&f, 5 * SECOND);
    assert_int_equal(n->sent, held);
    rpc_stream_resume(s.stream);
    run(&f, 5 * SECOND);
    assert_true(s.ended);
    assert_int_equal(s.status, GRPC_OK);
    assert_int_equal(s.messages, FLOOD_MESSAGES);
    assert_int_equal(s.bytes, FLOOD_MESSAGES * FLOOD_SIZE);
    /* A node that does not read: the writer is told to stop. */
    static uint8_t block[FLOOD_SIZE];
    flow_open(&f, &s, "/svc.Test/Sink", 0);
    size_t sent = 0;
    for (int i = 0; i < 1000 && sent < FLOOD_MESSAGES; i++) {
        while (!rpc_stream_busy(s.stream) && sent < FLOOD_MESSAGES) {
            assert_int_equal(rpc_stream_send(s.stream, BYTES(block, sizeof block)), 0);
            sent++;
        }
        run(&f, 10 * MILLISECOND);
    }
    assert_true(sent < FLOOD_MESSAGES);
    assert_int_equal(n->messages, 0);
    assert_non_null(n->sink);
    rpc_call_resume(n->sink);
    while (sent < FLOOD_MESSAGES) {
        while (!rpc_stream_busy(s.stream) && sent < FLOOD_MESSAGES) {
            assert_int_equal(rpc_stream_send(s.stream, BYTES(block, sizeof block)), 0);
            sent++;
        }
        run(&f, 10 * MILLISECOND);
    }
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    run(&f, 1 * SECOND);
    assert_true(s.ended);
    char all[16];
    snprintf(all, sizeof all, "%d", FLOOD_MESSAGES);
    assert_string_equal(s.last, all);
    end(&f);
}

/* ---- choosing nodes --------------------------------------------------------------------------------------------- */

static void even(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 7);
    add(&f, "n1", "v1", "{\"zone\":\"a\"}");
    add(&f, "n2", "v1", "{\"zone\":\"b\"}");
    add(&f, "n3", "v2", "{\"zone\":\"a\"}");
    for (int i = 0; i < 60; i++)
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    assert_int_equal(test_node("n1")->opened, 20);
    assert_int_equal(test_node("n2")->opened, 20);
    assert_int_equal(test_node("n3")->opened, 20);
    static const struct {
        const char *name, *value;
        int status, counts[3];
    } table[] = {
        {"micro-label-zone", "a", GRPC_OK, {5, 0, 5}},        {"micro-label-zone", "b", GRPC_OK, {0, 10, 0}},
        {"micro-version", "v1", GRPC_OK, {5, 5, 0}},          {"micro-version", "v2", GRPC_OK, {0, 0, 10}},
        {"micro-label-zone", "c", GRPC_NOT_FOUND, {0, 0, 0}}, {"micro-label-none", "a", GRPC_NOT_FOUND, {0, 0, 0}},
        {"micro-router", "other", GRPC_NOT_FOUND, {0, 0, 0}}, {"micro-namespace", "nobody", GRPC_OK, {3, 3, 4}},
    };
    static const char *const names[] = {"n1", "n2", "n3"};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct grpc_header h = {bytes_of(table[i].name), bytes_of(table[i].value)};
        int before[3];
        for (int k = 0; k < 3; k++)
            before[k] = test_node(names[k])->opened;
        for (int call = 0; call < 10; call++) {
            struct rpc_answer a;
            assert_int_equal(ask_with(&f, "/svc.Test/Unary", (struct grpc_metadata){&h, 1}, 0, &a), table[i].status);
            rpc_answer_deinit(&a);
        }
        for (int k = 0; k < 3; k++) {
            int got = test_node(names[k])->opened - before[k];
            if (abs(got - table[i].counts[k]) > (i == 7 ? 1 : 0))
                fail_msg("%s: %s of %s: %s got %d calls, wanted %d", table[i].name, table[i].value, "svc", names[k],
                         got, table[i].counts[k]);
        }
    }
    end(&f);
}

/* A node that dies: what was under way on it fails once, nothing else ever does, and it gets its share when it is back.
 */
static void killed(void **state)
{
    (void)state;
    struct fixture f;
    struct flow s;
    begin(&f, 8);
    add(&f, "n1", "v1", NULL);
    add(&f, "n2", "v1", NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    flow_open(&f, &s, "/svc.Test/Hang", 0);
    assert_int_equal(rpc_stream_send(s.stream, bytes_of("once")), 0);
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    run(&f, 50 * MILLISECOND);
    const char *victim = test_node("n1")->opened > test_node("n2")->opened ? "n1" : "n2";
    const char *other = strcmp(victim, "n1") == 0 ? "n2" : "n1";
    int victims = test_node(victim)->opened, others = test_node(other)->opened;
    assert_int_equal(sim_kill(f.system.sim, victim), 0);
    run(&f, 50 * MILLISECOND);
    assert_true(s.ended); /* executed once, and not again elsewhere: a server had seen it */
    assert_int_equal(s.status, GRPC_UNAVAILABLE);
    assert_int_equal(test_node(other)->opened, others);
    for (int i = 0; i < 200; i++)
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    assert_int_equal(test_node(victim)->opened, victims);
    assert_int_equal(test_node(other)->opened, others + 200);
    /* Back at the same address, without a word from the registry. */
    test_node_start(&f.system, victim);
    run(&f, 11 * SECOND);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    assert_true(abs(test_node(victim)->opened - victims - 50) <= 1);
    end(&f);
}

/* Kept messages go to the next node when no node saw the first; not once they are too many. */
static void kept(void **state)
{
    (void)state;
    struct fixture f;
    struct flow s;
    begin(&f, 9);
    add(&f, "n1", "v1", NULL);
    add(&f, "n2", "v1", NULL);
    sim_kill(f.system.sim, "n2"); /* the newer one: its turn comes first */
    flow_open(&f, &s, "/svc.Test/ClientStream", 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rpc_stream_send(s.stream, bytes_of("x")), 0);
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    run(&f, 1 * SECOND);
    assert_true(s.ended);
    assert_int_equal(s.status, GRPC_OK);
    assert_string_equal(s.last, "10");
    /* Both gone: 503 that says why, at once. */
    sim_kill(f.system.sim, "n1");
    run(&f, 10 * MILLISECOND);
    struct rpc_answer a;
    assert_int_equal(ask_with(&f, "/svc.Test/Unary", (struct grpc_metadata){0}, 0, &a), GRPC_UNAVAILABLE);
    expect_words(a.reply.message, "\"code\":503");
    assert_true(a.reply.duration < (uint64_t)(100 * MILLISECOND));
    rpc_answer_deinit(&a);
    end(&f);
}

/* UNAVAILABLE as an answer opens the breaker too; after the back-off one call probes. In exact virtual time. */
static void breaker(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 10);
    add(&f, "n1", "v1", NULL);
    struct test_node *n = test_node("n1");
    n->unavailable = true;
    for (int i = 0; i < RELAY_RATIO_CALLS; i++)
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_UNAVAILABLE);
    assert_int_equal(n->opened, RELAY_RATIO_CALLS);
    struct rpc_answer a;
    assert_int_equal(ask_with(&f, "/svc.Test/Unary", (struct grpc_metadata){0}, 0, &a), GRPC_UNAVAILABLE);
    expect_words(a.reply.message, "no node of svc can be reached at the moment");
    rpc_answer_deinit(&a);
    assert_int_equal(n->opened, RELAY_RATIO_CALLS); /* not asked */
    run(&f, 110 * MILLISECOND);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_UNAVAILABLE); /* the probe */
    assert_int_equal(n->opened, RELAY_RATIO_CALLS + 1);
    n->unavailable = false;
    run(&f, 110 * MILLISECOND);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_UNAVAILABLE); /* twice as long now */
    assert_int_equal(n->opened, RELAY_RATIO_CALLS + 1);
    run(&f, 100 * MILLISECOND);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    assert_int_equal(n->opened, RELAY_RATIO_CALLS + 6);
    end(&f);
}

/* The registry restarts and has forgotten everything: calls go on. */
static void registry_restart(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 11);
    add(&f, "n1", "v1", NULL);
    assert_int_equal(sim_kill(f.system.sim, "registry"), 0);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    run(&f, 5 * SECOND);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    sim_system_start(&f.system, "registry");
    sim_system_wait(&f.system, "registry");
    run(&f, 30 * SECOND);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    run(&f, 60 * SECOND); /* it had its time to register again */
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_NOT_FOUND);
    test_node_register(&f.system, "registry:8000", f.token, "svc", "v1", "n1", NULL);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    test_expect(&f.system, "registry", "/registry.Registry/Deregister", f.token,
                "{\"name\":\"svc\",\"version\":\"v1\",\"nodes\":[{\"id\":\"svc-n1\"}]}", GRPC_OK, NULL);
    run(&f, 50 * MILLISECOND);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_NOT_FOUND);
    end(&f);
}

/* ---- how many at once ------------------------------------------------------------------------------------------- */

static void expect_full(struct fixture *f)
{
    struct rpc_answer a;
    assert_int_equal(ask_with(f, "/svc.Test/Unary", (struct grpc_metadata){0}, 0, &a), GRPC_UNAVAILABLE);
    expect_words(a.reply.message, "\"code\":503");
    expect_words(a.reply.message, "too many calls are under way, try again later");
    assert_true(a.reply.duration < (uint64_t)(100 * MILLISECOND)); /* at once: nothing waits for a place */
    rpc_answer_deinit(&a);
}

static void full(void **state)
{
    static const char *const proxy[] = {"proxy", "--max-calls", "3", NULL};
    static const char *const *const arguments[] = {proxy, NULL};
    (void)state;
    struct fixture f;
    struct flow s[3], more;
    begin_with(&f, 12, arguments);
    add(&f, "n1", "v1", NULL);
    struct test_node *n = test_node("n1");
    for (int i = 0; i < 2; i++)
        flow_open(&f, &s[i], "/svc.Test/Hang", 0);
    run(&f, 20 * MILLISECOND);
    for (int i = 0; i < 5; i++) /* the third place, again and again */
        assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    flow_open(&f, &s[2], "/svc.Test/Hang", (uint64_t)(500 * MILLISECOND));
    run(&f, 20 * MILLISECOND);
    assert_int_equal(n->opened, 8);
    for (int i = 0; i < 5; i++) /* what is refused takes no place and gives none back */
        expect_full(&f);
    flow_open(&f, &more, "/svc.Test/Bidi", 0);
    assert_int_equal(rpc_stream_send(more.stream, bytes_of("x")), 0);
    run(&f, 20 * MILLISECOND);
    assert_true(more.ended);
    assert_int_equal(more.status, GRPC_UNAVAILABLE);
    assert_int_equal(n->opened, 8);
    /* The proxy's own services are not relayed, and answer; others' that nobody serves are full as well. */
    assert_int_equal(ask(&f, "/proxy.Debug/Health"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(ask(&f, "/nobody.Test/Unary"), GRPC_UNAVAILABLE);
    for (int i = 0; i < 3; i++)
        assert_false(s[i].ended);
    /* However a call ends, its place is free: by its deadline, by its client, by its node's death. */
    run(&f, 600 * MILLISECOND);
    assert_true(s[2].ended);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    flow_open(&f, &s[2], "/svc.Test/Hang", 0);
    run(&f, 20 * MILLISECOND);
    expect_full(&f);
    rpc_stream_cancel(s[2].stream);
    run(&f, 20 * MILLISECOND);
    assert_int_equal(ask(&f, "/svc.Test/Unary"), GRPC_OK);
    assert_int_equal(sim_kill(f.system.sim, "n1"), 0);
    add(&f, "n2", "v1", NULL);
    assert_true(s[0].ended && s[1].ended);
    for (int i = 0; i < 3; i++)
        flow_open(&f, &s[i], "/svc.Test/Hang", 0);
    run(&f, 50 * MILLISECOND);
    assert_int_equal(test_node("n2")->opened, 3);
    expect_full(&f);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary),   cmocka_unit_test(status_intact),    cmocka_unit_test(not_there),
        cmocka_unit_test(streams), cmocka_unit_test(cancellation),     cmocka_unit_test(back_pressure),
        cmocka_unit_test(even),    cmocka_unit_test(killed),           cmocka_unit_test(kept),
        cmocka_unit_test(breaker), cmocka_unit_test(registry_restart), cmocka_unit_test(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
