/* Tokens and trace ids as strangers send them. A token is made of the input three times over: as it is; as header,
 * claims and signature whose text is given, so that what stands behind base64 is reached; and with a claims part that
 * is really signed. */
#include "base/base64.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/internal.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static void sign(struct text *token)
{
    BIO *bio = BIO_new_mem_buf(sim_private_key, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof signature;
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &len, (const unsigned char *)token->data, token->len) != 1)
        abort();
    text_char(token, '.');
    base64_encode_url(token, BYTES(signature, len));
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

/* What is taken for good says who it is of, and cannot have expired. */
static void verify(const char *token, bool right)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct micro_claims claims = {0};
    char id[MICRO_KEY_ID_MAX + 1];
    int rc = micro_token_verify(sim_public_key, token, 1000, &arena, &claims, &err);
    int named = micro_token_key_id(token, id, NULL);
    if (rc == 0 && (!right || named != 0 || claims.expires <= 1000 || !claims.subject[0] || !claims.scopes ||
                    strcmp(claims.key_id, id) != 0))
        abort();
    if (rc != 0 && !err.message)
        abort();
    error_clear(&err);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text raw = TEXT_INIT, built = TEXT_INIT;
    text_add(&raw, data, size);
    verify(text_string(&raw), false);
    const uint8_t *split = size ? memchr(data, '\n', size) : NULL;
    size_t header = split ? (size_t)(split - data) : 0;
    base64_encode_url(&built, BYTES(data, header));
    text_char(&built, '.');
    if (split)
        base64_encode_url(&built, BYTES(split + 1, size - header - 1));
    size_t unsigned_len = built.len;
    text_puts(&built, ".c2lnbmF0dXJl");
    verify(text_string(&built), false);
    char key_id[MICRO_KEY_ID_MAX + 1], id[MICRO_TRACE_MAX + 1] = "";
    if (micro_token_key_id(text_string(&built), key_id, NULL) == 0) { /* signing takes milliseconds */
        text_truncate(&built, unsigned_len);
        sign(&built);
        verify(text_string(&built), true);
    }
    if (micro_trace_take_id(id, BYTES(data, size)) && (strlen(id) != size || memcmp(id, data, size) != 0))
        abort();
    text_deinit(&raw);
    text_deinit(&built);
    return 0;
}
