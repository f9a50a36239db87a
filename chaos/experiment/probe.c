#include "chaos/experiment/probe.h"

#include "base/units.h"

#include <stdlib.h>

#define PROBE_TIMEOUT ((uint64_t)SECOND)
#define PROBE_EVERY   ((uint64_t)(5 * MILLISECOND))
#define HEALTH_CHECK  "/grpc.health.v1.Health/Check"

static void ask(void *arg);

static void heard(struct probe *p, bool answers)
{
    if (p->stopped) {
        free(p);
        return;
    }
    uint64_t now = world_now(p->target->world);
    if (!answers && p->failed == 0)
        p->failed = now;
    if (answers && p->answered == 0 && p->asked >= p->not_before)
        p->answered = now;
    world_timer_start(&p->next, PROBE_EVERY);
}

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    /* HealthCheckResponse { SERVING }: field 1, varint 1. */
    static const uint8_t serving[] = {0x08, 0x01};
    struct probe *p = arg;
    p->call = NULL;
    heard(p, reply->status == GRPC_OK && bytes_equal(reply->body, BYTES(serving, sizeof serving)));
}

static void on_answer(void *arg, struct http_answer *answer, struct error *err)
{
    struct probe *p = arg;
    (void)err;
    p->fetch = NULL;
    bool answers = answer->status > 0 && answer->status < 500;
    http_answer_deinit(answer);
    heard(p, answers);
}

static void on_checked(void *arg, bool answers)
{
    struct probe *p = arg;
    p->check = NULL;
    heard(p, answers);
}

static void ask(void *arg)
{
    struct probe *p = arg;
    struct target *t = p->target;
    const struct target_component *c = p->component;
    int code = 0;
    p->asked = world_now(t->world);
    if (c->address != NULL) {
        struct rpc_channel *channel = NULL;
        const struct rpc_request request = {
            .path = HEALTH_CHECK, .timeout = PROBE_TIMEOUT, .has_message = true, .metadata = target_metadata(t)};
        code = target_channel(t, c, &channel, NULL);
        if (code == 0) {
            rpc_channel_reset_backoff(channel);
            code = rpc_unary(channel, &request, on_reply, p, &p->call, NULL);
        }
    } else if (c->http != NULL) {
        const struct http_fetch fetch = {.method = "GET", .url = c->http, .timeout = PROBE_TIMEOUT};
        code = http_fetch_start(t->world, &fetch, on_answer, p, &p->fetch, NULL);
    } else if (c->tcp.address != NULL) {
        code = tcp_check_start(t->world, &c->tcp, PROBE_TIMEOUT, on_checked, p, &p->check, NULL);
    } else {
        heard(p, t->operations->alive(t, c->name));
    }
    if (code != 0)
        heard(p, false);
}

struct probe *probe_start(struct target *t, const struct target_component *c, uint64_t not_before)
{
    struct probe *p = malloc(sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct probe){.target = t, .component = c, .not_before = not_before};
    world_timer_init(&p->next, t->world, ask, p);
    ask(p);
    return p;
}

void probe_mark(struct probe *p)
{
    p->not_before = world_now(p->target->world);
    p->answered = 0;
}

void probe_stop(struct probe *p)
{
    if (p == NULL)
        return;
    p->stopped = true;
    world_timer_stop(&p->next);
    http_fetch_cancel(p->fetch);
    tcp_check_cancel(p->check);
    if (p->call != NULL)
        rpc_stream_cancel(p->call); /* on_reply() frees */
    else
        free(p);
}
