/* A browser's bytes, through the WebSocket's frames into the reader, with commands in between: the first byte says
 * after how many bytes the next piece comes. An answer is taken only of the command under way, once; a result is a map
 * or an error is told; complaints are texts, and not more than are kept.
 *
 * A corpus of messages is easier to write and to read than one of frames: input that begins with "{" is messages, a
 * line each, and a line "ask" is a command. */
#include "e2e/browser/reader.h"

#include "wire/websocket_frames.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX ((size_t)1 << 12)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

struct peer {
    struct browser_reader reader;
    const json_t *first; /* the answer that was taken; NULL: none of this command yet */
};

static void look(struct peer *p)
{
    const struct browser_reader *r = &p->reader;
    if (p->first != NULL)
        check(r->answer == p->first);
    p->first = r->answer;
    if (r->answer != NULL)
        check(r->asked > 0 && json_integer_value(json_object_get(r->answer, "id")) == r->asked);
    check(!r->memory);
    check(json_array_size(r->complaints) <= BROWSER_COMPLAINTS_MAX);
}

static void ask(struct peer *p)
{
    struct error err = ERROR_INIT;
    if (p->reader.answer != NULL) {
        json_t *result = browser_reader_result(&p->reader, "Page.enable", &err);
        check(result != NULL ? json_is_object(result) && err.code == 0 : err.code == ERROR_INVALID);
        json_decref(result);
    }
    error_clear(&err);
    (void)browser_reader_ask(&p->reader);
    p->first = NULL;
    look(p);
}

static void take_complaints(struct peer *p)
{
    json_t *all = browser_reader_complaints(&p->reader), *one;
    size_t i;
    json_array_foreach(all, i, one)
    {
        check(json_is_string(one));
    }
    json_decref(all);
    check(json_array_size(p->reader.complaints) == 0);
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct peer *p = arg;
    bool crashed = p->reader.crashed;
    browser_reader_read(&p->reader, text, message);
    check(p->reader.crashed || !crashed);
    look(p);
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    (void)arg;
    (void)code;
    (void)reason;
}

static void mask(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    memset(out, 0x5a, len);
}

static void read_lines(struct peer *p, struct bytes in)
{
    for (size_t at = 0; at < in.len;) {
        const uint8_t *end = memchr(in.data + at, '\n', in.len - at);
        size_t len = end != NULL ? (size_t)(end - in.data) - at : in.len - at;
        if (len == 3 && memcmp(in.data + at, "ask", 3) == 0)
            ask(p);
        else
            on_message(p, true, BYTES(in.data + at, len));
        at += len + 1;
    }
}

static void read_frames(struct peer *p, size_t piece, struct bytes in)
{
    static const struct ws_events events = {on_message, on_closed};
    const struct ws_options options = {.client = true, .message_max = MESSAGE_MAX, .mask = mask};
    struct ws_frames *frames = NULL;
    struct text out = TEXT_INIT;
    if (ws_frames_new(&options, &events, p, &frames) != 0)
        return;
    for (size_t at = 0; at < in.len;) {
        size_t len = in.len - at < piece ? in.len - at : piece;
        if (ws_frames_receive(frames, BYTES(in.data + at, len), &out) != 0)
            break;
        at += len;
        if (at % 3 == 0)
            ask(p);
    }
    ws_frames_free(frames);
    text_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer p = {.first = NULL};
    if (size == 0 || !browser_reader_init(&p.reader))
        return 0;
    if (data[0] == '{' || data[0] == 'a')
        read_lines(&p, BYTES(data, size));
    else
        read_frames(&p, (size_t)data[0] + 1, BYTES(data + 1, size - 1));
    ask(&p);
    take_complaints(&p);
    browser_reader_deinit(&p.reader);
    return 0;
}
