#include "tests/contract/stream_kit.h"

#include <stdio.h>
#include <string.h>

static void on_message(void *arg, struct bytes message)
{
    struct kit_stream *s = arg;
    ProtobufCMessage *m = NULL;
    assert_int_equal(pb_unpack(s->type, message, &s->kit->arena, &m, NULL), 0);
    assert_true(s->count < KIT_MESSAGES_MAX);
    s->messages[s->count++] = m;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct kit_stream *s = arg;
    s->stream = NULL;
    s->ended = true;
    s->status = reply->status;
    if (reply->status != GRPC_OK)
        micro_error_parse(reply->status, reply->message, &s->error);
}

static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};

void kit_open(struct kit *k, struct kit_stream *s, enum kit_caller who, const char *method,
              const ProtobufCMessageDescriptor *type)
{
    char path[96], address[64];
    struct text bearer = TEXT_INIT;
    *s = (struct kit_stream){.kit = k, .type = type};
    snprintf(path, sizeof path, "/%s/%s", k->service, method);
    snprintf(address, sizeof address, "%s:8101", k->program);
    text_printf(&bearer, "Bearer %s", k->tokens[who] ? k->tokens[who] : "");
    const struct rpc_channel_options options = {.addresses = address};
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request r = {
        .path = path, .metadata = {.items = &header, .count = k->tokens[who] ? 1 : 0}, .wait_for_ready = true};
    assert_int_equal(rpc_channel_new(k->client, &options, &s->channel, NULL), 0);
    assert_int_equal(rpc_stream_open(s->channel, &r, &events, s, &s->stream, NULL), 0);
    text_deinit(&bearer);
}

void kit_send(struct kit_stream *s, const ProtobufCMessage *message)
{
    struct text wire = TEXT_INIT;
    assert_int_equal(pb_pack(message, &wire), 0);
    assert_non_null(s->stream);
    assert_int_equal(rpc_stream_send(s->stream, text_bytes(&wire)), 0);
    text_deinit(&wire);
}

void kit_no_more(struct kit_stream *s)
{
    assert_non_null(s->stream);
    assert_int_equal(rpc_stream_half_close(s->stream), 0);
}

void kit_has(struct kit_stream *s, size_t messages)
{
    for (int seconds = 0; s->count < messages && !s->ended && seconds < 120; seconds++)
        kit_wait(s->kit, 1);
    kit_wait(s->kit, 60);
    assert_int_equal(s->count, messages);
}

int kit_ends(struct kit_stream *s)
{
    for (int seconds = 0; !s->ended && seconds < 300; seconds++)
        kit_wait(s->kit, 1);
    assert_true(s->ended);
    return s->status == GRPC_OK ? 0 : s->error.code;
}

void kit_close(struct kit_stream *s)
{
    if (s->stream)
        rpc_stream_cancel(s->stream);
    kit_wait(s->kit, 1);
    rpc_channel_free(s->channel);
    assert_true(s->ended);
}
