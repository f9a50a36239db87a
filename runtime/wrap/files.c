/* A folder to be read. By gRPC it speaks store.BlobStore, whose clients there are: Read streams a file, List names
 * them (list.c). Over HTTP it answers GET and HEAD below "/<service>/", which is where the gateway hands requests on; a
 * folder is its index.html. Both judge the caller's token and the rules, the latter for the endpoint Http.Serve. */
#include "proto/store/store.pb-c.h"
#include "runtime/wrap/internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PIECE    ((size_t)64 << 10)
#define INDEX    "index.html"
#define ENDPOINT "Http.Serve" /* what the rules are asked for */

/* ---- Read ------------------------------------------------------------------------------------------------------- */

struct reading {
    struct world_file *file;
    uint64_t at;
};

static void read_end(struct rpc_call *call)
{
    struct reading *r = rpc_call_user(call);
    if (r)
        world_file_close(r->file);
    rpc_call_set_user(call, NULL);
}

static void read_on(struct rpc_call *call, void *wrap)
{
    const struct wrap *s = wrap;
    struct reading *r = rpc_call_user(call);
    uint8_t piece[PIECE];
    while (r && !rpc_call_busy(call)) {
        int64_t n = world_file_pread(r->file, piece, sizeof piece, r->at);
        if (n > 0) {
            Store__BlobReadResponse part = STORE__BLOB_READ_RESPONSE__INIT;
            part.blob = (ProtobufCBinaryData){.data = piece, .len = (size_t)n};
            r->at += (uint64_t)n;
            if (rpc_call_send(call, &part.base) == 0)
                continue;
            n = ERROR_MEMORY;
        }
        read_end(call);
        if (n == 0)
            rpc_call_finish(call, GRPC_OK, "");
        else
            micro_fail(call, n == ERROR_MEMORY ? 507 : 500, s->options->name, "the file cannot be read: %s",
                       error_code_name((int)n));
        return;
    }
}

static void blob_read(struct rpc_call *call, const ProtobufCMessage *message, void *wrap)
{
    const struct wrap *s = wrap;
    const Store__BlobReadRequest *request = (const Store__BlobReadRequest *)(const void *)message;
    struct reading *r = ARENA_NEW(rpc_call_arena(call), struct reading);
    struct world_stat stat = {0};
    const char *path = NULL;
    int rc =
        r ? wrap_file_path(s->world, s->endpoint.path, request->key, rpc_call_arena(call), &path, &stat) : ERROR_MEMORY;
    if (rc == 0 && stat.directory)
        rc = ERROR_NOT_FOUND;
    if (rc == 0)
        rc = world_file_open(s->world, path, WORLD_READ, &r->file, NULL);
    if (rc == ERROR_LIMIT) {
        micro_fail(call, 400, s->options->name, "a file's name has at most %d bytes and %d parts", WRAP_NAME_MAX,
                   WRAP_PARTS_MAX);
    } else if (rc == ERROR_INVALID) {
        micro_fail(call, 400, s->options->name, "\"%.80s\" is no name of a file: expected a path below the folder",
                   request->key);
    } else if (rc == ERROR_NOT_FOUND) {
        micro_fail(call, 404, s->options->name, "there is no file \"%.80s\"", request->key);
    } else if (rc) {
        micro_fail(call,
                   rc == ERROR_MEMORY   ? 507
                   : rc == ERROR_DENIED ? 403
                                        : 500,
                   s->options->name, "\"%.80s\" cannot be read: %s", request->key, error_code_name(rc));
    } else {
        rpc_call_set_user(call, r);
        read_on(call, wrap);
    }
}

static void read_cancelled(struct rpc_call *call, void *wrap)
{
    (void)wrap;
    read_end(call);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static const struct rpc_method methods[] = {{.name = "Read",
                                             .input = &store__blob_read_request__descriptor,
                                             .output = &store__blob_read_response__descriptor,
                                             .unary = blob_read,
                                             .cancelled = read_cancelled,
                                             .writable = read_on},
                                            {.name = "List",
                                             .input = &store__blob_list_request__descriptor,
                                             .output = &store__blob_list_response__descriptor,
                                             .unary = wrap_list}};
const struct rpc_service wrap_files_service = {"store.BlobStore", methods, sizeof methods / sizeof methods[0]};

/* ---- HTTP ------------------------------------------------------------------------------------------------------- */

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"xml", "application/xml"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"ico", "image/x-icon"},
        {"pdf", "application/pdf"},
        {"wasm", "application/wasm"},
        {"woff2", "font/woff2"},
        {"zip", "application/zip"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && !strchr(dot, '/') && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static void say(struct http_exchange *x, int status)
{
    char line[80];
    int n = snprintf(line, sizeof line, "%d %s\n", status, http1_reason(status));
    http_respond(x, status, "text/plain; charset=utf-8", BYTES(line, (size_t)n));
}

/* Bearer, or the browser's cookie, both of which the gateway hands on. */
static const char *token_of(struct http_exchange *x)
{
    static const char cookie[] = "micro-token=";
    const char *header = http_request_header(x, "authorization"), *cookies = http_request_header(x, "cookie");
    if (header && strncasecmp(header, "Bearer ", 7) == 0)
        return header + 7;
    for (const char *c = cookies; c && *c; c += strcspn(c, ";")) {
        c += strspn(c, "; ");
        if (strncmp(c, cookie, sizeof cookie - 1) == 0) {
            c += sizeof cookie - 1;
            return arena_string_n(http_arena(x), c, strcspn(c, ";"));
        }
    }
    return NULL;
}

/* 0, or the status to answer with. */
static int judge(const struct wrap *s, struct http_exchange *x, const struct micro_account **account)
{
    const char *token = token_of(x);
    struct error err = ERROR_INIT;
    int rc = micro_service_account(s->service, token, http_arena(x), account, &err);
    error_clear(&err);
    if (rc)
        return rc == ERROR_DENIED ? 401 : 503;
    return wrap_judge(s, *account, ENDPOINT);
}

/* A file on its way; in its exchange's arena, and in the wrapper's list, for who may read it may not for ever. */
struct sending {
    struct http_exchange *x;
    const struct micro_account *account; /* NULL: nobody in particular */
    struct world_file *file;
    uint64_t at;
    struct sending *next, **back;
};

static void send_end(void *arg, int status)
{
    struct sending *g = arg;
    (void)status;
    world_file_close(g->file);
    *g->back = g->next;
    if (g->next)
        g->next->back = g->back;
}

/* Cut short, so that nobody takes what came for the whole. No other one ends by that. */
void wrap_files_judge(void *wrap)
{
    const struct wrap *s = wrap;
    for (struct sending *g = s->sendings, *next; g; g = next) {
        next = g->next;
        if (micro_service_account_ended(s->service, g->account) || wrap_judge(s, g->account, ENDPOINT) != 0)
            http_abort(g->x);
    }
}

static void send_on(void *arg)
{
    struct sending *g = arg;
    uint8_t piece[PIECE];
    while (http_queued(g->x) <= WORLD_WRITE_HIGH) {
        int64_t n = world_file_pread(g->file, piece, sizeof piece, g->at);
        if (n <= 0) {
            if (n == 0)
                http_finish(g->x);
            else
                http_abort(g->x);
            return;
        }
        g->at += (uint64_t)n;
        http_write(g->x, BYTES(piece, (size_t)n));
    }
}

static void send_gone(void *arg)
{
    struct sending *g = arg;
    http_finish(g->x);
}

/* "/site/a/b" is "a/b" of the service "site"; a folder is its index. */
static int find(const struct wrap *s, struct http_exchange *x, const char **path)
{
    const char *name = http_path(x);
    size_t len = strlen(s->options->name), end;
    struct world_stat stat = {0};
    struct arena *a = http_arena(x);
    if (name[0] != '/' || strncmp(name + 1, s->options->name, len) != 0 || (name[1 + len] && name[1 + len] != '/'))
        return ERROR_NOT_FOUND;
    name += 1 + len + (name[1 + len] == '/');
    for (end = strlen(name); end > 0 && name[end - 1] == '/'; end--) {
    }
    const char *plain = arena_string_n(a, name, end);
    if (!plain)
        return ERROR_MEMORY;
    int rc = end == 0 ? wrap_file_path(s->world, s->endpoint.path, INDEX, a, path, &stat)
                      : wrap_file_path(s->world, s->endpoint.path, plain, a, path, &stat);
    if (rc == 0 && stat.directory) {
        const char *index = arena_printf(a, "%s/%s", plain, INDEX);
        rc = index ? wrap_file_path(s->world, s->endpoint.path, index, a, path, &stat) : ERROR_MEMORY;
    }
    return rc == 0 && stat.directory ? ERROR_NOT_FOUND : rc;
}

void wrap_files_http(void *wrap, struct http_exchange *x)
{
    struct wrap *s = wrap;
    const struct micro_account *account = NULL;
    const char *path = NULL;
    bool head = strcmp(http_method(x), "HEAD") == 0;
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    if (!head && strcmp(http_method(x), "GET") != 0) {
        http_add_header(x, "Allow", "GET, HEAD");
        say(x, 405);
        return;
    }
    int status = judge(s, x, &account);
    if (status) {
        say(x, status);
        return;
    }
    struct sending *g = ARENA_NEW(http_arena(x), struct sending);
    int rc = g ? find(s, x, &path) : ERROR_MEMORY;
    if (rc == 0)
        rc = world_file_open(s->world, path, WORLD_READ, &g->file, NULL);
    if (rc) {
        say(x, rc == ERROR_MEMORY ? 503 : rc == ERROR_DENIED ? 403 : 404);
        return;
    }
    g->x = x;
    g->account = account;
    g->next = s->sendings;
    g->back = &s->sendings;
    if (g->next)
        g->next->back = &g->next;
    s->sendings = g;
    http_on_end(x, send_end, g);
    http_add_header(x, "Cache-Control", "no-cache");
    http_begin(x, 200, type_of(path));
    if (head) {
        http_finish(x);
        return;
    }
    http_on_cancel(x, send_gone, g);
    http_on_drained(x, send_on, g);
    send_on(g);
}
