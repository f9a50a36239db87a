#include "wire/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define TLS_ALPN_MAX  255                /* bytes of the whole list on the wire */
#define TLS_READ_SIZE ((size_t)16 << 10) /* bytes: one TLS record's plaintext */

struct tls_context {
    SSL_CTX *ctx;
    int references; /* the creator's and one per session */
    bool server;
    bool verify_peer;
    unsigned char alpn[TLS_ALPN_MAX]; /* each name behind its length */
    unsigned alpn_len;
};

struct tls_session {
    struct tls_context *context;
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    char alpn[TLS_ALPN_MAX + 1];
    bool ready, closed;
};

/* ---- errors ---- */

/* OpenSSL's queue as one message; the queue is emptied. */
static int tls_error(struct error *err, int code, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e ? ERR_reason_error_string(e) : NULL;
    if (e && ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
        code = ERROR_MEMORY;
    error_set(err, code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return code;
}

/* ---- contexts ---- */

static int wire_alpn(struct tls_context *c, const char *const *names, struct error *err)
{
    for (size_t i = 0; names && names[i]; i++) {
        size_t len = strlen(names[i]);
        if (len == 0 || len + 1 > sizeof c->alpn - c->alpn_len)
            return error_set(err, ERROR_INVALID, "ALPN name \"%s\" is empty or does not fit", names[i]);
        c->alpn[c->alpn_len++] = (unsigned char)len;
        memcpy(c->alpn + c->alpn_len, names[i], len);
        c->alpn_len += (unsigned)len;
    }
    return 0;
}

/* Server: the first of our names that the client offers too. None in common ends the handshake (RFC 7301). */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
                       unsigned offered_len, void *arg)
{
    const struct tls_context *c = arg;
    (void)ssl;
    for (unsigned i = 0; i < c->alpn_len; i += c->alpn[i] + 1U) {
        for (unsigned j = 0; j < offered_len && j + offered[j] < offered_len; j += offered[j] + 1U) {
            if (offered[j] == c->alpn[i] && memcmp(offered + j + 1, c->alpn + i + 1, c->alpn[i]) == 0) {
                *out = offered + j + 1;
                *out_len = offered[j];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* No terminal may be asked for a passphrase here. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static BIO *pem_bio(const char *pem)
{
    size_t len = strlen(pem);
    return len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
}

/* The first certificate is ours, those behind it are its chain. */
static int use_certificate(SSL_CTX *ctx, const char *pem, struct error *err)
{
    BIO *bio = pem_bio(pem);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    int rc = 0;
    if (!cert || SSL_CTX_use_certificate(ctx, cert) != 1) {
        rc = tls_error(err, ERROR_SYNTAX, "cannot read the certificate (PEM)");
        goto out;
    }
    for (;;) {
        X509 *link = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
        if (!link)
            break;
        if (SSL_CTX_add0_chain_cert(ctx, link) != 1) {
            X509_free(link);
            rc = tls_error(err, ERROR_INVALID, "cannot use the certificate chain");
            goto out;
        }
    }
    unsigned long e = ERR_peek_last_error();
    if (e && ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
        rc = tls_error(err, ERROR_SYNTAX, "cannot read the certificate chain (PEM)");
    ERR_clear_error();
out:
    X509_free(cert);
    BIO_free(bio);
    return rc;
}

static int use_key(SSL_CTX *ctx, const char *pem, struct error *err)
{
    BIO *bio = pem_bio(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    int rc = 0;
    if (!key)
        rc = tls_error(err, ERROR_SYNTAX, "cannot read the private key (PEM, without passphrase)");
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        rc = tls_error(err, ERROR_INVALID, "the private key does not belong to the certificate");
    EVP_PKEY_free(key);
    BIO_free(bio);
    return rc;
}

/* Trust anchors; a server also names them to clients as the issuers it takes. */
static int use_ca(SSL_CTX *ctx, const char *pem, bool server, struct error *err)
{
    BIO *bio = pem_bio(pem);
    size_t count = 0;
    int rc = 0;
    X509 *cert;
    while (bio && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        bool added = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1 &&
                     (!server || SSL_CTX_add_client_CA(ctx, cert) == 1);
        X509_free(cert);
        if (!added) {
            rc = tls_error(err, ERROR_INVALID, "cannot use a certificate of the CA file");
            goto out;
        }
        count++;
    }
    unsigned long e = ERR_peek_last_error();
    if (count == 0 || (e && ERR_GET_REASON(e) != PEM_R_NO_START_LINE))
        rc = tls_error(err, ERROR_SYNTAX, "cannot read the CA certificates (PEM)");
    ERR_clear_error();
out:
    BIO_free(bio);
    return rc;
}

static void unref(struct tls_context *c)
{
    if (!c || --c->references > 0)
        return;
    SSL_CTX_free(c->ctx);
    free(c);
}

static int set_up_verification(struct tls_context *c, const struct tls_options *o, struct error *err)
{
    int rc = 0;
    if (o->ca_pem)
        rc = use_ca(c->ctx, o->ca_pem, o->server, err);
    else if (!o->server && !o->insecure && SSL_CTX_set_default_verify_paths(c->ctx) != 1)
        rc = tls_error(err, ERROR_NOT_FOUND, "cannot load the system's CA certificates");
    if (rc)
        return rc;
    c->verify_peer = o->server ? o->ca_pem != NULL : !o->insecure;
    if (c->verify_peer)
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    else
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
    if (o->time != 0)
        X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(c->ctx), (time_t)o->time);
    return 0;
}

int tls_context_new(const struct tls_options *o, struct tls_context **out, struct error *err)
{
    ERR_clear_error();
    if (o->server && (!o->certificate_pem || !o->key_pem))
        return error_set(err, ERROR_INVALID, "a TLS server needs a certificate and its key");
    if (!o->certificate_pem != !o->key_pem)
        return error_set(err, ERROR_INVALID, "a certificate and its key come together");
    struct tls_context *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->references = 1;
    c->server = o->server;
    int rc = wire_alpn(c, o->alpn, err);
    if (rc)
        goto out;
    c->ctx = SSL_CTX_new(o->server ? TLS_server_method() : TLS_client_method());
    if (!c->ctx || SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1) {
        rc = tls_error(err, ERROR_MEMORY, "cannot set up TLS");
        goto out;
    }
    /* HTTP/2 forbids compression and renegotiation (RFC 9113, section 9.2). A peer that goes away without
     * close_notify is no attack: HTTP/2 and our HTTP/1 both know where a message ends. */
    SSL_CTX_set_options(c->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c->ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    if (o->certificate_pem) {
        rc = use_certificate(c->ctx, o->certificate_pem, err);
        if (rc == 0)
            rc = use_key(c->ctx, o->key_pem, err);
        if (rc)
            goto out;
    }
    rc = set_up_verification(c, o, err);
    if (rc)
        goto out;
    if (c->alpn_len > 0) {
        if (o->server)
            SSL_CTX_set_alpn_select_cb(c->ctx, select_alpn, c);
        else if (SSL_CTX_set_alpn_protos(c->ctx, c->alpn, c->alpn_len) != 0)
            rc = tls_error(err, ERROR_MEMORY, "cannot set up ALPN");
    }
out:
    if (rc) {
        unref(c);
        return rc;
    }
    *out = c;
    return 0;
}

void tls_context_free(struct tls_context *c)
{
    unref(c);
}

/* ---- sessions ---- */

static bool is_address(const char *name)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
    ASN1_OCTET_STRING_free(ip);
    ERR_clear_error();
    return ip != NULL;
}

/* The name asked for (SNI, names only) and the one the certificate must carry. */
static bool set_server_name(struct tls_session *s, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* OpenSSL asks for a non-const one, and copies it itself. */
    return SSL_set_tlsext_host_name(s->ssl, (char *)(uintptr_t)name) == 1 &&
           X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

int tls_session_new(struct tls_context *c, const char *server_name, struct tls_session **out, struct error *err)
{
    ERR_clear_error();
    struct tls_session *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = ERROR_MEMORY;
    s->context = c;
    c->references++;
    s->ssl = SSL_new(c->ctx);
    BIO *in = BIO_new(BIO_s_mem()), *outward = BIO_new(BIO_s_mem());
    if (!s->ssl || !in || !outward) {
        BIO_free(in);
        BIO_free(outward);
        tls_error(err, rc, "cannot set up a TLS session");
        goto out;
    }
    BIO_set_mem_eof_return(in, -1); /* empty means "wait", not "end" */
    BIO_set_mem_eof_return(outward, -1);
    s->in = in;
    s->out = outward;
    SSL_set_bio(s->ssl, in, outward);
    if (c->server) {
        SSL_set_accept_state(s->ssl);
    } else {
        SSL_set_connect_state(s->ssl);
        if (c->verify_peer && (!server_name || server_name[0] == '\0')) {
            rc = error_set(err, ERROR_INVALID, "a TLS client needs the server's name to check its certificate");
            goto out;
        }
        if (server_name && server_name[0] != '\0' && !set_server_name(s, server_name)) {
            rc = tls_error(err, ERROR_INVALID, "the server's name cannot be used");
            goto out;
        }
    }
    rc = 0;
out:
    if (rc) {
        tls_session_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    unref(s->context);
    free(s);
}

static int take_cipher(struct tls_session *s, struct text *cipher, struct error *err)
{
    char *data;
    long len = BIO_get_mem_data(s->out, &data);
    if (len > 0) {
        text_add(cipher, data, (size_t)len);
        (void)BIO_reset(s->out);
    }
    return text_ok(cipher) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* Why OpenSSL gave up, with the certificate's fault spelled out when it was that. */
static int session_error(struct tls_session *s, struct error *err)
{
    s->closed = true;
    unsigned long e = ERR_peek_last_error();
    long verdict = SSL_get_verify_result(s->ssl);
    if (verdict != X509_V_OK && s->context->verify_peer && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        ERR_clear_error();
        return error_set(err, ERROR_DENIED, "the %s's certificate is not trusted: %s",
                         s->context->server ? "client" : "server", X509_verify_cert_error_string(verdict));
    }
    switch (ERR_GET_REASON(e)) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return tls_error(err, ERROR_DENIED, "the client presented no certificate");
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return tls_error(err, ERROR_PROTOCOL, "the peer does not speak TLS");
    default:
        return tls_error(err, ERROR_PROTOCOL, s->ready ? "TLS" : "TLS handshake");
    }
}

static void handshake_done(struct tls_session *s)
{
    const unsigned char *name;
    unsigned len;
    s->ready = true;
    SSL_get0_alpn_selected(s->ssl, &name, &len);
    if (len > 0 && len < sizeof s->alpn) {
        memcpy(s->alpn, name, len);
        s->alpn[len] = '\0';
    }
}

/* 0: done or waiting for the peer. */
static int handshake(struct tls_session *s, struct error *err)
{
    if (s->ready)
        return 0;
    int rv = SSL_do_handshake(s->ssl);
    if (rv == 1) {
        handshake_done(s);
        return 0;
    }
    int why = SSL_get_error(s->ssl, rv);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : session_error(s, err);
}

/* `before`: how long `plain` was when the caller gave it to us. */
static int read_plain(struct tls_session *s, size_t before, struct text *plain, struct error *err)
{
    while (s->ready && !s->closed) {
        if (!text_reserve(plain, TLS_READ_SIZE))
            return error_set(err, ERROR_MEMORY, "out of memory");
        size_t n = 0;
        int rv = SSL_read_ex(s->ssl, plain->data + plain->len, TLS_READ_SIZE, &n);
        if (rv == 1) {
            plain->len += n;
            plain->data[plain->len] = '\0';
            continue;
        }
        switch (SSL_get_error(s->ssl, rv)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return 0;
        case SSL_ERROR_ZERO_RETURN:
            s->closed = true;
            return plain->len > before ? 0 : error_set(err, ERROR_CLOSED, "the peer ended the TLS session");
        default:
            return session_error(s, err);
        }
    }
    return 0;
}

int tls_session_start(struct tls_session *s, struct text *cipher, struct error *err)
{
    ERR_clear_error();
    int rc = s->context->server ? 0 : handshake(s, err);
    int taken = take_cipher(s, cipher, rc ? NULL : err);
    return rc ? rc : taken;
}

int tls_session_receive(struct tls_session *s, struct bytes data, struct text *plain, struct text *cipher,
                        struct error *err)
{
    ERR_clear_error();
    if (s->closed)
        return error_set(err, ERROR_CLOSED, "the TLS session is over");
    int rc = 0;
    size_t before = plain->len;
    while (data.len > 0 && rc == 0 && !s->closed) {
        int piece = data.len > INT_MAX ? INT_MAX : (int)data.len;
        int n = BIO_write(s->in, data.data, piece);
        if (n <= 0) {
            rc = tls_error(err, ERROR_MEMORY, "out of memory");
            break;
        }
        data.data += n;
        data.len -= (size_t)n;
        rc = handshake(s, err);
        if (rc == 0)
            rc = read_plain(s, before, plain, err);
    }
    int taken = take_cipher(s, cipher, rc ? NULL : err);
    return rc ? rc : taken;
}

int tls_session_send(struct tls_session *s, struct bytes plain, struct text *cipher, struct error *err)
{
    ERR_clear_error();
    if (s->closed)
        return error_set(err, ERROR_CLOSED, "the TLS session is over");
    if (!s->ready)
        return error_set(err, ERROR_INVALID, "the TLS handshake is not done");
    while (plain.len > 0) {
        size_t n = 0;
        if (SSL_write_ex(s->ssl, plain.data, plain.len, &n) != 1)
            return session_error(s, err);
        plain.data += n;
        plain.len -= n;
        int rc = take_cipher(s, cipher, err);
        if (rc)
            return rc;
    }
    return 0;
}

bool tls_session_ready(const struct tls_session *s)
{
    return s->ready;
}

const char *tls_session_alpn(const struct tls_session *s)
{
    return s->alpn[0] != '\0' ? s->alpn : NULL;
}

void tls_session_end(struct tls_session *s, struct text *cipher)
{
    ERR_clear_error();
    if (s->ready && !s->closed) {
        SSL_shutdown(s->ssl);
        ERR_clear_error();
    }
    s->closed = true;
    take_cipher(s, cipher, NULL);
}
