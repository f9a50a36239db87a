#include "fakes/serve/http.h"

#include "base/units.h"

#include <ctype.h>
#include <jansson.h>

#define SEGMENTS_MAX 16 /* of a path */

/* ---- errors ----------------------------------------------------------------------------------------------------- */

int http_status_of(int status)
{
    static const int codes[] = {
        [GRPC_OK] = 200,
        [GRPC_CANCELLED] = 499,
        [GRPC_UNKNOWN] = 500,
        [GRPC_INVALID_ARGUMENT] = 400,
        [GRPC_DEADLINE_EXCEEDED] = 504,
        [GRPC_NOT_FOUND] = 404,
        [GRPC_ALREADY_EXISTS] = 409,
        [GRPC_PERMISSION_DENIED] = 403,
        [GRPC_RESOURCE_EXHAUSTED] = 429,
        [GRPC_FAILED_PRECONDITION] = 412,
        [GRPC_ABORTED] = 409,
        [GRPC_OUT_OF_RANGE] = 400,
        [GRPC_UNIMPLEMENTED] = 501,
        [GRPC_INTERNAL] = 500,
        [GRPC_UNAVAILABLE] = 503,
        [GRPC_DATA_LOSS] = 500,
        [GRPC_UNAUTHENTICATED] = 401,
    };
    return status >= 0 && (size_t)status < sizeof codes / sizeof *codes && codes[status] != 499 ? codes[status] : 500;
}

/* The code of an error that is Micro's JSON already; 0: it is not. */
static int code_within(struct bytes message)
{
    json_int_t code = 0;
    json_t *tree = message.len > 0 && message.data[0] == '{'
                       ? json_loadb((const char *)message.data, message.len, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    if (tree != NULL && json_is_string(json_object_get(tree, "id")))
        code = json_integer_value(json_object_get(tree, "code"));
    json_decref(tree);
    return code >= 400 && code <= 599 ? (int)code : 0;
}

int http_error_json(int status, struct bytes message, struct text *out)
{
    int code = code_within(message);
    if (code != 0) {
        text_add(out, message.data, message.len);
        return code;
    }
    code = http_status_of(status);
    text_puts(out, "{\"id\":\"go.micro.api\",\"code\":");
    text_printf(out, "%d,\"detail\":\"", code);
    if (message.len > 0)
        text_json(out, (const char *)message.data, message.len);
    else
        text_puts(out, grpc_status_name(status));
    text_printf(out, "\",\"status\":\"%s\"}", http1_reason(code));
    return code;
}

/* ---- from a path to a method ------------------------------------------------------------------------------------ */

/* "baz-qux" to "BazQux". */
static void put_camel(struct text *out, const char *word, size_t len)
{
    bool upper = true;
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '-') {
            upper = true;
            continue;
        }
        text_char(out, upper ? (char)toupper((unsigned char)word[i]) : word[i]);
        upper = false;
    }
}

/* Micro's: the service is all but the last two parts, or the first when there are no more than two; the last two are
 * type and method. A first part like "v1" belongs to the service. */
static void micro_key(const char *path, struct text *key)
{
    const char *parts[SEGMENTS_MAX];
    size_t lengths[SEGMENTS_MAX], n = 0;
    for (const char *at = path; *at != '\0' && n < SEGMENTS_MAX;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len > 0) {
            parts[n] = at;
            lengths[n++] = len;
        }
        at += len;
    }
    if (n == 0)
        return;
    bool version = n == 3 && parts[0][0] == 'v' && isdigit((unsigned char)parts[0][1]);
    size_t service = n <= 2 ? 1 : version ? 2 : n == 3 ? 1 : n - 2;
    for (size_t i = 0; i < service; i++) {
        text_add(key, parts[i], lengths[i]);
        text_char(key, '.');
    }
    put_camel(key, parts[n <= 2 ? 0 : n - 2], lengths[n <= 2 ? 0 : n - 2]);
    text_char(key, '/');
    if (n == 1)
        text_puts(key, "Call");
    else
        put_camel(key, parts[n - 1], lengths[n - 1]);
}

struct served_method *http_find(struct fake_server *s, const char *path, struct text *why)
{
    struct text key = TEXT_INIT;
    const char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL;
    struct served_method *m = slash != NULL && strchr(slash + 1, '/') == NULL ? server_method(s, path + 1) : NULL;
    if (m == NULL) {
        micro_key(path, &key);
        m = server_method(s, text_string(&key));
    }
    if (m == NULL && why != NULL)
        (void)served_find(s, slash != NULL && memchr(path, '.', (size_t)(slash - path)) ? path : text_string(&key),
                          why);
    text_deinit(&key);
    return m;
}

/* ---- metadata --------------------------------------------------------------------------------------------------- */

struct grpc_metadata http_metadata(struct http_exchange *x, struct rpc_header_list *list)
{
    static const char *const own[] = {"host", "connection", "content-length", "transfer-encoding", "te", "upgrade"};
    const struct http1_head *head = http_head(x);
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http1_header *h = &head->headers[i];
        bool left_out = false;
        for (size_t k = 0; k < sizeof own / sizeof *own; k++)
            left_out = left_out || http1_header_is(h, own[k]);
        if (!left_out) /* what there is no memory for is not seen by the double */
            (void)rpc_header_list_add(list, http_arena(x), (const char *)h->name.data, h->value);
    }
    return (struct grpc_metadata){.items = list->items, .count = list->count};
}

int http_timeout(struct http_exchange *x, uint64_t *out)
{
    const char *plain = http_request_header(x, "timeout"), *grpc = http_request_header(x, "grpc-timeout");
    int64_t ns = 0;
    *out = 0;
    if (grpc != NULL)
        return grpc_timeout_parse(bytes_of(grpc), out);
    if (plain == NULL)
        return 0;
    if (units_parse_duration(plain, &ns, NULL) != 0 || ns <= 0)
        return ERROR_INVALID;
    *out = (uint64_t)ns;
    return 0;
}
