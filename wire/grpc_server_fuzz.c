/* Bytes to a server. The first byte: bit 0 puts preface and SETTINGS in front, bits 1-3 the size of the pieces fed,
 * bit 4 whether messages are consumed, bit 5 small limits, bit 6 a drain half-way. */
#include "wire/grpc_fuzz.h"
#include "wire/grpc_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    struct bytes input = BYTES(data, size);
    uint8_t options = fuzz_byte(&input);
    struct grpc_settings settings;
    struct kit k;
    grpc_settings_init(&settings, true);
    if (options & 32) {
        settings.message_max = 100;
        settings.metadata_max = 400;
        settings.streams_max = 2;
        settings.window = 64;
        settings.ping_min = 1000;
    }
    MUST(kit_init(&k, options, NULL, &settings) == 0);
    k.consume = options & 16;
    struct text out = TEXT_INIT;
    int rc = 0;
    if (options & 1)
        rc = grpc_conn_receive(k.server, BYTES(hello, sizeof hello), 1, NULL);
    size_t piece = (size_t)1 << (options >> 1 & 7) << 1, half = input.len / 2;
    uint64_t now = 1;
    while (rc == 0 && input.len > 0) {
        rc = grpc_conn_receive(k.server, fuzz_take(&input, piece), now++, NULL);
        text_clear(&out);
        grpc_conn_send(k.server, &out, 1000);
        if ((options & 64) && input.len < half)
            grpc_conn_drain(k.server);
    }
    if (rc)
        MUST(strlen(grpc_conn_reason(k.server)) > 0);
    for (int i = 0; i < 1000 && grpc_conn_wants_send(k.server); i++) {
        text_clear(&out);
        if (grpc_conn_send(k.server, &out, 100000) == 0)
            break;
    }
    text_deinit(&out);
    kit_drop_server(&k);
    MUST(k.requests == k.server_closed);
    MUST(k.cancelled <= k.requests);
    kit_deinit(&k);
    return 0;
}
