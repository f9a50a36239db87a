/* Bytes as a script for both sides at once: calls begin, send, end, are cancelled, answered and drained in any order,
 * while the wire is cut into random pieces. Two engines that talk only to each other never find a protocol error, and
 * every call ends exactly once on each side. */
#include "wire/grpc_fuzz.h"
#include "wire/grpc_kit.h"

#define CALLS 8

static const char *const paths[] = {"/kit.Echo/Echo",  "/kit.Echo/Headers", "/kit.Echo/Status", "/kit.Echo/Late",
                                    "/kit.Echo/Flood", "/kit.Echo/Hold",    "/kit.Echo/None"};

struct script {
    struct kit k;
    struct kit_call calls[CALLS];
    bool used[CALLS];
};

static void begin(struct script *s, size_t slot, struct bytes *input)
{
    if (s->used[slot] && s->calls[slot].stream)
        return;
    if (s->used[slot])
        kit_call_deinit(&s->calls[slot]);
    struct grpc_header item = {bytes_of("x-bin"), fuzz_take(input, fuzz_byte(input) & 7)};
    uint8_t how = fuzz_byte(input);
    struct grpc_request r = {
        .path = bytes_of(paths[how % 7]), .gzip = how & 64, .timeout = how, .metadata = {&item, 1}};
    s->used[slot] = kit_start(&s->k, &s->calls[slot], &r, NULL) == 0;
    s->calls[slot].keep = how & 128;
}

static void step(struct script *s, struct bytes *input)
{
    static const uint8_t data[70000];
    struct kit *k = &s->k;
    uint8_t op = fuzz_byte(input);
    size_t slot = op >> 5;
    struct grpc_stream *stream = s->used[slot] ? s->calls[slot].stream : NULL;
    switch (op & 15) {
    case 0:
    case 1:
        begin(s, slot, input);
        break;
    case 2:
    case 3:
        if (stream) {
            size_t len = fuzz_byte(input);
            grpc_stream_send_message(stream, BYTES(data, op & 16 ? len * 256 : len));
        }
        break;
    case 4:
        if (stream)
            grpc_stream_half_close(stream);
        break;
    case 5:
        if (stream)
            grpc_stream_reset(stream, fuzz_byte(input) & 15);
        break;
    case 6:
        if (stream) {
            grpc_stream_consumed(stream, s->calls[slot].unconsumed);
            s->calls[slot].unconsumed = 0;
        }
        break;
    case 7:
        if (k->last)
            grpc_stream_finish(k->last, fuzz_byte(input) % 17, bytes_of("end"), bytes_of("d"),
                               (struct grpc_metadata){NULL, 0});
        break;
    case 8:
        if (k->last)
            grpc_stream_send_message(k->last, BYTES(data, fuzz_byte(input)));
        break;
    case 9:
        if (k->last)
            grpc_stream_reset(k->last, fuzz_byte(input) & 15);
        break;
    case 10:
        k->consume = !k->consume;
        if (k->last) {
            grpc_stream_consumed(k->last, k->server_unconsumed < 1000 ? k->server_unconsumed : 1000);
            k->server_unconsumed = 0;
        }
        break;
    case 11:
        k->now += (uint64_t)fuzz_byte(input) * 1000000;
        grpc_conn_tick(k->client, k->now);
        grpc_conn_tick(k->server, k->now);
        break;
    case 12:
        if (op & 16)
            grpc_conn_drain(slot == 7 ? k->client : k->server);
        break;
    case 13:
        kit_step(k, true);
        break;
    case 14:
        kit_step(k, false);
        break;
    default:
        kit_pump(k);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = BYTES(data, size);
    struct grpc_settings client, server;
    struct script s = {0};
    uint8_t options = fuzz_byte(&input);
    grpc_settings_init(&client, false);
    grpc_settings_init(&server, true);
    client.keepalive_every = server.keepalive_every = 100000000;
    if (options & 1)
        server.window = 300;
    if (options & 2)
        client.window = 300;
    if (options & 4)
        server.streams_max = 2;
    if (options & 8)
        server.message_max = 5000;
    if (options & 16)
        client.gzip = false;
    MUST(kit_init(&s.k, options, &client, &server) == 0);
    for (int i = 0; i < 300 && input.len > 0; i++)
        step(&s, &input);
    kit_pump(&s.k);
    if (s.k.receive_error)
        fprintf(stderr, "%s\n", text_string(&s.k.error));
    MUST(s.k.receive_error == 0);
    kit_drop_client(&s.k);
    kit_drop_server(&s.k);
    for (int i = 0; i < CALLS; i++) {
        if (!s.used[i])
            continue;
        MUST(s.calls[i].finished == 1 && s.calls[i].closed == 1);
        kit_call_deinit(&s.calls[i]);
    }
    MUST(s.k.requests == s.k.server_closed);
    kit_deinit(&s.k);
    return 0;
}
