#include "wire/tls_kit.h"

#include "wire/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define DAY (24L * 3600)

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool added = e && X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

static char *take(BIO *bio)
{
    char *data, *copy = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len > 0 && (copy = malloc((size_t)len + 1)) != NULL) {
        memcpy(copy, data, (size_t)len);
        copy[len] = '\0';
    }
    BIO_free(bio);
    return copy;
}

bool tls_kit_make(struct tls_kit_cert *out, const char *common_name, const char *names,
                  const struct tls_kit_cert *issuer, bool expired)
{
    static long serial = 1;
    memset(out, 0, sizeof *out);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    out->key = key;
    out->cert = cert;
    if (!key || !cert)
        return false;
    X509 *parent = issuer ? issuer->cert : cert;
    X509_NAME *name = X509_get_subject_name(cert);
    time_t from = (time_t)TLS_KIT_NOW - 10 * DAY, to = (time_t)TLS_KIT_NOW + (expired ? -1 : 10) * DAY;
    bool fine = X509_set_version(cert, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++) == 1 &&
                ASN1_TIME_set(X509_getm_notBefore(cert), from) && ASN1_TIME_set(X509_getm_notAfter(cert), to) &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0) &&
                X509_set_issuer_name(cert, X509_get_subject_name(parent)) && X509_set_pubkey(cert, key) &&
                add_extension(cert, parent, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE") &&
                (!names || add_extension(cert, parent, NID_subject_alt_name, names)) &&
                X509_sign(cert, issuer ? issuer->key : key, EVP_sha256()) > 0;
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    fine = fine && cert_bio && key_bio && PEM_write_bio_X509(cert_bio, cert) == 1 &&
           PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    out->cert_pem = cert_bio ? take(cert_bio) : NULL;
    out->key_pem = key_bio ? take(key_bio) : NULL;
    return fine && out->cert_pem && out->key_pem;
}

void tls_kit_free(struct tls_kit_cert *c)
{
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
    free(c->cert_pem);
    free(c->key_pem);
    memset(c, 0, sizeof *c);
}
