#include "chaos/workload/gateway_call.h"

#include <string.h>

/* "/store.Store/Write" is /store/Store/Write there. */
static void write_url(const struct target *t, const char *path, struct text *out)
{
    text_puts(out, t->gateway);
    for (const char *p = path; *p != '\0'; p++)
        text_char(out, *p == '.' ? '/' : *p);
}

int gateway_call_start(struct target *t, const char *path, struct bytes message, uint64_t timeout,
                       void (*done)(void *arg, struct http_answer *answer, struct error *err), void *arg,
                       struct http_client_call **out)
{
    struct grpc_metadata metadata = target_metadata(t);
    struct http1_header headers[TARGET_HEADERS_MAX + 1] = {
        {bytes_of("Content-Type"), bytes_of("application/protobuf")}};
    struct http_fetch fetch = {.method = "POST", .headers = headers, .body = message, .timeout = timeout};
    struct text url = TEXT_INIT;
    if (t->gateway == NULL)
        return ERROR_UNSUPPORTED;
    write_url(t, path, &url);
    for (size_t i = 0; i < metadata.count; i++)
        headers[i + 1] = (struct http1_header){metadata.items[i].name, metadata.items[i].value};
    fetch.header_count = metadata.count + 1;
    fetch.url = text_string(&url);
    int code = text_ok(&url) ? http_fetch_start(t->world, &fetch, done, arg, out, NULL) : ERROR_MEMORY;
    text_deinit(&url);
    return code;
}

/* docs/gateway.md, the other way round. */
static int status_of(int http)
{
    static const struct {
        int http, grpc;
    } table[] = {{200, GRPC_OK},
                 {204, GRPC_OK},
                 {400, GRPC_INVALID_ARGUMENT},
                 {401, GRPC_UNAUTHENTICATED},
                 {403, GRPC_PERMISSION_DENIED},
                 {404, GRPC_NOT_FOUND},
                 {409, GRPC_ABORTED},
                 {412, GRPC_FAILED_PRECONDITION},
                 {429, GRPC_RESOURCE_EXHAUSTED},
                 {501, GRPC_UNIMPLEMENTED},
                 {503, GRPC_UNAVAILABLE},
                 {504, GRPC_DEADLINE_EXCEEDED}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].http == http)
            return table[i].grpc;
    return GRPC_INTERNAL;
}

void gateway_call_reply(const struct http_answer *answer, const struct error *err, struct rpc_reply *out)
{
    bool refused = answer->status == 0 && err->code == ERROR_REFUSED;
    *out = (struct rpc_reply){.status = answer->status == 0 ? GRPC_UNAVAILABLE : status_of(answer->status),
                              .peer = refused ? "" : "gateway", /* by whom it may have been seen */
                              .attempts = 1,
                              .duration = answer->duration,
                              .lost = answer->status == 0,
                              .unseen = refused};
    if (out->status == GRPC_OK)
        out->body = answer->body.data != NULL ? answer->body : BYTES("", 0);
}
