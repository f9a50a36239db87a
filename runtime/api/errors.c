#include "runtime/api/errors.h"

#include "wire/http1.h"

#include <stdio.h>
#include <string.h>

#define CODE_MIN 400
#define CODE_MAX 599

static bool starts_with(struct bytes text, const char *word)
{
    return text.len >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

static bool contains(struct bytes text, const char *words)
{
    return text.len != 0 && memmem(text.data, text.len, words, strlen(words)) != NULL;
}

static int code_of(int grpc_status, struct bytes message)
{
    switch (grpc_status) {
    case GRPC_INVALID_ARGUMENT:
    case GRPC_OUT_OF_RANGE:
        return 400;
    case GRPC_UNAUTHENTICATED:
        return 401;
    case GRPC_PERMISSION_DENIED:
        return 403;
    case GRPC_NOT_FOUND:
        return 404;
    case GRPC_ALREADY_EXISTS:
    case GRPC_ABORTED:
        return 409;
    case GRPC_FAILED_PRECONDITION:
        return 412;
    case GRPC_RESOURCE_EXHAUSTED: /* of a message's size, or of the service's patience: only the words tell */
        return contains(message, "larger than") ? 413 : 429;
    case GRPC_UNIMPLEMENTED: /* a server without that service or method, unless it says something else */
        return starts_with(message, "unknown ") ? 404 : 501;
    case GRPC_UNAVAILABLE:
        return 503;
    case GRPC_DEADLINE_EXCEEDED:
        return 504;
    default:
        return 500;
    }
}

void api_error_set(struct micro_error *out, int code, const char *id, const char *detail)
{
    out->code = code;
    snprintf(out->id, sizeof out->id, "%s", id);
    snprintf(out->detail, sizeof out->detail, "%s", detail);
}

void api_error_of(int grpc_status, struct bytes message, struct micro_error *out)
{
    if (message.len > 0 && message.data[0] == '{') {
        micro_error_parse(grpc_status, message, out);
        if (out->id[0] && out->code >= CODE_MIN && out->code <= CODE_MAX)
            return;
    }
    char detail[sizeof out->detail];
    int len = message.len < sizeof detail ? (int)message.len : (int)sizeof detail - 1;
    snprintf(detail, sizeof detail, "%.*s", len, message.len ? (const char *)message.data : "");
    api_error_set(out, code_of(grpc_status, message), API_ERROR_ID, detail[0] ? detail : grpc_status_name(grpc_status));
}

void api_error_json(const struct micro_error *error, struct text *out)
{
    text_puts(out, "{\"id\":\"");
    text_json(out, error->id, strlen(error->id));
    text_printf(out, "\",\"code\":%d,\"detail\":\"", error->code);
    text_json(out, error->detail, strlen(error->detail));
    text_printf(out, "\",\"status\":\"%s\"}", http1_reason(error->code));
}
