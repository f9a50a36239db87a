/* Bytes to a client that has three calls open. The first byte: bit 0 puts SETTINGS in front, bits 1-3 the size of the
 * pieces fed, bit 4 half-closed calls, bit 5 small limits. */
#include "wire/grpc_fuzz.h"
#include "wire/grpc_kit.h"

#define CALLS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hello[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    struct bytes input = BYTES(data, size);
    uint8_t options = fuzz_byte(&input);
    struct grpc_settings settings;
    struct kit k;
    struct kit_call calls[CALLS];
    struct text out = TEXT_INIT;
    grpc_settings_init(&settings, false);
    if (options & 32) {
        settings.message_max = 100;
        settings.metadata_max = 400;
        settings.window = 64;
    }
    MUST(kit_init(&k, options, &settings, NULL) == 0);
    for (int i = 0; i < CALLS; i++) {
        MUST(kit_start_path(&k, &calls[i], "/a.B/C") == 0);
        grpc_stream_send_message(calls[i].stream, bytes_of("request"));
        if (options & 16)
            grpc_stream_half_close(calls[i].stream);
    }
    grpc_conn_send(k.client, &out, 100000);
    int rc = 0;
    if (options & 1)
        rc = grpc_conn_receive(k.client, BYTES(hello, sizeof hello), 1, NULL);
    size_t piece = (size_t)1 << (options >> 1 & 7) << 1;
    while (rc == 0 && input.len > 0) {
        rc = grpc_conn_receive(k.client, fuzz_take(&input, piece), 2, NULL);
        text_clear(&out);
        grpc_conn_send(k.client, &out, 100000);
    }
    text_deinit(&out);
    kit_drop_client(&k);
    for (int i = 0; i < CALLS; i++) {
        MUST(calls[i].finished == 1 && calls[i].closed == 1);
        MUST(calls[i].status >= GRPC_OK && calls[i].status <= GRPC_UNAUTHENTICATED);
        kit_call_deinit(&calls[i]);
    }
    kit_deinit(&k);
    return 0;
}
