/* A peer that sends anything. The first byte chooses the side and how the rest is cut; with bit 1 set it is a handshake
 * request instead. No message may pass the limits, nothing may come after the end, and a broken rule is always told. */
#include "wire/websocket_frames.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    bool closed;
};

static void on_message(void *arg, bool text, struct bytes message)
{
    const struct fuzz *f = arg;
    (void)text;
    if (f->closed || message.len > MESSAGE_MAX)
        abort();
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct fuzz *f = arg;
    if (f->closed || code < 1000 || reason.len > WS_REASON_MAX)
        abort();
    f->closed = true;
}

static void mask(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    memset(out, 7, len);
}

static void on_head(void *arg, const struct http1_head *head)
{
    char accept[WS_ACCEPT_SIZE];
    int status = 0;
    const char *why = NULL;
    (void)arg;
    if (head->response)
        (void)ws_check_answer(head, "dGhlIHNhbXBsZSBub25jZQ==", &why);
    else if (ws_check_request(head, accept, &status, &why) != 0 ? status < 400 || !why : strlen(accept) != 28)
        abort();
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

static void handshake(bool answer, struct bytes data)
{
    static const struct http1_events events = {on_head, on_body, on_complete};
    struct http1_parser *parser = NULL;
    if (http1_parser_new(answer, 1000, &events, NULL, &parser) == 0)
        (void)http1_parser_feed(parser, data, NULL, NULL);
    http1_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ws_events events = {on_message, on_closed};
    struct fuzz fuzz = {0};
    struct ws_frames *frames = NULL;
    struct text out = TEXT_INIT;
    if (size < 1)
        return 0;
    struct bytes rest = BYTES(data + 1, size - 1);
    if (data[0] & 2) {
        handshake(data[0] & 1, rest);
        return 0;
    }
    const struct ws_options options = {.client = data[0] & 1, .message_max = MESSAGE_MAX, .mask = mask};
    if (ws_frames_new(&options, &events, &fuzz, &frames) != 0)
        return 0;
    size_t step = (size_t)(data[0] >> 2) + 1;
    while (rest.len != 0) {
        size_t n = step < rest.len ? step : rest.len;
        int rc = ws_frames_receive(frames, BYTES(rest.data, n), &out);
        if (rc != 0 && (!fuzz.closed || out.len < 2))
            abort();
        rest = BYTES(rest.data + n, rest.len - n);
    }
    ws_frames_free(frames);
    text_deinit(&out);
    return 0;
}
