#include "runtime/api/passage.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

static void add(struct grpc_header *out, size_t *count, const char *name, const char *value)
{
    if (value && *count < GATEWAY_METADATA_MAX)
        out[(*count)++] = (struct grpc_header){bytes_of(name), bytes_of(value)};
}

/* Headers with a meaning beyond this hop: x-* and micro-*, and what says where the request comes from. Those the
 * gateway speaks for itself are not the client's to set. */
static bool is_forwarded(const char *name)
{
    static const char *const always[] = {"accept-language", "origin", "referer", NULL};
    static const char *const never[] = {
        "micro-namespace", "x-request-id", "x-content-type", "micro-trace-id", "micro-span-id", "micro-token", NULL};
    size_t len = strlen(name);
    for (size_t i = 0; never[i]; i++) {
        if (strcmp(name, never[i]) == 0)
            return false;
    }
    if (len > 4 && strcmp(name + len - 4, "-bin") == 0)
        return false;
    for (size_t i = 0; always[i]; i++) {
        if (strcmp(name, always[i]) == 0)
            return true;
    }
    return strncmp(name, "x-", 2) == 0 || strncmp(name, "micro-", 6) == 0;
}

static void forward(struct passage *p, struct grpc_header *out, size_t *count)
{
    const struct http1_head *head = http_head(p->x);
    struct arena *arena = http_arena(p->x);
    for (size_t i = 0; i < head->header_count && *count < GATEWAY_FORWARD_MAX; i++) {
        char *name = arena_string_n(arena, (const char *)head->headers[i].name.data, head->headers[i].name.len);
        const char *value = (const char *)head->headers[i].value.data; /* with a NUL behind it */
        if (!name)
            return;
        for (char *c = name; *c; c++) {
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
        }
        if (is_forwarded(name) && !access_is_origin(p, &head->headers[i]) && answer_printable(value))
            add(out, count, name, value);
    }
}

size_t metadata_collect(struct passage *p, const char *content_type, struct grpc_header *out)
{
    struct arena *arena = http_arena(p->x);
    size_t count = 0;
    forward(p, out, &count);
    add(out, &count, "micro-namespace", p->namespace);
    add(out, &count, "x-request-id", p->request_id);
    add(out, &count, "micro-trace-id", p->span.trace);
    add(out, &count, "micro-span-id", p->span.id);
    add(out, &count, "x-forwarded-for", access_forwarded_for(p));
    add(out, &count, "x-content-type", content_type);
    if (p->token)
        add(out, &count, "authorization", arena_printf(arena, "Bearer %s", p->token));
    return count;
}

/* "Timeout: 5s", or as v3's clients say it, in plain nanoseconds; "Grpc-Timeout: 500m", value and unit of gRPC. */
bool metadata_timeout(struct passage *p)
{
    const char *timeout = http_request_header(p->x, "timeout"), *grpc = http_request_header(p->x, "grpc-timeout");
    int64_t ns = 0;
    int rc = 0;
    if (grpc) {
        char *end = NULL;
        long value = strtol(grpc, &end, 10);
        static const char units[] = "HMSmun";
        static const int64_t sizes[] = {HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND, NANOSECOND};
        const char *unit = end != grpc && *end ? strchr(units, *end) : NULL;
        rc = unit && end[1] == '\0' && grpc[0] >= '0' && grpc[0] <= '9' && end - grpc <= 8 ? 0 : ERROR_SYNTAX;
        if (rc == 0) /* 99999999 hours would not fit */
            ns = value > (int64_t)GATEWAY_TIMEOUT_MAX / sizes[unit - units] ? (int64_t)GATEWAY_TIMEOUT_MAX
                                                                            : value * sizes[unit - units];
    } else if (timeout) {
        rc = timeout[strspn(timeout, "0123456789")] == '\0' ? units_parse_integer(timeout, 0, INT64_MAX, &ns, NULL)
                                                            : units_parse_duration(timeout, &ns, NULL);
    }
    if (rc != 0 || ns < 0 || ((grpc || timeout) && ns == 0)) {
        answer_failure(p->x, 400, "the header Timeout is not a duration");
        return false;
    }
    p->timeout = (uint64_t)ns > GATEWAY_TIMEOUT_MAX ? GATEWAY_TIMEOUT_MAX : (uint64_t)ns;
    return true;
}
