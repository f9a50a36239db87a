#include "runtime/auth/secret.h"

#include "base/base64.h"
#include "base/units.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define PBKDF2     "pbkdf2-sha256$"
#define SCRYPT     "scrypt$"
#define RANDOM_MAX 64
#define MEMORY_MAX ((uint64_t)48 << 20) /* bytes scrypt may take; N=2^15 needs 32 MB and a little */
#define PARTS_MAX  5                    /* after the scheme's name */

/* A stored record in its parts. */
struct stored {
    bool scrypt;
    int64_t cost; /* log2 N, or PBKDF2's iterations */
    int64_t blocks, lanes;
    uint8_t salt[SECRET_SALT_BYTES], hash[SECRET_HASH_BYTES];
};

static int derive(const char *secret, const struct stored *s, uint8_t out[SECRET_HASH_BYTES])
{
    int ok;
    if (s->scrypt)
        ok = EVP_PBE_scrypt(secret, strlen(secret), s->salt, sizeof s->salt, UINT64_C(1) << s->cost,
                            (uint64_t)s->blocks, (uint64_t)s->lanes, MEMORY_MAX, out, SECRET_HASH_BYTES);
    else
        ok = PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), s->salt, sizeof s->salt, (int)s->cost, EVP_sha256(),
                               SECRET_HASH_BYTES, out);
    ERR_clear_error();
    return ok == 1 ? 0 : ERROR_MEMORY;
}

int secret_hash(struct world *w, int cost, const char *secret, struct text *out, struct error *err)
{
    struct stored s = {.scrypt = true, .cost = cost, .blocks = SECRET_BLOCKS, .lanes = SECRET_LANES};
    int rc = world_entropy(w, s.salt, sizeof s.salt);
    if (rc < 0)
        return error_set(err, rc, "no random bytes for the salt: %s", error_code_name(rc));
    rc = derive(secret, &s, s.hash);
    if (rc < 0)
        return error_set(err, rc, "cannot hash the secret");
    text_printf(out, SCRYPT "%d$%d$%d$", cost, SECRET_BLOCKS, SECRET_LANES);
    base64_encode(out, BYTES(s.salt, sizeof s.salt));
    text_char(out, '$');
    base64_encode(out, BYTES(s.hash, sizeof s.hash));
    OPENSSL_cleanse(s.hash, sizeof s.hash);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* Exactly `want` bytes of base64. */
static bool decode(struct bytes text, uint8_t *out, size_t want)
{
    struct text bytes = TEXT_INIT;
    bool ok = base64_decode(&bytes, text) && text_ok(&bytes) && bytes.len == want;
    if (ok)
        memcpy(out, bytes.data, want);
    text_deinit(&bytes);
    return ok;
}

static bool number(struct bytes text, int64_t max, int64_t *out)
{
    char digits[12];
    if (text.len == 0 || text.len >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    return units_parse_integer(digits, 1, max, out, NULL) == 0;
}

/* The parts between "$"; how many, 0 when there are more than fit. */
static size_t split(const char *text, struct bytes parts[PARTS_MAX])
{
    size_t count = 0;
    for (;;) {
        const char *end = strchr(text, '$');
        if (count == PARTS_MAX)
            return 0;
        parts[count++] = end ? BYTES(text, (size_t)(end - text)) : bytes_of(text);
        if (!end)
            return count;
        text = end + 1;
    }
}

static bool parse(const char *text, struct stored *out)
{
    struct bytes parts[PARTS_MAX];
    *out = (struct stored){.scrypt = strncmp(text, SCRYPT, strlen(SCRYPT)) == 0};
    if (out->scrypt)
        return split(text + strlen(SCRYPT), parts) == 5 && number(parts[0], SECRET_COST_MAX, &out->cost) &&
               number(parts[1], SECRET_BLOCKS, &out->blocks) && number(parts[2], SECRET_LANES, &out->lanes) &&
               decode(parts[3], out->salt, sizeof out->salt) && decode(parts[4], out->hash, sizeof out->hash);
    return strncmp(text, PBKDF2, strlen(PBKDF2)) == 0 && split(text + strlen(PBKDF2), parts) == 3 &&
           number(parts[0], SECRET_ITERATIONS_MAX, &out->cost) && decode(parts[1], out->salt, sizeof out->salt) &&
           decode(parts[2], out->hash, sizeof out->hash);
}

bool secret_matches(const char *secret, const char *stored)
{
    struct stored s;
    uint8_t got[SECRET_HASH_BYTES];
    bool same = parse(stored, &s) && derive(secret, &s, got) == 0 && CRYPTO_memcmp(got, s.hash, sizeof got) == 0;
    OPENSSL_cleanse(got, sizeof got);
    return same;
}

bool secret_outdated(const char *stored, int cost)
{
    struct stored s;
    return !parse(stored, &s) || !s.scrypt || s.cost != cost || s.blocks != SECRET_BLOCKS || s.lanes != SECRET_LANES;
}

void secret_waste(const char *secret, int cost)
{
    const struct stored s = {.scrypt = true, .cost = cost, .blocks = SECRET_BLOCKS, .lanes = SECRET_LANES};
    uint8_t got[SECRET_HASH_BYTES];
    (void)derive(secret, &s, got);
    OPENSSL_cleanse(got, sizeof got);
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
    raw[0] &= 0x7f; /* one bit less, and it begins with a letter: what begins with "-" is no value on a command line */
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

int secret_mac(const char *key, const char *data, struct text *out, struct error *err)
{
    uint8_t mac[32];
    unsigned int len = sizeof mac;
    if (!HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)data, strlen(data), mac, &len))
        return error_set(err, ERROR_MEMORY, "cannot compute an authentication code");
    base64_encode_url(out, BYTES(mac, len));
    OPENSSL_cleanse(mac, sizeof mac);
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

bool secret_equal(const char *a, const char *b)
{
    size_t len = strlen(a);
    return strlen(b) == len && CRYPTO_memcmp(a, b, len) == 0;
}
