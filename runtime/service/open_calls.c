/* Streams that stay open are judged again whenever auth's policy changes: a rule, a revoked account, a key. Those that
 * would be refused now are ended with 401 or 403, and their handlers hear `cancelled`, as when the client goes away.
 *
 * Calls of one request and one answer that are under way may finish. So may streams whose token's own time ran out:
 * many clients, v3's among them, cannot show a new one on a stream that stands, and would lose their place every few
 * minutes. What ends them is what ends the account.
 *
 * The servers' own lists of calls are walked, so that a call costs nothing while the policy stays as it is. What a
 * relay passes on is judged by the service it goes to; where there is none behind it (config.fallback_ends_here) every
 * such call is ended, for nobody knows which of them stream. */
#include "runtime/service/internal.h"

/* The full proto name of the service the call was routed to; NULL: not one with a contract. */
static const char *contract_of(const struct micro_service *s, const struct rpc_call *call)
{
    const struct rpc_method *method = rpc_call_route(call);
    for (size_t i = 0; method && i < s->added.count; i++) {
        const struct rpc_service *service = s->added.items[i];
        for (size_t k = 0; k < service->method_count; k++)
            if (&service->methods[k] == method)
                return service->name;
    }
    return NULL;
}

static bool is_stream(const struct micro_service *s, const struct rpc_call *call)
{
    const char *service = contract_of(s, call);
    if (!service)
        return s->config.fallback_ends_here && !rpc_call_route(call);
    struct micro_streams streams = micro_schema_streams(s, service, rpc_call_route(call)->name);
    return streams.client || streams.server;
}

static void judge(void *arg, struct rpc_call *call)
{
    struct micro_service *s = arg;
    struct text why = TEXT_INIT, words = TEXT_INIT;
    int code = micro_guard_again(s, call, &why);
    if (code && is_stream(s, call)) {
        micro_error_json(&words, code, s->config.name, text_string(&why));
        micro_log(s, LOG_INFO, "%s was ended: %s", rpc_call_path(call), text_string(&why));
        rpc_call_abort(call, micro_code_to_grpc(code), text_string(&words));
    }
    text_deinit(&words);
    text_deinit(&why);
}

void micro_open_calls_judge(struct micro_service *s)
{
    rpc_server_each_call(s->server, judge, s);
    if (s->door)
        rpc_server_each_call(s->door, judge, s);
}

void micro_service_set_door(struct micro_service *s, struct rpc_server *door)
{
    s->door = door;
}
