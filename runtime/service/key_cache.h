/* RSA keys read from PEM, kept: reading one costs more than checking a signature with it, and a private key that is
 * kept signs faster than one made anew (its blinding and precomputed values stay).
 *
 * One small table per process, which is one thread: KEY_CACHE_SIZE keys, the one unused longest makes room. A key is
 * found by the SHA-256 of its PEM, so that no second copy of a secret is held. OpenSSL wipes a private key's numbers
 * when its last reference goes; the table gives up its own when the key makes room, when it is forgotten, and at exit.
 */
#ifndef RUNTIME_SERVICE_KEY_CACHE_H
#define RUNTIME_SERVICE_KEY_CACHE_H

#include <openssl/evp.h>
#include <stdbool.h>

#define KEY_CACHE_SIZE 32

/* A reference for the caller (EVP_PKEY_free); NULL: not an RSA key in PEM form, or no memory. */
EVP_PKEY *key_cache_get(const char *pem, bool private_key);
void key_cache_forget(const char *pem);
void key_cache_clear(void);

#endif
