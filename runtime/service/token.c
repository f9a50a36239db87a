/* Access tokens: JSON Web Tokens (RFC 7519) signed RS256 (RFC 7518, 3.3), no other algorithm accepted.
 * Claims as Micro v3 writes them: type, scopes, metadata, name, sub, iss, exp; and "gen", the account's generation, by
 * which a token can be revoked. The header's "kid" says which key signed; tokens without one are the root key's. */
#include "base/base64.h"
#include "base/json_build.h"
#include "base/json_text.h"
#include "runtime/service/internal.h"
#include "runtime/service/key_cache.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* The least RS256 allows (RFC 7518, 3.3). Keys rotate, so none has to last; and the first one is drawn while somebody
 * waits for the first boot, where 3072 bits take four times as long. Keys of other sizes are as good to read. */
#define KEY_BITS         2048
#define KEY_ID_BYTES     8 /* of the digest that names a key */
#define CLAIM_SCOPES_MAX 256

static char *claims_json(const struct micro_claims *claims)
{
    json_t *scopes = json_array();
    for (size_t i = 0; claims->scopes && claims->scopes[i]; i++)
        json_build_add(&scopes, json_string(claims->scopes[i]));
    json_t *root =
        json_pack("{s:s, s:o, s:{}, s:s, s:s, s:s, s:I}", "type", claims->type ? claims->type : "user", "scopes",
                  scopes, "metadata", "name", claims->name ? claims->name : claims->subject, "sub", claims->subject,
                  "iss", claims->issuer ? claims->issuer : "", "exp", (json_int_t)claims->expires);
    if (claims->generation && claims->generation[0])
        json_build_set(&root, "gen", json_string(claims->generation));
    char *text = root ? json_text_of(root, 0) : NULL;
    json_decref(root);
    return text;
}

static char *header_json(const char *key_id)
{
    json_t *root = key_id && key_id[0] ? json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid", key_id)
                                       : json_pack("{s:s, s:s}", "alg", "RS256", "typ", "JWT");
    char *text = root ? json_text_of(root, 0) : NULL;
    json_decref(root);
    return text;
}

int micro_token_sign(const char *private_key_pem, const struct micro_claims *claims, struct text *out,
                     struct error *err)
{
    int rc = ERROR_MEMORY;
    size_t start = out->len;
    EVP_PKEY *key = NULL;
    EVP_MD_CTX *context = NULL;
    unsigned char *signature = NULL;
    char *json = claims->subject ? claims_json(claims) : NULL;
    char *header = header_json(claims->key_id);
    if (!json || !header) {
        rc = error_set(err, ERROR_INVALID, "an access token needs a subject of valid UTF-8");
        goto out;
    }
    key = key_cache_get(private_key_pem, true);
    if (!key) {
        rc = error_set(err, ERROR_INVALID, "the private key is not an RSA key in PEM form");
        goto out;
    }
    base64_encode_url(out, bytes_of(header));
    text_char(out, '.');
    base64_encode_url(out, bytes_of(json));
    size_t len = 0;
    context = EVP_MD_CTX_new();
    if (!text_ok(out) || !context)
        goto out;
    const unsigned char *data = (const unsigned char *)out->data + start;
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, NULL, &len, data, out->len - start) != 1 || !(signature = malloc(len)) ||
        EVP_DigestSign(context, signature, &len, data, out->len - start) != 1) {
        rc = error_set(err, ERROR_IO, "the access token cannot be signed");
        goto out;
    }
    text_char(out, '.');
    base64_encode_url(out, BYTES(signature, len));
    rc = text_ok(out) ? 0 : ERROR_MEMORY;
out:
    if (rc == ERROR_MEMORY)
        error_set(err, rc, "out of memory");
    if (rc)
        text_truncate(out, start);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    free(signature);
    free(json);
    free(header);
    ERR_clear_error();
    return rc;
}

static int check_header(struct bytes part, char key_id[MICRO_KEY_ID_MAX + 1], struct error *err)
{
    struct text json = TEXT_INIT;
    int rc = error_set(err, ERROR_DENIED, "the token's header cannot be read");
    json_t *root = NULL;
    if (base64_decode(&json, part) && text_ok(&json))
        root = json_loadb(text_string(&json), json.len, 0, NULL);
    const char *alg = json_string_value(json_object_get(root, "alg"));
    const char *kid = json_string_value(json_object_get(root, "kid"));
    if (root) {
        error_clear(err);
        if (!alg || strcmp(alg, "RS256") != 0)
            rc = error_set(err, ERROR_DENIED, "the token is not signed by RS256");
        else if (json_object_get(root, "crit")) /* RFC 7515, 4.1.11: what is critical must be understood */
            rc = error_set(err, ERROR_DENIED, "the token has critical headers, and none is known here");
        else if (json_object_get(root, "kid") && (!kid || strlen(kid) > MICRO_KEY_ID_MAX))
            rc = error_set(err, ERROR_DENIED, "the token's key id is not text of at most %d bytes", MICRO_KEY_ID_MAX);
        else
            rc = 0;
    }
    snprintf(key_id, MICRO_KEY_ID_MAX + 1, "%s", rc == 0 && kid ? kid : "");
    json_decref(root);
    text_deinit(&json);
    if (rc == 0)
        error_clear(err);
    return rc;
}

static int check_signature(const char *pem, struct bytes signed_part, struct bytes part, struct error *err)
{
    struct text signature = TEXT_INIT;
    EVP_PKEY *key = key_cache_get(pem, false);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int rc = 0;
    if (!key)
        rc = error_set(err, ERROR_INVALID, "the public key is not an RSA key in PEM form");
    else if (!context)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    else if (!base64_decode(&signature, part) || !text_ok(&signature) ||
             EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
             EVP_DigestVerify(context, (const unsigned char *)text_string(&signature), signature.len, signed_part.data,
                              signed_part.len) != 1)
        rc = error_set(err, ERROR_DENIED, "the token's signature is wrong");
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    text_deinit(&signature);
    ERR_clear_error();
    return rc;
}

static const char *claim(const json_t *root, const char *name, struct arena *arena)
{
    const char *value = json_string_value(json_object_get(root, name));
    return arena_string(arena, value ? value : "");
}

/* *not_before: when it begins to be valid (RFC 7519, 4.1.5), 0 without the claim. */
static int read_claims(struct bytes part, struct arena *arena, struct micro_claims *out, double *not_before,
                       struct error *err)
{
    struct text json = TEXT_INIT;
    json_t *root = NULL;
    int rc = 0;
    if (base64_decode(&json, part) && text_ok(&json))
        root = json_loadb(text_string(&json), json.len, 0, NULL);
    if (!json_is_object(root)) {
        rc = error_set(err, ERROR_DENIED, "the token's claims cannot be read");
        goto out;
    }
    const json_t *expires = json_object_get(root, "exp"), *scopes = json_object_get(root, "scopes");
    const json_t *begins = json_object_get(root, "nbf");
    if (!json_is_number(expires)) {
        rc = error_set(err, ERROR_DENIED, "the token does not say when it expires");
        goto out;
    }
    if (begins && !json_is_number(begins)) {
        rc = error_set(err, ERROR_DENIED, "the token does not say when it begins to be valid");
        goto out;
    }
    *not_before = json_number_value(begins);
    size_t count = json_array_size(scopes);
    if (count > CLAIM_SCOPES_MAX) {
        rc = error_set(err, ERROR_DENIED, "the token has more than %d scopes", CLAIM_SCOPES_MAX);
        goto out;
    }
    double seconds = json_number_value(expires);
    const char **list = ARENA_NEW_N(arena, const char *, count + 1);
    *out = (struct micro_claims){.subject = claim(root, "sub", arena),
                                 .type = claim(root, "type", arena),
                                 .issuer = claim(root, "iss", arena),
                                 .name = claim(root, "name", arena),
                                 .generation = claim(root, "gen", arena),
                                 .scopes = list,
                                 .expires = seconds < 0      ? 0
                                            : seconds > 1e15 ? INT64_C(1000000000000000)
                                                             : (int64_t)seconds};
    bool ok = out->subject && out->type && out->issuer && out->name && out->generation && list;
    size_t kept = 0;
    for (size_t i = 0; ok && i < count; i++) {
        const char *scope = json_string_value(json_array_get(scopes, i));
        if (!scope)
            continue;
        list[kept] = arena_string(arena, scope);
        ok = list[kept++] != NULL;
    }
    if (!ok)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    else if (out->subject[0] == '\0')
        rc = error_set(err, ERROR_DENIED, "the token has no subject");
out:
    json_decref(root);
    text_deinit(&json);
    return rc;
}

/* The three parts. */
static int split_token(const char *token, struct bytes *header, struct bytes *claims, struct bytes *signature,
                       struct error *err)
{
    size_t len = strnlen(token, MICRO_TOKEN_MAX + 1);
    const char *first = memchr(token, '.', len);
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (len > MICRO_TOKEN_MAX || !second || strchr(second + 1, '.'))
        return error_set(err, ERROR_DENIED, "the token is not a JSON Web Token");
    *header = BYTES(token, (size_t)(first - token));
    *claims = BYTES(first + 1, (size_t)(second - first - 1));
    *signature = bytes_of(second + 1);
    return 0;
}

int micro_token_key_id(const char *token, char out[MICRO_KEY_ID_MAX + 1], struct error *err)
{
    struct bytes header, claims, signature;
    int rc = split_token(token, &header, &claims, &signature, err);
    out[0] = '\0';
    return rc ? rc : check_header(header, out, err);
}

int micro_token_verify(const char *public_key_pem, const char *token, int64_t now, struct arena *arena,
                       struct micro_claims *out, struct error *err)
{
    struct bytes header, claims, signature;
    char key_id[MICRO_KEY_ID_MAX + 1];
    double not_before = 0;
    int rc = split_token(token, &header, &claims, &signature, err);
    if (rc == 0)
        rc = check_header(header, key_id, err);
    if (rc == 0)
        rc = check_signature(public_key_pem, BYTES(token, header.len + 1 + claims.len), signature, err);
    if (rc == 0)
        rc = read_claims(claims, arena, out, &not_before, err);
    if (rc == 0 && !(out->key_id = arena_string(arena, key_id)))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && now >= out->expires)
        rc = error_set(err, ERROR_DENIED, "the token has expired");
    if (rc == 0 && (double)now < not_before)
        rc = error_set(err, ERROR_DENIED, "the token is not valid yet");
    return rc;
}

int micro_key_id(const char *public_key_pem, char out[MICRO_KEY_ID_MAX + 1], struct error *err)
{
    EVP_PKEY *key = key_cache_get(public_key_pem, false);
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    int len = key ? i2d_PUBKEY(key, &der) : -1, rc = 0;
    out[0] = '\0';
    if (len <= 0 || EVP_Digest(der, (size_t)len, digest, &digest_len, EVP_sha256(), NULL) != 1)
        rc = error_set(err, ERROR_INVALID, "the public key is not an RSA key in PEM form");
    for (unsigned i = 0; rc == 0 && i < KEY_ID_BYTES; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

static bool take_bio(BIO *bio, struct text *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len <= 0)
        return false;
    text_add(out, data, (size_t)len);
    return text_ok(out);
}

int micro_keys_generate(struct text *private_pem, struct text *public_pem, struct error *err)
{
    int rc = ERROR_IO;
    EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
    BIO *private_bio = BIO_new(BIO_s_mem()), *public_bio = BIO_new(BIO_s_mem());
    if (key && private_bio && public_bio &&
        PEM_write_bio_PrivateKey(private_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_PUBKEY(public_bio, key) == 1 && take_bio(private_bio, private_pem) &&
        take_bio(public_bio, public_pem))
        rc = 0;
    if (rc)
        error_set(err, rc, "an RSA key pair cannot be made");
    BIO_free(private_bio);
    BIO_free(public_bio);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

void micro_key_forget(const char *pem)
{
    key_cache_forget(pem);
}
