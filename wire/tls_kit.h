/* Certificates made on the spot, for tests and fuzz targets of TLS. Fixed times, so that no clock is asked:
 * TLS_KIT_NOW lies inside the validity of everything that is not made expired. */
#ifndef WIRE_TLS_KIT_H
#define WIRE_TLS_KIT_H

#include <stdbool.h>
#include <stdint.h>

#define TLS_KIT_NOW INT64_C(1900000000) /* 2030-03-17 */

struct tls_kit_cert {
    char *cert_pem, *key_pem; /* owned */
    void *cert, *key;         /* X509, EVP_PKEY; owned */
};

/* `names` as in subjectAltName: "DNS:store,IP:127.0.0.1"; NULL: a CA. `issuer` NULL: self-signed. False: OpenSSL
 * failed. */
bool tls_kit_make(struct tls_kit_cert *out, const char *common_name, const char *names,
                  const struct tls_kit_cert *issuer, bool expired);
void tls_kit_free(struct tls_kit_cert *c);

#endif
