/* HTTP/1.1 messages, whole and cut in pieces: the first byte chooses requests or responses, the second how the rest is
 * cut. Both ways must give the same events and the same verdict, and what is written back must be read alike. */
#include "wire/http1.h"

#include <stdlib.h>

struct seen {
    struct text events;
    struct http1_parser *parser;
    bool body;
};

static void on_head(void *arg, const struct http1_head *head)
{
    struct seen *s = arg;
    text_printf(&s->events, "H%d.%d/%lld/%d%d%d", head->status, head->minor, (long long)head->length, head->keep_alive,
                head->upgrade, head->expects_continue);
    text_add(&s->events, head->method.data, head->method.len);
    text_add(&s->events, head->target.data, head->target.len);
    for (size_t i = 0; i < head->header_count; i++) {
        struct text line = TEXT_INIT, name = TEXT_INIT;
        text_add(&name, head->headers[i].name.data, head->headers[i].name.len);
        if (!http1_write_header(&line, text_string(&name), head->headers[i].value))
            abort(); /* what was read can be written */
        text_add(&s->events, line.data, line.len);
        text_deinit(&name);
        text_deinit(&line);
    }
    s->body = false;
    struct text decoded = TEXT_INIT;
    if (!head->response)
        (void)http1_url_decode(head->target, true, &decoded);
    text_deinit(&decoded);
}

static void on_body(void *arg, struct bytes piece)
{
    struct seen *s = arg;
    if (piece.len == 0)
        abort();
    if (!s->body)
        text_char(&s->events, 'B');
    s->body = true;
    text_add(&s->events, piece.data, piece.len);
}

static void on_complete(void *arg)
{
    text_char(&((struct seen *)arg)->events, ';');
}

static int run(bool responses, struct bytes input, size_t step, struct seen *s, int *suggested)
{
    static const struct http1_events events = {on_head, on_body, on_complete};
    int rc = 0;
    if (http1_parser_new(responses, 4096, &events, s, &s->parser) != 0)
        return ERROR_MEMORY;
    for (size_t at = 0; at < input.len && rc == 0; at += step) {
        size_t len = step < input.len - at ? step : input.len - at;
        rc = http1_parser_feed(s->parser, BYTES(input.data + at, len), suggested, NULL);
    }
    if (rc == 0)
        rc = http1_parser_end(s->parser, NULL);
    http1_parser_free(s->parser);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    bool responses = (data[0] & 1) != 0;
    struct bytes input = BYTES(data + 2, size - 2);
    struct seen whole = {0}, cut = {0};
    int whole_status = 0, cut_status = 0;
    int a = run(responses, input, input.len, &whole, &whole_status);
    int b = run(responses, input, (size_t)data[1] % 16 + 1, &cut, &cut_status);
    if (a != b || whole_status != cut_status || !bytes_equal(text_bytes(&whole.events), text_bytes(&cut.events)))
        abort();
    text_deinit(&whole.events);
    text_deinit(&cut.events);
    return 0;
}
