#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/events/test_node.h"

#include "base/array.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MAX     ((uint64_t)(120 * SECOND)) /* virtual */
#define WORDS_MAX    40
#define METADATA_MAX 8

static void peers_of(struct text *out)
{
    for (const struct component *c = components; c->name; c++)
        if (!c->user && strcmp(c->name, "api") != 0)
            text_printf(out, "%s%s=%s:%d", out->len ? "," : "", c->name, c->name, MICRO_BASE_PORT + c->port_offset);
    text_puts(out, ",policy=none"); /* rules are auth's own tests' matter; no rules: everybody may call */
    assert_true(text_ok(out));
}

void test_node_start(struct sim_system *s, const char *component, const char *const *extra)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct text peers = TEXT_INIT;
    peers_of(&peers);
    const char *argv[WORDS_MAX] = {
        "micro",        component,
        "--data-dir",   "data",
        "--host",       "0.0.0.0",
        "--peers",      text_string(&peers),
        "--public-key", text_string(&s->public_key),
        "--token",      sim_system_token(s, &arena, component, "service", "micro", "service")};
    int argc = 12;
    for (; extra && *extra && argc < WORDS_MAX; extra++)
        argv[argc++] = *extra;
    if (sim_start(s->sim, component, "micro", argc, argv, &err) < 0)
        fail_msg("%s does not start: %s", component, err.message ? err.message : "?");
    text_deinit(&peers);
    arena_deinit(&arena);
    sim_system_wait(s, component);
}

struct micro_service *test_node_service(struct sim_system *s, struct arena *arena, const char *token)
{
    struct text peers = TEXT_INIT;
    peers_of(&peers);
    struct micro_options *o = ARENA_NEW(arena, struct micro_options);
    *o = (struct micro_options){.name = "tester",
                                .host = "0.0.0.0",
                                .base_port = MICRO_BASE_PORT,
                                .address = "0.0.0.0:0",
                                .data_dir = "data",
                                .peers = arena_string(arena, text_string(&peers)),
                                .public_key = text_string(&s->public_key),
                                .token = arena_string(arena, token)};
    text_deinit(&peers);
    const struct micro_service_config config = {.name = "tester", .access = MICRO_OWN_RULES, .options = o};
    struct micro_service *service = NULL;
    assert_int_equal(micro_service_new(s->client, &config, &service, NULL), 0);
    return service;
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct test_pipe *p = arg;
    struct bytes position = grpc_metadata_get(headers, "micro-events-position");
    p->stands = true;
    if (position.data)
        p->position = arena_string_n(&p->arena, (const char *)position.data, position.len);
}

static void on_message(void *arg, struct bytes message)
{
    struct test_pipe *p = arg;
    struct bytes copy = BYTES(arena_copy(&p->arena, message.data, message.len), message.len);
    assert_true(array_push(&p->messages, copy));
    if (p->on_message)
        p->on_message(p->arg, p, copy);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct test_pipe *p = arg;
    p->ended = true;
    p->stream = NULL;
    p->status = reply->status;
    text_add(&p->text, reply->message.data, reply->message.len);
}

static size_t fill_metadata(struct grpc_header *items, struct text *bearer, const char *token,
                            const char *const *metadata)
{
    size_t n = 0;
    text_printf(bearer, "Bearer %s", token ? token : "");
    if (token)
        items[n++] = (struct grpc_header){bytes_of("authorization"), text_bytes(bearer)};
    for (; metadata && metadata[0] && n < METADATA_MAX; metadata += 2)
        items[n++] = (struct grpc_header){bytes_of(metadata[0]), bytes_of(metadata[1])};
    return n;
}

static void address_of(const char *component, char out[64])
{
    snprintf(out, 64, "%s:%d", component, MICRO_BASE_PORT + component_find(component)->port_offset);
}

void test_pipe_open(struct test_pipe *p, struct sim_system *s, const char *node, const char *component,
                    const char *path, const char *token, const char *const *metadata, const ProtobufCMessage *request,
                    bool half_close)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct grpc_header items[METADATA_MAX];
    struct text bearer = TEXT_INIT;
    char address[64];
    *p = (struct test_pipe){.system = s};
    address_of(component, address);
    const struct rpc_channel_options options = {.addresses = address};
    struct world *w = node ? sim_node(s->sim, node) : s->client;
    assert_int_equal(rpc_channel_new(w, &options, &p->channel, NULL), 0);
    const struct rpc_request r = {
        .path = path, .metadata = {items, fill_metadata(items, &bearer, token, metadata)}, .wait_for_ready = true};
    assert_int_equal(rpc_stream_open(p->channel, &r, &events, p, &p->stream, NULL), 0);
    text_deinit(&bearer);
    if (request)
        test_pipe_send(p, request);
    if (half_close)
        assert_int_equal(rpc_stream_half_close(p->stream), 0);
    sim_run_for(s->sim, (uint64_t)(50 * MILLISECOND));
}

void test_pipe_send(struct test_pipe *p, const ProtobufCMessage *message)
{
    struct text packed = TEXT_INIT;
    assert_int_equal(pb_pack(message, &packed), 0);
    assert_non_null(p->stream);
    assert_int_equal(rpc_stream_send(p->stream, text_bytes(&packed)), 0);
    text_deinit(&packed);
}

struct waiting {
    const struct test_pipe *pipe;
    size_t messages;
};

static bool has_come(void *arg)
{
    const struct waiting *w = arg;
    return w->pipe->ended || (w->messages > 0 && w->pipe->messages.count >= w->messages);
}

void test_pipe_wait(struct test_pipe *p, size_t messages)
{
    struct waiting w = {p, messages};
    if (world_run_until(p->system->client, has_come, &w, WAIT_MAX) != 0 || (messages && p->messages.count < messages))
        fail_msg("%zu messages came, wanted %zu; %s %s", p->messages.count, messages,
                 p->ended ? grpc_status_name(p->status) : "open", text_string(&p->text));
}

void test_pipe_close(struct test_pipe *p)
{
    rpc_channel_free(p->channel);
    array_deinit(&p->messages);
    text_deinit(&p->text);
    arena_deinit(&p->arena);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

void test_call(struct sim_system *s, struct arena *arena, const char *component, const char *path, const char *token,
               const char *const *metadata, const ProtobufCMessage *request, struct test_reply *out)
{
    struct grpc_header items[METADATA_MAX];
    struct text bearer = TEXT_INIT, packed = TEXT_INIT;
    struct rpc_channel *channel = NULL;
    struct rpc_answer answer = {0};
    char address[64];
    address_of(component, address);
    const struct rpc_channel_options options = {.addresses = address};
    assert_int_equal(rpc_channel_new(s->client, &options, &channel, NULL), 0);
    assert_int_equal(pb_pack(request, &packed), 0);
    const struct rpc_request r = {.path = path,
                                  .metadata = {items, fill_metadata(items, &bearer, token, metadata)},
                                  .timeout = WAIT_MAX,
                                  .message = text_bytes(&packed),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(s->client, channel, &r, &answer, NULL), 0);
    struct bytes id = grpc_metadata_get(answer.reply.trailers, "micro-event-id");
    struct bytes revision = grpc_metadata_get(answer.reply.trailers, "micro-revision");
    *out = (struct test_reply){
        .status = answer.reply.status,
        .body = BYTES(arena_copy(arena, answer.reply.body.data, answer.reply.body.len), answer.reply.body.len),
        .text = arena_string_n(arena, answer.reply.message.len ? (const char *)answer.reply.message.data : "",
                               answer.reply.message.len),
        .id = arena_string_n(arena, id.len ? (const char *)id.data : "", id.len),
        .revision = arena_string_n(arena, revision.len ? (const char *)revision.data : "", revision.len)};
    rpc_answer_deinit(&answer);
    rpc_channel_free(channel);
    text_deinit(&bearer);
    text_deinit(&packed);
}
