/* Every fault of links and of calls, injected into a link that a real server (and a simulated one) is called through:
 * its effect is measured, it says that it took effect, and after the heal calls are answered as before. */
#include "chaos/fault/faults.h"
#include "chaos/proxy/proxy.h"
#include "rpc/test_fixture.h"

#include <stdio.h>

#define PARTS     5
#define PATIENCE  ((uint64_t)(80 * MILLISECOND)) /* for an answer that may never come */
#define RECOVERED ((uint64_t)(60 * SECOND))
#define TURNS     20 /* of the loop, in which an answer comes that comes */
#define ANY       INT64_MIN

struct rig {
    struct fixture *f;
    struct target target;
    struct target_component components[PARTS];
    struct proxy_link *own; /* the clients' to the first part */
};

static const char *const names[PARTS] = {"a", "b", "c", "d", "e"};

static bool never_alive(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return true;
}

/* Five parts which each reach each other, and clients that reach the first; the same server is behind all links. */
static void rig_start(struct rig *r, struct fixture *f)
{
    static const struct target_operations operations = {.alive = never_alive};
    struct fixture_server *server = fixture_serve(f, 0, NULL);
    struct error err = ERROR_INIT;
    struct proxy_link *l;
    *r = (struct rig){.f = f};
    r->target = (struct target){.operations = &operations,
                                .world = f->world,
                                .system = "five",
                                .driver = "processes", /* the proxy is the same in both worlds */
                                .components = r->components,
                                .component_count = PARTS,
                                .proxy = proxy_new(f->world)};
    assert_non_null(r->target.proxy);
    for (size_t to = 0; to < PARTS; to++) {
        r->components[to] = (struct target_component){.name = names[to], .address = server->address};
        for (size_t from = 0; from < PARTS; from++)
            if (from != to &&
                proxy_add(r->target.proxy, names[from], names[to], server->address, fixture_listen(f), &l, &err) != 0)
                fail_msg("%s", err.message);
    }
    if (proxy_add(r->target.proxy, PROXY_CLIENT, "a", server->address, fixture_listen(f), &r->own, &err) != 0)
        fail_msg("%s", err.message);
}

static void rig_stop(struct rig *r)
{
    rpc_channel_free(r->f->channel);
    r->f->channel = NULL;
    proxy_free(r->target.proxy);
}

static void reach(struct rig *r, const struct proxy_link *l)
{
    fixture_connect(r->f, &(struct rpc_channel_options){.addresses = proxy_link_address(l),
                                                        .reconnect_first = 5 * MILLISECOND,
                                                        .reconnect_max = 20 * MILLISECOND});
}

struct question {
    int answered, status;
    uint64_t since, took;
};

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct question *q = arg;
    q->status = reply->status;
    q->answered = 1;
}

/* What cannot be told from a machine that is busy, which is that no answer comes, is waited for in turns of the loop.
 */
static int ask(struct rig *r, uint64_t timeout, int32_t size, uint64_t *took)
{
    Harrow__Test__Order order;
    struct question q = {.since = world_now(r->f->world)};
    struct rpc_stream *stream;
    order_init(&order, "a question");
    order.size = size;
    struct text packed = order_pack(&order);
    const struct rpc_request request = {.path = "/harrow.test.Test/Unary",
                                        .timeout = FIXTURE_LIMIT,
                                        .content_type = "application/grpc+proto", /* bytes are enough */
                                        .message = text_bytes(&packed),
                                        .has_message = true};
    assert_int_equal(rpc_unary(r->f->channel, &request, on_answer, &q, &stream, NULL), 0);
    text_deinit(&packed);
    for (int i = 0; i < TURNS && !q.answered; i++)
        (void)fixture_reaches(r->f, &q.answered, 1, timeout / TURNS);
    *took = world_now(r->f->world) - q.since;
    if (!q.answered) {
        rpc_stream_cancel(stream);
        fixture_until(r->f, &q.answered, 1);
    }
    return q.status;
}

static bool recovers(struct rig *r)
{
    uint64_t end = world_now(r->f->world) + RECOVERED, took;
    for (; world_now(r->f->world) < end; fixture_run(r->f, 2 * MILLISECOND))
        if (ask(r, (uint64_t)SECOND, 0, &took) == GRPC_OK)
            return true;
    return false;
}

static void prepare(struct rig *r, struct fault_injection *i, const char *name, const int64_t *parameters)
{
    const struct chaos_fault *fault = fault_find(name);
    struct random base;
    if (fault == NULL)
        fail_msg("no fault %s", name);
    random_seed(&base, 11);
    *i = (struct fault_injection){
        .fault = fault, .target = &r->target, .component = fault->scope == FAULT_OF_SYSTEM ? NULL : "a"};
    random_fork(&base, name, &i->random);
    for (size_t p = 0; p < FAULT_PARAMETERS_MAX; p++)
        i->parameters[p] = parameters != NULL ? parameters[p] : ANY;
    fault_draw(i);
    struct error err = ERROR_INIT;
    if (fault_possible(fault, &r->target, &err) != 0)
        fail_msg("%s: %s", name, err.message);
}

static void inject(struct fault_injection *i)
{
    struct error err = ERROR_INIT;
    if (i->fault->inject(i, &err) != 0)
        fail_msg("%s: %s", i->fault->name, err.message);
}

static void heal(struct fault_injection *i)
{
    struct error err = ERROR_INIT;
    assert_int_equal(i->fault->verify(i, NULL), 0);
    if (i->hits == 0)
        fail_msg("%s: nothing was seen of it", i->fault->name);
    if (i->fault->heal(i, &err) != 0)
        fail_msg("%s: %s", i->fault->name, err.message);
    assert_null(i->state);
}

/* What a call, or the one after it, meets. */
enum effect {
    SLOW,  /* it is answered, after `least` */
    FAILS, /* it is not answered well within PATIENCE */
    WORKS,
};

static const struct fault_case {
    const char *name;
    int64_t parameters[FAULT_PARAMETERS_MAX];
    enum effect effect;
    uint64_t least; /* ns */
    bool fresh;     /* on a new connection */
    int32_t size;   /* bytes of the answer */
} cases[] = {
    {"latency", {20 * MILLISECOND, 0}, SLOW, 40 * MILLISECOND, false, 0},
    {"jitter", {60 * MILLISECOND}, SLOW, 2 * MILLISECOND, false, 0},
    {"bandwidth", {10000}, SLOW, 30 * MILLISECOND, false, 500},
    {"slow-reader", {10000, 1000}, SLOW, 30 * MILLISECOND, false, 1000},
    {"slicing", {10, MILLISECOND}, SLOW, 5 * MILLISECOND, false, 100},
    {"reset", {ANY}, WORKS, 0, false, 0},
    {"half-open", {ANY}, WORKS, 0, false, 0},
    {"blackhole", {ANY}, FAILS, 0, false, 0},
    {"one-way", {ANY}, FAILS, 0, false, 0},
    {"deaf", {ANY}, FAILS, 0, false, 0},
    {"partition", {ANY}, FAILS, 0, false, 0},
    {"flapping", {40 * MILLISECOND, 40 * MILLISECOND}, SLOW, 0, false, 0},
    {"refuse", {ANY}, FAILS, 0, true, 0},
    {"accept-close", {0}, FAILS, 0, true, 0},
    {"accept-close", {1}, FAILS, 0, true, 0},
    {"connection-limit", {1}, FAILS, 0, true, 0},
    {"data-limit", {100, 0}, FAILS, 0, false, 4000},
    {"timeout-close", {20 * MILLISECOND, 1}, FAILS, 0, false, 0},
    {"corrupt", {200000}, FAILS, 0, false, 0},
    {"duplicate", {1000000}, FAILS, 0, false, 0},
    {"garbage", {1000000, 20}, FAILS, 0, false, 0},
    {"rpc-status", {1000000, 0, 8}, FAILS, 0, false, 0},
    {"rpc-replace", {1000000, 0, 14}, FAILS, 0, false, 0},
    {"rpc-reset", {1000000, 0, 2}, FAILS, 0, false, 0},
    {"rpc-goaway", {1000000, 0}, WORKS, 0, false, 0},
    {"rpc-delay", {1000000, 0, 30 * MILLISECOND}, SLOW, 30 * MILLISECOND, false, 0},
    {"rpc-stall", {1000000, 0}, FAILS, 0, false, 0},
    {"rpc-twice", {1000000, 0}, WORKS, 0, false, 0},
    {"rpc-silence", {1000000, 0}, FAILS, 0, false, 0},
    {"rpc-delay-answer", {1000000, 0, 30 * MILLISECOND}, SLOW, 30 * MILLISECOND, false, 0},
    {"rpc-late-answer", {1000000, 0, MILLISECOND}, FAILS, 0, false, 0},
    {"rpc-lost-answer", {1000000, 0}, FAILS, 0, false, 0},
    {"rpc-reorder", {1000000, 0, 30 * MILLISECOND}, SLOW, 30 * MILLISECOND, false, 0},
    {"rpc-no-trailers", {1000000, 0}, FAILS, 0, false, 0},
    {"rpc-corrupt", {1000000, 0, 8}, WORKS, 0, false, 0},
    {"rpc-truncate", {1000000, 0}, FAILS, 0, false, 0},
    {"rpc-oversize", {1000000, 0, 1 << 30}, FAILS, 0, false, 0},
};

static void measure(struct rig *r, const struct fault_case *c)
{
    uint64_t took = 0;
    int status = ask(r, c->effect == FAILS ? PATIENCE : RECOVERED, c->size, &took);
    if (c->effect == FAILS ? status == GRPC_OK : status != GRPC_OK)
        fail_msg("%s: %s after %llu us", c->name, grpc_status_name(status), (unsigned long long)(took / 1000));
    if (c->effect == SLOW && took < c->least)
        fail_msg("%s: answered after %llu us already", c->name, (unsigned long long)(took / 1000));
}

static void each_fault(void **state)
{
    struct rig r;
    rig_start(&r, *state);
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        const struct fault_case *c = &cases[n];
        struct fault_injection i;
        uint64_t took;
        reach(&r, r.own);
        assert_int_equal(ask(&r, RECOVERED, 0, &took), GRPC_OK);
        prepare(&r, &i, c->name, c->parameters);
        inject(&i);
        fixture_run(r.f, 5 * MILLISECOND);
        struct rpc_channel *before = r.f->channel;
        if (c->fresh) { /* the old connection stays where it is */
            r.f->channel = NULL;
            reach(&r, r.own);
        }
        if (strcmp(c->name, "half-open") != 0) /* of which the client has already learnt */
            measure(&r, c);
        heal(&i);
        if (!recovers(&r))
            fail_msg("%s: no answer after the heal", c->name);
        if (c->fresh)
            rpc_channel_free(before);
        assert_int_equal(ask(&r, RECOVERED, 0, &took), GRPC_OK);
        assert_int_equal(proxy_link_held(r.own), 0);
    }
    rig_stop(&r);
}

/* Only the n-th call of the method. */
static void the_nth(void **state)
{
    const int64_t parameters[FAULT_PARAMETERS_MAX] = {1000000, 3, 10, ANY, ANY, ANY};
    struct fault_injection i;
    struct rig r;
    uint64_t took;
    rig_start(&r, *state);
    prepare(&r, &i, "rpc-status", parameters);
    i.method = "harrow.test.Test/Unary";
    inject(&i);
    reach(&r, r.own);
    for (int n = 1; n <= 5; n++)
        assert_int_equal(ask(&r, RECOVERED, 0, &took), n == 3 ? GRPC_ABORTED : GRPC_OK);
    heal(&i);
    assert_int_equal(i.hits, 1);
    rig_stop(&r);
}

/* ---- between parts ---- */

static bool reached[PARTS][PARTS];

/* Who reaches whom, asked over every link. */
static size_t survey(struct rig *r)
{
    size_t cut = 0, at = 0;
    uint64_t took;
    for (size_t i = 0; i < proxy_count(r->target.proxy); i++) {
        const struct proxy_link *l = proxy_link(r->target.proxy, i);
        reach(r, l);
        bool ok = ask(r, PATIENCE, 0, &took) == GRPC_OK;
        if (strcmp(proxy_link_from(l), PROXY_CLIENT) == 0) {
            assert_true(ok);
            continue;
        }
        size_t to = at / (PARTS - 1), from = at % (PARTS - 1);
        at++;
        reached[from + (from >= to)][to] = ok;
        cut += !ok;
    }
    return cut;
}

static size_t peers_of(size_t part)
{
    size_t count = 0;
    for (size_t other = 0; other < PARTS; other++)
        count += other != part && reached[part][other] && reached[other][part];
    return count;
}

static void divisions(void **state)
{
    static const struct {
        const char *name;
        size_t cut;
    } kinds[] = {{"halves", 2 * 2 * 3}, {"ring", PARTS * 2}, {"bridge", 2 * 2 * 2}, {"isolate-pair", 2}};
    struct rig r;
    rig_start(&r, *state);
    for (size_t n = 0; n < sizeof kinds / sizeof kinds[0]; n++) {
        struct fault_injection i;
        prepare(&r, &i, kinds[n].name, NULL);
        inject(&i);
        size_t cut = survey(&r);
        if (strcmp(kinds[n].name, "bridge") == 0) {
            assert_int_equal(peers_of(0), PARTS - 1); /* the component reaches all */
            assert_true(cut == 2 * 2 * 2 || cut == 2 * 1 * 3);
        } else {
            assert_int_equal(cut, kinds[n].cut);
        }
        for (size_t part = 0; part < PARTS && strcmp(kinds[n].name, "ring") == 0; part++)
            assert_int_equal(peers_of(part), 2);
        heal(&i);
        assert_int_equal(survey(&r), 0);
    }
    rig_stop(&r);
}

/* Parts go one after another and come back in another order; everything can be reached afterwards. */
static void swizzle(void **state)
{
    const int64_t parameters[FAULT_PARAMETERS_MAX] = {3, 5 * MILLISECOND, ANY, ANY, ANY, ANY};
    struct fault_injection i;
    struct rig r;
    rig_start(&r, *state);
    prepare(&r, &i, "swizzle", parameters);
    inject(&i);
    size_t cut = 0;
    uint64_t took;
    for (size_t n = 0; n < proxy_count(r.target.proxy); n++) {
        reach(&r, proxy_link(r.target.proxy, n));
        cut += ask(&r, PATIENCE, 0, &took) != GRPC_OK;
    }
    assert_true(cut >= PARTS * (PARTS - 1) - 2); /* all but what the two others say to each other, and the clients' */
    heal(&i);
    assert_int_equal(survey(&r), 0);
    rig_stop(&r);
}

/* What cannot be done says why. */
static void not_possible(void **state)
{
    struct rig r;
    struct error err = ERROR_INIT;
    struct fault_injection i;
    rig_start(&r, *state);
    prepare(&r, &i, "reset", NULL);
    assert_int_equal(i.fault->inject(&i, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no connection to or from a is open"));
    error_clear(&err);
    assert_int_equal(i.fault->heal(&i, NULL), 0);
    prepare(&r, &i, "half-open", NULL);
    assert_int_equal(i.fault->inject(&i, NULL), ERROR_NOT_FOUND);
    assert_int_equal(i.fault->heal(&i, NULL), 0);
    prepare(&r, &i, "latency", NULL);
    i.peer = "nobody";
    assert_int_equal(i.fault->inject(&i, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "no link leads to or from a with nobody");
    error_clear(&err);
    assert_int_equal(i.fault->heal(&i, NULL), 0);
    r.target.component_count = 1; /* too few for two groups */
    prepare(&r, &i, "ring", NULL);
    assert_int_equal(i.fault->inject(&i, NULL), ERROR_NOT_FOUND);
    assert_int_equal(i.fault->heal(&i, NULL), 0);
    struct proxy *proxy = r.target.proxy;
    r.target.proxy = NULL;
    assert_int_equal(fault_possible(fault_find("rpc-status"), &r.target, &err), ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "--direct"));
    error_clear(&err);
    r.target.proxy = proxy;
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(each_fault), BOTH(the_nth), BOTH(divisions), BOTH(swizzle), BOTH(not_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
