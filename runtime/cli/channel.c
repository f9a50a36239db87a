/* The connection calls go over, with TLS where the address says so. An address is HOST:PORT. With "https://" in front
 * it is called with TLS (port 443 when there is none), with "http://" without; with neither, as v3 has it: with TLS
 * when it has no port, or 443. The server's certificate must be good for the host and be signed by someone the system
 * trusts, or by the environment's own --ca. */
#include "runtime/cli/cli.h"

#include "wire/tls.h"
#include "world/world.h"

#include <openssl/crypto.h>
#include <string.h>

#define ADDRESS_MAX 255                 /* bytes of an address */
#define PEM_MAX     ((size_t)256 << 10) /* bytes of a file of certificates */

/* The address as rpc takes it. */
static int address_read(const char *address, struct text *out, bool *tls, struct error *err)
{
    bool https = strncmp(address, "https://", 8) == 0, http = strncmp(address, "http://", 7) == 0;
    const char *host = address + (https ? 8 : http ? 7 : 0);
    size_t len = strlen(host);
    bool local = strncmp(host, "unix:", 5) == 0;
    len -= (https || http) && len > 0 && host[len - 1] == '/';
    const char *colon = strrchr(host, ':');
    bool port = colon && !strchr(colon, ']');
    if (len == 0 || len > ADDRESS_MAX || host[0] == ':' || (port && (size_t)(colon - host) + 1 >= len) ||
        strcspn(host, " \t\r\n") < len || (!local && strcspn(host, "/") < len))
        return error_set(err, ERROR_INVALID,
                         "\"%.80s\" is not an address: it is written HOST:PORT, with https:// in front of it for TLS",
                         address);
    if (http && !port && !local)
        return error_set(err, ERROR_INVALID, "\"%.80s\" lacks the port: http://HOST:PORT", address);
    *tls = https || (!http && !local && (!port || strcmp(colon, ":443") == 0));
    text_add(out, host, len);
    if (*tls && !port)
        text_puts(out, ":443");
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

int cli_channel_check(const char *address, bool *tls, struct error *err)
{
    struct text ignored = TEXT_INIT;
    int rc = address_read(address, &ignored, tls, err);
    text_deinit(&ignored);
    return rc;
}

static int pem_read(struct cli *c, const char *path, struct text *out, struct error *err)
{
    int rc = path ? world_read_file(c->world, path, PEM_MAX, out, NULL) : 0;
    return rc < 0 ? error_set(err, rc, "cannot read %s: %s", path, error_code_name(rc)) : 0;
}

static int make_tls(struct cli *c, struct error *err)
{
    static const char *const alpn[] = {"h2", NULL};
    const struct cli_tls *files = &c->tls_files;
    struct text ca = TEXT_INIT, certificate = TEXT_INIT, key = TEXT_INIT;
    int rc = pem_read(c, files->ca, &ca, err);
    if (rc == 0)
        rc = pem_read(c, files->certificate, &certificate, err);
    if (rc == 0)
        rc = pem_read(c, files->key, &key, err);
    if (rc == 0) {
        const struct tls_options options = {.ca_pem = files->ca ? text_string(&ca) : NULL,
                                            .certificate_pem = files->certificate ? text_string(&certificate) : NULL,
                                            .key_pem = files->key ? text_string(&key) : NULL,
                                            .alpn = alpn};
        rc = tls_context_new(&options, &c->tls, err);
    }
    text_deinit(&ca);
    text_deinit(&certificate);
    if (key.len > 0)
        OPENSSL_cleanse(key.data, key.len);
    text_deinit(&key);
    return rc;
}

void cli_disconnect(struct cli *c)
{
    rpc_channel_free(c->channel);
    tls_context_free(c->tls);
    text_deinit(&c->channel_address);
    c->channel = NULL;
    c->tls = NULL;
    c->channel_address = TEXT_INIT;
}

/* A call made while another is under way (a token is renewed in between) never gets here for the same `c`. */
int cli_channel(struct cli *c, const char *address, struct error *err)
{
    struct text where = TEXT_INIT;
    bool tls = false;
    if (c->channel && strcmp(text_string(&c->channel_address), address) == 0)
        return 0;
    cli_disconnect(c);
    int rc = address_read(address, &where, &tls, err);
    text_puts(&c->channel_address, address);
    if (rc == 0 && !text_ok(&c->channel_address))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && tls)
        rc = make_tls(c, err);
    const struct rpc_channel_options options = {
        .addresses = text_string(&where), .user_agent = "micro-cli", .tls = c->tls};
    if (rc == 0)
        rc = rpc_channel_new(c->world, &options, &c->channel, err);
    text_deinit(&where);
    return rc;
}
