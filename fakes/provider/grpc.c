/* An interaction over gRPC. */
#include "fakes/provider/internal.h"

#include "base/base64.h"

#include <string.h>
#include <strings.h>

static void on_message(void *arg, struct bytes message)
{
    struct playing *p = arg;
    if (p->enough || p->run == NULL)
        return;
    text_add(&p->replies, message.data, message.len);
    bool kept = text_ok(&p->replies) && array_push(&p->ends, p->replies.len);
    if (!kept)
        playing_no_memory(p);
    else if (p->ends.count >= PROVIDER_REPLIES_MAX || p->replies.len >= PROVIDER_REPLIES_SIZE)
        error_set(&p->error, ERROR_LIMIT, "more than %d replies, or %zu MiB of them", PROVIDER_REPLIES_MAX,
                  PROVIDER_REPLIES_SIZE >> 20);
    p->enough = p->error.code != 0 || (p->open && p->ends.count >= p->i->responses.count);
    if (p->enough)
        rpc_stream_cancel(p->stream);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct playing *p = arg;
    p->stream = NULL;
    if (p->error.code == 0 && p->run != NULL)
        judge_grpc(p, reply);
    playing_over(p);
}

/* Names that the channel sets, or that say what the body is. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"contenttype", "content-type", "te", "user-agent", "host", NULL};
    for (const char *const *o = ours; *o != NULL; o++)
        if (strcasecmp(name, *o) == 0)
            return true;
    return strncasecmp(name, "grpc-", 5) == 0 || name[0] == ':';
}

/* In the arena; NULL: no memory. */
static struct grpc_header *headers_of(struct playing *p, size_t *count)
{
    const struct provider_options *o = p->run->options;
    struct grpc_header *out =
        ARENA_NEW_N(&p->arena, struct grpc_header, p->request.headers.count + o->metadata_count + 1);
    *count = 0;
    for (size_t i = 0; out != NULL && i < o->metadata_count; i++)
        out[(*count)++] = o->metadata[i];
    for (size_t i = 0; out != NULL && i < p->request.headers.count; i++) {
        const struct pact_header *h = &p->request.headers.items[i];
        if (is_ours(h->name))
            continue;
        char *name = arena_string(&p->arena, h->name);
        struct bytes value = bytes_of(h->value);
        if (name == NULL)
            return NULL;
        for (char *c = name; *c != '\0'; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
        size_t len = strlen(name);
        if (len > 4 && strcmp(name + len - 4, "-bin") == 0) {
            struct text raw = TEXT_INIT;
            if (base64_read(&raw, value, 0)) {
                const void *copy = arena_copy(&p->arena, text_string(&raw), raw.len + 1);
                value = BYTES(copy, raw.len);
            }
            text_deinit(&raw);
            if (value.data == NULL)
                return NULL;
        }
        out[(*count)++] = (struct grpc_header){bytes_of(name), value};
    }
    return out;
}

static int messages_of(struct playing *p, struct plugin_messages *out)
{
    int code = plugin_requests(p->i, out, &p->error);
    if (code != 0 || !p->generated || out->items.count == 0)
        return code;
    text_clear(&out->items.items[0]);
    code = pact_content_encode(&p->request.content, p->method->input, &out->items.items[0], &p->error);
    if (code != 0)
        plugin_messages_deinit(out);
    return code;
}

static void show_sent(struct playing *p, const struct plugin_messages *messages)
{
    text_printf(&p->sent, "%s", p->method->path + 1);
    for (size_t i = 0; i < messages->items.count; i++) {
        text_char(&p->sent, ' ');
        if (pb_wire_to_json(p->method->input, text_bytes(&messages->items.items[i]), PB_JSON_PROTO_NAMES, &p->sent,
                            NULL) != 0)
            text_puts(&p->sent, "(not readable)");
    }
}

static void open_stream(struct playing *p, const struct plugin_messages *messages)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    const struct provider_options *o = p->run->options;
    size_t count;
    struct grpc_header *headers = headers_of(p, &count);
    if (headers == NULL) {
        playing_no_memory(p);
        return;
    }
    bool one = !p->method->client_streaming;
    struct rpc_request request = {.path = p->method->path,
                                  .metadata = {headers, count},
                                  .timeout = o->timeout != 0 ? o->timeout : PROVIDER_TIMEOUT,
                                  .wait_for_ready = false,
                                  .message = one ? text_bytes(&messages->items.items[0]) : BYTES_NONE,
                                  .has_message = one};
    if (rpc_stream_open(o->channel, &request, &events, p, &p->stream, &p->error) != 0 || one)
        return;
    int code = 0;
    for (size_t i = 0; i < messages->items.count && code == 0; i++)
        code = rpc_stream_send(p->stream, text_bytes(&messages->items.items[i]));
    /* A stream that was cut already says so by itself. */
    if (code == 0 && !p->open)
        (void)rpc_stream_half_close(p->stream);
}

void play_grpc(struct playing *p)
{
    struct plugin_messages messages;
    if (p->run->options->channel == NULL) {
        error_set(&p->error, ERROR_UNSUPPORTED, "it is gRPC, and the provider has no such door");
        return;
    }
    if (playing_generate(p) != 0 || messages_of(p, &messages) != 0)
        return;
    if (!p->method->client_streaming && messages.items.count != 1)
        error_set_at(&p->error, ERROR_INVALID, p->pact->file, p->i->line, p->i->column,
                     "%s takes one message, and the interaction has %zu", p->method->path + 1, messages.items.count);
    p->open = plugin_open(p->i);
    show_sent(p, &messages);
    if (p->error.code == 0)
        open_stream(p, &messages);
    plugin_messages_deinit(&messages);
}

void play_cancel(struct playing *p)
{
    if (p->stream != NULL)
        rpc_stream_cancel(p->stream);
    if (p->http == NULL)
        return;
    http_fetch_cancel(p->http);
    playing_over(p);
}
