#include "runtime/service/key_cache.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_SIZE 32 /* SHA-256 */

static struct slot {
    EVP_PKEY *key; /* NULL: free */
    unsigned char digest[DIGEST_SIZE];
    bool private_key;
    uint64_t used;
} slots[KEY_CACHE_SIZE];
static size_t kept; /* slots in use */
static uint64_t turn;
static bool at_exit;

static bool digest_of(const char *pem, unsigned char out[DIGEST_SIZE])
{
    unsigned len = 0;
    return EVP_Digest(pem, strlen(pem), out, &len, EVP_sha256(), NULL) == 1 && len == DIGEST_SIZE;
}

static EVP_PKEY *read_key(const char *pem, bool private_key)
{
    size_t len = strlen(pem);
    BIO *bio = len < INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    if (!bio)
        return NULL;
    EVP_PKEY *key =
        private_key ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static void slot_clear(struct slot *s)
{
    kept -= s->key != NULL;
    EVP_PKEY_free(s->key);
    OPENSSL_cleanse(s, sizeof *s);
}

static void keep(const unsigned char digest[DIGEST_SIZE], bool private_key, EVP_PKEY *key)
{
    struct slot *s = &slots[0];
    for (size_t i = 1; i < KEY_CACHE_SIZE && s->key; i++)
        if (!slots[i].key || slots[i].used < s->used)
            s = &slots[i];
    if (EVP_PKEY_up_ref(key) != 1)
        return;
    if (!at_exit) /* behind OpenSSL's own handler, which is there by now, so this one runs before it */
        at_exit = atexit(key_cache_clear) == 0;
    slot_clear(s);
    kept++;
    s->key = key;
    s->private_key = private_key;
    s->used = ++turn;
    memcpy(s->digest, digest, DIGEST_SIZE);
}

EVP_PKEY *key_cache_get(const char *pem, bool private_key)
{
    unsigned char digest[DIGEST_SIZE];
    if (!digest_of(pem, digest))
        return NULL;
    for (size_t i = 0; i < KEY_CACHE_SIZE; i++) {
        struct slot *s = &slots[i];
        if (!s->key || s->private_key != private_key || memcmp(s->digest, digest, DIGEST_SIZE) != 0)
            continue;
        s->used = ++turn;
        return EVP_PKEY_up_ref(s->key) == 1 ? s->key : NULL;
    }
    EVP_PKEY *key = read_key(pem, private_key);
    if (key)
        keep(digest, private_key, key);
    return key;
}

void key_cache_forget(const char *pem)
{
    unsigned char digest[DIGEST_SIZE];
    if (kept == 0)
        return;
    if (!digest_of(pem, digest)) { /* rather none than this one */
        key_cache_clear();
        return;
    }
    for (size_t i = 0; i < KEY_CACHE_SIZE; i++)
        if (slots[i].key && memcmp(slots[i].digest, digest, DIGEST_SIZE) == 0)
            slot_clear(&slots[i]);
}

void key_cache_clear(void)
{
    for (size_t i = 0; i < KEY_CACHE_SIZE; i++)
        slot_clear(&slots[i]);
}
