#include "base/test.h"

#include "tests/system/fuzz_door.h"

#include "base/log.h"
#include "base/units.h"
#include "fuzz/case/links.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_keys.h"
#include "wire/grpc.h"

#include <string.h>

#define BOOT_LIMIT  ((uint64_t)(30 * SECOND)) /* virtual, as all times here */
#define CALL_LIMIT  ((uint64_t)(10 * SECOND)) /* until an awaited call counts as not answered */
#define ADMIN       "correct-horse-battery"
#define CALLS_MAX   32
#define HEADERS_MAX 8

static void no_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static const char *bearer(struct fuzz_micro *m, const char *id, const char *namespace, const char *scope)
{
    const char *token = sim_micro_token(m->micro, &m->arena, id, "user", namespace, scope, 365 * 24 * 3600);
    assert_non_null(token);
    const char *header = arena_printf(&m->arena, "Bearer %s", token);
    assert_non_null(header);
    return header;
}

void fuzz_micro_init(struct fuzz_micro *m, struct pb_pool *pool, uint64_t seed)
{
    const struct sim_micro_options options = {
        .private_key = sim_private_key, .public_key = sim_public_key, .admin_secret = ADMIN};
    struct error err = ERROR_INIT;
    log_set_sink(no_line, NULL);
    *m = (struct fuzz_micro){.sim = sim_new(&(struct sim_options){.seed = seed}), .pool = pool};
    assert_non_null(m->sim);
    m->world = sim_node(m->sim, "client");
    assert_int_equal(sim_micro_new(m->sim, "client", &options, &m->micro, NULL), 0);
    if (sim_micro_boot(m->micro, BOOT_LIMIT, &err) != 0)
        fail_msg("micro does not boot: %s", err.message ? err.message : "?");
    m->token = bearer(m, "fuzzer", "micro", "admin");
    m->other = bearer(m, "stranger", "elsewhere", "admin");
}

void fuzz_micro_deinit(struct fuzz_micro *m)
{
    for (size_t i = 0; i < m->door_count; i++)
        rpc_channel_free(m->doors[i].channel);
    sim_micro_free(m->micro);
    sim_free(m->sim);
    arena_deinit(&m->arena);
    log_set_sink(NULL, NULL);
}

const char *fuzz_micro_component(const struct pb_method *method)
{
    for (const struct component *c = components; c->name; c++)
        for (const char *const *s = c->services; s && *s; s++)
            if (strcmp(*s, method->service->full_name) == 0)
                return c->name;
    return NULL;
}

struct rpc_channel *fuzz_micro_channel(struct fuzz_micro *m, const struct pb_method *method)
{
    const char *component = fuzz_micro_component(method);
    if (component == NULL)
        return NULL;
    for (size_t i = 0; i < m->door_count; i++)
        if (m->doors[i].component == component)
            return m->doors[i].channel;
    assert_true(m->door_count < FUZZ_DOOR_CHANNELS_MAX);
    sim_micro_address(component, m->doors[m->door_count].address);
    m->doors[m->door_count].component = component;
    const struct rpc_channel_options options = {.addresses = m->doors[m->door_count].address};
    assert_int_equal(rpc_channel_new(m->world, &options, &m->doors[m->door_count].channel, NULL), 0);
    return m->doors[m->door_count++].channel;
}

/* ---- a case ---- */

struct running;
struct call {
    struct running *running;
    uint32_t number;
    struct rpc_stream *stream; /* NULL: not opened, or over */
    bool finished, opened;
    struct grpc_header headers[HEADERS_MAX];
    size_t header_count;
    uint64_t deadline;
};
struct running {
    struct fuzz_micro *micro;
    const struct fuzz_case *test;
    struct fuzz_trace *trace;
    struct call calls[CALLS_MAX];
    uint32_t count;
};

static void on_message(void *arg, struct bytes message)
{
    struct call *c = arg;
    struct fuzz_trace *t = c->running->trace;
    struct trace_call *of = &t->calls.items[c->number];
    struct trace_reply reply = {.call = c->number, .body = fuzz_trace_keep(t, message)};
    reply.broken = pb_scan(of->method->output->descriptor, message, NULL) != 0;
    if (of->replies++ == 0)
        of->first_reply = (uint32_t)t->replies.count;
    assert_true(array_push(&t->replies, reply));
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *c = arg;
    struct trace_call *of = &c->running->trace->calls.items[c->number];
    c->finished = true;
    c->stream = NULL;
    of->status = reply->status;
    of->duration = reply->duration;
    of->text = fuzz_trace_keep(c->running->trace, reply->message);
    of->detail = fuzz_trace_keep(c->running->trace, reply->details);
}

static void open_call(struct running *r, uint32_t event)
{
    const struct fuzz_event *e = &r->test->events.items[event];
    struct call *c = &r->calls[r->count];
    const struct pb_method *method = fuzz_case_method(r->test, r->count, r->micro->pool);
    *c = (struct call){.running = r, .number = r->count++, .deadline = e->number};
    struct trace_call of = {.method = method,
                            .event = event,
                            .status = TRACE_NO_STATUS,
                            .without_token = (e->flags & EVENT_NO_TOKEN) != 0,
                            .other_tenant = (e->flags & EVENT_OTHER_TENANT) != 0,
                            .started = world_now(r->micro->world)};
    const char *token = of.without_token ? NULL : of.other_tenant ? r->micro->other : r->micro->token;
    if (token)
        c->headers[c->header_count++] = (struct grpc_header){bytes_of("authorization"), bytes_of(token)};
    assert_true(array_push(&r->trace->calls, of));
}

/* With the first message, so that metadata events behind the call's come along. */
static void begin(struct running *r, struct call *c)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    const struct pb_method *m = r->trace->calls.items[c->number].method;
    struct rpc_channel *channel = m ? fuzz_micro_channel(r->micro, m) : NULL;
    if (c->opened || channel == NULL)
        return;
    c->opened = true;
    const struct rpc_request request = {
        .path = m->path, .metadata = {c->headers, c->header_count}, .timeout = c->deadline, .wait_for_ready = true};
    assert_int_equal(rpc_stream_open(channel, &request, &events, c, &c->stream, NULL), 0);
}

static bool is_finished(void *arg)
{
    const struct call *c = arg;
    return c->finished;
}

static void await(struct running *r, struct call *c)
{
    if (c->opened && !c->finished && world_run_until(r->micro->world, is_finished, c, CALL_LIMIT) != 0) {
        struct trace_call *of = &r->trace->calls.items[c->number];
        bool stream = of->method->server_streaming;
        of->ended_by_us = true;
        of->timed_out = !stream;
        rpc_stream_cancel(c->stream);
        assert_int_equal(world_run_until(r->micro->world, is_finished, c, CALL_LIMIT), 0);
        of->status = TRACE_NO_STATUS;
    }
}

static void send_message(struct running *r, struct call *c, size_t event)
{
    struct text message = TEXT_INIT;
    assert_true(fuzz_links_apply(r->test, event, r->trace, &message) >= 0);
    begin(r, c);
    if (c->stream)
        (void)rpc_stream_send(c->stream, text_bytes(&message));
    text_deinit(&message);
}

static void step(struct running *r, size_t event)
{
    const struct fuzz_event *e = &r->test->events.items[event];
    struct call *c = e->call < r->count ? &r->calls[e->call] : NULL;
    switch (e->kind) {
    case EVENT_CALL:
        assert_true(r->count < CALLS_MAX);
        open_call(r, (uint32_t)event);
        break;
    case EVENT_MESSAGE:
        if (c)
            send_message(r, c, event);
        break;
    case EVENT_HALF_CLOSE:
        if (c)
            begin(r, c);
        if (c && c->stream)
            (void)rpc_stream_half_close(c->stream);
        break;
    case EVENT_AWAIT:
        if (c)
            await(r, c);
        break;
    case EVENT_TIME:
        assert_int_equal(world_sleep(r->micro->world, e->number), 0);
        break;
    default:
        break; /* links are carried out with their message; the rest is not for this door */
    }
}

void fuzz_micro_run(struct fuzz_micro *m, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct running r = {.micro = m, .test = c, .trace = t};
    fuzz_trace_clear(t);
    for (size_t i = 0; i < c->events.count; i++)
        step(&r, i);
    for (uint32_t i = 0; i < r.count; i++) {
        struct call *call = &r.calls[i];
        if (!call->stream)
            continue;
        t->calls.items[i].ended_by_us = true;
        rpc_stream_cancel(call->stream);
        assert_int_equal(world_run_until(m->world, is_finished, call, CALL_LIMIT), 0);
        t->calls.items[i].status = TRACE_NO_STATUS;
    }
}
