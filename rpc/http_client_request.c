/* What the HTTP client sends: the URL taken apart, and the request's bytes. */
#include "rpc/http_internal.h"

#include <strings.h>

/* ---- the URL --------------------------------------------------------------------------------------------------- */

int http_url_parse(const char *text, struct http_url *u, struct error *err)
{
    u->secure = strncasecmp(text, "https://", 8) == 0;
    if (!u->secure && strncasecmp(text, "http://", 7) != 0)
        return error_set(err, ERROR_INVALID, "'%s' is not a URL this client can fetch: it must begin with http://",
                         text);
    const char *authority = text + (u->secure ? 8 : 7);
    size_t len = strcspn(authority, "/?#");
    u->authority = BYTES(authority, len);
    if (len == 0)
        return error_set(err, ERROR_INVALID, "'%s' names no host", text);
    if (memchr(authority, '@', len) != NULL)
        return error_set(err, ERROR_INVALID, "'%s': a name and password in a URL are not supported", text);
    const char *host_end = authority[0] == '[' ? memchr(authority, ']', len) : authority;
    const char *colon = host_end == NULL ? NULL : memchr(host_end, ':', len - (size_t)(host_end - authority));
    if (host_end == NULL || (colon != NULL && colon == authority + len - 1))
        return error_set(err, ERROR_INVALID, "'%s' has a broken host or port", text);
    text_add(&u->address, authority, len);
    if (colon == NULL)
        text_puts(&u->address, u->secure ? ":443" : ":80");
    text_add(&u->host, authority, colon == NULL ? len : (size_t)(colon - authority));

    const char *rest = authority + len;
    size_t rest_len = strcspn(rest, "#");
    if (rest_len == 0 || rest[0] != '/')
        text_char(&u->target, '/');
    text_add(&u->target, rest, rest_len);
    if (!text_ok(&u->address) || !text_ok(&u->target) || !text_ok(&u->host))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (!http1_is_target(bytes_of("GET"), text_bytes(&u->target)))
        return error_set(err, ERROR_INVALID, "'%s' holds a byte that must be percent-encoded", text);
    return 0;
}

int http_request_write(struct text *out, const struct http_fetch *fetch, const struct http_url *u, struct error *err)
{
    const char *method = fetch->method == NULL ? "GET" : fetch->method;
    bool agent = false, length = fetch->body.len != 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
                                 strcmp(method, "PATCH") == 0;
    if (!http1_is_token(bytes_of(method)))
        return error_set(err, ERROR_INVALID, "'%s' is not an HTTP method", method);
    http1_write_request(out, method, text_string(&u->target));
    if (!http1_write_header(out, "Host", u->authority))
        return error_set(err, ERROR_INVALID, "the URL's host holds a control character");
    for (size_t i = 0; i < fetch->header_count; i++) {
        const struct http1_header *h = &fetch->headers[i];
        static const char *const ours[] = {"host", "content-length", "transfer-encoding", "connection", "upgrade"};
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
            if (http1_header_is(h, ours[k]))
                return error_set(err, ERROR_INVALID, "header %s is set by the client itself", ours[k]);
        if (!http1_write_field(out, h->name, h->value))
            return error_set(err, ERROR_INVALID, "header %zu has a name or value that would break the message", i + 1);
        agent = agent || http1_header_is(h, "user-agent");
    }
    if (!agent)
        (void)http1_write_header(out, "User-Agent", bytes_of("harrow"));
    if (length)
        text_printf(out, "Content-Length: %zu\r\n", fetch->body.len);
    if (fetch->upgrade != NULL && !http1_write_header(out, "Upgrade", bytes_of(fetch->upgrade)))
        return error_set(err, ERROR_INVALID, "'%s' is no name of a protocol", fetch->upgrade);
    if (fetch->upgrade != NULL || fetch->pool == NULL) /* else it stays open, as HTTP/1.1 has it */
        (void)http1_write_header(out, "Connection", bytes_of(fetch->upgrade == NULL ? "close" : "Upgrade"));
    http1_write_end(out);
    text_add(out, fetch->body.data, fetch->body.len);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

void http_url_deinit(struct http_url *u)
{
    text_deinit(&u->address);
    text_deinit(&u->target);
    text_deinit(&u->host);
}
