/* Calls whose messages are answered one after another: while one is under way the caller is held up, so that no more
 * than one message of a call is in memory, and nothing of a stream is answered out of order. */
#include "runtime/wrap/internal.h"

#include <stdarg.h>
#include <string.h>

static void let_go(struct wrap_call *c)
{
    c->wrap->calls--;
    rpc_call_set_user(c->call, NULL);
}

void wrap_answer(struct wrap_call *c, struct bytes message)
{
    struct rpc_call *call = c->call;
    c->work = NULL;
    int rc = rpc_call_send_bytes(call, message);
    if (rc && rc != ERROR_CANCELLED) {
        let_go(c);
        micro_fail(call, 507, c->wrap->options->name, "the answer cannot be sent: %s", error_code_name(rc));
    } else if (c->half_closed) {
        let_go(c);
        rpc_call_finish(call, GRPC_OK, "");
    } else if (!rpc_call_busy(call)) {
        rpc_call_resume(call);
    }
}

void wrap_fail(struct wrap_call *c, int code, const char *format, ...)
{
    struct rpc_call *call = c->call;
    struct text words = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&words, format, args);
    va_end(args);
    c->work = NULL;
    let_go(c);
    micro_fail(call, code, c->wrap->options->name, "%s", text_string(&words));
    text_deinit(&words);
}

uint64_t wrap_time_left(const struct wrap_call *c)
{
    uint64_t now = world_now(c->wrap->world), deadline = rpc_call_deadline(c->call), limit = c->wrap->timeout;
    if (deadline == UINT64_MAX)
        return limit;
    uint64_t left = deadline > now ? deadline - now : 1;
    return left < limit ? left : limit;
}

const char *wrap_method(const struct wrap_call *c)
{
    const char *service = rpc_call_service(c->call), *dot = strrchr(service, '.');
    return arena_printf(rpc_call_arena(c->call), "%s.%s", dot ? dot + 1 : service, rpc_call_method(c->call));
}

int wrap_judge(const struct wrap *s, const struct micro_account *account, const char *endpoint)
{
    const char *namespace = s->options->namespace;
    switch (micro_service_judge(s->service, namespace && namespace[0] ? namespace : MICRO_NAMESPACE, account, "service",
                                s->options->name, endpoint)) {
    case MICRO_GRANTED:
        return 0;
    case MICRO_REFUSED:
        return account ? 403 : 401;
    case MICRO_NOT_KNOWN:
        return 503;
    }
    return 503;
}

static void on_open(struct rpc_call *call, void *arg)
{
    struct wrap *s = arg;
    struct wrap_call *c = s->calls < WRAP_CALLS_MAX ? ARENA_NEW(rpc_call_arena(call), struct wrap_call) : NULL;
    if (!c) {
        micro_fail(call, 503, s->options->name, "too many calls are under way, try again later");
        return;
    }
    *c = (struct wrap_call){.wrap = s, .call = call};
    s->calls++;
    rpc_call_set_user(call, c);
}

static void on_message(struct rpc_call *call, struct bytes message, void *arg)
{
    struct wrap_call *c = rpc_call_user(call);
    (void)arg;
    if (!c)
        return;
    rpc_call_pause(call);
    c->wrap->backend->begin(c, message);
}

static void on_half_closed(struct rpc_call *call, void *arg)
{
    struct wrap_call *c = rpc_call_user(call);
    (void)arg;
    if (!c)
        return;
    c->half_closed = true;
    if (!c->work) {
        let_go(c);
        rpc_call_finish(call, GRPC_OK, "");
    }
}

static void on_cancelled(struct rpc_call *call, void *arg)
{
    struct wrap_call *c = rpc_call_user(call);
    (void)arg;
    if (c) {
        if (c->work)
            c->wrap->backend->cancel(c);
        let_go(c);
    }
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void on_writable(struct rpc_call *call, void *arg)
{
    const struct wrap_call *c = rpc_call_user(call);
    (void)arg;
    if (c && !c->work)
        rpc_call_resume(call);
}

const struct rpc_handler wrap_handler = {.open = on_open,
                                         .message = on_message,
                                         .half_closed = on_half_closed,
                                         .cancelled = on_cancelled,
                                         .writable = on_writable};
