#include "rpc/websocket_internal.h"

#include <string.h>
#include <strings.h>

static void on_head(void *arg, const struct http1_head *head)
{
    struct websocket *s = arg;
    const char *why = NULL;
    if (head->status / 100 == 1 && head->status != 101)
        return;
    s->status = head->status;
    if (!ws_check_answer(head, s->key, &why)) {
        websocket_fail(s, WS_ABNORMAL, why);
        return;
    }
    struct bytes rest = BYTES_NONE;
    http1_parser_upgrade(s->parser, &rest);
    s->status = 0;
    websocket_opened(s);
    if (rest.len != 0)
        websocket_receive(s, rest);
}

static void on_body(void *arg, struct bytes piece)
{
    (void)arg;
    (void)piece;
}

static void on_complete(void *arg)
{
    (void)arg;
}

static void ask(struct websocket *s)
{
    s->asked = true;
    if (websocket_write(s, text_bytes(&s->request)) != 0)
        websocket_lost(s);
}

/* What the session wants the server to get. */
static int send_cipher(struct websocket *s)
{
    int rc = text_ok(&s->cipher) ? 0 : ERROR_MEMORY;
    if (rc == 0 && s->cipher.len != 0)
        rc = world_stream_write(s->stream, text_bytes(&s->cipher));
    text_clear(&s->cipher);
    return rc;
}

static void on_connected(void *arg)
{
    struct websocket *s = arg;
    if (s->tls == NULL)
        ask(s);
    else if (tls_session_start(s->tls, &s->cipher, NULL) != 0 || send_cipher(s) != 0)
        websocket_lost(s);
}

/* `plain` has what the bytes meant. False: it is over. */
static bool unwrap(struct websocket *s, struct bytes data)
{
    struct error err = ERROR_INIT;
    text_clear(&s->plain);
    int rc = tls_session_receive(s->tls, data, &s->plain, &s->cipher, &err);
    if (send_cipher(s) != 0 || !text_ok(&s->plain))
        websocket_lost(s);
    else if (rc == ERROR_CLOSED)
        websocket_fail(s, WS_ABNORMAL, "");
    else if (rc != 0)
        websocket_fail(s, WS_ABNORMAL, err.message != NULL ? err.message : error_code_name(rc));
    else if (!s->asked && tls_session_ready(s->tls))
        ask(s);
    error_clear(&err);
    return !s->dead;
}

static void on_readable(void *arg, struct bytes data)
{
    struct websocket *s = arg;
    if (s->dead || (s->tls != NULL && !unwrap(s, data)))
        return;
    if (s->tls != NULL)
        data = text_bytes(&s->plain);
    if (data.len == 0)
        return;
    if (s->open)
        websocket_receive(s, data);
    else if (http1_parser_feed(s->parser, data, NULL, NULL) != 0)
        websocket_fail(s, WS_ABNORMAL, "the server's answer is not HTTP");
}

static void on_drained(void *arg)
{
    websocket_drained(arg);
}

static void on_ended(void *arg, int reason)
{
    websocket_fail(arg, WS_ABNORMAL, reason == 0 ? "" : error_code_name(reason));
}

static int start_tls(struct websocket *s, struct bytes host, struct error *err)
{
    struct text name = TEXT_INIT;
    text_add(&name, host.data, host.len);
    int rc = text_ok(&name) ? tls_session_new(s->options.tls, text_string(&name), &s->tls, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&name);
    return rc;
}

static int write_request(struct websocket *s, const char *url, const struct http1_header *headers, size_t count,
                         struct text *address, struct error *err)
{
    bool secure = strncasecmp(url, "wss://", 6) == 0;
    if (!secure && strncasecmp(url, "ws://", 5) != 0)
        return error_set(err, ERROR_INVALID, "'%s' is not a WebSocket URL: it must begin with ws:// or wss://", url);
    if (secure && s->options.tls == NULL)
        return error_set(err, ERROR_INVALID, "'%s': there is nothing to trust its certificate by", url);
    const char *host = url + (secure ? 6 : 5);
    size_t len = strcspn(host, "/?#");
    const char *target = host[len] == 0 ? "/" : host + len;
    uint8_t nonce[16];
    random_bytes(world_random(s->world), nonce, sizeof nonce);
    ws_make_key(nonce, s->key);
    text_add(address, host, len);
    if (len == 0 || target[0] != '/' || !http1_is_target(bytes_of("GET"), bytes_of(target)))
        return error_set(err, ERROR_INVALID, "'%s' has no host, or a path that must be percent-encoded", url);
    http1_write_request(&s->request, "GET", target);
    bool fine = http1_write_header(&s->request, "Host", text_bytes(address));
    (void)http1_write_header(&s->request, "Upgrade", bytes_of("websocket"));
    (void)http1_write_header(&s->request, "Connection", bytes_of("Upgrade"));
    (void)http1_write_header(&s->request, "Sec-WebSocket-Version", bytes_of("13"));
    (void)http1_write_header(&s->request, "Sec-WebSocket-Key", bytes_of(s->key));
    for (size_t i = 0; fine && i < count; i++) {
        struct text name = TEXT_INIT;
        text_add(&name, headers[i].name.data, headers[i].name.len);
        fine = http1_write_header(&s->request, text_string(&name), headers[i].value);
        s->request.failed = s->request.failed || !text_ok(&name);
        text_deinit(&name);
    }
    http1_write_end(&s->request);
    if (!fine && text_ok(&s->request) && text_ok(address))
        return error_set(err, ERROR_INVALID, "the host or a header would break the request");
    bool bracketed = host[0] == '[';
    size_t name = bracketed ? strcspn(host + 1, "]/") : strcspn(host, ":/?#");
    if (name + (bracketed ? 2 : 0) == len)
        text_puts(address, secure ? ":443" : ":80");
    if (!text_ok(&s->request) || !text_ok(address))
        return error_set(err, ERROR_MEMORY, "out of memory");
    return secure ? start_tls(s, BYTES(host + (bracketed ? 1 : 0), name), err) : 0;
}

int websocket_connect(struct world *w, const char *url, const struct http1_header *headers, size_t header_count,
                      const struct websocket_options *options, const struct websocket_events *events, void *arg,
                      struct websocket **out, struct error *err)
{
    static const struct world_stream_events stream_events = {
        .connected = on_connected, .readable = on_readable, .drained = on_drained, .ended = on_ended};
    static const struct http1_events parsed = {on_head, on_body, on_complete};
    struct text address = TEXT_INIT;
    struct websocket *s = websocket_make(w, true, options, events, arg);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = write_request(s, url, headers, header_count, &address, err);
    if (rc == 0)
        rc = http1_parser_new(true, HTTP_ANSWER_MAX, &parsed, s, &s->parser);
    if (rc == 0)
        rc = world_timer_start(&s->timer, s->options.ping_every);
    if (rc == ERROR_MEMORY)
        (void)error_set(err, rc, "out of memory");
    if (rc == 0)
        rc = world_connect(w, text_string(&address), &stream_events, s, &s->stream, err);
    text_deinit(&address);
    if (rc != 0)
        websocket_free(s);
    else
        *out = s;
    return rc;
}
