/* TLS as a filter, sans-IO, on OpenSSL memory BIOs: ciphertext in, plaintext out, and back. TLS 1.2 and later, ALPN.
 * The owner moves bytes; no socket is touched. */
#ifndef WIRE_TLS_H
#define WIRE_TLS_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_context;
struct tls_options {
    bool server;
    const char *certificate_pem, *key_pem; /* PEM text; required for a server, optional for a client (mutual TLS) */
    const char *ca_pem; /* trust anchors; a client without: the system's; a server with: clients must present one */
    bool insecure;      /* client: no verification. Said aloud in the log by whoever sets it */
    const char *const *alpn; /* NULL-terminated, most wanted first */
    int64_t time;            /* seconds since 1970 at which certificates must be valid; 0: OpenSSL asks the system */
};
int tls_context_new(const struct tls_options *options, struct tls_context **out, struct error *err);
void tls_context_free(struct tls_context *c); /* sessions made from it stay valid */

struct tls_session;
int tls_session_new(struct tls_context *c, const char *server_name, struct tls_session **out, struct error *err);
void tls_session_free(struct tls_session *s);
/* Feed ciphertext; decrypted bytes are appended to `plain`, bytes for the peer to `cipher`. ERROR_CLOSED: the peer
 * ended the session (when data came with the end, the next call says so). ERROR_DENIED: a certificate was missing or
 * not trusted. On any error `cipher` may hold an alert the peer should get. */
int tls_session_receive(struct tls_session *s, struct bytes data, struct text *plain, struct text *cipher,
                        struct error *err);
int tls_session_send(struct tls_session *s, struct bytes plain, struct text *cipher, struct error *err);
int tls_session_start(struct tls_session *s, struct text *cipher, struct error *err); /* client hello */
bool tls_session_ready(const struct tls_session *s);                                  /* handshake done */
const char *tls_session_alpn(const struct tls_session *s);                            /* NULL: none agreed */
void tls_session_end(struct tls_session *s, struct text *cipher);                     /* close_notify */

#endif
