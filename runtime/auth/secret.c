#include "runtime/auth/secret.h"

#include "base/units.h"
#include "runtime/service/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define PREFIX     "pbkdf2-sha256$"
#define RANDOM_MAX 64

static int derive(const char *secret, const uint8_t *salt, size_t salt_len, int iterations,
                  uint8_t out[SECRET_HASH_BYTES])
{
    if (!PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), salt, (int)salt_len, iterations, EVP_sha256(),
                           SECRET_HASH_BYTES, out))
        return ERROR_MEMORY;
    return 0;
}

int secret_hash(struct world *w, const char *secret, struct text *out, struct error *err)
{
    uint8_t salt[SECRET_SALT_BYTES], hash[SECRET_HASH_BYTES];
    int rc = world_entropy(w, salt, sizeof salt);
    if (rc < 0)
        return error_set(err, rc, "no random bytes for the salt: %s", error_code_name(rc));
    rc = derive(secret, salt, sizeof salt, SECRET_ITERATIONS, hash);
    if (rc < 0)
        return error_set(err, rc, "cannot hash the secret");
    text_printf(out, PREFIX "%d$", SECRET_ITERATIONS);
    base64_encode(out, BYTES(salt, sizeof salt));
    text_char(out, '$');
    base64_encode(out, BYTES(hash, sizeof hash));
    OPENSSL_cleanse(hash, sizeof hash);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* Exactly `want` bytes of base64 between `text` and `end`. */
static bool decode(const char *text, const char *end, uint8_t *out, size_t want)
{
    struct text bytes = TEXT_INIT;
    bool ok = base64_decode(&bytes, BYTES(text, (size_t)(end - text))) && bytes.len == want;
    if (ok)
        memcpy(out, bytes.data, want);
    text_deinit(&bytes);
    return ok;
}

bool secret_matches(const char *secret, const char *stored)
{
    uint8_t salt[SECRET_SALT_BYTES], want[SECRET_HASH_BYTES], got[SECRET_HASH_BYTES];
    if (strncmp(stored, PREFIX, strlen(PREFIX)) != 0)
        return false;
    const char *iterations = stored + strlen(PREFIX);
    const char *salt_text = strchr(iterations, '$');
    const char *hash_text = salt_text ? strchr(salt_text + 1, '$') : NULL;
    char number[12];
    if (!hash_text || (size_t)(salt_text - iterations) >= sizeof number)
        return false;
    memcpy(number, iterations, (size_t)(salt_text - iterations));
    number[salt_text - iterations] = '\0';
    int64_t count;
    if (units_parse_integer(number, 1, SECRET_ITERATIONS_MAX, &count, NULL) < 0 ||
        !decode(salt_text + 1, hash_text, salt, sizeof salt) ||
        !decode(hash_text + 1, hash_text + strlen(hash_text), want, sizeof want))
        return false;
    bool same = derive(secret, salt, sizeof salt, (int)count, got) == 0 && CRYPTO_memcmp(got, want, sizeof want) == 0;
    OPENSSL_cleanse(got, sizeof got);
    return same;
}

int secret_uuid(struct world *w, struct text *out, struct error *err)
{
    uint8_t b[16];
    int rc = world_entropy(w, b, sizeof b);
    if (rc < 0)
        return error_set(err, rc, "no random bytes: %s", error_code_name(rc));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++)
        text_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

int secret_random(struct world *w, size_t bytes, struct text *out, struct error *err)
{
    uint8_t raw[RANDOM_MAX];
    if (bytes > sizeof raw)
        return error_set(err, ERROR_LIMIT, "at most %d random bytes at a time", RANDOM_MAX);
    int rc = world_entropy(w, raw, bytes);
    if (rc < 0)
        return error_set(err, rc, "no random bytes: %s", error_code_name(rc));
    base64_encode_url(out, BYTES(raw, bytes));
    OPENSSL_cleanse(raw, sizeof raw);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

int secret_digest(const char *value, struct text *out, struct error *err)
{
    uint8_t hash[32];
    if (!EVP_Digest(value, strlen(value), hash, NULL, EVP_sha256(), NULL))
        return error_set(err, ERROR_MEMORY, "cannot compute a digest");
    for (size_t i = 0; i < sizeof hash; i++)
        text_printf(out, "%02x", hash[i]);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}
