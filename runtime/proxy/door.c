#include "base/units.h"
#include "runtime/proxy/proxy.h"

#include "world/sim.h"

#include <openssl/crypto.h>

#define PEM_FILE_MAX ((size_t)1 << 20)

static int read_pem(struct world *w, const char *option, const char *path, struct text *out, struct error *err)
{
    if (!path)
        return 0;
    int rc = world_read_file(w, path, PEM_FILE_MAX, out, err);
    if (rc)
        error_wrap(err, "%s %s cannot be read", option, path);
    return rc;
}

int door_tls(struct world *w, const char *cert_file, const char *key_file, const char *ca_file, bool server,
             struct tls_context **out, struct error *err)
{
    static const char *const alpn[] = {"h2", NULL};
    struct text cert = TEXT_INIT, key = TEXT_INIT, ca = TEXT_INIT;
    *out = NULL;
    if (!cert_file && !key_file && !ca_file)
        return 0;
    if (!cert_file != !key_file || (server && !cert_file))
        return error_set(err, ERROR_INVALID, "tls-cert-file and tls-key-file belong together: one is missing");
    int rc = read_pem(w, "tls-cert-file", cert_file, &cert, err);
    if (rc == 0)
        rc = read_pem(w, "tls-key-file", key_file, &key, err);
    if (rc == 0)
        rc = read_pem(w, "the file of trusted certificates", ca_file, &ca, err);
    if (rc == 0) {
        const struct tls_options options = {.server = server,
                                            .certificate_pem = cert_file ? text_string(&cert) : NULL,
                                            .key_pem = key_file ? text_string(&key) : NULL,
                                            .ca_pem = ca_file ? text_string(&ca) : NULL,
                                            .alpn = alpn,
                                            .time = world_is_simulated(w) ? world_wall(w) / SECOND : 0};
        rc = tls_context_new(&options, out, err);
    }
    if (key.data)
        OPENSSL_cleanse(key.data, key.len);
    text_deinit(&cert);
    text_deinit(&key);
    text_deinit(&ca);
    return rc;
}

int door_number(const struct micro_options *options, const char *name, int64_t max, int64_t otherwise, int64_t *out,
                struct error *err)
{
    const char *text = micro_option(options, name);
    struct error why = ERROR_INIT;
    *out = otherwise;
    if (!text || units_parse_integer(text, 1, max, out, &why) == 0)
        return 0;
    error_wrap(&why, "%s", name);
    return error_move(err, &why);
}
