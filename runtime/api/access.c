#include "runtime/api/passage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COOKIE "micro-token="

/* ---- the client's address ---- */

/* The first 64 bits of an IPv6 address (RFC 4291, 2.2), which is what one customer gets. False: another kind of text.
 */
static bool network_of(const char *text, char *out, size_t size)
{
    unsigned groups[8] = {0};
    int count = 0, gap = -1;
    for (const char *c = text; *c;) {
        if (c[0] == ':' && c[1] == ':' && gap < 0) {
            gap = count;
            c += 2;
            continue;
        }
        if (count > 0 && gap != count && *c++ != ':')
            return false;
        size_t digits = strspn(c, "0123456789abcdefABCDEF");
        if (digits == 0 || digits > 4 || count == 8)
            return false;
        groups[count++] = (unsigned)strtoul(c, NULL, 16);
        c += digits;
    }
    if (gap < 0 ? count != 8 : count > 7)
        return false;
    for (int i = 0; gap >= 0 && i < count - gap; i++) { /* from the end, so that nothing is overwritten */
        unsigned moved = groups[count - 1 - i];
        groups[count - 1 - i] = 0;
        groups[7 - i] = moved;
    }
    (void)snprintf(out, size, "%x:%x:%x:%x::/64", groups[0], groups[1], groups[2], groups[3]);
    return true;
}

/* "[::1]:80" and "1.2.3.4:80" without the port. */
const char *access_address(struct arena *arena, const char *text, size_t len)
{
    char host[128], network[64], *out = host;
    if (len >= sizeof host)
        len = sizeof host - 1;
    memcpy(host, text, len);
    host[len] = '\0';
    char *colon = strchr(host, ':');
    if (host[0] == '[') {
        out = host + 1;
        out[strcspn(out, "]%")] = '\0';
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = '\0';
    }
    return arena_string(arena, network_of(out, network, sizeof network) ? network : out);
}

/* Of X-Forwarded-For only what our own proxies wrote counts: the entries at its end. */
static const char *client_address(const struct passage *p)
{
    struct arena *arena = http_arena(p->x);
    int trusted = p->gateway->settings->trusted_proxies;
    const struct http1_head *head = http_head(p->x);
    const char *peer = http_peer(p->x), *found = peer;
    size_t found_len = strlen(peer);
    for (size_t i = head->header_count; trusted > 0 && i-- > 0;) {
        if (!http1_header_is(&head->headers[i], "x-forwarded-for"))
            continue;
        const char *value = (const char *)head->headers[i].value.data;
        size_t end = head->headers[i].value.len;
        while (trusted > 0) {
            size_t start = end;
            while (start > 0 && value[start - 1] != ',')
                start--;
            size_t from = start + strspn(value + start, " \t"), to = end;
            while (to > from && (value[to - 1] == ' ' || value[to - 1] == '\t'))
                to--;
            if (to > from) {
                found = value + from;
                found_len = to - from;
                trusted--;
            }
            if (start == 0)
                break;
            end = start - 1;
        }
    }
    return access_address(arena, found, found_len);
}

bool access_is_origin(const struct passage *p, const struct http1_header *h)
{
    static const char *const origins[] = {"forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-port",
                                          "x-forwarded-proto"};
    for (size_t i = 0; p->gateway->settings->trusted_proxies == 0 && i < sizeof origins / sizeof origins[0]; i++)
        if (http1_header_is(h, origins[i]))
            return true;
    return http1_header_is(h, "x-forwarded-for");
}

const char *access_forwarded_for(const struct passage *p)
{
    const char *before = http_request_header(p->x, "x-forwarded-for");
    bool chain = p->gateway->settings->trusted_proxies > 0 && before && answer_printable(before);
    return chain ? arena_printf(http_arena(p->x), "%s, %s", before, http_peer(p->x)) : http_peer(p->x);
}

/* ---- the account ---- */

static const char *cookie_token(const struct passage *p)
{
    const char *cookies = http_request_header(p->x, "cookie");
    if (!cookies || !cors_trusts(p))
        return NULL;
    for (const char *c = cookies; *c;) {
        c += strspn(c, "; ");
        size_t len = strcspn(c, ";");
        if (len > strlen(COOKIE) && strncmp(c, COOKIE, strlen(COOKIE)) == 0) {
            const char *value = c + strlen(COOKIE);
            len -= strlen(COOKIE);
            if (strncmp(value, "Bearer ", 7) == 0 || strncmp(value, "Bearer%20", 9) == 0) {
                size_t skip = value[6] == ' ' ? 7 : 9;
                value += skip;
                len -= skip;
            }
            return arena_string_n(http_arena(p->x), value, len);
        }
        c += len;
    }
    return NULL;
}

static bool take(struct passage *p, const char *caller)
{
    struct gateway *g = p->gateway;
    struct api_limit limit;
    char text[32];
    bool granted = api_limiter_take(&g->limiter, caller, world_now(g->world), &limit);
    if (limit.limit == 0)
        return true;
    (void)snprintf(text, sizeof text, "%u", (unsigned)limit.limit);
    http_add_header(p->x, "RateLimit-Limit", text);
    (void)snprintf(text, sizeof text, "%u", (unsigned)limit.remaining);
    http_add_header(p->x, "RateLimit-Remaining", text);
    (void)snprintf(text, sizeof text, "%u", (unsigned)limit.reset);
    http_add_header(p->x, "RateLimit-Reset", text);
    if (granted)
        return true;
    (void)snprintf(text, sizeof text, "%u", (unsigned)limit.retry);
    http_add_header(p->x, "Retry-After", text);
    answer_failure(p->x, 429, "too many requests");
    return false;
}

/* True: the token, if any, is good. Else the exchange was answered. */
static bool read_account(struct passage *p)
{
    struct error err = ERROR_INIT;
    const char *header = http_request_header(p->x, "authorization");
    int rc = 0;
    if (header && strncasecmp(header, "Bearer ", 7) != 0)
        rc = error_set(&err, ERROR_DENIED, "the scheme must be Bearer");
    else
        p->token = header ? header + 7 + strspn(header + 7, " ") : cookie_token(p);
    if (rc == 0 && p->token && p->token[0])
        rc = micro_service_account(p->gateway->service, p->token, http_arena(p->x), &p->account, &err);
    else
        p->token = NULL;
    if (rc == 0)
        return true;
    char detail[256];
    (void)snprintf(detail, sizeof detail, "unauthorized request: %s", err.message ? err.message : "bad token");
    error_clear(&err);
    if (rc == ERROR_DENIED && !take(p, p->address)) /* or tokens could be tried as fast as one likes */
        return false;
    answer_failure(p->x, rc == ERROR_DENIED ? 401 : 503, detail);
    return false;
}

bool access_caller(struct passage *p)
{
    struct arena *arena = http_arena(p->x);
    p->address = client_address(p);
    if (!p->address) {
        answer_failure(p->x, 503, "out of memory");
        return false;
    }
    if (!read_account(p))
        return false;
    const struct micro_account *a = p->account;
    const char *caller = a ? arena_printf(arena, "%s/%s", a->issuer, a->id) : p->address;
    if (!caller) {
        answer_failure(p->x, 503, "out of memory");
        return false;
    }
    if (!take(p, caller))
        return false;
    if (a && api_blocklist_has(&p->gateway->blocklist, a->issuer, a->id)) {
        answer_failure(p->x, 403, "blocked");
        return false;
    }
    const char *namespace = http_request_header(p->x, "micro-namespace");
    p->namespace = namespace && namespace[0] ? namespace : a && a->issuer[0] ? a->issuer : MICRO_NAMESPACE;
    if (!answer_printable(p->namespace) || strlen(p->namespace) >= API_NAME_MAX || strpbrk(p->namespace, "/*")) {
        answer_failure(p->x, 400, "the header Micro-Namespace is no name of a namespace");
        return false;
    }
    return true;
}

/* The service's own rules hold whatever namespace the caller names, since nobody may choose the rules they are judged
 * by. Services that speak gRPC judge by them themselves; behind handlers http and event nobody else does. */
enum micro_verdict access_verdict(const struct gateway *g, const char *namespace, const char *domain,
                                  const struct micro_account *account, const struct api_target *target)
{
    enum micro_verdict v =
        micro_service_judge(g->service, namespace, account, "service", target->service, target->endpoint);
    if (v == MICRO_GRANTED && domain[0] && strcmp(domain, namespace) != 0)
        v = micro_service_judge(g->service, domain, account, "service", target->service, target->endpoint);
    return v;
}

/* Micro v3's words, which are plain text. The service judges again, for the gateway is not the only way to it. */
bool access_granted(struct passage *p)
{
    switch (access_verdict(p->gateway, p->namespace, p->domain, p->account, &p->target)) {
    case MICRO_GRANTED:
        return true;
    case MICRO_REFUSED:
        if (p->account)
            answer_plain(p->x, 403, "Forbidden request\n");
        else
            answer_plain(p->x, 401, "unauthorized request\n");
        return false;
    case MICRO_NOT_KNOWN:
        answer_failure(p->x, 503, "the rules of access are not known yet");
        return false;
    }
    return false;
}
