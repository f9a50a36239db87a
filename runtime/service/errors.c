/* Micro's errors on the wire: the JSON form stands in grpc-message, the protobuf form is the one detail of the
 * google.rpc.Status in grpc-status-details-bin (fields: 1 code, 2 message, 3 details, each an Any). */
#include "proto/errors/errors.pb-c.h"
#include "runtime/service/internal.h"
#include "wire/pb.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    int code, grpc;
    const char *text;
} codes[] = {
    {200, GRPC_OK, "OK"},
    {400, GRPC_INVALID_ARGUMENT, "Bad Request"},
    {401, GRPC_UNAUTHENTICATED, "Unauthorized"},
    {403, GRPC_PERMISSION_DENIED, "Forbidden"},
    {404, GRPC_NOT_FOUND, "Not Found"},
    {405, GRPC_UNKNOWN, "Method Not Allowed"},
    {408, GRPC_DEADLINE_EXCEEDED, "Request Timeout"},
    {409, GRPC_ALREADY_EXISTS, "Conflict"},
    {412, GRPC_FAILED_PRECONDITION, "Precondition Failed"},
    {413, GRPC_RESOURCE_EXHAUSTED, "Payload Too Large"},
    {429, GRPC_RESOURCE_EXHAUSTED, "Too Many Requests"},
    {500, GRPC_INTERNAL, "Internal Server Error"},
    {501, GRPC_UNIMPLEMENTED, "Not Implemented"},
    {502, GRPC_UNKNOWN, "Bad Gateway"},
    {503, GRPC_UNAVAILABLE, "Service Unavailable"},
    {504, GRPC_UNKNOWN, "Gateway Timeout"},
    {507, GRPC_RESOURCE_EXHAUSTED, "Insufficient Storage"},
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

int micro_code_to_grpc(int http_code)
{
    for (size_t i = 0; i < CODE_COUNT; i++)
        if (codes[i].code == http_code)
            return codes[i].grpc;
    return GRPC_UNKNOWN;
}

static const char *code_text(int http_code)
{
    for (size_t i = 0; i < CODE_COUNT; i++)
        if (codes[i].code == http_code)
            return codes[i].text;
    return "";
}

static void put_varint(struct text *out, uint64_t value)
{
    uint8_t buffer[10];
    text_add(out, buffer, pb_varint_write(buffer, value));
}

static void put_field(struct text *out, uint32_t number, struct bytes value)
{
    put_varint(out, (uint64_t)number << 3 | 2);
    put_varint(out, value.len);
    text_add(out, value.data, value.len);
}

/* google.rpc.Status with one Any of errors.Error. */
static void put_status(struct text *out, int grpc, struct bytes message, const Errors__Error *error)
{
    struct text packed = TEXT_INIT, any = TEXT_INIT;
    if (pb_pack(&error->base, &packed) == 0) {
        put_field(&any, 1, bytes_of("type.googleapis.com/errors.Error"));
        put_field(&any, 2, text_bytes(&packed));
        put_varint(out, 1 << 3);
        put_varint(out, (uint64_t)grpc);
        put_field(out, 2, message);
        put_field(out, 3, text_bytes(&any));
        if (!text_ok(&any) || !text_ok(&packed))
            text_clear(out);
    }
    text_deinit(&packed);
    text_deinit(&any);
}

static void put_json_text(struct text *out, const char *value)
{
    text_char(out, '"');
    text_json(out, value, strlen(value));
    text_char(out, '"');
}

void micro_error_json(struct text *out, int code, const char *id, const char *detail)
{
    text_puts(out, "{\"id\":");
    put_json_text(out, id);
    text_printf(out, ",\"code\":%d,\"detail\":", code);
    put_json_text(out, detail);
    text_puts(out, ",\"status\":");
    put_json_text(out, code_text(code));
    text_char(out, '}');
}

void micro_fail(struct rpc_call *call, int code, const char *id, const char *format, ...)
{
    struct text detail = TEXT_INIT, json = TEXT_INIT, details = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&detail, format, args);
    va_end(args);
    int grpc = micro_code_to_grpc(code);
    micro_error_json(&json, code, id, text_string(&detail));
    if (!text_ok(&detail) || !text_ok(&json)) {
        rpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        goto out;
    }
    /* protobuf-c's strings are not const; packing only reads them. */
    char *strings[3] = {arena_string(rpc_call_arena(call), id), arena_string(rpc_call_arena(call), code_text(code)),
                        arena_string(rpc_call_arena(call), text_string(&detail))};
    if (strings[0] && strings[1] && strings[2]) {
        Errors__Error error = ERRORS__ERROR__INIT;
        error.id = strings[0];
        error.code = code;
        error.status = strings[1];
        error.detail = strings[2];
        put_status(&details, grpc, text_bytes(&json), &error);
    }
    rpc_call_finish_details(call, grpc, text_bytes(&json), text_ok(&details) ? text_bytes(&details) : BYTES_NONE);
out:
    text_deinit(&detail);
    text_deinit(&json);
    text_deinit(&details);
}

static int grpc_to_code(int grpc_status)
{
    switch (grpc_status) {
    case GRPC_OK:
        return 200;
    case GRPC_INVALID_ARGUMENT:
    case GRPC_OUT_OF_RANGE:
        return 400;
    case GRPC_UNAUTHENTICATED:
        return 401;
    case GRPC_PERMISSION_DENIED:
        return 403;
    case GRPC_NOT_FOUND:
        return 404;
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_CANCELLED:
        return 408;
    case GRPC_ALREADY_EXISTS:
    case GRPC_ABORTED:
        return 409;
    case GRPC_FAILED_PRECONDITION:
        return 412;
    case GRPC_RESOURCE_EXHAUSTED:
        return 429;
    case GRPC_UNIMPLEMENTED:
        return 501;
    case GRPC_UNAVAILABLE:
        return 503;
    default:
        return 500;
    }
}

void micro_error_parse(int grpc_status, struct bytes message, struct micro_error *out)
{
    json_t *root = message.len ? json_loadb((const char *)message.data, message.len, 0, NULL) : NULL;
    const char *id = NULL, *detail = NULL;
    int code = 0;
    /* v3.0 to v3.9 wrote the members in upper case. */
    if (json_is_object(root)) {
        const json_t *c = json_object_get(root, "code") ? json_object_get(root, "code") : json_object_get(root, "Code");
        const json_t *d = json_object_get(root, "detail");
        const json_t *i = json_object_get(root, "id");
        detail = json_string_value(d ? d : json_object_get(root, "Detail"));
        id = json_string_value(i ? i : json_object_get(root, "Id"));
        if (json_is_integer(c) && json_integer_value(c) >= 100 && json_integer_value(c) <= 999)
            code = (int)json_integer_value(c);
    }
    if (code && detail) {
        out->code = code;
        snprintf(out->id, sizeof out->id, "%s", id ? id : "");
        snprintf(out->detail, sizeof out->detail, "%s", detail);
    } else {
        out->code = grpc_to_code(grpc_status);
        snprintf(out->id, sizeof out->id, "go.micro.client");
        snprintf(out->detail, sizeof out->detail, "%.*s", (int)(message.len < 500 ? message.len : 500),
                 message.data ? (const char *)message.data : "");
    }
    json_decref(root);
}
