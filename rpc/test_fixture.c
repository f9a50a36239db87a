#include "rpc/test_fixture.h"

#include "world/mapping.h"

#include <stdio.h>

static int setup(void **state, bool simulated)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->simulated = simulated;
    if (simulated) {
        struct sim_options options = {.seed = 7};
        f->sim = sim_new(&options);
        f->world = f->sim ? sim_node(f->sim, "client") : NULL;
    } else if (world_real_new(1, &f->world, NULL) != 0) {
        f->world = NULL;
    }
    *state = f;
    return f->world ? 0 : -1;
}

int fixture_setup_real(void **state)
{
    return setup(state, false);
}

int fixture_setup_sim(void **state)
{
    return setup(state, true);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    rpc_channel_free(f->channel);
    for (int i = 0; i < FIXTURE_SERVERS; i++)
        rpc_server_free(f->servers[i].server);
    pb_pool_free(f->pool);
    if (f->sim)
        sim_free(f->sim);
    else
        world_real_free(f->world);
    free(f);
    return 0;
}

const struct pb_pool *fixture_pool(struct fixture *f)
{
    if (!f->pool)
        assert_int_equal(pb_pool_new(test_service_set(), "test", &f->pool, NULL), 0);
    return f->pool;
}

const char *fixture_listen(const struct fixture *f)
{
    static char address[32];
    unsigned id = f->simulated ? 1 : (unsigned)world_process_self();
    snprintf(address, sizeof address, "127.%u.%u.%u:0", id >> 16 & 127, id >> 8 & 255, id & 255);
    return address;
}

struct fixture_server *fixture_serve(struct fixture *f, int i, const struct rpc_server_options *options)
{
    struct fixture_server *s = &f->servers[i];
    char node[16], listen[80];
    snprintf(node, sizeof node, "server%d", i);
    s->world = f->sim ? sim_node(f->sim, node) : f->world;
    assert_int_equal(rpc_server_new(s->world, options, &s->server, NULL), 0);
    memset(&s->service, 0, sizeof s->service);
    assert_int_equal(test_service_add(&s->service, s->server), 0);
    if (f->sim)
        snprintf(listen, sizeof listen, "0.0.0.0:7000");
    else
        snprintf(listen, sizeof listen, "%s", s->address[0] ? s->address : fixture_listen(f));
    struct error err = ERROR_INIT;
    int rc = rpc_server_listen(s->server, listen, &err);
    if (rc)
        fail_msg("cannot listen: %s", err.message);
    const char *host = f->sim ? node : listen;
    snprintf(s->address, sizeof s->address, "%.*s:%d", (int)strcspn(host, ":"), host, rpc_server_port(s->server));
    return s;
}

void fixture_stop(struct fixture *f, int i)
{
    rpc_server_free(f->servers[i].server);
    f->servers[i].server = NULL;
}

struct rpc_channel *fixture_connect(struct fixture *f, const struct rpc_channel_options *options)
{
    struct rpc_channel_options o = options ? *options : (struct rpc_channel_options){0};
    if (!o.addresses && !o.resolve)
        o.addresses = f->servers[0].address;
    rpc_channel_free(f->channel);
    f->channel = NULL;
    assert_int_equal(rpc_channel_new(f->world, &o, &f->channel, NULL), 0);
    return f->channel;
}

void order_init(Harrow__Test__Order *order, const char *text)
{
    harrow__test__order__init(order);
    if (text) {
        union {
            const char *in;
            char *out;
        } t = {.in = text};
        order->text = t.out;
    }
}

struct text order_pack(const Harrow__Test__Order *order)
{
    struct text t = TEXT_INIT;
    assert_int_equal(pb_pack(&order->base, &t), 0);
    assert_true(text_ok(&t));
    return t;
}

static const char *path_of(const char *method, char *out, size_t size)
{
    if (method[0] == '/')
        return method;
    snprintf(out, size, "/harrow.test.Test/%s", method);
    return out;
}

void fixture_call(struct fixture *f, const char *method, const Harrow__Test__Order *order,
                  const struct rpc_request *extra, struct fixture_answer *out)
{
    struct rpc_request request = extra ? *extra : (struct rpc_request){.timeout = (uint64_t)(10 * SECOND)};
    char path[128];
    struct text packed = TEXT_INIT;
    request.path = path_of(method, path, sizeof path);
    if (order) {
        packed = order_pack(order);
        request.message = BYTES(text_string(&packed), packed.len);
    }
    request.has_message = true;
    memset(out, 0, sizeof *out);
    struct error err = ERROR_INIT;
    if (rpc_unary_wait(f->world, f->channel, &request, &out->answer, &err) != 0)
        fail_msg("%s: %s", method, err.message);
    text_deinit(&packed);
    if (out->answer.reply.status == GRPC_OK && out->answer.reply.body.data && !request.content_type) {
        ProtobufCMessage *m = NULL;
        assert_int_equal(
            pb_unpack(&harrow__test__answer__descriptor, out->answer.reply.body, &out->answer.arena, &m, NULL), 0);
        out->message = (const void *)m;
    }
}

void fixture_answer_free(struct fixture_answer *a)
{
    rpc_answer_deinit(&a->answer);
}

int fixture_ping(struct fixture *f)
{
    Harrow__Test__Order order;
    order_init(&order, "ping");
    struct fixture_answer a;
    fixture_call(f, "Unary", &order, NULL, &a);
    int status = a.answer.reply.status;
    if (status)
        print_message("ping: %s\n", (const char *)a.answer.reply.message.data);
    fixture_answer_free(&a);
    return status;
}

static void record_headers(void *arg, struct grpc_metadata headers)
{
    struct record *r = arg;
    (void)headers;
    r->headers++;
}

static void record_message(void *arg, struct bytes message)
{
    struct record *r = arg;
    Harrow__Test__Answer *a = harrow__test__answer__unpack(NULL, message.len, message.data);
    assert_non_null(a);
    r->messages++;
    r->bytes += a->payload.len;
    r->index = a->index;
    r->total = a->total;
    snprintf(r->last, sizeof r->last, "%s", a->text);
    harrow__test__answer__free_unpacked(a, NULL);
}

static void record_writable(void *arg)
{
    ((struct record *)arg)->writables++;
}

static void record_finished(void *arg, const struct rpc_reply *reply)
{
    struct record *r = arg;
    r->finished++;
    r->stream = NULL;
    r->status = reply->status;
    r->attempts = reply->attempts;
    snprintf(r->text, sizeof r->text, "%.*s", (int)reply->message.len, (const char *)reply->message.data);
    snprintf(r->peer, sizeof r->peer, "%s", reply->peer);
}

const struct rpc_stream_events record_events = {
    .headers = record_headers, .message = record_message, .writable = record_writable, .finished = record_finished};

void fixture_open(struct fixture *f, struct record *r, const char *method, const Harrow__Test__Order *order,
                  const struct rpc_request *extra)
{
    memset(r, 0, sizeof *r);
    r->status = -1;
    struct rpc_request request = extra ? *extra : (struct rpc_request){.timeout = (uint64_t)(15 * SECOND)};
    char path[128];
    request.path = path_of(method, path, sizeof path);
    struct text packed = TEXT_INIT;
    if (order) {
        packed = order_pack(order);
        request.message = BYTES(text_string(&packed), packed.len);
        request.has_message = true;
    }
    struct error err = ERROR_INIT;
    if (rpc_stream_open(f->channel, &request, &record_events, r, &r->stream, &err) != 0)
        fail_msg("%s: %s", method, err.message);
    text_deinit(&packed);
}

int fixture_send(struct record *r, const Harrow__Test__Order *order)
{
    struct text packed = order_pack(order);
    int rc = rpc_stream_send(r->stream, BYTES(text_string(&packed), packed.len));
    text_deinit(&packed);
    return rc;
}

struct goal {
    const int *value;
    int target;
    const uint64_t *value_u64;
    uint64_t target_u64;
};

static bool reached(void *arg)
{
    const struct goal *g = arg;
    return g->value ? *g->value >= g->target : *g->value_u64 >= g->target_u64;
}

bool fixture_reaches(struct fixture *f, const int *value, int target, uint64_t within)
{
    struct goal g = {.value = value, .target = target};
    return world_run_until(f->world, reached, &g, within) == 0;
}

void fixture_until(struct fixture *f, const int *value, int target)
{
    struct goal g = {.value = value, .target = target};
    int rc = world_run_until(f->world, reached, &g, FIXTURE_LIMIT);
    if (rc)
        fail_msg("waited for %d, have %d: %s", target, *value, error_code_name(rc));
}

void fixture_until_u64(struct fixture *f, const uint64_t *value, uint64_t target)
{
    struct goal g = {.value_u64 = value, .target_u64 = target};
    int rc = world_run_until(f->world, reached, &g, FIXTURE_LIMIT);
    if (rc)
        fail_msg("waited for %llu, have %llu: %s", (unsigned long long)target, (unsigned long long)*value,
                 error_code_name(rc));
}

void fixture_run(struct fixture *f, uint64_t duration)
{
    for (int i = 0; i < FIXTURE_TURNS; i++)
        assert_int_equal(world_sleep(f->world, duration / FIXTURE_TURNS), 0);
}
