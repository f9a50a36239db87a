/* The network's token. v3 had a word everybody knows ("micro"); here it is drawn when none is given, 256 bits in hex,
 * and kept in a file only its owner reads. */
#include "base/log.h"
#include "runtime/network/network.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define TOKEN_BYTES 32
#define TOKEN_MIN   16 /* characters of one that is given */
#define TOKEN_MAX   512

static int take(struct network *n, const char *token, const char *where, struct error *err)
{
    size_t len = strcspn(token, " \t\r\n");
    if (token[len + strspn(token + len, " \t\r\n")] != '\0' || len < TOKEN_MIN || len > TOKEN_MAX)
        return error_set(err, ERROR_INVALID, "the network's token in %s must have %d to %d characters and no spaces",
                         where, TOKEN_MIN, TOKEN_MAX);
    text_add(&n->token, token, len);
    return text_ok(&n->token) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int make(struct network *n, const char *directory, const char *path, struct error *err)
{
    uint8_t bytes[TOKEN_BYTES];
    int rc = world_entropy(n->world, bytes, sizeof bytes);
    if (rc)
        return error_set(err, rc, "no random numbers can be had");
    for (size_t i = 0; i < sizeof bytes; i++)
        text_printf(&n->token, "%02x", bytes[i]);
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (!text_ok(&n->token))
        return error_set(err, ERROR_MEMORY, "out of memory");
    rc = world_make_directory(n->world, directory);
    if (rc)
        return error_set(err, rc, "cannot make the directory %s: %s", directory, error_code_name(rc));
    rc = world_write_file(n->world, path, text_bytes(&n->token), true, err);
    if (rc == 0)
        log_info("network", "made the token peers need in %s", path);
    return rc;
}

int network_token_load(struct network *n, struct error *err)
{
    char directory[1024], path[1100];
    struct world_stat stat;
    const char *given = micro_option(n->options, "network-token");
    if (!given)
        given = micro_option(n->options, "token"); /* MICRO_NETWORK_TOKEN */
    if (given)
        return take(n, given, "the options", err);
    int len = snprintf(directory, sizeof directory, "%s/network", n->options->data_dir);
    if (len < 0 || (size_t)len >= sizeof directory)
        return error_set(err, ERROR_LIMIT, "the data directory's path is too long");
    snprintf(path, sizeof path, "%s/token", directory);
    int rc = world_stat(n->world, path, &stat);
    if (rc)
        return error_set(err, rc, "cannot look at %s: %s", path, error_code_name(rc));
    if (!stat.exists)
        return make(n, directory, path, err);
    struct text content = TEXT_INIT;
    rc = world_read_file(n->world, path, TOKEN_MAX + 2, &content, err);
    if (rc == 0)
        rc = take(n, text_string(&content), path, err);
    if (content.data)
        OPENSSL_cleanse(content.data, content.len);
    text_deinit(&content);
    return rc;
}

bool network_token_right(const struct network *n, const struct rpc_call *call)
{
    struct bytes shown = grpc_metadata_get(rpc_call_metadata(call), RELAY_TOKEN_HEADER);
    return n->token.len > 0 && shown.len == n->token.len && CRYPTO_memcmp(shown.data, n->token.data, shown.len) == 0;
}
