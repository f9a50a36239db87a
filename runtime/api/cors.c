/* Fetch's rules for pages of other sites. By default any page may call with a token it holds itself ("*", so the
 * browser keeps its cookies to itself). A page of an origin named in cors-origins may use the cookies: it is told by
 * its name, never by "*", with Allow-Credentials. */
#include "runtime/api/passage.h"

#include <string.h>
#include <strings.h>

#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

static bool is_listed(const struct api_settings *s, const char *origin)
{
    for (size_t i = 0; s->origins[i]; i++) {
        if (strcasecmp(s->origins[i], origin) == 0)
            return true;
    }
    return false;
}

/* A page of another site must not act with the cookie the browser adds by itself: with an Origin that is neither ours
 * nor listed, the cookie does not count. */
bool cors_trusts(const struct passage *p)
{
    const char *origin = http_request_header(p->x, "origin"), *host = http_request_header(p->x, "host");
    if (!origin)
        return true;
    const char *at = strstr(origin, "://");
    return (at && host && strcasecmp(at + 3, host) == 0) || is_listed(p->gateway->settings, origin);
}

void cors_headers(struct passage *p)
{
    const struct api_settings *s = p->gateway->settings;
    const char *origin = http_request_header(p->x, "origin");
    if (!s->cors)
        return;
    if (s->origins[0])
        http_add_header(p->x, "Vary", "Origin");
    if (origin && is_listed(s, origin)) {
        http_add_header(p->x, "Access-Control-Allow-Origin", origin);
        http_add_header(p->x, "Access-Control-Allow-Credentials", "true");
    } else {
        http_add_header(p->x, "Access-Control-Allow-Origin", "*");
    }
    http_add_header(p->x, "Access-Control-Expose-Headers",
                    "X-Request-Id, Micro-Trace-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After");
}

void cors_preflight(struct passage *p)
{
    http_add_header(p->x, "Allow", METHODS);
    if (p->gateway->settings->cors && http_request_header(p->x, "access-control-request-method")) {
        const char *wanted = http_request_header(p->x, "access-control-request-headers");
        http_add_header(p->x, "Access-Control-Allow-Methods", METHODS);
        /* Authorization is never covered by "*", so what was asked for is named. */
        http_add_header(p->x, "Access-Control-Allow-Headers",
                        wanted && answer_printable(wanted)
                            ? wanted
                            : "Accept, Authorization, Content-Type, Micro-Namespace, X-Request-Id");
        http_add_header(p->x, "Access-Control-Max-Age", "3600");
    }
    http_respond(p->x, 200, "application/json", BYTES_NONE);
}
