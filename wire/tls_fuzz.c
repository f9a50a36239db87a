/* Bytes to a TLS session. The first byte: bit 0 a client instead of a server, bit 1 a server that wants certificates,
 * bits 2-4 the size of the pieces fed. */
#include "wire/grpc_fuzz.h"
#include "wire/tls.h"
#include "wire/tls_kit.h"

static struct tls_context *contexts[3]; /* client, server, server that wants certificates */

static void set_up(void)
{
    static const char *const alpn[] = {"h2", "http/1.1", NULL};
    struct tls_kit_cert ca, cert;
    MUST(tls_kit_make(&ca, "CA", NULL, NULL, false) && tls_kit_make(&cert, "store", "DNS:store", &ca, false));
    struct tls_options client = {.ca_pem = ca.cert_pem, .alpn = alpn, .time = TLS_KIT_NOW};
    struct tls_options server = {
        .server = true, .certificate_pem = cert.cert_pem, .key_pem = cert.key_pem, .alpn = alpn, .time = TLS_KIT_NOW};
    MUST(tls_context_new(&client, &contexts[0], NULL) == 0);
    MUST(tls_context_new(&server, &contexts[1], NULL) == 0);
    server.ca_pem = ca.cert_pem;
    MUST(tls_context_new(&server, &contexts[2], NULL) == 0);
    tls_kit_free(&ca);
    tls_kit_free(&cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = BYTES(data, size);
    uint8_t options = fuzz_byte(&input);
    struct tls_session *session;
    struct text plain = TEXT_INIT, cipher = TEXT_INIT;
    if (!contexts[0])
        set_up();
    MUST(tls_session_new(contexts[options & 1 ? 0 : options & 2 ? 2 : 1], "store", &session, NULL) == 0);
    MUST(tls_session_start(session, &cipher, NULL) == 0);
    size_t piece = (size_t)1 << (options >> 2 & 7) << 1;
    int rc = 0;
    while (rc == 0 && input.len > 0) {
        struct error err = ERROR_INIT;
        rc = tls_session_receive(session, fuzz_take(&input, piece), &plain, &cipher, &err);
        if (rc)
            MUST(err.message && strlen(err.message) > 0);
        error_clear(&err);
    }
    if (rc)
        MUST(tls_session_receive(session, bytes_of("x"), &plain, &cipher, NULL) != 0);
    tls_session_end(session, &cipher);
    tls_session_free(session);
    text_deinit(&plain);
    text_deinit(&cipher);
    return 0;
}
