#include "runtime/config/secret.h"

#include "base/base64.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define NONCE_SIZE   12
#define TAG_SIZE     16
#define KEY_FILE_MAX 4096 /* bytes */

static int decode_key(struct config_key *k, struct bytes base64, const char *from, struct error *err)
{
    struct text plain = TEXT_INIT;
    int rc = 0;
    if (!base64_decode(&plain, base64) || !text_ok(&plain) || plain.len != CONFIG_KEY_SIZE)
        rc = error_set(err, ERROR_INVALID, "%s: expected base64 of %d bytes", from, CONFIG_KEY_SIZE);
    else
        memcpy(k->bytes, plain.data, CONFIG_KEY_SIZE);
    if (plain.data)
        OPENSSL_cleanse(plain.data, plain.len);
    text_deinit(&plain);
    return rc;
}

int config_key_init(struct config_key *k, struct world *w, const char *base64, const char *path, struct error *err)
{
    *k = (struct config_key){.world = w};
    if (base64)
        return decode_key(k, bytes_of(base64), "the config secret key", err);
    struct world_stat stat;
    struct text file = TEXT_INIT;
    int rc = world_stat(w, path, &stat);
    if (rc) {
        error_set(err, rc, "cannot look at %s: %s", path, error_code_name(rc));
    } else if (stat.exists) {
        rc = world_read_file(w, path, KEY_FILE_MAX, &file, err);
        if (rc == 0)
            rc = decode_key(k, text_bytes(&file), path, err);
    } else {
        rc = world_entropy(w, k->bytes, sizeof k->bytes);
        if (rc)
            error_set(err, rc, "no random numbers can be had for a key");
        base64_encode(&file, BYTES(k->bytes, sizeof k->bytes));
        text_char(&file, '\n');
        if (rc == 0)
            rc = text_ok(&file) ? world_write_file(w, path, text_bytes(&file), true, err)
                                : error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (file.data)
        OPENSSL_cleanse(file.data, file.len);
    text_deinit(&file);
    return rc;
}

void config_key_deinit(struct config_key *k)
{
    OPENSSL_cleanse(k->bytes, sizeof k->bytes);
}

void config_wipe(struct text *t)
{
    if (t->data)
        OPENSSL_cleanse(t->data, t->len);
    text_deinit(t);
}

int config_key_check(const struct config_key *k, const char *path, struct error *err)
{
    static const char known[] = "micro's config", bound[] = "\x01"
                                                            "check"; /* no namespace is called so */
    struct text file = TEXT_INIT, plain = TEXT_INIT;
    struct world_stat stat;
    int rc = world_stat(k->world, path, &stat);
    if (rc) {
        error_set(err, rc, "cannot look at %s: %s", path, error_code_name(rc));
    } else if (stat.exists) {
        rc = world_read_file(k->world, path, KEY_FILE_MAX, &file, err);
        if (rc == 0 &&
            (config_unseal(k, bound, text_bytes(&file), &plain, NULL) != 0 || strcmp(text_string(&plain), known) != 0))
            rc = error_set(err, ERROR_DENIED,
                           "the config secret key is not the one used before: secrets stored under that one could not "
                           "be read. Give the old key, or remove %s to go on without them",
                           path);
    } else {
        rc = config_seal(k, bound, bytes_of(known), &file, err);
        if (rc == 0)
            rc = world_write_file(k->world, path, text_bytes(&file), true, err);
    }
    text_deinit(&file);
    text_deinit(&plain);
    return rc;
}

int config_seal(const struct config_key *k, const char *namespace, struct bytes plain, struct text *out,
                struct error *err)
{
    uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];
    struct text sealed = TEXT_INIT;
    int len = 0, rc = world_entropy(k->world, nonce, sizeof nonce);
    if (rc)
        return error_set(err, rc, "no random numbers can be had for a nonce");
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    rc = ERROR_MEMORY;
    text_add(&sealed, nonce, sizeof nonce);
    if (!c || plain.len > INT_MAX / 2 || strlen(namespace) > INT_MAX / 2 ||
        !text_reserve(&sealed, plain.len + TAG_SIZE))
        goto out;
    uint8_t *body = (uint8_t *)sealed.data + NONCE_SIZE;
    if (EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, nonce) != 1 ||
        EVP_EncryptUpdate(c, NULL, &len, (const uint8_t *)namespace, (int)strlen(namespace)) != 1 ||
        EVP_EncryptUpdate(c, body, &len, plain.data, (int)plain.len) != 1 ||
        EVP_EncryptFinal_ex(c, body + len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) != 1)
        goto out;
    sealed.len = NONCE_SIZE + plain.len;
    text_add(&sealed, tag, sizeof tag);
    base64_encode(out, text_bytes(&sealed));
    rc = text_ok(&sealed) && text_ok(out) ? 0 : ERROR_MEMORY;
out:
    if (rc)
        error_set(err, rc, "the secret cannot be encrypted");
    EVP_CIPHER_CTX_free(c);
    ERR_clear_error();
    text_deinit(&sealed);
    return rc;
}

int config_unseal(const struct config_key *k, const char *namespace, struct bytes sealed, struct text *out,
                  struct error *err)
{
    struct text raw = TEXT_INIT;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    size_t start = out->len;
    int len = 0, rc = ERROR_DENIED;
    if (!c || !base64_decode(&raw, sealed) || !text_ok(&raw) || raw.len < NONCE_SIZE + TAG_SIZE ||
        raw.len > INT_MAX / 2)
        goto out;
    size_t body_len = raw.len - NONCE_SIZE - TAG_SIZE;
    uint8_t *bytes = (uint8_t *)raw.data;
    if (!text_reserve(out, body_len + 1)) {
        rc = ERROR_MEMORY;
        goto out;
    }
    uint8_t *plain = (uint8_t *)out->data + start;
    if (EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, bytes) != 1 ||
        EVP_DecryptUpdate(c, NULL, &len, (const uint8_t *)namespace, (int)strlen(namespace)) != 1 ||
        EVP_DecryptUpdate(c, plain, &len, bytes + NONCE_SIZE, (int)body_len) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, bytes + NONCE_SIZE + body_len) != 1 ||
        EVP_DecryptFinal_ex(c, plain + len, &len) != 1) {
        out->data[start] = '\0';
        goto out;
    }
    out->len = start + body_len;
    out->data[out->len] = '\0';
    rc = 0;
out:
    if (rc)
        error_set(err, rc, "a secret cannot be decrypted: the key is another one, or the value is damaged");
    EVP_CIPHER_CTX_free(c);
    ERR_clear_error();
    text_deinit(&raw);
    return rc;
}
