/* Calls for outermost programs: they run the loop until the answer is there. */
#include "rpc/channel_internal.h"

#include "grpc/health/v1/health.pb-c.h"

#include <string.h>

#define READY_POLL_FIRST (UINT64_C(2) * 1000000)    /* ns between two questions, doubling */
#define READY_POLL_MAX   (UINT64_C(100) * 1000000)  /* ns */
#define READY_ASK_MAX    (UINT64_C(2) * 1000000000) /* ns one question may take */

struct waiting {
    struct rpc_answer *out;
    bool done, failed;
};

static struct bytes keep(struct rpc_answer *a, struct bytes b, bool *ok)
{
    if (!b.data)
        return BYTES_NONE;
    char *copy = arena_string_n(&a->arena, (const char *)b.data, b.len);
    if (!copy)
        *ok = false;
    return copy ? BYTES(copy, b.len) : BYTES_NONE;
}

static void on_done(void *arg, const struct rpc_reply *reply)
{
    struct waiting *w = arg;
    struct rpc_answer *a = w->out;
    bool ok = true;
    a->reply = *reply;
    a->reply.message = keep(a, reply->message, &ok);
    a->reply.details = keep(a, reply->details, &ok);
    a->reply.body = keep(a, reply->body, &ok);
    a->reply.peer = arena_string(&a->arena, reply->peer);
    if (!a->reply.peer) {
        a->reply.peer = "";
        ok = false;
    }
    if (rpc_metadata_copy(&a->arena, reply->headers, &a->reply.headers) != 0 ||
        rpc_metadata_copy(&a->arena, reply->trailers, &a->reply.trailers) != 0)
        ok = false;
    w->failed = !ok;
    w->done = true;
}

static bool is_done(void *arg)
{
    return ((struct waiting *)arg)->done;
}

int rpc_unary_wait(struct world *w, struct rpc_channel *c, const struct rpc_request *request, struct rpc_answer *out,
                   struct error *err)
{
    memset(out, 0, sizeof *out);
    out->reply.peer = "";
    struct waiting waiting = {.out = out};
    struct rpc_stream *s = NULL;
    int rc = rpc_unary(c, request, on_done, &waiting, &s, err);
    if (rc)
        return rc;
    rc = world_run_until(w, is_done, &waiting, 0);
    if (!waiting.done) {
        stream_forget(s);
        return error_set(err, rc ? rc : ERROR_CLOSED, "the call to %s was not answered: %s", request->path,
                         error_code_name(rc ? rc : ERROR_CLOSED));
    }
    if (waiting.failed) {
        rpc_answer_deinit(out);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return 0;
}

void rpc_answer_deinit(struct rpc_answer *a)
{
    arena_deinit(&a->arena);
    a->reply = (struct rpc_reply){.peer = ""};
}

/* One question. 0: serving. ERROR_UNSUPPORTED: will never say. ERROR_TIMEOUT: not now, `why` says how. */
static int ask(struct world *w, struct rpc_channel *c, const char *service, uint64_t timeout, struct text *why,
               struct error *err)
{
    Grpc__Health__V1__HealthCheckRequest question;
    grpc__health__v1__health_check_request__init(&question);
    union {
        const char *in;
        char *out;
    } name = {.in = service};
    question.service = name.out;
    struct text packed = TEXT_INIT;
    int rc = pb_pack(&question.base, &packed);
    if (rc || !text_ok(&packed)) {
        text_deinit(&packed);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    static const struct rpc_retry never = {.attempts = 1};
    struct rpc_request request = {.path = "/grpc.health.v1.Health/Check",
                                  .timeout = timeout,
                                  .retry = &never,
                                  .message = BYTES(text_string(&packed), packed.len),
                                  .has_message = true};
    struct rpc_answer answer;
    rc = rpc_unary_wait(w, c, &request, &answer, err);
    text_deinit(&packed);
    if (rc)
        return rc;
    /* That time ran out says less than the answer before it. */
    if (answer.reply.status == GRPC_DEADLINE_EXCEEDED && why->len > 0) {
        rpc_answer_deinit(&answer);
        return ERROR_TIMEOUT;
    }
    text_clear(why);
    ProtobufCMessage *m = NULL;
    if (answer.reply.status == GRPC_UNIMPLEMENTED) {
        rc = error_set(err, ERROR_UNSUPPORTED, "%s does not offer grpc.health.v1.Health", answer.reply.peer);
    } else if (answer.reply.status != GRPC_OK) {
        text_printf(why, "%s: %.*s", grpc_status_name(answer.reply.status), (int)answer.reply.message.len,
                    answer.reply.message.data ? (const char *)answer.reply.message.data : "");
        rc = ERROR_TIMEOUT;
    } else if ((rc = pb_unpack(&grpc__health__v1__health_check_response__descriptor, answer.reply.body, &answer.arena,
                               &m, err)) == 0) {
        const Grpc__Health__V1__HealthCheckResponse *response = (const void *)m;
        if (response->status != GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING) {
            text_puts(why, "it says NOT_SERVING");
            rc = ERROR_TIMEOUT;
        }
    }
    rpc_answer_deinit(&answer);
    return rc;
}

int rpc_wait_ready(struct world *w, struct rpc_channel *c, const char *service, uint64_t timeout, struct error *err)
{
    uint64_t start = world_now(w), poll = READY_POLL_FIRST;
    struct text why = TEXT_INIT;
    int rc;
    for (;;) {
        uint64_t spent = world_now(w) - start;
        uint64_t left = timeout > spent ? timeout - spent : 1;
        rpc_channel_reset_backoff(c); /* our own polling is the back-off */
        rc = ask(w, c, service ? service : "", left < READY_ASK_MAX ? left : READY_ASK_MAX, &why, err);
        if (rc != ERROR_TIMEOUT)
            break;
        spent = world_now(w) - start;
        if (spent >= timeout) {
            error_set(err, rc, "not ready in time: %s", text_string(&why));
            break;
        }
        uint64_t rest = timeout - spent;
        rc = world_sleep(w, poll < rest ? poll : rest);
        if (rc) {
            error_set(err, rc, "waiting was cut short: %s", error_code_name(rc));
            break;
        }
        poll = poll * 2 < READY_POLL_MAX ? poll * 2 : READY_POLL_MAX;
    }
    text_deinit(&why);
    return rc;
}
