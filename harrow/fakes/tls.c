#include "harrow/fakes/tls.h"

#include "base/log.h"

#include <string.h>

#define PEM_MAX ((size_t)4 << 20) /* bytes of a file */

const char *fakes_address(const char *text, bool *tls)
{
    *tls = strncmp(text, "grpcs://", 8) == 0;
    return *tls ? text + 8 : strncmp(text, "grpc://", 7) == 0 ? text + 7 : text;
}

static int read_pem(struct world *w, const char *path, struct text *out, const char **pem, struct error *err)
{
    int code = path != NULL ? world_read_file(w, path, PEM_MAX, out, err) : 0;
    *pem = path != NULL ? text_string(out) : NULL;
    return code;
}

static int make(struct world *w, const struct fakes_tls_files *files, struct tls_options *o, struct tls_context **out,
                struct error *err)
{
    struct text certificate = TEXT_INIT, key = TEXT_INIT, ca = TEXT_INIT;
    int code = 0;
    if ((files->certificate == NULL) != (files->key == NULL))
        return error_set(err, ERROR_INVALID, "a certificate and its key are given together");
    if ((code = read_pem(w, files->certificate, &certificate, &o->certificate_pem, err)) == 0 &&
        (code = read_pem(w, files->key, &key, &o->key_pem, err)) == 0 &&
        (code = read_pem(w, files->ca, &ca, &o->ca_pem, err)) == 0)
        code = tls_context_new(o, out, err);
    if (key.len > 0)
        explicit_bzero(key.data, key.len);
    text_deinit(&certificate);
    text_deinit(&key);
    text_deinit(&ca);
    return code;
}

int fakes_client_tls(struct world *w, const struct fakes_tls_files *files, bool tls, struct tls_context **out,
                     struct error *err)
{
    static const char *const alpn[] = {"h2", NULL};
    struct tls_options o = {.alpn = alpn, .insecure = files->insecure};
    *out = NULL;
    if (!tls && (files->ca != NULL || files->certificate != NULL || files->insecure))
        return error_set(err, ERROR_INVALID, "--ca, --cert and --insecure are for an address with grpcs://");
    if (tls && files->insecure)
        log_warn("fakes", "the server's certificate is not verified");
    return tls ? make(w, files, &o, out, err) : 0;
}

int fakes_server_tls(struct world *w, const struct fakes_tls_files *files, const char *protocol,
                     struct tls_context **out, struct error *err)
{
    const char *const alpn[] = {protocol, NULL};
    struct tls_options o = {.server = true, .alpn = alpn};
    *out = NULL;
    if (files->certificate == NULL && files->key == NULL && files->ca == NULL)
        return 0;
    if (files->certificate == NULL)
        return error_set(err, ERROR_INVALID, "--tls-client-ca is for doubles with --tls-cert and --tls-key");
    return make(w, files, &o, out, err);
}
