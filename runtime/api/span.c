/* A request as a span: what the gateway calls for it belongs to its trace and has it as its parent. Kept are requests
 * whose target is known; floods of others would only push those out of the ring that Debug.Trace shows. */
#include "runtime/api/passage.h"

#include <stdio.h>
#include <string.h>

void span_path(const struct passage *p, char out[API_GRPC_MAX])
{
    if (p->target.endpoint[0])
        api_path_grpc(&p->target, out);
    else /* handler http knows no endpoints */
        (void)snprintf(out, API_GRPC_MAX, "/%s/%s", p->target.service, http_method(p->x));
}

static void exchange_ended(void *arg, int status)
{
    struct passage *p = arg;
    char path[API_GRPC_MAX];
    grant_close(&p->grant);
    if (p->told_elsewhere)
        return;
    int outcome = p->outcome;
    if (outcome == GRPC_OK && status == 0)
        outcome = GRPC_CANCELLED; /* nobody waited for the answer */
    else if (outcome == GRPC_OK && status >= 400)
        outcome = micro_code_to_grpc(status);
    span_path(p, path);
    micro_inbound_end(p->gateway->service, &p->span, path, outcome);
}

void span_begin(struct passage *p)
{
    const char *trace = http_request_header(p->x, "micro-trace-id");
    /* A trace begins here unless the client brings one. */
    micro_inbound_begin(p->gateway->service, &p->span, trace && trace[0] ? trace : p->request_id,
                        http_request_header(p->x, "micro-span-id"));
    http_add_header(p->x, "Micro-Trace-Id", p->span.trace);
    http_on_end(p->x, exchange_ended, p);
}
