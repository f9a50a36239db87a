#include "rpc/websocket_kit.h"

#include "base/test.h"

static void on_opened(void *arg)
{
    ((struct websocket_kit *)arg)->opened = true;
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct websocket_kit *k = arg;
    k->messages++;
    k->binary += !text;
    text_add(&k->got, message.data, message.len);
    text_char(&k->got, '\n');
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct websocket_kit *k = arg;
    k->closed = true;
    k->code = code;
    k->status = websocket_status(k->socket);
    k->socket = NULL;
    text_add(&k->reason, reason.data, reason.len);
}

static bool is_ready(void *arg)
{
    const struct websocket_kit *k = arg;
    return k->opened || k->closed;
}

static bool is_told(void *arg)
{
    const struct websocket_kit *k = arg;
    return k->got.len > 0 || k->closed;
}

static bool is_closed(void *arg)
{
    return ((struct websocket_kit *)arg)->closed;
}

void websocket_kit_open(struct websocket_kit *k, struct world *w, const char *url, const struct http1_header *headers,
                        size_t count)
{
    static const struct websocket_events events = {.opened = on_opened, .message = on_message, .closed = on_closed};
    struct error err = ERROR_INIT;
    *k = (struct websocket_kit){.world = w};
    if (websocket_connect(w, url, headers, count, NULL, &events, k, &k->socket, &err) != 0)
        fail_msg("%s: %s", url, err.message ? err.message : "?");
    assert_int_equal(world_run_until(w, is_ready, k, WEBSOCKET_KIT_LIMIT), 0);
}

void websocket_kit_send(struct websocket_kit *k, const char *text)
{
    assert_int_equal(websocket_send(k->socket, true, bytes_of(text)), 0);
}

void websocket_kit_wait_message(struct websocket_kit *k)
{
    assert_int_equal(world_run_until(k->world, is_told, k, WEBSOCKET_KIT_LIMIT), 0);
}

void websocket_kit_wait_closed(struct websocket_kit *k)
{
    assert_int_equal(world_run_until(k->world, is_closed, k, WEBSOCKET_KIT_LIMIT), 0);
}

void websocket_kit_end(struct websocket_kit *k, int code)
{
    websocket_kit_wait_closed(k);
    if (k->code != code)
        fail_msg("closed with %d (HTTP %d) after \"%s\", wanted %d", k->code, k->status, text_string(&k->got), code);
    websocket_kit_deinit(k);
}

void websocket_kit_deinit(struct websocket_kit *k)
{
    if (k->socket)
        websocket_abort(k->socket);
    k->socket = NULL;
    text_deinit(&k->got);
    text_deinit(&k->reason);
}
